"""Intervals of a functional."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .._base import validate
from .._base.defined import defined
from .._base.fixed import Fixed
from .._base.validate import Array
from ..results import Draws, Moments, diagnostics
from ._region import LEVEL, Region, level_of, need_count, need_draws

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
from ._functionals import label_of, value_of


@dataclass(frozen=True, eq=False)
class Interval(Fixed):
    """An interval for one functional of the field.

    Parameters
    ----------
    functional : (D,) array or callable, or str
        Weights psi, for <theta, psi> = sum psi_i theta_i, or a function of fields (n, D) -> (n,),
        which gets them read-only.
        A name stands for one of ``Moments.functionals``.
    kind : {"equal-tailed", "highest-density"}
        Quantiles that leave out the same probability on both sides, or the shortest interval.

    Notes
    -----
    From `Moments`, mean +- z std: that of a Gaussian, as equal-tailed as it is short.

    The shortest of the intervals between n ordered draws is chosen for being short, so it holds a
    little less than its level (of order n^{-2/3}); take some thousand draws.
    """

    functional: Any
    kind: str = field(default="equal-tailed", kw_only=True)

    def __post_init__(self) -> None:
        validate.choice("kind", self.kind, ("equal-tailed", "highest-density"))
        if not callable(self.functional) and not isinstance(self.functional, str):
            weights = validate.array("functional", self.functional, (None,))
            if not weights.size:
                raise ValueError("functional must hold at least one weight, got none")
            object.__setattr__(self, "functional", weights)
        super().__post_init__()

    def of(self, draws: Draws | Moments, level: float = LEVEL) -> IntervalRegion:
        """Make the interval of posterior probability ``level``.

        Raises
        ------
        ValueError
            A level outside (0, 1), fewer draws than the quantiles need, a name that the moments do
            not have, a functional that is NaN or infinite in some draws.
        TypeError
            A name with draws, weights or a function with moments.
        """
        level = level_of(level)
        if isinstance(draws, Moments):
            return self._of_moments(draws, level)
        draws = need_draws(draws, "an interval")
        if isinstance(self.functional, str):
            raise TypeError(
                f"functional must be weights or a function for draws, got {self.functional!r}"
            )
        values = defined(
            f"functional {label_of(self.functional)}", draws.functional(self.functional)
        )
        what = f"the {self.kind} interval"
        common = {"functional": self.functional}
        if self.kind == "equal-tailed":
            need_count(draws, 2 / (1 - level) - 1, level, what)
            tails = (1 - level) / 2, (1 + level) / 2
            low, high = np.quantile(values, tails, method="weibull")
            errors = [float(diagnostics.mcse_quantile(values, p)) for p in tails]
        else:
            need_count(draws, (1 + level) / (1 - level), level, what)
            low, high = _shortest(values.ravel(), level)
            errors = _spread_of_shortest(values, level)
        mcse = float(np.hypot(errors[0], errors[1])) / 2  # the two ends are nearly independent
        return _interval(self.kind, level, (low, high), mcse, values, draws.parameters, common)

    def _of_moments(self, moments: Moments, level: float) -> IntervalRegion:
        if not isinstance(self.functional, str):
            raise TypeError(
                "an interval from moments needs the name of a functional that was followed: "
                'sample with keep="moments", functionals={"name": ...} and pass "name"'
            )
        validate.choice("functional", self.functional, tuple(moments.functionals))
        if self.kind != "equal-tailed":
            raise ValueError(f"kind must be 'equal-tailed' for moments, got {self.kind!r}")
        if moments.chains * moments.draws < 2:
            raise ValueError("an interval from moments needs at least 2 draws, got 1")
        known = moments.functionals[self.functional]
        defined(
            f"functional {self.functional!r}", np.array([known["mean"] + known["std"]]), "moments"
        )
        half = float(stats.norm.ppf((1 + level) / 2)) * known["std"]
        ends = known["mean"] - half, known["mean"] + half
        common = {"functional": self.functional}
        return _interval("Gaussian", level, ends, np.nan, None, moments.parameters, common)

    def __repr__(self) -> str:
        return f"Interval({label_of(self.functional)}, kind={self.kind!r})"


@dataclass(eq=False, repr=False)
class IntervalRegion(Region):
    """An interval [low, high]: see `Region`; its centre is the middle, its radius half its length.

    Attributes
    ----------
    low, high : float
    values : (chain, draw) array or None
        The functional of the draws.
    """

    functional: Any
    values: Array | None
    low: float
    high: float

    def value(self, theta: ArrayLike) -> Array:
        """Return the functional of fields (..., D): shape (...)."""
        if isinstance(self.functional, str):
            raise TypeError(
                f"this interval knows its functional {self.functional!r} by name only: compare "
                "its value with low and high"
            )
        return value_of(self.functional, self._fields(theta))

    def distance(self, theta: ArrayLike) -> Array:
        """Return the distance of the functional from the middle of the interval."""
        return np.asarray(np.abs(self.value(theta) - (self.low + self.high) / 2))

    def contains(self, theta: ArrayLike) -> Any:
        """Return whether low <= functional of theta <= high; see `Region.contains`."""
        value = self.value(theta)
        inside = (self.low <= value) & (value <= self.high)
        return bool(inside) if inside.ndim == 0 else inside

    def watched(self) -> dict[str, Array]:
        """Return the functional, (chain, draw)."""
        return {} if self.values is None else {self.name: self.values}

    def plot(self, exact: ArrayLike | None = None, ax: Axes | None = None) -> Figure:
        """Draw the functional's histogram, the interval, and the value of the truth ``exact``."""
        from ..plot import regions

        if self.values is None:
            raise ValueError(f"the {self.name} was made from moments: there are no draws to show")
        truth = None if exact is None else float(self.value(self._one(exact)))
        return regions.interval(self.values, (self.low, self.high), truth, self._title(), ax)

    def __repr__(self) -> str:
        return f"{super().__repr__()}, [{self.low:.4g}, {self.high:.4g}]"


