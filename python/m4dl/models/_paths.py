"""From rays and a field's mesh or basis to the compiled paths: steps, points, weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._base.validate import Array, choice, positive
from ..domains import Grid, TriangleMesh
from ..rays import RayFamily, RayQuadrature, Rays, ZernikeBasis, check_rays

Indices = NDArray[np.int64]


def check_field(field: Any, at: str) -> tuple[Any, str | None]:
    """Return (domain, at) of a field on a plane mesh, or (None, None) for a basis."""
    if isinstance(field, ZernikeBasis):
        choice("at", at, ("nodes",))
        return None, None
    if not isinstance(field, Grid | TriangleMesh) or field.dim != 2:
        raise TypeError(
            f"field must be a Grid in the plane, a TriangleMesh or a ZernikeBasis, got {field!r}"
        )
    return field, choice("at", at, ("nodes", "cells") if isinstance(field, Grid) else ("nodes",))


def make_paths(rays: Any, field: Any, at: str, step: float | None) -> tuple[Any, RayQuadrature]:
    """Return the compiled paths with the quadrature they stand for.

    Without a ``step``, rays are cut where they pass from cell to cell.
    """
    family = check_rays("rays", rays)
    quadrature = cell_by_cell(family, field) if step is None else family.quadrature(step)
    node, weight = sampling(field, at, quadrature.points)
    weight = np.where(quadrature.inside[:, None], weight, 0.0)
    size = field.size if isinstance(field, ZernikeBasis) else field.size_of(at)
    core = _core.Paths(
        first=quadrature.first, width=quadrature.width, nodes=size, node=node, weight=weight
    )
    return core, quadrature


def default_step(field: Any) -> float:
    """About the size of a cell, or of the shortest oscillation of a basis."""
    if isinstance(field, Grid):
        return float(min(field.spacing))
    if isinstance(field, ZernikeBasis):
        return 1.0 / (field.max_degree + 2.0)
    ends = field.points[_edges(field)]
    return float(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).mean())


def step_or_default(step: float | None, field: Any) -> float:
    """A positive step; by default one that suits the field."""
    return default_step(field) if step is None else positive("step", step)


def sampling(field: Any, at: str, points: Array) -> tuple[Indices, Array]:
    """Return nodes and weights (P, entries) of the field at points (P, 2)."""
    if isinstance(field, ZernikeBasis):
        weight = field.evaluate(points)
        return np.broadcast_to(np.arange(field.size), weight.shape), weight
    if isinstance(field, Grid):
        outside = np.flatnonzero(~field.contains(points))
        if outside.size:
            x, y = points[outside[0]].tolist()
            raise ValueError(f"rays must lie in the field's {field!r}, got ({x!r}, {y!r})")
        if at == "cells":
            return _pixels(field, points)
        return tuple(field.core.interpolate(points))
    node, weight = field.core.interpolate(points)
    missing = np.flatnonzero(weight.sum(axis=1) == 0.0)
    if missing.size:
        node[missing], weight[missing] = _at_the_boundary(field, points[missing])
    return node, weight


def _pixels(grid: Grid, points: Array) -> tuple[Indices, Array]:
    """The cell of each point; a point between two cells, up to rounding, belongs half to each."""
    low, high = np.array(grid.extent).T
    width, most = np.asarray(grid.spacing), np.asarray(grid.cells) - 1
    place = (points - low) / width
    line = np.rint(place)
    rounding = 8.0 * np.finfo(np.float64).eps * np.maximum(np.abs(low), np.abs(high)) / width
    between = (np.abs(place - line) <= 1e-12 + rounding) & (line > 0) & (line <= most)
    before = np.clip(np.where(between, line - 1.0, np.floor(place)).astype(np.int64), 0, most)
    if not between.any():
        return np.ravel_multi_index(tuple(before.T), grid.cells)[:, None], np.ones((len(points), 1))
    after = before + between
    ends = np.stack([before, after])  # (2, P, 2)
    node = [
        np.ravel_multi_index((ends[i, :, 0], ends[j, :, 1]), grid.cells)
        for i in range(2)
        for j in range(2)
    ]
    return np.stack(node, axis=1), np.full((len(points), 4), 0.25)


def _at_the_boundary(mesh: TriangleMesh, points: Array) -> tuple[Indices, Array]:
    """Values at the nearest points of the boundary, for points between it and a curved domain."""
    edges = _edges(mesh, boundary=True)
    start, along = mesh.points[edges[:, 0]], np.diff(mesh.points[edges], axis=1)[:, 0]
    node, weight = np.zeros((len(points), 3), np.int64), np.zeros((len(points), 3))
    chunk = max(1, 2_000_000 // len(edges))
    for first in range(0, len(points), chunk):
        x = points[first : first + chunk, None] - start
        t = np.clip((x * along).sum(axis=2) / (along**2).sum(axis=1), 0.0, 1.0)
        distance = np.linalg.norm(x - t[..., None] * along, axis=2)
        nearest = distance.argmin(axis=1)
        row = np.arange(len(nearest))
        far = distance[row, nearest] > 0.5 * np.linalg.norm(along[nearest], axis=1)
        if far.any():
            px, py = points[first + np.flatnonzero(far)[0]].tolist()
            raise ValueError(f"rays must lie in the field's {mesh!r}, got ({px!r}, {py!r})")
        node[first + row, :2] = edges[nearest]
        weight[first + row, 0] = 1.0 - t[row, nearest]
        weight[first + row, 1] = t[row, nearest]
    return node, weight


def cell_by_cell(rays: RayFamily, field: Any) -> RayQuadrature:
    """Steps that end where a straight ray leaves a cell: within each, the field is smooth."""
    if not isinstance(rays, Rays):
        raise ValueError(f"step must be given for rays that are not straight, as {rays}")
    if isinstance(field, ZernikeBasis):
        raise ValueError("step must be given for a field in a basis, which has no cells")
    crossings = _grid_crossings if isinstance(field, Grid) else _edge_crossings
    return rays.cut(*crossings(rays, field))


def _grid_crossings(rays: Rays, grid: Grid) -> tuple[Indices, Array]:
    parts = []
    for axis in range(2):
        low, high = grid.extent[axis]
        lines = np.linspace(low, high, grid.cells[axis] + 1)
        moving = np.flatnonzero(rays.direction[:, axis] != 0.0)
        t = (lines - rays.start[moving, axis, None]) / rays.direction[moving, axis, None]
        parts.append((np.repeat(moving, len(lines)), t.ravel()))
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _edge_crossings(rays: Rays, mesh: TriangleMesh) -> tuple[Indices, Array]:
    edges = _edges(mesh)
    start, along = mesh.points[edges[:, 0]], np.diff(mesh.points[edges], axis=1)[:, 0]
    chunk = max(1, 2_000_000 // len(edges))
    found, times = [], []
    for first in range(0, len(rays), chunk):
        x = start - rays.start[first : first + chunk, None]
        v = rays.direction[first : first + chunk, None]
        with np.errstate(divide="ignore", invalid="ignore"):  # edges parallel to the ray
            over = v[..., 0] * along[:, 1] - v[..., 1] * along[:, 0]
            t = (x[..., 0] * along[:, 1] - x[..., 1] * along[:, 0]) / over
            s = (x[..., 0] * v[..., 1] - x[..., 1] * v[..., 0]) / over
            row, edge = np.nonzero((s > -1e-12) & (s < 1.0 + 1e-12) & np.isfinite(t))
        found.append(first + row)
        times.append(t[row, edge])
    return np.concatenate(found), np.concatenate(times)


def _edges(mesh: TriangleMesh, boundary: bool = False) -> Indices:
    """Pairs of nodes (E, 2) of the edges; those of the boundary belong to one triangle."""
    pairs = np.sort(mesh.cells[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges, count = np.unique(pairs, axis=0, return_counts=True)
    return np.asarray(edges[count == 1] if boundary else edges)
