"""Kill -9 at 100 random moments of runs into stores: they end with the bits of a run in one go.

Not collected by default. ``nox -s attack``, or ``pytest tests/attack/attack_kills.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import m4dl.sampling._chunks
import numpy as np
import pytest
from stored import same, sample

pytest.importorskip("zarr", minversion="3")

KILLS = int(os.environ.get("M4DL_ATTACK_KILLS", "100"))
SEED = int(os.environ.get("M4DL_ATTACK_SEED", "1"))
TESTS = Path(__file__).parents[1]
SIZE = {"draws": 600, "warmup": 100}
CHILD = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
import m4dl.sampling._drive, m4dl.sampling._chunks
from stored import sample
m4dl.sampling._drive.SLICE_SECONDS = 0.0
m4dl.sampling._drive.CHECKPOINT_SECONDS = 0.0
m4dl.sampling._chunks.CHUNK_DRAWS = 7
print("ready", flush=True)
sample(store=sys.argv[1], keep=sys.argv[2], **{SIZE!r})
print("done", flush=True)
"""


def test_kills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A child is killed some milliseconds after it began, until one gets to the end."""
    rng = np.random.default_rng(SEED)
    monkeypatch.setattr(m4dl.sampling._chunks, "CHUNK_DRAWS", 7)  # as in the children
    whole = {keep: sample(keep=keep, **SIZE) for keep in ("draws", "moments")}
    kills = runs = 0
    while kills < KILLS:
        keep = ("draws", "moments")[runs % 2]
        store = tmp_path / f"run-{runs}.zarr"
        patience = 0.05
        while True:
            child = subprocess.Popen(
                [sys.executable, "-c", CHILD, str(store), keep], stdout=subprocess.PIPE, text=True
            )
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0.0, patience))
            patience *= 1.1  # so that it ends
            child.kill()
            finished = child.stdout.read() == "done\n"
            child.stdout.close()
            code = child.wait()
            kills += code == -9 and not finished
            if finished:
                break
            assert code == -9
        # read back, and not sampled again
        again = sample(keep=keep, store=store, **SIZE)
        same(again, whole[keep])
        left = [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]
        assert left == []
        runs += 1
    with capsys.disabled():
        print(f"\n{kills} kills, {runs} runs")
