"""The Laplace approximation: exact on linear Gaussian models, and what it finds of a spectrum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
from catalogue import MODELS
from posteriors import posterior_of
from problems import Array
from rows import ModelRow
from test_map import TANGENT, linear

Seed = Callable[[int], int]


def dense(posterior: m4dl.Posterior, xi: Array) -> Array:
    """The Gauss-Newton Hessian (W, W), column by column."""
    size = posterior.white
    return posterior.gauss_newton(np.tile(xi, (size, 1)), np.eye(size))


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize(("data", "size"), [(5, 9), (9, 5), (40, 60)])
def test_linear_models_are_exact(data: int, size: int, passes: int) -> None:
    posterior, mean, covariance = linear(data, size)
    found = m4dl.find_map(posterior, tolerance=1e-9)
    fit = m4dl.laplace(posterior, rank=min(data, size), at=found, passes=passes)
    assert fit.converged
    np.testing.assert_allclose(fit.mean(), mean, atol=1e-8)
    # one pass squares singular values: of 1e-16 times the condition 1e4 of the Hessian the root
    # is lost
    digits = 1e-8 if passes == 2 else 1e-6
    np.testing.assert_allclose(fit.variance(), np.diag(covariance), rtol=digits)
    np.testing.assert_allclose(fit.std(), np.sqrt(np.diag(covariance)), rtol=digits)
    hessian = dense(posterior, fit.xi)
    exact = np.linalg.slogdet(np.eye(size) + hessian)[1]
    assert fit.log_determinant == pytest.approx(exact, rel=digits)
    assert fit.expected_information_gain == fit.log_determinant / 2
    # the whole covariance: draws are theta = T(m + (I + V diag(s) V') z), linear in z
    shrink = 1 / np.sqrt(1 + fit.eigenvalues) - 1
    v = fit.eigenvectors
    root = np.eye(size) + (v * shrink) @ v.T
    columns = posterior.prior.push(root) - posterior.prior.mean
    np.testing.assert_allclose(columns.T @ columns, covariance, atol=digits * covariance.max())


def test_draws_follow_the_posterior(seed: Seed) -> None:
    """Independent draws: the mean of n deviates by std/sqrt(n), each variance by sqrt(2/n)."""
    posterior, mean, covariance = linear()
    fit = m4dl.laplace(posterior, rank=5)
    count = 20_000
    theta = fit.draw(count, seed(20))
    std = np.sqrt(np.diag(covariance))
    assert np.abs((theta.mean(axis=0) - mean) / std).max() < 5 / np.sqrt(count)
    white = (theta - mean) @ np.linalg.inv(np.linalg.cholesky(covariance)).T
    second = white.T @ white / count - np.eye(9)
    assert np.abs(second).max() < 5 * np.sqrt(2 / count)
    np.testing.assert_array_equal(fit.draw(3, seed(20)), fit.draw(3, seed(20)))
    np.testing.assert_allclose(posterior.prior.push(fit.draw_white(3, 7)), fit.draw(3, 7))
    assert not np.array_equal(fit.draw(3, 7), fit.draw(3, 8))


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("row", TANGENT, ids=str)
def test_eigenpairs_of_every_model(row: ModelRow, passes: int) -> None:
    """All directions at once: the range is caught exactly, whatever the method."""
    posterior = posterior_of(row)
    xi = 0.3 * np.random.default_rng(3).standard_normal(posterior.white)
    rank = min(posterior.white, posterior.data.size)
    fit = m4dl.laplace(posterior, rank, at=xi, passes=passes, threads=2)
    exact = np.linalg.eigvalsh(dense(posterior, xi))[::-1][:rank]
    # one pass squares a singular value: half of the digits are left at the end of the spectrum
    digits = 1e-9 if passes == 2 else 1e-7
    np.testing.assert_allclose(fit.eigenvalues, exact, atol=digits * exact[0])
    v = fit.eigenvectors
    np.testing.assert_allclose(v.T @ v, np.eye(rank), atol=1e-10)
    residual = dense(posterior, xi) @ v - v * fit.eigenvalues
    assert np.abs(residual).max() < 100 * digits * exact[0]


def decaying(size: int = 120) -> tuple[m4dl.Posterior, Array]:
    """A linear model with eigenvalues 10^4 2^-k in random directions."""
    rng = np.random.default_rng(6)
    left, right = (np.linalg.qr(rng.standard_normal((size, size)))[0] for _ in range(2))
    values = 1e4 * 0.5 ** np.arange(size)
    posterior = m4dl.Posterior(
        m4dl.LinearModel((left * np.sqrt(values)) @ right.T),
        m4dl.GaussianPrior(np.zeros(size), 1.0),
        data=rng.standard_normal(size),
        noise=m4dl.GaussianNoise(1.0),
    )
    return posterior, values


@pytest.mark.parametrize("passes", [1, 2])
def test_the_threshold_chooses_the_rank(passes: int) -> None:
    posterior, values = decaying()
    for threshold in (30.0, 0.7, 1e-4):
        fit = m4dl.laplace(posterior, threshold=threshold, passes=passes)
        expected = int((values >= threshold).sum())
        assert fit.rank == expected
        # Halko, Martinsson and Tropp, theorem 10.6: with p = 16 to spare the error of the range is
        # a few times the first eigenvalue left out of the samples, 2^-16 of the last one kept; that
        # of a Ritz value is smaller still
        np.testing.assert_allclose(fit.eigenvalues, values[:expected], rtol=1e-3)
        assert len(fit.spectrum) >= expected + 16


def test_no_more_than_most_eigenpairs() -> None:
    """The leading ones, with the oversampling to spare; more than there are is no limit."""
    rng = np.random.default_rng(5)
    left, right = (np.linalg.qr(rng.standard_normal((80, 80)))[0] for _ in range(2))
    matrix = left * np.geomspace(30.0, 0.3, 80) @ right
    posterior = m4dl.Posterior(
        m4dl.LinearModel(matrix),
        m4dl.GaussianPrior(np.zeros(80), 1.0),
        data=np.ones(80),
        noise=m4dl.GaussianNoise(1.0),
    )
    exact = np.geomspace(30.0, 0.3, 80) ** 2
    fit = m4dl.laplace(posterior, most=20, seed=1)
    assert fit.rank == 20
    np.testing.assert_allclose(fit.eigenvalues[:10], exact[:10], rtol=1e-2)
    assert len(fit.spectrum) == 36
    whole, limited = m4dl.laplace(posterior, seed=1), m4dl.laplace(posterior, most=80, seed=1)
    np.testing.assert_array_equal(whole.eigenvalues, limited.eigenvalues)
    assert whole.rank == 80
    with pytest.raises(ValueError, match="most is for a rank that is not given, got rank=3"):
        m4dl.laplace(posterior, rank=3, most=5)


def test_a_rank_is_kept_and_two_passes_are_better() -> None:
    posterior, values = decaying()
    errors = {}
    for passes in (1, 2):
        fit = m4dl.laplace(posterior, 10, passes=passes, oversampling=2)
        assert fit.rank == 10
        errors[passes] = np.abs(fit.eigenvalues / values[:10] - 1).max()
    assert errors[2] < errors[1] < 0.5


def test_results_do_not_depend_on_threads() -> None:
    posterior = posterior_of(MODELS[2])
    one, two = (m4dl.laplace(posterior, threads=t) for t in (1, 2))
    np.testing.assert_array_equal(one.eigenvalues, two.eigenvalues)


def test_a_map_that_gave_up_is_told() -> None:
    posterior = posterior_of(MODELS[2])
    with pytest.warns(RuntimeWarning, match="MAP not converged"):
        found = m4dl.find_map(posterior, tolerance=1e-8, max_iterations=1)
    fit = m4dl.laplace(posterior, at=found)
    assert not fit.converged
    assert "MAP NOT CONVERGED" in repr(fit)
    assert "rank" in repr(fit)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rank": 6}, ValueError, "rank must be at most 5, the smaller of 9 white noises and 5 da"),
        ({"rank": 0}, ValueError, "rank must be at least 1, got 0"),
        ({"rank": 2.0}, TypeError, "rank must be an integer, got 2.0"),
        ({"threshold": -1}, ValueError, "threshold must be positive, got -1.0"),
        ({"passes": 3}, ValueError, "passes must be 1 or 2, got 3"),
        ({"oversampling": -1}, ValueError, "oversampling must be at least 0, got -1"),
        ({"at": np.zeros(4)}, ValueError, r"at must have shape \(9,\), got \(4,\)"),
        ({"at": np.full(9, np.nan)}, ValueError, "at must be finite, got nan"),
        ({"seed": 2**64}, ValueError, r"seed must be below 2\*\*64, got"),
    ],
)
def test_bad_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        m4dl.laplace(linear()[0], **options)


def test_a_model_without_tangent_is_told_what_to_do() -> None:
    (row,) = (row for row in MODELS if row.name == "python")
    with pytest.raises(ValueError, match="laplace needs a model with adjoint and tangent, and Py"):
        m4dl.laplace(posterior_of(row))


def test_a_hessian_that_is_not_finite_is_an_error() -> None:
    model = m4dl.Schrodinger(m4dl.Grid((8,)), [[0.5]], at="interior")
    prior = m4dl.GaussianPrior(np.zeros(7), 1.0)
    posterior = m4dl.Posterior(model, prior, data=[0.5], noise=m4dl.GaussianNoise(0.1))
    with pytest.raises(ValueError, match="Hessian is not finite at this point"):
        m4dl.laplace(posterior, at=np.full(7, 1e4))


def test_spectrum_plot() -> None:
    pytest.importorskip("matplotlib")
    fit = m4dl.laplace(decaying()[0], threshold=1.0)
    ax = fit.plot_spectrum()
    kept, rest = ax.lines[:2]
    np.testing.assert_array_equal(kept.get_ydata(), fit.eigenvalues)
    assert len(rest.get_ydata()) == (fit.spectrum > 0).sum() - fit.rank
    assert ax.get_yscale() == "log"


def observed_field(noise: float, unit: float, seen: Array) -> tuple[m4dl.Posterior, Array]:
    """A Matern field in some unit, seen at a few nodes; and its exact standard deviations.

    With the singular values s and right vectors V of J/noise, all of them, the variance of T xi is
    a sum of squares, sum_k (T v_k)^2/(1 + s_k^2): nothing is subtracted.
    """
    grid = m4dl.Grid((5, 4))
    prior = m4dl.MaternPrior(grid, std=unit, length=0.5, smoothness=1.5)
    g = np.eye(prior.parameters)[seen] / unit
    posterior = m4dl.Posterior(
        m4dl.LinearModel(g), prior, data=np.ones(len(seen)), noise=m4dl.GaussianNoise(noise)
    )
    one = m4dl.MaternPrior(grid, length=0.5, smoothness=1.5)
    root = one.push(np.eye(one.white)).T
    _, s, v = np.linalg.svd(root[seen] / noise)
    s = np.concatenate([s, np.zeros(one.white - len(s))])
    return posterior, unit * np.sqrt((((v @ root.T) / np.hypot(1.0, s)[:, None]) ** 2).sum(axis=0))


@pytest.mark.parametrize("noise", [1e-12, 1e-10, 1e-8, 1e-6, 1e-3, 1.0, 1e3])
@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
@pytest.mark.parametrize("seen", [[7], [0, 13, 14], range(30)], ids=["one", "three", "all"])
def test_variances_survive_any_noise_and_any_unit(noise: float, unit: float, seen: Any) -> None:
    posterior, exact = observed_field(noise, unit, np.array(seen))
    fit = m4dl.laplace(posterior, threshold=1e-12)
    # eigenvectors are known up to 1e-16 times the ratio of eigenvalues, some 1e3; at the nodes that
    # are seen what is left of them is amplified by 1/noise
    np.testing.assert_allclose(fit.std(), exact, rtol=max(1e-8, 1e-13 / noise))
    draws = fit.draw(4000, seed=3) / unit
    ratio = draws.std(axis=0) / (exact / unit)
    # 4,000 draws know a standard deviation to 1/sqrt(8000); rounding adds 1e-16/noise
    assert np.abs(ratio - 1).max() < 6 / np.sqrt(8000) + 1e-15 / noise


def test_information_beyond_double_precision_is_told() -> None:
    posterior = m4dl.Posterior(
        m4dl.LinearModel(np.diag([1e11, 1.0])),
        m4dl.GaussianPrior(np.zeros(2), 1.0),
        data=np.zeros(2),
        noise=m4dl.GaussianNoise(1.0),
    )
    with pytest.warns(RuntimeWarning, match="eigenvalues below .* are lost in the rounding"):
        m4dl.laplace(posterior)
