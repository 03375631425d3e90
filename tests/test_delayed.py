"""Delayed acceptance: the fine posterior whatever the coarse one, and honest counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
import philox
import pytest
from catalogue import MODELS
from posteriors import posterior_of
from problems import Array, Bent
from rows import metric_of
from test_closed_form import COVARIANCE, MEAN, SIGMA, G, Y, check, several

Seed = Callable[[int], int]
INNER = [m4dl.PCN(0.4), m4dl.MALA(0.1), m4dl.HMC(0.3, 0.9, adapt=False)]
WRONG = G * [[0.7, 1.3, 2.0], [1.3, 0.8, 0.5]]


def linear(matrix: Array, **changes: Any) -> m4dl.Posterior:
    options: dict[str, Any] = {"data": Y, "noise": m4dl.GaussianNoise(SIGMA)} | changes
    return m4dl.Posterior(m4dl.LinearModel(matrix), m4dl.GaussianPrior(MEAN, COVARIANCE), **options)


def shifted(shift: Array, **options: Any) -> m4dl.Posterior:
    """The model G theta + shift."""
    model = m4dl.PythonModel(
        lambda t: t @ G.T + shift, lambda t, w: w @ G, parameters=3, outputs=2, batched=True
    )
    noise = m4dl.GaussianNoise(SIGMA)
    prior = m4dl.GaussianPrior(MEAN, COVARIANCE)
    return m4dl.Posterior(model, prior, data=Y, noise=noise, **options)


def sample(kernel: Any, **options: Any) -> Any:
    settings: dict[str, Any] = {"draws": 60, "warmup": 100, "chains": 3, "seed": 4}
    settings |= {"start": "prior", "progress": False}
    return m4dl.sample(several()[0], kernel, **(settings | options))


@pytest.mark.parametrize("inner", INNER, ids=repr)
@pytest.mark.parametrize("error_model", ["none", "offset", "full"])
def test_it_samples_the_fine_posterior(inner: Any, error_model: str, seed: Seed) -> None:
    """``check``'s five standard errors, with a coarse model off by up to a factor of 2."""
    _, mean, covariance = several()
    kernel = m4dl.DelayedAcceptance(linear(WRONG), inner, steps=3, error_model=error_model)
    draws = sample(kernel, draws=2000, warmup=400, chains=96, seed=seed(90))
    check(draws.theta, mean, covariance)
    assert 0.05 < draws.acceptance.mean() < 0.9  # the second stage decides
    # sharp: the coarse posterior itself is many standard errors away
    error = draws.theta.mean(axis=1).std(axis=0) / np.sqrt(96)
    white = np.linalg.cholesky(COVARIANCE)
    slope = WRONG @ white / SIGMA[:, None]
    residual = (Y - WRONG @ MEAN) / SIGMA
    coarse = MEAN + white @ np.linalg.solve(np.eye(3) + slope.T @ slope, slope.T @ residual)
    assert (np.abs(coarse - mean) / error).max() > 30.0


@pytest.mark.parametrize("inner", INNER, ids=repr)
@pytest.mark.parametrize("metric", [None, "diagonal", "low rank"])
def test_equal_posteriors_accept_always(inner: Any, metric: str | None) -> None:
    """To the last bit: the two changes of the potential are the same numbers."""
    posterior = posterior_of(MODELS[2])
    inner = replace(inner, metric=metric_of(metric, posterior.white))
    kernel = m4dl.DelayedAcceptance(posterior, inner, error_model="none")
    draws = m4dl.sample(
        posterior, kernel, draws=50, chains=9, seed=1, start="prior", progress=False
    )
    assert (draws.acceptance == 1.0).all()
    assert (draws.coarse_acceptance < 1.0).all()


