"""Where does a MALA step spend its time? Per cent of a step, 32 x 32 to 256 x 256.

    python benchmarks/bench_profile.py

How it is taken apart: ``profile_step.py``. Writes into ``results/`` and the README; under pytest
it runs to 128 x 128.
"""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from harness import markdown, share, take_turns
from problems import DARCY, SCHRODINGER, Family, case
from profile_step import Chains, chains
from report import one_thread, publish, setting

SIZES = (32, 64, 128, 256)
TITLE = "Profile of a MALA step, per cent"


def row_of(family: Family, n: int, racing: Chains) -> dict[str, str]:
    """The table's row of one size."""
    step = racing.mala.cost
    parts = {name: f"{100 * cost / step:.1f}" for name, cost in racing.pieces().items()}
    head = {"equation": family.name, "n": str(n), "ms per step and chain": f"{1e3 * step:.4g}"}
    return head | parts


@pytest.mark.parametrize("n", SIZES[:3])
@pytest.mark.parametrize("family", [SCHRODINGER, DARCY], ids=lambda family: family.name)
def test_profile(family: Family, n: int, race: Any, table: Any) -> None:
    racing = chains(case(family, n))
    race(*racing.all(), seconds=0.03)
    table(TITLE, [row_of(family, n, racing)])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description="Where a MALA step spends its time.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each of eight chains")
    parser.add_argument("--name", help="name of the machine; default its processor's")
    parser.add_argument("--no-write", action="store_true", help="print the table only")
    arguments = parser.parse_args()
    one_thread()
    where = setting()
    rows, least = [], 1.0
    for family in (SCHRODINGER, DARCY):
        for n in arguments.sizes:
            racing = chains(case(family, n))
            take_turns(racing.all(), arguments.seconds)
            rows.append(row_of(family, n, racing))
            least = min(least, share(racing.all()))
    where["processor time over wall time"] = f"{100 * least:.0f} %, the least of all sizes"
    print(f"{TITLE}\n\n{markdown(rows)}")
    if not arguments.no_write:
        publish("profile", where, {TITLE: rows}, arguments.name)


if __name__ == "__main__":
    main()
