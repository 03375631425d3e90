"""Elliptic problems assembled by hand, for ``AffineElliptic``; and a small nonlinear model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import m4dl
import numpy as np
import oracles as o
import scipy.sparse as sp

Array = np.ndarray


def five_point_darcy(n: int, observe: Array) -> m4dl.AffineElliptic:
    """-div(exp(theta) grad u) = 1 on n x n interior nodes, a face's coefficient its nodes' mean.

    A boundary face takes its interior node's value. With B the differences across faces (F, n^2)
    and W the weights of the nodes in each face's mean, A(c) = B' diag(W c) B / h^2.
    """
    h = 1.0 / (n + 1)
    line = sp.diags_array([np.ones(n), -np.ones(n)], offsets=[0, -1], shape=(n + 1, n))
    # weights: faces 1..n-1 average two nodes, the two boundary faces copy one
    mean = abs(line).tolil() * 0.5
    mean[0, 0] = mean[n, n - 1] = 1.0
    eye = sp.eye_array(n)
    faces = sp.vstack([sp.kron(line, eye), sp.kron(eye, line)]).tocsr()
    weights = sp.vstack([sp.kron(mean, eye), sp.kron(eye, mean)]).tocsc()
    terms = []
    for k in range(n * n):
        column = weights[:, [k]].toarray().ravel()
        terms.append(faces.T @ sp.diags_array(column) @ faces / h**2)
    select = sp.eye_array(n * n, format="csr")[observe]
    return m4dl.AffineElliptic(
        None,
        terms,
        np.ones(n * n),
        select,
        coordinates=o.Box((n + 1, n + 1)).coordinates("interior"),
        domain=m4dl.Grid((n + 1, n + 1)),
        at="interior",
    )


def mixed_boundary(n: int, points: Array, source: Any) -> m4dl.AffineElliptic:
    """-div(exp(theta) grad u) = source, P1, theta per cell; u = 0 at x = 0, no flux elsewhere."""
    mesh = o.square_triangulation(n)
    stiffness, mass = mesh.element_matrices()
    size, count = len(mesh.points), len(mesh.cells)
    rows, columns = np.repeat(mesh.cells, 3, axis=1), np.tile(mesh.cells, (1, 3))
    free = np.flatnonzero(mesh.points[:, 0] > 0.0)
    position = np.full(size, -1)
    position[free] = np.arange(len(free))
    cell = np.repeat(np.arange(count)[:, None], 9, axis=1)
    keep = (position[rows] >= 0) & (position[columns] >= 0)
    flat = position[rows][keep] * len(free) + position[columns][keep]
    terms = sp.coo_array(
        (stiffness.reshape(count, 9)[keep], (flat, cell[keep])), shape=(len(free) ** 2, count)
    )
    load = np.zeros(size)
    nodal = source(mesh.points)
    np.add.at(load, mesh.cells, np.einsum("tij,tj->ti", mass, nodal[mesh.cells]))
    observe = mesh.interpolation(points)[:, free]
    return m4dl.AffineElliptic(None, terms, load[free], observe, coordinates=mesh.points[free])


@dataclass
class DenseAffine:
    """A(c) u_r = load_r + B c, y_r = O u_r + o_r with dense matrices, c = floor + exp(theta).

    Symmetric positive definite by construction: A0 = I and the terms are squares.
    """

    unknowns: int = 6
    parameters: int = 4
    sides: int = 2
    points: int = 3
    floor: float = 0.1

    def __post_init__(self) -> None:
        rng = np.random.default_rng(11)
        n, k, r, m = self.unknowns, self.parameters, self.sides, self.points
        factors = rng.standard_normal((k, n, 2))
        self.terms = factors @ factors.transpose(0, 2, 1)
        self.load = rng.standard_normal((n, r))
        self.load_terms = rng.standard_normal((n, k))
        self.observe = rng.standard_normal((m, n))
        self.offset = rng.standard_normal((m, r))

    def model(self) -> m4dl.AffineElliptic:
        return m4dl.AffineElliptic(
            sp.eye_array(self.unknowns),
            [sp.csr_array(a) for a in self.terms],
            self.load,
            sp.csr_array(self.observe),
            load_terms=sp.csr_array(self.load_terms),
            offset=self.offset,
            floor=self.floor,
        )

    def _solve(self, theta: Array) -> tuple[Array, Array]:
        c = self.floor + np.exp(theta)
        matrix = np.eye(self.unknowns) + np.tensordot(c, self.terms, 1)
        return matrix, np.linalg.solve(matrix, self.load + (self.load_terms @ c)[:, None])

    def forward(self, theta: Array) -> Array:
        return (self.observe @ self._solve(theta)[1] + self.offset).T.ravel()

    def jacobian(self, theta: Array) -> Array:
        """(m, D): A du/dc_k = B_k - A_k u."""
        matrix, u = self._solve(theta)
        right = self.load_terms.T[:, :, None] - self.terms @ u  # (K, n, R)
        du = self.observe @ np.linalg.solve(matrix, right)  # (K, points, R)
        out: Array = (np.exp(theta)[:, None, None] * du).transpose(2, 1, 0)
        return out.reshape(-1, self.parameters)

    def push(self, theta: Array, tangent: Array) -> Array:
        return self.jacobian(theta) @ tangent

    def pull(self, theta: Array, sensitivity: Array) -> Array:
        return self.jacobian(theta).T @ sensitivity


class Linear:
    """y = M theta."""

    def __init__(self, matrix: Array) -> None:
        self.matrix = matrix

    def forward(self, theta: Array) -> Array:
        return self.matrix @ theta

    def push(self, theta: Array, tangent: Array) -> Array:
        return self.matrix @ tangent

    def pull(self, theta: Array, sensitivity: Array) -> Array:
        return self.matrix.T @ sensitivity


class Bent:
    """y = (a + b^2/2, exp(a/2) - b, sin b) of theta = (a, b): smooth, and far from linear.

    Takes one theta or a batch (..., 2); ``gradient`` is the vector-Jacobian product.
    """

    def forward(self, theta: Array) -> Array:
        a, b = theta[..., 0], theta[..., 1]
        return np.stack([a + 0.5 * b * b, np.exp(0.5 * a) - b, np.sin(b)], axis=-1)

    def gradient(self, theta: Array, sensitivity: Array) -> Array:
        a, b = theta[..., 0], theta[..., 1]
        p, q, r = (sensitivity[..., k] for k in range(3))
        return np.stack([p + 0.5 * np.exp(0.5 * a) * q, b * p - q + np.cos(b) * r], axis=-1)

    pull = gradient

    def model(self, batched: bool) -> m4dl.PythonModel:
        return m4dl.PythonModel(
            self.forward, self.gradient, parameters=2, outputs=3, batched=batched
        )
