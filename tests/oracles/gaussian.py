"""Closed forms for the linear Gaussian model."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .meshes import Array


def linear_posterior(
    matrix: ArrayLike, data: ArrayLike, sigma: ArrayLike, mean: ArrayLike, covariance: ArrayLike
) -> tuple[Array, Array]:
    """Posterior mean (D,) and covariance (D, D) of theta ~ N(mean, covariance).

    The data are matrix theta + noise.

    ``sigma`` is the noise standard deviation, a number or one per datum. Written with the gain, so
    that a singular prior covariance is allowed.
    """
    g, c, m = (np.asarray(a, dtype=float) for a in (matrix, covariance, mean))
    noise = np.broadcast_to(np.asarray(sigma, dtype=float) ** 2, len(g))
    gain = np.linalg.solve(g @ c @ g.T + np.diag(noise), g @ c).T
    return m + gain @ (np.asarray(data, dtype=float) - g @ m), c - gain @ g @ c


def ula_covariance(precision: ArrayLike, step_size: float) -> Array:
    """Stationary covariance (D, D) of xi' = xi - h P xi + sqrt(2h) w: the inverse of P (1 - h P/2).

    Not the target's P^{-1}: it is what ULA must be tested against. It exists iff h times the
    largest eigenvalue is below 2.
    """
    p = np.asarray(precision, dtype=float)
    if step_size * np.linalg.eigvalsh(p)[-1] >= 2.0:
        raise ValueError(f"ULA diverges with step_size {step_size}")
    return np.linalg.inv(p @ (np.eye(len(p)) - step_size / 2.0 * p))
