"""Geodesics of a disk with a radial sound speed."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base.validate import Array, array
from ..domains import Disk
from ._radial_speed import RadialSpeed, SoundSpeed
from ._ray_family import RayFamily
from ._rays import random_boundary

_CLOSES = 1e-11
"""How far from the circle a geodesic may end, in radii."""
_INCIDENCES = 65
"""Geodesics that are searched for conjugate points, from 0 to almost pi/2."""
_JACOBI_STEPS = 64


class Geodesics(RayFamily):
    """Unit-speed geodesics of the metric |dx|^2 / c(r)^2 on a disk, c a radial sound speed.

    The metric must be simple: no ray is trapped, the circle is convex, and no two rays from one
    point meet again. Both conditions are checked.

    Parameters
    ----------
    domain : Disk
    boundary_angle : array_like, (m,)
        Polar angles of the points of entry, in radians.
    incidence : array_like, (m,)
        Angles from the inward normal, counter-clockwise, in (-pi/2, pi/2).
    sound_speed : callable, or (callable, callable, callable)
        c(r), or c with dc/dr and d2c/dr2, of an array of distances r in [0, R] from the disk's
        centre. A function alone must be smooth: it is differentiated by its Chebyshev series.

    Attributes
    ----------
    domain : Disk
    start, direction : ndarray, (m, 2)
        The point of entry and the direction there, of Euclidean length 1.
    length : ndarray, (m,)
        Travel times.
    boundary_angle, incidence : ndarray, (m,)

    Raises
    ------
    ValueError, TypeError
        Wrong shapes, an incidence outside (-pi/2, pi/2), a sound speed that is not positive or not
        smooth, or a metric that is not simple: where Herglotz' condition d/dr (r/c) > 0 fails, at
        which r; where there are conjugate points, at which incidence.

    Notes
    -----
    With g(r) = r / c(r) and Clairaut's constant p = g(R) |sin incidence|, the travel time is
    2 int_0^U du / (c g'), g(r)^2 = p^2 + u^2, U^2 = g(R)^2 - p^2: a smooth integrand. The ways
    solve Hamilton's equations for c^2 |k|^2 / 2 by the Runge-Kutta method of order 8 of Dormand and
    Prince, whose steps are halved until each way ends on the circle to 1e-11 radii.

    Source
    ------
    G. P. Paternain, M. Salo, G. Uhlmann, Geometric Inverse Problems (2023), ch. 2 and 3.
    """

    _remembers = True

    def __init__(
        self,
        domain: Disk,
        boundary_angle: ArrayLike,
        incidence: ArrayLike,
        *,
        sound_speed: SoundSpeed,
    ):
        if not isinstance(domain, Disk):
            raise TypeError(f"domain must be a m4dl Disk, got {type(domain).__name__}")
        beta = array("boundary_angle", boundary_angle, (None,))
        if len(beta) == 0:
            raise ValueError("boundary_angle must give at least one ray, got none")
        alpha = array("incidence", incidence, (len(beta),))
        wide = np.flatnonzero(np.abs(alpha) >= np.pi / 2 * (1 - 1e-12))
        if wide.size:
            raise ValueError(
                f"incidence must be in (-pi/2, pi/2), got {alpha[wide[0]]} for ray {wide[0]}"
            )
        self.domain = domain
        self.speed = RadialSpeed(sound_speed, domain.radius)
        require_no_conjugate_points(self.speed)
        outward = np.exp(1j * beta)
        self._begin: NDArray[np.complex128] = domain.radius * outward
        self._toward: NDArray[np.complex128] = -outward * np.exp(1j * alpha)
        self.start = domain.centre + _plane(self._begin)
        self.direction = _plane(self._toward)
        self.length = travel_time(self.speed, np.abs(np.sin(alpha)))
        self._longest_step = 1.0 / 32.0
        while self._gap() > _CLOSES:
            self._longest_step /= 2.0
            if self._longest_step < 1e-4:
                raise ValueError(
                    "sound_speed must vary less: a geodesic ends "
                    f"{self._gap():.1e} radii from the circle after steps of 1e-4 of its length"
                )

    @classmethod
    def random(cls, domain: Disk, count: int, seed: int, *, sound_speed: SoundSpeed) -> Self:
        """Return geodesics with uniform boundary angle and incidence, those of ``Rays.random``."""
        if not isinstance(domain, Disk):
            raise TypeError(f"domain must be a m4dl Disk, got {type(domain).__name__}")
        _, normal, alpha = random_boundary(domain, count, seed)
        return cls(domain, np.arctan2(-normal[:, 1], -normal[:, 0]), alpha, sound_speed=sound_speed)

    def _points(self, ray: NDArray[np.int64], time: Array) -> Array:
        return np.asarray(self.domain.centre + _plane(self._travel(ray, time)))

    def _gap(self) -> float:
        ends = self._travel(np.arange(len(self)), self.length)
        return float(np.abs(np.abs(ends) / self.speed.radius - 1.0).max())

    def _travel(self, ray: NDArray[np.int64], time: Array) -> NDArray[np.complex128]:
        """Points x + i y about the centre: all rays advance together, each to its next time."""
        counts = np.bincount(ray, minlength=len(self))
        firsts = np.cumsum(counts) - counts
        order = np.argsort(-counts, kind="stable")  # so that rays that still travel come first
        alive = np.searchsorted(-counts[order], -np.arange(counts.max(initial=0)), side="left")
        state = np.stack([self._begin, self._toward / self.speed.value(np.abs(self._begin))])[
            :, order
        ]
        now, out = np.zeros(len(self)), np.empty(len(ray), dtype=np.complex128)
        for j, n in enumerate(alive):
            rays = order[:n]
            place = firsts[rays] + j
            gap = time[place] - now[:n]
            pieces = max(1, int(np.ceil((gap / self.length[rays]).max() / self._longest_step)))
            for _ in range(pieces):
                state[:, :n] = _step(self.speed, state[:, :n], gap / pieces)
            now[:n] = time[place]
            out[place] = state[0, :n]
        return out

    def __repr__(self) -> str:
        return f"Geodesics({len(self)} geodesics of {self.domain})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Geodesics)
            and self.domain == other.domain
            and self.speed == other.speed
            and np.array_equal(self.start, other.start)
            and np.array_equal(self.direction, other.direction)
        )

    def __hash__(self) -> int:
        return hash((self.domain, self.start.tobytes(), self.direction.tobytes()))


def travel_time(speed: RadialSpeed, sine: Array, tolerance: float = 1e-12) -> Array:
    """Travel times of geodesics with |sin incidence| = ``sine`` (m,)."""
    edge = speed.radius / speed.value(np.array([speed.radius]))[0]
    # cos from sin loses half the digits at grazing incidence; (1 - s)(1 + s) does not.
    constant, reach = edge * sine, edge * np.sqrt((1.0 - sine) * (1.0 + sine))
    last = np.full(len(sine), np.inf)
    for nodes in (32, 64, 128, 256, 512, 1024):
        x, w = np.polynomial.legendre.leggauss(nodes)
        out = np.zeros(len(sine))
        for at, weight in zip(0.5 + 0.5 * x, 0.5 * w, strict=True):
            r = speed.radius_of(np.hypot(constant, at * reach))
            out += 2.0 * weight * reach / (1.0 - r * speed.slope(r) / speed.value(r))
        if (np.abs(out - last) <= tolerance * out).all():
            return out
        last = out
    raise ValueError("sound_speed must vary less: its travel times need more than 1024 nodes")


def require_no_conjugate_points(speed: RadialSpeed) -> None:
    """Raise if a Jacobi field b'' + K b = 0, b(0) = 0, b'(0) = 1 vanishes before the exit."""
    alpha = np.linspace(0.0, 0.5 * np.pi, _INCIDENCES + 1)[:-1]
    tau = travel_time(speed, np.sin(alpha), 1e-6)  # only to know where to stop
    way = np.full(len(alpha), speed.radius, dtype=np.complex128)
    moment = -np.exp(1j * alpha) / speed.value(np.abs(way))
    state = np.stack([way, moment, np.zeros_like(way), np.ones_like(way)])
    for _ in range(_JACOBI_STEPS):
        state = _step(speed, state, tau / _JACOBI_STEPS)
        met = np.flatnonzero(state[2].real <= 0)
        if met.size:
            raise ValueError(
                "sound_speed must have no conjugate points, "
                f"got one on the geodesic of incidence {alpha[met[0]]:.3g}"
            )


def _step(speed: RadialSpeed, y: NDArray[np.complex128], h: Array) -> NDArray[np.complex128]:
    """One step of size h (m,) of place and momentum, and of a Jacobi field if there is one."""
    from scipy.integrate import DOP853  # here, for it takes a tenth of a second to import

    slopes: list[NDArray[np.complex128]] = []
    for row in DOP853.A:
        ahead = y + h * sum((a * k for a, k in zip(row, slopes, strict=False)), 0.0)
        slopes.append(_rate(speed, ahead))
    out: NDArray[np.complex128] = y + h * sum(b * k for b, k in zip(DOP853.B, slopes, strict=True))
    return out


def _rate(speed: RadialSpeed, y: NDArray[np.complex128]) -> NDArray[np.complex128]:
    place, moment = y[0], y[1]
    r = np.abs(place)
    c = speed.value(r)
    out = np.empty_like(y)
    out[0] = c**2 * moment
    out[1] = -c * speed.slope_by_radius(r) * np.abs(moment) ** 2 * place
    if len(y) == 4:
        out[2], out[3] = y[3], -speed.curvature(r) * y[2]
    return out


def _plane(z: NDArray[np.complex128]) -> Array:
    return np.stack([z.real, z.imag], axis=1)
