"""The folder of a coverage study: one small JSON file for each group of replicates."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .._base.files import writing
from .._base.validate import Array
from ..sampling import Problem
from ._study import Replicate

FORMAT = 2


class StudyStore:
    """Finished replicates on disk; a kill at any instant leaves whole files only.

    Parameters
    ----------
    path : path
    settings : dict
        What must be the same for two calls to belong together, as JSON.
    first : tuple
        Truth and job of the first replicate, whose posterior stands for ``make_data``.

    Raises
    ------
    ValueError
        If the folder holds something else, or a study with other settings.
    OSError
        If it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], settings: dict[str, Any], first: Any) -> None:
        self.path = Path(path)
        now = {"m4dl_study": FORMAT, **settings, **_first(*first)}
        now = json.loads(json.dumps(now))
        about = self.path / "study.json"
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        if not about.exists():
            if any(p for p in self.path.iterdir() if p.suffix != ".part"):
                raise ValueError(f"{self.path} exists and is not a study; choose another path")
            _write(about, now)
        stored = _read(about)
        if different := [k for k in {**stored, **now} if stored.get(k) != now.get(k)]:
            was = "; ".join(f"{k} was {stored.get(k)!r}, is {now.get(k)!r}" for k in different)
            raise ValueError(
                f"{self.path} belongs to a different study: {was}. It is left as it is; "
                "choose another path"
            )

    def load(self, N: int, these: range) -> list[Replicate] | None:
        """Return the replicates of a group, if it is finished."""
        file = self._file(N, these)
        if not file.exists():
            return None
        found = [Replicate(**entry) for entry in _read(file)]
        return found if [r.index for r in found] == list(these) else None

    def save(self, N: int, these: range, done: list[Replicate]) -> None:
        """Keep a finished group."""
        _write(self._file(N, these), [asdict(r) for r in done])

    def _file(self, N: int, these: range) -> Path:
        return self.path / f"{N}-{these[0]:06d}.json"


def _first(truth: Array, job: Any) -> dict[str, Any]:
    """What tells the first replicate from another: to the bit, or to what machines agree on."""
    posterior = getattr(job, "posterior", None)
    if posterior is None:
        return {"first data": "none: make_data raised"}
    problem = Problem.of(posterior, None, np.zeros(0), {}, {})
    data, noise = problem.exact["data"], problem.exact["noise"]
    return {
        "first data": _digest(truth, data),
        "first noise": _digest(noise),
        "first prior": _digits(problem.close["prior"]),
        "first potential": _digits(problem.close["model"]),
    }


def _digest(*values: Array) -> str:
    return hashlib.sha256(b"".join(v.tobytes() for v in values)).hexdigest()[:16]


def _digits(values: Array) -> list[str]:
    """Mean and root mean square of each row."""
    rows = np.atleast_2d(values)
    both = [rows.mean(axis=1), np.sqrt((rows**2).mean(axis=1))]
    return [f"{v:.6g}" for v in np.concatenate(both)]


def _write(file: Path, value: Any) -> None:
    part = file.with_suffix(".part")
    with writing(file.parent):
        with part.open("w", encoding="utf-8") as out:
            json.dump(value, out)  # floats come back to the bit; NaN is Python's own spelling
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, file)


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} is damaged ({error}); choose another path") from error
