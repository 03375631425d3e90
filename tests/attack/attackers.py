"""Runs a batch of random calls in a process of its own, and reads what it has to say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BATCH = Path(__file__).with_name("batch.py")


def attack(seed: int, count: int | str, folder: Path) -> list[dict[str, Any]]:
    """Return the complaints of ``count`` calls; a crash or a hang is one, with the last call.

    With ``"each"``: of all calls of the part ``seed``, each with one argument replaced.
    """
    log = folder / f"last-call-{seed}.json"
    done = subprocess.run(
        [sys.executable, str(BATCH), str(seed), str(count), str(log)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        last = json.loads(log.read_text()) if log.exists() else {}
        tail = done.stderr[-2000:]
        found.append({"seed": seed, "returned": done.returncode, **last, "stderr": tail})
    return found
