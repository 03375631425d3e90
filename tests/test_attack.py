"""A few hundred random calls of `tests/attack`, whose thousands run weekly."""

from __future__ import annotations

from pathlib import Path

import pytest
from attack.attackers import attack


@pytest.mark.parametrize("seed", [1, 2])
def test_random_calls_of_the_public_api(seed: int, tmp_path: Path) -> None:
    assert attack(seed, 150, tmp_path) == []
