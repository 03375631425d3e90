"""Leading eigenpairs of a Hessian that is known by its products, from random directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._base.validate import Array


class Hessian:
    """Products with H at one point, whose equation is solved once for each block of lanes."""

    def __init__(self, core: Any, xi: Array, threads: int) -> None:
        lanes = int(_core.build_info()["lanes"])
        count = threads or int(_core.build_info()["threads"])
        self.rows = lanes * count
        self.at = _core.Linearised(core, np.tile(xi, (self.rows, 1)), threads)

    def __call__(self, rows: Array) -> Array:
        """Return H applied to each of the rows (n, W)."""
        out = np.empty_like(rows)
        for first in range(0, len(rows), self.rows):
            part = rows[first : first + self.rows]
            padded = np.zeros((self.rows, rows.shape[1]))
            padded[: len(part)] = part
            out[first : first + len(part)] = np.asarray(self.at.product(padded))[: len(part)]
        if not np.isfinite(out).all():
            raise ValueError("the Gauss-Newton Hessian is not finite at this point: a solve failed")
        return out


class Sketch:
    """Products of a symmetric positive semidefinite matrix with random directions, as rows."""

    def __init__(self, apply: Callable[[Array], Array], white: int, seed: int, passes: int) -> None:
        self.apply, self.white, self.seed, self.passes = apply, white, seed, passes
        empty = np.empty((0, white))
        self.omega = self.image = self.basis = self.second = empty
        self.size = 0

    def extend(self, size: int) -> None:
        """Take as many directions as are missing."""
        omega = np.asarray(_core.prior_white_noise(self.seed, size, self.white))[self.size :]
        image = self.apply(omega)
        self.size = size
        if self.passes == 1:
            self.omega, self.image = np.vstack([self.omega, omega]), np.vstack([self.image, image])
            return
        for _ in range(2):  # Gram-Schmidt twice is enough
            image = image - (image @ self.basis.T) @ self.basis
            image = np.linalg.qr(image.T)[0].T
        self.basis = np.vstack([self.basis, image])
        self.second = np.vstack([self.second, self.apply(image)])

    def eigenpairs(self) -> tuple[Array, Array]:
        """Return eigenvalues (size,), descending, and orthonormal eigenvectors (W, size)."""
        if self.passes == 2:
            small = self.basis @ self.second.T
            values, turn = np.linalg.eigh((small + small.T) / 2)
            values, vectors = values[::-1], (self.basis.T @ turn)[:, ::-1]
        else:
            values, vectors = self._nystrom()
        return np.maximum(values, 0.0), vectors

    def _nystrom(self) -> tuple[Array, Array]:
        """Y (Omega' Y)^{-1} Y', with a shift that rounding cannot make indefinite."""
        shift = np.finfo(float).eps * np.sqrt(self.white) * float(np.linalg.norm(self.image, 2))
        y = self.image + shift * self.omega
        core = self.omega @ y.T
        values, turn = np.linalg.eigh((core + core.T) / 2)
        keep: NDArray[np.bool_] = values > shift
        factor = (turn[:, keep] / np.sqrt(values[keep])).T @ y
        vectors, singular, _ = np.linalg.svd(factor.T, full_matrices=False)
        missing = self.size - len(singular)
        if missing:  # directions that H does not see: any that complete the basis
            rest = self.omega[:missing].T
            for _ in range(2):
                rest = rest - vectors @ (vectors.T @ rest)
            vectors = np.hstack([vectors, np.linalg.qr(rest)[0]])
        return np.concatenate([singular**2 - shift, np.zeros(missing)]), vectors