def _interval(
    kind: str,
    level: float,
    ends: tuple[float, float],
    mcse: float,
    values: Array | None,
    parameters: int,
    common: dict[str, Any],
) -> IntervalRegion:
    low, high = float(ends[0]), float(ends[1])
    scores = None if values is None else np.abs(values - (low + high) / 2)
    return IntervalRegion(
        f"{kind} interval",
        level,
        (high - low) / 2,
        mcse,
        scores,
        parameters,
        values=values,
        low=low,
        high=high,
        **common,
    )


def _shortest(values: Array, level: float) -> tuple[float, float]:
    """The shortest interval over g gaps of the ordered values, g/(n + 1) >= level.

    M.-H. Chen, Q.-M. Shao, J. Comput. Graph. Statist. 8 (1999).
    """
    ordered = np.sort(values)
    gaps = min(int(np.ceil(level * (values.size + 1) - 1e-9)), values.size - 1)
    start = int(np.argmin(ordered[gaps:] - ordered[: values.size - gaps]))
    return float(ordered[start]), float(ordered[start + gaps])


def _spread_of_shortest(values: Array, level: float) -> list[float]:
    """Standard errors of the two ends, by subsampling over the halves of the chains.

    The ends converge at the rate n^{-1/3} of the shorth (R. Gruebel, Ann. Statist. 16, 1988), so
    the deviation between parts is divided by the cube root of their number (D. Politis, J. Romano,
    Ann. Statist. 22, 1994). NaN where the parts are too short for an interval of their own.
    """
    half = values.shape[1] // 2
    if (half + 1) * (1 - level) < 2 - 1e-9:
        return [np.nan, np.nan]
    parts = np.concatenate([values[:, :half], values[:, half : 2 * half]])
    ends = np.array([_shortest(part, level) for part in parts])
    return [float(s) for s in ends.std(axis=0, ddof=1) / np.cbrt(len(parts))]
