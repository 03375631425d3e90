"""What does it cost to learn a metric in warmup, and are the slopes those of singular values?

    python benchmarks/bench_learn.py          # about two minutes

pCN without a gradient, 16 chains, Schroedinger's equation with 1,089 and 4,225 white noises. Each
window of warmup ends with a fit; the draws of all of them are fitted once more, in turns, by m4dl
and by a singular value decomposition for each choice that has to be made (tests/oracles), from
which the same slopes must come. Writes into ``results/`` and the README. Under pytest only the
smaller problem runs, with a shorter warmup.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import m4dl
import numpy as np
from harness import Array, markdown
from m4dl.kernels import _learn, _ridge
from problems import SCHRODINGER
from report import one_thread, publish, setting

TITLE = "Schroedinger, pCN with a learned metric, 16 chains: seconds of processor time"
CHAINS, WARMUP = 16, 1000
SIDES = (33, 65)
EQUAL = 1e-12
"""Relative difference of slopes that passes for equal."""
MOST_SECONDS = 3.0
"""Of learning, at 4,225 white noises."""


@dataclass
class Learning:
    """The fits of a run, one for each window."""

    seconds: float = 0.0
    draws: list[tuple[Array, Array]] = field(default_factory=list)
    """White noise, and predictions in units of the noise."""

    def watch(self, learner: Any, run: Any, draws: Array) -> None:
        """Fit, as the learner does."""
        begin = time.process_time()
        FIT(learner, run, draws)
        self.seconds += time.process_time() - begin
        root = np.sqrt(np.asarray(learner._precision))
        white = learner._white
        self.draws.append((draws[:, :, :white].copy(), draws[:, :, white:] * root))


FIT = _learn.MetricLearner.fit


def direct() -> Callable[[Array, Array], Array]:
    """The oracle: singular values of all draws, and of each half of them."""
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    slope = import_module("oracles").relevance_slope
    return lambda x, y: slope(x, y, _ridge.RIDGES, _ridge.PASSES)


def timed(fit: Callable[[Array, Array], Array], x: Array, y: Array) -> tuple[Array, float]:
    """A slope, and the seconds it took."""
    begin = time.process_time()
    slope = fit(x, y)
    return slope, time.process_time() - begin


def measure(side: int, warmup: int = WARMUP) -> dict[str, str]:
    """One row: a run, and its fits in turns with the oracle's."""
    posterior = SCHRODINGER.posterior(SCHRODINGER.data(side))
    learning, oracle = Learning(), direct()

    def fit(learner: Any, run: Any, draws: Array) -> None:
        learning.watch(learner, run, draws)

    begin = time.process_time()
    with mock.patch.object(_learn.MetricLearner, "fit", fit):
        m4dl.sample(
            posterior,
            m4dl.PCN(metric="learned"),
            draws=1,
            warmup=warmup,
            chains=CHAINS,
            seed=1,
            start="prior",
            threads=1,
            progress=False,
        )
    total = time.process_time() - begin
    seconds, worst = np.zeros(2), 0.0
    for x, y in learning.draws:
        (found, ours), (exact, theirs) = timed(_ridge.fitted_slope, x, y), timed(oracle, x, y)
        seconds += ours, theirs
        worst = max(worst, float(np.linalg.norm(found - exact) / np.linalg.norm(exact)))
    if worst > EQUAL:
        raise AssertionError(f"slopes differ by {worst:.1e}")
    before = learning.seconds - seconds[0] + seconds[1]
    row = {
        "white noises": f"{posterior.white:,}",
        "data": str(posterior.data.size),
        "warmup": f"{warmup:,}",
        "draws in the last window": str(learning.draws[-1][0][..., 0].size),
        "all": f"{total:.2f}",
        "learning": f"{learning.seconds:.2f}",
        "slopes: Gram matrices": f"{seconds[0]:.2f}",
        "slopes: singular values": f"{seconds[1]:.2f}",
        "learning, times less": f"{before / learning.seconds:.1f}",
        "slopes differ by": f"{worst:.0e}",
    }
    if (side, warmup) == (SIDES[-1], WARMUP):
        met = learning.seconds <= MOST_SECONDS
        row["target: learning"] = f"<= {MOST_SECONDS:g}: {'met' if met else 'missed'}"
    return row


def test_learning(benchmark: Any, table: Any) -> None:
    row = benchmark.pedantic(measure, (SIDES[0], 400), rounds=1)
    table(TITLE, [row])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description="The cost of learning a metric.")
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES, help="nodes along an axis")
    parser.add_argument("--name", help="name of the machine; default its processor's")
    parser.add_argument("--no-write", action="store_true", help="print the table only")
    arguments = parser.parse_args()
    one_thread()
    where = setting()
    rows = [measure(side) for side in arguments.sides]
    print(f"{TITLE}\n\n{markdown(rows)}")
    if not arguments.no_write:
        publish("learn", where, {TITLE: rows}, arguments.name)


if __name__ == "__main__":
    main()
