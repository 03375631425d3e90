"""CUQIpy as a contender: it has an environment of its own, in which ``cuqipy_chain.py`` runs."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environments
import numpy as np
from environments import HERE, Unavailable, last_line
from problems import Case

CACHE = HERE / ".cuqipy"
"""The environment made for it; git ignores it."""


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
    """A Python that has CUQIpy."""
    return environments.interpreter("cuqipy", "cuqi", CACHE, given)


def measure(python: str, case: Case, seconds: float) -> Measured:
    """Potential at the start of the case's chains, and seconds per step."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        arrays: dict[str, Any] = {**case.data, "states": case.start[None]}
        np.savez(path, **arrays)
        done = environments.run(
            python,
            str(HERE / "cuqipy_chain.py"),
            str(path),
            *("--step-size", str(case.family.step_size), "--seconds", str(seconds)),
            timeout=300,
        )
    if done.returncode:
        raise Unavailable(last_line(done.stderr))
    found = json.loads(done.stdout)
    return Measured(
        found["version"], found["potential"][0], found["slope"][0], found["pCN"], found["MALA"]
    )
