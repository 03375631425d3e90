"""The Darcy posterior by hand, Q1 elements: the benchmark of Aristoff and Bangerth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from .solvers import Array, Solver

Z_HAT = Path(__file__).parents[2] / "python" / "m4dl" / "data" / "aristoff_bangerth" / "z_hat.csv"


class Darcy:
    """The benchmark of Aristoff and Bangerth (SIAM Review, 2023).

    32 x 32 Q1 cells, coefficient exp(theta) on 8 x 8 blocks (x slow), source 10; theta = 4 + 2 xi;
    169 data at (i/14, j/14), sigma = 0.05.
    """

    size = 64

    def __init__(self, solver: Any) -> None:
        n, h = 32, 1.0 / 32.0
        self._y = np.loadtxt(Z_HAT, delimiter=",", skiprows=1)[:, -1]
        self._sigma, self._mean, self._std = 0.05, 4.0, 2.0
        corner = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        # Q1 stiffness of a square: 2/3 on the diagonal, -1/6 along a side, -1/3 across.
        distance = np.abs(corner[:, None] - corner).sum(axis=2)
        element = np.choose(distance, [2.0 / 3.0, -1.0 / 6.0, -1.0 / 3.0])
        cell = np.array(list(np.ndindex(n, n)))
        node = cell[:, None, :] + corner - 1
        inside = ((node >= 0) & (node < n - 1)).all(axis=2)
        number, block = node @ [n - 1, 1], (cell // 4) @ [8, 1]
        row, column, weights, blocks = np.broadcast_arrays(
            number[:, :, None], number[:, None, :], element, block[:, None, None]
        )
        keep = inside[:, :, None] & inside[:, None, :] & (row >= column)
        # Entries of the lower triangle in CSC order are T exp(theta).
        unknowns = (n - 1) ** 2
        key, place = np.unique((column * unknowns + row)[keep], return_inverse=True)
        entries = (weights[keep], (place, blocks[keep]))
        self._map = sp.coo_array(entries, shape=(len(key), 64)).tocsr()
        self._map_transpose = self._map.T.tocsr()
        self._column, self._row = np.divmod(key, unknowns)
        # p' A_k u from the lower triangle: off the diagonal an entry stands for two.
        self._half = np.where(self._row == self._column, 0.5, 1.0)
        pattern = (np.ones(len(key)), (self._row, self._column))
        self._solver: Solver = solver(sp.coo_array(pattern, shape=(unknowns, unknowns)).tocsc())
        self._load = np.full(unknowns, 10.0 * h**2)
        distance = np.abs(np.arange(1, 14)[:, None] / 14.0 / h - np.arange(1, n))
        hats = np.maximum(0.0, 1.0 - distance)
        self._observe = sp.csr_array(sp.kron(hats, hats))
        self._observe_transpose = self._observe.T.tocsr()

    def _solve(self, coefficient: Array) -> Array:
        self._solver.factor(self._map @ coefficient)
        return self._solver.solve(self._load)

    def push(self, xi: Array) -> Array:
        """theta (64,), the log coefficient of each block."""
        return self._mean + self._std * xi

    def potential(self, xi: Array) -> float:
        """|y - u|^2 / (2 sigma^2) at the observation points."""
        u = self._solve(np.exp(self.push(xi)))
        residual = (self._observe @ u - self._y) / self._sigma
        return 0.5 * float(residual @ residual)

    def gradient(self, xi: Array) -> tuple[float, Array]:
        """The potential and its gradient (64,)."""
        coefficient = np.exp(self.push(xi))
        u = self._solve(coefficient)
        residual = (self._observe @ u - self._y) / self._sigma
        p = self._solver.solve(self._observe_transpose @ (residual / self._sigma))
        row, column = self._row, self._column
        pairs = self._half * (p[row] * u[column] + p[column] * u[row])
        slope = -self._std * coefficient * (self._map_transpose @ pairs)
        return 0.5 * float(residual @ residual), slope
