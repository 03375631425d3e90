"""What does a MALA step cost, from 32 x 32 to 1024 x 1024 unknowns, and what do rivals take?

    python benchmarks/bench_elliptic.py                   # all, about eight minutes, one core
    python benchmarks/bench_elliptic.py --quick           # up to 128 x 128, about a minute

Schroedinger and Darcy with a Matern field, m4dl with its default solver. Before anything is timed
the contenders agree on potential and gradient. Writes tables and a plot into ``results/`` and into
the README. Under pytest it runs in a shorter form: to 128 x 128, without CUQIpy.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import by_hand as reference
import cuqipy
import m4dl
import pytest
from harness import (
    AGREE,
    Contender,
    by_hand,
    m4dl_chains,
    markdown,
    rates,
    share,
    take_turns,
    times,
    verdict,
)
from problems import DARCY, SCHRODINGER, Case, Family, case, disagreement
from report import RESULTS, machine, one_thread, publish, setting

SIZES = (32, 64, 128, 256, 512, 1024)
LARGEST = {"Schroedinger": 1024, "Darcy": 512}
QUICK = 128
EXACT_SINES = partial(reference.SineTransform, tolerance=1e-11)
"""Checks m4dl where CG after sines is not timed. An error that a residual leaves grows with n."""


@dataclass(frozen=True)
class Rival:
    """A solver by hand, the sizes at which it takes part, and by how much m4dl should be faster."""

    name: str
    solver: Any
    sizes: Sequence[int]
    kind: str = "direct"
    targets: Mapping[int, float] = field(default_factory=dict)


MULTIGRID = (64, 128, 256, 512)
RUGE_STUBEN = Rival(
    "by hand, PyAMG Ruge-Stueben",
    partial(reference.Multigrid, method="ruge_stuben"),
    MULTIGRID,
    "iterative",
)
AGGREGATION = Rival(
    "by hand, PyAMG aggregation",
    partial(reference.Multigrid, method="smoothed_aggregation"),
    MULTIGRID,
    "iterative",
)
SINES = Rival(
    "by hand, CG after sines",
    reference.SineTransform,
    (32, 64, 128, 256),
    "iterative",
    {128: 4.0},
)
RIVALS = {
    "Schroedinger": (
        Rival(
            "by hand, CHOLMOD",
            reference.Cholmod,
            (32, 64, 128, 256, 512),
            targets={32: 5.0, 64: 10.0, 128: 20.0, 256: 30.0},
        ),
        Rival("by hand, splu tuned", reference.SuperLU, (32, 64, 128)),
        SINES,
        RUGE_STUBEN,
        AGGREGATION,
    ),
    "Darcy": (
        Rival(
            "by hand, CHOLMOD",
            reference.Cholmod,
            (32, 64, 128, 256),
            targets={32: 4.0, 64: 7.0, 128: 12.0, 256: 20.0},
        ),
        RUGE_STUBEN,
        AGGREGATION,
    ),
}
EXPONENT_FROM, EXPONENT_TO, EXPONENT = 128, 1024, 1.15
"""The cost of m4dl may grow like D^1.15 between these sizes."""
CUQIPY_SIZES = (32, 64, 128)

Row = dict[str, str]
Costs = dict[str, dict[int, float]]
"""Seconds per step and chain: contender -> D -> cost."""


class Disagreement(AssertionError):
    """Two contenders do not sample the same posterior."""


def contenders(at: Case, rivals: Sequence[Rival]) -> tuple[list[Contender], list[str], list[Row]]:
    """m4dl and the rivals, how well the rivals agree, and rows of those that are missing."""
    step = at.family.step_size
    racing = [m4dl_chains("m4dl", at.posterior, m4dl.MALA(step, adapt=False), at.start)]
    agreement, missing = [""], []
    for rival in rivals:
        try:
            target = at.by_hand(rival.solver)
        except ImportError as reason:
            missing.append(
                {"n": str(at.n), "MALA": rival.name, "ms per step": f"skipped: {reason}"}
            )
            continue
        agreement.append(check(at, rival, target))
        racing.append(by_hand(rival.name, reference.mala, target, at.start, step))
    return racing, agreement, missing


def skipped(n: int, name: str, reason: Exception) -> Row:
    """The row of somebody who is not there."""
    return {"n": str(n), "MALA": name, "ms per step": f"skipped: {reason}"}


def check(at: Case, rival: Rival, target: Any) -> str:
    """How well m4dl and a target agree; raise if they do not."""
    errors = disagreement(at, target)
    text = f"{errors[0]:.0e}, {errors[1]:.0e}"
    if not all(error <= most for error, most in zip(errors, AGREE[rival.kind], strict=True)):
        raise Disagreement(f"{at.family.name} {at.n}: m4dl and {rival.name} differ by {text}")
    return text


def rows_of(at: Case, racing: Sequence[Contender], agreement: Sequence[str]) -> list[Row]:
    """The table's rows of one size."""
    targets = {rival.name: rival.targets.get(at.n) for rival in RIVALS[at.family.name]}
    rows = []
    for contender, agrees in zip(racing, agreement, strict=True):
        row = {"n": str(at.n), "MALA": contender.name, **rates(contender), "m4dl is faster by": ""}
        if contender is not racing[0]:
            row["m4dl is faster by"] = times(contender.over(racing[0]))
        row["agrees to"] = agrees
        least = targets.get(contender.name)
        if least is not None:
            row["target"] = verdict(contender.over(racing[0])[1], least)
        rows.append(row)
    return rows


