"""A box cut into equal cells."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._base.fixed import Rebuilt
from .._base.validate import Array, array, choice, integer, number, sequence, shape_of, short

LOCATIONS = ("nodes", "interior", "cells")


class Grid(Rebuilt):
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
        counts = sequence("cells", cells, "one to three integers")
        if not 1 <= len(counts) <= 3:
            raise ValueError(
                f"cells must be a sequence of one to three integers, got {short(cells)}"
            )
        self.cells = tuple(integer(f"cells[{a}]", n, 1, None) for a, n in enumerate(counts))
        nodes = math.prod(n + 1 for n in self.cells)
        if nodes > 2**31:
            raise ValueError(f"cells must give at most 2**31 nodes, got {nodes} for {self.cells}")
        if extent is None:
            extent = [(0.0, 1.0)] * len(self.cells)
        intervals = sequence("extent", extent, "(low, high)")
        if len(intervals) != len(self.cells):
            raise ValueError(f"extent must have {len(self.cells)} intervals, got {short(extent)}")
        box = []
        for a, interval in enumerate(intervals):
            if shape_of(f"extent[{a}]", interval) != (2,):
                raise ValueError(f"extent[{a}] must be (low, high), got {short(interval)}")
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

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Which rows of ``points`` (m, dim) lie in the closed box, or next to it by rounding.

        That is 1e-10 of a cell, as on triangles, and a few units in the last place of its corners.
        """
        x = array("points", points, (None, self.dim))
        low, high = np.array(self.extent).T
        corner = np.maximum(np.abs(low), np.abs(high))
        slack = 1e-10 * np.array(self.spacing) + 4 * np.finfo(np.float64).eps * corner
        return np.asarray(((x >= low - slack) & (x <= high + slack)).all(axis=1))

    def __repr__(self) -> str:
        unit = all(e == (0.0, 1.0) for e in self.extent)
        return f"Grid({self.cells}{'' if unit else f', extent={self.extent}'})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grid) and (self.cells, self.extent) == (other.cells, other.extent)

    def __hash__(self) -> int:
        return hash((self.cells, self.extent))
