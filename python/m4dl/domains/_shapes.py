"""Plane domains given by their boundary: what rays enter and leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base.callback import called
from .._base.fixed import Fixed
from .._base.validate import Array, array, integer, positive, short
from ._polygon import crossings_of_edges, require_simple

_CLOSED = 1e-12
"""Points this close to the boundary, in diameters, count as inside: the domains are closed."""
_ROUNDING = 4.0 * float(np.finfo(np.float64).eps)
"""Of coordinates: far from the origin it is more than a share of the diameter."""


class Disk(Fixed):
    """The closed disk {x : |x - centre| <= radius}.

    Parameters
    ----------
    radius : float
        In the units of the coordinates.
    centre : array_like, (2,)

    Attributes
    ----------
    perimeter, diameter : float

    Raises
    ------
    ValueError, TypeError
        A radius that is not positive, a centre that is no point of the plane.
    """

    def __init__(self, radius: float = 1.0, centre: ArrayLike = (0.0, 0.0)):
        self.radius = positive("radius", radius)
        self.centre = array("centre", centre, (2,))
        self.perimeter = 2.0 * np.pi * self.radius
        self.diameter = 2.0 * self.radius
        self._rounding = _ROUNDING * (float(np.abs(self.centre).max()) + self.radius)

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Which rows of ``points`` (m, 2) lie in the closed disk, (m,)."""
        x = array("points", points, (None, 2)) - self.centre
        reach = self.radius + max(_CLOSED * self.diameter, self._rounding)
        return np.asarray(np.hypot(x[:, 0], x[:, 1]) <= reach)

    def boundary(self, fraction: ArrayLike) -> tuple[Array, Array]:
        """Boundary points (m, 2) and unit inward normals (m, 2) at ``fraction`` (m,) of the way.

        The way round starts at angle 0 and runs counter-clockwise.
        """
        angle = 2.0 * np.pi * array("fraction", fraction, (None,))
        outward = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return self.centre + self.radius * outward, -outward

    def crossings(self, start: Array, direction: Array) -> Array:
        """Times t, ascending, at which lines start + t direction (m, 2) cross the circle, (m, 2).

        Infinite for a line that misses it, or touches it within the rounding.
        """
        x = start - self.centre
        along = (x * direction).sum(axis=1)
        nearest = x - along[:, None] * direction
        distance = np.hypot(nearest[:, 0], nearest[:, 1])
        square = self.radius**2 - (nearest**2).sum(axis=1)
        half = np.sqrt(np.maximum(square, 0.0))
        out: Array = np.stack([-along - half, -along + half], axis=1)
        out[distance >= self.radius - self._rounding] = np.inf
        return out

    def __repr__(self) -> str:
        where = "" if not self.centre.any() else f", centre={tuple(self.centre.tolist())}"
        return f"Disk(radius={self.radius:g}{where})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Disk)
            and self.radius == other.radius
            and np.array_equal(self.centre, other.centre)
        )

    def __hash__(self) -> int:
        return hash((self.radius, *self.centre.tolist()))


class Polygon(Fixed):
    """The closed inside of a simple polygon, convex or not.

    Parameters
    ----------
    vertices : array_like, (n, 2)
        In the order of the boundary, in either sense; the last is joined to the first.

    Attributes
    ----------
    vertices : ndarray, (n, 2)
        Counter-clockwise, beginning with the first vertex given.
    centre : ndarray, (2,)
        The middle of the bounding box.
    perimeter, diameter : float
        The diameter is that of the bounding box.
    area : float

    Raises
    ------
    ValueError, TypeError
        Fewer than three vertices, an edge of length zero, edges that cross, touch or turn back.
    """

    def __init__(self, vertices: ArrayLike):
        v = array("vertices", vertices, (None, 2))
        require_simple(v)
        x, y = (v - v[0]).T
        self.area = float(0.5 * (x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
        if self.area < 0:
            v, self.area = np.roll(v[::-1], 1, axis=0), -self.area
        self.vertices = v
        low, high = v.min(axis=0), v.max(axis=0)
        self.centre: Array = 0.5 * (low + high)
        self.diameter = float(np.linalg.norm(high - low))
        self._edges: Array = np.roll(v, -1, axis=0) - v
        self._lengths: Array = np.linalg.norm(self._edges, axis=1)
        self.perimeter = float(self._lengths.sum())
        self._slack = max(_CLOSED * self.diameter, _ROUNDING * float(np.abs(v).max()))

    @classmethod
    def from_curve(cls, gamma: Callable[[Array], ArrayLike], n: int) -> Self:
        """Return the polygon of ``n`` points of a closed curve.

        Parameters
        ----------
        gamma : callable
            Takes s (n,) in [0, 1), equally spaced, and returns points (n, 2).
        n : int
            The domain's boundary is off by O(n^-2) for a smooth curve.
        """
        count = integer("n", n, 3)
        if not callable(gamma):
            raise TypeError(f"gamma must be a function, got {short(gamma)}")
        return cls(array("gamma", called("gamma", gamma, np.arange(count) / count), (count, 2)))

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Which rows of ``points`` (m, 2) lie in the closed polygon, (m,)."""
        x = array("points", points, (None, 2))
        right = np.broadcast_to([1.0, 0.0], x.shape)
        beyond = self.crossings(x, right)
        odd = ((beyond > 0) & np.isfinite(beyond)).sum(axis=1) % 2 == 1
        return np.asarray(odd | (self._distance(x) <= self._slack))

    def boundary(self, fraction: ArrayLike) -> tuple[Array, Array]:
        """Boundary points (m, 2) and unit inward normals (m, 2) at ``fraction`` (m,) of the way.

        The way round starts at the first vertex and runs counter-clockwise, by length.
        """
        way = np.mod(array("fraction", fraction, (None,)), 1.0) * self.perimeter
        ends = np.cumsum(self._lengths)
        edge = np.minimum(np.searchsorted(ends, way, side="right"), len(ends) - 1)
        tangent = self._edges[edge] / self._lengths[edge, None]
        left = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
        start = ends[edge] - self._lengths[edge]
        return self.vertices[edge] + (way - start)[:, None] * tangent, left

    def crossings(self, start: Array, direction: Array) -> Array:
        """Times t, ascending, at which lines start + t direction (m, 2) cross the boundary, (m, k).

        Their number is even; rows are filled up with infinities. Edges belong to the polygon: a
        line along one crosses at both its ends, whichever side of it is inside. Vertices that a
        line touches from outside are no crossings.
        """
        return crossings_of_edges(self.vertices, start, direction, self._slack)

    def _distance(self, points: Array) -> Array:
        """Distances of points (m, 2) to the boundary, (m,)."""
        out = np.full(len(points), np.inf)
        squares = self._lengths**2
        for vertex, edge, square in zip(self.vertices, self._edges, squares, strict=True):
            at = np.clip((points - vertex) @ edge / square, 0.0, 1.0)
            gap = points - vertex - at[:, None] * edge
            np.minimum(out, np.hypot(gap[:, 0], gap[:, 1]), out=out)
        return out

    def __repr__(self) -> str:
        return f"Polygon({len(self.vertices)} vertices)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polygon) and np.array_equal(self.vertices, other.vertices)

    def __hash__(self) -> int:
        return hash(self.vertices.tobytes())


PlaneDomain = Disk | Polygon


def check_plane_domain(name: str, value: Any) -> PlaneDomain:
    """Return ``value`` if it is a Disk or a Polygon."""
    if not isinstance(value, PlaneDomain):
        raise TypeError(f"{name} must be a m4dl Disk or Polygon, got {type(value).__name__}")
    return value
