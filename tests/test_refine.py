"""A Laplace metric corrected by a pilot run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import m4dl
import numpy as np
import pytest
from catalogue import MODELS
from m4dl.modes import refined_metric
from posteriors import posterior_of
from rows import gaussian_of
from test_map import linear

Seed = Callable[[int], int]


def test_it_finds_mean_and_covariance(seed: Seed) -> None:
    """From a fit that is wrong in both, on a linear Gaussian posterior, to the exact ones.

    4,000 trajectories of almost independent draws: a mean deviates by 1/sqrt(4000) = 0.016 standard
    deviations, a variance by sqrt(2/4000) = 0.022 of itself; both may be twice that, for draws of
    neighbouring trajectories are correlated.
    """
    posterior, _, _ = linear()
    fit = m4dl.laplace(posterior, 5, at=m4dl.find_map(posterior, tolerance=1e-9))
    off = fit.xi + fit.eigenvectors @ (1.5 / np.sqrt(1 + fit.eigenvalues))
    wrong = replace(fit, xi=off, eigenvalues=0.5 * fit.eigenvalues)
    metric = refined_metric(wrong, seed=seed(65), draws=500, warmup=200, widen=1.0)
    exact_m, exact_c, _ = gaussian_of(fit.metric, 9)
    m, c, _ = gaussian_of(metric, 9)
    inverse_root = np.linalg.inv(np.linalg.cholesky(exact_c))
    assert np.abs(inverse_root @ (m - exact_m)).max() < 5 * 2 * 0.016
    gap = inverse_root @ c @ inverse_root.T - np.eye(9)
    assert np.abs(gap).max() < 5 * 2 * 0.022


def test_it_serves_pcn_on_a_curved_posterior() -> None:
    """The mode is not the mean: pCN around the mean takes larger steps."""
    loose = posterior_of(MODELS[2])
    posterior = m4dl.Posterior(
        loose.model, loose.prior, data=loose.data, noise=m4dl.GaussianNoise(0.05)
    )
    fit = m4dl.laplace(posterior, threshold=0.1)
    metric = refined_metric(fit, seed=2)
    assert metric.basis.shape == fit.eigenvectors.shape
    options: dict[str, Any] = {"draws": 1000, "warmup": 1000, "chains": 8, "seed": 1}
    plain, better = (
        m4dl.sample(posterior, m4dl.PCN(metric=m), progress=False, **options)
        for m in (fit.metric, metric)
    )
    assert better.step_size.mean() > plain.step_size.mean()
    narrow = refined_metric(fit, seed=2, widen=1.0)
    np.testing.assert_allclose(metric.variance, 1.2 * narrow.variance, rtol=1e-12)
    same = refined_metric(fit, seed=2, threads=2)
    np.testing.assert_allclose(same.centre, metric.centre, atol=1e-10)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"draws": 3}, ValueError, "draws times chains must be at least 50, 10 for each of 5 dir"),
        ({"draws": 0}, ValueError, "draws must be at least 1, got 0"),
        ({"warmup": -1}, ValueError, "warmup must be at least 0, got -1"),
        ({"chains": 0}, ValueError, "chains must be at least 1, got 0"),
        ({"widen": 0.0}, ValueError, "widen must be positive, got 0.0"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"fit": 3}, TypeError, "fit must be a m4dl Laplace, got int"),
    ],
)
def test_bad_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    settings = {"fit": m4dl.laplace(linear()[0], 5), "seed": 1} | options
    with pytest.raises(error, match=message):
        refined_metric(**settings)
