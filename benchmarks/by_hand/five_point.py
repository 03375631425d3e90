"""The Darcy posterior by hand with a Matern field at the nodes: five-point differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from .schrodinger import CosinePrior
from .solvers import Array, Solver


class FivePointDarcy:
    """-div(exp(theta) grad u) = 1 on n x n interior nodes, u = 0 on the boundary.

    The coefficient of a face is the mean of exp(theta) at its two nodes; a boundary face takes its
    interior node's value. The prior and its white noise are those of ``Schrodinger``.
    """

    def __init__(self, data: Mapping[str, Any], solver: Any) -> None:
        self.n = n = int(data["n"])
        self.size = n * n
        self._prior = CosinePrior(data)
        # Column k = i n + j of the lower triangle in CSC order: itself, j + 1, i + 1.
        steps = np.array([(0, 0), (0, 1), (1, 0)])
        there = np.indices((n, n))[..., None] + steps.T[:, None, None, :]
        inside = (there < n).all(axis=0)
        self._keep = np.flatnonzero(inside)
        row = (there[0] * n + there[1]).ravel()[self._keep]
        pointer = np.concatenate([[0], np.cumsum(inside.reshape(n * n, 3).sum(axis=1))])
        self._stencil = np.zeros((n, n, 3))
        self._square = (n + 1.0) ** 2
        values = self._values(np.ones((n, n)))
        self._solver: Solver = solver(sp.csc_array((values, row, pointer), shape=(n * n, n * n)))
        self._load = np.ones(n * n)
        self._idx, self._y = np.asarray(data["idx"]), np.asarray(data["y"])
        self._sigma = float(data["sigma"])

    def push(self, xi: Array) -> Array:
        """theta (n^2,) of white noise xi (n^2,)."""
        return self._prior.push(xi)

    def pull(self, gradient: Array) -> Array:
        """The transpose of ``push``."""
        return self._prior.pull(gradient)

    def _values(self, c: Array) -> Array:
        """Lower triangle of the matrix in CSC order."""
        s = self._stencil
        along, across = 0.5 * (c[:, :-1] + c[:, 1:]), 0.5 * (c[:-1] + c[1:])
        s[:, :-1, 1], s[:-1, :, 2] = -along, -across
        diagonal = s[:, :, 0]
        diagonal[:] = 0.0
        diagonal[:, :-1] += along
        diagonal[:, 1:] += along
        diagonal[:-1] += across
        diagonal[1:] += across
        for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
            diagonal[edge] += c[edge]
        return np.asarray(self._square * s.reshape(-1)[self._keep])

    def _solve(self, c: Array) -> Array:
        self._solver.factor(self._values(c.reshape(self.n, self.n)))
        return self._solver.solve(self._load)

    def potential(self, xi: Array) -> float:
        """|y - u(idx)|^2 / (2 sigma^2)."""
        u = self._solve(np.exp(self.push(xi)))
        residual = (u[self._idx] - self._y) / self._sigma
        return 0.5 * float(residual @ residual)

    def gradient(self, xi: Array) -> tuple[float, Array]:
        """The potential and its gradient (n^2,)."""
        c = np.exp(self.push(xi))
        u = self._solve(c)
        residual = (u[self._idx] - self._y) / self._sigma
        p = self._solver.solve(np.bincount(self._idx, residual / self._sigma, self.size))
        slope = self._slope(u.reshape(self.n, self.n), p.reshape(self.n, self.n))
        return 0.5 * float(residual @ residual), self.pull(-c * slope.ravel())

    def _slope(self, u: Array, p: Array) -> Array:
        """p' (dA/dc_k) u for each node k."""
        out = np.zeros_like(u)
        along = 0.5 * np.diff(u, axis=1) * np.diff(p, axis=1)
        across = 0.5 * np.diff(u, axis=0) * np.diff(p, axis=0)
        out[:, :-1] += along
        out[:, 1:] += along
        out[:-1] += across
        out[1:] += across
        for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
            out[edge] += u[edge] * p[edge]
        return self._square * out
