"""SciPy's sparse matrices as the parallel arrays that the compiled core takes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .validate import LARGEST_COUNT, Array, shape_text, short


def is_sparse(value: Any) -> bool:
    """Return whether a value is a sparse matrix of SciPy's, without loading what nobody uses."""
    module = sys.modules.get("scipy.sparse")
    return module is not None and bool(module.issparse(value))


@dataclass(frozen=True)
class Triplets:
    """A sparse matrix as row, column and value of each stored entry."""

    shape: tuple[int, int]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    value: Array

    @property
    def core(self) -> _core.Triplets:
        """The same for the compiled core."""
        return _core.Triplets(*self.shape, row=self.row, column=self.column, value=self.value)


def triplets(name: str, matrix: Any, shape: tuple[int | None, int | None]) -> Triplets:
    """Return a sparse (or dense) matrix of the given shape as triplets, entries checked finite.

    Indices of a sparse matrix are checked first: SciPy trusts them, and reads what lies beyond.
    """
    from scipy import sparse

    if is_sparse(matrix):
        coo = _checked(name, matrix)
    else:
        try:
            dense = np.asarray(matrix)
        except ValueError as error:  # ragged
            raise TypeError(f"{name} must be a matrix, got {short(matrix)}") from error
        if dense.ndim != 2:
            raise TypeError(f"{name} must be a sparse or dense matrix, got {type(matrix).__name__}")
        coo = sparse.coo_array(dense)
    if any(want is not None and want != got for want, got in zip(shape, coo.shape, strict=True)):
        raise ValueError(f"{name} must have shape {shape_text(shape)}, got {coo.shape}")
    if coo.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {coo.dtype}")
    value = np.ascontiguousarray(coo.data, dtype=np.float64)
    if not np.isfinite(value).all():
        raise ValueError(f"{name} must be finite, got {value[~np.isfinite(value)][0]}")
    rows, columns = int(coo.shape[0]), int(coo.shape[1])
    return Triplets((rows, columns), coo.row.astype(np.int64), coo.col.astype(np.int64), value)


def _checked(name: str, matrix: Any) -> Any:
    """Return a sparse matrix of any format as a COO matrix whose indices are within its shape."""
    from scipy import sparse

    if matrix.ndim != 2:
        raise ValueError(f"{name} must be a matrix, got shape {matrix.shape}")
    if max(matrix.shape) > LARGEST_COUNT:
        raise ValueError(
            f"{name} must have at most {LARGEST_COUNT} rows and columns, got shape {matrix.shape}"
        )
    try:
        if matrix.format in ("csr", "csc", "bsr"):
            matrix = matrix.copy()  # the check prunes the arrays
            matrix.check_format(full_check=True)
        elif matrix.format == "lil" and (
            len(matrix.rows) != matrix.shape[0]
            or [len(r) for r in matrix.rows] != [len(d) for d in matrix.data]
        ):
            raise ValueError("its rows and its data differ in length")
        coo = sparse.coo_array(matrix)
        sizes = {len(coo.row), len(coo.col), len(coo.data)}
        if len(sizes) != 1:
            raise ValueError(f"rows, columns and values differ in length: {sorted(sizes)}")
        for index, size in zip((coo.row, coo.col), coo.shape, strict=True):
            if index.dtype.kind not in "iu":
                raise ValueError(f"its indices are of dtype {index.dtype}")
            if index.size and not 0 <= index.min() <= index.max() < size:
                raise ValueError(
                    f"its indices are from {index.min()} to {index.max()}, its shape {coo.shape}"
                )
    except Exception as error:  # whatever SciPy meets in a damaged one
        raise ValueError(f"{name} must be a valid sparse matrix: {error}") from error
    return coo


def symmetric_lower(name: str, matrix: Any, n: int) -> Triplets:
    """Return the lower triangle of a symmetric (n, n) matrix; an asymmetric one is refused."""
    from scipy import sparse

    full = triplets(name, matrix, (n, n))
    m = sparse.csr_array((full.value, (full.row, full.column)), shape=(n, n))
    gap = abs(m - m.T).max() if m.nnz else 0.0
    if gap > 1e-12 * abs(m).max():
        raise ValueError(f"{name} must be symmetric, got an asymmetry of {gap:g}")
    keep = full.row >= full.column
    return Triplets((n, n), full.row[keep], full.column[keep], full.value[keep])
