"""Meshes: a box cut into equal cells, and triangles of a plane domain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._validate import Array, array, choice, integer, number

LOCATIONS = ("nodes", "interior", "cells")


class Grid:
    """A box cut into equal cells, in one to three dimensions.

    Fields on a grid are vectors in C order of (x, y, z): the *first* coordinate runs slowest, so
    ``field.reshape(grid.shape_of("nodes"))[i, j]`` is the value at ``(x_i, y_j)``.

    Parameters
    ----------
    cells : sequence of int
        Number of cells along each axis, e.g. ``(32, 32)``: 33 x 33 nodes.
    extent : sequence of (low, high), optional
        The box; default the unit box.

    Raises
    ------
    ValueError, TypeError
        Fewer than one or more than three axes, a cell count below 1, an empty extent.
    """

    def __init__(self, cells: Sequence[int], extent: Sequence[Sequence[float]] | None = None):
        if np.ndim(cells) != 1 or not 1 <= len(cells) <= 3:
            raise ValueError(f"cells must be a sequence of one to three integers, got {cells!r}")
        self.cells = tuple(integer(f"cells[{a}]", n, 1) for a, n in enumerate(cells))
        nodes = math.prod(n + 1 for n in self.cells)
        if nodes > 2**31:
            raise ValueError(f"cells must give at most 2**31 nodes, got {nodes} for {self.cells}")
        if extent is None:
            extent = [(0.0, 1.0)] * len(self.cells)
        if not isinstance(extent, Sequence | np.ndarray) or len(extent) != len(self.cells):
            raise ValueError(f"extent must have {len(self.cells)} intervals, got {extent!r}")
        box = []
        for a, interval in enumerate(extent):
            if np.shape(interval) != (2,):
                raise ValueError(f"extent[{a}] must be (low, high), got {interval!r}")
            low, high = (number(f"extent[{a}]", v) for v in interval)
            if not low < high:
                raise ValueError(f"extent[{a}] must have low < high, got ({low}, {high})")
            box.append((low, high))
        self.extent = tuple(box)
        self.core = _core.Grid(list(self.cells), [low for low, _ in box], [high for _, high in box])

    @property
    def dim(self) -> int:
        """Number of axes."""
        return len(self.cells)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Width of a cell along each axis."""
        return tuple((b - a) / n for (a, b), n in zip(self.extent, self.cells, strict=True))

    @property
    def measure(self) -> float:
        """Length, area or volume of the box."""
        return float(np.prod([b - a for a, b in self.extent]))

    def shape_of(self, at: str) -> tuple[int, ...]:
        """Shape of a field at ``"nodes"``, ``"interior"`` (off the boundary) or ``"cells"``."""
        extra = {"nodes": 1, "interior": -1, "cells": 0}[choice("at", at, LOCATIONS)]
        return tuple(n + extra for n in self.cells)

    def size_of(self, at: str) -> int:
        """Number of values of a field at the given location."""
        return int(np.prod(self.shape_of(at)))

    def axes(self, at: str) -> list[Array]:
        """Coordinates along each axis of the places where a field's values sit."""
        choice("at", at, LOCATIONS)
        out: list[Array] = []
        for (low, high), n, h in zip(self.extent, self.cells, self.spacing, strict=True):
            if at == "cells":
                out.append(low + h * np.arange(0.5, n, dtype=np.float64))
            else:
                nodes: Array = np.linspace(low, high, n + 1, dtype=np.float64)
                out.append(nodes if at == "nodes" else nodes[1:-1])
        return out

    def coordinates(self, at: str = "nodes") -> Array:
        """Coordinates of those places, shape (size, dim), in the order of the field's values."""
        mesh = np.meshgrid(*self.axes(at), indexing="ij")
        return np.stack([x.ravel() for x in mesh], axis=1)

    def contains(self, points: Array) -> NDArray[np.bool_]:
        """Which rows of ``points`` (m, dim) lie in the closed box."""
        low, high = np.array(self.extent).T
        return np.asarray(((points >= low) & (points <= high)).all(axis=1))

    def __repr__(self) -> str:
        unit = all(e == (0.0, 1.0) for e in self.extent)
        return f"Grid({self.cells}{'' if unit else f', extent={self.extent}'})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grid) and (self.cells, self.extent) == (other.cells, other.extent)

    def __hash__(self) -> int:
        return hash((self.cells, self.extent))


