"""Moments of a run in memory that does not grow with the number of draws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._base.callback import Functional, functional_values
from .._base.validate import Array
from ..results import Moments, PerDraw
from ._accumulator import MomentAccumulator
from ._chunks import Chunks, chunk_length


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
