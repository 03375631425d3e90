"""Straight rays through plane domains."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base.streams import Purpose, generator
from .._base.validate import Array, array, integer, seed_number
from ..domains import PlaneDomain, check_plane_domain
from ._ray_family import RayFamily, RayQuadrature, check_rays

__all__ = ["RayFamily", "RayQuadrature", "Rays", "check_rays", "random_boundary"]


class Rays(RayFamily):
    """Straight rays x + t v of a plane domain.

    A ray is all of its line that the domain's hull holds: from its first entry to its last exit.
    Where it leaves a non-convex domain in between, fields count as zero. Domains are closed: a line
    along an edge is a ray, one that touches a corner or a circle from outside misses the domain.

    Parameters
    ----------
    domain : Disk or Polygon
    start : array_like, (m, 2)
        Any point of each line, in the domain or not.
    direction : array_like, (m, 2)
        Of any length but zero.

    Attributes
    ----------
    domain : Disk or Polygon
    start, direction : ndarray, (m, 2)
        The point of entry and the unit direction there.
    length : ndarray, (m,)
    boundary_angle, incidence : ndarray, (m,)
        Of rays of a disk.

    Raises
    ------
    ValueError, TypeError
        Wrong shapes, no rays, a direction zero, a ray that misses the domain.

    Examples
    --------
    >>> rays = Rays.random(Disk(), 800, seed=1)
    >>> rays = Rays.parallel(Disk(), angles=np.pi * np.arange(60) / 60, offsets=[-0.5, 0.0, 0.5])
    """

    _remembers = True

    def __init__(self, domain: PlaneDomain, start: ArrayLike, direction: ArrayLike):
        self._lines(check_plane_domain("domain", domain), start, direction, "start")

    def _lines(
        self, domain: PlaneDomain, start: ArrayLike, direction: ArrayLike, name: str
    ) -> None:
        x, v = array("start", start, (None, 2)), array("direction", direction, (None, 2))
        if len(x) == 0:
            raise ValueError(f"{name} must give at least one ray, got none")
        if v.shape != x.shape:
            raise ValueError(f"direction must have shape {x.shape}, as start has, got {v.shape}")
        size = np.hypot(v[:, 0], v[:, 1])
        still = np.flatnonzero(size == 0)
        if still.size:
            raise ValueError(f"direction must not be zero, got {v[still[0]]} for ray {still[0]}")
        v = v / size[:, None]
        times = domain.crossings(x, v)
        finite = np.isfinite(times)
        enter = np.where(finite[:, 0], times[:, 0], 0.0)
        # Crossings come in pairs, in and out.
        known = np.where(finite, times, 0.0)
        held = (known[:, 1::2] - known[:, ::2]).sum(axis=1)
        missed = np.flatnonzero(held <= 1e-12 * domain.diameter)
        if missed.size:
            i = missed[0]
            raise ValueError(
                f"{name}: ray {i} misses {domain}, got the line through "
                f"({x[i, 0]:.16g}, {x[i, 1]:.16g}) along ({v[i, 0]:.16g}, {v[i, 1]:.16g}) "
                f"({len(missed)} such rays)"
            )
        self.domain = domain
        self.start: Array = x + enter[:, None] * v
        self.direction: Array = v
        self.length: Array = np.where(finite, times, -np.inf).max(axis=1) - enter
        self._crossings: Array = times - enter[:, None]

    @classmethod
    def _named(cls, name: str, domain: PlaneDomain, start: Array, direction: Array) -> Self:
        """Return rays whose errors name the argument ``name``."""
        out = cls.__new__(cls)
        out._remember(domain, start, direction)
        out._lines(domain, start, direction, name)
        out._close()
        return out

    @classmethod
    def through(cls, domain: PlaneDomain, a: ArrayLike, b: ArrayLike) -> Self:
        """Return the rays through a (m, 2) and b (m, 2), in this order."""
        x, y = array("a", a, (None, 2)), array("b", b, (None, 2))
        if x.shape != y.shape:
            raise ValueError(f"b must have shape {x.shape}, as a has, got {y.shape}")
        same = np.flatnonzero((x == y).all(axis=1))
        if same.size:
            raise ValueError(f"a and b must differ, got {x[same[0]]} twice for ray {same[0]}")
        return cls._named("a", check_plane_domain("domain", domain), x, y - x)

    @classmethod
    def parallel(cls, domain: PlaneDomain, angles: ArrayLike, offsets: ArrayLike) -> Self:
        """Return parallel beams: computed tomography.

        Parameters
        ----------
        domain : Disk or Polygon
        angles : array_like, (A,)
            Angles phi, in radians, of the normals n = (cos phi, sin phi) of the lines.
        offsets : array_like, (S,)
            Distances s of the lines from the domain's centre: {x : n . (x - centre) = s}.

        Returns
        -------
        Rays
            A S of them, along (-sin phi, cos phi); number a S + j has angle a and offset j, so
            that ``data.reshape(A, S)`` is the sinogram.
        """
        where = check_plane_domain("domain", domain)
        phi, s = array("angles", angles, (None,)), array("offsets", offsets, (None,))
        normal = np.repeat(np.stack([np.cos(phi), np.sin(phi)], axis=1), len(s), axis=0)
        start = where.centre + np.tile(s, len(phi))[:, None] * normal
        return cls._named("offsets", where, start, np.stack([-normal[:, 1], normal[:, 0]], axis=1))

    @classmethod
    def fan(cls, domain: PlaneDomain, sources: ArrayLike, angles: ArrayLike) -> Self:
        """Return fans of rays.

        Parameters
        ----------
        domain : Disk or Polygon
        sources : array_like, (S, 2)
            Not the centre of the domain.
        angles : array_like, (A,)
            In radians, counter-clockwise from the line of a source to the domain's centre.

        Returns
        -------
        Rays
            S A of them; number s A + a comes from source s at angle a.
        """
        where = check_plane_domain("domain", domain)
        x, angle = array("sources", sources, (None, 2)), array("angles", angles, (None,))
        inward = where.centre - x
        central = np.flatnonzero((inward == 0).all(axis=1))
        if central.size:
            raise ValueError(f"sources must not be the domain's centre, got row {central[0]}")
        turn = np.arctan2(inward[:, 1], inward[:, 0])[:, None] + angle
        direction = np.stack([np.cos(turn).ravel(), np.sin(turn).ravel()], axis=1)
        return cls._named("angles", where, np.repeat(x, len(angle), axis=0), direction)

    @classmethod
    def random(cls, domain: PlaneDomain, count: int, seed: int) -> Self:
        """Return rays from random boundary points in random directions.

        The point is uniform in arclength, the angle from the inward normal uniform in
        (-pi/2, pi/2). On the unit disk that is the design of the papers, whose measure has mass
        2 pi^2. The first n of N rays are the n rays of the same seed.

        Source
        ------
        F. Monard, R. Nickl, G. P. Paternain, Comm. Pure Appl. Math. 74 (2021), sec. 1.
        """
        where = check_plane_domain("domain", domain)
        start, normal, angle = random_boundary(where, count, seed)
        c, s = np.cos(angle), np.sin(angle)
        x, y = normal.T
        return cls._named("seed", where, start, np.stack([c * x - s * y, s * x + c * y], axis=1))

    def cut(self, ray: NDArray[np.int64], time: Array) -> RayQuadrature:
        """Return steps that end at given times, and where the boundary is crossed.

        Parameters
        ----------
        ray, time : ndarray, (n,)
            Cut ray ``ray[k]`` at ``time[k]``; times outside [0, length] are left out, and equal
            ones cut once.
        """
        return self._gauss(*self._pieces(ray, time))

    def _pieces(
        self, ray: NDArray[np.int64] | None = None, time: Array | None = None
    ) -> tuple[NDArray[np.int64], Array, Array]:
        if ray is None or time is None:
            ray, time = np.zeros(0, np.int64), np.zeros(0)
        count, everyone = len(self), np.arange(len(self))
        own = np.repeat(everyone, self._crossings.shape[1])
        ray, time = np.append(ray, own), np.append(time, self._crossings.ravel())
        within = (time > 0.0) & (time < self.length[ray])
        ray = np.concatenate([ray[within], everyone, everyone])
        time = np.concatenate([time[within], np.zeros(count), self.length])
        order = np.lexsort((time, ray))
        ray, time = ray[order], time[order]
        width = np.diff(time)
        kept = (ray[1:] == ray[:-1]) & (width > 1e-13 * self.length[ray[1:]])
        steps = np.bincount(ray[1:][kept], minlength=count)
        return np.concatenate([[0], np.cumsum(steps)]), time[:-1][kept], width[kept]

    def _points(self, ray: NDArray[np.int64], time: Array) -> Array:
        return np.asarray(self.start[ray] + time[:, None] * self.direction[ray])

    def _inside(self, ray: NDArray[np.int64], time: Array) -> NDArray[np.bool_]:
        passed = np.zeros(len(ray), dtype=np.int64)
        for column in self._crossings.T:
            passed += time >= column[ray]
        return np.asarray(passed % 2 == 1)

    def __repr__(self) -> str:
        return f"Rays({len(self)} lines of {self.domain})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Rays)
            and self.domain == other.domain
            and np.array_equal(self.start, other.start)
            and np.array_equal(self.direction, other.direction)
        )

    def __hash__(self) -> int:
        return hash((self.domain, self.start.tobytes(), self.direction.tobytes()))


def random_boundary(domain: PlaneDomain, count: int, seed: int) -> tuple[Array, Array, Array]:
    """Points, inward normals (count, 2) and angles of incidence (count,), all uniform."""
    n = integer("count", count, 1)
    u = generator(Purpose.RAYS, seed_number(seed)).random((n, 2))
    points, normals = domain.boundary(u[:, 0])
    return points, normals, np.pi * (u[:, 1] - 0.5)
