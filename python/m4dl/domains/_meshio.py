"""Meshes of other programs, as meshio reads them: points, blocks of cells, named groups."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._base.validate import Array, array

Indices = NDArray[np.int64]

_KINDS = {"line": 2, "triangle": 3, "tetra": 4}  # and their corners, which come first in a cell
_TAGS = ("gmsh:physical", "medit:ref")
"""Cell data that say to which group a cell belongs."""


@dataclass
class Simplices:
    """What `SimplexMesh` is made of."""

    points: Array
    cells: Indices
    cell_groups: dict[str, Indices]
    facet_groups: dict[str, Indices]
    source_nodes: Indices


def simplices(source: Any, dim: int, name: str) -> Simplices:
    """Return the simplices of dimension ``dim`` in a file or a meshio mesh, their corners alone.

    Facets are kept where they are in a group; lower cells, and nodes that no cell has as a corner,
    are left out.
    """
    mesh = _read(source) if isinstance(source, str | os.PathLike) else source
    if not all(hasattr(mesh, part) for part in ("points", "cells")):
        raise TypeError(
            f"from_meshio takes a meshio mesh or a path, got {type(source).__name__} "
            "without points and cells"
        )
    points = array("points", mesh.points, (None, None))
    blocks = [(b.type, b.data) if hasattr(b, "type") else tuple(b) for b in mesh.cells]
    kinds = [_dimension(kind, len(data), dim, name) for kind, data in blocks]
    if dim not in kinds:
        found = ", ".join(sorted({str(kind) for kind, _ in blocks})) or "none"
        raise ValueError(f"{name} needs cells of type {list(_KINDS)[dim - 1]}, got {found}")
    corners = [_corners(data, k, len(points)) for (_, data), k in zip(blocks, kinds, strict=True)]
    groups = _groups(mesh, [len(c) for c in corners], kinds)

    cells = np.concatenate([c for c, k in zip(corners, kinds, strict=True) if k == dim])
    first, at = {}, 0
    for block, k in enumerate(kinds):
        if k == dim:
            first[block], at = at, at + len(corners[block])
    member, facets = defaultdict(list), defaultdict(list)
    for label, parts in groups.items():
        for block, rows in parts:
            if kinds[block] == dim:
                member[label].append(first[block] + rows)
            elif kinds[block] == dim - 1:
                facets[label].append(corners[block][rows])
    cell_groups = {label: np.unique(np.concatenate(v)) for label, v in member.items()}
    cells, cell_groups = _once(cells, cell_groups)
    used, number = np.unique(cells, return_inverse=True)
    new = np.full(len(points), -1, dtype=np.int64)
    new[used] = np.arange(len(used))
    facet_groups = {}
    for label, nodes in facets.items():
        rows = np.unique(np.sort(np.concatenate(nodes), axis=1), axis=0)
        loose = np.flatnonzero((new[rows] < 0).any(axis=1))
        if loose.size:
            raise ValueError(
                f"group {label!r} must be of facets of the mesh, got one of nodes "
                f"{rows[loose[0]].tolist()}, which no cell has"
            )
        facet_groups[label] = new[rows]
    return Simplices(points[used], number.reshape(cells.shape), cell_groups, facet_groups, used)


def _read(path: str | os.PathLike[str]) -> Any:
    try:
        import meshio
    except ImportError as error:
        raise ImportError(
            f"reading {os.fspath(path)!r} needs meshio: pip install m4dl[mesh]"
        ) from error
    return meshio.read(path)


def _dimension(kind: str, count: int, dim: int, name: str) -> int:
    """The dimension of a block of cells, which must be simplices of at most ``dim``."""
    match = re.fullmatch(r"(line|triangle|tetra)\d*", kind)
    if kind == "vertex":
        return 0
    found = list(_KINDS).index(match[1]) + 1 if match else dim + 1
    if found > dim:
        hint = ": take TetrahedronMesh" if match else ""
        raise ValueError(f"{name} cannot hold cells of type {kind}, got {count} of them{hint}")
    return found


def _corners(data: Any, dim: int, count: int) -> Indices:
    """The corners of a block; those of higher order follow them, and are left out."""
    nodes = np.asarray(data)
    if nodes.ndim != 2 or nodes.dtype.kind not in "iu" or nodes.shape[1] < dim + 1:
        raise ValueError(
            f"cells must be integers of shape (any, {dim + 1}) or more, "
            f"got {nodes.dtype} of shape {nodes.shape}"
        )
    out = nodes[:, : dim + 1].astype(np.int64)
    outside = out[(out < 0) | (out >= count)]
    if outside.size:
        raise ValueError(f"cells must index the {count} points, got {outside[0]}")
    return out


def _groups(mesh: Any, sizes: list[int], kinds: list[int]) -> dict[str, list[tuple[int, Indices]]]:
    """Rows of the blocks by the name of their group, or its number where it has no name."""
    out: dict[str, list[tuple[int, Indices]]] = defaultdict(list)
    names = {
        (int(tag), int(dim)): str(label)
        for label, (tag, dim) in (getattr(mesh, "field_data", None) or {}).items()
    }
    data = getattr(mesh, "cell_data", None) or {}
    for key in _TAGS:
        for block, tags in enumerate(data.get(key, [])):
            for tag in np.unique(tags):
                if tag != 0:  # 0 is no group
                    label = names.get((int(tag), kinds[block]), str(int(tag)))
                    out[label].append((block, np.flatnonzero(np.asarray(tags) == tag)))
    for label, parts in (getattr(mesh, "cell_sets", None) or {}).items():
        if label.startswith("gmsh:"):  # of its geometry, not of its user
            continue
        for block, rows in enumerate(parts):
            if rows is not None and len(rows):
                out[label].append((block, np.asarray(rows, dtype=np.int64)))
    for label, found in out.items():
        for block, rows in found:
            if rows.size and not 0 <= rows.min() <= rows.max() < sizes[block]:
                raise ValueError(
                    f"group {label!r} must index the {sizes[block]} cells of block {block}, "
                    f"got {rows.max()}"
                )
    return out


def _once(cells: Indices, groups: dict[str, Indices]) -> tuple[Indices, dict[str, Indices]]:
    """Leave out copies of cells: files of Gmsh 2 hold a cell once for each of its groups.

    Copies in one group, or in none, stay, to be refused.
    """
    _, first, copy = np.unique(
        np.sort(cells, axis=1), axis=0, return_index=True, return_inverse=True
    )
    source = first[copy.ravel()]
    repeats = np.flatnonzero(source != np.arange(len(cells)))
    if not repeats.size:
        return cells, groups
    owners: dict[int, list[set[str]]] = defaultdict(list)
    for cell in np.union1d(repeats, source[repeats]):
        owners[source[cell]].append({g for g, rows in groups.items() if cell in rows})
    apart = {
        c for c, own in owners.items() if all(own) and sum(map(len, own)) == len(set.union(*own))
    }
    kept = np.ones(len(cells), dtype=bool)
    kept[[r for r in repeats if source[r] in apart]] = False
    number = np.cumsum(kept) - 1
    moved = np.where(kept, number, number[source])
    return cells[kept], {g: np.unique(moved[rows]) for g, rows in groups.items()}
