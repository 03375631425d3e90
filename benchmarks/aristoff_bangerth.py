"""The 64 posterior means of the benchmark of Aristoff and Bangerth, and their Monte Carlo errors.

    python benchmarks/aristoff_bangerth.py [--draws 32000] [--error 0.0095] [--name MACHINE]

D. Aristoff, W. Bangerth, A benchmark for the Bayesian inversion of coefficients in partial
differential equations, SIAM Review 65 (2023), computed them with 2e11 samples in 30 years of
processor time. Wanted here: relative errors below 1 % and R-hat below 1.01, in ten minutes on two
cores, of which OpenMP's threads use as many as they are given.

1. Sixteen chains of HMC start at the Laplace approximation of the problem on 16 x 16 cells; short
   runs there give the covariance of the posterior, the metric of all that follows.
2. HMC with this metric, on the problem itself.
3. a = exp(theta) has the tail of its lognormal prior, whose rare visits a chain's average waits
   for. The conditional means given the other 63 blocks are averaged instead (``line_means``), and
   few of them are integrated (``sampled_lines``).
4. In block (2, 2) most of the mean comes from one state of its neighbours in a thousand. Two more
   posteriors have tilted priors, so that this state is common there (``stepping_stones``).

The data are symmetric under exchange of x and y, and so is the posterior: a block and its mirror
image have one mean, and both serve for it. Writes results/NAME-aristoff-bangerth.md.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
from harness import Array, markdown
from line_means import LineMeans
from m4dl.demo.darcy import MEAN, SIDE, STD, benchmark
from m4dl.diagnostics import ess, rhat
from report import RESULTS, machine, setting
from sampled_lines import sampled_lines
from scipy.optimize import lsq_linear
from stepping_stones import ratio

CHAINS = 16
PILOTS = ((300, 150), (100, 300), (50, 300))
"""Warmup and draws of each chain in the runs that find the metric."""
COARSE = 16
"""Cells along an axis where the metric is found: solves take a fifth of the time there."""
STEP_SIZE, TRAJECTORY, WARMUP = 0.15, 2.5, 100
"""Half of these step sizes and twice this length, and the other way round, took more gradients."""
NODES = 10
"""Solves for a line."""
ROUGH_NODES = 6
RARE: dict[tuple[int, int], list[tuple[int, int, float]]] = {
    (2, 2): [(6000, 0, 0.75), (9000, 0, 1.5), (6000, 1, 1.0)],
    (1, 5): [(2500, 0, 1.0), (2500, 1, 0.5)],
}
"""Draws of each chain with biased priors, in u, what a linear regression says of log L. Of some
forty choices of one to three for (2, 2) these took the fewest draws by far."""
CAP = 5.0
"""Times the median: what is above it in a is the tail, which lines are integrated for."""
ROUGH, LINES = 0.5, 40_000
"""In block RARE, the relative error that lines for a regression are chosen for, and how many more
of the posterior itself are integrated."""
MOST = 0.15
SCOUT = 600
"""Draws that the second regression is made of, with those of the posterior itself."""


@dataclass(frozen=True)
class Estimate:
    """A mean, its relative errors by Geyer's sequence and by batch means, the largest R-hat."""

    block: tuple[int, int]
    how: str
    mean: float
    error: float
    error_batch: float
    rhat: float
    plain: float
    plain_error: float


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

    def metric(self, theta: Array) -> m4dl.LowRankMetric:
        """Mean and covariance of draws theta (chain, draw, D)."""
        flat = self.white(theta).reshape(-1, SIDE**2)
        variance, basis = np.linalg.eigh(np.cov(flat.T))
        return m4dl.LowRankMetric(flat.mean(axis=0), basis, variance)


def sample(
    problem: Problem, kernel: m4dl.HMC, draws: int, warmup: int, seed: int, start: Array | None
) -> m4dl.Draws:
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


def trajectory(draws: m4dl.Draws) -> float:
    """Gradients of a step."""
    assert draws.solves is not None
    return draws.solves * CHAINS / 2 / (draws.draws * draws.chains)


def tuned(
    problem: Problem, pilots: Sequence[tuple[int, int]], seed: int, theta: Array | None
) -> tuple[Array, Array]:
    """Draws theta of the last of some runs, for a metric, and where its chains end.

    Each has the metric of the one before, the first that of ``theta`` (chain, draw, D), or of the
    Laplace approximation.
    """
    for k, (warmup, draws) in enumerate(pilots):
        kernel = m4dl.HMC() if theta is None else m4dl.HMC(metric=problem.metric(theta))
        start = None if theta is None else theta[:, -1]
        theta = sample(problem, kernel, draws, warmup, seed + k, start).theta
    assert theta is not None
    return theta, theta[:, -1]


