"""What straight rays and geodesics share: entry, time of travel, quadrature along the way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._base.fixed import Fixed
from .._base.validate import Array, integer, positive
from ..domains import Disk, PlaneDomain

_MOST_STEPS = 2**28
_GAUSS = np.array([0.5 - math.sqrt(3.0) / 6.0, 0.5 + math.sqrt(3.0) / 6.0])
"""Nodes of the two-point Gauss rule on [0, 1]."""


@dataclass(frozen=True, eq=False)
class RayQuadrature(Fixed):
    """Rays cut into steps, with two Gauss points in each.

    Attributes
    ----------
    first : ndarray of int64, (m + 1,)
        Ray i has the steps first[i], ..., first[i + 1] - 1, in the order of travel.
    width : ndarray, (first[m],)
        Length (time of travel) of each step.
    points : ndarray, (2 first[m], 2)
        Rows 2 j and 2 j + 1 are the Gauss points of step j, at (1/2 -+ sqrt(3)/6) of it.
    inside : ndarray of bool, (2 first[m],)
        False where a line that left a non-convex domain has not yet come back: fields are zero
        there.
    """

    first: NDArray[np.int64]
    width: Array
    points: Array
    inside: NDArray[np.bool_]


class RayFamily(Fixed):
    """What straight rays and geodesics share.

    Attributes
    ----------
    domain : Disk or Polygon
    start : ndarray, (m, 2)
        Where each ray enters.
    direction : ndarray, (m, 2)
        Unit tangent there.
    length : ndarray, (m,)
        Time of travel tau from entry to exit; the length of a straight ray.
    """

    domain: PlaneDomain
    start: Array
    direction: Array
    length: Array

    def _points(self, ray: NDArray[np.int64], time: Array) -> Array:
        """Points (n, 2) of the rays ``ray`` (n,) at times (n,), which ascend along each ray."""
        raise NotImplementedError

    def _inside(self, ray: NDArray[np.int64], time: Array) -> NDArray[np.bool_]:
        """Which of those points lie in the domain, (n,)."""
        return np.ones(len(ray), dtype=np.bool_)

    def quadrature(self, step: float) -> RayQuadrature:
        """Return the rays cut into steps of at most ``step``, with two Gauss points in each.

        Parameters
        ----------
        step : float
            In the units of ``length``. Ray i has ceil(length_i / step) equal steps, at least one;
            where it leaves a domain for a while, each of its pieces has.
        """
        h = positive("step", step)
        first, begin, length = self._pieces()
        count = np.maximum(1.0, np.ceil(length / h - 1e-9))
        if count.sum() > _MOST_STEPS:
            raise ValueError(f"step must give at most {_MOST_STEPS} steps, got {h:g}")
        steps = count.astype(np.int64)
        ends = np.concatenate([[0], np.cumsum(steps)])
        width = np.repeat(length / steps, steps)
        within = np.arange(ends[-1]) - np.repeat(ends[:-1], steps)
        return self._gauss(ends[first], np.repeat(begin, steps) + within * width, width)

    def _pieces(self) -> tuple[NDArray[np.int64], Array, Array]:
        """Offsets (m + 1,) of each ray's pieces within the domain or without; begin and length."""
        return np.arange(len(self) + 1), np.zeros(len(self)), self.length

    def _gauss(self, first: NDArray[np.int64], begin: Array, width: Array) -> RayQuadrature:
        """The quadrature of steps that begin at these times."""
        time = (begin[:, None] + _GAUSS * width[:, None]).ravel()
        ray = np.repeat(np.arange(len(self)), 2 * np.diff(first))
        return RayQuadrature(first, width, self._points(ray, time), self._inside(ray, time))

    def path(self, count: int) -> Array:
        """Return ``count`` points of each ray, equally spaced from entry to exit, (m, count, 2)."""
        n = integer("count", count, 2)
        ray = np.repeat(np.arange(len(self)), n)
        time = np.tile(np.linspace(0.0, 1.0, n), len(self)) * self.length[ray]
        return self._points(ray, time).reshape(len(self), n, 2)

    @property
    def boundary_angle(self) -> Array:
        """Polar angle of ``start`` around the centre of a disk, (m,), in (-pi, pi]."""
        x = self.start - self._disk("boundary_angle").centre
        return np.asarray(np.arctan2(x[:, 1], x[:, 0]))

    @property
    def incidence(self) -> Array:
        """Angle from the inward normal at ``start`` to ``direction``, (m,), in (-pi/2, pi/2).

        Counter-clockwise, for rays of a disk: direction = e^{i (boundary_angle + pi + incidence)}.
        """
        inward = self._disk("incidence").centre - self.start
        v = self.direction
        cross = inward[:, 0] * v[:, 1] - inward[:, 1] * v[:, 0]
        return np.asarray(np.arctan2(cross, (inward * v).sum(axis=1)))

    def _disk(self, name: str) -> Disk:
        if not isinstance(self.domain, Disk):
            raise ValueError(f"{name} is defined for rays of a Disk, got {self.domain}")
        return self.domain

    def __len__(self) -> int:
        return len(self.start)


def check_rays(name: str, value: Any) -> RayFamily:
    """Return ``value`` if it is a family of rays."""
    if not isinstance(value, RayFamily):
        raise TypeError(f"{name} must be m4dl Rays or Geodesics, got {type(value).__name__}")
    return value
