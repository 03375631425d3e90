"""The competitor: pCN and MALA by hand in NumPy, as fast as an expert would write them.

Two posteriors in white space, exp(-phi(xi)) N(0, I): Schroedinger with five-point differences and a
Matern prior, any grid; and the Darcy benchmark of Aristoff and Bangerth. Symbolic work is done
once, buffers are kept, one factorisation serves the forward and the adjoint solve. Nothing here
uses m4dl.

    python benchmarks/reference_numpy.py --sizes 32 64 128      # ms per step; set OMP_NUM_THREADS=1

CHOLMOD is reached through scikit-sparse, which needs SuiteSparse's headers (Debian:
libsuitesparse-dev).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from numpy.typing import NDArray
from scipy.fft import dct, dctn, idctn
from scipy.linalg import lapack

try:
    from sksparse.cholmod import analyze
except ImportError:
    analyze = None

Array = NDArray[Any]
Z_HAT = Path(__file__).parents[1] / "python" / "m4dl" / "data" / "aristoff_bangerth" / "z_hat.csv"


class Solver(Protocol):
    """Factors a positive definite matrix given as the CSC values of its lower triangle."""

    def factor(self, values: Array) -> None: ...

    def solve(self, right: Array) -> Array: ...


class Cholmod:
    """CHOLMOD, analysed once, refactored in place.

    The simplicial kernel is the fast one for these sparse factors: 9.7 against 18 ms at 128 x 128,
    and still 70 against 102 ms (reference BLAS) or 63 ms (OpenBLAS) at 256 x 256; AMD orders best
    up to 64 x 64, nested dissection above.
    """

    def __init__(self, lower: Any, mode: str = "simplicial") -> None:
        if analyze is None:
            raise ImportError(
                "CHOLMOD needs scikit-sparse 0.4: apt-get install libsuitesparse-dev && "
                "pip install 'scikit-sparse<0.5'"
            )
        self._matrix = sp.csc_matrix(lower)
        ordering = "amd" if lower.shape[0] <= 80**2 else "nesdis"
        self._factor = analyze(self._matrix, mode=mode, ordering_method=ordering)

    def factor(self, values: Array) -> None:
        self._matrix.data = values
        self._factor.cholesky_inplace(self._matrix)

    def solve(self, right: Array) -> Array:
        return self._factor.solve_A(right)


class SuperLU:
    """scipy's splu in symmetric mode.

    SuperLU keeps no symbolic factorisation. ``tuned`` avoids what can be avoided: the matrix is
    permuted beforehand (minimum degree, once) and panels of one column suit its small supernodes;
    1.5 to 2 times faster than the plain call.
    """

    def __init__(self, lower: Any, tuned: bool = True) -> None:
        # An array of entry numbers, mirrored and permuted, tells where each value goes.
        number = sp.csc_array((np.arange(1, lower.nnz + 1), lower.indices, lower.indptr))
        full = sp.csc_array(number + sp.tril(number, -1).T)
        self._options: dict[str, Any] = {
            "permc_spec": "MMD_AT_PLUS_A",
            "diag_pivot_thresh": 0.0,
            "options": {"SymmetricMode": True},
        }
        self._order = np.arange(lower.shape[0])
        if tuned:
            # Any diagonally dominant matrix of this pattern gives the ordering.
            pattern = sp.csc_array((np.full(full.nnz, -1.0), full.indices, full.indptr))
            pattern.setdiag(10.0)
            self._order = np.argsort(spla.splu(pattern, **self._options).perm_c)
            full = sp.csc_array(full[self._order][:, self._order])
            self._options |= {"permc_spec": "NATURAL", "relax": 1, "panel_size": 1}
        full.sort_indices()
        self._take = full.data - 1
        self._matrix = sp.csc_array((np.ones(full.nnz), full.indices, full.indptr))

    def factor(self, values: Array) -> None:
        self._matrix.data = values[self._take]
        self._factor = spla.splu(self._matrix, **self._options)

    def solve(self, right: Array) -> Array:
        out = np.empty_like(right)
        out[self._order] = self._factor.solve(right[self._order])
        return out


class Banded:
    """LAPACK's banded Cholesky: no sparsity within the band, but no indices either."""

    def __init__(self, lower: Any) -> None:
        entries = lower.tocoo()
        offset = entries.row - entries.col
        height = int(offset.max()) + 1
        # Column-major, as LAPACK reads it without a copy of its own.
        self._flat = np.zeros(height * lower.shape[0])
        self._band = self._flat.reshape((height, -1), order="F")
        self._place = offset + height * entries.col.astype(np.int64)

    def factor(self, values: Array) -> None:
        self._flat[self._place] = values
        self._factor, info = lapack.dpbtrf(self._band, lower=1)
        if info:
            raise np.linalg.LinAlgError(f"not positive definite at row {info}")

    def solve(self, right: Array) -> Array:
        return lapack.dpbtrs(self._factor, right, lower=1)[0]


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
    u = Schrodinger(out, SuperLU).state(theta.ravel())
    out["sigma"] = float(np.sqrt(np.mean(u**2)) / 50.0)
    out["y"] = u[out["idx"]] + out["sigma"] * noise
    return out


