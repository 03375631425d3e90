"""Sparse matrices of every format come in unharmed, and damaged ones are refused, not read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
import scipy.sparse as sp

FORMATS = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
DENSE = np.array([[2.0, -1, 0, 0], [-1, 2, -1, 0], [0, -1, 2, -1], [0, 0, -1, 2]])

VECTOR = sp.coo_array([1.0, 2.0])


def affine(matrix: Any) -> m4dl.AffineElliptic:
    return m4dl.AffineElliptic(matrix, [matrix], np.ones(4), sp.eye_array(4))


USERS: dict[str, Callable[[Any], Any]] = {
    "LinearModel": m4dl.LinearModel,
    "SparsePrior A": m4dl.SparsePrior,
    "SparsePrior D": lambda m: m4dl.SparsePrior(sp.eye_array(4, format="csr"), m),
    "AffineElliptic": affine,
    "AffineElliptic stacked": lambda m: m4dl.AffineElliptic(
        None, sp.coo_array(DENSE.reshape(16, 1)), np.ones(4), m
    ),
}


def damaged(kind: str, how: str) -> Any:
    """A matrix (4, 4) whose arrays no longer belong together."""
    matrix = sp.csr_array(DENSE).asformat(kind)
    if how == "indptr beyond the end":
        matrix.indptr[-2] = 10**6
    elif how == "indptr that falls":
        matrix.indptr[1:3] = matrix.indptr[2:0:-1].copy()
    elif how == "a negative indptr":
        matrix.indptr[1] = -(10**5)
    elif how == "an index beyond the end":
        (matrix.row if kind == "coo" else matrix.indices)[1] = 10**8
    elif how == "a negative index":
        (matrix.row if kind == "coo" else matrix.indices)[1] = -7
    elif how == "values that are missing":
        matrix.data = matrix.data[:2]
    return matrix


COMPRESSED = ("indptr beyond the end", "indptr that falls", "a negative indptr")
EVERY = ("an index beyond the end", "a negative index", "values that are missing")
DAMAGES = [(k, how) for k in ("csr", "csc", "bsr") for how in (*COMPRESSED, *EVERY)]
DAMAGES += [("coo", how) for how in EVERY]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("kind", "how"), DAMAGES)
def test_a_damaged_matrix_is_refused(user: str, kind: str, how: str) -> None:
    with pytest.raises(ValueError, match="must be a valid sparse matrix: "):
        USERS[user](damaged(kind, how))


def test_a_damaged_list_of_lists_is_refused() -> None:
    matrix = sp.lil_array(DENSE)
    matrix.rows[1].append(3)
    with pytest.raises(ValueError, match="its rows and its data differ in length"):
        m4dl.LinearModel(matrix)
    matrix = sp.lil_array(DENSE)
    matrix.rows[1][0] = 10**7
    with pytest.raises(ValueError, match="must be a valid sparse matrix"):
        m4dl.LinearModel(matrix)


@pytest.mark.parametrize("make", [sp.coo_array, sp.coo_matrix])
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_the_same_matrix(kind: str, make: Any) -> None:
    """With the dense product as oracle; the user's own arrays stay as they are."""
    matrix = make(DENSE).asformat(kind)
    before = matrix.copy()
    theta = np.array([1.0, -2.0, 3.0, 0.5])
    assert np.allclose(m4dl.LinearModel(matrix)(theta), DENSE @ theta, rtol=1e-14)
    assert np.allclose(m4dl.SparsePrior(matrix).push(theta), np.linalg.solve(DENSE, theta))
    c = np.exp(0.3)
    u = np.linalg.solve((1 + c) * DENSE, np.ones(4))
    assert np.allclose(affine(matrix)([0.3]), u)
    assert type(matrix) is type(before)
    assert np.array_equal(matrix.toarray(), DENSE)
    for name in ("data", "indices", "indptr", "row", "col", "offsets"):
        if isinstance(getattr(before, name, None), np.ndarray):
            assert np.array_equal(getattr(matrix, name), getattr(before, name)), name


def test_unusual_but_valid_arrays() -> None:
    """Duplicates add up, order and explicit zeros do not matter, nor do indices of 64 bits."""
    rows, columns = [1, 0, 1, 0, 1], [1, 1, 1, 0, 0]
    values = [2.0, 5.0, 3.0, 0.0, 7.0]
    expected = np.array([[0.0, 5.0], [7.0, 5.0]])
    for dtype in (np.int32, np.int64):
        index = np.array(rows, dtype), np.array(columns, dtype)
        matrix = sp.coo_array((values, index), shape=(2, 2))
        assert np.array_equal(m4dl.LinearModel(matrix)(np.eye(2)).T, expected)
        assert np.array_equal(m4dl.LinearModel(matrix.tocsr())(np.eye(2)).T, expected)
    unsorted = sp.csr_array(([3.0, 1.0], [1, 0], [0, 2, 2]), shape=(2, 2))
    assert np.array_equal(m4dl.LinearModel(unsorted)(np.eye(2)).T, [[1.0, 3.0], [0.0, 0.0]])
    long = sp.csr_array(([1.0, 2.0, 3.0], [0, 1, 0], [0, 1, 3, 3]), shape=(3, 2))
    long.indices = np.array([0, 1, 0, 77])  # SciPy allows more than indptr uses
    long.data = np.array([1.0, 2.0, 3.0, np.nan])
    assert np.array_equal(m4dl.LinearModel(long)(np.eye(2)).T, [[1, 0], [3, 2], [0, 0.0]])
    assert len(long.data) == 4


@pytest.mark.parametrize(
    ("matrix", "kind", "message"),
    [
        (sp.csr_array([[1.0, np.nan]]), ValueError, "matrix must be finite, got nan"),
        (sp.csr_array([[1.0 + 1j]]), TypeError,
         "matrix must hold real numbers, got dtype complex128"),
        (sp.csr_array([[True]]), TypeError, "matrix must hold real numbers, got dtype bool"),
        (sp.coo_array(([1.0], ([0], [0])), shape=(2, 2**40)), ValueError,
         "matrix must have at most 2147483647 rows and columns, got shape (2, 1099511627776)"),
        *([] if VECTOR.ndim == 2 else  # before SciPy 1.13
          [(VECTOR, ValueError, "matrix must be a matrix, got shape (2,)")]),
        (sp.csr_array((0, 3)), ValueError, "matrix must not be empty, got shape (0, 3)"),
    ],
)  # fmt: skip
def test_matrices_that_are_refused(matrix: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match="^" + re.escape(message)):
        m4dl.LinearModel(matrix)
