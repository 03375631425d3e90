"""Samplers on linear Gaussian posteriors, whose mean and covariance are known.

Prior means are never zero: pCN that proposes around the origin, a defect of other packages, gives
-0.01 in place of 0.80 on the first problem here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import handmade
import m4dl
import numpy as np
import oracles as o
import pytest
from catalogue import KERNELS
from problems import Array
from rows import KernelRow, gaussian_of

EXACT = [row for row in KERNELS if row.exact]
UNADJUSTED = [row for row in KERNELS if not row.exact]

G = np.array([[1.0, 0.5, -0.3], [0.2, -1.0, 0.8]])
Y = np.array([3.0, -1.0])
SIGMA = np.array([0.8, 0.5])
MEAN = np.array([1.0, -2.0, 0.5])
COVARIANCE = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 0.7]])

Seed = Callable[[int], int]


def scalar() -> tuple[m4dl.Posterior, Array, Array]:
    """Prior N(4, 4), one datum 0, sigma 1: by hand N(0.8, 0.8)."""
    posterior = m4dl.Posterior(
        m4dl.LinearModel([[1.0]]),
        m4dl.GaussianPrior([4.0], 4.0),
        data=[0.0],
        noise=m4dl.GaussianNoise(1.0),
    )
    return posterior, np.array([0.8]), np.array([[0.8]])


def several() -> tuple[m4dl.Posterior, Array, Array]:
    """Three correlated parameters, two data with noise of their own."""
    posterior = m4dl.Posterior(
        m4dl.LinearModel(G),
        m4dl.GaussianPrior(MEAN, COVARIANCE),
        data=Y,
        noise=m4dl.GaussianNoise(SIGMA),
    )
    return posterior, *o.linear_posterior(G, Y, SIGMA, MEAN, COVARIANCE)


def errors(theta: Array, mean: Array, covariance: Array) -> tuple[Array, Array]:
    """Deviations of mean and covariance in standard errors, from chains (C, n, D) as replicates.

    Each chain gives one estimate of the mean and one of E (theta - mean)(theta - mean)', both
    unbiased; their spread over chains is the standard error, autocorrelation and all.
    """
    chains = len(theta)
    offset = theta - mean
    first = offset.mean(axis=1)
    second = np.einsum("cni,cnj->cij", offset, offset) / theta.shape[1] - covariance

    def standardised(x: Array) -> Array:
        return np.asarray(x.mean(axis=0) / (x.std(axis=0, ddof=1) / np.sqrt(chains)))

    return standardised(first), standardised(second)


def check(theta: Array, mean: Array, covariance: Array) -> None:
    """Five standard errors; Student's t with 95 degrees exceeds 5 once in 4 10^5."""
    first, second = errors(theta, mean, covariance)
    assert np.abs(first).max() < 5.0, (first, mean, theta.mean(axis=(0, 1)))
    assert np.abs(second).max() < 5.0, (second, covariance)


@pytest.mark.parametrize("problem", [scalar, several])
@pytest.mark.parametrize("row", EXACT, ids=str)
def test_closed_form_posterior(row: KernelRow, problem: Any, seed: Seed) -> None:
    posterior, mean, covariance = problem()
    draws = m4dl.sample(
        posterior,
        row.kernel(posterior.white),
        draws=2000,
        warmup=400,
        chains=96,
        seed=seed(50),
        start="prior",  # and so the metric of the row
        progress=False,
    )
    check(draws.theta, mean, covariance)
    # and the test is sharp: a standard error is below 2 % of the posterior's deviation
    error = draws.theta.mean(axis=1).std(axis=0) / np.sqrt(96)
    assert (error < 0.02 * np.sqrt(np.diag(covariance))).all()
    failing = draws.log_likelihood - posterior.log_likelihood(draws.theta)
    np.testing.assert_allclose(failing, 0.0, atol=1e-10)


def run_handmade(step: handmade.Step, seed: int) -> Array:
    """The scalar problem, white: Phi = (4 + 2 xi)^2/2. Returns theta (96, 2000, 1)."""
    target = handmade.Target(
        lambda xi: 0.5 * (4.0 + 2.0 * xi[:, 0]) ** 2, lambda xi: 2.0 * (4.0 + 2.0 * xi), 4.0, 2.0
    )
    rng = np.random.default_rng(seed)
    xi = rng.standard_normal((96, 1))
    out = np.empty((2200, 96, 1))
    for k in range(2200):
        xi = out[k] = step(target, xi, rng)
    return 4.0 + 2.0 * out[200:].transpose(1, 0, 2)


