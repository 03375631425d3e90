"""A metric learned in warmup from all chains, for models without a tangent."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
import oracles as o
import pytest
from catalogue import MODELS
from m4dl.kernels import _learn, _regression, _ridge
from posteriors import posterior_of
from problems import Array
from rows import gaussian_of
from test_closed_form import errors

Seed = Callable[[int], int]
W, M = 20, 6


def stiff(gradient: bool = False) -> tuple[m4dl.Posterior, Array, Array]:
    """Six of twenty directions known to deviations from 1/300 to 1/3 of the prior's."""
    rng = np.random.default_rng(4)
    turn = np.linalg.qr(rng.standard_normal((W, M)))[0]
    matrix, sigma = np.geomspace(3.0, 0.03, M)[:, None] * turn.T, np.full(M, 0.01)
    mean = np.full(W, 0.5)
    data = matrix @ (mean + rng.standard_normal(W)) + sigma * rng.standard_normal(M)
    pull = (lambda t, w: w @ matrix) if gradient else None
    model = m4dl.PythonModel(
        # row by row: the sums of a matrix product depend on its shape
        lambda t: np.stack([matrix @ row for row in t]),
        pull,
        parameters=W,
        outputs=M,
        batched=True,
    )
    prior = m4dl.GaussianPrior(mean, 1.0)
    posterior = m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(sigma))
    return posterior, *o.linear_posterior(matrix, data, sigma, mean, np.eye(W))


def sample(kernel: Any = None, posterior: Any = None, **options: Any) -> Any:
    settings: dict[str, Any] = {"draws": 40, "warmup": 200, "chains": 4, "seed": 4}
    return m4dl.sample(
        posterior or stiff()[0],
        kernel or m4dl.PCN(),
        **(settings | {"progress": False} | options),
    )


def test_it_is_worth_a_large_factor_to_pcn(seed: Seed) -> None:
    """And the posterior is the closed form's, within five standard errors (64 chains: once in 10^5
    for each of 20 + 210 numbers). The factor is larger than it shows: chains that hardly move count
    as one draw each."""
    posterior, mean, covariance = stiff()
    options: dict[str, Any] = {"draws": 500, "warmup": 400, "chains": 64, "seed": seed(95)}
    learned = sample(posterior=posterior, **options)
    plain = sample(posterior=posterior, start="prior", **options)
    assert plain.ess().max() < 1.1 * 64
    assert learned.ess().min() > 50 * plain.ess().min()
    assert learned.step_size.mean() > 10 * plain.step_size.mean()
    first, second = errors(learned.theta, mean, covariance)
    assert np.abs(first).max() < 5.0
    assert np.abs(second).max() < 5.5
    # the metric is the posterior's covariance, widened, up to what its few effective draws correct
    _, c, _ = gaussian_of(learned.metric, W)
    factor = np.linalg.inv(np.linalg.cholesky(covariance))
    ratio = np.linalg.eigvalsh(factor @ c @ factor.T)
    assert ratio[0] > 0.7
    assert ratio[-1] < 3.0  # without a metric it is 300^2


@pytest.mark.parametrize("kernel", [m4dl.MALA(0.1), m4dl.HMC()], ids=repr)
def test_it_serves_models_with_a_gradient_only(kernel: Any) -> None:
    posterior = stiff(gradient=True)[0]
    options: dict[str, Any] = {"draws": 300, "chains": 8, "posterior": posterior}
    learned, plain = sample(kernel, **options), sample(kernel, start="prior", **options)
    worst = [run.summary().worst["ess_bulk"].value / run.solves for run in (learned, plain)]
    assert worst[0] > 10 * worst[1]