def rivals_at(family: Family, n: int) -> list[Rival]:
    """Who takes part at a size."""
    return [rival for rival in RIVALS[family.name] if n in rival.sizes]


def cuqipy_rows(python: str, at: Case, ours: Contender, seconds: float) -> tuple[list[Row], float]:
    """CUQIpy's rows, and what its MALA costs."""
    found = cuqipy.measure(python, at, seconds)
    theta = at.by_hand(reference.SineTransform).push(at.start)
    phi = -float(at.posterior.log_likelihood(theta))
    error = abs(phi / found.potential - 1.0)
    if error > AGREE["direct"][0]:
        raise Disagreement(f"{at.n}: m4dl and CUQIpy differ by {error:.0e}")
    names = {
        f"CUQIpy {found.version}, MALA, adjoint by us": found.mala,
        f"CUQIpy {found.version}, pCN: it has no gradient": found.pcn,
    }
    rows = []
    for name, cost in names.items():
        stand_in = Contender(name, lambda _: (0.0, 0.0), seconds=[cost])
        faster = {"m4dl is faster by": f"{cost / ours.cost:.2f}", "agrees to": f"{error:.0e}"}
        rows.append({"n": str(at.n), "MALA": name, **rates(stand_in), **faster})
    return rows, found.mala


def exponent(costs: Mapping[int, float], family: Family) -> Row | None:
    """The row about the growth of m4dl's cost, from D to D."""
    sizes = sorted(costs)
    first, last = EXPONENT_FROM**2, sizes[-1]
    start = next((size for size in sizes if size >= first), last)
    if start == last:
        return None
    slope = math.log(costs[last] / costs[start]) / math.log(last / start)
    row = {
        "equation": family.name,
        "from D": f"{start:,}",
        "to D": f"{last:,}",
        "cost grows like": f"D^{slope:.2f}",
    }
    if family is SCHRODINGER and last == EXPONENT_TO**2:
        row["target"] = f"<= {EXPONENT:g}: {'met' if slope <= EXPONENT else 'missed'}"
    return row


