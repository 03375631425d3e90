"""The most probable point: exact where there is a closed form, stationary where there is none."""

from __future__ import annotations

import warnings
from typing import Any

import m4dl
import numpy as np
import oracles as o
import pytest
import scipy.sparse as sp
from catalogue import MODELS
from m4dl._base.progress import Bar
from m4dl.modes._search import Search
from posteriors import posterior_of
from problems import Array
from rows import ModelRow

TANGENT = [row for row in MODELS if row.push]
SINE = m4dl.Grid((8,))


def linear(data: int = 5, size: int = 9) -> tuple[m4dl.Posterior, Array, Array]:
    """A linear Gaussian posterior with its mean and covariance."""
    rng = np.random.default_rng(4)
    g = rng.standard_normal((data, size))
    factor = np.eye(size) + 0.3 * rng.standard_normal((size, size))
    mean, covariance, y = rng.standard_normal(size), factor @ factor.T, rng.standard_normal(data)
    sigma = 0.1 + rng.random(data)
    posterior = m4dl.Posterior(
        m4dl.LinearModel(g),
        m4dl.GaussianPrior(mean, covariance),
        data=y,
        noise=m4dl.GaussianNoise(sigma),
    )
    return posterior, *o.linear_posterior(g, y, sigma, mean, covariance)


def test_linear_models_have_their_posterior_mean() -> None:
    posterior, mean, _ = linear()
    found = m4dl.find_map(posterior, tolerance=1e-9)
    assert found.converged
    # |distance| <= |gradient| in white space; the factor of the prior is of order 1
    np.testing.assert_allclose(found.theta, mean, atol=1e-8)
    # with a forcing term below 1 each step divides the gradient by it, so a few steps end it
    assert found.iterations <= 8
    assert found.objective == pytest.approx(
        float(posterior.potential(found.xi)) + 0.5 * float(found.xi @ found.xi)
    )


@pytest.mark.parametrize("row", TANGENT, ids=str)
def test_the_gradient_vanishes(row: ModelRow) -> None:
    posterior = posterior_of(row)
    found = m4dl.find_map(posterior, tolerance=1e-6)
    assert found.converged
    gradient = posterior.gradient(found.xi)[1] + found.xi
    assert np.linalg.norm(gradient) <= 1.01e-6
    assert found.gradient_norm == pytest.approx(float(np.linalg.norm(gradient)), rel=1e-3)
    np.testing.assert_allclose(found.theta, posterior.prior.push(found.xi))
    # no nearby point is better: a step s costs at most |g| s and gains s^2/2 for a convex prior
    rng = np.random.default_rng(0)
    near = found.xi + 1e-2 * rng.standard_normal((16, posterior.white))
    objective = posterior.potential(near) + 0.5 * (near**2).sum(axis=1)
    assert (objective >= found.objective).all()


def test_starts_do_not_know_of_each_other() -> None:
    """Every start alone ends where it ends in company, in as many iterations and solves."""
    posterior = posterior_of(MODELS[2])
    starts = np.random.default_rng(1).standard_normal((11, posterior.white))
    together = m4dl.find_map(posterior, starts=starts, threads=2)
    solves = 0
    for k, start in enumerate(starts):
        alone = m4dl.find_map(posterior, starts=start, threads=1)
        solves += alone.solves
        assert alone.iterations == together.start_iterations[k]
        assert alone.objective == pytest.approx(together.objectives[k], rel=1e-12)
    assert together.solves == solves


def two_modes() -> m4dl.Posterior:
    """(A0 + c I) u = (c, 0) with A0 = [1 -1; -1 2]: u_2 = 1/(c + 3 + 1/c), even in theta = log c.

    The datum 0.15 holds where c + 1/c = 11/3: at theta = +-1.215. A prior mean of 0.3 prefers the
    positive one.
    """
    model = m4dl.AffineElliptic(
        sp.csr_array([[1.0, -1.0], [-1.0, 2.0]]),
        [sp.eye_array(2)],
        np.zeros(2),
        sp.csr_array([[0.0, 1.0]]),
        load_terms=sp.csr_array([[1.0], [0.0]]),
    )
    prior = m4dl.GaussianPrior([0.3], [1.0])
    return m4dl.Posterior(model, prior, data=[0.15], noise=m4dl.GaussianNoise(0.005))


def test_the_lowest_of_several_minima_wins() -> None:
    found = m4dl.find_map(two_modes(), starts=[[-1.5], [1.0], [-2.0]])
    assert found.converged
    # the prior moves the mode by (sigma/slope)^2 times its distance from the mean: 0.02
    assert found.theta[0] == pytest.approx(1.215, abs=0.03)
    assert (found.objectives[[0, 2]] > found.objectives[1] + 0.5).all()
    assert found.objective == found.objectives[1]