@pytest.mark.parametrize("name", ["pcn", "mala", "delayed pcn"])
def test_right_kernels_by_hand_pass(name: str, seed: Seed) -> None:
    step = {
        "pcn": handmade.pcn(0.5),
        "mala": handmade.mala(0.2),
        "delayed pcn": handmade.delayed_pcn(0.5, handmade.unrelated),
    }[name]
    check(run_handmade(step, seed(51)), np.array([0.8]), np.array([[0.8]]))


@pytest.mark.parametrize(
    "name", ["pcn around zero", "mala uncorrected", "delayed pcn uncorrected", "ula"]
)
def test_wrong_kernels_fail(name: str, seed: Seed) -> None:
    step = {
        "pcn around zero": handmade.pcn_around_zero(0.5),
        "mala uncorrected": handmade.mala(0.2, corrected=False),
        "delayed pcn uncorrected": handmade.delayed_pcn(0.5, handmade.unrelated, corrected=False),
        "ula": handmade.ula(0.2),
    }[name]
    theta = run_handmade(step, seed(52))
    with pytest.raises(AssertionError):
        check(theta, np.array([0.8]), np.array([[0.8]]))
    if name == "pcn around zero":  # what it samples: the prior N(0, 4) in place of N(4, 4)
        check(theta, np.array([0.0]), np.array([[0.8]]))


@pytest.mark.parametrize("row", UNADJUSTED, ids=str)
def test_ula_has_its_own_law(row: KernelRow, seed: Seed) -> None:
    """In white space with metric C: z = C^{-1/2} xi has precision Q = C^{1/2} P C^{1/2}, and ULA's
    covariance there is the inverse of Q (1 - h Q/2).
    """
    posterior, mean, covariance = several()
    factor = np.linalg.cholesky(COVARIANCE)
    precision = np.eye(3) + factor.T @ G.T @ np.diag(SIGMA**-2.0) @ G @ factor
    kernel = row.kernel(3)
    _, _, root = gaussian_of(kernel.metric, 3)
    scaled = root @ precision @ root
    h = 0.8 / np.linalg.eigvalsh(scaled)[-1]
    law = root @ o.ula_covariance(scaled, h) @ root
    white_mean = np.linalg.solve(factor, mean - MEAN)
    rng = np.random.default_rng(seed(53))
    start = rng.multivariate_normal(white_mean, law, size=96)  # stationary from the start
    draws = m4dl.sample(
        posterior,
        m4dl.ULA(step_size=h, metric=kernel.metric),
        draws=2000,
        chains=96,
        seed=seed(54),
        start=start,
        progress=False,
    )
    theta_law = factor @ law @ factor.T
    check(draws.theta, mean, theta_law)
    # its variance is 1/(1 - 0.4) of the posterior's in the stiffest direction: seen clearly
    _, second = errors(draws.theta, mean, covariance)
    assert np.abs(second).max() > 10.0
    assert (draws.acceptance == 1.0).all()


def test_ula_in_one_dimension(seed: Seed) -> None:
    """1/(lambda (1 - h lambda/2)), lambda = 1 + 4 in white space, for small and large steps."""
    posterior, mean, _ = scalar()
    for k, product in enumerate((0.1, 1.0, 1.9)):
        variance = 1.0 / (5.0 * (1.0 - product / 2.0))
        rng = np.random.default_rng(seed(55 + k))
        start = -1.6 + np.sqrt(variance) * rng.standard_normal((96, 1))
        draws = m4dl.sample(
            posterior,
            m4dl.ULA(step_size=product / 5.0),
            draws=1500,
            chains=96,
            seed=seed(58 + k),
            start=start,
            progress=False,
        )
        check(draws.theta, mean, np.array([[4.0 * variance]]))


def test_ula_diverges(seed: Seed) -> None:
    """xi' = (1 - h lambda) xi + noise: it grows like |1 - h lambda|^n from h lambda = 2 on."""
    posterior, _, _ = scalar()
    options: dict[str, Any] = {"chains": 96, "seed": seed(61), "progress": False, "start": [-1.6]}
    beyond = m4dl.sample(posterior, m4dl.ULA(step_size=2.2 / 5.0), draws=200, **options)
    last = np.abs(beyond.theta[:, -1, 0] - 0.8)
    # 1.2^200 = 7e15, times a noise of order 1
    assert np.median(last) > 1e14
    # at h lambda = 2 exactly it is a random walk: variance 2 h n in xi, 4 times that in theta
    edge = m4dl.sample(posterior, m4dl.ULA(step_size=2.0 / 5.0), draws=200, **options)
    variance = ((edge.theta[:, -1, 0] - 0.8) ** 2).mean()
    # relative standard error sqrt(2/96) = 0.14, five of them
    assert variance == pytest.approx(4.0 * 2.0 * 0.4 * 200, rel=5.0 * np.sqrt(2.0 / 96))
