"""The 64 posterior means of the benchmark of Aristoff and Bangerth, and their Monte Carlo errors.

    python benchmarks/aristoff_bangerth.py [--draws 24000] [--error 0.0095] [--name MACHINE]

D. Aristoff, W. Bangerth, A benchmark for the Bayesian inversion of coefficients in partial
differential equations, SIAM Review 65 (2023), computed them with 2e11 samples in 30 years of
processor time. Wanted here: relative errors below 1 % and R-hat below 1.01, in ten minutes on two
cores, of which OpenMP's threads use as many as they are given.

1. Sixteen chains of HMC start at the Laplace approximation; a short run of them gives the
   covariance of the posterior, the metric of all that follows.
2. HMC with this metric. Its averages are the means of the blocks that the data pin down.
3. Elsewhere a = exp(theta) has the tail of its lognormal prior, whose rare visits a chain's average
   waits for. There the conditional means given the other 63 blocks are averaged instead
   (``line_means``), in as many draws as the wanted error asks for.

The data are symmetric under exchange of x and y, and so is the posterior: a block and its mirror
image have one mean, and both serve for it. Writes results/NAME-aristoff-bangerth.md.
"""

from __future__ import annotations

import argparse
import json
import os
import time
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

CHAINS = 16
PILOTS = ((300, 150), (100, 300))
"""Warmup and draws of each chain in the runs that find the metric."""
TRAJECTORY, WARMUP = 2.5, 50
TAIL, LIGHT = 2.5, 1e-4
"""Blocks whose a is averaged as it is: log a > TAIL adds a smaller share than LIGHT to the mean.
Conditional means say so, for an average without a visit to the tail would not tell of it."""
FIRST_LINES = 4000
"""Conditional means that tell how many will be needed."""
HOPELESS = 4
"""Where more than this multiple of the most lines were needed, few are spent."""


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


def estimate(block: tuple[int, int], how: str, series: Array, theta: Array) -> Estimate:
    """From a series (chain, draw) with the wanted mean, and theta (chain, draw, 1 or 2)."""
    plain = np.exp(theta).mean(axis=2)
    mean, spread = series.mean(), series.std() / series.mean()
    errors = [spread / np.sqrt(ess(series, kind)) for kind in ("mean", "batch")]
    direct = plain.std() / plain.mean() / np.sqrt(ess(plain, "mean"))
    worst = max(float(np.max(rhat(theta))), float(rhat(series)))
    return Estimate(
        block, how, float(mean), *map(float, errors), worst, float(plain.mean()), float(direct)
    )


def tune(posterior: m4dl.Posterior, seed: int) -> tuple[m4dl.HMC, Array]:
    """The kernel, with the covariance of short runs for its metric, and where their chains end.

    The first has the Laplace approximation's metric, whose steps are small; the second one's makes
    what is known of the covariance better.
    """
    metric, start, step_size = None, None, 0.0
    for k, (warmup, draws) in enumerate(PILOTS):
        pilot = m4dl.sample(
            posterior,
            m4dl.HMC(metric=metric),
            draws=draws,
            warmup=warmup,
            chains=CHAINS,
            seed=seed + k,
            start=start,
            progress=False,
        )
        white = (pilot.theta - MEAN) / STD
        flat, start = white.reshape(-1, white.shape[2]), white[:, -1]
        step_size = float(pilot.step_size[0])
        variance, basis = np.linalg.eigh(np.cov(flat.T))
        metric = m4dl.LowRankMetric(flat.mean(axis=0), basis, variance)
        print(
            f"pilot {k + 1}: {trajectory(pilot):.0f} gradients a step, ESS of log a at least "
            f"{ess(pilot.theta).min():.0f}, R-hat {rhat(pilot.theta).max():.3f}",
            flush=True,
        )
    assert start is not None
    # Adapted, the trajectory ends anywhere between 2 and 7, with 50 gradients or so for an
    # effective draw all along; a fixed one makes the time known beforehand.
    return m4dl.HMC(step_size, TRAJECTORY, metric=metric, adapt=False), start