def final(problem: Problem, theta: Array) -> m4dl.HMC:
    """The kernel with the covariance of draws for its metric.

    Adapted, the trajectory ends anywhere between 2 and 7, with as many gradients for an effective
    draw all along; a fixed one makes the time known beforehand.
    """
    return m4dl.HMC(STEP_SIZE, TRAJECTORY, metric=problem.metric(theta), adapt=False)


def mirrored(theta: Array) -> Array:
    """The same draws with x and y exchanged."""
    blocks = theta.reshape(*theta.shape[:-1], SIDE, SIDE)
    return np.asarray(np.ascontiguousarray(blocks.swapaxes(-1, -2)).reshape(theta.shape))


def estimate(
    block: tuple[int, int], how: str, mean: float, parts: list[Array], plain: Array, worst: float
) -> Estimate:
    """From series (chain, draw) of independent runs, whose averages add up to the mean.

    plain: a (chain, draw) of the posterior's draws; worst: R-hat of all blocks in these runs.
    """
    errors = [
        float(np.sqrt(sum(x.var() / ess(x, kind) for x in parts)) / mean)
        for kind in ("mean", "batch")
    ]
    direct = float(plain.std() / plain.mean() / np.sqrt(ess(plain, "mean")))
    worst = max(worst, *(float(rhat(x)) for x in parts))
    return Estimate(block, how, mean, *errors, worst, float(plain.mean()), direct)


def predictor(theta: Array, k: int, log_mean: Array) -> tuple[float, Array, Array]:
    """Constant, slope and curvature of log L as a concave function of the other coefficients."""
    others = np.delete(np.arange(theta.shape[1]), k)
    x = theta[:, others]
    features = np.hstack([np.ones((len(x), 1)), x, -0.5 * x * x])
    lower = np.r_[np.full(1 + len(others), -np.inf), np.zeros(len(others))]
    b = lsq_linear(features, log_mean, (lower, np.inf)).x
    slope, curvature = np.zeros((2, theta.shape[1]))
    slope[others], curvature[others] = np.split(b[1:], 2)
    return float(b[0]), slope, curvature


@dataclass(frozen=True)
class Stone:
    """Draws of the posterior with a biased prior, and the integrals along their lines."""

    bias: Bias
    theta: Array
    integrals: Array
    """(2, chain, draw)."""


def stone(lines: LineMeans, cells: int, bias: Bias, base: Array, draws: int, seed: int) -> Stone:
    """Sample with a biased prior; every fourth draw has its line integrated."""
    coarse, fine = Problem(COARSE, bias), Problem(cells, bias)
    theta, start = tuned(coarse, ((150, 150), (50, 200)), seed, base[:, -200:])
    theta = sample(fine, final(fine, theta), draws, WARMUP, seed + 2, start).theta[:, 3::4]
    known = lines.integrals(theta.reshape(-1, theta.shape[2]), bias.k)
    return Stone(bias, theta, known.reshape(2, *theta.shape[:2]))


