"""start="laplace": where chains start and which metric they get, with no knob turned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
import pytest
from catalogue import KERNELS, MODELS
from posteriors import posterior_of
from rows import KernelRow
from test_map import linear

Seed = Callable[[int], int]
CURVED = MODELS[2]
PLAIN = [row for row in KERNELS if row.metric is None]
ARRAYS = ("theta", "log_likelihood", "acceptance", "step_size")


def sample(posterior: Any = None, kernel: Any = None, **options: Any) -> Any:
    settings: dict[str, Any] = {"draws": 30, "warmup": 20, "chains": 3, "seed": 4}
    posterior = posterior or posterior_of(CURVED)
    return m4dl.sample(
        posterior, kernel or m4dl.MALA(0.3), **(settings | {"progress": False} | options)
    )


def same(a: Any, b: Any) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.mark.parametrize("row", PLAIN, ids=str)
def test_it_is_the_default_and_brings_its_metric(row: KernelRow) -> None:
    posterior = posterior_of(CURVED)
    kernel = row.kernel(posterior.white)
    default = sample(posterior, kernel)
    same(default, sample(posterior, kernel, start="laplace"))
    found = m4dl.find_map(posterior, seed=4, tolerance=m4dl.sampling._start.MAP_TOLERANCE)
    fit = m4dl.laplace(posterior, threshold=0.1, at=found, seed=4)
    assert repr(fit.metric) in default.kernel
    assert default.provenance["start"] == "laplace"
    assert default.notes == ()
    # a metric of one's own is kept, and so is the law of the start
    own = m4dl.kernels.DiagonalMetric(np.full(posterior.white, 0.5))
    kept = sample(posterior, row.build(metric=own, **row.options))
    assert repr(own) in kept.kernel


def test_models_without_a_tangent_start_from_the_prior() -> None:
    (row,) = (row for row in MODELS if row.name == "python")
    posterior = posterior_of(row)
    default = sample(posterior, m4dl.PCN())
    same(default, sample(posterior, m4dl.PCN(), start="prior"))
    assert "metric=None" in default.kernel
    with pytest.raises(ValueError, match="start='laplace' needs a model with adjoint and tangent"):
        sample(posterior, m4dl.PCN(), start="laplace")


def test_chains_start_at_independent_draws(seed: Seed) -> None:
    """On a linear Gaussian posterior these are draws of it, and stay so: pCN accepts always."""
    posterior, mean, covariance = linear()
    chains = 4000
    options: dict[str, Any] = {"draws": 1, "warmup": 0, "chains": chains, "seed": seed(30)}
    first = sample(posterior, m4dl.PCN(1e-9, adapt=False), **options).theta[:, 0]
    deviation = (first.mean(axis=0) - mean) / np.sqrt(np.diag(covariance) / chains)
    assert np.abs(deviation).max() < 5.0
    white = (first - mean) @ np.linalg.inv(np.linalg.cholesky(covariance)).T
    # the directions below the threshold of the metric have the prior's variance: 10 % more
    assert np.abs(white.T @ white / chains - np.eye(9)).max() < 0.1 + 5 * np.sqrt(2 / chains)
    draws = sample(posterior, m4dl.PCN(1.0, adapt=False), draws=200)
    assert (draws.acceptance > 0.9).all()


def test_a_chain_depends_on_seed_and_index_alone() -> None:
    few, many = sample(chains=3, threads=1), sample(chains=11, threads=2)
    np.testing.assert_array_equal(many.theta[:3], few.theta)
    assert not np.array_equal(sample(seed=5).theta[:, 0], few.theta[:, 0])


def test_a_map_that_gave_up_is_told_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    hasty = {"max_iterations": 1, "tolerance": 1e-9}
    monkeypatch.setattr(
        m4dl.sampling._start, "find_map", lambda p, **k: m4dl.find_map(p, **(k | hasty))
    )
    with pytest.warns(RuntimeWarning, match="MAP not converged: gradient norm"):
        draws = sample()
    (note,) = draws.notes
    assert note.startswith("MAP not converged")
    assert f"Before the first step: {note}" in " ".join(str(draws.summary()).split())


def test_a_metric_of_limited_rank_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the posterior is right all the same: steps are as short as the other directions need."""
    posterior, mean, covariance = linear()
    monkeypatch.setattr(m4dl.sampling._start, "MOST_DIRECTIONS", 2)
    draws = sample(posterior, m4dl.HMC(), draws=2000, warmup=300, chains=4)
    (note,) = draws.notes
    assert note.startswith("the data inform more than the 2 directions that the metric holds")
    assert "rank 2" in draws.kernel
    # five standard errors, of which each of nine is exceeded once in a million runs
    assert (np.abs(draws.mean() - mean) < 5 * draws.mcse()).all()
    np.testing.assert_allclose(draws.std(), np.sqrt(np.diag(covariance)), rtol=0.1)
    # a limit that leaves nothing out is not worth a word
    informed = int(
        (m4dl.laplace(posterior).spectrum >= m4dl.sampling._start.METRIC_THRESHOLD).sum()
    )
    monkeypatch.setattr(m4dl.sampling._start, "MOST_DIRECTIONS", informed)
    assert sample(posterior, m4dl.HMC()).notes == ()


