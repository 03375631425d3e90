"""What a coverage study returns: a record of every replicate, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .._base import validate
from .._base.fixed import Fixed
from .._base.plain import plain
from .._base.validate import Array
from ._contraction import Contraction
from ._verdict import Proportion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Replicate(Fixed):
    """One data set, and what its credible sets did.

    Attributes
    ----------
    N, index : int
        Its random numbers are those of ``np.random.default_rng([seed, N, index])``.
    error : str
        The traceback, if it raised; then there is nothing else.
    contains, radius, mcse, distance : dict
        For each set: whether it holds the truth, its radius and the radius's Monte Carlo error, and
        the distance of the truth from its centre.
    rhat, ess : float
        The worst of all that is watched.
    failures : int
        Failed solves.
    converged : bool
        By the study's rule.
    """

    N: int
    index: int
    error: str = ""
    contains: dict[str, bool] = field(default_factory=dict)
    radius: dict[str, float] = field(default_factory=dict)
    mcse: dict[str, float] = field(default_factory=dict)
    distance: dict[str, float] = field(default_factory=dict)
    rhat: float = float("nan")
    ess: float = float("nan")
    failures: int = 0
    converged: bool = False


@dataclass(frozen=True)
class Row:
    """One set at one N: coverage of the truth over the converged replicates, and a verdict."""

    N: int
    name: str
    coverage: Proportion
    radius: float
    radius_error: float
    verdict: str


def _ends(row: Row) -> tuple[float, ...]:
    return row.coverage.share, row.coverage.low, row.coverage.high


def _radius(row: Row) -> tuple[float, ...]:
    return row.radius, row.radius_error


@dataclass(eq=False, repr=False)
class CoverageStudy(Fixed):
    """The result of :func:`m4dl.studies.coverage`. ``print`` it, or take ``rows`` or ``to_dict()``.

    Attributes
    ----------
    replicates : list of Replicate
    rows : list of Row
    sizes : tuple of int
    names : tuple of str
    level, confidence, tolerance : float
        Of the sets; of the Clopper-Pearson intervals; of the verdict.
    seed : int
    rule : str
        When a replicate counts as converged.
    """

    replicates: list[Replicate]
    sizes: tuple[int, ...]
    names: tuple[str, ...]
    level: float
    confidence: float
    tolerance: float
    seed: int
    rule: str

    def __post_init__(self) -> None:
        self.rows = [self._row(N, name) for N in self.sizes for name in self.names]
        super().__post_init__()

    def row(self, name: str, N: int | None = None) -> Row:
        """Return the row of a set, at an N if there are several."""
        if N is None and len(self.sizes) > 1:
            raise ValueError(f"N must be one of {self.sizes}, got None")
        N = self.sizes[0] if N is None else N
        if name not in self.names or N not in self.sizes:
            known = f"{', '.join(map(repr, self.names))} at N in {self.sizes}"
            raise ValueError(f"there are the sets {known}, got {name!r} at {N}")
        return next(r for r in self.rows if (r.name, r.N) == (name, N))

    def used(self, N: int) -> list[Replicate]:
        """Return the converged replicates of an N."""
        return [r for r in self.replicates if r.N == N and r.converged]

    @property
    def errors(self) -> list[Replicate]:
        """The replicates that raised."""
        return [r for r in self.replicates if r.error]

    @property
    def unconverged(self) -> list[Replicate]:
        """The replicates that were sampled and left out by the rule."""
        return [r for r in self.replicates if not r.error and not r.converged]

    def contraction(self, name: str, *, theory: float | None = None) -> Contraction:
        """Fit the error of the posterior mean, in the norm of a set, to a power of N.

        Parameters
        ----------
        name : str
            A ball: its distance from the truth is the error.
        theory : float, optional
            The exponent that theory gives, negative, to stand beside the fitted one.

        Raises
        ------
        ValueError
            With fewer than two N that have two converged replicates, or an unknown name.
        """
        if name not in self.names:
            raise ValueError(
                f"name must be one of {', '.join(map(repr, self.names))}, got {name!r}"
            )
        errors = {N: np.array([r.distance[name] for r in self.used(N)]) for N in self.sizes}
        return Contraction.of(name, errors, self.confidence, theory)

    def plot_coverage(self, ax: Axes | None = None) -> Figure:
        """Draw coverage against N, with its intervals and the level."""
        from ..plot import studies

        shares = {name: self._over_sizes(name, _ends) for name in self.names}
        return studies.coverage(self.sizes, shares, self.level, self.confidence, ax)

    def plot_radius(self, names: Sequence[str] | None = None, *, rate: float | None = None) -> Any:
        """Draw the radius against N in logarithmic axes, with the slope ``rate`` of theory."""
        from ..plot import studies

        chosen = self.names if names is None else tuple(names)
        radii = {name: self._over_sizes(name, _radius) for name in chosen}
        slope = None if rate is None else validate.number("rate", rate)
        return studies.radius(self.sizes, radii, slope)

    def _over_sizes(self, name: str, numbers: Callable[[Row], tuple[float, ...]]) -> Array:
        """Return numbers (k, sizes) of a set at each N."""
        return np.array([numbers(self.row(name, N)) for N in self.sizes]).T

    def to_dict(self) -> dict[str, Any]:
        """Return numbers, strings, lists and dicts for JSON."""
        out: dict[str, Any] = plain(
            {
                "level": self.level,
                "confidence": self.confidence,
                "seed": self.seed,
                "rule": self.rule,
                "rows": [
                    {
                        "N": r.N,
                        "set": r.name,
                        "covered": r.coverage.count,
                        "replicates": r.coverage.total,
                        "interval": [r.coverage.low, r.coverage.high],
                        "radius": r.radius,
                        "radius_error": r.radius_error,
                        "verdict": r.verdict,
                    }
                    for r in self.rows
                ],
                "errors": [{"N": r.N, "index": r.index, "error": r.error} for r in self.errors],
                "unconverged": [
                    {"N": r.N, "index": r.index, "rhat": r.rhat, "ess": r.ess}
                    for r in self.unconverged
                ],
            }
        )
        return out

    def __repr__(self) -> str:
        width = max(len(name) for name in self.names)
        lines = [
            f"coverage of {self.level:.0%} credible sets, intervals of {self.confidence:.0%}, "
            f"seed {self.seed}",
            f"{'N':>8}  {'set':<{width}}  {'coverage':>8}  {'interval':^14}  {'of':>5}  "
            f"{'radius':>9}  verdict",
        ]
        for r in self.rows:
            c = r.coverage
            lines.append(
                f"{r.N:>8}  {r.name:<{width}}  {c.share:>8.3f}  [{c.low:.3f}, {c.high:.3f}]  "
                f"{c.total:>5}  {r.radius:>9.4g}  {r.verdict}"
            )
        return "\n".join([*lines, *self._remarks()])

    def _remarks(self) -> list[str]:
        out = [f"replicates count if {self.rule}"]
        for N in self.sizes:
            left = [r for r in self.unconverged if r.N == N]
            if left:
                worst = max(left, key=lambda r: r.rhat if np.isfinite(r.rhat) else np.inf)
                out.append(
                    f"N = {N}: {len(left)} not converged and left out, the worst is replicate "
                    f"{worst.index} with R-hat {worst.rhat:.3g} and ESS {worst.ess:.0f}; a verdict "
                    "holds for the others only"
                )
        for r in self.errors:
            last = r.error.strip().splitlines()[-1]
            out.append(
                f"N = {r.N}, replicate {r.index} raised (its random numbers: "
                f"np.random.default_rng([{self.seed}, {r.N}, {r.index}])): {last}"
            )
        return out

    def _row(self, N: int, name: str) -> Row:
        used = self.used(N)
        proportion = Proportion.of(sum(r.contains[name] for r in used), len(used), self.confidence)
        radii = np.array([r.radius[name] for r in used])
        mean = float(radii.mean()) if used else float("nan")
        many = len(used) > 1
        error = float(radii.std(ddof=1) / np.sqrt(len(used))) if many else float("nan")
        verdict = proportion.verdict(self.level, self.tolerance)
        return Row(N, name, proportion, mean, error, verdict)
