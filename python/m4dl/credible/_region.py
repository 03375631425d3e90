"""What all credible sets share: {theta: distance(theta) <= radius}, and what a quantile needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from .._base import validate
from .._base.defined import defined
from .._base.fixed import Fixed
from .._base.validate import Array
from ..results import Draws, Moments, diagnostics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVEL = 0.95
_BLOCK = 2**22  # numbers of the draws that are worked on at a time


class Kind(Protocol):
    """What :func:`m4dl.studies.coverage` needs of a kind of credible set."""

    def of(self, draws: Any, level: float = LEVEL) -> Region:
        """Make the set of posterior probability ``level``."""
        ...


@dataclass(eq=False, repr=False)
class Region(Fixed):
    """A credible set: all theta whose ``distance`` from its centre is at most ``radius``.

    Attributes
    ----------
    name : str
        The kind of set.
    level : float
        Its posterior probability.
    radius : float
        In the units of the set's norm; half the length of an interval; a number of posterior
        standard deviations for a band and an ellipsoid.
    mcse : float
        Monte Carlo standard error of the radius (the centre's is not in it); NaN from moments.
    scores : (chain, draw) array or None
        Distances of the draws; None from moments.
    parameters : int
        D.
    """

    name: str
    level: float
    radius: float
    mcse: float
    scores: Array | None
    parameters: int

    def distance(self, theta: ArrayLike) -> Array:
        """Return the distances of fields (..., D) from the centre: shape (...)."""
        raise NotImplementedError

    def contains(self, theta: ArrayLike) -> Any:
        """Return whether the set contains theta: a bool for (D,), an array (...) for (..., D).

        Raises
        ------
        ValueError
            If theta has another size than the draws.
        """
        inside = self.distance(theta) <= self.radius
        return bool(inside) if inside.ndim == 0 else inside

    def watched(self) -> dict[str, Array]:
        """Return the scalars (chain, draw) whose convergence this set relies on."""
        return {} if self.scores is None else {self.name: self.scores}

    def plot(self, exact: ArrayLike | None = None, ax: Axes | None = None) -> Figure:
        """Draw the distances of the draws, the radius, and the distance of the truth ``exact``."""
        from ..plot import regions

        if self.scores is None:
            raise ValueError(f"the {self.name} was made from moments: there are no draws to show")
        truth = None if exact is None else float(self.distance(self._one(exact)))
        return regions.distances(self.scores, self.radius, truth, self._title(), ax)

    def _title(self) -> str:
        return f"{self.level:.0%} {self.name}"

    def _one(self, exact: ArrayLike) -> Array:
        """Return the truth (D,)."""
        return validate.array("exact", exact, (self.parameters,))

    def _fields(self, theta: ArrayLike) -> Array:
        x, batch = validate.rows("theta", theta, self.parameters)
        return x.reshape(*batch, self.parameters)

    def __repr__(self) -> str:
        error = "" if np.isnan(self.mcse) else f" ± {self.mcse:.1g}"
        return f"{self.name}: level {self.level:g}, radius {self.radius:.4g}{error}"


def level_of(level: Any) -> float:
    """Return a level in (0, 1)."""
    return validate.interval("level", level, 0.0, 1.0)


def need_draws(draws: Any, what: str) -> Draws:
    """Return ``draws`` if they are draws; say what to do if they are moments."""
    if isinstance(draws, Moments):
        raise TypeError(
            f"{what} needs draws: the quantile of a distance cannot be had from moments. "
            'Sample with keep="draws", on disk with store= if they are many'
        )
    if not isinstance(draws, Draws):
        raise TypeError(f"draws must be m4dl Draws, got {type(draws).__name__}")
    return draws


def need_count(draws: Draws, fewest: float, level: float, what: str) -> None:
    """Refuse draws that are fewer than a quantile needs."""
    count, fewest = draws.chains * draws.draws, int(np.ceil(fewest - 1e-9))
    if count < fewest:
        raise ValueError(f"{what} of level {level:g} needs at least {fewest} draws, got {count}")


def radius_of(name: str, scores: Array, level: float) -> tuple[float, float]:
    """Return the ``level`` quantile of distances (chain, draw), and its Monte Carlo error.

    The (n + 1) p-th smallest of n: one more, independent draw is below it with probability p
    exactly, whatever n is (type 6 of Hyndman and Fan, Amer. Statist. 50, 1996).
    """
    defined(f"the distance of the {name}", scores)
    radius = float(np.quantile(scores, level, method="weibull"))
    return radius, float(diagnostics.mcse_quantile(scores, level))


def fewest_of(level: float) -> float:
    """Return the number of draws below which that quantile lies beyond the largest."""
    return level / (1.0 - level)


def each(draws: Draws, distance: Callable[[Array], Array]) -> Array:
    """Return a function of fields (n, D) -> (n,) for every draw, (chain, draw), block by block."""
    step = max(1, _BLOCK // (draws.chains * draws.parameters))
    parts = []
    for start in range(0, draws.draws, step):
        block = np.asarray(draws.theta[:, start : start + step], dtype=np.float64)
        values = distance(block.reshape(-1, draws.parameters))
        parts.append(values.reshape(block.shape[:2]))
    return np.concatenate(parts, axis=1)
