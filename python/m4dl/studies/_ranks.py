"""Ranks that must be uniform, and what their histograms say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .._base.fixed import Fixed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PER_BIN = 25  # replicates that a bin of the histogram should hold
WRONG = 1e-4  # a smaller p-value is no accident


@dataclass(eq=False, repr=False)
class Calibration(Fixed):
    """Ranks of the truth among draws, which are uniform if the sampler is right.

    Attributes
    ----------
    test : str
        What was run.
    ranks : dict of (R,) int arrays
        For each functional, numbers from 0 to ``levels - 1``.
    levels : int
    confidence : float
        Of the band.
    counts, expected : dict of (B,) arrays, and (B,) array
        Of the histogram.
    low, high : (B,) arrays
        All counts of a functional lie between them with probability ``confidence``, at least.
    p_values : dict of float
        Chi-square of each histogram.
    p_value : float
        The smallest, times their number (Bonferroni).
    ess : float
        Median over replicates of the smallest effective sample size; NaN for the rank test.
    advice : tuple of str
    """

    test: str
    ranks: dict[str, NDArray[np.int64]]
    levels: int
    confidence: float
    ess: float = float("nan")
    advice: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        replicates = len(next(iter(self.ranks.values())))
        most = int(np.clip(replicates // _PER_BIN, 2, min(self.levels, 20)))
        # equal bins if that costs no more than half of them, else each expects its share of ranks
        even = max(b for b in range(1, most + 1) if self.levels % b == 0)
        bins = even if 2 * even >= most else most
        of_rank = np.arange(self.levels) * bins // self.levels
        share = np.bincount(of_rank) / self.levels
        self.expected = replicates * share
        self.counts = {
            name: np.bincount(of_rank[r], minlength=bins) for name, r in self.ranks.items()
        }
        self.p_values = {
            name: float(stats.chisquare(c, self.expected).pvalue) for name, c in self.counts.items()
        }
        self.p_value = min(1.0, len(self.p_values) * min(self.p_values.values()))
        tail = (1 - self.confidence) / bins / 2  # Bonferroni over bins
        self.low = stats.binom.ppf(tail, replicates, share)
        self.high = stats.binom.isf(tail, replicates, share)
        super().__post_init__()

    @property
    def calibrated(self) -> bool:
        """Whether the p-value is at least 1e-4: no evidence against the sampler, and no proof."""
        return self.p_value >= WRONG

    def plot(self) -> Figure:
        """Draw the rank histograms with their simultaneous bands."""
        from ..plot import studies

        title = f"{self.test}: {self.confidence:.0%} bands"
        band = self.low, self.high
        return studies.ranks(self.counts, self.p_values, self.expected, band, title)

    def __repr__(self) -> str:
        replicates = len(next(iter(self.ranks.values())))
        width = max(map(len, self.ranks))
        lines = [f"{self.test}: {replicates} replicates, ranks from 0 to {self.levels - 1}"]
        for name, counts in self.counts.items():
            outside = int(((counts < self.low) | (counts > self.high)).sum())
            lines.append(
                f"  {name:<{width}}  p = {self.p_values[name]:<8.2g}  "
                f"{outside} of {counts.size} bins outside the {self.confidence:.0%} band"
            )
        found = "no evidence against the sampler" if self.calibrated else "the sampler is wrong"
        lines.append(f"p = {self.p_value:.2g} for all of them: {found}")
        return "\n".join([*lines, *self.advice])
