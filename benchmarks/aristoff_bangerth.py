"""The 64 posterior means of the benchmark of Aristoff and Bangerth, and their Monte Carlo errors.

    python benchmarks/aristoff_bangerth.py [--draws 32000] [--error 0.0092] [--name MACHINE]

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
4. In block (2, 2) most of the mean comes from one state of its neighbours in a thousand, and in
   (1, 5) from few. More posteriors have biased priors, so that these states are common there
   (``rare_blocks``).

The data are symmetric under exchange of x and y, and so is the posterior: a block and its mirror
image have one mean, and both serve for it. Writes results/NAME-aristoff-bangerth.md.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
from block_chains import CHAINS, COARSE, WARMUP, Problem, final, sample, trajectory, tuned
from harness import Array, markdown
from line_means import LineMeans
from m4dl.demo.darcy import MEAN, SIDE, STD
from m4dl.results.diagnostics import ess, rhat
from rare_blocks import RARE, Estimate, estimate, rare_mean
from report import RESULTS, machine, setting
from sampled_lines import sampled_lines

PILOTS = ((300, 150), (100, 300), (50, 300))
"""Warmup and draws of each chain in the runs that find the metric."""
NODES, ROUGH_NODES = 10, 6
"""Solves for a line, and for those whose error is averaged over some."""
CAP = 5.0
"""Times the median: what is above it in a is the tail, which lines are integrated for."""


def mirrored(theta: Array) -> Array:
    """The same draws with x and y exchanged."""
    blocks = theta.reshape(*theta.shape[:-1], SIDE, SIDE)
    return np.asarray(np.ascontiguousarray(blocks.swapaxes(-1, -2)).reshape(theta.shape))


def run(cells: int, draws: int, error: float, seed: int) -> tuple[list[Estimate], dict[str, str]]:
    """All 36 means, and what they took."""
    begin, cpu = time.perf_counter(), time.process_time()
    problem = Problem(cells)
    scattered = tuned(Problem(COARSE), PILOTS, seed, None)
    pilot = time.perf_counter() - begin
    kernel = final(problem, scattered)
    sampled = sample(problem, kernel, draws, WARMUP, seed + len(PILOTS), scattered[:, -1])
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
        "largest R-hat of log a": f"{worst:.4f}",
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
            gaps.append(abs(gap.mean()) / m4dl.results.diagnostics.mcse_mean(gap))
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
    parser.add_argument("--error", type=float, default=0.0092, help="wanted, for counting lines")
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
