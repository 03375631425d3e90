"""What of a stored array an index asks for, read in whole chunks."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_basic(key: Any) -> bool:
    return isinstance(key, slice | int | np.integer)


def plan(items: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[list[Any], tuple[Any, ...]]:
    """Say what to read along each axis, and the key that is left to be applied to it."""
    parts: list[Any] = []
    for key in items:
        if key is None or key is Ellipsis or is_basic(key):
            parts.append(key)
            continue
        array = np.asarray(key)
        # a mask means the places where it is true; [] is an array of no integers
        parts += array.nonzero() if array.dtype == bool else [array.astype(np.intp)]
    axes = sum(key is not None and key is not Ellipsis for key in parts)
    rest = [slice(None)] * (len(shape) - axes)
    if not any(key is Ellipsis for key in parts):
        parts.append(Ellipsis)
    where = next(i for i, key in enumerate(parts) if key is Ellipsis)
    parts[where : where + 1] = rest
    selection: list[Any] = []
    left: list[Any] = []
    for key in parts:
        if key is None:
            left.append(None)
            continue
        read, then = _along_axis(key, shape[len(selection)])
        selection.append(read)
        left.append(then)
    return selection, tuple(left)


def _along_axis(key: Any, size: int) -> tuple[Any, Any]:
    if isinstance(key, slice):
        taken = range(size)[key]
        if not taken:
            return slice(0, 0), slice(None)
        low, high = min(taken[0], taken[-1]), max(taken[0], taken[-1])
        return slice(low, high + 1, abs(taken.step)), slice(None, None, 1 if taken.step > 0 else -1)
    if not isinstance(key, np.ndarray) or key.ndim == 0:
        at = operator.index(key if not isinstance(key, np.ndarray) else key[()]) % size
        return slice(at, at + 1), 0
    places, then = np.unique(key % size, return_inverse=True)
    then = then.reshape(key.shape)
    if not places.size:
        return slice(0, 0), then
    if places[-1] - places[0] + 1 == places.size:
        return slice(int(places[0]), int(places[-1]) + 1), then
    return places, then


def read(source: Any, selection: list[Any]) -> NDArray[Any]:
    """Read a box, some of whose axes are picked by sorted places."""
    if all(isinstance(s, slice) for s in selection):
        return np.asarray(source[tuple(selection)])
    if hasattr(source, "oindex"):  # Zarr: reads the chunks that have them
        return np.asarray(source.oindex[tuple(selection)])
    box = [s if isinstance(s, slice) else slice(int(s[0]), int(s[-1]) + 1) for s in selection]
    inside = [slice(None) if isinstance(s, slice) else s - s[0] for s in selection]
    out = np.asarray(source[tuple(box)])
    for axis, places in enumerate(inside):
        out = out[(slice(None),) * axis + (places,)]
    return out
