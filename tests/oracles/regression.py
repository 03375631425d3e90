"""Ridge regression by singular values, and in rational numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from scipy import linalg

from .meshes import Array


def ridge_slopes(x: Array, y: Array, ridges: Sequence[float]) -> list[Array]:
    """For each ridge the S (m, W) with the least |y - x S'|^2 + ridge s^2 |S|^2.

    s is the largest singular value of ``x`` (n, W); ``y`` is (n, m).
    """
    try:
        left, singular, right = np.linalg.svd(x, full_matrices=False)
    except np.linalg.LinAlgError:  # of divide and conquer, where many are zero
        left, singular, right = linalg.svd(x, full_matrices=False, lapack_driver="gesvd")
    if not singular.any():
        return [np.zeros((y.shape[1], x.shape[1])) for _ in ridges]
    along = y.T @ left
    return [(along * (singular / (singular**2 + r * singular[0] ** 2))) @ right for r in ridges]


def relevance_slope(x: Array, y: Array, ridges: Sequence[float], passes: int) -> Array:
    """Slope within chains, from ``x`` (chains, n, W) and ``y`` (chains, n, m), at least two chains.

    The ridge that predicts best from chains 0, 2, ... to chains 1, 3, ... and back; then once more
    with each component in units of the root mean square of its slopes, while that predicts better.
    """
    halves = []
    for first in (0, 1):
        rows = range(first, len(x), 2)
        halves.append([np.vstack([v[k] - v[k].mean(axis=0) for k in rows]) for v in (x, y)])
    (a, b), whole = halves, [np.vstack(both) for both in zip(*halves, strict=True)]
    unit, best, slope = np.ones(x.shape[2]), np.inf, np.zeros((y.shape[2], x.shape[2]))
    for _ in range(passes):
        error = np.zeros(len(ridges))
        for fit, test in ((a, b), (b, a)):
            for k, found in enumerate(ridge_slopes(fit[0] * unit, fit[1], ridges)):
                error[k] += ((test[1] - (test[0] * unit) @ found.T) ** 2).sum()
        if error.min() >= best:
            break
        best = error.min()
        slope = ridge_slopes(whole[0] * unit, whole[1], [ridges[int(np.argmin(error))]])[0] * unit
        unit = np.sqrt((slope**2).mean(axis=0))
    return slope


def exact_ridge_slope(x: Array, y: Array, shift: float) -> Array:
    """Slope (m, W) with the least |y - x S'|^2 + shift |S|^2, rounded once: for few rows."""
    rows = [[Fraction(float(v)) for v in row] for row in x]
    n = len(rows)
    table = [
        [
            sum((a * b for a, b in zip(rows[i], rows[j], strict=True)), Fraction(0))
            + (Fraction(shift) if i == j else 0)
            for j in range(n)
        ]
        + [Fraction(float(v)) for v in y[i]]
        for i in range(n)
    ]
    for i in range(n):  # Gauss and Jordan; the matrix is positive definite
        table[i] = [v / table[i][i] for v in table[i]]
        for j in range(n):
            if j != i:
                factor = table[j][i]
                table[j] = [u - factor * v for u, v in zip(table[j], table[i], strict=True)]
    return np.array(
        [
            [float(sum(table[i][n + k] * rows[i][w] for i in range(n))) for w in range(x.shape[1])]
            for k in range(y.shape[1])
        ]
    )
