"""Run every benchmark on one core and write the results: ``python benchmarks/run.py``.

Needs pytest-benchmark; scikit-sparse for the comparison with CHOLMOD. Writes
``results/<machine>.md`` and the latest results into ``README.md``, unless a check fails. Close
everything else first: the results say what share of a core the run got.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from report import HERE, publish, setting


def measure() -> tuple[dict[str, list[dict[str, str]]], float]:
    """Run pytest; return its tables by title, and the least share of a core any of them got."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pytest", str(HERE), f"--benchmark-json={report}"]
        done = subprocess.run(command, cwd=HERE.parent, env=os.environ | {"OMP_NUM_THREADS": "1"})
        if done.returncode:
            sys.exit("a check failed: no results are written")
        tables: dict[str, list[dict[str, str]]] = {}
        shares = []
        for entry in json.loads(report.read_text())["benchmarks"]:
            info = entry["extra_info"]
            shares.append(info.get("share", 1.0))
            tables.setdefault(info["table"]["title"], []).extend(info["table"]["rows"])
    return tables, min(shares)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description="Run every benchmark and write the results.")
    parser.add_argument("--name", help="name of the machine; default its processor's")
    name = parser.parse_args().name
    where = setting()
    tables, share = measure()
    where["processor time over wall time"] = f"{100 * share:.0f} %, the least of all benchmarks"
    publish("latest", where, tables, name)


if __name__ == "__main__":
    main()
