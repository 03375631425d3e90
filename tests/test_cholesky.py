"""The sparse factor over lanes, beside dense NumPy and SciPy's SuperLU."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from m4dl import _core
from scipy.sparse.linalg import splu

Array = np.ndarray
LANES = 8


def random_problem(seed: int) -> tuple[int, Array, Array, Array, Array]:
    """A pattern of the lower triangle and eight positive definite matrices on it.

    Diagonally dominant with random signs; sizes, densities and orders of the entries vary.
    """
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    mask = np.tril(rng.random((n, n)) < rng.choice([0.02, 0.1, 0.5]), -1) | np.eye(n, dtype=bool)
    row, column = np.nonzero(mask)
    shuffle = rng.permutation(row.size)
    row, column = row[shuffle], column[shuffle]
    values = rng.standard_normal((LANES, row.size))
    for v in values:
        off = np.zeros(n)
        np.add.at(off, row, np.abs(v) * (row != column))
        np.add.at(off, column, np.abs(v) * (row != column))
        v[row == column] = off[row[row == column]] + rng.uniform(0.1, 1.0, n)
    return n, row, column, values, rng.standard_normal((LANES, n))


def dense(n: int, row: Array, column: Array, values: Array) -> Array:
    a = np.zeros((n, n))
    np.add.at(a, (row, column), values)
    return a + np.tril(a, -1).T


def tolerance(a: Array, x: Array) -> float:
    """A Cholesky solve is backward stable: error below n eps cond |x| with a small constant.

    By Gershgorin's circles the eigenvalues lie between 0.1 and twice the largest diagonal entry.
    """
    return float(4.0 * len(a) * 2.2e-16 * (2.0 * a.diagonal().max() / 0.1) * np.abs(x).max())


def solve(row: Array, column: Array, values: Array, rhs: Array, x: Array | None = None) -> Array:
    coordinates = np.zeros((0, 0)) if x is None else x
    return np.asarray(
        _core.sparse_cholesky_solve(row, column, values, rhs, coordinates=coordinates)
    )


@pytest.mark.parametrize("seed", range(60))
def test_random_patterns(seed: int) -> None:
    n, row, column, values, rhs = random_problem(seed)
    x = solve(row, column, values, rhs)
    for lane in range(LANES):
        a = dense(n, row, column, values[lane])
        atol = tolerance(a, x[lane])
        np.testing.assert_allclose(x[lane], np.linalg.solve(a, rhs[lane]), rtol=0, atol=atol)
        np.testing.assert_allclose(
            x[lane], splu(sp.csc_array(a)).solve(rhs[lane]), rtol=0, atol=atol
        )


@pytest.mark.parametrize("shape", [(40,), (9, 13), (4, 5, 6)])
def test_orderings_on_grids(shape: tuple[int, ...]) -> None:
    """The ordering by coordinates, the one without, and scrambled unknowns: the same solution."""
    rng = np.random.default_rng(len(shape))
    n = int(np.prod(shape))
    index = np.arange(n).reshape(shape)
    pairs = np.concatenate(
        [
            np.stack([np.delete(index, 0, a).ravel(), np.delete(index, -1, a).ravel()], axis=1)
            for a in range(len(shape))
        ]
    )
    scramble = rng.permutation(n)
    pairs = np.sort(scramble[pairs], axis=1)[:, ::-1]
    x = np.empty((n, len(shape)))
    x[scramble] = np.stack(np.unravel_index(np.arange(n), shape), axis=1)
    row = np.concatenate([pairs[:, 0], np.arange(n)])
    column = np.concatenate([pairs[:, 1], np.arange(n)])
    weights = -rng.uniform(0.5, 2.0, (LANES, len(pairs)))
    diagonal = np.full((LANES, n), 0.1)
    for lane in range(LANES):
        np.add.at(diagonal[lane], pairs.ravel(), -np.repeat(weights[lane], 2))
    values, rhs = np.hstack([weights, diagonal]), rng.standard_normal((LANES, n))
    for coordinates in (None, x):
        out = solve(row, column, values, rhs, coordinates)
        for lane in range(LANES):
            a = dense(n, row, column, values[lane])
            expected = np.linalg.solve(a, rhs[lane])
            np.testing.assert_allclose(out[lane], expected, rtol=0, atol=tolerance(a, expected))


@pytest.mark.parametrize("seed", range(0, 60, 6))
@pytest.mark.parametrize("flaw", ["indefinite", "singular", "nan", "infinite"])
def test_a_failed_lane_is_nan_and_disturbs_no_other(seed: int, flaw: str) -> None:
    _, row, column, values, rhs = random_problem(seed)
    good = solve(row, column, values, rhs)
    assert np.isfinite(good).all()
    lane = seed % LANES
    broken = values.copy()
    entry = int(np.flatnonzero(row == column)[0])
    broken[lane, entry] = {
        "indefinite": -1.0,
        "singular": 0.0,
        "nan": np.nan,
        "infinite": np.inf,
    }[flaw]
    if flaw == "singular":  # a zero row and column
        touching = (row == row[entry]) | (column == row[entry])
        broken[lane, touching] = 0.0
    x = solve(row, column, broken, rhs)
    assert np.isnan(x[lane]).all()
    rest = np.arange(LANES) != lane
    np.testing.assert_array_equal(x[rest], good[rest])


def test_lanes_are_equal() -> None:
    """Equal numbers give equal results in every lane, bit for bit."""
    _, row, column, values, rhs = random_problem(17)
    x = solve(row, column, np.tile(values[3], (LANES, 1)), np.tile(rhs[3], (LANES, 1)))
    np.testing.assert_array_equal(x, np.tile(x[0], (LANES, 1)))
    np.testing.assert_array_equal(x[0], solve(row, column, values, rhs)[3])
