"""The project's routines: ``nox -s NAME``; what follows ``--`` reaches the tool underneath.

``.ci/run`` runs ``lint`` and ``cpp_tests`` from here inside its own environment
(``--no-venv --no-install``), so a check is written down once.
"""

import os
import platform
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["tests", "lint"]
nox.options.reuse_existing_virtualenvs = True

# One compile of the core takes about 1 GB per job.
JOBS = {"CMAKE_BUILD_PARALLEL_LEVEL": "2"}


def said(session: nox.Session, *command: str) -> str:
    """What a command prints, on one line."""
    out = session.run(*command, silent=True, log=False, external=True)
    assert out is not None
    return str(out).strip()


def eigen_of(session: nox.Session) -> str:
    """Where Eigen's headers lie inside the environment; CMake looks there before the system's."""
    platlib = "import sysconfig; print(sysconfig.get_path('platlib'))"
    return str(Path(said(session, "python", "-c", platlib)) / "cmeel.prefix")


def run_preset(session: nox.Session, preset: str) -> None:
    """Configure, build and test the C++ core under one of the CMake presets."""
    session.install("--group", "cpp")
    # A cached configuration may name the tools of an environment that is gone: start afresh.
    session.run(
        *("cmake", "--workflow", "--fresh", "--preset", preset),
        env={"CMAKE_PREFIX_PATH": eigen_of(session)},
    )


def smoke(session: nox.Session, preset: str, compiler: str, runtime: list[str], **env: str) -> None:
    """Build core and extension under one of the sanitizers; run the C++ tests and a Python smoke.

    ``runtime``: libraries of the compiler's that Python, which knows nothing of sanitizers, loads
    first.
    """
    dependencies = nox.project.load_toml("pyproject.toml")["project"]["dependencies"]
    session.install("--group", "cpp", "pybind11", *dependencies, "zarr>=3")
    pybind11 = said(session, "python", "-m", "pybind11", "--cmakedir")
    python = said(session, "python", "-c", "import sys; print(sys.executable)")
    session.run(
        *("cmake", "--fresh", "--preset", preset, "-DM4DL_PYTHON=ON"),
        f"-DPython_EXECUTABLE={python}",
        env={"CXX": compiler, "CMAKE_PREFIX_PATH": os.pathsep.join([eigen_of(session), pybind11])},
    )
    session.run("cmake", "--build", "--preset", preset)
    session.run("ctest", "--preset", preset)
    package = Path("build", preset, "python", "m4dl").resolve()
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree("python/m4dl", package, ignore=shutil.ignore_patterns("_core*.so"))
    session.run("cmake", "--install", f"build/{preset}", "--prefix", str(package.parent))
    session.run(
        *("python", "tests/attack/smoke.py", *session.posargs),
        env={
            "LD_PRELOAD": " ".join(
                said(session, compiler, f"-print-file-name={name}") for name in runtime
            ),
            "PYTHONPATH": str(package.parent),
            "OPENBLAS_NUM_THREADS": "1",  # its own threads are not what is looked at
            **env,
        },
    )


@nox.session
def tests(session: nox.Session) -> None:
    """Run the Python tests."""
    session.install(".[test]", env=JOBS)
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types, layers and the stub; change nothing."""
    session.install(".", env=JOBS)
    session.install("--group", "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy", "python/m4dl")
    sources = sorted(path for path in Path("cpp").rglob("*") if path.suffix in {".hpp", ".cpp"})
    session.run("clang-format", "--dry-run", "-Werror", *map(str, sources))
    session.run("python", "tools/check_layers.py")
    session.run("python", "tools/stubs.py", "--check")


@nox.session
def cpp_tests(session: nox.Session) -> None:
    """Build and run the C++ tests, optimised as published."""
    run_preset(session, "release")


@nox.session
def sanitize(session: nox.Session) -> None:
    """Run the C++ tests and a Python smoke under the address and undefined-behaviour sanitizers."""
    smoke(
        *(session, "sanitize", os.environ.get("CXX", "g++")),
        # libstdc++ comes along so that exceptions, which Python has no need of, can be intercepted
        ["libasan.so", "libstdc++.so"],
        M4DL_SANITIZER="-fsanitize=address,undefined",
        PYTHONMALLOC="malloc",
        # Python itself ends with memory that it never frees; the C++ tests look for leaks.
        ASAN_OPTIONS="detect_leaks=0",
        UBSAN_OPTIONS="print_stacktrace=1",
    )


@nox.session
def sanitize_threads(session: nox.Session) -> None:
    """Run the C++ tests and a Python smoke under the thread sanitizer; needs Clang and libomp."""
    versions = [f"clang++-{version}" for version in range(30, 15, -1)]
    for compiler in [os.environ["CXX"]] if "CXX" in os.environ else [*versions, "clang++"]:
        if not shutil.which(compiler):
            continue
        archer = said(session, compiler, "-print-file-name=libarcher.so")
        if Path(archer).is_file():  # libomp's description of itself to the sanitizer
            break
    else:
        session.error("needs Clang 16 or newer with its libomp, in CXX or on the path")
    smoke(
        *(session, "sanitize-threads", compiler),
        [f"libclang_rt.tsan-{platform.machine()}.so"],
        M4DL_SANITIZER="-fsanitize=thread",
        OMP_TOOL_LIBRARIES=archer,
        M4DL_ISA="baseline",  # Clang watches no vectors of more than 16 bytes
        TSAN_OPTIONS=f"suppressions={Path('tools/tsan.supp').resolve()}",
    )


@nox.session
def attack(session: nox.Session) -> None:
    """Attack the package as `tests` does, a hundred times as hard: an hour."""
    session.install(".[test]", env=JOBS)
    session.run(
        "pytest",
        "-q",
        *session.posargs,
        *sorted(map(str, Path("tests/attack").glob("attack_*.py"))),
    )


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks on one core."""
    session.install(".[test]", env=JOBS)
    session.install("--group", "bench")
    session.run("pytest", "benchmarks", *session.posargs, env={"OMP_NUM_THREADS": "1"})


@nox.session
def stubs(session: nox.Session) -> None:
    """Rewrite the stub of the compiled module."""
    session.install(".", env=JOBS)
    session.install("--group", "lint")
    session.run("python", "tools/stubs.py", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Sample the demonstration posterior and draw its figures."""
    session.install(".[demo]", env=JOBS)
    session.run("m4dl", "demo", *session.posargs)