def rare_mean(
    block: tuple[int, int],
    lines: tuple[LineMeans, LineMeans],
    cells: int,
    views: Array,
    worst: float,
    seed: int,
) -> tuple[Estimate, int]:
    """The mean of a block of RARE, and how many lines it took."""
    k, rng = SIDE * block[0] + block[1], np.random.default_rng(seed)
    theta, flat = views[0], views.reshape(-1, views.shape[3])
    first = sampled_lines(*lines, views, k, 0.0, ROUGH, rng)
    seen, log_mean = flat[first.rows], first.integrals[1] - first.integrals[0]
    u = predictor(seen, k, log_mean)
    scout = stone(lines[0], cells, Bias(k, *u, 1, 0.5), theta, SCOUT, seed)
    both = np.concatenate([seen, scout.theta.reshape(-1, flat.shape[1])])
    log_mean = np.concatenate([log_mean, np.ravel(scout.integrals[1] - scout.integrals[0])])
    u = predictor(both, k, log_mean)
    stones = [
        stone(lines[0], cells, Bias(k, *u, s, t), theta, draws, seed + 10 * (j + 1))
        for j, (draws, s, t) in enumerate(RARE[block])
    ]

    # Draws of the posterior that are kept with probability p are draws of p times it. More are
    # kept where it and the first stone overlap, and where L is large.
    def sizes(theta: Array) -> tuple[Array, Array]:
        mean = first.regression(theta)
        return mean, mean ** stones[0].bias.s * np.exp(stones[0].bias.along(theta))

    base = sizes(flat)
    even = len(flat) / stones[0].theta[..., 0].size * base[1].mean()

    def shares(mean: Array, far: Array) -> tuple[Array, Array]:
        return mean / base[0].sum(), far / (even + far)

    total = shares(*base)[1].sum()

    def chance(mean: Array, far: Array) -> Array:
        large, overlap = shares(mean, far)
        return np.minimum(MOST, 0.5 * LINES * (large + overlap / total))

    kept = chance(*base)
    rows = np.flatnonzero(rng.random(len(flat)) < kept)
    known = lines[0].integrals(flat[rows], k)
    others = [x.theta.reshape(-1, flat.shape[1]) for x in stones]
    rest = np.concatenate([flat[rows], *others])
    known = np.hstack([known, *(x.integrals.reshape(2, -1) for x in stones)])
    counts = [len(rows), *map(len, others)]
    state = np.repeat(np.arange(len(counts)), counts)
    thinned = known[0] + np.log(chance(*sizes(rest)))
    log_b = np.array([thinned, *(known[x.bias.s] + x.bias.along(rest) for x in stones)])
    found = ratio(log_b, state, known[1], thinned)
    mean = float(np.exp(found.log) * kept.mean())

    spread = (kept / kept.mean() - 1.0) / len(flat)
    spread[rows] += found.influence[state == 0]
    parts = [spread.reshape(views.shape[:3]).sum(axis=0)]
    for j, x in enumerate(stones):
        parts.append(found.influence[state == j + 1].reshape(x.theta.shape[:2]))
    parts = [mean * part.size * part for part in parts]
    errors = [f"{100 * part.std() / mean / np.sqrt(ess(part, 'mean')):.2f}" for part in parts]
    print(f"{block}: errors of {', '.join(errors)} % from the posteriors, the biased ones last")
    worst = max(worst, *(float(np.max(rhat(x.theta))) for x in stones))
    count = len(first.rows) + len(scout.theta[..., 0].ravel()) + len(state)
    how = f"{count:,} lines, {len(stones)} biased"
    plain = np.exp(views[..., k]).mean(axis=0)
    return estimate(block, how, mean, parts, plain, worst), count


