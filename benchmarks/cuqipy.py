"""CUQIpy as a contender: it has an environment of its own, in which ``cuqipy_chain.py`` runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from problems import Case

HERE = Path(__file__).parent
CACHE = HERE / ".cuqipy"
"""The environment made for it; git ignores it."""


class Unavailable(RuntimeError):
    """There is no CUQIpy, and why."""


@dataclass(frozen=True)
class Measured:
    """What ``cuqipy_chain.py`` found at one state."""

    version: str
    potential: float
    slope: float
    """Norm of the gradient."""
    pcn: float
    mala: float
    """Seconds of processor time per step."""


def interpreter(given: str | None = None) -> str:
    """A Python that has CUQIpy: the one given, or that of an environment made here."""
    if given is not None:
        return given
    python = CACHE / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print(f"installing CUQIpy into {CACHE.relative_to(HERE.parent)}", file=sys.stderr)
        venv.create(CACHE, with_pip=True)
    if _run(str(python), "-c", "import cuqi").returncode:
        done = _run(str(python), "-m", "pip", "install", "--quiet", "cuqipy")
        if done.returncode:
            raise Unavailable(f"pip install cuqipy: {_last_line(done.stderr)}")
    return str(python)


def measure(python: str, case: Case, seconds: float) -> Measured:
    """Potential at the start of the case's chains, and seconds per step."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        arrays: dict[str, Any] = {**case.data, "states": case.start[None]}
        np.savez(path, **arrays)
        done = _run(
            python,
            str(HERE / "cuqipy_chain.py"),
            str(path),
            *("--step-size", str(case.family.step_size), "--seconds", str(seconds)),
        )
    if done.returncode:
        raise Unavailable(_last_line(done.stderr))
    found = json.loads(done.stdout)
    return Measured(
        found["version"], found["potential"][0], found["slope"][0], found["pCN"], found["MALA"]
    )


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it failed without a word"