def trajectory(draws: m4dl.Draws) -> float:
    """Gradients of a step."""
    assert draws.solves is not None
    return draws.solves * CHAINS / 2 / (draws.draws * draws.chains)


def conditional(
    theta: Array, ks: list[int], lines: LineMeans, error: float, most: int
) -> Array | None:
    """Conditional means (chain, draw) of a block, averaged with its mirror image's.

    As many draws are used as the spread of a few says that the error needs; evenly spaced ones.
    None where the tail does not matter.
    """
    chains, draws = theta.shape[:2]

    def series(thin: int, above: float = -np.inf) -> Array:
        rows = theta[:, thin // 2 :: thin]
        flat = rows.reshape(-1, theta.shape[2])
        means = [lines.above(flat, k, above).reshape(rows.shape[:2]) for k in ks]
        return np.asarray(np.mean(means, axis=0))

    few = max(1, chains * draws * len(ks) // FIRST_LINES)
    first = series(few)
    if series(few, TAIL).mean() < LIGHT * first.mean():
        return None
    # Twice, for correlated draws, and for a spread that few draws know badly.
    wanted = 2.0 * len(ks) * (first.std() / first.mean() / error) ** 2
    count = min(wanted, most if wanted < HOPELESS * most else 10 * FIRST_LINES)
    thin = int(chains * draws * len(ks) / count)
    return first if thin >= few else series(max(1, thin))


def run(draws: int, error: float, most: int, seed: int) -> tuple[list[Estimate], dict[str, str]]:
    """All 36 means, and what they took."""
    begin, cpu = time.perf_counter(), time.process_time()
    posterior = benchmark().posterior
    kernel, start = tune(posterior, seed)
    pilot = time.perf_counter() - begin
    sampled = m4dl.sample(
        posterior,
        kernel,
        draws=draws,
        warmup=WARMUP,
        chains=CHAINS,
        seed=seed + len(PILOTS),
        start=start,
        progress=False,
    )
    print(f"chains: {trajectory(sampled):.1f} gradients a step", flush=True)
    chain = time.perf_counter() - begin - pilot
    theta, lines = sampled.theta, LineMeans(posterior, MEAN, STD, nodes=10)
    lines_agree = lines.check(theta[:, draws // 2], [0, 7, 13, 18, 36])
    # The errors have either sign, and their average over many draws is a tenth of the largest.
    if lines_agree > 0.03:
        raise AssertionError(f"line integrals are off by {lines_agree:.2g}")
    found, used = [], 0
    for i in range(SIDE):
        for j in range(i, SIDE):
            ks = list(dict.fromkeys((SIDE * i + j, SIDE * j + i)))
            own = theta[:, :, ks]
            series = conditional(theta, ks, lines, error, most)
            if series is None:
                found.append(estimate((i, j), "average", np.exp(own).mean(axis=2), own))
            else:
                count = series.size * len(ks)
                used += count
                found.append(estimate((i, j), f"{count:,} lines", series, own))
            print(found[-1], flush=True)
    bulk, length = ess(theta), trajectory(sampled)
    gap = mirror_gap(theta)
    took = {
        "kernel": f"HMC, metric: covariance of a pilot run; step size {sampled.step_size[0]:.3f}, "
        f"{length:.1f} gradients a step, acceptance {sampled.acceptance.mean():.2f}",
        "chains, draws of each, warmup": f"{CHAINS}, {draws:,}, {WARMUP}",
        "gradients for an effective draw of log a, worst block": (
            f"{length * theta[:, :, 0].size / bulk.min():.0f}"
        ),
        "lines": f"{used:,} of {lines.nodes} solves; one in 80 off by {lines_agree:.1g} at most",
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
    parser.add_argument("--draws", type=int, default=24_000, help="of each of 16 chains")
    parser.add_argument("--error", type=float, default=0.0095, help="wanted, for counting lines")
    parser.add_argument("--most", type=int, default=900_000, help="lines for one mean")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--name", help="of the machine in results/")
    parser.add_argument("--no-write", action="store_true")
    options = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    where = setting(threads)
    found, took = run(options.draws, options.error, options.most, options.seed)
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
