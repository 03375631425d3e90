"""What a number of successes says about a probability, in an exact interval and in words."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import stats


@dataclass(frozen=True)
class Proportion:
    """So many of so many replicates, with the Clopper-Pearson interval of the probability.

    Attributes
    ----------
    count, total : int
    low, high : float
        The interval holds the probability with at least the ``confidence`` asked for.

    Source
    ------
    C. Clopper, E. Pearson, Biometrika 26 (1934).
    """

    count: int
    total: int
    low: float
    high: float

    @classmethod
    def of(cls, count: int, total: int, confidence: float) -> Proportion:
        """Quantiles of Beta(k, n - k + 1) and Beta(k + 1, n - k); [0, 1] without replicates."""
        tail = (1 - confidence) / 2
        low = stats.beta.ppf(tail, count, total - count + 1) if count else 0.0
        high = stats.beta.ppf(1 - tail, count + 1, total - count) if count < total else 1.0
        return cls(count, total, float(low), float(high))

    @property
    def share(self) -> float:
        """``count / total``; NaN without replicates."""
        return self.count / self.total if self.total else float("nan")

    def verdict(self, level: float, tolerance: float) -> str:
        """Compare with a level.

        "under-covers" and "over-covers" if the interval lies below or above the level; "covers" if
        it lies within ``tolerance`` of the level; else "undecided".
        """
        if self.high < level:
            return "under-covers"
        if self.low > level:
            return "over-covers"
        if level - tolerance <= self.low and self.high <= level + tolerance:
            return "covers"
        return "undecided"
