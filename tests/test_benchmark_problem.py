"""The benchmark of Aristoff and Bangerth: ten published pairs, through the public API alone.

Two traps. The published coefficients run with x fast, fields here with x slow. The published
log-prior is a density in the coefficient a; in theta = ln a the Jacobian sum(theta) moves the mean:
theta_k ~ N(4, 2^2).
"""

from __future__ import annotations

from importlib.resources import files

import m4dl
import numpy as np
import pytest
from oracles import AristoffBangerth

COEFFICIENTS, Z, LOGS = AristoffBangerth.tests()
# block (i, j), x first: position i + 8 j in the files, 8 i + j here
THETA = np.log(COEFFICIENTS).reshape(10, 8, 8).transpose(0, 2, 1).reshape(10, 64)


@pytest.fixture(scope="module")
def posterior() -> m4dl.Posterior:
    ticks = np.arange(1, 14) / 14.0
    points = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    model = m4dl.Darcy(m4dl.Grid((32, 32)), points, source=10.0, blocks=(8, 8))
    prior = m4dl.GaussianPrior(4.0, np.full(64, 4.0), domain=model.domain, at=model.at)
    with (files("m4dl") / "data" / "aristoff_bangerth" / "z_hat.csv").open() as file:
        z_hat = np.loadtxt(file, delimiter=",", skiprows=1)[:, -1]
    return m4dl.Posterior(model, prior, data=z_hat, noise=m4dl.GaussianNoise(0.05))


def test_forward_vectors(posterior: m4dl.Posterior) -> None:
    """To 1e-10, relative, every one of the 1690 values."""
    np.testing.assert_allclose(posterior.model(THETA), Z, rtol=1e-10)


def printed(value: float, published: float) -> None:
    """Equal to the twelve digits printed, up to a unit of the last."""
    assert value == pytest.approx(published, rel=1e-11, abs=1e-11)


def test_log_likelihoods(posterior: m4dl.Posterior) -> None:
    for value, published in zip(posterior.log_likelihood(THETA), LOGS[:, 0], strict=True):
        printed(value, published)
    white = (THETA - 4.0) / 2.0
    np.testing.assert_allclose(posterior.prior.push(white), THETA, rtol=0, atol=1e-14)
    np.testing.assert_allclose(posterior.potential(white), -posterior.log_likelihood(THETA))


def test_log_priors(posterior: m4dl.Posterior) -> None:
    """-|xi|^2/2 is the log-density of theta; without the Jacobian d theta/d a it is the published
    one, up to the constant 64 * 8/4 that the square leaves over.

    -(t - 4)^2/8 = -t^2/8 + t - 2, and the density in a is that in t times 1/a = exp(-t).
    """
    white = (THETA - posterior.prior.mean) / posterior.prior.marginal_std()
    log_density = -0.5 * (white**2).sum(axis=1) - THETA.sum(axis=1) + 64 * 2.0
    for value, published in zip(log_density, LOGS[:, 1], strict=True):
        printed(value, published)


def test_the_traps_are_there(posterior: m4dl.Posterior) -> None:
    """Reading the files the other way shows in the observations, though not in the likelihoods."""
    wrong = posterior.model(np.log(COEFFICIENTS))
    seen = np.abs(wrong - Z).max(axis=1) > 1e-6
    assert seen[2:].all()
    np.testing.assert_allclose(
        posterior.log_likelihood(np.log(COEFFICIENTS)), LOGS[:, 0], rtol=1e-5
    )
