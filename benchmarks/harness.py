"""Contenders that are timed in turns, the m4dl side of the comparisons, and Markdown tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from statistics import median, quantiles
from typing import Any

import m4dl
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
CHAINS = 8
"""Chains that advance together in one block of lanes."""


LEAST_ROUNDS, MOST_ROUNDS = 3, 9
AGREE = {"direct": (1e-6, 1e-5), "iterative": (1e-5, 1e-3)}
"""Relative errors of potential and gradient beyond which a comparison would be none. An error of
1e-8 in the solution is a larger one in the potential, whose residuals are differences, and one of
1e-8 in a residual, at which the rivals end, a larger one in the solution, the more so the finer."""


Clock = tuple[float, float]
"""Seconds of processor time and of wall time."""


def clocked(advance: Callable[[int], object]) -> Callable[[int], Clock]:
    """Let ``advance`` return the seconds it took."""

    def timed(iterations: int) -> Clock:
        cpu, wall = time.process_time(), time.perf_counter()
        advance(iterations)
        return time.process_time() - cpu, time.perf_counter() - wall

    return timed


@dataclass
class Contender:
    """Somebody who advances by k iterations and returns the seconds that took.

    One iteration makes ``steps`` steps: one for each chain that advances with it.
    """

    name: str
    advance: Callable[[int], Clock]
    steps: int = 1
    on_the_wall: bool = False
    """Count wall time, not processor time: what threads are for."""
    seconds: list[float] = field(default_factory=list)
    """Seconds per step, one number for each block."""
    cpu: float = 0.0
    wall: float = 0.0

    def block(self, iterations: int) -> None:
        """Advance, and note the seconds per step."""
        cpu, wall = self.advance(iterations)
        self.seconds.append((wall if self.on_the_wall else cpu) / (iterations * self.steps))
        self.cpu += cpu
        self.wall += wall

    def iterations_in(self, seconds: float) -> int:
        """About how many iterations take so long; at least two."""
        iterations, took = 2, self.advance(2)[self.on_the_wall]
        while took < 0.2 * seconds:
            iterations *= 2
            took = self.advance(iterations)[self.on_the_wall]
        return max(2, round(iterations * seconds / took))

    @property
    def cost(self) -> float:
        """Seconds per step, the median of the blocks."""
        return median(self.seconds)

    def over(self, other: Contender) -> tuple[float, float, float]:
        """Cost as a multiple of another's, round by round: lower quartile, median, upper one."""
        ratios = [a / b for a, b in zip(self.seconds, other.seconds, strict=True)]
        if len(ratios) == 1:  # pytest --benchmark-disable takes one round
            return ratios[0], ratios[0], ratios[0]
        low, middle, high = quantiles(ratios, n=4)
        return low, middle, high


def take_turns(contenders: Sequence[Contender], seconds: float) -> None:
    """Time blocks of all in turns: about ``seconds`` for each, three to nine rounds."""
    counts = [contender.iterations_in(seconds / MOST_ROUNDS) for contender in contenders]
    for k in range(MOST_ROUNDS):
        if k >= LEAST_ROUNDS and sum(c.wall for c in contenders) >= seconds * len(contenders):
            break
        for contender, iterations in zip(contenders, counts, strict=True):
            contender.block(iterations)


def share(contenders: Sequence[Contender]) -> float:
    """Processor time over wall time."""
    return sum(c.cpu for c in contenders) / sum(c.wall for c in contenders)


def m4dl_chains(
    name: str,
    posterior: m4dl.Posterior,
    kernel: Any,
    start: Array,
    chains: int = CHAINS,
    threads: int = 1,
) -> Contender:
    """Chains whose log-likelihoods are recorded at every step.

    ``start`` is white noise, (W,) or (chains, W).
    """
    rows = np.array(np.broadcast_to(start, (chains, posterior.white)))
    run = kernel.start(posterior.core, chains, 1, rows, threads)

    def advance(iterations: int) -> None:
        run.advance(iterations, 1, None, np.empty((chains, iterations)))

    return Contender(name, clocked(advance), chains)


def by_hand(name: str, chain: Any, target: Any, start: Array, step: float) -> Contender:
    """One chain of the package ``by_hand``; each block goes on where the last one ended.

    A block evaluates its start anew, which costs what a step costs: k iterations are k - 1 steps.
    """
    state, seeds = start, count()

    def advance(iterations: int) -> None:
        nonlocal state
        state = chain(target, state, step, iterations - 1, seed=next(seeds)).state

    return Contender(name, clocked(advance))


def rates(contender: Contender) -> dict[str, str]:
    """The columns every chain is shown with."""
    all_chains = 1.0 / contender.cost
    return {
        "chains": str(contender.steps),
        "ms per step": f"{1e3 * contender.cost:.4g}",
        "steps/s of each chain": number(all_chains / contender.steps),
        "steps/s of all chains": number(all_chains),
    }


def number(value: float) -> str:
    """Whole from ten on, else two digits."""
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.2g}"


def times(ratio: tuple[float, float, float]) -> str:
    """A ratio, with its quartiles."""
    low, middle, high = ratio
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def verdict(value: float, least: float) -> str:
    """A target, and whether it is met."""
    return f">= {least:,g}: {'met' if value >= least else 'missed'}"


def markdown(rows: Sequence[Mapping[str, str]]) -> str:
    """Return a Markdown table, padded so that it reads as plain text too."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    cells = [keys, *([row.get(key, "") for key in keys] for row in rows)]
    width = [max(3, *(len(line[k]) for line in cells)) for k in range(len(keys))]
    lines = [" | ".join(c.ljust(w) for c, w in zip(line, width, strict=True)) for line in cells]
    lines.insert(1, " | ".join("-" * w for w in width))
    return "\n".join(f"| {line} |" for line in lines)


@dataclass(frozen=True)
class Geometry:
    """What kernels with a metric need to know of a posterior, and the processor time it took."""

    found: m4dl.modes.MapEstimate
    fit: m4dl.modes.Laplace
    refined: m4dl.kernels.LowRankMetric
    setup: float
    """Seconds for the first two."""
    pilot: float
    """And for the third."""


def geometry(posterior: m4dl.Posterior) -> Geometry:
    """Find it on one thread."""
    begin = time.process_time()
    found = m4dl.find_map(posterior, threads=1)
    fit = m4dl.laplace(posterior, threshold=0.1, at=found, threads=1)
    middle = time.process_time()
    refined = m4dl.modes.refined_metric(fit, seed=9, threads=1)
    return Geometry(found, fit, refined, middle - begin, time.process_time() - middle)
