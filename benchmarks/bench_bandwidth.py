"""Does a large solve move more bytes than it must? Time x bandwidth against an estimate.

    python benchmarks/bench_bandwidth.py

At 1024 x 1024 unknowns a block of eight lanes does not fit any cache that is one's own, and a solve
costs what its traffic costs. The bandwidth of one thread is that of a triad, measured here; a
solve's time is a difference of chains (see ``profile_step.py``). Writes into ``results/`` and the
README. It is no test: under pytest nothing runs.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from harness import CHAINS, markdown, share, take_turns
from problems import SCHRODINGER, case
from profile_step import chains
from report import one_thread, publish, setting
from scipy.linalg.blas import daxpy

# Bytes that one unknown of one lane must move at the least, with a cache too small for a field and
# perfect otherwise: every field that a pass needs is read once and, where it changes, written once.
CYCLE = 4 * 4 * 4 / 3
"""A V-cycle: correction read and written, right-hand side and 1/diagonal read, in single precision;
on the finest level once, on all of them 4/3 times."""
REFINEMENT = 8 * 4 + 4
"""Solution read and written, coefficient and right-hand side read, residual written."""
AROUND = {
    "forward: link, assembly, solve": 8 * 4 + 4 * 4 / 3 + 8 * 2,
    "adjoint: solve, slope": 8 * 4 + 8 * 2,
}
"""Link (theta, c, its derivative) and 1/diagonal; or the slope (both solutions, the derivative of
the link, the gradient); and the solution's way in and out."""

MOST = 4.0
"""A solve may have time for so many times the unavoidable bytes."""


def triad(megabytes: float, seconds: float) -> float:
    """Bytes per second of a += s b (daxpy) over two arrays that hold ``megabytes`` together.

    24 bytes for each number: a and b are read, a is written. It has been read, so that no
    processor needs to fetch it once more before it writes.
    """
    size = round(megabytes * 1e6 / 16.0)
    a, b = np.zeros(size), np.ones(size)
    best, spent = np.inf, 0.0
    while spent < seconds or not np.isfinite(best):
        start = time.process_time()
        daxpy(b, a, a=0.5)
        took = time.process_time() - start
        best, spent = min(best, took), spent + took
    return 24.0 * size / best


def rounds(cycles: float) -> float:
    """How often the residual is taken on the way: after the first cycle, then after two each."""
    return 1.0 + (cycles - 1.0) / 2.0


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description="Bytes of a solve: moved, and unavoidable.")
    parser.add_argument("--size", type=int, default=1024, metavar="N")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each measurement")
    parser.add_argument("--name", help="name of the machine; default its processor's")
    parser.add_argument("--no-write", action="store_true", help="print the tables only")
    arguments = parser.parse_args()
    one_thread()
    where = setting()
    n, seconds = arguments.size, arguments.seconds

    field = 8.0 * CHAINS * n * n / 1e6
    speeds = {size: triad(size, 0.5 * seconds) for size in (0.25, 2.0 * field, 16.0 * field)}
    names = ("in the cache", "two fields of a block", "sixteen fields of a block")
    triads = [
        {"triad a += s b over": what, "MB": f"{size:,.2f}", "GB/s": f"{speed / 1e9:.1f}"}
        for what, (size, speed) in zip(names, speeds.items(), strict=True)
    ]
    bandwidth = speeds[16.0 * field]

    at = case(SCHRODINGER, n)
    racing = chains(at)
    take_turns(racing.all(), seconds)
    where["processor time over wall time"] = f"{100 * share(racing.all()):.0f} %"
    theta = at.posterior.prior.push(at.start, threads=1)
    cycles = float(at.posterior.model.iterations(theta, threads=1))
    least = cycles * CYCLE + rounds(cycles) * REFINEMENT
    rows = []
    for what, around in AROUND.items():
        cost = racing.pieces()[what]
        moved, unavoidable = cost * bandwidth / (n * n), least + around
        rows.append(
            {
                "solve": what,
                "ms for a block": f"{1e3 * cost * CHAINS:.4g}",
                "bytes per unknown and lane": f"{moved:,.0f}",
                "cycles": f"{cycles:.0f}",
                "unavoidable": f"{unavoidable:,.0f}",
                "multiple of it": f"{moved / unavoidable:.2f}",
                "target": f"<= {MOST:g}: {'met' if moved <= MOST * unavoidable else 'missed'}",
            }
        )
    tables = {
        "Bandwidth of one thread": triads,
        f"Schroedinger, {n} x {n} unknowns: bytes that a solve had time to move": rows,
    }
    for title, lines in tables.items():
        print(f"\n{title}\n\n{markdown(lines)}")
    if not arguments.no_write:
        publish("bandwidth", where, tables, arguments.name)


if __name__ == "__main__":
    main()