class Schrodinger:
    """(1/2) Lap u = exp(theta) u, u = g on the boundary.

    theta = s sqrt(4 pi) (kappa/h) (kappa^2 - Lap)^{-1} white noise. Lap in the prior is Neumann
    with half-sample reflection; xi are the coefficients in its eigenvectors, the orthonormal
    DCT-II.
    """

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
        kappa, s = float(data["kappa"]), float(data["s"])
        neumann = (2.0 - 2.0 * np.cos(np.pi * np.arange(n) / n)) / h**2
        scale = s * np.sqrt(4.0 * np.pi) * kappa / h
        self._spectrum = scale / (kappa**2 + np.add.outer(neumann, neumann))
        # Below 64 a product with the cosine matrix beats the fast transform.
        self._cosines = dct(np.eye(n), axis=0, norm="ortho") if n <= 64 else None

    def push(self, xi: Array) -> Array:
        """theta (n^2,) of white noise xi (n^2,)."""
        x, c = self._spectrum * xi.reshape(self.n, self.n), self._cosines
        return (idctn(x, norm="ortho") if c is None else c.T @ x @ c).ravel()

    def pull(self, gradient: Array) -> Array:
        """The transpose of ``push``."""
        x, c = gradient.reshape(self.n, self.n), self._cosines
        return (self._spectrum * (dctn(x, norm="ortho") if c is None else c @ x @ c.T)).ravel()

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


class Target(Protocol):
    """What the chains need."""

    def potential(self, xi: Array) -> float: ...

    def gradient(self, xi: Array) -> tuple[float, Array]: ...


@dataclass
class Chain:
    """Potential after each step (steps,), fraction of accepted moves, last state, seconds taken."""

    potential: Array
    acceptance: float
    state: Array
    seconds: float


def mala(target: Target, xi0: Array, step_size: float, steps: int, seed: int) -> Chain:
    """xi' = xi - h (xi + grad phi) + sqrt(2h) w, Metropolis corrected; h = ``step_size``."""
    rng, h = np.random.default_rng(seed), step_size
    xi = np.array(xi0, dtype=float)
    phi, gradient = target.gradient(xi)
    drift = xi - h * (xi + gradient)
    trace, accepted = np.empty(steps), 0
    start = time.perf_counter()
    for k in range(steps):
        w = rng.standard_normal(xi.size)
        new = drift + np.sqrt(2.0 * h) * w
        phi_new, gradient = target.gradient(new)
        drift_new = new - h * (new + gradient)
        back = xi - drift_new
        # |new - drift|^2 / (4h) = |w|^2 / 2. A NaN compares false and rejects.
        energy = phi - phi_new + 0.5 * (xi @ xi - new @ new + w @ w) - back @ back / (4.0 * h)
        if np.log(rng.random()) < energy:
            xi, phi, drift, accepted = new, phi_new, drift_new, accepted + 1
        trace[k] = phi
    return Chain(trace, accepted / steps, xi, time.perf_counter() - start)


def pcn(target: Target, xi0: Array, beta: float, steps: int, seed: int) -> Chain:
    """xi' = sqrt(1 - beta^2) xi + beta w, accepted on the ratio of likelihoods."""
    rng, shrink = np.random.default_rng(seed), np.sqrt(1.0 - beta**2)
    xi = np.array(xi0, dtype=float)
    phi = target.potential(xi)
    trace, accepted = np.empty(steps), 0
    start = time.perf_counter()
    for k in range(steps):
        new = shrink * xi + beta * rng.standard_normal(xi.size)
        phi_new = target.potential(new)
        if np.log(rng.random()) < phi - phi_new:
            xi, phi, accepted = new, phi_new, accepted + 1
        trace[k] = phi
    return Chain(trace, accepted / steps, xi, time.perf_counter() - start)


def main() -> None:
    """Print milliseconds per step."""
    parser = argparse.ArgumentParser(description="Hand-written chains: milliseconds per step.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each row")
    arguments = parser.parse_args()

    def report(name: str, chain: Any) -> None:
        once = max(chain(5).seconds / 5.0, 1e-6)
        steps = max(5, int(arguments.seconds / 3.0 / once))
        best = min(chain(steps).seconds / steps for _ in range(3))
        print(f"{name:<44}{1e3 * best:9.3f} ms/step{1.0 / best:10.0f} steps/s")

    for n in arguments.sizes:
        data = problem(n)
        rows = {"splu plain": schrodinger_splu(n, data, tuned=False),
                "splu tuned": schrodinger_splu(n, data)}  # fmt: skip
        if analyze is not None:
            rows["cholmod"] = schrodinger_cholmod(n, data)
        for name, target in rows.items():
            xi0 = np.zeros(target.size)
            report(
                f"schrodinger {n} mala, {name}",
                lambda steps, t=target, x=xi0: mala(t, x, 1e-3, steps, 1),
            )
    solvers = {"banded": Banded, "splu": SuperLU} | ({"cholmod": Cholmod} if analyze else {})
    for name, solver in solvers.items():
        target = Darcy(solver)
        report(f"darcy pcn, {name}", lambda steps, t=target: pcn(t, np.zeros(64), 0.05, steps, 1))


if __name__ == "__main__":
    main()