def measure(
    family: Family, sizes: Sequence[int], seconds: float, python: str | None
) -> tuple[list[Row], Costs, float]:
    """Rows of one equation, the costs for the plot, and the least share of a core."""
    rows: list[Row] = []
    costs: Costs = {}
    least = 1.0
    for n in sizes:
        print(f"{family.name} {n} x {n}", file=sys.stderr, flush=True)
        at = case(family, n)
        rivals = rivals_at(family, n)
        racing, agreement, missing = contenders(at, rivals)
        if family is SCHRODINGER and SINES not in rivals:
            agreement[0] = check(at, SINES, at.by_hand(EXACT_SINES))
        take_turns(racing, seconds)
        least = min(least, share(racing))
        size = at.posterior.parameters
        for contender in racing:
            costs.setdefault(contender.name, {})[size] = contender.cost
        rows += rows_of(at, racing, agreement) + missing
        if python is not None and family is SCHRODINGER and n in CUQIPY_SIZES:
            try:
                more, cost = cuqipy_rows(python, at, racing[0], 0.5 * seconds)
                costs.setdefault("CUQIpy, adjoint by us", {})[size] = cost
            except cuqipy.Unavailable as reason:
                more = [skipped(n, "CUQIpy", reason)]
            rows += more
    return rows, costs, least


def picture(costs: Mapping[str, Costs], name: str) -> list[str]:
    """Plot into ``results/``; return the paragraph that shows it, none without Matplotlib."""
    try:
        from plots import plot_costs
    except ImportError as reason:
        print(f"no plot: {reason}", file=sys.stderr)
        return []
    path = RESULTS / f"{name}-elliptic.png"
    RESULTS.mkdir(exist_ok=True)
    plot_costs(costs, path, guides=(1.0, EXPONENT))
    return [f"![Processor time of a MALA step against D]({RESULTS.name}/{path.name})"]


@pytest.mark.parametrize("n", [32, 64, 128])
@pytest.mark.parametrize("family", [SCHRODINGER, DARCY], ids=lambda family: family.name)
def test_elliptic(family: Family, n: int, race: Any, table: Any) -> None:
    at = case(family, n)
    racing, agreement, missing = contenders(at, rivals_at(family, n))
    race(*racing, seconds=0.1 if n < 128 else 0.2)
    table(f"{family.name}, n x n unknowns: MALA", rows_of(at, racing, agreement) + missing)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description="MALA steps on elliptic problems of all sizes.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--seconds", type=float, default=2.5, help="for each contender and size")
    parser.add_argument("--quick", action="store_true", help=f"up to {QUICK}, half a second each")
    parser.add_argument("--cuqipy", metavar="PYTHON", help="an interpreter that has CUQIpy")
    parser.add_argument("--name", help="name of the machine; default its processor's")
    parser.add_argument("--no-write", action="store_true", help="print the tables only")
    arguments = parser.parse_args()
    one_thread()
    sizes, seconds = list(arguments.sizes), arguments.seconds
    if arguments.quick:
        sizes, seconds = [n for n in sizes if n <= QUICK], min(seconds, 0.5)
    where = setting()
    try:
        python = cuqipy.interpreter(arguments.cuqipy)
    except cuqipy.Unavailable as reason:
        python = None
        where["CUQIpy"] = f"skipped: {reason}"

    tables: dict[str, list[Row]] = {}
    costs: dict[str, Costs] = {}
    growth: list[Row] = []
    least = 1.0
    for family in (SCHRODINGER, DARCY):
        used = [n for n in sizes if n <= LARGEST[family.name]]
        rows, costs[family.name], part = measure(family, used, seconds, python)
        tables[f"{family.name}, n x n unknowns: MALA"] = rows
        least = min(least, part)
        line = exponent(costs[family.name]["m4dl"], family)
        growth += [line] if line else []
    if growth:
        tables["How m4dl's cost of a step grows"] = growth
    where["processor time over wall time"] = f"{100 * least:.0f} %, the least of all sizes"
    for title, rows in tables.items():
        print(f"\n{title}\n\n{markdown(rows)}")
    if arguments.no_write:
        return
    publish("elliptic", where, tables, arguments.name, picture(costs, machine(arguments.name)))


if __name__ == "__main__":
    main()
