"""A recorder whose draws go to a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._base.validate import Array
from ..results import Draws, PerDraw
from ._chunks import Chunks
from ._store import Store


class StoreRecorder:
    """Stream draws to a store.

    Parameters
    ----------
    store : Store
        Where to.
    chains, size : int
        Number of chains and of parameters D.
    """

    def __init__(self, store: Store, chains: int, size: int) -> None:
        self._store = store
        self._chunks = Chunks(chains, size, store.length, store.write)
        self.add: Callable[[Array, PerDraw], None] = self._chunks.add
        self.state, self.restore = self._chunks.state, self._chunks.restore

    @property
    def done(self) -> int:
        """Number of draws recorded per chain."""
        return self._chunks.done

    def close(self) -> None:
        """Write the chunk that is not full; it stays pending too, for the run may be extended."""
        self._store.resize(self.done)
        theta, of_draws, start = self._chunks.pending
        if theta.shape[1]:
            self._store.write(theta, of_draws, start)

    def open(self, draws: int) -> bool:
        """Look at what the store holds of the draws so far, with room for ``draws``.

        Before a run goes on all of it is read; draws of a run that is finished are compared when
        they are read. The last chunk of those is written again where it is not as it was: it is
        part of the checkpoint, and a longer run that died may have filled it up.

        Returns
        -------
        bool
            Whether something was written.
        """
        store, length, finished = self._store, self._store.length, self.done == draws
        store.resize(draws)
        store.check(range(self.done // length), read=not finished)
        if not finished or self.done % length == 0 or store.holds(self.done // length):
            return False
        self.close()
        return True

    def result(self, **metadata: Any) -> Draws:
        """Return the draws, with ``theta`` left on disk, where nobody writes through it."""
        theta, of_draws = self._store.result()
        return Draws(theta, **of_draws, **metadata)