def test_it_warns_when_it_gives_up() -> None:
    posterior = posterior_of(MODELS[2])
    with pytest.warns(RuntimeWarning, match=r"MAP not converged: gradient norm .* after 1 iter"):
        found = m4dl.find_map(posterior, tolerance=1e-8, max_iterations=1)
    assert not found.converged
    assert "NOT CONVERGED" in repr(found)


def failing_posterior() -> m4dl.Posterior:
    """exp(theta) overflows at once: no start has a finite potential."""
    model = m4dl.Schrodinger(SINE, [[0.5]], at="interior")
    prior = m4dl.GaussianPrior(np.full(7, 1e4), 1.0)
    return m4dl.Posterior(model, prior, data=[0.5], noise=m4dl.GaussianNoise(0.1))


def test_no_finite_start_is_an_error() -> None:
    with pytest.raises(ValueError, match="the potential is finite at none of the 3 starts"):
        m4dl.find_map(failing_posterior(), starts=3)


def test_starts_that_fail_do_not_spoil_the_others() -> None:
    model = m4dl.Schrodinger(SINE, [[0.3], [0.5]], at="interior")
    prior = m4dl.GaussianPrior(np.zeros(7), 1.0)
    posterior = m4dl.Posterior(model, prior, data=[0.9, 0.8], noise=m4dl.GaussianNoise(0.1))
    starts = np.zeros((3, 7))
    starts[1] = 1e4
    found = m4dl.find_map(posterior, starts=starts)
    assert found.converged
    assert np.isinf(found.objectives[1])
    assert np.isfinite(found.objectives[[0, 2]]).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"starts": 0}, ValueError, "starts must be at least 1, got 0"),
        ({"starts": np.zeros(3)}, ValueError, r"starts must have shape \(..., 9\), got \(3,\)"),
        ({"starts": np.zeros((0, 9))}, ValueError, "starts must hold at least one start, got"),
        ({"tolerance": 0.0}, ValueError, "tolerance must be positive, got 0.0"),
        ({"max_iterations": 0}, ValueError, "max_iterations must be at least 1, got 0"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"threads": -1}, ValueError, "threads must be at least 0, got -1"),
    ],
)
def test_bad_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        m4dl.find_map(linear()[0], **options)


def test_a_model_without_tangent_is_told_what_to_do() -> None:
    (row,) = (row for row in MODELS if row.name == "python")
    with pytest.raises(ValueError, match="PythonModel has no tangent: sample with start='prior'"):
        m4dl.find_map(posterior_of(row))


@pytest.mark.parametrize("noise", [1e-12, 1e-10, 1e-8, 1e-7, 1e-5, 1e-2, 1.0, 1e3])
@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
def test_it_converges_at_any_noise_and_in_any_unit(noise: float, unit: float) -> None:
    """Without a warning: warnings are errors here. The data fix the field to 1/(1 + noise^2)."""
    prior = m4dl.MaternPrior(m4dl.Grid((6,)), std=unit, length=1e-6)
    posterior = m4dl.Posterior(
        m4dl.LinearModel(np.eye(7) / unit), prior, data=np.ones(7), noise=m4dl.GaussianNoise(noise)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = m4dl.find_map(posterior)
    assert found.converged
    # so far from the minimum in posterior standard deviations, which are at most noise
    error = np.abs(found.theta / unit - 1 / (1 + noise**2)).max()
    assert error <= min(1.0, noise) * max(2e-5, 1e-13 / noise)


@pytest.mark.parametrize("noise", [1e-4, 1e-3, 1e-2])
def test_it_converges_on_an_equation_with_little_noise(noise: float) -> None:
    grid = m4dl.Grid((12, 12))
    model = m4dl.Schrodinger(grid, grid.coordinates("interior")[::9])
    prior = m4dl.MaternPrior(grid, length=0.5, smoothness=2.0)
    data = model(prior.draw(1, seed=1)[0])
    posterior = m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(noise))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert m4dl.find_map(posterior).converged


def test_a_derivative_is_blamed_only_if_it_is_wrong() -> None:
    posterior = linear()[0]
    search = Search(posterior, np.ones((1, posterior.white)), 1e-5, 1, Bar(False))
    search.busy[:] = False
    assert "the derivative fits" in search.advice(0)
    search.gradient = -search.gradient
    assert "the derivative does not fit the model" in search.advice(0)
