"""Iterative solvers for the chains by hand: conjugate gradients after sines, or after PyAMG.

Both start from the solution of the state before. The first solve after ``factor`` is the forward
one and the second the adjoint one, and each starts from its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.fft import dst, dstn
from scipy.linalg.blas import daxpy, dscal

from .solvers import Array

try:
    import pyamg
except ImportError:
    pyamg = None

TOLERANCE = 1e-8
"""Of the residual, relative to the right-hand side."""
MOST_ITERATIONS = 200
Transform = Callable[[Array], Array]


def symmetric(lower: Any) -> Any:
    """The whole matrix, CSR, of a lower triangle."""
    full = sp.csr_array(lower + sp.tril(lower, -1).T)
    full.sort_indices()
    return full


class Sines:
    """The orthonormal sine transform (DST-I) of n x n values, in the fastest of three ways.

    ``there`` and ``back`` are inverse to each other; ``order`` says which frequency stands where.
    scipy's fast transform suffers where n + 1 has a large prime factor (n = 256: 257 is prime). A
    product with the sine matrix is faster for small n, and half as dear once even and odd
    frequencies are separated, which pays from n = 128 to 512 or so. Which it is, a measurement at
    construction tells.
    """

    def __init__(self, n: int) -> None:
        self._n, self._half = n, n // 2
        sines = np.asarray(dst(np.eye(n), type=1, axis=0, norm="ortho"))
        self._sines = sines
        self._even = sines[0::2, : self._half].copy()
        self._odd = sines[1::2, : self._half].copy()
        self._a, self._b = np.empty((n, n)), np.empty((n, n))
        natural, parity = np.arange(n), np.r_[0:n:2, 1:n:2]
        self.ways: dict[str, tuple[Transform, Transform, Array]] = {
            "fast transform": (self._fast, self._fast, natural),
            "product": (self._product, self._product, natural),
        }
        if n % 2 == 0:
            self.ways["folded product"] = (self._fold, self._unfold, parity)
        values = np.random.default_rng(0).standard_normal((n, n))
        self.way = min(self.ways, key=lambda way: _least_time(self.ways[way][:2], values))
        self.there, self.back, self.order = self.ways[self.way]

    def _fast(self, x: Array) -> Array:
        return np.asarray(dstn(x, type=1, norm="ortho"))

    def _product(self, x: Array) -> Array:
        np.matmul(self._sines, x, out=self._a)
        return np.matmul(self._a, self._sines, out=self._b)

    def _fold(self, x: Array) -> Array:
        half, a, b = self._half, self._a, self._b
        top, bottom = x[:half], x[: half - 1 : -1]
        np.matmul(self._even, top + bottom, out=a[:half])
        np.matmul(self._odd, top - bottom, out=a[half:])
        left, right = a[:, :half], a[:, : half - 1 : -1]
        np.matmul(left + right, self._even.T, out=b[:, :half])
        np.matmul(left - right, self._odd.T, out=b[:, half:])
        return b

    def _unfold(self, x: Array) -> Array:
        half, a, b = self._half, self._a, self._b
        even, odd = x[:, :half] @ self._even, x[:, half:] @ self._odd
        np.add(even, odd, out=a[:, :half])
        np.subtract(even, odd, out=a[:, : half - 1 : -1])
        even, odd = self._even.T @ a[:half], self._odd.T @ a[half:]
        np.add(even, odd, out=b[:half])
        np.subtract(even, odd, out=b[: half - 1 : -1])
        return b


def _least_time(functions: tuple[Transform, ...], values: Array) -> float:
    """Seconds that the functions take one after the other, the least of five."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        for function in functions:
            function(values)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


