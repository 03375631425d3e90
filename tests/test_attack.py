"""What `tests/attack` does weekly, in small, and the walk that the sanitizers watch."""

from __future__ import annotations

from pathlib import Path

import pytest
from attack import smoke
from attack.attackers import attack


@pytest.mark.parametrize("seed", [1, 2])
def test_random_calls_of_the_public_api(seed: int, tmp_path: Path) -> None:
    assert attack(seed, 150, tmp_path) == []


@pytest.mark.parametrize("part", smoke.PARTS)
def test_what_the_sanitizers_walk_through(part: str) -> None:
    smoke.PARTS[part]()
