"""The information of the non-Abelian transform in one direction, and the Gaussian limit it gives.

For Phi = f hat(a) the information is 2 |a|^2 I_0* I_0, whose eigenfunctions are Zernike polynomials
with eigenvalues 8 pi |a|^2/(n + 1): under the design's probability measure, of mass 1 instead of
2 pi^2, the posterior variance of <f, Z_nk> tends to sigma^2 pi (n + 1)/(4 |a|^2 N).
"""

from __future__ import annotations

from collections.abc import Callable

import m4dl
import numpy as np
import pytest

BASIS = m4dl.rays.ZernikeBasis(3)
A = np.array([0.6, -0.3, 0.9])
SIGMA = 0.05
# A product of equally spaced angles. The squares of I_0 Z are trigonometric polynomials of degree
# 2 (3 + 1) in either, with period pi in the incidence: the sums over 16 x 12 rays are exact.
ANGLES, INCIDENCES = 2 * np.pi * np.arange(16) / 16, np.pi * ((np.arange(12) + 0.5) / 12 - 0.5)
COUNT = len(ANGLES) * len(INCIDENCES)


@pytest.fixture(scope="module")
def posterior() -> m4dl.Posterior:
    """f in the Zernike basis, a wide prior for it, and Phi = f hat(a)."""
    beta, alpha = (x.ravel() for x in np.meshgrid(ANGLES, INCIDENCES, indexing="ij"))
    start, direction = (np.stack([np.cos(t), np.sin(t)], axis=1) for t in (beta, beta + alpha))
    rays = m4dl.rays.Rays(m4dl.domains.Disk(), start, -direction)
    model = m4dl.NonAbelianXRay(rays, BASIS)
    prior = m4dl.VectorPrior([m4dl.GaussianPrior(np.zeros(BASIS.size), 1.0)], mixing=A[:, None])
    rng = np.random.default_rng(6)
    truth = np.kron(A, 0.5 * rng.standard_normal(BASIS.size))
    data = model(truth) + SIGMA * rng.standard_normal(model.outputs)
    return m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(SIGMA))


def limits() -> np.ndarray:
    return np.asarray(SIGMA**2 * np.pi * (BASIS.degree + 1) / (4.0 * A @ A * COUNT))


def test_information_is_exact_and_does_not_depend_on_the_field(posterior: m4dl.Posterior) -> None:
    eye, scale = np.eye(BASIS.size), np.sqrt(np.outer(limits(), limits()))
    for f in (np.zeros(BASIS.size), np.random.default_rng(7).standard_normal(BASIS.size)):
        information = posterior.gauss_newton(np.tile(f, (len(eye), 1)), eye)
        # Steps of 1/5 with two Gauss points integrate polynomials of degree 3 exactly.
        np.testing.assert_allclose(information * scale, eye, rtol=0, atol=1e-11)


def test_posterior_variance_is_the_efficient_one(
    posterior: m4dl.Posterior, seed: Callable[[int], int]
) -> None:
    """Within 5 % on average, of all ten."""
    draws = m4dl.sample(
        posterior,
        m4dl.HMC(0.9, 1.5, adapt=False),
        draws=1000,
        warmup=50,
        chains=8,
        seed=seed(8),
        progress=False,
    )
    fields = draws.theta.reshape(-1, 3, BASIS.size)
    f = np.einsum("c,ncj->nj", A, fields) / (A @ A)
    expected = 1.0 / (1.0 / limits() + 1.0)  # with the prior
    # theta = a f: one component tells the effective draws of all
    assert draws.ess().min() > 4_000
    ratio = f.var(axis=0) / expected
    assert ratio.mean() == pytest.approx(1.0, abs=0.05)
    # each by itself: five standard errors sqrt(2/4000) of a variance
    np.testing.assert_allclose(ratio, 1.0, rtol=0, atol=5 * np.sqrt(2 / 4_000))
