"""Where chains start, if at random: at draws at which the model has a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._base.streams import Purpose, derived_seed
from .._base.validate import Array
from ..kernels import DelayedAcceptance
from ..posterior import Posterior

REDRAWS = 100
"""Draws of one chain's start, none with a finite potential, after which the model is given up."""


@dataclass(frozen=True)
class DrawnStarts:
    """Starts of chains, drawn where the model has a value.

    A chain whose potential is not finite takes the next draw of its own, which depends on the seed,
    the chain and the number of the draw alone. Any start is right: it is forgotten.
    """

    posterior: Posterior
    kernel: Any
    chains: int
    seed: int
    threads: int

    def __call__(self, law: str, push: Callable[[Array], Array]) -> tuple[Array, tuple[str, ...]]:
        """Return ``push`` of white noise (chains, W), and a note if any was drawn again."""
        xi = push(self._noise(self.seed))
        bad = self._fails(xi)
        again = int(bad.sum())
        for k in range(1, REDRAWS):
            if not bad.any():
                break
            noise = self._noise(derived_seed(Purpose.REDRAWN_STARTS, self.seed, k))
            xi = np.where(bad[:, None], push(noise), xi)
            bad = self._fails(xi)
        if bad.any():
            chains = ", ".join(str(c) for c in np.flatnonzero(bad))
            raise ValueError(
                f"the potential is not finite at the start of chain(s) {chains}, nor at any of "
                f"{REDRAWS} draws of the {law}: the solve fails there; pass start= with white "
                "noise where it does not"
            )
        if not again:
            return xi, ()
        return xi, (
            f"at {again} of {self.chains} starts the model had no finite value: drawn again from "
            f"the {law}",
        )

    def _noise(self, seed: int) -> Array:
        return np.asarray(_core.initial_white_noise(seed, self.chains, self.posterior.white))

    def _fails(self, xi: Array) -> NDArray[np.bool_]:
        """Say which of the rows no chain can start at."""
        cores = [self.posterior.core]
        if isinstance(self.kernel, DelayedAcceptance):
            coarse = self.kernel.coarse_posterior
            if coarse.white == self.posterior.white:  # which the kernel says more clearly
                cores.append(coarse.core)
        values = [np.asarray(core.phi(xi, self.threads)) for core in cores]
        return np.asarray(~np.isfinite(values).all(axis=0))
