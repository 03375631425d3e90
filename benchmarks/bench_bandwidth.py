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
from collections.abc import Mapping
from typing import Any

import numpy as np
from harness import CHAINS, Array, markdown, share, take_turns
from problems import SCHRODINGER, Case, case
from profile_step import chains
from report import one_thread, publish, setting

# ---------------------------------------------------------------------------------------------
# PARAMETERS TO FILL IN: bytes that one unknown of one lane must move, at the least. None: not
# known yet, and the table leaves the comparison out.
BYTES: dict[str, float | None] = {
    "cycles": None,  # of one multigrid cycle, all levels together
    "iterations": None,  # of one outer iteration, the cycle not included
}
# The keys name the counts that ``model.core.solver_report(theta)`` is asked for: per solve, the
# mean over lanes.
# ---------------------------------------------------------------------------------------------

CHUNK = 2**14
"""Numbers handled at once: the scaled copy of a chunk stays in the cache."""


def triad(megabytes: float, seconds: float) -> float:
    """Bytes per second of a += s b over two arrays that hold ``megabytes`` together.

    24 bytes for each number: a and b are read, a is written. It has been read, so that no
    processor needs to fetch it once more before it writes.
    """
    size = max(CHUNK, round(megabytes * 1e6 / 16.0) // CHUNK * CHUNK)
    a, b = np.zeros((size // CHUNK, CHUNK)), np.ones((size // CHUNK, CHUNK))
    scaled = np.empty(CHUNK)
    best, spent = np.inf, 0.0
    while spent < seconds or not np.isfinite(best):
        start = time.process_time()
        for x, y in zip(a, b, strict=True):
            np.multiply(y, 0.5, out=scaled)
            np.add(x, scaled, out=x)
        took = time.process_time() - start
        best, spent = min(best, took), spent + took
    return 24.0 * size / best


def counts(at: Case, theta: Array) -> Mapping[str, float] | None:
    """Cycles and iterations per solve, if m4dl tells."""
    core: Any = at.posterior.model.core
    if not hasattr(core, "solver_report"):
        return None
    report = core.solver_report(np.array(np.broadcast_to(theta, (CHAINS, theta.size))))
    return {key: float(np.mean(report[key])) for key in BYTES if key in report}


def least_bytes(found: Mapping[str, float] | None) -> float | None:
    """Bytes per unknown, lane and solve that cannot be avoided, if all is known."""
    if found is None:
        return None
    total = 0.0
    for key, each in BYTES.items():
        if each is None or key not in found:
            return None
        total += each * found[key]
    return total


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
    found = counts(at, at.posterior.prior.push(at.start, threads=1))
    least = least_bytes(found)
    rows = []
    for what, cost in list(racing.pieces().items())[:2]:
        moved = cost * bandwidth / (n * n)
        row = {
            "solve": what,
            "ms for a block": f"{1e3 * cost * CHAINS:.4g}",
            "bytes per unknown and lane": f"{moved:,.0f}",
            **{f"{key} per solve": f"{number:.1f}" for key, number in (found or {}).items()},
        }
        if least is not None:
            row |= {"unavoidable": f"{least:,.0f}", "multiple of it": f"{moved / least:.2f}"}
        rows.append(row)
    tables = {
        "Bandwidth of one thread": triads,
        f"Schroedinger, {n} x {n} unknowns: bytes that a solve had time to move": rows,
    }
    for title, lines in tables.items():
        print(f"\n{title}\n\n{markdown(lines)}")
    if found is None:
        print("\nm4dl does not tell its iterations: no comparison with the estimate")
    if not arguments.no_write:
        publish("bandwidth", where, tables, arguments.name)


if __name__ == "__main__":
    main()
