"""Chains on the benchmark of Aristoff and Bangerth, and with a prior biased towards a block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import m4dl
import numpy as np
from harness import Array
from m4dl.demo.darcy import MEAN, SIDE, STD, benchmark
from m4dl.results.diagnostics import ess, rhat

CHAINS = 16
COARSE = 16
"""Cells along an axis where the metric is found: solves take a fifth of the time there."""
STEP_SIZE, TRAJECTORY, WARMUP = 0.15, 2.5, 100
"""Half of these step sizes and twice this length, and the other way round, took more gradients."""


@dataclass(frozen=True)
class Bias:
    """What the prior is multiplied by: exp(s theta_k + t u), with which it is a Gaussian again.

    u = constant + slope . theta - curvature . theta^2/2, with no part of theta_k.
    """

    k: int
    constant: float
    slope: Array
    curvature: Array
    s: int
    t: float

    def along(self, theta: Array) -> Array:
        """Log of the factor without the one in theta_k."""
        u = self.constant + theta @ self.slope - 0.5 * (theta * theta) @ self.curvature
        return np.asarray(self.t * u)

    def prior(self) -> tuple[Array, Array]:
        """Means and variances of the prior N(MEAN, STD^2) times this."""
        precision = 1.0 / STD**2 + self.t * self.curvature
        pull = MEAN / STD**2 + self.t * self.slope
        pull[self.k] += self.s
        return pull / precision, 1.0 / precision


@dataclass
class Problem:
    """The benchmark's posterior on a grid of cells x cells, and its white noise."""

    cells: int
    bias: Bias | None = None

    def __post_init__(self) -> None:
        known = benchmark()
        grid = m4dl.Grid((self.cells, self.cells))
        model = m4dl.Darcy(grid, known.points, 10.0, blocks=(SIDE, SIDE))
        self.mean, variance = np.full(SIDE**2, MEAN), np.full(SIDE**2, STD**2)
        if self.bias is not None:
            self.mean, variance = self.bias.prior()
        self.std = np.sqrt(variance)
        prior = m4dl.GaussianPrior(self.mean, variance, domain=model.domain, at=model.at)
        data, noise = known.posterior.data, known.posterior.noise
        self.posterior = m4dl.Posterior(model, prior, data=data, noise=noise)

    def white(self, theta: Array) -> Array:
        """White noise of theta (..., D)."""
        return np.asarray((theta - self.mean) / self.std)

    def metric(self, theta: Array) -> m4dl.kernels.LowRankMetric:
        """Mean and covariance of draws theta (chain, draw, D)."""
        flat = self.white(theta).reshape(-1, SIDE**2)
        variance, basis = np.linalg.eigh(np.cov(flat.T))
        return m4dl.kernels.LowRankMetric(flat.mean(axis=0), basis, variance)


def sample(
    problem: Problem, kernel: m4dl.HMC, draws: int, warmup: int, seed: int, start: Array | None
) -> m4dl.results.Draws:
    """Draws of all chains; ``start``: theta (chain, D), or None."""
    xi = None if start is None else problem.white(start)
    drawn = m4dl.sample(
        problem.posterior,
        kernel,
        draws=draws,
        warmup=warmup,
        chains=CHAINS,
        seed=seed,
        start=xi,
        progress=False,
    )
    length = trajectory(drawn)
    print(
        f"{length:.1f} gradients a step of {drawn.step_size[0]:.3f}, "
        f"acceptance {drawn.acceptance.mean():.2f}, ESS of log a at least "
        f"{ess(drawn.theta).min():.0f} of {CHAINS * draws}, R-hat {rhat(drawn.theta).max():.4f}, "
        f"{drawn.seconds:.0f} s",
        flush=True,
    )
    return drawn


def trajectory(draws: m4dl.results.Draws) -> float:
    """Gradients of a step."""
    assert draws.solves is not None
    return draws.solves * CHAINS / 2 / (draws.draws * draws.chains)


def tuned(
    problem: Problem, pilots: Sequence[tuple[int, int]], seed: int, theta: Array | None
) -> Array:
    """Draws theta (chain, draw, D) of the last of some runs: for a metric, and to go on from.

    Each has the metric of the one before, the first that of ``theta`` (chain, draw, D), or of the
    Laplace approximation.
    """
    for k, (warmup, draws) in enumerate(pilots):
        kernel = m4dl.HMC() if theta is None else m4dl.HMC(metric=problem.metric(theta))
        start = None if theta is None else theta[:, -1]
        theta = sample(problem, kernel, draws, warmup, seed + k, start).theta
    assert theta is not None
    return theta


def final(problem: Problem, theta: Array) -> m4dl.HMC:
    """The kernel with the covariance of draws for its metric.

    Adapted, the trajectory ends anywhere between 2 and 7, with as many gradients for an effective
    draw all along; a fixed one makes the time known beforehand.
    """
    return m4dl.HMC(STEP_SIZE, TRAJECTORY, metric=problem.metric(theta), adapt=False)
