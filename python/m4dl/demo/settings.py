"""What every demo is told, and how it reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._base.plain import plain
from ..kernels import Kernel
from ..posterior import Posterior
from ..results import Draws
from ..sampling import sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEWEST_DRAWS = 4
"""R-hat compares halves of chains, and needs two draws in each."""
FEWEST_WARMUP = 40
"""Two pilot runs and the adaptation share the warmup, and each needs some iterations."""


@dataclass(frozen=True)
class Settings:
    """How to run a demo.

    Parameters
    ----------
    seed : int
    chains, draws, warmup : int
        Number of chains; per chain, the draws to keep and the iterations before them.
    threads : int
        0 is OpenMP's own choice.
    out : Path
        Folder for the files.
    quiet : bool
        Say nothing until the summary.
    """

    seed: int
    chains: int
    draws: int
    warmup: int
    threads: int
    out: Path
    quiet: bool = False

    def say(self, text: str) -> None:
        """Tell the terminal what comes next."""
        if not self.quiet:
            print(text, flush=True)

    def seeds(self, count: int) -> list[int]:
        """Return seeds for ``count`` runs: equal seeds would give them the same noise."""
        state = np.random.SeedSequence(self.seed).generate_state(count, np.uint64)
        return [int(seed) for seed in state]

    def sample(self, posterior: Posterior, kernel: Kernel, **options: Any) -> Draws:
        """Call :func:`m4dl.sample` with these chains and threads; ``options`` are the rest.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C, if there are too few draws to judge.
        """
        draws = sample(
            posterior,
            kernel,
            chains=self.chains,
            threads=self.threads,
            progress=not self.quiet,
            **options,
        )
        assert isinstance(draws, Draws)  # keep="draws" is the default
        if not draws.complete and draws.draws < FEWEST_DRAWS:
            raise KeyboardInterrupt
        return draws

    def write(self, text: str, numbers: Mapping[str, Any], figures: Mapping[str, Figure]) -> None:
        """Print the summary, and write it, the numbers and the figures to the folder."""
        print(text)
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / "summary.txt").write_text(text + "\n", encoding="utf-8")
        asked = {k: v for k, v in asdict(self).items() if k not in ("out", "quiet")}
        dump = json.dumps(plain({**numbers, "settings": asked}), indent=1, allow_nan=False)
        (self.out / "results.json").write_text(dump + "\n", encoding="utf-8")
        for name, figure in figures.items():
            figure.savefig(self.out / f"{name}.png", dpi=150)
        names = ", ".join(["summary.txt", "results.json", *(f"{name}.png" for name in figures)])
        print(f"\nWritten to {self.out}: {names}")