class TriangleMesh:
    """A conforming triangle mesh of a plane domain.

    Parameters
    ----------
    points : array_like, (P, 2)
        Coordinates of the nodes.
    cells : array_like of int, (T, 3)
        Node indices of the triangles, in either orientation.

    Raises
    ------
    ValueError, TypeError
        Wrong shapes, indices outside the points, degenerate triangles, nodes in no triangle.
    """

    def __init__(self, points: ArrayLike, cells: ArrayLike):
        self.points = array("points", points, (None, 2)).copy()
        raw = np.asarray(cells)
        if raw.ndim != 2 or raw.shape[1:] != (3,) or not np.issubdtype(raw.dtype, np.integer):
            raise ValueError(
                f"cells must be integers of shape (any, 3), got {raw.dtype} of shape {raw.shape}"
            )
        self.cells = np.array(raw, dtype=np.int64, order="C")
        count = len(self.points)
        outside = (self.cells < 0) | (self.cells >= count)
        if outside.any():
            raise ValueError(
                f"cells must index the {count} points, got {self.cells[outside][0]} "
                f"in cell {np.argwhere(outside)[0][0]}"
            )
        flat = np.flatnonzero(self.areas <= 1e-14 * self.areas.max(initial=0.0))
        if flat.size:
            raise ValueError(f"cells must not be degenerate, got cell {flat[0]} of area 0")
        unused = np.setdiff1d(np.arange(count), self.cells)
        if unused.size:
            raise ValueError(f"every point must belong to a cell, point {unused[0]} does not")
        self.core = _core.TriangleMesh(self.points, self.cells)
        self.boundary: NDArray[np.int64] = np.flatnonzero(self.core.boundary())

    dim = 2

    @property
    def areas(self) -> Array:
        """Areas of the triangles, (T,)."""
        a, b, c = (self.points[self.cells[:, k]] for k in range(3))
        cross = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (
            c[:, 0] - a[:, 0]
        )
        return np.asarray(0.5 * np.abs(cross))

    @property
    def measure(self) -> float:
        """Area of the domain."""
        return float(self.areas.sum())

    def shape_of(self, at: str) -> tuple[int, ...]:
        """Shape of a field at ``"nodes"`` or ``"cells"``."""
        choice("at", at, ("nodes", "cells"))
        return (len(self.points),) if at == "nodes" else (len(self.cells),)

    def size_of(self, at: str) -> int:
        """Number of values of a field at the given location."""
        return self.shape_of(at)[0]

    def coordinates(self, at: str = "nodes") -> Array:
        """Nodes, or centroids of the cells; (size, 2)."""
        if choice("at", at, ("nodes", "cells")) == "nodes":
            return self.points
        return np.asarray(self.points[self.cells].mean(axis=1))

    def __repr__(self) -> str:
        return f"TriangleMesh({len(self.points)} points, {len(self.cells)} cells)"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TriangleMesh)
            and np.array_equal(self.points, other.points)
            and np.array_equal(self.cells, other.cells)
        )

    def __hash__(self) -> int:
        return hash((self.points.tobytes(), self.cells.tobytes()))


Mesh = Grid | TriangleMesh


def check_mesh(name: str, value: Any) -> Mesh:
    """Return ``value`` if it is a Grid or a TriangleMesh."""
    if not isinstance(value, Grid | TriangleMesh):
        raise TypeError(f"{name} must be a Grid or a TriangleMesh, got {type(value).__name__}")
    return value


def check_domain(domain: Any, at: Any, size: int) -> None:
    """Check that a field of ``size`` values can live on ``domain``; no domain, no check."""
    if domain is None and at is None:
        return
    if domain is None or at is None:
        raise ValueError(f"domain and at belong together, got domain={domain!r} and at={at!r}")
    count = check_mesh("domain", domain).size_of(at)
    if count != size:
        raise ValueError(f"domain must have {size} values at {at!r}, as theta has, got {count}")


def check_points(mesh: Mesh, points: ArrayLike) -> Array:
    """Return observation points as (m, dim), all inside the domain."""
    x = array("points", points, (None, mesh.dim))
    if len(x) == 0:
        raise ValueError("points must hold at least one point, got none")
    if isinstance(mesh, Grid):
        outside = np.flatnonzero(~mesh.contains(x))
        if outside.size:
            where = ", ".join(f"{v:g}" for v in x[outside[0]])
            raise ValueError(f"points: row {outside[0]} ({where}) lies outside the domain")
    return x  # on triangles, the core looks for the cell that holds each point
