"""Step sizes adapt in warmup only, each chain for itself, to the target; ULA's never."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
from catalogue import KERNELS, MODELS
from posteriors import flat_posterior, posterior_of
from problems import Array
from rows import KernelRow

Seed = Callable[[int], int]


def advance(run: Any, iterations: int = 1) -> Array:
    """Draws of theta (chains, iterations, D)."""
    theta = np.empty((run.chains, iterations, run.parameters))
    run.advance(iterations, 1, theta, None)
    return theta


ADAPTIVE = [row for row in KERNELS if row.target is not None]
EACH = [row for row in ADAPTIVE if not row.across]
ACROSS = [row for row in ADAPTIVE if row.across]


@pytest.mark.parametrize("row", EACH, ids=str)
@pytest.mark.parametrize("first", [0.01, 0.9])
def test_adaptation_reaches_its_target(row: KernelRow, first: float, seed: Seed) -> None:
    """Acceptance after warmup, for steps that start far too small or far too large."""
    matrix = np.random.default_rng(2).standard_normal((6, 12))
    posterior = m4dl.Posterior(
        m4dl.LinearModel(matrix),
        m4dl.GaussianPrior(np.ones(12), 1.0),
        data=np.zeros(6),
        noise=m4dl.GaussianNoise(0.5),
    )
    options = row.sized(first)
    kernel = row.kernel(12, **options)
    assert kernel.target == row.target
    draws = m4dl.sample(
        posterior,
        kernel,
        draws=1000,
        warmup=2000,
        chains=32,
        seed=seed(81),
        start="prior",
        progress=False,
    )
    # Dual averaging (gamma = 0.05): at iteration t the step's logarithm moves by a = 1/(gamma
    # sqrt t) = 0.45 times the error of one acceptance (deviation below 0.5). With slope s = 0.3 of
    # acceptance in log step its stationary variance is a 0.25/(2 s) = 0.19, and the acceptance at
    # the averaged logarithm differs from the averaged acceptance by half of that times the
    # curvature, at most 0.3: 0.03. Chains spread by 0.02: five standard errors over 32 are 0.02.
    assert abs(draws.acceptance.mean() - row.target) < 0.03 + 0.02
    # each chain for itself
    assert len(set(draws.step_size)) == 32
    other = row.kernel(12, target=0.4, **options)
    draws = m4dl.sample(
        posterior,
        other,
        draws=1000,
        warmup=2000,
        chains=32,
        seed=seed(81),
        start="prior",
        progress=False,
    )
    assert abs(draws.acceptance.mean() - 0.4) < 0.03 + 0.02


def test_beta_never_exceeds_one() -> None:
    """Without data every step is accepted: beta rises as far as it may, and no further."""
    draws = m4dl.sample(
        flat_posterior(),
        m4dl.PCN(beta=0.1),
        draws=5,
        warmup=300,
        chains=3,
        seed=1,
        start="prior",
        progress=False,
    )
    assert (draws.step_size > 0.9).all()
    assert (draws.step_size <= 1.0).all()
    assert (draws.acceptance == 1.0).all()


@pytest.mark.parametrize("row", ADAPTIVE, ids=str)
def test_adaptation_ends_with_warmup(row: KernelRow) -> None:
    """After it a run is that of a kernel with fixed, per-chain steps."""
    posterior = posterior_of(MODELS[0])
    kernel = row.kernel(posterior.white)
    run = kernel.start(posterior.core, 3, 4, np.zeros((3, posterior.white)), 1)
    first = run.report()["step_size"]
    run.adapting = True
    run.advance(50)
    run.adapting = False
    fixed = run.report()["step_size"]
    assert (fixed != first).all()
    theta = advance(run, 40)
    np.testing.assert_array_equal(run.report()["step_size"], fixed)
    # a run without warmup never moves its step; and one told not to adapt does not
    for adapt, warmup in ((True, 0), (False, 50)):
        draws = m4dl.sample(
            posterior,
            row.kernel(posterior.white, adapt=adapt),
            draws=40,
            warmup=warmup,
            chains=3,
            seed=4,
            start="prior",
            progress=False,
        )
        np.testing.assert_allclose(draws.step_size, first, rtol=1e-15)
    draws = m4dl.sample(
        posterior, kernel, draws=40, warmup=50, chains=3, seed=4, start="mean", progress=False
    )
    np.testing.assert_array_equal(draws.step_size, fixed)
    np.testing.assert_array_equal(draws.theta, theta)


@pytest.mark.parametrize("row", [row for row in KERNELS if not row.exact], ids=str)
def test_ula_is_never_adapted(row: KernelRow) -> None:
    posterior = posterior_of(MODELS[0])
    kernel = row.kernel(posterior.white)
    run = kernel.start(posterior.core, 3, 4, np.zeros((3, posterior.white)), 1)
    run.adapting = True
    assert not run.adapting
    run.advance(60)
    assert (run.report()["step_size"] == kernel.step_size).all()
    with pytest.raises(TypeError, match="unexpected keyword argument 'adapt'"):
        m4dl.ULA(step_size=0.1, adapt=True)  # type: ignore[call-arg]


def stiff() -> m4dl.Posterior:
    """Two of twelve directions with precision 1 + 9, the others free: Gaussian in white space."""
    matrix = np.zeros((2, 12))
    matrix[0, 0] = matrix[1, 1] = 3.0
    return m4dl.Posterior(
        m4dl.LinearModel(matrix),
        m4dl.GaussianPrior(np.zeros(12), 1.0),
        data=np.ones(2),
        noise=m4dl.GaussianNoise(1.0),
    )


@pytest.mark.parametrize("first", [0.02, 1.5])
def test_adaptation_across_chains(first: float, seed: Seed) -> None:
    """All share one step and one length; the mean of the acceptance meets its target.

    In free directions z' = cos(t) z + sin(t) v: ChEES is sin(t)^2 times what does not depend on t,
    and so largest at t = pi/2. Trajectories are spread by half of their length, which moves the
    optimum of E sin(uT)^2 = 1/2 - sin(T) cos(2 T)/(2 T), with sin(2 u T) averaged, to T = 1.66.
    """
    kernel = m4dl.HMC(step_size=first, trajectory=0.3, target=0.8)
    posterior = stiff()
    run = kernel.start(posterior.core, 32, seed(83), np.zeros((32, 12)), 1)
    run.adapting = True
    run.advance(1500)
    run.adapting = False
    assert len(set(run.report()["step_size"])) == 1
    step = run.report()["step_size"][0]
    # Adam's steps of 0.025 in log T, averaged over hundreds of iterations; the time of n steps is
    # n 2 atan(e/2), at most 5 % below T here, and the stiff directions weigh a little
    assert run.report()["trajectory"][0] == pytest.approx(1.66, rel=0.15)
    before = run.report()["accepted"]
    run.advance(400)
    # as derived above for one chain, and less: the mean over 32 has a deviation of 0.05 at most
    assert np.mean(run.report()["accepted"] - before) / 400 == pytest.approx(0.8, abs=0.05)
    assert (run.report()["step_size"] == step).all()


def test_trajectories_stay_between_one_step_and_the_most() -> None:
    """Without data every step is accepted: the step goes to 2, at which one step is enough."""
    kernel = m4dl.HMC(step_size=0.1, trajectory=50.0, max_steps=7)
    run = kernel.start(flat_posterior().core, 4, 1, np.zeros((4, 3)), 1)
    run.advance(10)
    assert run.report()["evaluations"][0] == 70
    run.adapting = True
    run.advance(400)
    run.adapting = False
    assert 1.8 < run.report()["step_size"][0] <= 2.0
    assert run.report()["trajectory"][0] < 4.0
