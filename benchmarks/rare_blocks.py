"""Means of blocks of which most comes from rare states of their neighbours.

Posteriors with biased priors, where these states are common, are stepping stones from the
posterior to them (``stepping_stones``): priors times exp(t u), where u is what a regression says of
the log of the conditional mean L, and times a_k itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from block_chains import COARSE, WARMUP, Bias, Problem, final, sample, tuned
from harness import Array
from line_means import LineMeans
from m4dl.demo.darcy import SIDE
from m4dl.results.diagnostics import ess, rhat
from sampled_lines import sampled_lines
from scipy.optimize import lsq_linear
from stepping_stones import ratio

RARE: dict[tuple[int, int], list[tuple[int, int, float]]] = {
    (2, 2): [(8000, 0, 0.75), (13000, 0, 1.5), (7000, 1, 1.0)],
    (1, 5): [(2500, 0, 1.0), (2500, 1, 0.5)],
}
"""For each biased prior: draws of each chain, s and t of ``Bias``. Of some forty choices of one to
three for (2, 2) these took few draws; a window in u took as few, with one constant more."""
ROUGH, LINES = 0.5, 40_000
"""The relative error that lines for a regression are chosen for, and how many more of the posterior
itself are integrated."""
MOST = 0.15
"""Of the draws of the posterior in rare states, the share that is kept at most: chains stay there
for long, and a mixture that counts each draw as one trusts them too much: errors of 2.5 % from them
in (2, 2), and of 0.6 % with this."""
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
    pilot = tuned(coarse, ((150, 150), (50, 200)), seed, base[:, -200:])
    drawn = sample(fine, final(fine, pilot), draws, WARMUP, seed + 2, pilot[:, -1])
    theta = drawn.theta[:, 3::4]
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
