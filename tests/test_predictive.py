"""Posterior predictive draws: their law, their stream, and outputs of other models."""

from __future__ import annotations

from collections.abc import Callable

import m4dl
import numpy as np
import pytest
from gallery import posterior, squared
from m4dl.results import Draws
from problems import Array

CHAINS, DRAWS = 8, 2000


@pytest.fixture(scope="module")
def run() -> Draws:
    """As good as independent."""
    return m4dl.sample(
        posterior(), m4dl.HMC(), draws=DRAWS, warmup=200, chains=CHAINS, seed=6, progress=False
    )


def law(matrix: Array, noise: Array) -> tuple[Array, Array]:
    """Mean and covariance of new data matrix theta + noise given the data, by the closed form."""
    of = posterior()
    G = of.model(np.eye(4)).T
    C = np.diag(of.prior.mode_std**2)
    gain = C @ G.T @ np.linalg.inv(G @ C @ G.T + np.diag(of.noise.std**2))
    mean = of.prior.mean + gain @ (of.data - G @ of.prior.mean)
    return matrix @ mean, matrix @ (C - gain @ G @ C) @ matrix.T + np.diag(noise**2)


def check(values: Array, mean: Array, covariance: Array, effective: float) -> None:
    """Mean within 5 standard errors, covariances within 6 (each a few times 1e-9 to 1e-6)."""
    flat = values.reshape(-1, values.shape[-1])
    std = np.sqrt(np.diag(covariance))
    assert (np.abs(flat.mean(axis=0) - mean) < 5 * std / effective**0.5).all()
    # var of a sample covariance: (C_ii C_jj + C_ij^2)/n
    error = np.sqrt((np.outer(std, std) ** 2 + covariance**2) / effective)
    assert (np.abs(np.cov(flat.T) - covariance) < 6 * error).all()


def test_data_of_the_posterior(run: Draws, seed: Callable[[int], int]) -> None:
    of = posterior()
    values = run.predictive(of, seed=seed(1))
    assert values.shape == (CHAINS, DRAWS, 3)
    G = of.model(np.eye(4)).T
    check(values, *law(G, of.noise.std), run.ess("mean").min())


def test_data_elsewhere(run: Draws, seed: Callable[[int], int]) -> None:
    matrix = np.random.default_rng(8).standard_normal((2, 4))
    model = m4dl.LinearModel(matrix)
    outputs = run.predictive(model)
    np.testing.assert_allclose(outputs, run.theta @ matrix.T, rtol=0, atol=1e-12)
    noise = m4dl.GaussianNoise([0.3, 1.2])
    values = run.predictive(model, noise=noise, seed=seed(2))
    check(values, *law(matrix, noise.std), run.ess("mean").min())
    # what was added is white noise: 16,000 numbers, standard errors 1/sqrt(n) and sqrt(2/n)
    white = ((values - outputs) / noise.std).ravel()
    assert abs(white.mean()) < 5 / white.size**0.5
    assert abs(white.var() - 1) < 5 * (2 / white.size) ** 0.5


def test_noise_depends_on_the_seed_and_the_chain_alone(
    run: Draws, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = posterior()
    whole = run.predictive(of, seed=6)
    np.testing.assert_array_equal(whole, run.predictive(of, seed=6, threads=1))
    assert (whole != run.predictive(of, seed=7)).all()
    shorter = m4dl.sample(
        of, m4dl.HMC(), draws=500, warmup=200, chains=CHAINS, seed=6, progress=False
    )
    np.testing.assert_array_equal(shorter.predictive(of, seed=6), whole[:, :500])
    monkeypatch.setattr("m4dl.results._draws._BLOCK", 8 * 4 * 77)
    monkeypatch.setattr("m4dl.results._predictive._ROWS", 90)
    np.testing.assert_array_equal(run.predictive(of, seed=6), whole)
    # 24,000 pairs of white noise in theta and in the data: standard error 0.0065
    white = (whole - run.predictive(of.model)) / of.noise.std
    assert abs(np.corrcoef(white[..., 0].ravel(), run.theta[..., 0].ravel())[0, 1]) < 0.05


def test_draws_on_disk(tmp_path) -> None:
    pytest.importorskip("zarr")
    options = {"draws": 50, "warmup": 20, "chains": 2, "seed": 6, "progress": False}
    kept = m4dl.sample(posterior(), m4dl.HMC(), **options)
    stored = m4dl.sample(posterior(), m4dl.HMC(), store=tmp_path / "run", **options)
    for arguments in ({"of": posterior(), "seed": 3}, {"of": posterior().model}):
        np.testing.assert_array_equal(stored.predictive(**arguments), kept.predictive(**arguments))


def test_failed_solves_are_said(run: Draws) -> None:
    model = m4dl.PythonModel(
        lambda t: np.where(t[:, :1] > 0, np.nan, t[:, :2]), parameters=4, outputs=2, batched=True
    )
    lost = int((run.theta[:, :, 0] > 0).sum())
    with pytest.warns(RuntimeWarning, match=f"failed at {lost} of 16000 draws"):
        out = run.predictive(model)
    np.testing.assert_array_equal(np.isnan(out).any(axis=2), run.theta[:, :, 0] > 0)


def test_what_is_refused(run: Draws) -> None:
    of = posterior()
    small = m4dl.LinearModel(np.eye(3))
    grid = m4dl.Grid((1, 1))
    square = m4dl.Posterior(
        of.model,
        m4dl.GaussianPrior(np.zeros(4), 1.0, domain=grid, at="nodes"),
        data=of.data,
        noise=of.noise,
    )
    noise = m4dl.GaussianNoise(1.0)
    for arguments, error, message in [
        ({"of": of}, ValueError, "noise needs a seed, got seed=None"),
        ({"of": of.model, "noise": noise}, ValueError, "noise needs a seed, got seed=None"),
        ({"of": of.model, "seed": 3}, ValueError, "outputs without noise take no seed, got seed=3"),
        ({"of": of, "noise": noise, "seed": 3}, ValueError, "a posterior has its noise, got noise"),
        ({"of": of.model, "noise": 1.0, "seed": 3}, TypeError, "noise must be a m4dl GaussianNois"),
        ({"of": squared}, TypeError, "of must be a m4dl Posterior or Model, got function"),
        ({"of": small}, ValueError, "the LinearModel must have the 4 parameters .* got 3"),
        ({"of": square, "seed": 1}, ValueError, "must live where that of the draws does, on Grid"),
        ({"of": of, "seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"of": of.model, "threads": -1}, ValueError, "threads must be at least 0, got -1"),
    ]:
        with pytest.raises(error, match=message):
            run.predictive(**arguments)
