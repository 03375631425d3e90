"""Sound speeds c(r) of a disk: their derivatives, and the conditions for a simple metric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import ArrayLike

from .._base.callback import called
from .._base.fixed import Fixed
from .._base.validate import Array, array

Radial = Callable[[Array], ArrayLike]
SoundSpeed = Radial | tuple[Radial, Radial, Radial]

_DEGREES = (8, 16, 32, 64, 128, 256)
_GRID = 2001


class RadialSpeed(Fixed):
    """c, dc/dr and d2c/dr2 on [0, R], checked."""

    def __init__(self, given: SoundSpeed, radius: float):
        self.radius = radius
        r = np.linspace(0.0, radius, _GRID)
        if isinstance(given, tuple):
            if len(given) != 3 or not all(callable(f) for f in given):
                raise TypeError(
                    f"sound_speed must be a function or three, (c, dc/dr, d2c/dr2), got {given!r}"
                )
            self._functions: tuple[Radial, Radial, Radial] = given
        elif callable(given):
            self._functions = (given, *_derivatives(given, radius))
        else:
            raise TypeError(f"sound_speed must be a function of r, got {given!r}")
        self._centre = float(self._evaluate(2, np.zeros(1))[0])
        speed = self.value(r)
        if not (speed > 0).all():
            at = int(np.argmin(speed > 0))
            raise ValueError(f"sound_speed must be positive, got {speed[at]:g} at r = {r[at]:g}")
        slope = self.slope(np.zeros(1))[0]
        if abs(slope) * radius > 1e-6 * speed[0]:
            raise ValueError(
                "sound_speed must be smooth at the centre: dc/dr must vanish at r = 0, "
                f"got {slope:g}"
            )
        self._check_derivatives(r)
        # Herglotz: (r/c)' = (1 - r c'/c) / c > 0, so no ray is trapped and circles are convex.
        rising = 1.0 - r * self.slope(r) / speed
        if not (rising > 0).all():
            at = int(np.argmin(rising > 0))
            raise ValueError(
                "sound_speed must satisfy Herglotz' condition d/dr (r/c) > 0, "
                f"got {rising[at] / speed[at]:g} at r = {r[at]:g}"
            )
        self._table: tuple[Array, Array] = (r / speed, r)

    def value(self, r: Array) -> Array:
        """c(r)."""
        return self._evaluate(0, r)

    def slope(self, r: Array) -> Array:
        """dc/dr."""
        return self._evaluate(1, r)

    def slope_by_radius(self, r: Array) -> Array:
        """(dc/dr) / r, which is d2c/dr2 at the centre."""
        small = r < 1e-8 * self.radius
        safe = np.where(small, self.radius, r)
        return np.where(small, self._centre, self.slope(safe) / safe)

    def curvature(self, r: Array) -> Array:
        """Gauss curvature of c^-2 |dx|^2, K = c^2 Lap log c."""
        c, ratio = self.value(r), self.slope_by_radius(r)
        return np.asarray(c * (self._evaluate(2, r) + ratio) - (r * ratio) ** 2)

    def radius_of(self, ratio: Array) -> Array:
        """The r in [0, R] with r / c(r) = ratio: Newton's method from a table."""
        r = np.interp(ratio, *self._table)
        for _ in range(6):
            c = self.value(r)
            step = (r / c - ratio) * c / (1.0 - r * self.slope(r) / c)
            r = np.clip(r - step, 0.0, self.radius)
        return np.asarray(r)

    def _evaluate(self, order: int, r: Array) -> Array:
        name = ("sound_speed", "sound_speed[1]", "sound_speed[2]")[order]
        values = array(name, self._functions[order](r.copy()))
        if values.shape not in ((), r.shape):
            raise ValueError(f"{name} must return shape {r.shape}, got {values.shape}")
        return np.broadcast_to(values, r.shape)

    def _check_derivatives(self, r: Array) -> None:
        """Differences of c and c' between the points of the grid, to second order."""
        width, middle = r[1] - r[0], 0.5 * (r[1:] + r[:-1])
        for order in (1, 2):
            told, found = (
                self._evaluate(order, middle),
                np.diff(self._evaluate(order - 1, r)) / width,
            )
            gap = np.abs(told - found)
            allowed = 1e-3 * (np.abs(found).max() + 1e-6 * self.value(r).max() / self.radius**order)
            if gap.max() > allowed:
                at = int(np.argmax(gap))
                raise ValueError(
                    f"sound_speed[{order}] must be the derivative of sound_speed[{order - 1}], "
                    f"got {told[at]:g}, not {found[at]:g}, at r = {middle[at]:g}"
                )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RadialSpeed) and self._functions == other._functions

    def __hash__(self) -> int:
        return hash((RadialSpeed, self.radius))


def _derivatives(speed: Radial, radius: float) -> tuple[Any, Any]:
    """First and second derivative of the Chebyshev series of c(|x|), which is even, on [-R, R]."""

    def values(x: Array) -> Array:
        out = array("sound_speed", called("sound_speed", speed, np.abs(x)))
        if out.shape not in ((), np.shape(x)):
            raise ValueError(f"sound_speed must return shape {np.shape(x)}, got {out.shape}")
        return np.broadcast_to(out, np.shape(x))

    for degree in _DEGREES:
        fit = Chebyshev.interpolate(values, degree, domain=[-radius, radius])
        fit.coef[1::2] = 0.0
        size = np.abs(fit.coef)
        if size[-4:].max() <= 1e-14 * size.max():
            # what is left of rounding would grow with the square of the degree
            fit = fit.trim(1e-15 * size.max())
            return fit.deriv(1), fit.deriv(2)
    raise ValueError(
        "sound_speed must be smooth on the disk, also at its centre, to be differentiated "
        f"(its Chebyshev coefficient {degree} is {size[-1]:.1e}); give (c, dc/dr, d2c/dr2) instead"
    )
