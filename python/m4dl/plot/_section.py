"""Plane sections of fields in space: what a picture of a three-dimensional field shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._base.validate import Array, choice, number
from ..domains import Grid
from .canvas import dimension

AXES = ("x", "y", "z")

# Corners of the triangles in which a plane cuts a tetrahedron, its nodes above the plane first:
# each is a point on the edge between two nodes. One or three nodes above give a triangle, two a
# quadrilateral.
_TRIANGLES = {
    1: (((0, 1), (0, 2), (0, 3)),),
    2: (((0, 2), (0, 3), (1, 3)), ((0, 2), (1, 3), (1, 2))),
    3: (((0, 3), (1, 3), (2, 3)),),
}


@dataclass(frozen=True)
class Picture:
    """A field in the plane: on a 2-D grid, or on triangles that share no corners."""

    values: Array
    domain: Any
    at: str
    names: tuple[str, ...] = AXES[:2]


@dataclass(frozen=True)
class Triangles:
    """What a picture needs of a mesh."""

    points: Array
    cells: NDArray[np.int64]


def picture(name: str, values: Array, domain: Any, at: str, plane: Any) -> Picture:
    """Return the field itself in one and two dimensions, in three its values on ``plane``."""
    if dimension(domain) < 3:
        if plane is not None:
            raise ValueError(
                f"plane cuts fields in 3 dimensions, {name} lives in {dimension(domain)}"
            )
        return Picture(values, domain, at)
    if plane is None:
        raise ValueError(
            f"{name} lives in 3 dimensions, at most 2 can be drawn: "
            "pass plane=('z', 0.5), say, to draw its values there"
        )
    if not isinstance(plane, tuple) or len(plane) != 2:
        raise ValueError(f"plane must be (axis, coordinate), got {plane!r}")
    axis = AXES.index(choice("plane[0]", plane[0], AXES))
    level = number("plane[1]", plane[1])
    places = domain.axes(at)[axis] if isinstance(domain, Grid) else domain.points[:, axis]
    ends = domain.extent[axis] if at == "cells" and isinstance(domain, Grid) else places
    if not min(ends) <= level <= max(ends):
        raise ValueError(
            f"plane must have {plane[0]} between {min(ends):g} and {max(ends):g}, got {level:g}"
        )
    names = AXES[:axis] + AXES[axis + 1 :]
    cut = _grid if isinstance(domain, Grid) else _tetrahedra
    drawn, flat = cut(values, domain, at, axis, level)
    return Picture(drawn, flat, at, names)


def _grid(values: Array, grid: Grid, at: str, axis: int, level: float) -> tuple[Array, Grid]:
    places = grid.axes(at)[axis]
    distance = np.abs(places - level)
    if at == "cells":
        weight = np.eye(len(places))[distance.argmin()]
    else:
        weight = np.maximum(0.0, 1.0 - distance / grid.spacing[axis])
    plane = np.tensordot(values.reshape(grid.shape_of(at)), weight, axes=(axis, 0))
    rest = [a for a in range(3) if a != axis]
    flat = Grid([grid.cells[a] for a in rest], [grid.extent[a] for a in rest])
    return plane.ravel(), flat


def _tetrahedra(
    values: Array, mesh: Any, at: str, axis: int, level: float
) -> tuple[Array, Triangles]:
    height = mesh.points[:, axis] - level
    if not (height < 0).any():  # the lowest face of the mesh: look from below
        height = -height
    above = height >= 0
    place = np.delete(mesh.points, axis, axis=1)
    count = above[mesh.cells].sum(axis=1)
    points, drawn = [], []
    for k, triangles in _TRIANGLES.items():
        chosen = np.flatnonzero(count == k)
        cells = mesh.cells[chosen]
        order = np.argsort(~above[cells], axis=1, kind="stable")
        cells = np.take_along_axis(cells, order, axis=1)
        for triangle in triangles:
            i, j = np.array([[cells[:, p], cells[:, q]] for p, q in triangle]).transpose(1, 2, 0)
            t = height[i] / (height[i] - height[j])  # (chosen, 3): height 0 on the edge from i to j
            points.append((1 - t)[..., None] * place[i] + t[..., None] * place[j])
            drawn.append((1 - t) * values[i] + t * values[j] if at == "nodes" else values[chosen])
    corners = np.concatenate(points).reshape(-1, 2)
    section = Triangles(corners, np.arange(len(corners)).reshape(-1, 3))
    return np.concatenate(drawn).ravel(), section
