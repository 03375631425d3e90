"""Moments of a run in memory that does not grow with the number of draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._base.callback import Functional, functional_values
from .._base.validate import Array
from ..results import Moments, PerDraw, per_draw

CHUNK_BYTES = 32 * 2**20
"""Draws are gathered to chunks of at most this size (or one draw), then absorbed or written."""
CHUNK_DRAWS = 4096
BLOCK = 2**16
"""Numbers that are worked on at a time: half a megabyte."""


def chunk_length(chains: int, size: int) -> int:
    """Return the number of draws per chunk, which depends on the shape of a draw alone.

    Floating-point sums depend on how they are split, so equal chunks are what makes a resumed run
    bit-identical.
    """
    return max(1, min(CHUNK_DRAWS, CHUNK_BYTES // (8 * chains * size)))


class Chunks:
    """Gather draws, however they arrive, into chunks of fixed length.

    Parameters
    ----------
    chains, size, length : int
        Number of chains, of parameters D, and of draws per chunk.
    flush : callable
        ``flush(theta, of_draws, start)`` is called with each full chunk: views of shape (chains,
        length, D) and, by name, (chains, length), and the index of the chunk's first draw.
    """

    def __init__(
        self, chains: int, size: int, length: int, flush: Callable[[Array, PerDraw, int], None]
    ) -> None:
        self._theta = np.empty((chains, length, size))
        self._of_draws = per_draw((chains, length))
        self._length = length
        self._flush = flush
        self.done = 0

    @property
    def pending(self) -> tuple[Array, PerDraw, int]:
        """The draws of the chunk not yet full (views), and the index of the first of them."""
        count = self.done % self._length
        of_draws = {name: values[:, :count] for name, values in self._of_draws.items()}
        return self._theta[:, :count], of_draws, self.done - count

    def add(self, theta: Array, of_draws: PerDraw) -> None:
        """Append draws of shape (chains, n, D) and what is kept of each, (chains, n)."""
        taken, total = 0, theta.shape[1]
        while taken < total:
            at = self.done % self._length
            count = min(self._length - at, total - taken)
            self._theta[:, at : at + count] = theta[:, taken : taken + count]
            for name, values in self._of_draws.items():
                values[:, at : at + count] = of_draws[name][:, taken : taken + count]
            taken += count
            self.done += count
            if at + count == self._length:
                self._flush(self._theta, self._of_draws, self.done - self._length)

    def state(self) -> dict[str, Any]:
        """Return copies of what is pending, and the number of draws so far."""
        theta, of_draws, _ = self.pending
        copies = {name: values.copy() for name, values in of_draws.items()}
        return {"done": np.array(self.done), "theta": theta.copy(), **copies}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state."""
        self.done = int(state["done"])
        theta, of_draws, _ = self.pending
        theta[...] = state["theta"]
        for name, values in of_draws.items():
            values[...] = state[name]


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


class MomentsRecorder:
    """Keep the moments of theta, of the log-likelihood and of chosen functionals, and no draw.

    Parameters
    ----------
    chains, size, draws : int
        Number of chains, of parameters D, and of draws per chain that are planned: the batch length
        is its root.
    functionals : dict of str to (D,) array or callable
        Weights psi, for <theta, psi>, or functions of theta (n, D) that return (n,).
    """

    def __init__(
        self, chains: int, size: int, draws: int, functionals: Mapping[str, Array | Functional]
    ) -> None:
        batch = math.isqrt(draws)
        self._functionals = dict(functionals)
        self._field = MomentAccumulator(chains, size, batch)
        self._scalars = MomentAccumulator(chains, 1 + len(functionals), batch)
        self._chunks = Chunks(chains, size, chunk_length(chains, size), self._absorb)

    @property
    def done(self) -> int:
        """Number of draws recorded per chain."""
        return self._chunks.done

    def add(self, theta: Array, of_draws: PerDraw) -> None:
        """Record draws of shape (chains, n, D) and what is kept of each, (chains, n)."""
        self._chunks.add(theta, of_draws)

    def _absorb(self, theta: Array, of_draws: PerDraw, _start: int) -> None:
        self._field.update(theta)
        self._scalars.update(self._evaluate(theta, of_draws["log_likelihood"]))

    def _evaluate(self, theta: Array, log_likelihood: Array) -> Array:
        values = np.empty((*log_likelihood.shape, 1 + len(self._functionals)))
        values[..., 0] = log_likelihood
        flat = theta.reshape(-1, theta.shape[2])
        for k, (name, of) in enumerate(self._functionals.items(), start=1):
            found = functional_values(f"functionals[{name!r}]", of, flat)
            values[..., k] = found.reshape(log_likelihood.shape)
        return values

    def _parts(self) -> dict[str, Chunks | MomentAccumulator]:
        return {"chunks": self._chunks, "field": self._field, "scalars": self._scalars}

    def close(self) -> None:
        """Nothing is left to write."""

    def state(self) -> dict[str, Any]:
        """Return copies of everything, as arrays."""
        return {
            f"{key}/{name}": value
            for key, part in self._parts().items()
            for name, value in part.state().items()
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state."""
        for key, part in self._parts().items():
            start = len(key) + 1
            part.restore({k[start:]: v for k, v in state.items() if k.startswith(f"{key}/")})

    def result(self, **metadata: Any) -> Moments:
        """Return the moments of all draws: recording ends here, with the chunk that is not full."""
        field, scalars = self._field, self._scalars
        theta, of_draws, start = self._chunks.pending
        if theta.shape[1]:
            self._absorb(theta, of_draws, start)
        columns = {
            "mean": scalars.pooled_mean(),
            "std": scalars.pooled_std(),
            "mcse": scalars.mcse(),
            "rhat": scalars.rhat(),
        }
        return Moments(
            mean=field.mean,
            variance=field.variance(),
            mcse=field.mcse(),
            rhat=field.rhat(),
            functionals={
                name: {kind: float(values[k]) for kind, values in columns.items()}
                for k, name in enumerate(["log_likelihood", *self._functionals])
            },
            draws=self.done,
            **metadata,
        )