def test_a_linear_model_is_found_from_a_few_draws() -> None:
    """Chains far apart that have wandered a little: the slope is exact, so are mean and covariance.

    Draws of the prior are no draws of the posterior: their own mean and covariance are held back by
    their few effective numbers, here one for each chain of constant draws.
    """
    rng = np.random.default_rng(0)
    matrix, data = rng.standard_normal((3, 8)), rng.standard_normal(3)
    draws = rng.standard_normal((4, 1, 8)) + 0.01 * rng.standard_normal((4, 10, 8))
    found = _ridge.fitted_slope(draws, draws @ matrix.T)
    np.testing.assert_allclose(found, matrix, atol=1e-6)
    # at draws of the posterior itself nothing is left to correct
    mean, covariance = o.linear_posterior(matrix, data, np.full(3, 0.1), np.zeros(8), np.eye(8))
    many = rng.multivariate_normal(mean, covariance, size=(8, 100))
    metric = _regression.learned_metric(many, many @ matrix.T, data, np.full(3, 100.0))
    m, c, _ = gaussian_of(metric, 8)
    factor = np.linalg.inv(np.linalg.cholesky(covariance))
    assert metric.variance.size == 3
    # 800 draws: a mean within 5/sqrt(800) = 0.18, a covariance within 5 sqrt(2/800) = 0.25
    inside = np.linalg.svd(matrix)[2][:3]
    assert (
        np.abs(inside @ (m - mean) / np.sqrt(np.diag(inside @ covariance @ inside.T))).max() < 0.18
    )
    assert np.abs(factor @ c @ factor.T - np.eye(8)).max() < 0.25


def test_draws_correct_a_linear_model_that_is_wrong() -> None:
    """Predictions of half the slope: the covariance of 4,000 draws overrules it."""
    rng = np.random.default_rng(0)
    matrix, data = rng.standard_normal((3, 8)), np.zeros(3)
    mean, covariance = o.linear_posterior(matrix, data, np.full(3, 0.1), np.zeros(8), np.eye(8))
    draws = rng.multivariate_normal(mean, covariance, size=(8, 500))
    metric = _regression.learned_metric(draws, 0.5 * draws @ matrix.T, data, np.full(3, 100.0))
    exact = np.linalg.eigvalsh(covariance)[:3]  # a quarter of what the linear model says
    # 13 of 4,000 draws are the linear model's: 1 %; five standard errors are 11 %
    np.testing.assert_allclose(np.sort(metric.variance), exact, rtol=0.01 + 0.11 + 0.05)


def test_more_data_than_draws_are_as_good_as_their_span() -> None:
    """Data of which the predictions never vary change nothing, however many they are."""
    rng = np.random.default_rng(3)
    draws = rng.standard_normal((4, 10, 30))
    predictions = draws @ rng.standard_normal((30, 3)) + 0.1 * rng.standard_normal((4, 10, 3))
    few = _regression.learned_metric(draws, predictions, np.ones(3), np.full(3, 25.0))
    more = np.concatenate([predictions, np.full((4, 10, 90), 7.0)], axis=2)
    many = _regression.learned_metric(draws, more, np.ones(93), np.full(93, 25.0))
    assert few.variance.size == 3
    for one, other in zip(gaussian_of(few, 30)[:2], gaussian_of(many, 30)[:2], strict=True):
        np.testing.assert_allclose(other, one, rtol=0.0, atol=1e-10)


def test_a_smooth_prior_has_more_modes_than_there_are_draws() -> None:
    """Slopes that fall by modes, 100 draws, 300 modes, and noise: relevance beats one ridge."""
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((5, 300)) * np.arange(1, 301) ** -1.5
    draws = rng.standard_normal((4, 25, 300))
    y = draws @ matrix.T + 0.02 * rng.standard_normal((4, 25, 5))
    found = _ridge.fitted_slope(draws, y)
    x = (draws - draws.mean(axis=1, keepdims=True)).reshape(-1, 300)
    z = (y - y.mean(axis=1, keepdims=True)).reshape(-1, 5)
    best = min(np.linalg.norm(s - matrix) for s in o.ridge_slopes(x, z, _ridge.RIDGES))
    assert np.linalg.norm(found - matrix) < 0.5 * best


def test_it_is_the_default_without_a_tangent() -> None:
    posterior = stiff()[0]
    default, named = sample(posterior=posterior), sample(posterior=posterior, start="learn")
    np.testing.assert_array_equal(default.theta, named.theta)
    assert default.provenance["start"] == "learn"
    assert "metric='learned'" in default.kernel
    own = sample(m4dl.PCN(metric="learned"), posterior, start="prior")
    np.testing.assert_array_equal(own.theta, named.theta)
    # not with a short warmup, a fixed step, or a metric of one's own
    for kernel, options in (
        (m4dl.PCN(), {"warmup": 199}),
        (m4dl.PCN(adapt=False), {}),
        (m4dl.PCN(metric=m4dl.kernels.DiagonalMetric(np.ones(W))), {}),
    ):
        other = sample(kernel, posterior, **options)
        assert other.metric is None
        assert "learned" not in other.kernel
    curved = posterior_of(MODELS[2])
    assert sample(posterior=curved).provenance["start"] == "laplace"
    assert sample(posterior=curved, start="learn").metric is not None


