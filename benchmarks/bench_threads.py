"""What do two threads buy? Wall time of MALA steps, two threads against one.

    python benchmarks/bench_threads.py        # needs two free cores; about a minute

Many chains share threads by blocks of eight; one block of a large problem shares them within its
solves. Writes into ``results/`` and the README. Under pytest only the chains at 64 x 64 run.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

import m4dl
import pytest
from harness import CHAINS, Contender, m4dl_chains, markdown, number, take_turns, times, verdict
from problems import SCHRODINGER, case
from report import one_thread, publish, setting

THREADS = (1, 2)
TITLE = "Schroedinger, n x n unknowns: threads, wall time of MALA"
MANY = (64, 2 * CHAINS, 1.8)
"""n, chains, and the speed-up to reach: two blocks, one for each thread."""
ONE_BLOCK = (1024, CHAINS, 1.5)
"""One block, with threads inside its solves."""


def contenders(n: int, chains: int) -> list[Contender]:
    """The same chains on one thread and on two."""
    at = case(SCHRODINGER, n)
    kernel = m4dl.MALA(SCHRODINGER.step_size, adapt=False)
    out = []
    for threads in THREADS:
        name = f"{threads} thread{'s' * (threads > 1)}"
        racing = m4dl_chains(name, at.posterior, kernel, at.start, chains, threads)
        racing.on_the_wall = True
        out.append(racing)
    return out


def rows_of(n: int, racing: list[Contender], least: float) -> list[dict[str, str]]:
    """The table's rows."""
    one = racing[0]
    rows = []
    for contender in racing:
        row = {
            "n": str(n),
            "threads": contender.name.split()[0],
            "chains": str(contender.steps),
            "ms per step of all chains": f"{1e3 * contender.cost * contender.steps:.4g}",
            "steps/s of all chains": number(1.0 / contender.cost),
            "cores used": f"{contender.cpu / contender.wall:.2f}",
        }
        if contender is not one:
            row["speed-up"] = times(one.over(contender))
            row["target"] = verdict(one.over(contender)[1], least)
        rows.append(row)
    return rows


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
def test_threads(race: Any, table: Any) -> None:
    n, chains, least = MANY
    racing = contenders(n, chains)
    race(*racing)
    table(TITLE, rows_of(n, racing, least))


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description="Two threads against one.")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each contender")
    parser.add_argument("--large", type=int, default=ONE_BLOCK[0], help="n of the one block")
    parser.add_argument("--name", help="name of the machine; default its processor's")
    parser.add_argument("--no-write", action="store_true", help="print the table only")
    arguments = parser.parse_args()
    one_thread()  # for the libraries; m4dl is told how many
    where = setting(threads=max(THREADS))
    rows = []
    for n, chains, least in (MANY, (arguments.large, *ONE_BLOCK[1:])):
        racing = contenders(n, chains)
        take_turns(racing, arguments.seconds)
        rows += rows_of(n, racing, least)
    print(f"{TITLE}\n\n{markdown(rows)}")
    if not arguments.no_write:
        publish("threads", where, {TITLE: rows}, arguments.name)


if __name__ == "__main__":
    main()
