"""1,000 runs in one process: the memory does not grow.

Not collected by default: ``nox -s attack``, or ``pytest tests/attack/attack_memory.py``.
"""

from __future__ import annotations

import subprocess
import sys

RUNS = 1000
WARM = 200
BYTES_PER_RUN = 1024
"""A leaked object of the smallest kind, a potential or a run of one block, is some kilobytes."""

SCRIPT = f"""
import gc, os
import m4dl, numpy as np

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

matrix = np.arange(12.0).reshape(3, 4)
grid = m4dl.Grid((4, 4))

def models():
    yield m4dl.LinearModel(matrix), m4dl.GaussianPrior(np.zeros(4), 1.0)
    yield m4dl.PythonModel(
        lambda t: t @ matrix.T, lambda t, w: w @ matrix, parameters=4, outputs=3, batched=True
    ), m4dl.GaussianPrior(np.zeros(4), 1.0)
    yield m4dl.Schrodinger(grid, [[0.3, 0.3], [0.5, 0.5], [0.7, 0.2]]), m4dl.MaternPrior(grid)

def runs(count):
    for k in range(count):
        for model, prior in models():
            p = m4dl.Posterior(model, prior, data=np.zeros(3), noise=m4dl.GaussianNoise(1.0))
            draws = m4dl.sample(
                p, m4dl.MALA(), draws=20, warmup=5, seed=k, start="prior", progress=False
            )
            str(draws.summary(functionals={{"f": lambda x: x[:, 0]}}))
            try:
                m4dl.LinearModel("x")
            except TypeError:
                pass

runs({WARM})
before = resident()
runs({RUNS - WARM})
print((resident() - before) / {RUNS - WARM})
"""


def test_memory_does_not_grow() -> None:
    """Three posteriors a run; fragmentation and caches, which fill in the first runs, allowed for.

    An arena of glibc grows by 132 kB at a time, which over 800 runs is 165 bytes a run; six such
    steps are within the bound, and one leaked Potential (its data, precision and model) is not.
    """
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < BYTES_PER_RUN
