"""How long does a summary of a large field take?

``python benchmarks/bench_summary.py [VALUES]``: R-hat, four effective sizes and the errors of
64,000 values in 8 chains of 120 draws, independent ones and a slow random walk.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from m4dl import build_info
from m4dl.results import diagnostics

CHAINS, DRAWS = 8, 120


def main(values: int) -> None:
    info = build_info()
    print(f"{values:,} values x {CHAINS} x {DRAWS} draws, {info['threads']} threads, {info['isa']}")
    draws = np.random.default_rng(1).standard_normal((CHAINS, DRAWS, values))
    for name, x in (("independent", draws), ("walk", np.cumsum(draws, axis=1))):
        seconds = []
        for _ in range(3):
            begin = time.perf_counter()
            diagnostics.summarise(x)
            seconds.append(time.perf_counter() - begin)
        print(f"{name:12s} {min(seconds):.2f} s (of {', '.join(f'{s:.2f}' for s in seconds)})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 64_000)
