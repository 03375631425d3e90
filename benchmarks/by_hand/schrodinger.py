"""The Schroedinger posterior by hand: five-point differences and a Matern prior, any grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.fft import dct, dctn, idctn

from .iterative import SineTransform
from .solvers import Array, Cholmod, Solver, SuperLU


def problem(n: int, seed: int = 0) -> dict[str, Any]:
    """A Schroedinger problem on n x n interior nodes (i h, j h), h = 1/(n + 1), k = i n + j.

    Truth, observation points (moved to the nearest node) and noise are the same functions for every
    n. Keys: n, h, idx (200,), X (200, 2), y (200,), sigma = rms(u)/50, kappa and s of the prior
    (Matern of smoothness 1, length 0.5), g = 1 on the boundary, theta_true (n^2,).
    """
    rng = np.random.default_rng(seed)
    points, noise = rng.random((200, 2)), rng.standard_normal(200)
    h = 1.0 / (n + 1)
    nearest = np.clip(np.rint(points / h).astype(int), 1, n)
    x, y = np.meshgrid(*[h * np.arange(1, n + 1)] * 2, indexing="ij")
    bump = np.exp(-((x - 0.65) ** 2 + (y - 0.35) ** 2) / 0.05)
    theta = 0.8 * np.sin(2.0 * np.pi * x) * np.cos(np.pi * y) + 1.2 * bump
    out: dict[str, Any] = {
        "n": n, "h": h, "idx": (nearest - 1) @ [n, 1], "X": h * nearest, "sigma": 1.0, "g": 1.0,
        "kappa": np.sqrt(8.0) / 0.5, "s": 1.0, "theta_true": theta.ravel(), "y": np.zeros(200),
    }  # fmt: skip
    # Beyond 128 x 128 SuperLU takes its time.
    exact = SuperLU if n <= 128 else lambda lower: SineTransform(lower, tolerance=1e-11)
    u = Schrodinger(out, exact).state(theta.ravel())
    out["sigma"] = float(np.sqrt(np.mean(u**2)) / 50.0)
    out["y"] = u[out["idx"]] + out["sigma"] * noise
    return out


class CosinePrior:
    """theta = s sqrt(4 pi) (kappa/h) (kappa^2 - Lap)^{-1} white noise, at n x n interior nodes.

    Lap is Neumann with half-sample reflection; xi are the coefficients in its eigenvectors, the
    orthonormal DCT-II.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.n = n = int(data["n"])
        h = 1.0 / (n + 1)
        kappa, s = float(data["kappa"]), float(data["s"])
        neumann = (2.0 - 2.0 * np.cos(np.pi * np.arange(n) / n)) / h**2
        scale = s * np.sqrt(4.0 * np.pi) * kappa / h
        self.spectrum = scale / (kappa**2 + np.add.outer(neumann, neumann))
        # Below 64 a product with the cosine matrix beats the fast transform.
        self._cosines = dct(np.eye(n), axis=0, norm="ortho") if n <= 64 else None

    def push(self, xi: Array) -> Array:
        """theta (n^2,) of white noise xi (n^2,)."""
        x, c = self.spectrum * xi.reshape(self.n, self.n), self._cosines
        return (idctn(x, norm="ortho") if c is None else c.T @ x @ c).ravel()

    def pull(self, gradient: Array) -> Array:
        """The transpose of ``push``."""
        x, c = gradient.reshape(self.n, self.n), self._cosines
        return (self.spectrum * (dctn(x, norm="ortho") if c is None else c @ x @ c.T)).ravel()

    def white(self, theta: Array) -> Array:
        """The inverse of ``push``."""
        x = theta.reshape(self.n, self.n)
        return np.asarray(dctn(x, norm="ortho") / self.spectrum).ravel()


class Schrodinger:
    """(1/2) Lap u = exp(theta) u, u = g on the boundary, with the ``CosinePrior`` of theta."""

    def __init__(self, data: Mapping[str, Any], solver: Any) -> None:
        self.n = n = int(data["n"])
        self.size = n * n
        h = 1.0 / (n + 1)
        line = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)) / h**2
        laplacian = sp.kron(line, sp.eye_array(n)) + sp.kron(sp.eye_array(n), line)
        lower = sp.csc_array(sp.tril(0.5 * laplacian))
        lower.sort_indices()
        self._diagonal = lower.indptr[:-1]
        self._values = lower.data.copy()
        self._base = lower.data[self._diagonal]
        self._solver: Solver = solver(lower)
        ends = np.zeros(n)
        ends[[0, -1]] = 0.5 * float(data["g"]) / h**2
        self._load = np.add.outer(ends, ends).ravel()
        self._idx, self._y = np.asarray(data["idx"]), np.asarray(data["y"])
        self._sigma = float(data["sigma"])
        self._prior = CosinePrior(data)

    def push(self, xi: Array) -> Array:
        """theta (n^2,) of white noise xi (n^2,)."""
        return self._prior.push(xi)

    def pull(self, gradient: Array) -> Array:
        """The transpose of ``push``."""
        return self._prior.pull(gradient)

    def _solve(self, f: Array) -> Array:
        self._values[self._diagonal] = self._base + f
        self._solver.factor(self._values)
        return self._solver.solve(self._load)

    def state(self, theta: Array) -> Array:
        """u (n^2,) at the interior nodes."""
        return self._solve(np.exp(theta))

    def potential(self, xi: Array) -> float:
        """|y - u(idx)|^2 / (2 sigma^2)."""
        residual = (self.state(self.push(xi))[self._idx] - self._y) / self._sigma
        return 0.5 * float(residual @ residual)

    def gradient(self, xi: Array) -> tuple[float, Array]:
        """The potential and its gradient (n^2,)."""
        f = np.exp(self.push(xi))
        u = self._solve(f)
        residual = (u[self._idx] - self._y) / self._sigma
        # An index may occur twice; bincount adds.
        right = np.bincount(self._idx, residual / self._sigma, self.size)
        p = self._solver.solve(right)
        return 0.5 * float(residual @ residual), self.pull(-f * p * u)


def schrodinger_cholmod(n: int, data: Mapping[str, Any] | None = None) -> Schrodinger:
    """Schroedinger at n x n with CHOLMOD; ``data`` is ``problem(n)`` unless given."""
    return Schrodinger(data or problem(n), Cholmod)


def schrodinger_splu(
    n: int, data: Mapping[str, Any] | None = None, tuned: bool = True
) -> Schrodinger:
    """Schroedinger at n x n with scipy's splu; ``tuned`` as in ``SuperLU``."""
    return Schrodinger(data or problem(n), lambda lower: SuperLU(lower, tuned))
