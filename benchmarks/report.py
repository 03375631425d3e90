"""Where results go: the machine, the files in ``results/``, and marked sections of the README."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import m4dl
import numpy as np
from harness import markdown

HERE = Path(__file__).parent
RESULTS = HERE / "results"
Tables = Mapping[str, Sequence[Mapping[str, str]]]


def one_thread() -> None:
    """Start this program anew with one thread for every library, unless it has been so started."""
    if os.environ.get("OMP_NUM_THREADS") != "1":
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | one)


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


def setting(threads: int = 1) -> dict[str, str]:
    """The machine, the build and the versions."""
    build = m4dl.build_info()
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    cores = os.cpu_count() or 0
    packages = ("numpy", "scipy", "scikit-sparse", "pyamg", "pytest-benchmark")
    return {
        "processor": processor(),
        "cores": f"{cores}; {'one is' if threads == 1 else f'{threads} are'} used",
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


def machine(name: str | None = None) -> str:
    """The name that results of this machine carry."""
    return slug(name or f"{processor()} {os.cpu_count()} cores")


def publish(
    section: str,
    where: Mapping[str, str],
    tables: Tables,
    name: str | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write tables below the setting ``where`` into ``results/`` and into a section of the README.

    The section stands between ``<!-- section -->`` and ``<!-- end of section -->``; the one called
    "latest" has a file named after the machine alone. ``notes`` follow the setting as paragraphs,
    with paths relative to this folder.
    """
    rows = [{"": key, "value": value} for key, value in where.items()]
    parts = [f"### {title}\n\n{markdown(rows)}" for title, rows in tables.items()]
    body = "\n\n".join([markdown(rows), *notes, *parts]) + "\n"
    RESULTS.mkdir(exist_ok=True)
    suffix = "" if section == "latest" else f"-{section}"
    target = RESULTS / f"{machine(name)}{suffix}.md"
    own = body.replace(f"]({RESULTS.name}/", "](")
    target.write_text(f"# {where['processor']}\n\n{own}", encoding="utf-8")
    readme = HERE / "README.md"
    begin, end = f"<!-- {section} -->\n", f"<!-- end of {section} -->\n"
    head, rest = readme.read_text(encoding="utf-8").split(begin)
    tail = rest.split(end)[1]
    readme.write_text(f"{head}{begin}\n{body}\n{end}{tail}", encoding="utf-8")
    print(f"wrote {target.relative_to(HERE.parent)} and benchmarks/README.md")
