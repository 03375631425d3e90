"""Sets given by functionals: intervals of one, ellipsoids of several."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, stats

from .._base import validate
from .._base.callback import Functional, functional_values
from .._base.defined import defined
from .._base.fixed import Fixed
from .._base.validate import Array
from ..results import Draws, Moments, diagnostics
from ._region import LEVEL, Region, fewest_of, level_of, need_count, need_draws, radius_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
        values = defined(f"functional {_label(self.functional)}", draws.functional(self.functional))
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
        return f"Interval({_label(self.functional)}, kind={self.kind!r})"


@dataclass(frozen=True, eq=False)
class Ellipsoid(Fixed):
    """The ellipsoid (v - mean)' S^{-1} (v - mean) <= R^2 of several functionals v of the field.

    Parameters
    ----------
    functionals : sequence of (D,) arrays or callables
        As for `Interval`. S is their posterior covariance.
    """

    functionals: Sequence[ArrayLike | Functional]

    def __post_init__(self) -> None:
        given = validate.sequence("functionals", self.functionals, "weights or functions")
        if any(isinstance(f, str) for f in given):
            raise TypeError(f"functionals must be weights or functions, got {given!r:.60}")
        if not given:
            raise ValueError(f"functionals must hold at least one, got {self.functionals!r}")
        chosen = tuple(Interval(f).functional for f in given)
        sizes = {len(f) for f in chosen if not callable(f)}
        if len(sizes) > 1:
            raise ValueError(f"functionals must have as many weights, got {sorted(sizes)}")
        object.__setattr__(self, "functionals", chosen)
        super().__post_init__()

    def of(self, draws: Draws, level: float = LEVEL) -> EllipsoidRegion:
        """Make the ellipsoid of posterior probability ``level``.

        Raises
        ------
        ValueError
            A level outside (0, 1), fewer draws than needed, functionals that depend on each other
            or are NaN or infinite in some draws.
        TypeError
            For `Moments`.
        """
        level = level_of(level)
        draws, size = need_draws(draws, "an ellipsoid"), len(self.functionals)
        need_count(draws, max(fewest_of(level), size + 1), level, "an ellipsoid")
        found = [defined(f"functional {_label(f)}", draws.functional(f)) for f in self.functionals]
        values = np.stack(found, axis=-1)
        flat = values.reshape(-1, size)
        centre, covariance = flat.mean(axis=0), np.atleast_2d(np.cov(flat, rowvar=False))
        std = np.sqrt(np.diag(covariance))
        spectrum = linalg.eigvalsh(covariance / np.outer(std, std)) if (std > 0).all() else [0.0]
        if not spectrum[0] > 1e-10:
            raise ValueError(
                f"functionals must be linearly independent, got {size} whose correlation matrix "
                f"has the smallest eigenvalue {spectrum[0]:.1g}"
            )
        factor = linalg.cholesky(covariance, lower=True)
        scores = _mahalanobis(flat - centre, factor).reshape(values.shape[:2])
        return EllipsoidRegion(
            f"ellipsoid of {size}",
            level,
            *radius_of("ellipsoid", scores, level),
            scores,
            draws.parameters,
            functionals=tuple(self.functionals),
            centre=centre,
            factor=factor,
            values=values,
        )

    def __repr__(self) -> str:
        return f"Ellipsoid({', '.join(map(_label, self.functionals))})"


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
        return _value(self.functional, self._fields(theta))

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


@dataclass(eq=False, repr=False)
class EllipsoidRegion(Region):
    """An ellipsoid: see `Region`. ``centre`` (k,), ``factor`` (k, k) with S = factor factor'."""

    functionals: tuple[Any, ...]
    centre: Array
    factor: Array
    values: Array

    def value(self, theta: ArrayLike) -> Array:
        """Return the functionals of fields (..., D): shape (..., k)."""
        fields = self._fields(theta)
        return np.stack([_value(f, fields) for f in self.functionals], axis=-1)

    def distance(self, theta: ArrayLike) -> Array:
        """Return ((v - mean)' S^{-1} (v - mean))^{1/2} of fields (..., D): shape (...)."""
        offset = self.value(theta) - self.centre
        flat = offset.reshape(-1, self.centre.size)
        return np.asarray(_mahalanobis(flat, self.factor)).reshape(offset.shape[:-1])

    def watched(self) -> dict[str, Array]:
        """Return the functionals and the distance, (chain, draw) each."""
        each = {f"{self.name}[{k}]": self.values[..., k] for k in range(self.centre.size)}
        return super().watched() | each

    def plot(self, exact: ArrayLike | None = None, ax: Axes | None = None) -> Figure:
        """Draw the ellipse of two functionals with the draws; of others, their distances."""
        from ..plot import regions

        if self.centre.size != 2:
            return super().plot(exact, ax)
        truth = None if exact is None else self.value(self._one(exact))
        shape = self.centre, self.factor, self.radius
        return regions.ellipse(self.values, *shape, truth, self._title(), ax)


def _label(functional: Any) -> str:
    """A name that tells functionals apart, as a stored study must."""
    if isinstance(functional, str):
        return repr(functional)
    if callable(functional):
        return str(getattr(functional, "__qualname__", type(functional).__name__))
    return f"<{functional.size} weights, {hashlib.sha256(functional.tobytes()).hexdigest()[:8]}>"


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


def _value(functional: Any, fields: Array) -> Array:
    flat = fields.reshape(-1, fields.shape[-1])
    values = functional_values("functional", functional, flat).reshape(fields.shape[:-1])
    if not callable(functional):
        return values
    return defined(f"functional {_label(functional)}", values, "fields", finite=False)


def _mahalanobis(offset: Array, factor: Array) -> Array:
    """|factor^{-1} v| for the rows v of ``offset``, by forward substitution."""
    z = np.empty_like(offset.T)
    for k, row in enumerate(factor):
        z[k] = (offset[:, k] - row[:k] @ z[:k]) / row[k]
    return np.asarray(np.sqrt((z**2).sum(axis=0)))


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
