"""Draws gathered to chunks of one length, whatever the calls that brought them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._base.validate import Array
from ..results import PerDraw, per_draw

CHUNK_BYTES = 32 * 2**20
"""Draws are gathered to chunks of at most this size (or one draw), then absorbed or written."""


CHUNK_DRAWS = 4096


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
