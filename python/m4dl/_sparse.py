"""SciPy's sparse matrices as the parallel arrays that the compiled core takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._validate import Array, shape_text


@dataclass(frozen=True)
class Triplets:
    """A sparse matrix as row, column and value of each stored entry."""

    shape: tuple[int, int]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    value: Array


def triplets(name: str, matrix: Any, shape: tuple[int | None, int | None]) -> Triplets:
    """Return a sparse (or dense) matrix of the given shape as triplets, entries checked finite."""
    if not sparse.issparse(matrix):
        dense = np.asarray(matrix)
        if dense.ndim != 2:
            raise TypeError(f"{name} must be a sparse or dense matrix, got {type(matrix).__name__}")
        matrix = sparse.coo_array(dense)
    coo = sparse.coo_array(matrix)
    if any(want is not None and want != got for want, got in zip(shape, coo.shape, strict=True)):
        raise ValueError(f"{name} must have shape {shape_text(shape)}, got {coo.shape}")
    if np.iscomplexobj(coo.data):
        raise TypeError(f"{name} must hold real numbers, got {coo.dtype}")
    if coo.dtype.kind not in "iufb":
        raise TypeError(f"{name} must hold real numbers, got dtype {coo.dtype}")
    value = np.ascontiguousarray(coo.data, dtype=np.float64)
    if not np.isfinite(value).all():
        raise ValueError(f"{name} must be finite, got {value[~np.isfinite(value)][0]}")
    rows, columns = int(coo.shape[0]), int(coo.shape[1])
    return Triplets((rows, columns), coo.row.astype(np.int64), coo.col.astype(np.int64), value)


def symmetric_lower(name: str, matrix: Any, n: int) -> Triplets:
    """Return the lower triangle of a symmetric (n, n) matrix; an asymmetric one is refused."""
    full = triplets(name, matrix, (n, n))
    m = sparse.csr_array((full.value, (full.row, full.column)), shape=(n, n))
    gap = abs(m - m.T).max() if m.nnz else 0.0
    if gap > 1e-12 * abs(m).max():
        raise ValueError(f"{name} must be symmetric, got an asymmetry of {gap:g}")
    keep = full.row >= full.column
    return Triplets((n, n), full.row[keep], full.column[keep], full.value[keep])
