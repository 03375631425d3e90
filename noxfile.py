"""The project's routines: ``nox -s NAME``; what follows ``--`` reaches the tool underneath.

``.ci/run`` runs ``lint`` and ``cpp_tests`` from here inside its own environment
(``--no-venv --no-install``), so a check is written down once.
"""

from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["tests", "lint"]
nox.options.reuse_existing_virtualenvs = True

# One compile of the core takes about 1 GB per job.
JOBS = {"CMAKE_BUILD_PARALLEL_LEVEL": "2"}


def run_preset(session: nox.Session, preset: str) -> None:
    """Configure, build and test the C++ core under one of the CMake presets."""
    session.install("--group", "cpp")
    # Eigen's headers lie inside the environment; CMake looks there before it looks at the system's.
    platlib = "import sysconfig; print(sysconfig.get_path('platlib'))"
    packages = session.run("python", "-c", platlib, silent=True, log=False)
    assert packages is not None
    # A cached configuration may name the tools of an environment that is gone: start afresh.
    session.run(
        *("cmake", "--workflow", "--fresh", "--preset", preset),
        env={"CMAKE_PREFIX_PATH": str(Path(packages.strip()) / "cmeel.prefix")},
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
    """Build and run the C++ tests under the address and undefined-behaviour sanitizers."""
    run_preset(session, "sanitize")


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
