"""Mean, variance and batch means of draws that are not kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._base.validate import Array

BLOCK = 2**16
"""Numbers that are worked on at a time: half a megabyte."""


class MomentAccumulator:
    """Running mean, variance and batch means of every component, per chain.

    Parameters
    ----------
    chains, size : int
        Number of chains and of components D.
    batch : int
        Length b of the batches whose means give the Monte Carlo standard error.

    Notes
    -----
    Two passes within a chunk, then the pairwise update of Chan, Golub and LeVeque (1983) between
    chunks: neither cancels when the mean is large beside the standard deviation. Memory is a fixed
    number of (chains, D) arrays, and columns of half a megabyte while they are being absorbed.
    """

    _arrays = ("mean", "m2", "batch_sum", "batch_mean", "batch_m2")
    _counts = ("count", "filled", "batches")

    def __init__(self, chains: int, size: int, batch: int) -> None:
        self.batch = batch
        self.count = self.filled = self.batches = 0
        self.mean, self.m2 = np.zeros((chains, size)), np.zeros((chains, size))
        self.batch_sum = np.zeros((chains, size))
        self.batch_mean, self.batch_m2 = np.zeros((chains, size)), np.zeros((chains, size))

    def update(self, chunk: Array) -> None:
        """Absorb draws of shape (chains, n, D)."""
        n, size = chunk.shape[1:]
        # where batches end within the chunk; the last piece may leave one open
        ends = [*range(self.batch - self.filled, n + 1, self.batch)]
        width = max(64, BLOCK // n)  # columns whose draws stay in the cache between the two passes
        for start in range(0, size, width):
            columns = np.s_[:, start : start + width]
            total = self._add_batches(chunk[:, :, start : start + width], columns, ends)
            self._merge(chunk[:, :, start : start + width], columns, total / n)
        self.count += n
        self.filled = (self.filled + n) % self.batch
        self.batches += len(ends)

    def _add_batches(self, draws: Array, columns: Any, ends: list[int]) -> Array:
        """Continue the batch means of some columns; return the sum of the draws."""
        total, start = np.zeros_like(self.mean[columns]), 0
        batch_sum, mean, m2 = (x[columns] for x in (self.batch_sum, self.batch_mean, self.batch_m2))
        for count, end in enumerate(ends, start=self.batches + 1):
            part = draws[:, start:end].sum(axis=1)
            total += part
            batch_sum += part
            value = batch_sum / self.batch
            delta = value - mean
            mean += delta / count
            m2 += delta * (value - mean)
            batch_sum[...] = 0.0
            start = end
        part = draws[:, start:].sum(axis=1)
        batch_sum += part
        return np.asarray(total + part)

    def _merge(self, draws: Array, columns: Any, centre: Array) -> None:
        """Merge draws of some columns, with mean ``centre``, into mean and squares."""
        mean, m2, n = self.mean[columns], self.m2[columns], draws.shape[1]
        delta = centre - mean
        mean += delta * (n / (self.count + n))
        m2 += delta**2 * (self.count * n / (self.count + n))
        for chain, values in enumerate(draws):
            residual = values - centre[chain]
            residual *= residual
            m2[chain] += residual.sum(axis=0)

    def variance(self) -> Array:
        """Return each chain's variance (divisor n - 1), shape (chains, D); NaN for one draw."""
        return self.m2 / (self.count - 1) if self.count > 1 else np.full_like(self.m2, np.nan)

    def pooled_mean(self) -> Array:
        """Return the mean over all chains, shape (D,)."""
        return np.asarray(self.mean.mean(axis=0))

    def pooled_std(self) -> Array:
        """Return the standard deviation of all chains' draws taken together, shape (D,)."""
        chains = len(self.mean)
        if chains * self.count < 2:
            return np.full(self.mean.shape[1], np.nan)
        between = self.count * ((self.mean - self.pooled_mean()) ** 2).sum(axis=0)
        return np.asarray(np.sqrt((self.m2.sum(axis=0) + between) / (chains * self.count - 1)))

    def mcse(self) -> Array:
        """Return the Monte Carlo standard error of the mean over all chains, shape (D,).

        Replicated batch means: with ``a`` complete batches in each of ``m`` chains of ``n`` draws,
        mcse^2 = b / (a m - 1) * sum (batch mean - mean of them all)^2 / (m n). Chains that disagree
        widen it. It is too small when the autocorrelation time exceeds the batch length. NaN with
        fewer than two batches.

        Source: Gupta and Vats (2020), "Estimating Monte Carlo variance from multiple Markov
        chains"; batch length floor(sqrt(n)) as in Flegal and Jones (2010).
        """
        chains, total = len(self.mean), len(self.mean) * self.batches
        if total < 2:
            return np.full(self.mean.shape[1], np.nan)
        centred = self.batch_mean - self.batch_mean.mean(axis=0)
        squares = self.batch_m2.sum(axis=0) + self.batches * (centred**2).sum(axis=0)
        return np.asarray(np.sqrt(self.batch * squares / (total - 1) / (chains * self.count)))

    def rhat(self) -> Array:
        """Return the classic R-hat (Gelman, Rubin 1992), shape (D,); NaN for one chain.

        Neither split nor rank-normalised: both need the draws themselves.
        """
        within = self.variance().mean(axis=0)
        if len(self.mean) < 2:
            return np.full_like(within, np.nan)
        between = self.mean.var(axis=0, ddof=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.sqrt((self.count - 1) / self.count + between / within))

    def state(self) -> dict[str, Any]:
        """Return copies of everything, as arrays."""
        return {name: np.array(getattr(self, name)) for name in self._arrays + self._counts}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state of an accumulator of the same chains, size and batch."""
        for name in self._arrays:
            getattr(self, name)[...] = state[name]
        for name in self._counts:
            setattr(self, name, int(state[name]))
