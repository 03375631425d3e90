"""Extend a run, kill it on the way, call the same function again: the same bits.

A run of 500 draws is stored; a second process extends it to 3000 and is killed without warning;
this process finishes it. The draws equal those of one run of 3000 that nothing disturbed. Needs
zarr: pip install 'm4dl[zarr]'.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import m4dl
import numpy as np


def run(store=None, draws=3000):
    grid = m4dl.Grid((16, 16))
    points = np.random.default_rng(0).uniform(size=(20, 2))
    prior = m4dl.MaternPrior(grid, length=0.5)
    data, noise = np.full(20, 0.8), m4dl.GaussianNoise(0.1)
    posterior = m4dl.Posterior(m4dl.Schrodinger(grid, points), prior, data=data, noise=noise)
    options = {"warmup": 1000, "thin": 10, "chains": 8, "seed": 1}
    return m4dl.sample(posterior, m4dl.PCN(), draws=draws, store=store, **options)


def start_and_kill(store):
    """Run this file in another process; kill it half a second after it opened the store."""
    state = store / "checkpoint" / "state.npz"
    before = state.stat().st_mtime_ns
    with subprocess.Popen([sys.executable, __file__, str(store)]) as process:
        while state.stat().st_mtime_ns == before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(0.5)
        process.kill()
    return process.returncode


def main() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "run.zarr"
        run(store, draws=500)
        code = start_and_kill(store)
        continued = run(store)
        whole = run()
        return {
            "exit_code": code,
            "sessions": 1 + len(continued.provenance["resumed"]),
            "draws": continued.draws,
            "different": np.count_nonzero(continued.theta[:] != whole.theta),
        }


if __name__ == "__main__":
    run(sys.argv[1]) if len(sys.argv) > 1 else print(main())