def run(cells: int, draws: int, error: float, seed: int) -> tuple[list[Estimate], dict[str, str]]:
    """All 36 means, and what they took."""
    begin, cpu = time.perf_counter(), time.process_time()
    problem = Problem(cells)
    scattered, start = tuned(Problem(COARSE), PILOTS, seed, None)
    pilot = time.perf_counter() - begin
    kernel = final(problem, scattered)
    sampled = sample(problem, kernel, draws, WARMUP, seed + len(PILOTS), start)
    theta, worst = sampled.theta, float(np.max(rhat(sampled.theta)))
    chain = time.perf_counter() - begin - pilot

    nodes = (NODES, ROUGH_NODES)
    lines = tuple(LineMeans(problem.posterior, MEAN, STD, nodes=count) for count in nodes)
    agree = lines[0].check(theta[:, draws // 2], [0, 7, 13, 18, 36])
    # The errors have either sign, and their average over many draws is a tenth of the largest.
    if agree > 0.03:
        raise AssertionError(f"line integrals are off by {agree:.2g}")
    both = np.stack([theta, mirrored(theta)])
    found, used = [], 0
    for i in range(SIDE):
        for j in range(i, SIDE):
            # A block's mirror image in the mirror images of the draws is the block itself again.
            k, views = SIDE * i + j, both[:1] if i == j else both
            if (i, j) in RARE:
                one, count = rare_mean((i, j), lines, cells, views, worst, seed + 100 + k)
            else:
                rng = np.random.default_rng([seed, k])
                c = CAP * float(np.exp(np.median(theta[:, :, k])))
                got = sampled_lines(*lines, views, k, c, error, rng)
                count = len(got.rows)
                plain = np.exp(views[..., k]).mean(axis=0)
                mean, how = float(got.series.mean()), f"{count:,} lines, {got.exact:,} again"
                one = estimate((i, j), how, mean, [got.series], plain, worst)
            used += count
            found.append(one)
            print(f"{time.perf_counter() - begin:.0f} s: {one}", flush=True)
    bulk, length = ess(theta), trajectory(sampled)
    gap = mirror_gap(theta)
    took = {
        "kernel": f"HMC, metric: covariance of a pilot run; step size {sampled.step_size[0]:.3f}, "
        f"{length:.1f} gradients a step, acceptance {sampled.acceptance.mean():.2f}",
        "chains, draws of each, warmup": f"{CHAINS}, {draws:,}, {WARMUP}",
        "gradients for an effective draw of log a, worst block": (
            f"{length * theta[:, :, 0].size / bulk.min():.0f}"
        ),
        "lines": f"{used:,} of {ROUGH_NODES} solves or {NODES}, of which one in 80 is off by "
        f"{agree:.1g} at most",
        "seconds: pilot, chains, lines": f"{pilot:.0f}, {chain:.0f}, "
        f"{time.perf_counter() - begin - pilot - chain:.0f}",
        "seconds in all": f"{time.perf_counter() - begin:.0f}",
        "minutes of processor time": f"{(time.process_time() - cpu) / 60:.1f}",
        "largest R-hat of log a": f"{float(np.max(rhat(theta))):.4f}",
        "mirror images": f"their means of log a differ by at most {gap:.1f} standard errors, "
        "28 pairs",
    }
    return found, took


def mirror_gap(theta: Array) -> float:
    """Largest difference of mirrored means of log a in its error: a test, for it should be 0."""
    gaps = []
    for i in range(SIDE):
        for j in range(i + 1, SIDE):
            gap = theta[:, :, SIDE * i + j] - theta[:, :, SIDE * j + i]
            gaps.append(abs(gap.mean()) / m4dl.diagnostics.mcse_mean(gap))
    return float(max(gaps))


def rows(found: list[Estimate]) -> list[dict[str, str]]:
    """The table."""
    out = []
    for one in found:
        out.append(
            {
                "block": f"{one.block[0]}, {one.block[1]}",
                "mean of a": f"{one.mean:.5g}",
                "error, %: Geyer, batches": f"{100 * one.error:.2f}, {100 * one.error_batch:.2f}",
                "R-hat": f"{one.rhat:.4f}",
                "by": one.how,
                "average of the chains": f"{one.plain:.4g} ± {100 * one.plain_error:.1f} %",
            }
        )
    return out


def verdict(found: list[Estimate]) -> str:
    """How many of the 64 blocks meet the target."""

    def count(good: Any) -> int:
        return sum((1 if e.block[0] == e.block[1] else 2) for e in found if good(e))

    both = count(lambda e: max(e.error, e.error_batch) < 0.01 and e.rhat < 1.01)
    plain = count(lambda e: e.plain_error < 0.01)
    worst = max(found, key=lambda e: max(e.error, e.error_batch))
    return (
        f"{both} of 64 means have a relative error below 1 % by both estimators and R-hat below "
        f"1.01; the worst is block {worst.block}, {100 * max(worst.error, worst.error_batch):.1f} "
        f"%. Averages of the same chains, mirror images together: {plain} of 64."
    )


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description="The means of Aristoff and Bangerth's benchmark.")
    parser.add_argument("--cells", type=int, default=32, help="along an axis; 32 is the benchmark")
    parser.add_argument("--draws", type=int, default=32_000, help="of each of 16 chains")
    parser.add_argument("--error", type=float, default=0.0095, help="wanted, for counting lines")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--name", help="of the machine in results/")
    parser.add_argument("--no-write", action="store_true")
    options = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    where = setting(threads)
    found, took = run(options.cells, options.draws, options.error, options.seed)
    table = [{"": key, "value": value} for key, value in (where | took).items()]
    parts = ["# The benchmark of Aristoff and Bangerth", markdown(table), verdict(found)]
    text = "\n\n".join([*parts, markdown(rows(found))]) + "\n"
    print(text)
    if not options.no_write:
        out = RESULTS / f"{machine(options.name)}-aristoff-bangerth.md"
        out.write_text(text, encoding="utf-8")
        means = {f"{e.block[0]},{e.block[1]}": [e.mean, e.error, e.error_batch] for e in found}
        Path(out.with_suffix(".json")).write_text(json.dumps(means, indent=1) + "\n")


if __name__ == "__main__":
    main()
