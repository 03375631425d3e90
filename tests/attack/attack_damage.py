"""1,000 random damages to files of stores: refused with the file's name, or the same draws.

Not collected by default. ``nox -s attack``, or ``pytest tests/attack/attack_damage.py``.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from damage import DAMAGES, files, foreign, outcome
from stored import one_at_a_time, sample

pytest.importorskip("zarr", minversion="3")

DAMAGED = int(os.environ.get("M4DL_ATTACK_DAMAGES", "1000"))
SEED = int(os.environ.get("M4DL_ATTACK_SEED", "1"))
ENDS = {"the same": {}, "longer": {"draws": 55}, "moments": {"keep": "moments"}}
"""The call after the damage: for the store of 40 draws, for 15 draws more, for moments."""


def test_damages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one_at_a_time(monkeypatch.setattr, checkpoints=False)
    made, other = tmp_path / "made.zarr", tmp_path / "other.zarr"
    moments, store = tmp_path / "moments.zarr", tmp_path / "run.zarr"
    sample(store=made)
    sample(store=other, seed=6)
    sample(store=moments, keep="moments")
    whole = {end: sample(**options) for end, options in ENDS.items()}
    damages = (*DAMAGES, foreign(other))
    rng = np.random.default_rng(SEED)
    found: Counter[tuple[str, str]] = Counter()
    for _ in range(DAMAGED):
        end = list(ENDS)[rng.integers(len(ENDS))]
        shutil.copytree(moments if end == "moments" else made, store)
        some = files(store)
        file = some[rng.integers(len(some))]
        damages[rng.integers(len(damages))](file, rng)
        found[end, outcome(store, file, whole[end], **ENDS[end])] += 1
        shutil.rmtree(store)
    with capsys.disabled():
        print()
        for (end, what), count in sorted(found.items()):
            print(f"{end:>10} {what:>10} {count:>6}")
    assert sum(found.values()) == DAMAGED
    assert all(found[end, "refused"] for end in ENDS)