class SineTransform:
    """A = L + diag(f), L a constant-coefficient five-point operator: CG after L + mean(f).

    ``lower`` is the lower triangle of L. With M = L + mean(f) and d = f - mean(f), A p is
    M p + d p, and M p follows its own recurrence, as p does: no stencil within the iteration.
    """

    def __init__(self, lower: Any, tolerance: float = TOLERANCE) -> None:
        n = round(lower.shape[0] ** 0.5)
        self._shape, self._tolerance = (n, n), tolerance
        self._diagonal = lower.indptr[:-1]
        self._base = lower.data[self._diagonal]
        self._matrix = symmetric(lower)
        self._sines = Sines(n)
        coupling = -lower.data[1]
        line = coupling * (2.0 - 2.0 * np.cos(np.pi * (1.0 + self._sines.order) / (n + 1)))
        self._laplacian = np.add.outer(line, line)
        self._guess = [np.zeros(n * n), np.zeros(n * n)]
        self._p, self._mp, self._ap = (np.empty(n * n) for _ in range(3))
        self.iterations = 0
        """In all solves so far."""

    def factor(self, values: Array) -> None:
        self._f = values[self._diagonal] - self._base
        mean = self._f.mean()
        self._inverse = 1.0 / (self._laplacian + mean)
        self._d = self._f - mean
        self._turn = 0

    def solve(self, right: Array) -> Array:
        x = self._guess[self._turn].copy()
        p, mp, ap = self._p, self._mp, self._ap
        r = right - self._matrix @ x
        r -= self._f * x
        enough = self._tolerance * float(np.sqrt(right @ right))
        rho = 1.0
        for k in range(MOST_ITERATIONS):
            if np.sqrt(r @ r) <= enough:
                break
            z = self._sines.there(r.reshape(self._shape))
            z *= self._inverse
            z = self._sines.back(z).ravel()
            rho, before = float(r @ z), rho
            beta = rho / before if k else 0.0
            for vector, new in ((p, z), (mp, r)):
                if k:
                    dscal(beta, vector)
                    daxpy(new, vector)
                else:
                    vector[:] = new
            np.multiply(self._d, p, out=ap)
            ap += mp
            alpha = rho / float(p @ ap)
            daxpy(p, x, a=alpha)
            daxpy(ap, r, a=-alpha)
            self.iterations += 1
        else:
            raise np.linalg.LinAlgError(f"no convergence in {MOST_ITERATIONS} iterations")
        self._guess[self._turn] = x
        self._turn = 1
        return x


class Multigrid:
    """PyAMG: CG on the current matrix after a V-cycle of a hierarchy built once.

    The hierarchy is that of the first matrix seen. Sweeps of Gauss and Seidel go forward before and
    backward after the coarse correction: symmetric, for half of PyAMG's default sweeps.
    ``method`` is "ruge_stuben" or "smoothed_aggregation".
    """

    def __init__(self, lower: Any, method: str = "smoothed_aggregation") -> None:
        if pyamg is None:
            raise ImportError("PyAMG is not installed: pip install pyamg")
        self._build = getattr(pyamg, f"{method}_solver")
        # An array of entry numbers tells where each value goes.
        number = sp.csc_array((np.arange(1.0, lower.nnz + 1), lower.indices, lower.indptr))
        self._matrix = symmetric(number)
        self._take = self._matrix.data.astype(np.intp) - 1
        self._apply: Callable[[Array], Array] | None = None
        self._guess = [np.zeros(lower.shape[0]), np.zeros(lower.shape[0])]
        self.iterations = 0
        """In all solves so far."""

    def factor(self, values: Array) -> None:
        self._matrix.data = values[self._take].astype(float)
        self._turn = 0
        if self._apply is None:
            sweeps = {
                f"{when}smoother": ("gauss_seidel", {"sweep": sweep})
                for when, sweep in (("pre", "forward"), ("post", "backward"))
            }
            hierarchy = self._build(pyamg_matrix(self._matrix), **sweeps)
            self._apply = hierarchy.aspreconditioner(cycle="V").matvec

    def solve(self, right: Array) -> Array:
        assert self._apply is not None
        x = self._guess[self._turn].copy()
        p = np.empty_like(x)
        r = right - self._matrix @ x
        enough = TOLERANCE * float(np.sqrt(right @ right))
        rho = 1.0
        for k in range(MOST_ITERATIONS):
            if np.sqrt(r @ r) <= enough:
                break
            z = self._apply(r)
            rho, before = float(r @ z), rho
            if k:
                dscal(rho / before, p)
                daxpy(z, p)
            else:
                p[:] = z
            ap = self._matrix @ p
            alpha = rho / float(p @ ap)
            daxpy(p, x, a=alpha)
            daxpy(ap, r, a=-alpha)
            self.iterations += 1
        else:
            raise np.linalg.LinAlgError(f"no convergence in {MOST_ITERATIONS} iterations")
        self._guess[self._turn] = x
        self._turn = 1
        return x


def pyamg_matrix(matrix: Any) -> Any:
    """A copy as PyAMG wants it: 32-bit indices, a matrix rather than an array."""
    return sp.csr_matrix(matrix.copy())
