"""Named parts of a mesh: cells by their numbers, facets by their nodes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Indices = NDArray[np.int64]


def indices(name: str, value: ArrayLike, shape: tuple[int | None, ...], count: int) -> Indices:
    """Return ``value`` as integers in [0, count), of the given shape; None is any length."""
    raw = np.asarray(value)
    if raw.size == 0:
        raw = raw.astype(np.int64).reshape([0 if n is None else n for n in shape])
    fits = raw.ndim == len(shape) and all(
        want is None or want == got for want, got in zip(shape, raw.shape, strict=True)
    )
    if raw.dtype.kind not in "iu" or not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(
            f"{name} must be integers of shape ({wanted}), got {raw.dtype} of shape {raw.shape}"
        )
    outside = raw[(raw < 0) | (raw >= count)]
    if outside.size:
        raise ValueError(f"{name} must be in [0, {count}), got {outside[0]}")
    return raw.astype(np.int64)


def check_cell_groups(groups: Mapping[str, ArrayLike] | None, count: int) -> dict[str, Indices]:
    """Return groups of cells as a dict of numbers in [0, count)."""
    return {
        label: indices(f"cell_groups[{label!r}]", value, (None,), count)
        for label, value in _named("cell_groups", groups).items()
    }


def check_facet_groups(
    groups: Mapping[str, ArrayLike] | None, cells: Indices
) -> dict[str, Indices]:
    """Return groups of facets as a dict of nodes (n, d), each the nodes of a facet of a cell."""
    given = _named("facet_groups", groups)
    if not given:
        return {}
    dim, count = cells.shape[1] - 1, int(cells.max()) + 1
    known = _keys(np.concatenate([cells[:, k] for k in combinations(range(dim + 1), dim)]))
    out = {}
    for label, value in given.items():
        nodes = indices(f"facet_groups[{label!r}]", value, (None, dim), count)
        strange = np.flatnonzero(~np.isin(_keys(nodes), known))
        if strange.size:
            raise ValueError(
                f"facet_groups[{label!r}] must hold {'edges' if dim == 2 else 'faces'} of the "
                f"mesh, got nodes {nodes[strange[0]].tolist()} in row {strange[0]}"
            )
        out[label] = nodes
    return out


def _named(name: str, groups: Mapping[str, ArrayLike] | None) -> Mapping[str, ArrayLike]:
    if groups is None:
        return {}
    if not isinstance(groups, Mapping) or not all(isinstance(label, str) for label in groups):
        raise TypeError(f"{name} must be a mapping of names to integers, got {groups!r:.60}")
    return groups


def _keys(nodes: Indices) -> NDArray[np.void]:
    """One value for each set of nodes."""
    ordered = np.ascontiguousarray(np.sort(nodes, axis=1))
    return ordered.view([("", ordered.dtype)] * nodes.shape[1]).ravel()
