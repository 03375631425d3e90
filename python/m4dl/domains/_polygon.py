"""Edges of polygons against lines and against each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._base.validate import Array

_CHUNK = 2**22
"""Pairs (line, edge) or (edge, edge) that are held at once."""


def crossings_of_edges(vertices: Array, start: Array, direction: Array, touch: float) -> Array:
    """Times t, ascending, at which lines (m, 2) enter and leave a closed polygon, (m, k).

    Vertices no farther than ``touch`` from a line lie on it. There the line counts as what lines
    just to its left and just to its right have together, so that an edge belongs to the polygon
    whichever side of it is inside, and a vertex touched from outside does not.
    """
    lines = max(1, _CHUNK // len(vertices))
    parts = [
        _crossings(vertices, start[i : i + lines], direction[i : i + lines], touch)
        for i in range(0, len(start), lines)
    ]
    width = max((part.shape[1] for part in parts), default=2)
    fill = [_widened(p, width) for p in parts] or [np.empty((0, width))]
    return np.concatenate(fill)


def _widened(times: Array, width: int) -> Array:
    """Rows filled up with infinities."""
    return np.pad(times, ((0, 0), (0, width - times.shape[1])), constant_values=np.inf)


def _crossings(vertices: Array, start: Array, direction: Array, touch: float) -> Array:
    apart = vertices[None] - start[:, None]  # (m, n, 2)
    v = direction[:, None]
    height = v[..., 0] * apart[..., 1] - v[..., 1] * apart[..., 0]
    height[np.abs(height) <= touch] = 0.0
    along = (v * apart).sum(axis=2)
    times = _passages(height, along, height > 0)
    on = np.flatnonzero((height == 0).any(axis=1))
    if on.size:
        right = _passages(height[on], along[on], height[on] >= 0)
        both = _union(times[on], right)
        width = max(times.shape[1], both.shape[1])
        times = _widened(times, width)
        times[on] = _widened(both, width)
    used = int(np.isfinite(times).sum(axis=1).max(initial=0))
    return times[:, : max(2, used)]


def _passages(height: Array, along: Array, left: NDArray[np.bool_]) -> Array:
    """Times at which the boundary passes from one side to the other, (m, even)."""
    height_after, along_after = np.roll(height, -1, axis=1), np.roll(along, -1, axis=1)
    crossed = left != np.roll(left, -1, axis=1)
    share = np.divide(height, height - height_after, out=np.zeros_like(height), where=crossed)
    times = np.where(height_after == 0, along_after, along + share * (along_after - along))
    times = np.where(crossed, times, np.inf)
    width = max(2, int(crossed.sum(axis=1).max(initial=0)))
    return np.asarray(np.sort(times, axis=1)[:, :width])


def _union(a: Array, b: Array) -> Array:
    """The union of intervals [t_0, t_1], [t_2, t_3], ... of two families, without single points."""
    times = np.concatenate([a, b], axis=1)
    leaves = np.concatenate([np.arange(a.shape[1]) % 2, np.arange(b.shape[1]) % 2])
    order = np.lexsort((np.broadcast_to(leaves, times.shape), times), axis=1)  # enters first
    times = np.take_along_axis(times, order, axis=1)
    step = np.where(leaves[order] == 0, 1, -1)
    after = np.cumsum(step, axis=1)
    kept = ((after == 1) & (step == 1)) | (after == 0)
    pairs = np.sort(np.where(kept, times, np.inf), axis=1).reshape(len(times), -1, 2)
    pairs[pairs[..., 0] == pairs[..., 1]] = np.inf  # a point
    return np.asarray(np.sort(pairs.reshape(len(times), -1), axis=1))


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