class Stop(Exception):
    pass


@pytest.mark.parametrize("kernel", [m4dl.MALA(0.3), m4dl.HMC(), m4dl.PCN()], ids=repr)
def test_a_killed_run_goes_on_with_its_metric(
    kernel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The metric is read back, not found again: another BLAS would change its last bits."""
    pytest.importorskip("zarr")
    path = tmp_path / "run.zarr"
    whole = sample(kernel=kernel)
    monkeypatch.setattr(m4dl.sampling._drive, "SLICE_SECONDS", 1e-9)
    monkeypatch.setattr(m4dl.sampling._drive, "CHECKPOINT_SECONDS", 0.0)
    checkpoint, left = m4dl.sampling._drive.Loop._checkpoint, [37]

    def stop(loop: Any) -> None:
        checkpoint(loop)
        left[0] -= 1
        if not left[0]:
            raise Stop

    monkeypatch.setattr(m4dl.sampling._drive.Loop, "_checkpoint", stop)
    with pytest.raises(Stop):
        sample(kernel=kernel, store=path)
    monkeypatch.undo()

    def never(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("the metric was computed again")

    monkeypatch.setattr(m4dl.sampling._start, "laplace", never)
    resumed = sample(kernel=kernel, store=path)
    np.testing.assert_array_equal(resumed.theta[:], whole.theta)
    assert resumed.kernel == whole.kernel
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"run: kernel .*start \(stored laplace, now prior\)"):
        sample(kernel=kernel, store=path, start="prior")
    with pytest.raises(ValueError, match=r"run: chains \(stored 3, now 4\)"):
        sample(kernel=kernel, store=path, chains=4)


def test_kernels_of_ones_own_need_not_take_a_metric() -> None:
    class Own:
        def start(self, *arguments: Any) -> Any:
            return m4dl.PCN(0.2).start(*arguments)

    assert sample(kernel=Own()).complete


def two_minima() -> Any:
    """u_1 of [[1, t], [t, 1]] u = e_1 is 1/(1 - t^2): the data know |t| = 1/2, the prior the sign.

    The prior N(0.05, 0.5^2) makes the objective of -1/2 larger, by (0.55^2 - 0.45^2)/(2 0.5^2).
    """
    model = m4dl.AffineElliptic(
        np.eye(2),
        [np.array([[0.0, 1.0], [1.0, 0.0]])],
        [1.0, 0.0],
        np.array([[1.0, 0.0]]),
        link="identity",
        solver="direct",
    )
    prior = m4dl.GaussianPrior([0.05], 0.25)
    return m4dl.Posterior(model, prior, data=[4 / 3], noise=m4dl.GaussianNoise(0.05))


def test_the_minima_that_were_found_are_told_apart() -> None:
    found = m4dl.find_map(two_minima(), seed=1)
    theta = two_minima().prior.push(found.minima)[:, 0]
    np.testing.assert_allclose(theta, [0.5, -0.5], atol=0.005)
    np.testing.assert_array_equal(found.minima[0], found.xi)
    assert found.minima_objectives[0] == found.objective
    assert np.diff(found.minima_objectives) == pytest.approx(0.2, abs=0.005)
    one = m4dl.find_map(posterior_of(CURVED), seed=1)
    assert one.minima.shape == (1, posterior_of(CURVED).white)


def test_chains_start_around_all_near_minima() -> None:
    """From one mode alone all chains agree, and know nothing of the other."""
    draws = sample(two_minima(), m4dl.MALA(), draws=200, warmup=200, chains=8, seed=1)
    negative = (draws.theta[:, :, 0] < 0).mean(axis=1)
    assert (negative == 0).any()
    assert (negative == 1).any()
    assert not draws.summary().converged
    few = sample(two_minima(), m4dl.MALA(), draws=200, warmup=200, chains=3, seed=1)
    np.testing.assert_array_equal(few.theta, draws.theta[:3])
