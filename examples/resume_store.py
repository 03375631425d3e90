"""Kill a run in the middle, call the same function again, get the same bits.

The run is started in another process, killed without warning, and continued here. Its draws equal
those of a run that was never killed. Needs zarr: pip install 'm4dl[zarr]'.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import m4dl


def run(store=None):
    points = np.random.default_rng(0).uniform(size=(20, 2))
    model = m4dl.Schrodinger(m4dl.Grid((16, 16)), points)
    prior = m4dl.MaternPrior(m4dl.Grid((16, 16)), length=0.5)
    noise = m4dl.GaussianNoise(0.1)
    posterior = m4dl.Posterior(model, prior, data=np.full(20, 0.8), noise=noise)
    options = {"draws": 3000, "warmup": 1000, "thin": 5, "chains": 8, "seed": 1}
    return m4dl.sample(posterior, m4dl.PCN(), store=store, **options)


def start_and_kill(store):
    """Run this file in another process; kill it once its second checkpoint is on disk."""
    with subprocess.Popen([sys.executable, __file__, str(store)]) as process:
        state = store / "checkpoint" / "state.npz"
        seen = set()
        while len(seen) < 4 and process.poll() is None:
            if state.exists():
                seen.add(state.stat().st_mtime_ns)
            time.sleep(0.01)
        process.kill()
    return process.returncode


def main():
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "run.zarr"
        code = start_and_kill(store)
        continued = run(store)
        whole = run()
        return {
            "exit_code": code,
            "sessions": 1 + len(continued.provenance["resumed"]),
            "different": np.count_nonzero(continued.theta[:] != whole.theta),
            "complete": float(continued.complete),
        }


if __name__ == "__main__":
    if len(sys.argv) > 1:
        m4dl.sampling.CHECKPOINT_SECONDS = 0.2  # 10 is too patient for a run of seconds
        run(sys.argv[1])
    else:
        print(main())
