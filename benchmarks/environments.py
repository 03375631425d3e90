"""Rivals that do not go together with m4dl's own packages: each has an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent


class Unavailable(RuntimeError):
    """The rival cannot run here, and why."""


def interpreter(package: str, module: str, cache: Path, given: str | None = None) -> str:
    """A Python that has the package: the one given, or that of an environment made in ``cache``."""
    if given is not None:
        return given
    python = cache / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print(f"installing {package} into {cache.relative_to(HERE.parent)}", file=sys.stderr)
        venv.create(cache, with_pip=True)
    if run(str(python), "-c", f"import {module}", timeout=300).returncode:
        done = run(str(python), "-m", "pip", "install", "--quiet", package, timeout=3600)
        if done.returncode:
            raise Unavailable(f"pip install {package}: {last_line(done.stderr)}")
    return str(python)


def run(*command: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, within ``timeout`` seconds."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error


def last_line(text: str) -> str:
    """What a program that failed said last."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it failed without a word"
