"""The Darcy posterior by hand with a Matern field at the nodes: Q1 elements on a square grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.fft import dct, dctn, idctn

from .solvers import Array, Solver, SuperLU

POINTS = 13
"""Observations along an axis: at (i/14, j/14)."""
FINEST = 128
"""The finest grid on which data are computed."""


def darcy_problem(n: int, seed: int = 0) -> dict[str, Any]:
    """A Darcy problem with n x n unknowns on (n + 1) x (n + 1) cells.

    Truth and noise are the same functions for every n; beyond ``FINEST`` so are the data. Keys: n,
    X (169, 2), y (169,), sigma = rms(u)/10, kappa and s of the prior (Matern of smoothness 1,
    length 0.5), theta_true ((n + 2)^2,) at all nodes, x slow.
    """
    if n > FINEST:
        return darcy_problem(FINEST, seed) | {"n": n, "theta_true": _truth(n)}
    noise = np.random.default_rng(seed).standard_normal(POINTS**2)
    theta = _truth(n)
    line = np.arange(1, POINTS + 1) / (POINTS + 1.0)
    out: dict[str, Any] = {
        "n": n, "X": np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2),
        "y": np.zeros(POINTS**2), "sigma": 1.0, "kappa": np.sqrt(8.0) / 0.5, "s": 1.0,
        "theta_true": theta,
    }  # fmt: skip
    target = DarcyField(out, SuperLU)
    u = target.state(theta)
    out["sigma"] = float(np.sqrt(np.mean(u**2)) / 10.0)
    out["y"] = target.observe(u) + out["sigma"] * noise
    return out


def _truth(n: int) -> Array:
    """The log coefficient that made the data, at the (n + 2)^2 nodes."""
    x, y = np.meshgrid(*[np.linspace(0.0, 1.0, n + 2)] * 2, indexing="ij")
    bump = np.exp(-((x - 0.65) ** 2 + (y - 0.35) ** 2) / 0.05)
    return (0.8 * np.sin(2.0 * np.pi * x) * np.cos(np.pi * y) + 1.2 * bump).ravel()


class DarcyField:
    """-div(f grad u) = 1, u = 0 on the boundary; f of a cell: exp(theta), averaged over corners.

    theta = c (kappa^2 - Lap)^{-1} W at the (n + 2)^2 nodes, Lap Neumann with lumped mass, so that
    the cosines cos(pi i k / (n + 1)) diagonalise it: white noise ``xi`` holds coefficients of
    cosines that are orthonormal in the mass matrix, one transform from theta.
    """

    def __init__(self, data: dict[str, Any], solver: Any) -> None:
        self.n = n = int(data["n"])
        self.size = (n + 2) ** 2
        h = 1.0 / (n + 1)
        self._prior(h, float(data["kappa"]), float(data["s"]))
        # Column k = i n + j of the lower triangle holds these neighbours, in the order of CSC.
        steps = np.array([(0, 0), (0, 1), (1, -1), (1, 0), (1, 1)])
        there = np.indices((n, n))[..., None] + steps.T[:, None, None, :]
        inside = ((there >= 0) & (there < n)).all(axis=0)
        self._keep = np.flatnonzero(inside)
        self._stencil = np.zeros((n, n, 5))
        row = (there[0] * n + there[1]).ravel()[self._keep]
        pointer = np.concatenate([[0], np.cumsum(inside.reshape(n * n, 5).sum(axis=1))])
        values = self._values(np.ones((n + 1, n + 1)))
        self._solver: Solver = solver(sp.csc_array((values, row, pointer), shape=(n * n, n * n)))
        self._load = np.full(n * n, h**2)
        line = np.arange(1, POINTS + 1) / (POINTS + 1.0)
        hats = np.maximum(0.0, 1.0 - np.abs(line[:, None] / h - np.arange(1, n + 1)))
        self._observe = sp.csr_array(sp.kron(hats, hats))
        self._observe_transpose = self._observe.T.tocsr()
        self._y, self._sigma = np.asarray(data["y"]), float(data["sigma"])
        self._u, self._p = np.zeros((n + 2, n + 2)), np.zeros((n + 2, n + 2))

    def _prior(self, h: float, kappa: float, s: float) -> None:
        n = self.n
        line = (2.0 - 2.0 * np.cos(np.pi * np.arange(n + 2) / (n + 1))) / h**2
        weight = np.ones(n + 2)
        weight[[0, -1]] = np.sqrt(2.0)
        scale = s * np.sqrt(4.0 * np.pi) * kappa / h
        self._spectrum = scale / (kappa**2 + np.add.outer(line, line))
        # The fast transform of n + 2 values works with length 2 n + 2, seldom a good one: up to
        # here a product with the matrix of cosines, which can hold the weights too, is faster.
        self._weight = np.multiply.outer(weight, weight)
        cosines = dct(np.eye(n + 2), type=1, axis=0, norm="ortho")
        self._cosines = cosines * weight if n <= 256 else None

    def push(self, xi: Array) -> Array:
        """theta ((n + 2)^2,) of the coefficients xi."""
        x = self._spectrum * xi.reshape(self._spectrum.shape)
        if self._cosines is None:
            return np.asarray(self._weight * idctn(x, type=1, norm="ortho")).ravel()
        return (self._cosines.T @ x @ self._cosines).ravel()

    def pull(self, gradient: Array) -> Array:
        """The transpose of ``push``."""
        x = gradient.reshape(self._spectrum.shape)
        if self._cosines is None:
            return (self._spectrum * dctn(self._weight * x, type=1, norm="ortho")).ravel()
        return (self._spectrum * (self._cosines @ x @ self._cosines.T)).ravel()

    def white(self, theta: Array) -> Array:
        """The coefficients of theta: the inverse of ``push``."""
        x = theta.reshape(self._spectrum.shape) / self._weight
        return np.asarray(dctn(x, type=1, norm="ortho") / self._spectrum).ravel()

    def _values(self, c: Array) -> Array:
        """Lower triangle of the matrix, for the coefficients of the cells.

        The element matrix has 2/3 on the diagonal, -1/6 along a side, -1/3 across.
        """
        s = self._stencil
        along = c[:, :-1] + c[:, 1:]  # cells on both sides of the edges in x
        np.add(along[:-1], along[1:], out=s[:, :, 0])
        s[:, :, 0] *= 2.0 / 3.0
        np.add(c[:-1, 1:], c[1:, 1:], out=s[:, :, 1])
        s[:, :, 1] *= -1.0 / 6.0
        np.multiply(c[1:, :-1], -1.0 / 3.0, out=s[:, :, 2])
        np.multiply(along[1:], -1.0 / 6.0, out=s[:, :, 3])
        np.multiply(c[1:, 1:], -1.0 / 3.0, out=s[:, :, 4])
        return s.reshape(-1)[self._keep]

    def _solve(self, f: Array) -> Array:
        pairs = f[:-1] + f[1:]
        self._solver.factor(self._values(0.25 * (pairs[:, :-1] + pairs[:, 1:])))
        return self._solver.solve(self._load)

    def observe(self, u: Array) -> Array:
        """u (n^2,) at the observation points."""
        return np.asarray(self._observe @ u)

    def state(self, theta: Array) -> Array:
        """u (n^2,) at the nodes off the boundary."""
        return self._solve(np.exp(theta).reshape(self._spectrum.shape))

    def potential(self, xi: Array) -> float:
        """|y - u|^2 / (2 sigma^2) at the observation points."""
        residual = (self.observe(self.state(self.push(xi))) - self._y) / self._sigma
        return 0.5 * float(residual @ residual)

    def gradient(self, xi: Array) -> tuple[float, Array]:
        """The potential and its gradient in xi, ((n + 2)^2,)."""
        n = self.n
        f = np.exp(self.push(xi)).reshape(n + 2, n + 2)
        u, p = self._u, self._p
        u[1:-1, 1:-1] = self._solve(f).reshape(n, n)
        residual = (self.observe(u[1:-1, 1:-1].ravel()) - self._y) / self._sigma
        right = self._observe_transpose @ (residual / self._sigma)
        p[1:-1, 1:-1] = self._solver.solve(right).reshape(n, n)
        # p' A u of an element is the sum over its pairs of nodes of differences times differences.
        x = (p[1:] - p[:-1]) * (u[1:] - u[:-1])
        y = (p[:, 1:] - p[:, :-1]) * (u[:, 1:] - u[:, :-1])
        cell = (p[1:, 1:] - p[:-1, :-1]) * (u[1:, 1:] - u[:-1, :-1])
        cell += (p[1:, :-1] - p[:-1, 1:]) * (u[1:, :-1] - u[:-1, 1:])
        cell *= 2.0
        cell += x[:, :-1]
        cell += x[:, 1:]
        cell += y[:-1]
        cell += y[1:]
        # A sixth for the element, a quarter for the mean of the corners.
        rows = np.zeros((n + 2, n + 1))
        rows[:-1] = cell
        rows[1:] += cell
        slope = np.zeros((n + 2, n + 2))
        slope[:, :-1] = rows
        slope[:, 1:] += rows
        slope *= f
        slope *= -1.0 / 24.0
        return 0.5 * float(residual @ residual), self.pull(slope)
