"""Sets of fields around the posterior mean: balls in a norm, and bands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .._base import validate
from .._base.defined import defined
from .._base.fixed import Described, Fixed
from .._base.validate import Array
from ..domains import check_mesh
from ..domains.norms import SupNorm, norm_of
from ..results import Draws, Moments
from ._region import LEVEL, Region, each, fewest_of, level_of, need_count, need_draws, radius_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Ball(Described):
    """The ball {theta: ||theta - mean|| <= R} in L2, H^s or a dual norm.

    Parameters
    ----------
    order : float
        s: 0 for L2, positive for Sobolev norms, negative for their duals; see
        :class:`m4dl.norms.SobolevNorm` for what a mesh allows.
    domain, at : optional
        Where theta lives, if the draws do not know it.
    """

    order: float = 0.0
    domain: Any = field(default=None, kw_only=True)
    at: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", validate.number("order", self.order))
        if (self.domain is None) != (self.at is None):
            raise ValueError(
                f"domain and at belong together, got domain={self.domain!r} and at={self.at!r}"
            )
        if self.domain is not None and self.at is not None:
            check_mesh("domain", self.domain).size_of(self.at)

    def of(self, draws: Draws, level: float = LEVEL) -> FieldRegion:
        """Make the ball of posterior probability ``level`` around the mean of the draws.

        Raises
        ------
        ValueError
            A level outside (0, 1), draws without a domain, or fewer draws than the quantile needs.
        TypeError
            For `Moments`.
        """
        name = "L2 ball" if self.order == 0 else f"H^{self.order:g} ball"
        draws = need_draws(draws, f"the {name}")
        place = (draws.domain, draws.at) if self.domain is None else (self.domain, self.at)
        norm = norm_of(self.order, *place, draws.parameters, f"the {name}")
        return _around_mean(draws, level, name, norm)

    def __repr__(self) -> str:
        return f"Ball(order={self.order:g})"


@dataclass(frozen=True)
class SupBall(Described):
    """The ball {theta: max |theta - mean| <= R}: a band of one width everywhere."""

    def of(self, draws: Draws, level: float = LEVEL) -> FieldRegion:
        """Make the set of posterior probability ``level``; raises as :meth:`Ball.of`."""
        return _around_mean(need_draws(draws, "the sup ball"), level, "sup ball", SupNorm())


@dataclass(frozen=True)
class Band(Described):
    """The simultaneous band mean +- R std: the whole field lies in it with the given probability.

    From `Moments`, R is that of independent Gaussian values, which Sidak's inequality makes large
    enough for Gaussian fields of any correlation: usually much too large. From draws it is the
    quantile of max |theta - mean|/std.

    Source
    ------
    Z. Sidak, J. Amer. Statist. Assoc. 62 (1967).
    """

    def of(self, draws: Draws | Moments, level: float = LEVEL) -> BandRegion:
        """Make the band of posterior probability ``level``; raises as :meth:`Ball.of`."""
        level = level_of(level)
        if not isinstance(draws, Draws | Moments):
            raise TypeError(f"a band needs draws or moments, got {type(draws).__name__}")
        mean, std = draws.mean(), draws.std()
        if draws.chains * draws.draws < 2:
            raise ValueError("a band needs at least 2 draws, got 1")
        defined("the mean or standard deviation of theta", mean + std, "parameters")
        distance = _Standardised(mean, std)
        common: dict[str, Any] = {"centre": mean, "norm": distance, "std": std}
        common |= {"parameters": draws.parameters, "domain": draws.domain, "at": draws.at}
        if isinstance(draws, Moments):
            radius = float(stats.norm.ppf((1 + level ** (1 / max(1, distance.moving))) / 2))
            return BandRegion("band (Sidak)", level, radius, np.nan, None, **common)
        draws = need_draws(draws, "a band")
        need_count(draws, fewest_of(level), level, "a band")
        scores = each(draws, lambda theta: distance(theta - mean))
        radius, mcse = radius_of("band", scores, level)
        return BandRegion("band", level, radius, mcse, scores, **common)


@dataclass(eq=False, repr=False)
class FieldRegion(Region):
    """A ball of fields: see `Region`. ``centre`` (D,) is the posterior mean, ``norm`` the norm."""

    centre: Array
    norm: Callable[[Array], Array]

    def distance(self, theta: ArrayLike) -> Array:
        """Return ||theta - centre|| for fields (..., D): shape (...)."""
        return np.asarray(self.norm(self._fields(theta) - self.centre))


@dataclass(eq=False, repr=False)
class BandRegion(FieldRegion):
    """A band: see `Region`.

    ``lower`` and ``upper`` (D,) are its ends; ``radius`` is in standard deviations.
    """

    std: Array
    domain: Any = None
    at: str | None = None

    @property
    def lower(self) -> Array:
        """The lower end, (D,)."""
        return self.centre - self.radius * self.std

    @property
    def upper(self) -> Array:
        """The upper end, (D,)."""
        return self.centre + self.radius * self.std

    def plot(self, exact: ArrayLike | None = None, ax: Axes | None = None) -> Figure:
        """Draw the band, in two dimensions its lower and upper end; and the truth ``exact``."""
        from ..plot import regions

        truth = None if exact is None else self._one(exact)
        ends = self.lower, self.upper
        place: dict[str, Any] = {"domain": self.domain, "at": self.at}
        return regions.band(self.centre, ends, truth, self._title(), ax=ax, **place)


class _Standardised(Fixed):
    """max |f|/std; where std is 0 (fixed boundary values), f must be 0 up to rounding."""

    _remembers = True

    def __init__(self, mean: Array, std: Array) -> None:
        scale = np.abs(mean) + std.max(initial=0.0)
        fixed = ~(std > 1e-12 * scale)
        self.moving = int((~fixed).sum())
        self._width = np.where(fixed, 1e-9 * scale, std)
        self._fixed = fixed

    def __call__(self, f: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.nan_to_num(np.abs(f) / self._width, nan=0.0, posinf=np.inf)
        # within rounding counts as nothing, beyond it as outside of every band
        ratio = np.where(self._fixed, np.where(ratio <= 1.0, 0.0, np.inf), ratio)
        return np.asarray(ratio.max(axis=-1))


def _around_mean(
    draws: Draws, level: float, name: str, norm: Callable[[Array], Array]
) -> FieldRegion:
    level = level_of(level)
    need_count(draws, fewest_of(level), level, f"the {name}")
    mean = defined("the mean of theta", draws.mean(), "parameters")
    scores = each(draws, lambda theta: norm(theta - mean))
    return FieldRegion(
        name,
        level,
        *radius_of(name, scores, level),
        scores,
        draws.parameters,
        centre=mean,
        norm=norm,
    )
