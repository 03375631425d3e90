"""The benchmark of Aristoff and Bangerth (SIAM Review, 2023) with its ten published pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .elliptic import DarcyGrid
from .meshes import Array, Box
from .reference import DATA


class AristoffBangerth(DarcyGrid):
    """-div(a grad u) = 10 on the unit square, u = 0 on the boundary, 32 x 32 Q1 cells, a = exp(x)
    on 8 x 8 blocks.

    ``forward`` takes x = ln a with the blocks in this project's order (x slow); ``published`` turns
    a published coefficient vector (x fast) into it. Data: u at (i/14, j/14), i, j = 1..13, x slow.
    """

    SIGMA = 0.05  # noise
    PRIOR_SIGMA = 2.0  # of ln a in the published density

    def __init__(self) -> None:
        ticks = np.arange(1, 14) / 14.0
        points = np.stack([z.ravel() for z in np.meshgrid(ticks, ticks, indexing="ij")], axis=1)
        super().__init__(Box((32, 32)), points, source=10.0, at=(8, 8))

    @staticmethod
    def published(coefficients: ArrayLike) -> Array:
        """x = ln a (64,), block (i, j) at 8 i + j, from coefficients with (i, j) at i + 8 j."""
        return np.log(np.asarray(coefficients, dtype=float).reshape(8, 8).T.ravel())

    @staticmethod
    def log_likelihood(z: ArrayLike, z_hat: ArrayLike) -> float:
        """Published log-likelihood of observations z (169,), without its constant."""
        misfit = np.asarray(z) - np.asarray(z_hat)
        return float(-np.sum(misfit**2) / (2.0 * AristoffBangerth.SIGMA**2))

    @staticmethod
    def log_prior(x: ArrayLike) -> float:
        """Published log-prior, a density with respect to d a, without its constant.

        With respect to d x it gains the Jacobian sum(x): the prior of x is N(4, 2^2), not N(0,
        2^2).
        """
        return float(-np.sum(np.square(x)) / (2.0 * AristoffBangerth.PRIOR_SIGMA**2))

    @staticmethod
    def tests() -> tuple[Array, Array, Array]:
        """Published coefficients (10, 64), data (10, 169), [log-likelihood, log-prior] (10, 2)."""
        folder = DATA / "aristoff_bangerth"
        theta, z, logs = (
            np.loadtxt(folder / f"test_{name}.csv", delimiter=",", skiprows=1)[:, 1:]
            for name in ("theta", "z", "loglik_logprior")
        )
        return theta, z, logs
