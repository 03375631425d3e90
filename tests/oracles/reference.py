"""The two reference problems in white space (tests/data/reference_problems/PROVENANCE.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from numpy.typing import ArrayLike
from scipy.fft import dctn, idctn

from .meshes import Array

DATA = Path(__file__).resolve().parents[1] / "data"


class _Reference:
    """n x n interior nodes of the unit square, h = 1/(n+1), field index k = i n + j.

    ``data`` holds idx, y, sigma, kappa, s, g (the npz files do). White noise xi lives at the nodes:
    theta = s sqrt(4 pi) (kappa/h) (kappa^2 - Lap_h)^{-1} xi, Lap_h with half-sample Neumann
    reflection.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = dict(data)
        self.idx, self.y = np.asarray(data["idx"]), np.asarray(data["y"])
        self.sigma, self.g = float(data["sigma"]), float(data["g"])
        self.n = n = int(data["n"])
        self.h = h = 1.0 / (n + 1)
        eigenvalues = (2.0 - 2.0 * np.cos(np.pi * np.arange(n) / n)) / h**2
        kappa, s = float(data["kappa"]), float(data["s"])
        self.spectrum = (
            s
            * np.sqrt(4.0 * np.pi)
            * (kappa / h)
            / (kappa**2 + eigenvalues[:, None] + eigenvalues[None, :])
        )

    def push(self, xi: ArrayLike) -> Array:
        """(n^2,) theta from white noise (n^2,). The map is symmetric, hence its own ``pull``."""
        field = np.reshape(xi, (self.n, self.n))
        out: Array = idctn(self.spectrum * dctn(field, norm="ortho"), norm="ortho").ravel()
        return out

    def white(self, theta: ArrayLike) -> Array:
        """The inverse of ``push``."""
        field = np.reshape(theta, (self.n, self.n))
        out: Array = idctn(dctn(field, norm="ortho") / self.spectrum, norm="ortho").ravel()
        return out

    def system(self, theta: Array) -> tuple[Any, Array]:
        """Sparse matrix (n^2, n^2) and right-hand side (n^2,)."""
        raise NotImplementedError

    def form(self, theta: Array, p: Array, u: Array) -> Array:
        """(n^2,) p' (dA/dtheta_k) u."""
        raise NotImplementedError

    def state(self, theta: ArrayLike) -> Array:
        """(n^2,) u at the interior nodes."""
        matrix, load = self.system(np.asarray(theta, dtype=float))
        out: Array = spla.spsolve(sp.csc_array(matrix), load)
        return out

    def forward(self, theta: ArrayLike) -> Array:
        """(m,) u at the observed nodes."""
        return self.state(theta)[self.idx]

    def pull(self, theta: ArrayLike, sensitivity: ArrayLike) -> Array:
        """(n^2,) adjoint of the derivative of ``forward``."""
        theta = np.asarray(theta, dtype=float)
        right = np.zeros(self.n**2)
        np.add.at(right, self.idx, np.asarray(sensitivity, dtype=float))
        p = spla.spsolve(sp.csc_array(self.system(theta)[0]).T.tocsc(), right)
        return -self.form(theta, p, self.state(theta))

    def potential(self, xi: ArrayLike) -> float:
        """|y - forward(push(xi))|^2 / (2 sigma^2)."""
        return float(np.sum((self.y - self.forward(self.push(xi))) ** 2) / (2.0 * self.sigma**2))

    def gradient(self, xi: ArrayLike) -> tuple[float, Array]:
        """Potential and its gradient (n^2,) in white space."""
        theta = self.push(xi)
        residual = self.forward(theta) - self.y
        phi = float(np.sum(residual**2) / (2.0 * self.sigma**2))
        return phi, self.push(self.pull(theta, residual / self.sigma**2))


class ReferenceSchrodinger(_Reference):
    """P1: (1/2) Lap u - exp(theta) u = 0, u = g on the boundary, five-point differences."""

    def system(self, theta: Array) -> tuple[Any, Array]:
        n, h = self.n, self.h
        line = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)) / h**2
        laplacian = sp.kron(line, sp.eye_array(n)) + sp.kron(sp.eye_array(n), line)
        ends = np.zeros(n)
        ends[[0, -1]] = self.g / h**2
        load = 0.5 * (ends[:, None] + ends[None, :]).ravel()
        return 0.5 * laplacian + sp.diags_array(np.exp(theta)), load

    def form(self, theta: Array, p: Array, u: Array) -> Array:
        return np.exp(theta) * p * u


class ReferenceDarcy(_Reference):
    """P2: -div(exp(theta) grad u) = 1, u = 0 on the boundary; face coefficient = mean.

    A face between an interior node and the boundary takes the interior node's value: exactly the
    mean with a copy of that node placed outside, which is how the padded array below reads.
    """

    def system(self, theta: Array) -> tuple[Any, Array]:
        n = self.n
        matrix = sp.lil_array((n * n, n * n))
        a = np.pad(np.exp(theta).reshape(n, n), 1, mode="edge")
        for i, j in np.ndindex(n, n):
            k = i * n + j
            for di, dj in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                face = 0.5 * (a[i + 1, j + 1] + a[i + 1 + di, j + 1 + dj]) / self.h**2
                matrix[k, k] += face
                if 0 <= i + di < n and 0 <= j + dj < n:
                    matrix[k, (i + di) * n + j + dj] = -face
        return matrix, np.ones(n * n)

    def form(self, theta: Array, p: Array, u: Array) -> Array:
        n = self.n
        v, w = (np.pad(z.reshape(n, n), 1) for z in (p, u))
        out = np.zeros((n, n))
        for i, j in np.ndindex(n, n):
            for di, dj in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                inside = 0 <= i + di < n and 0 <= j + dj < n
                jumps = (v[i + 1, j + 1] - v[i + 1 + di, j + 1 + dj]) * (
                    w[i + 1, j + 1] - w[i + 1 + di, j + 1 + dj]
                )
                out[i, j] += (0.5 if inside else 1.0) * jumps / self.h**2
        return np.exp(theta) * out.ravel()


def load_reference(name: str) -> ReferenceSchrodinger | ReferenceDarcy:
    """The 32 x 32 problem "P1" or "P2" with its data.

    The file's ``xi_init`` holds cosine coefficients; ``white(theta_init)`` is the same point at the
    nodes.
    """
    with np.load(DATA / "reference_problems" / f"data_{name}_n32.npz") as file:
        data = {key: file[key] for key in file.files}
    return ReferenceSchrodinger(data) if name == "P1" else ReferenceDarcy(data)
