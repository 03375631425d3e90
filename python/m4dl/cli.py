"""The command line: ``m4dl demo`` and ``m4dl info``."""

from __future__ import annotations

import argparse
import importlib.util
import platform
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from . import __version__
from ._core import build_info
from .demo import DEMOS, FEWEST_DRAWS, FEWEST_WARMUP, Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    0: done. 1: the command failed. 2: it was misspelt. 130: stopped by Ctrl-C before there was
    anything to show.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.command is None:
        parser.print_help()
        return 0
    if given.command == "info":
        print(info())
        return 0
    try:
        return _demo(given)
    except KeyboardInterrupt:
        print("m4dl: stopped, nothing written", file=sys.stderr)
        return 130


def info() -> str:
    """Return what this installation is made of, one line for each fact."""
    packages = {"numpy", "scipy", "matplotlib", "zarr", "arviz", "xarray"}
    facts = {
        **build_info(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: _version(name) for name in sorted(packages)},
        "location": str(Path(__file__).parent),
    }
    width = max(map(len, facts))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in facts.items())


def _demo(given: argparse.Namespace) -> int:
    demo = DEMOS[given.name]
    out = Path(given.out or f"m4dl-demo-{given.name}")
    if importlib.util.find_spec("matplotlib") is None:
        return _fail("the demo draws figures with matplotlib: pip install 'm4dl[demo]'")
    try:
        out.mkdir(parents=True, exist_ok=True)  # rather now than after a minute of sampling
    except OSError as error:
        return _fail(f"cannot write to --out {out}: {error.strerror}")
    settings = Settings(
        seed=given.seed,
        chains=given.chains or demo.chains,
        draws=given.draws or demo.draws,
        warmup=given.warmup or demo.warmup,
        threads=given.threads,
        out=out,
        quiet=given.quiet,
    )
    demo.run(settings)
    return 0


def _fail(message: str) -> int:
    print(f"m4dl: {message}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="m4dl", description="Bayesian inversion of partial differential equations."
    )
    parser.add_argument("--version", action="version", version=f"m4dl {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("info", help="say what this installation is made of")
    table = "\n".join(
        f"  {name:<13}{demo.about}\n{'':15}default: {demo.chains} chains, {demo.draws:,} draws, "
        f"{demo.warmup:,} of warmup"
        for name, demo in DEMOS.items()
    )
    demo = commands.add_parser(
        "demo",
        help="sample a posterior, print a summary, write figures",
        description="Sample a posterior, print a summary, write it, the numbers and figures.\n\n"
        + table,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = list(DEMOS)
    demo.add_argument("name", nargs="?", choices=names, default=names[0], help="default: darcy")
    demo.add_argument("--seed", type=_count(0, 2**64 - 1), default=1, help="default: 1")
    demo.add_argument("--chains", type=_count(1), help="number of chains")
    demo.add_argument("--draws", type=_count(FEWEST_DRAWS), help="draws to keep, per chain")
    demo.add_argument(
        "--warmup", type=_count(FEWEST_WARMUP), help="iterations before the first draw, per chain"
    )
    demo.add_argument("--threads", type=_count(0), default=0, help="default: OpenMP's own choice")
    demo.add_argument("--out", metavar="FOLDER", help="default: m4dl-demo-NAME")
    demo.add_argument("--quiet", action="store_true", help="no progress, only the summary")
    return parser


def _count(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    """Return a converter to an integer in [minimum, maximum] for argparse."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be an integer, got {text!r}") from None
        if value < minimum:
            raise argparse.ArgumentTypeError(f"must be at least {minimum}, got {value}")
        if maximum is not None and value > maximum:
            raise argparse.ArgumentTypeError(f"must be at most {maximum}, got {value}")
        return value

    return convert


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
