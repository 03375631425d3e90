"""The exact rank test of reversible kernels, on nonlinear posteriors.

Draw (xi, y) jointly. Give xi a uniformly random place among L states of a chain: run the kernel
forwards from it to the last, backwards (for a reversible kernel the same) to the first. All L
states then follow the posterior of y, exchangeably with respect to the place, so the rank of xi
among them is exactly uniform, at any chain length and with no burn-in. It has no power against ULA
with small steps, which test_closed_form.py holds to its own law.

Source: A. Gandy, J. Scott, Unit testing for MCMC and other Monte Carlo methods, arXiv:2001.06465;
Red-Portal/MCMCTesting.jl, exactranktest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import handmade
import m4dl
import numpy as np
import pytest
from catalogue import DELAYED, KERNELS
from problems import Array, Bent
from rows import KernelRow
from scipy import stats

EXACT = [*(row for row in KERNELS if row.exact), *DELAYED]
LENGTH = 16  # states of a chain, and so ranks
SIGMA = 0.4
MEAN, STD = 0.7, 1.0

Seed = Callable[[int], int]


def bent() -> tuple[m4dl.Model, m4dl.Prior]:
    """A Python model, strongly nonlinear, with a prior away from zero."""
    return Bent().model(batched=True), m4dl.GaussianPrior(np.full(2, MEAN), STD**2)


def schrodinger() -> tuple[m4dl.Model, m4dl.Prior]:
    """Two interior nodes of an interval of length 3: u follows theta from 0 to 1."""
    mesh = m4dl.Grid((3,), ((0.0, 3.0),))
    model = m4dl.Schrodinger(mesh, [[1.0], [1.8]], at="interior")
    return model, m4dl.MaternPrior(
        mesh, std=1.5, length=2.0, smoothness=0.5, at="interior", mean=-1.0
    )


def states(model: m4dl.Model, prior: m4dl.Prior, noise: float, kernel: Any, rng: Any) -> Array:
    """One replicate: theta (LENGTH, D), the one that made the data first.

    Two chains go forwards and backwards from it; of each, as many steps as its place leaves count.
    """
    xi = rng.standard_normal(prior.white)
    y = model(prior.push(xi)) + noise * rng.standard_normal(model.outputs)
    posterior = m4dl.Posterior(model, prior, data=y, noise=m4dl.GaussianNoise(noise))
    run = kernel.start(posterior.core, 2, int(rng.integers(2**63)), np.stack([xi, xi]), 1)
    theta = np.empty((2, LENGTH - 1, model.parameters))
    run.advance(LENGTH - 1, 1, theta, None)
    forwards = int(rng.integers(LENGTH))
    backwards = LENGTH - 1 - forwards
    out = np.concatenate([prior.push(xi)[None], theta[0, :forwards], theta[1, :backwards]])
    # the white noise of a metric and back costs a bit: where the chain stays must count as a tie
    return np.round(out, 10)


def p_value(statistics: Array, rng: Any) -> float:
    """Chi-square of the ranks of entry 0 among (R, LENGTH, S); the smallest p times S.

    Rejected proposals tie with their state: ties are broken at random, which keeps it uniform.
    """
    worst = 1.0
    for k in range(statistics.shape[2]):
        s = statistics[:, :, k]
        below = (s[:, 1:] < s[:, :1]).sum(axis=1)
        ties = (s[:, 1:] == s[:, :1]).sum(axis=1)
        rank = below + rng.integers(0, ties + 1)
        counts = np.bincount(rank, minlength=LENGTH)
        worst = min(worst, stats.chisquare(counts).pvalue)
    return worst * statistics.shape[2]


def statistics(theta: Array) -> Array:
    """What is ranked, of theta (..., D): components, their product, the size."""
    a, b = theta[..., 0], theta[..., 1]
    return np.stack([a, b, a * b, a**2 + b**2], axis=-1)


@pytest.mark.parametrize("row", EXACT, ids=str)
@pytest.mark.parametrize(
    ("problem", "noise", "replicates"), [(bent, SIGMA, 3000), (schrodinger, 0.1, 8000)]
)
def test_ranks_are_uniform(
    row: KernelRow, problem: Any, noise: float, replicates: int, seed: Seed
) -> None:
    model, prior = problem()
    options = row.sized(0.05 if row.gradient else 0.5)
    if row.across:  # trajectories of one to four steps
        options = {"step_size": 0.35, "trajectory": 0.9}
    kernel = row.kernel(prior.white, adapt=False, **options)
    rng = np.random.default_rng(seed(70))
    theta = np.stack([states(model, prior, noise, kernel, rng) for _ in range(replicates)])
    assert p_value(statistics(theta), rng) > 1e-4
    # The chains move, and reject: an identity would pass too.
    moved = (np.diff(theta[:, 1:, 0], axis=1) != 0.0).mean()
    assert 0.1 < moved < 0.97


def handmade_states(step: handmade.Step, seed: int, replicates: int = 20_000) -> Array:
    """All replicates of the first problem at once, (R, LENGTH, 2)."""
    rng = np.random.default_rng(seed)
    g = Bent()
    count = 2 * replicates
    xi = np.tile(rng.standard_normal((replicates, 2)), (2, 1))
    y = g.forward(MEAN + STD * xi[:replicates]) + SIGMA * rng.standard_normal((replicates, 3))
    y = np.tile(y, (2, 1))

    def residual(x: Array) -> Array:
        return (g.forward(MEAN + STD * x) - y) / SIGMA**2

    target = handmade.Target(
        lambda x: 0.5 * SIGMA**2 * (residual(x) ** 2).sum(axis=1),
        lambda x: STD * g.gradient(MEAN + STD * x, residual(x)),
        MEAN,
        STD,
    )
    chain = np.empty((LENGTH, count, 2))
    chain[0] = xi
    for k in range(1, LENGTH):
        chain[k] = step(target, chain[k - 1], rng)
    out = np.empty((replicates, LENGTH, 2))
    for r, forwards in enumerate(rng.integers(LENGTH, size=replicates)):
        out[r, : forwards + 1] = chain[: forwards + 1, r]
        out[r, forwards + 1 :] = chain[1 : LENGTH - forwards, replicates + r]
    return MEAN + STD * out


@pytest.mark.parametrize(
    ("step", "uniform"),
    [
        (handmade.pcn(0.5), True),
        (handmade.mala(0.05), True),
        (handmade.delayed_pcn(0.5, handmade.unrelated), True),
        (handmade.delayed_pcn(0.5, handmade.unrelated, corrected=False), False),
        (handmade.pcn_around_zero(0.5), False),
        (handmade.mala(0.05, corrected=False), False),
    ],
    ids=[
        "pcn",
        "mala",
        "delayed pcn",
        "delayed pcn uncorrected",
        "pcn around zero",
        "mala uncorrected",
    ],
)
def test_the_test_can_fail(step: handmade.Step, uniform: bool, seed: Seed) -> None:
    theta = handmade_states(step, seed(71))
    p = p_value(statistics(theta), np.random.default_rng(seed(72)))
    assert p > 1e-4 if uniform else p < 1e-8
