"""All calls with one wrong argument, and 10,000 random ones, over the whole public API.

No crash, no hang, no words but the package's own.

Not collected by default. ``nox -s attack``, or ``pytest tests/attack/attack_calls.py``, with
``M4DL_ATTACK_CALLS`` and ``M4DL_ATTACK_SEED`` for another number or other calls. A failure names
the call and the values, of `values.VALUES`, that took the place of right arguments.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attack.attackers import attack

CALLS = int(os.environ.get("M4DL_ATTACK_CALLS", "10000"))
SEED = int(os.environ.get("M4DL_ATTACK_SEED", "1"))
BATCH = 250


@pytest.mark.parametrize("part", range(8))
def test_each_argument_by_itself(part: int, tmp_path: Path) -> None:
    assert attack(part, "each", tmp_path) == []


@pytest.mark.parametrize("number", range(-(-CALLS // BATCH)))
def test_a_batch_of_calls(number: int, tmp_path: Path) -> None:
    assert attack(SEED * 1_000_003 + number, BATCH, tmp_path) == []
