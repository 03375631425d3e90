"""Interleaved timing on one core, and the tables that this fills.

``race`` times short blocks of several contenders in turns, so that whatever else the machine does
falls on all alike; pytest-benchmark itself times the blocks of the first. ``table`` shows rows at
the end of the run and puts them into pytest-benchmark's JSON, where ``run.py`` finds them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

BLOCK_SECONDS = 0.2
ROUNDS = 9
TABLES: dict[str, list[dict[str, str]]] = {}


@pytest.fixture
def race(benchmark: Any) -> Callable[..., None]:
    """Time contenders in turns; their ``seconds`` hold the result."""
    # Not set here: a plugin may have loaded NumPy, and with it a BLAS, before this file is read.
    if os.environ.get("OMP_NUM_THREADS") != "1":
        pytest.fail("one core for everybody: set OMP_NUM_THREADS=1 before pytest starts")

    def run(*contenders: Any, seconds: float = BLOCK_SECONDS, rounds: int = ROUNDS) -> None:
        counts = [contender.iterations_in(seconds) for contender in contenders]

        def the_others() -> None:
            for contender, count in zip(contenders[1:], counts[1:], strict=True):
                contender.block(count)

        benchmark.pedantic(contenders[0].block, (counts[0],), setup=the_others, rounds=rounds)
        cpu, wall = (sum(getattr(c, k) for c in contenders) for k in ("cpu", "wall"))
        benchmark.extra_info["share"] = cpu / wall

    return run


@pytest.fixture
def table(benchmark: Any) -> Callable[[str, list[dict[str, str]]], None]:
    """Add rows to the table of that title."""

    def add(title: str, rows: list[dict[str, str]]) -> None:
        benchmark.extra_info["table"] = {"title": title, "rows": rows}
        TABLES.setdefault(title, []).extend(rows)

    return add


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the tables."""
    from harness import markdown  # only now: a run of other tests need not load m4dl

    for title, rows in TABLES.items():
        terminalreporter.section(title)
        terminalreporter.write_line(markdown(rows))
