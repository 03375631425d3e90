"""``import m4dl`` loads what a first hour needs; the rest comes when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import m4dl
import pytest

LATER = ["scipy", "matplotlib", "zarr", "arviz", "xarray", "meshio"]
PACKAGES = ["credible", "demo", "langevin", "plot", "studies", "testing"]


def in_a_fresh_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_nothing_that_takes_long_is_loaded() -> None:
    """SciPy takes as long as all else together, and `scipy.stats` alone half a second."""
    code = "import sys, m4dl; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = in_a_fresh_process(code).split()
    assert "numpy" in loaded
    assert [name for name in LATER if name in loaded] == []
    code = "import sys, m4dl; print(*[m for m in sys.modules if m.startswith('m4dl.')])"
    ours = in_a_fresh_process(code).split()
    assert [name for name in PACKAGES if f"m4dl.{name}" in ours] == []


@pytest.mark.parametrize("name", PACKAGES)
def test_packages_come_when_they_are_asked_for(name: str) -> None:
    assert in_a_fresh_process(f"import m4dl; print(m4dl.{name}.__name__)") == f"m4dl.{name}"
    assert name in dir(m4dl)


def test_names_that_are_not_there_are_missing() -> None:
    with pytest.raises(AttributeError, match="module 'm4dl' has no attribute 'Pink'"):
        _ = m4dl.Pink
