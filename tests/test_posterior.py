"""Potential, gradient and log-likelihood of a posterior are what their formulas say."""

from __future__ import annotations

import m4dl
import numpy as np
import pytest
from catalogue import MODELS
from posteriors import posterior_of
from rows import ModelRow


@pytest.mark.parametrize("row", MODELS, ids=str)
def test_potential(row: ModelRow) -> None:
    """Phi(xi) = 1/2 sum ((y - G(T xi))/sigma)^2 = -log_likelihood(T xi)."""
    posterior = posterior_of(row)
    xi = 0.5 * np.random.default_rng(1).standard_normal((2, 5, posterior.white))
    theta = posterior.prior.push(xi)
    misfit = (posterior.data - posterior.model(theta)) / posterior.noise.std
    phi = posterior.potential(xi)
    np.testing.assert_allclose(phi, 0.5 * (misfit**2).sum(axis=-1), rtol=1e-13)
    np.testing.assert_array_equal(posterior.log_likelihood(theta), -0.5 * (misfit**2).sum(axis=-1))
    assert posterior.potential(xi[0, 0]).shape == ()
    # alone or in a batch, on one thread or two, with the gradient or without: the same bits
    value, gradient = posterior.gradient(xi)
    assert gradient.shape == xi.shape
    np.testing.assert_array_equal(value, phi)
    np.testing.assert_array_equal(posterior.potential(xi, threads=2), phi)
    np.testing.assert_array_equal(posterior.gradient(xi, threads=1)[1], gradient)
    np.testing.assert_array_equal(posterior.gradient(xi[1, 3])[1], gradient[1, 3])


def test_one_noise_or_one_for_each_datum() -> None:
    matrix, prior = np.arange(6.0).reshape(2, 3), m4dl.GaussianPrior(np.ones(3), 1.0)
    xi = np.random.default_rng(2).standard_normal((4, 3))

    def potential(std: float | list[float]) -> np.ndarray:
        posterior = m4dl.Posterior(
            m4dl.LinearModel(matrix), prior, data=[1.0, 2.0], noise=m4dl.GaussianNoise(std)
        )
        return posterior.potential(xi)

    np.testing.assert_array_equal(potential(0.5), potential([0.5, 0.5]))
    misfit = ([1.0, 2.0] - (1.0 + xi) @ matrix.T) / [0.5, 3.0]
    np.testing.assert_allclose(potential([0.5, 3.0]), 0.5 * (misfit**2).sum(axis=1), rtol=1e-13)


def test_data_are_copied() -> None:
    """Changing one's array afterwards changes nothing."""
    data, std = np.array([1.0, 2.0]), np.array([0.5, 0.5])
    posterior = m4dl.Posterior(
        m4dl.LinearModel(np.eye(2)),
        m4dl.GaussianPrior(np.zeros(2), 1.0),
        data=data,
        noise=m4dl.GaussianNoise(std),
    )
    before = posterior.potential([0.0, 0.0]), posterior.log_likelihood([0.0, 0.0])
    data[:], std[:] = 100.0, 100.0
    assert posterior.potential([0.0, 0.0]) == before[0]
    assert posterior.log_likelihood([0.0, 0.0]) == before[1]
    mean, variance, points = np.ones(3), np.ones(3), np.array([[0, 0], [1, 0], [0, 1.0]])
    mesh = m4dl.TriangleMesh(points, [[0, 1, 2]])
    prior, metric = m4dl.MaternPrior(mesh, mean=mean), m4dl.kernels.DiagonalMetric(variance)
    name = hash(metric)
    for array in (mean, variance, points):
        array[:] = 7.0
    assert (prior.mean == 1.0).all()
    assert hash(metric) == name
    assert mesh.measure == 0.5


def test_a_failed_solve_has_no_potential() -> None:
    model = m4dl.Darcy(m4dl.Grid((3, 3)), [[0.5, 0.5]], at="cells", link="identity")
    posterior = m4dl.Posterior(
        model, m4dl.GaussianPrior(np.zeros(9), 1.0), data=[0.0], noise=m4dl.GaussianNoise(1.0)
    )
    phi = posterior.potential([np.ones(9), -np.ones(9)])
    assert np.isfinite(phi[0])
    assert np.isnan(phi[1])


def test_repr_says_what_it_is() -> None:
    text = repr(posterior_of(MODELS[0]))
    assert "Schrodinger" in text
    assert "GaussianPrior" in text
    assert "GaussianNoise" in text


def test_model_and_prior_live_in_one_place() -> None:
    """As many numbers are not enough: the same count can be another mesh or another location."""
    points, noise = [[0.5, 0.5]], m4dl.GaussianNoise(0.1)
    model = m4dl.Schrodinger(m4dl.Grid((9, 4)), points)
    for prior in (
        m4dl.MaternPrior(m4dl.Grid((4, 9))),
        m4dl.MaternPrior(m4dl.Grid((10, 5)), at="cells"),
    ):
        with pytest.raises(ValueError, match="prior must live where the model's theta does"):
            m4dl.Posterior(model, prior, data=[0.5], noise=noise)
    plain = m4dl.Posterior(model, m4dl.GaussianPrior(np.zeros(50), 1.0), data=[0.5], noise=noise)
    assert (plain.domain, plain.at) == (m4dl.Grid((9, 4)), "nodes")
