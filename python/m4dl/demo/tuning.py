"""Tuning of MALA by pilot runs: white noise turned so that a diagonal metric fits the posterior."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from .._base.validate import Array
from ..kernels import MALA, DiagonalMetric
from ..posterior import Posterior
from ..priors import SparsePrior
from .settings import Settings

PRODUCTS = 10_240
"""Gauss-Newton products, W for each draw of a pilot run that the information is averaged over."""


def tune(
    posterior: Posterior, settings: Settings, seeds: Sequence[int], iterations: int
) -> tuple[Posterior, MALA, Array]:
    """Find the posterior and its metric by short runs, one for each seed, from draws of the prior.

    The metric of the first is that of the prior mean; of each later one, and of the kernel that is
    returned, the mean over the run before.

    Parameters
    ----------
    posterior : Posterior
        Its prior must be Gaussian, with W <= D.
    settings : Settings
    seeds : sequence of int
    iterations : int
        Of each run, in each chain; half of them adapt the step size.

    Returns
    -------
    posterior : Posterior
        The same one, in turned white noise.
    kernel : MALA
        For it.
    start : (chain, W) array
        White noise at which the last run ended.
    """
    q, r = np.linalg.qr(_matrix(posterior))
    points = np.zeros((1, posterior.white))
    start = None
    draws = min(10, iterations // 2)
    thin = (iterations // 2) // draws
    for number, seed in enumerate(seeds, start=1):
        tuned, kernel, basis = _fit(posterior, points, settings.threads)
        settings.say(
            f"Pilot run {number}: {settings.chains} chains, {iterations:,} iterations each"
        )
        pilot = settings.sample(
            tuned,
            kernel,
            draws=draws,
            warmup=iterations - draws * thin,
            seed=seed,
            thin=thin,
            start="prior" if start is None else start @ basis,
        )
        if not pilot.complete:
            raise KeyboardInterrupt
        # Back to xi, by theta - mean = T xi = Q R xi.
        theta = pilot.theta.reshape(-1, pilot.parameters) - posterior.prior.mean
        points = np.linalg.solve(r, q.T @ theta.T).T
        start = points.reshape(settings.chains, draws, -1)[:, -1]
        points = points[:: -(-len(points) * posterior.white // PRODUCTS)]
    assert start is not None
    tuned, kernel, basis = _fit(posterior, points, settings.threads)
    return tuned, kernel, start @ basis


def _fit(posterior: Posterior, points: Array, threads: int) -> tuple[Posterior, MALA, Array]:
    """Turn white noise to the eigenvectors of the information, whose inverse is the metric."""
    spectrum, basis = np.linalg.eigh(information(posterior, points, threads))
    return turn(posterior, basis), MALA(0.1, metric=DiagonalMetric(1 / spectrum)), basis


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
    turned = SparsePrior(
        sparse.eye_array(prior.parameters, format="csc"),
        sparse.csc_array(_matrix(posterior) @ basis),
        mean=prior.mean,
        domain=prior.domain,
        at=prior.at,
    )
    return Posterior(posterior.model, turned, data=posterior.data, noise=posterior.noise)


def _matrix(posterior: Posterior) -> Array:
    """Return T, (D, W), of a Gaussian prior theta = mean + T xi."""
    prior = posterior.prior
    return np.asarray((prior.push(np.eye(prior.white)) - prior.mean).T)
