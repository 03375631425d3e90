"""Edges of polygons against lines and against each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._validate import Array

_CHUNK = 2**22
"""Pairs (line, edge) or (edge, edge) that are held at once."""


def crossings_of_edges(vertices: Array, start: Array, direction: Array) -> Array:
    """Times t, ascending, at which lines (m, 2) cross the edges of a closed polygon, (m, k).

    A vertex on the line counts as on its right, so that each line crosses an even number of edges.
    """
    lines = max(1, _CHUNK // len(vertices))
    parts = [
        _crossings(vertices, start[i : i + lines], direction[i : i + lines])
        for i in range(0, len(start), lines)
    ]
    width = max((part.shape[1] for part in parts), default=2)
    fill = [
        np.pad(p, ((0, 0), (0, width - p.shape[1])), constant_values=np.inf) for p in parts
    ] or [np.empty((0, width))]
    return np.concatenate(fill)


def _crossings(vertices: Array, start: Array, direction: Array) -> Array:
    apart = vertices[None] - start[:, None]  # (m, n, 2)
    v = direction[:, None]
    height = v[..., 0] * apart[..., 1] - v[..., 1] * apart[..., 0]
    along = (v * apart).sum(axis=2)
    following = np.roll(height, -1, axis=1)
    crossed = (height > 0) != (following > 0)
    share = np.divide(height, height - following, out=np.zeros_like(height), where=crossed)
    times = np.where(crossed, along + share * (np.roll(along, -1, axis=1) - along), np.inf)
    width = max(2, int(crossed.sum(axis=1).max(initial=0)))
    return np.asarray(np.sort(times, axis=1)[:, :width])


def require_simple(v: Array) -> None:
    """Raise unless the closed polygon through the vertices (n, 2) is simple."""
    n = len(v)
    if n < 3:
        raise ValueError(f"vertices must hold at least three points, got {n}")
    edge = np.roll(v, -1, axis=0) - v
    short = np.flatnonzero((edge == 0).all(axis=1))
    if short.size:
        raise ValueError(
            f"vertices {short[0]} and {(short[0] + 1) % n} must differ, got {v[short[0]]}"
        )
    following = np.roll(edge, -1, axis=0)
    back = (_cross(edge, following) == 0) & ((edge * following).sum(axis=1) < 0)
    if back.any():
        at = (int(np.flatnonzero(back)[0]) + 1) % n
        raise ValueError(f"vertices must bound a simple polygon, it turns back at vertex {at}")
    rows = max(1, _CHUNK // n)
    for first in range(0, n, rows):
        i = np.arange(first, min(first + rows, n))
        met = _meet(v, i)
        if met.any():
            a, b = np.argwhere(met)[0]
            raise ValueError(f"vertices must bound a simple polygon, edges {i[a]} and {b} meet")


def _meet(v: Array, i: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the edges ``i`` meet which edges of the polygon that are no neighbours of theirs."""
    n = len(v)
    w = np.roll(v, -1, axis=0)
    a, b, c, d = v[i, None], w[i, None], v[None], w[None]
    apart = _cross(b - a, c - a) * _cross(b - a, d - a) > 0
    apart |= _cross(d - c, a - c) * _cross(d - c, b - c) > 0
    # Of edges on one line, only the boxes tell.
    low, high = np.minimum(v, w), np.maximum(v, w)
    apart |= ((low[i, None] > high[None]) | (low[None] > high[i, None])).any(axis=2)
    step = (np.arange(n) - i[:, None]) % n
    return np.asarray(~apart & (step > 1) & (step < n - 1))


def _cross(a: Array, b: Array) -> Array:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])
