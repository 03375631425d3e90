"""How often is "converged" false, and how often is "not converged"?

    python benchmarks/verdicts.py --seeds 100 --processes 16 [--problem wang-hmc]

For each problem and seed: a run by default settings, its verdict, with the tails as functionals,
and the errors of means, standard deviations and tail probabilities (0.5 % and 2 % on either side)
in the standard errors that it states. "FALSE converged" counts
seeds whose summary says converged with one of them beyond 4, or with a tail of 0.5 % never seen;
"FALSE not conv.", seeds with draws enough whose summary does not.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import m4dl
import numpy as np
import verdict_problems as vp
from m4dl.results import diagnostics

LIMIT = 4.0
_NO_DIGITS = str.maketrans("0123456789", "N" * 10)


@dataclass(frozen=True)
class Case:
    """A problem, a kernel and the sizes of a run; ``good``: it must be called converged."""

    problem: Callable[[], vp.Problem]
    kernel: Any
    good: bool
    options: dict[str, Any] = field(default_factory=dict)


LONG: dict[str, Any] = {"draws": 4000, "warmup": 1500, "chains": 8}
HALF: dict[str, Any] = {"draws": 2000, "warmup": 1000, "chains": 8}
REFERENCE: dict[str, Any] = {"draws": 2000, "warmup": 500, "chains": 8}
CASES = {
    "wang-hmc": Case(vp.wang_cubic, m4dl.HMC(), False, HALF),
    "wang-hmc-95": Case(vp.wang_cubic, m4dl.HMC(target=0.95), False, HALF),
    "wang-mala": Case(vp.wang_cubic, m4dl.MALA(), False, LONG),
    "wang-pcn": Case(vp.wang_cubic, m4dl.PCN(), False, LONG),
    "banana-hmc": Case(vp.banana, m4dl.HMC(), False, HALF),
    "banana-pcn": Case(vp.banana, m4dl.PCN(), False, LONG),
    "funnel-hmc": Case(vp.funnel, m4dl.HMC(), False, HALF),
    "funnel-pcn": Case(vp.funnel, m4dl.PCN(), False, LONG),
    "ridge-hmc": Case(vp.ridge, m4dl.HMC(), False, HALF),
    "ridge-mala": Case(vp.ridge, m4dl.MALA(), False, LONG),
    "ridge-pcn": Case(vp.ridge, m4dl.PCN(), False, LONG),
    "modes-hmc": Case(vp.two_modes, m4dl.HMC(), False, HALF),
    "modes-pcn": Case(vp.two_modes, m4dl.PCN(), False, LONG),
    "gauss-hmc": Case(vp.gauss, m4dl.HMC(), True, LONG),
    "gauss-mala": Case(vp.gauss, m4dl.MALA(), True, LONG),
    "gauss-pcn": Case(vp.gauss, m4dl.PCN(), True, LONG),
    "gauss-learn": Case(vp.gauss, m4dl.PCN(), True, {**LONG, "start": "learn"}),
    "schrodinger-hmc": Case(vp.schrodinger, m4dl.HMC(), True, {**REFERENCE, "draws": 4000}),
    "darcy-hmc": Case(vp.darcy, m4dl.HMC(), True, REFERENCE),
}


@dataclass(frozen=True)
class Outcome:
    """Of one seed: the verdict, the worst error and what it is of, and the advice."""

    converged: bool
    worst: float
    of: str
    advice: tuple[str, ...]
    seconds: float


@cache
def _problem(make: Callable[[], vp.Problem]) -> vp.Problem:
    return make()


def _errors(draws: m4dl.results.Draws, problem: vp.Problem) -> dict[str, float]:
    """Errors in stated standard errors; a tail that was never seen is infinitely wrong."""
    out: dict[str, float] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, exact in problem.exact.items():
            x = draws.functional(exact.of)
            out[f"mean {name}"] = (x.mean() - exact.mean) / diagnostics.mcse_mean(x)
            out[f"std {name}"] = (x.std(ddof=1) - exact.std) / diagnostics.mcse_sd(x)
        for name, tail in problem.tails.items():
            x = draws.functional(tail.of)
            p = float(x.mean())
            error = np.sqrt(p * (1 - p) / diagnostics.ess(x, "mean"))
            out[f"P({name})"] = np.divide(p - tail.probability, error)
    return {k: np.inf if np.isnan(v) else float(abs(v)) for k, v in out.items()}


def outcome(name: str, seed: int) -> Outcome:
    """Run one seed of one case."""
    case = CASES[name]
    problem = _problem(case.problem)
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draws = m4dl.sample(
            problem.posterior, case.kernel, seed=seed, threads=1, progress=False, **case.options
        )
    summary = draws.summary(functionals={f"P({k})": tail.of for k, tail in problem.tails.items()})
    seconds = time.perf_counter() - begin
    errors = _errors(draws, problem) or {"nothing known": 0.0}
    worst = max(errors, key=lambda k: errors[k])
    return Outcome(summary.converged, errors[worst], worst, summary.advice, seconds)


def _job(job: tuple[str, int]) -> tuple[str, Outcome]:
    return job[0], outcome(*job)


def _words(outcomes: list[Outcome]) -> Counter[str]:
    """How many seeds were told what: the first words of each sentence."""
    words = [{" ".join(a.translate(_NO_DIGITS).split()[:5]) for a in o.advice} for o in outcomes]
    return Counter(key for one in words for key in one)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--problem", action="append", help="a case or the beginning of its name")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--minutes",
        type=float,
        default=np.inf,
        help="stop after these, with the seeds that are done",
    )
    parser.add_argument("--words", action="store_true", help="what the seeds were told")
    args = parser.parse_args()
    names = [n for n in CASES if not args.problem or any(n.startswith(p) for p in args.problem)]
    jobs = [(n, args.first + k) for k in range(args.seeds) for n in names]
    found: dict[str, list[Outcome]] = {n: [] for n in names}
    begin = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(args.processes) as pool:
        for name, one in pool.imap_unordered(_job, jobs):
            found[name].append(one)
            if time.perf_counter() - begin > 60 * args.minutes:
                break
    done = {len(ones) for ones in found.values()}
    of = args.seeds if min(done) == args.seeds else f"{min(done)} to {max(done)} of {args.seeds}"
    print(f"{of} seeds from {args.first}, {time.perf_counter() - begin:.0f} s")
    print(
        f"{'case':<16} {'converged':>9} {'wrong':>6} {'FALSE converged':>16} "
        f"{'FALSE not conv.':>16} {'s/run':>6}  worst error in stated errors, of the converged"
    )
    for name, ones in found.items():
        yes = [o for o in ones if o.converged]
        false = sum(o.worst > LIMIT for o in yes)
        missed = str(len(ones) - len(yes)) if CASES[name].good else "-"
        wrong = sum(o.worst > LIMIT for o in ones)
        worst = max(yes, key=lambda o: o.worst, default=None)
        text = f"{worst.worst:.1f} {worst.of}" if worst else ""
        seconds = np.mean([o.seconds for o in ones])
        print(
            f"{name:<16} {len(yes):>9} {wrong:>6} {false:>16} {missed:>16} {seconds:>6.1f}  {text}"
        )
        if args.words:
            for words, count in _words(ones).most_common():
                print(f"    {count:>4} x {words} ...")


if __name__ == "__main__":
    main()
