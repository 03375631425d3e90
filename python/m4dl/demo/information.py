"""White noise turned so that a diagonal metric fits the posterior."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from .._validate import Array
from ..posterior import Posterior
from ..priors import SparsePrior


def information(posterior: Posterior, points: Array, threads: int = 0) -> Array:
    """Return I + mean_k J(xi_k)' Sigma^{-1} J(xi_k), (W, W), over white noise ``points`` (n, W).

    J is the derivative of xi -> G(T(xi)). At a single point this is the precision of the Laplace
    approximation without second derivatives of G; the mean over the posterior is, up to such
    derivatives, its Fisher information, whose inverse is the best constant covariance for the
    noise of Langevin proposals.

    Source
    ------
    M. Titsias, Optimal preconditioning and Fisher adaptive Langevin sampling, NeurIPS 36 (2023).
    """
    size = posterior.white
    total = np.zeros((size, size))
    for point in points:
        at = np.broadcast_to(point, (size, size))
        total += posterior.gauss_newton(at, np.eye(size), threads)
    total /= len(points)
    return np.eye(size) + (total + total.T) / 2


def turn(posterior: Posterior, basis: Array) -> Posterior:
    """Return the same posterior over white noise eta with xi = basis eta, basis orthogonal.

    The law N(0, I) of white noise does not change under rotations, so neither does the prior; a
    diagonal metric over eta is a dense one over xi. The prior must be Gaussian.
    """
    prior = posterior.prior
    columns = prior.push(basis.T) - prior.mean  # rows are T basis_k, theta = mean + T xi
    identity = sparse.eye_array(prior.parameters, format="csc")
    turned = SparsePrior(
        identity,
        sparse.csc_array(columns.T),
        mean=prior.mean,
        domain=prior.domain,
        at=prior.at,
    )
    return Posterior(posterior.model, turned, data=posterior.data, noise=posterior.noise)
