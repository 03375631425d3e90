"""Run every benchmark on one core and write the results: ``python benchmarks/run.py``.

Needs pytest-benchmark; scikit-sparse for the comparison with CHOLMOD. Writes
``results/<machine>.md`` and the latest results into ``README.md``, unless a check fails. Close
everything else first: the results say what share of a core the run got.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import m4dl
import numpy as np
from harness import markdown

HERE = Path(__file__).parent
BEGIN, END = "<!-- latest -->\n", "<!-- end of latest -->\n"


def processor() -> str:
    """Model of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", cpuinfo.read_text(), re.MULTILINE))
        if "model name" in found:
            return f"{found['model name']} (family {found['cpu family']}, model {found['model']})"
    if sys.platform == "darwin":
        return output("sysctl", "-n", "machdep.cpu.brand_string")
    return platform.processor() or platform.machine()


def output(*command: str) -> str:
    """What a command prints; "unknown" if it fails."""
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def version(package: str) -> str:
    """Installed version of a package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def setting() -> dict[str, str]:
    """The machine, the build and the versions."""
    build = m4dl.build_info()
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    cores = os.cpu_count() or 0
    packages = ("numpy", "scipy", "scikit-sparse", "pytest-benchmark")
    return {
        "processor": processor(),
        "cores": f"{cores}; one is used",
        "load average before the run": f"{os.getloadavg()[0]:.2f}",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "m4dl": f"{build['version']}, commit "
        + output("git", "--no-optional-locks", "describe", "--always", "--dirty"),
        "compiler": f"{build['compiler']}, {build['build_type']}",
        "flags": f"`{build['flags']}`",
        "instruction set": f"{build['isa']} ({build['lanes']} lanes)",
        "Python": platform.python_version(),
        "packages": ", ".join(f"{name} {version(name)}" for name in packages),
        "BLAS of NumPy": f"{blas['name']} {blas['version']}",
        "date (UTC)": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def slug(text: str) -> str:
    """A file name."""
    text = re.sub(r"\((R|TM|family.*?)\)|@.*", "", text)
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))


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
    rows = [{"": key, "value": value} for key, value in where.items()]
    parts = [f"### {title}\n\n{markdown(rows)}" for title, rows in tables.items()]
    body = "\n\n".join([markdown(rows), *parts]) + "\n"
    name = slug(name or f"{processor()} {os.cpu_count()} cores")
    target = HERE / "results" / f"{name}.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text(f"# {where['processor']}\n\n{body}", encoding="utf-8")
    readme = HERE / "README.md"
    head, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    tail = rest.split(END)[1]
    readme.write_text(f"{head}{BEGIN}\n{body}\n{END}{tail}", encoding="utf-8")
    print(f"wrote {target.relative_to(HERE.parent)} and benchmarks/README.md")


if __name__ == "__main__":
    main()
