"""Does memory grow with the number of draws when only moments are kept?

As a program, this file takes the number of draws and prints the peak memory of one run in bytes.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
import scipy.sparse as sp

SHORT, LONG = 1_000, 100_000
SIZE, CHAINS = 1_100, 8
ALLOWED = 2**20
"""Bytes that the peaks may differ by, left to the allocator; one draw of all chains is 70 kB."""


def peak_bytes() -> int:
    """Peak resident memory of this process.

    Linux hands ru_maxrss on from the process that forked this one, so ask /proc there.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(k for k in status.read_text().splitlines() if k.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def run(draws: int) -> int:
    """Sample a linear problem; return the peak memory in bytes.

    Buffers of fixed size, 40 MB in all, gather draws before they are absorbed. At this size 480
    draws fill them, so that both runs show their full extent.
    """
    posterior = m4dl.Posterior(
        m4dl.LinearModel(sp.eye_array(SIZE)),
        m4dl.GaussianPrior(np.zeros(SIZE), 1.0),
        data=np.random.default_rng(0).standard_normal(SIZE),
        noise=m4dl.GaussianNoise(1.0),
    )
    moments = m4dl.sample(
        posterior,
        m4dl.PCN(0.03, adapt=False),
        draws=draws,
        chains=CHAINS,
        seed=1,
        threads=1,
        keep="moments",
        functionals={"average": np.full(SIZE, 1.0 / SIZE)},
        progress=False,
    )
    assert moments.draws == draws
    return peak_bytes()


def measure(draws: int) -> int:
    """Peak of a process of its own."""
    command = [sys.executable, __file__, str(draws)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_moments_memory(benchmark: Any, table: Any) -> None:
    short = measure(SHORT)
    long = benchmark.pedantic(measure, (LONG,), rounds=1)
    size = 8 * CHAINS * SIZE
    table(
        'Peak memory with keep="moments"',
        [
            {
                "draws per chain": f"{draws:,}",
                "peak, MB": f"{peak / 1e6:.1f}",
                "the draws themselves, MB": f"{draws * size / 1e6:,.1f}",
            }
            for draws, peak in ((SHORT, short), (LONG, long))
        ],
    )
    assert abs(long - short) <= ALLOWED


if __name__ == "__main__":
    print(run(int(sys.argv[1])))
