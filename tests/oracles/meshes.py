"""Grids and triangulations: coordinates, boundary, interpolation at points, element matrices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Box:
    """Equal cells on a box in 1 to 3 dimensions; ``extent`` is the unit box unless given."""

    cells: tuple[int, ...]
    extent: tuple[tuple[float, float], ...] | None = None

    @property
    def dim(self) -> int:
        return len(self.cells)

    @property
    def bounds(self) -> Array:
        """(d, 2) lower and upper end of each axis."""
        return np.array(self.extent or ((0.0, 1.0),) * self.dim, dtype=float)

    @property
    def spacing(self) -> Array:
        """(d,) cell width along each axis."""
        return (self.bounds[:, 1] - self.bounds[:, 0]) / np.array(self.cells)

    def axes(self, at: str) -> list[Array]:
        """One-dimensional coordinates along each axis: ``at`` is "nodes", "interior" or "cells"."""
        out = []
        for n, h, (low, _) in zip(self.cells, self.spacing, self.bounds, strict=True):
            steps = {
                "nodes": np.arange(n + 1),
                "interior": np.arange(1, n),
                "cells": np.arange(n) + 0.5,
            }
            out.append(low + h * steps[at])
        return out

    def coordinates(self, at: str) -> Array:
        """(D, d) coordinates, x slow."""
        return np.stack([x.ravel() for x in np.meshgrid(*self.axes(at), indexing="ij")], axis=1)

    @property
    def shape(self) -> tuple[int, ...]:
        """Nodes along each axis."""
        return tuple(n + 1 for n in self.cells)

    @property
    def boundary(self) -> NDArray[np.bool_]:
        """(P,) True at nodes on the boundary."""
        mask = np.ones(self.shape, dtype=bool)
        mask[(slice(1, -1),) * self.dim] = False
        return mask.ravel()

    @property
    def corners(self) -> NDArray[np.int64]:
        """(E, 2^d) nodes of each cell, cells and corners in C order."""
        rows = []
        for cell in np.ndindex(*self.cells):
            rows.append(
                [
                    int(np.ravel_multi_index(tuple(np.add(cell, bit)), self.shape))
                    for bit in itertools.product((0, 1), repeat=self.dim)
                ]
            )
        return np.array(rows)

    def interpolation(self, points: ArrayLike) -> Any:
        """Sparse (m, P): multilinear interpolation of nodal values at points (m, d)."""
        points = np.atleast_2d(np.asarray(points, dtype=float))
        out = sp.lil_array((len(points), int(np.prod(self.shape))))
        for row, point in enumerate(points):
            position = (point - self.bounds[:, 0]) / self.spacing
            cell = np.minimum(position.astype(int), np.array(self.cells) - 1)
            t = position - cell
            for bit in itertools.product((0, 1), repeat=self.dim):
                weight = np.prod(np.where(bit, t, 1.0 - t))
                out[row, np.ravel_multi_index(tuple(cell + bit), self.shape)] += weight
        return out.tocsr()

    def element_matrices(self) -> tuple[Array, Array]:
        """Q1 stiffness and mass (2^d, 2^d) of a cell by the two-point Gauss rule (exact here)."""
        corners = list(itertools.product((0, 1), repeat=self.dim))
        stiffness = np.zeros((len(corners), len(corners)))
        mass = np.zeros_like(stiffness)
        gauss = 0.5 + np.array([-0.5, 0.5]) / np.sqrt(3.0)
        weight = np.prod(self.spacing) / 2.0**self.dim
        for point in itertools.product(gauss, repeat=self.dim):
            factors = np.array([np.where(bit, point, np.subtract(1.0, point)) for bit in corners])
            value = factors.prod(axis=1)
            slope = np.zeros((self.dim, len(corners)))
            for axis in range(self.dim):
                others = np.delete(factors, axis, axis=1).prod(axis=1)
                sign = np.array([1.0 if bit[axis] else -1.0 for bit in corners])
                slope[axis] = sign * others / self.spacing[axis]
            mass += weight * np.outer(value, value)
            stiffness += weight * slope.T @ slope
        return stiffness, mass


@dataclass(frozen=True)
class Triangulation:
    """Simplices ``cells`` (T, d + 1) over ``points`` (P, d), d = 2 or 3, in either orientation."""

    points: Array
    cells: NDArray[np.int64]

    @property
    def dim(self) -> int:
        return int(self.points.shape[1])

    @property
    def boundary(self) -> NDArray[np.bool_]:
        """(P,) True at nodes of faces that belong to one cell only."""
        count: dict[tuple[int, ...], int] = {}
        for cell in self.cells:
            for face in itertools.combinations(sorted(cell), self.dim):
                count[face] = count.get(face, 0) + 1
        mask = np.zeros(len(self.points), dtype=bool)
        for face, times in count.items():
            if times == 1:
                mask[list(face)] = True
        return mask

    def systems(self) -> Array:
        """(T, d + 1, d + 1) matrices [1 x] with a row for each corner of a cell.

        The columns of the inverse are the coefficients of the hat functions.
        """
        corners = self.points[self.cells]
        return np.concatenate([np.ones((*corners.shape[:2], 1)), corners], axis=2)

    @property
    def measures(self) -> Array:
        """(T,) areas or volumes."""
        return np.abs(np.linalg.det(self.systems())) / math.factorial(self.dim)

    def element_matrices(self) -> tuple[Array, Array]:
        """P1 stiffness and mass of each cell, both (T, d + 1, d + 1)."""
        d = self.dim
        slopes = np.linalg.inv(self.systems())[:, 1:]
        size = self.measures[:, None, None]
        stiffness = size * np.einsum("tap,taq->tpq", slopes, slopes)
        return stiffness, size / ((d + 1) * (d + 2)) * (np.ones((d + 1, d + 1)) + np.eye(d + 1))

    def interpolation(self, points: ArrayLike) -> Any:
        """Sparse (m, P): linear interpolation at points (m, d); all cells are tried."""
        points = np.atleast_2d(np.asarray(points, dtype=float))
        inverse = np.linalg.inv(self.systems()).transpose(0, 2, 1)
        out = sp.lil_array((len(points), len(self.points)))
        for row, point in enumerate(points):
            barycentric = inverse @ np.r_[1.0, point]
            best = int(np.argmax(barycentric.min(axis=1)))
            if barycentric[best].min() < -1e-12:
                raise ValueError(f"point {point} is outside the triangulation")
            for node, weight in zip(self.cells[best], barycentric[best], strict=True):
                out[row, node] += weight
        return out.tocsr()


def disk_triangulation(rings: int, radius: float = 1.0) -> Triangulation:
    """Concentric triangulation of a disk: ring k has 6k nodes at radius ``radius * k / rings``."""
    first = [0] + [1 + 3 * k * (k - 1) for k in range(1, rings + 1)]
    points = [(0.0, 0.0)]
    for k in range(1, rings + 1):
        angle = 2.0 * np.pi * np.arange(6 * k) / (6 * k)
        points += list(zip(np.cos(angle) * k / rings, np.sin(angle) * k / rings, strict=True))

    def node(ring: int, position: int) -> int:
        return first[ring] + position % (6 * ring) if ring else 0

    cells = []
    for k in range(1, rings + 1):
        for sector in range(6):
            for j in range(k):
                outer, inner = sector * k + j, sector * (k - 1) + j
                cells.append((node(k, outer), node(k, outer + 1), node(k - 1, inner)))
                if j < k - 1:
                    cells.append((node(k - 1, inner), node(k, outer + 1), node(k - 1, inner + 1)))
    return Triangulation(radius * np.array(points), np.array(cells))


def square_triangulation(n: int, warp: Callable[[Array], Array] | None = None) -> Triangulation:
    """Unit square in ``2 n^2`` triangles, alternating diagonals; ``warp`` maps points (P, 2)."""
    box = Box((n, n))
    points = box.coordinates("nodes")
    cells = []
    for (i, j), (a, b, c, d) in zip(np.ndindex(n, n), box.corners, strict=True):
        # corners: a = (0, 0), b = (0, 1), c = (1, 0), d = (1, 1)
        cells += [(a, c, d), (a, d, b)] if (i + j) % 2 else [(a, c, b), (b, c, d)]
    return Triangulation(points if warp is None else warp(points), np.array(cells))


def cube_triangulation(n: int, warp: Callable[[Array], Array] | None = None) -> Triangulation:
    """Unit cube in ``6 n^3`` tetrahedra; ``warp`` maps points (P, 3).

    Each small cube is cut by the orders of its coordinates, x < y < z and so on (Kuhn).
    """
    box = Box((n, n, n))
    points = box.coordinates("nodes")
    cells = []
    for cube in box.corners:
        corner = cube.reshape(2, 2, 2)
        for first, second in itertools.permutations(range(3), 2):
            one, two = np.zeros(3, dtype=int), np.zeros(3, dtype=int)
            one[first] = two[first] = two[second] = 1
            cells.append((corner[0, 0, 0], corner[tuple(one)], corner[tuple(two)], cube[-1]))
    return Triangulation(points if warp is None else warp(points), np.array(cells))