def test_one_step_by_hand() -> None:
    """Two coarse steps of pCN and the second decision, with the core's own random numbers."""
    fine, coarse = several()[0], linear(WRONG)
    beta, chains, decisions = 0.8, 11, set()
    kernel = m4dl.DelayedAcceptance(
        coarse, m4dl.PCN(beta, adapt=False), steps=2, error_model="none"
    )
    xi = np.random.default_rng(1).standard_normal((chains, 3))
    run = kernel.start(fine.core, chains, 12, xi, 1)
    for step in range(12):
        there = xi
        for k in (2 * step, 2 * step + 1):
            w = np.stack([philox.normals(12, c, k, 3) for c in range(chains)])
            u = np.array([philox.uniform(12, c, k) for c in range(chains)])
            proposal = np.sqrt(1 - beta**2) * there + beta * w
            ratio = coarse.potential(there) - coarse.potential(proposal)
            there = np.where((np.log(u) < ratio)[:, None], proposal, there)
        u = np.array([philox.uniform(12, c, step, philox.DELAYED) for c in range(chains)])
        ratio = fine.potential(xi) - fine.potential(there)
        ratio += coarse.potential(there) - coarse.potential(xi)
        accept = np.log(u) < ratio
        decisions |= set(accept)
        xi = np.where(accept[:, None], there, xi)
        run.advance(1)
        np.testing.assert_allclose(run.position(), xi, rtol=0, atol=1e-12)
    assert decisions == {True, False}


def test_the_error_model_enters_the_coarse_likelihood() -> None:
    """r' (Sigma + Gamma)^{-1} r / 2 and its gradient, densely; r = G_c + b - y."""
    rng = np.random.default_rng(3)
    coarse, b, d = linear(WRONG), rng.standard_normal(2), np.array([0.7, 2.0])
    turn = np.linalg.qr(rng.standard_normal((2, 2)))[0]
    basis = turn / SIGMA[:, None]
    kernel = m4dl.DelayedAcceptance(coarse, m4dl.MALA())
    xi = rng.standard_normal((3, 3))
    run = kernel.start(several()[0].core, 3, 1, xi, 1)
    run.set_error_model(b, basis, d / (1 + d))
    gamma = np.diag(SIGMA) @ turn @ np.diag(d) @ turn.T @ np.diag(SIGMA)
    precision = np.linalg.inv(np.diag(SIGMA**2) + gamma)
    residual = coarse.model.forward(coarse.prior.push(xi)) + b - Y
    state = run.state()
    expected = 0.5 * np.einsum("ci,ij,cj->c", residual, precision, residual)
    np.testing.assert_allclose(state["coarse_phi"][:, 0], expected, rtol=1e-12)
    slope = WRONG @ np.linalg.cholesky(COVARIANCE)
    np.testing.assert_allclose(state["coarse_gradient"], residual @ precision @ slope, rtol=1e-11)


def test_it_learns_what_the_coarse_model_leaves_out() -> None:
    """A constant discrepancy is learned exactly, and then every proposal is accepted.

    One that is linear in theta becomes a covariance, of the draws' own spread.
    """
    constant = m4dl.DelayedAcceptance(shifted(np.array([2.0, -1.0])), m4dl.PCN(0.4))
    draws = sample(constant)
    # discrepancies vary by rounding alone, so there is no covariance
    np.testing.assert_allclose(draws.acceptance, 1.0, atol=1e-12)
    plain = replace(constant, error_model="none")
    assert sample(plain).acceptance.mean() < 0.8

    posterior, mean, covariance = several()
    kernel = m4dl.DelayedAcceptance(linear(WRONG), m4dl.PCN(0.4))
    (learner,) = kernel.learners(posterior.core)
    theta = np.random.default_rng(2).multivariate_normal(mean, covariance, size=(8, 500))
    run = kernel.start(posterior.core, 8, 1, np.zeros((8, 3)), 1)
    learner.fit(run, theta @ (G - WRONG).T)
    found = learner.arrays()
    flat = (theta @ (G - WRONG).T).reshape(-1, 2)
    np.testing.assert_allclose(found["mean"], flat.mean(axis=0), rtol=1e-12)
    d = found["weight"] / (1 - found["weight"])
    gamma = np.diag(SIGMA**2) @ (found["basis"] * d) @ found["basis"].T @ np.diag(SIGMA**2)
    np.testing.assert_allclose(gamma, np.cov(flat.T), rtol=1e-10)