def test_nothing_is_learned_after_warmup(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[int] = []
    fit = _learn.MetricLearner.fit

    def watch(self: Any, run: Any, draws: Array) -> None:
        learned.append(run.iteration)
        fit(self, run, draws)

    monkeypatch.setattr(_learn.MetricLearner, "fit", watch)
    sample(draws=500, warmup=300)
    assert learned[-1] == 240  # four fifths
    lengths = np.diff([30, *learned])
    np.testing.assert_allclose(lengths[1:] / lengths[:-1], 2.0, rtol=0.1)


@pytest.mark.parametrize(("warmup", "chains"), [(100, 1), (237, 5), (1000, 4), (100_000, 300)])
def test_windows(warmup: int, chains: int) -> None:
    found = _learn.windows(warmup, chains, 1000)
    assert found[0].first == warmup // 10
    assert found[-1].last == warmup - warmup // 5
    assert all(a.last == b.first for a, b in pairwise(found))
    for w in found:
        kept = -(-(w.last - w.first) // w.stride)
        assert kept >= 2
        assert kept * chains <= _learn.MOST_ROWS + chains
    # every state that is kept is reached, and no other
    lessons = _learn.Lessons([], found)
    at, stops = 0, []
    while (step := lessons.until(at)) is not None:
        assert step > 0
        at += step
        stops.append(at)
    expected = {k for w in found for k in (*range(w.first + w.stride, w.last, w.stride), w.last)}
    assert set(stops) - {w.first for w in found} == expected - {w.first for w in found}


def test_threads_change_nothing() -> None:
    one, two = (sample(chains=11, threads=t) for t in (1, 2))
    np.testing.assert_array_equal(one.theta, two.theta)


class Stop(Exception):
    pass


@pytest.mark.parametrize(
    ("kernel", "gradient"), [(m4dl.PCN(), False), (m4dl.HMC(), True), (m4dl.MALA(0.1), True)]
)
@pytest.mark.parametrize("last", [90, 215])
def test_a_killed_run_goes_on(
    kernel: Any, gradient: bool, last: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a window, with what earlier ones learned; and after warmup."""
    pytest.importorskip("zarr")
    path, posterior = tmp_path / "run.zarr", stiff(gradient)[0]
    whole = sample(kernel, posterior)
    monkeypatch.setattr(m4dl.sampling._drive, "SLICE_SECONDS", 1e-9)
    monkeypatch.setattr(m4dl.sampling._drive, "CHECKPOINT_SECONDS", 0.0)
    save = m4dl.sampling._drive.Loop._checkpoint

    def stop(loop: Any) -> None:
        if loop.run.iteration in (0, last):
            save(loop)
        if loop.run.iteration == last:
            state = loop.lessons.state()
            assert "metric learned basis" in state
            assert ("metric rows" in state) == (last < 160)
            raise Stop

    monkeypatch.setattr(m4dl.sampling._drive.Loop, "_checkpoint", stop)
    with pytest.raises(Stop):
        sample(kernel, posterior, store=path)
    monkeypatch.undo()
    resumed = sample(kernel, posterior, store=path)
    np.testing.assert_array_equal(resumed.theta[:], whole.theta)
    for name in ("acceptance", "step_size", "solves", "trajectory", "metric"):
        np.testing.assert_equal(getattr(resumed, name), getattr(whole, name), err_msg=name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"warmup": 99, "start": "learn"}, "warmup must be at least 100 to learn a metric in it"),
        ({"kernel": m4dl.PCN(metric="learned"), "warmup": 0}, "warmup must be at least 100"),
        (
            {"kernel": m4dl.ULA(0.1), "start": "learn"},
            "start='learn' needs a kernel that can learn",
        ),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sample(**({"posterior": stiff(gradient=True)[0]} | options))


def test_chains_with_data_of_their_own_learn_no_metric() -> None:
    posterior = stiff()[0]
    both = m4dl.studies._replicates.stack([posterior, posterior], 2)
    with pytest.raises(ValueError, match="needs one posterior for all chains, got 4 data sets"):
        sample(m4dl.PCN(metric="learned"), both)
