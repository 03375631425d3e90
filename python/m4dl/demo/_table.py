"""The table of demos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import darcy, schrodinger, xray
from .settings import Settings


@dataclass(frozen=True)
class Demo:
    """One row of the table of demos.

    Parameters
    ----------
    run : callable
        Runs the demo, writes its files to ``settings.out`` and returns the numbers in them.
    about : str
        One line for ``m4dl demo --help``.
    chains, draws, warmup : int
        Defaults: number of chains; per chain, the draws to keep and the iterations before them.
    """

    run: Callable[[Settings], dict[str, Any]]
    about: str
    chains: int
    draws: int
    warmup: int


DEMOS = {
    "darcy": Demo(darcy.run, darcy.ABOUT, chains=16, draws=6_000, warmup=20_000),
    "schrodinger": Demo(schrodinger.run, schrodinger.ABOUT, chains=8, draws=1_000, warmup=2_500),
    "xray": Demo(xray.run, xray.ABOUT, chains=8, draws=250, warmup=20_000),
}