def test_it_is_fixed_after_warmup(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[int] = []
    fit = m4dl.kernels._learn.ErrorLearner.fit

    def watch(self: Any, run: Any, draws: Any) -> None:
        learned.append(run.iteration)
        fit(self, run, draws)

    monkeypatch.setattr(m4dl.kernels._learn.ErrorLearner, "fit", watch)
    sample(m4dl.DelayedAcceptance(linear(WRONG), m4dl.PCN(0.4)), draws=300, warmup=200)
    assert learned[-1] == 160  # four fifths
    assert learned == sorted(set(learned))


@pytest.mark.parametrize(("inner", "coarse"), [(INNER[0], 3), (INNER[1], 6), (INNER[2], None)])
def test_solves_are_counted_apart(inner: Any, coarse: int | None) -> None:
    kernel = m4dl.DelayedAcceptance(linear(WRONG), inner, steps=3)
    draws = sample(kernel, thin=2)
    assert draws.solves == 120  # no gradient of the fine posterior
    assert draws.coarse_solves > 720 if coarse is None else draws.coarse_solves == 120 * coarse
    summary = draws.summary()
    each = draws.coarse_solves / 120
    assert f"per fine solve (each with {each:.3g} coarse ones)" in str(summary)
    assert summary.efficiency["coarse_per_solve"] == each
    assert summary.to_dict()["run"]["coarse_solves"] == draws.coarse_solves
    moments = sample(kernel, thin=2, keep="moments")
    assert moments.coarse_solves == draws.coarse_solves
    table = m4dl.studies.compare_kernels(
        several()[0],
        {"two": kernel, "one": m4dl.PCN()},
        seed=1,
        draws=50,
        warmup=100,
        start="prior",
        progress=False,
    )
    assert "coarse/solve" in str(table)
    assert table.rows["one"]["coarse_per_solve"] == 0.0


def test_failures_are_counted_apart() -> None:
    """NaN of either model where the first parameter is above its threshold is never entered."""
    bent = Bent()
    seen: dict[str, list[Array]] = {"fine": [], "coarse": []}

    def posterior(name: str, threshold: float) -> m4dl.Posterior:
        def forward(theta: Array) -> Array:
            bad = theta[:, 0] > threshold
            seen[name].append(bad)
            return np.where(bad[:, None], np.nan, bent.forward(theta))

        model = m4dl.PythonModel(forward, parameters=2, outputs=3, batched=True)
        prior = m4dl.GaussianPrior(np.zeros(2), 1.0)
        return m4dl.Posterior(model, prior, data=np.zeros(3), noise=m4dl.GaussianNoise(1.0))

    coarse, fine = posterior("coarse", 0.6), posterior("fine", 0.3)
    kernel = m4dl.DelayedAcceptance(coarse, m4dl.PCN(0.5), steps=3, error_model="none")
    run = kernel.start(fine.core, 5, 3, np.full((5, 2), -0.2), 1)
    theta = np.empty((5, 200, 2))
    for calls in seen.values():
        calls.clear()
    run.advance(200, 1, theta, None)
    assert (theta[..., 0] <= 0.3).all()
    second, first = np.array(seen["fine"]), np.array(seen["coarse"]).reshape(200, 3, 5)
    assert (first.any(axis=(0, 1)) & second.any(axis=0)).all()
    np.testing.assert_array_equal(run.report()["coarse_failures"], first.sum(axis=(0, 1)))
    # a step with no coarse solve to move by is lost as well
    lost = second | first.all(axis=1)
    assert lost.sum() > second.sum()
    np.testing.assert_array_equal(run.report()["failures"], lost.sum(axis=0))
    with pytest.warns(RuntimeWarning, match="solves of the coarse model failed"):
        draws = m4dl.sample(
            fine, kernel, draws=200, chains=5, seed=3, start=[-0.2, 0.0], progress=False
        )
    assert "coarse steps" in str(draws.summary())


def test_inner_steps_adapt_to_the_coarse_acceptance(seed: Seed) -> None:
    """The mean over chains and steps; tolerance as in test_adaptation.py."""
    for inner in (m4dl.PCN(0.05), m4dl.MALA(0.01)):
        kernel = m4dl.DelayedAcceptance(linear(WRONG), inner, steps=3, error_model="none")
        draws = sample(kernel, draws=500, warmup=1500, chains=32, seed=seed(91))
        assert abs(draws.coarse_acceptance.mean() - inner.target) < 0.05
        assert len(set(draws.step_size)) == 32


def test_it_takes_the_metric_of_the_start() -> None:
    kernel = m4dl.DelayedAcceptance(linear(WRONG), m4dl.PCN(0.4))
    draws = sample(kernel, start="laplace")
    assert "metric=LowRankMetric" in draws.kernel
    learned = sample(kernel, start="learn")
    assert learned.metric is not None
    assert "metric='learned'" in learned.kernel


class Stop(Exception):
    pass


@pytest.mark.parametrize("inner", [m4dl.MALA(0.1), m4dl.PCN(0.4, metric="learned")], ids=repr)
@pytest.mark.parametrize("checkpoint", [60, 130])
def test_a_killed_run_goes_on(
    inner: Any, checkpoint: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In warmup and after it, to the bit; with the counters of an uninterrupted run."""
    pytest.importorskip("zarr")
    path, left = tmp_path / "run.zarr", [checkpoint]
    kernel = m4dl.DelayedAcceptance(linear(WRONG), inner)
    whole = sample(kernel)
    monkeypatch.setattr(m4dl.sampling._drive, "SLICE_SECONDS", 1e-9)
    monkeypatch.setattr(m4dl.sampling._drive, "CHECKPOINT_SECONDS", 0.0)
    save = m4dl.sampling._drive.Loop._checkpoint

    def stop(loop: Any) -> None:
        save(loop)
        left[0] -= 1
        if not left[0]:
            assert (loop.run.iteration < 100) == (checkpoint == 60)
            raise Stop

    monkeypatch.setattr(m4dl.sampling._drive.Loop, "_checkpoint", stop)
    with pytest.raises(Stop):
        sample(kernel, store=path)
    monkeypatch.undo()
    resumed = sample(kernel, store=path)
    np.testing.assert_array_equal(resumed.theta[:], whole.theta)
    for name in ("acceptance", "step_size", "solves", "coarse_solves", "coarse_acceptance"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name), err_msg=name)
    for coarse, what in (
        (linear(G), "coarse model"),
        (linear(WRONG, noise=m4dl.GaussianNoise(2.0)), "coarse noise"),
    ):
        other = replace(kernel, coarse_posterior=coarse)
        with pytest.raises(ValueError, match=f"belongs to a different run: .*{what}"):
            sample(other, store=path)
    with pytest.raises(ValueError, match="belongs to a different run: kernel"):
        sample(replace(kernel, steps=5), store=path)


def pcn(**options: Any) -> Any:
    coarse = options.pop("coarse", linear(WRONG))
    return m4dl.DelayedAcceptance(coarse, options.pop("kernel", m4dl.PCN(0.4)), **options)


def of_size(size: int) -> m4dl.Posterior:
    model, prior = m4dl.LinearModel(np.ones((2, size))), m4dl.GaussianPrior(np.zeros(size), 1.0)
    return m4dl.Posterior(model, prior, data=Y, noise=m4dl.GaussianNoise(1.0))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: sample(pcn(coarse=of_size(4))),
            ValueError,
            "coarse_posterior must have the posterior's 3 white noises, got 4",
        ),
        (
            lambda: sample(pcn(coarse=linear(WRONG, data=Y + 1))),
            ValueError,
            "coarse_posterior must have the posterior's data for an error model, got 2 data",
        ),
        (
            lambda: sample(pcn(), warmup=99),
            ValueError,
            "warmup must be at least 100 to learn an error model in it, got 99",
        ),
        (lambda: pcn(coarse=3), TypeError, "coarse_posterior must be a m4dl Posterior, got int"),
        (lambda: pcn(kernel=m4dl.ULA(0.1)), TypeError, "kernel must be reversible for the coarse"),
        (
            lambda: pcn(kernel=m4dl.HMC()),
            ValueError,
            "kernel must have a fixed step and trajectory",
        ),
        (lambda: pcn(steps=0), ValueError, "steps must be at least 1, got 0"),
        (
            lambda: pcn(error_model="diagonal"),
            ValueError,
            "error_model must be one of 'full', 'offset', 'none', got 'diagonal'",
        ),
    ],
)
def test_bad_options(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_the_coarse_model_needs_the_gradient() -> None:
    """The fine one does not."""
    plain = m4dl.PythonModel(lambda t: G @ t, parameters=3, outputs=2)
    prior, noise = m4dl.GaussianPrior(MEAN, COVARIANCE), m4dl.GaussianNoise(SIGMA)
    posterior = m4dl.Posterior(plain, prior, data=Y, noise=noise)
    kernel = pcn(kernel=m4dl.MALA(0.1))
    options: dict[str, Any] = {"draws": 5, "chains": 2, "seed": 1, "progress": False}
    assert m4dl.sample(posterior, kernel, warmup=100, **options).complete
    with pytest.raises(ValueError, match="MALA needs a gradient, and the coarse model has none"):
        sample(replace(kernel, coarse_posterior=posterior))
