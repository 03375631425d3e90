"""What a run returns: `Draws`, with every draw kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base import validate
from .._base.callback import Functional, check_functionals, functional_values
from .._base.scale import column_norms
from .._base.validate import Array
from . import _summary, _tails, diagnostics
from ._exports import Exports
from ._record import shaped
from ._stored_array import StoredArray
from ._summary import Summary

if TYPE_CHECKING:
    pass

_BLOCK = 2**24  # numbers read from storage at a time when draws are streamed: 128 MiB


@dataclass(eq=False, repr=False)
class Draws(Exports):
    """The draws of a run.

    Parameters
    ----------
    theta : (chain, draw, D) array
        The draws, read-only: take a copy to change them. They may stay on disk: of anything with
        ``shape``, ``dtype`` and NumPy slicing, such as a Zarr array, a `StoredArray` is made, which
        behaves as an array and reads what it is asked for.
    log_likelihood : (chain, draw) array
    energy : (chain, draw) array, optional
        Minus the log density in white space up to a constant, Phi(xi) + |xi|^2/2, and with HMC that
        of the momentum at the end of the trajectory.
    diverging : (chain, draw) array of bool, optional
        Whether the step to this draw (or, thinned, one since the draw before) diverged: its energy
        was wrong by more than 1,000. It was rejected, so the draw is where it set out from.
    **about
        The run: see `Record`.
    """

    theta: Any
    log_likelihood: Array
    energy: Array | None = None
    diverging: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.theta, np.ndarray | StoredArray):
            stored = hasattr(self.theta, "shape") and hasattr(self.theta, "dtype")
            if not stored:
                validate.shape_of("theta", self.theta)
            self.theta = StoredArray(self.theta) if stored else np.asarray(self.theta)
        if self.theta.dtype.kind not in "iuf":
            raise TypeError(f"theta must be real numbers, got dtype {self.theta.dtype}")
        shape = self.theta.shape
        if len(shape) != 3 or 0 in shape:
            raise ValueError(f"theta must have shape (chain, draw, D), none of them 0, got {shape}")
        self.set_sizes(*shape)
        self.log_likelihood = shaped("log_likelihood", self.log_likelihood, shape[:2])
        if self.energy is not None:
            self.energy = shaped("energy", self.energy, shape[:2])
        if self.diverging is not None:
            self.diverging = shaped("diverging", self.diverging, shape[:2], "iufb") != 0
        super().__post_init__()

    def mean(self) -> Array:
        """Return the posterior mean (D,), over all chains."""
        return self._moments[0].copy()

    def std(self) -> Array:
        """Return the posterior standard deviation (D,), over all chains (divisor: draws - 1)."""
        return self._moments[1].copy()

    def quantile(self, p: float | ArrayLike) -> Array:
        """Return quantiles over all chains: (D,) for a number ``p``, (len(p), D) for a sequence.

        Raises
        ------
        ValueError
            If some p is outside [0, 1], or so close to its ends that no draw lies beyond it.
        """
        levels = validate.array("p", p)
        if levels.ndim > 1 or levels.size == 0:
            raise ValueError(
                f"p must be a number or a sequence of numbers, got shape {levels.shape}"
            )
        total = self.chains * self.draws
        for level in np.atleast_1d(levels):
            if not 0 <= level <= 1:
                raise ValueError(f"p must be in [0, 1], got {level}")
            beyond = min(level, 1 - level)
            if 0 < beyond * total < 1:
                raise ValueError(
                    f"the {level:g} quantile needs {np.ceil(1 / beyond):.0f} draws, got {total}"
                )
        parts = [
            np.quantile(slab.reshape(total, -1), levels, axis=0)
            for slab in diagnostics.slabs(self.theta)
        ]
        return np.concatenate(parts, axis=-1)

    def ess(self, kind: str = "bulk") -> Array:
        """Return the effective sample size (D,): ``"bulk"``, ``"tail"``, ``"mean"`` or ``"batch"``.

        See :func:`m4dl.diagnostics.ess`.
        """
        if validate.choice("kind", kind, ("bulk", "tail", "mean", "batch")) == "mean":
            return np.asarray(diagnostics.ess(self.theta, "mean"))
        return self._diagnostics[f"ess_{kind}"].copy()

    def rhat(self) -> Array:
        """Return the rank-normalised split R-hat (D,)."""
        return self._diagnostics["rhat"].copy()

    def mcse(self) -> Array:
        """Return the Monte Carlo standard error (D,) of the posterior mean."""
        return self._diagnostics["mcse_mean"].copy()

    def component(self, number: int) -> Draws:
        """Return the draws of one component of a vector field, to be drawn or measured by itself.

        Raises
        ------
        ValueError
            If there is no such component: they are counted from 0.
        """
        part = self._values_of(number)
        names = None if self.names is None else self.names[part]
        return replace(self, theta=np.asarray(self.theta[:, :, part]), names=names)

    def functional(self, of: ArrayLike | Functional) -> Array:
        """Return a real functional of every draw, (chain, draw).

        Parameters
        ----------
        of : (D,) array or callable
            Weights of a linear functional, or a function from draws (n, D) to (n,). It gets
            them read-only.
        """
        return self._functional("functional", of)

    def _functional(self, name: str, of: ArrayLike | Functional) -> Array:
        parts: list[Array] = []
        for block in self._blocks():
            flat = block.reshape(-1, self.parameters)
            values = functional_values(name, of, flat, trial=not parts)
            parts.append(values.reshape(block.shape[:2]))
        return np.concatenate(parts, axis=1)

    def summary(
        self,
        max_rows: int = 8,
        functionals: Mapping[str, ArrayLike | Functional] | None = None,
    ) -> Summary:
        """Return a table of log-likelihood, functionals and at most ``max_rows`` parameters.

        If there are more parameters, those with the worst diagnostics are shown, the worst first.

        Parameters
        ----------
        max_rows : int
        functionals : dict of str to (D,) array or callable, optional
            See `functional`.
        """
        rows = validate.integer("max_rows", max_rows, 0)
        scalars = {"log_likelihood": self.log_likelihood}
        chosen = {}
        if functionals is not None:
            chosen = check_functionals(functionals, np.asarray(self.theta[0, :2]))
            if both := sorted(set(chosen) & set(self.names or ())):
                raise ValueError(f"a functional needs a name of its own, got {both[0]!r}")
            scalars |= {k: self._functional(f"functionals[{k!r}]", f) for k, f in chosen.items()}
        special = {name: _columns(diagnostics.summarise(v)) for name, v in scalars.items()}
        events = [
            name
            for name, f in chosen.items()
            if callable(f) and np.isin(scalars[name], (0.0, 1.0)).all()
        ]
        run = self.about() | self._evidence({k: v for k, v in scalars.items() if k not in events})
        run["events"] = {name: _visits(special[name]) for name in events}
        return _summary.summarise(run, special, _columns(self._diagnostics), rows, self.names)

    def _evidence(self, scalars: Mapping[str, Array]) -> dict[str, Any]:
        """What the draws say beyond R-hat and effective sizes: see `Summary.run`."""
        share = {name: 1.0 - float(np.isfinite(v).mean()) for name, v in scalars.items()}
        out: dict[str, Any] = {
            "pareto_k": {name: _tails.pareto_k(v) for name, v in scalars.items()},
            "missing": {name: missing for name, missing in share.items() if missing},
        }
        if self.energy is not None and self.kernel.startswith("HMC(") and self.thin == 1:
            out["ebfmi"] = _tails.ebfmi(self.energy).tolist()
        return out

    def _blocks(self) -> Iterator[Array]:
        """Read successive draws of all chains, (chain, n, D): as they are stored."""
        step = max(1, _BLOCK // (self.chains * self.parameters))
        for start in range(0, self.draws, step):
            yield np.asarray(self.theta[:, start : start + step], dtype=np.float64)

    @cached_property
    def _moments(self) -> tuple[Array, Array]:
        """Mean and standard deviation, merged block by block (Chan, Golub and LeVeque 1979).

        Norms are merged instead of their squares, which may under- or overflow.
        """
        count, mean, norm = 0, np.zeros(self.parameters), np.zeros(self.parameters)
        for block in self._blocks():
            flat = block.reshape(-1, self.parameters)
            n, centre = len(flat), flat.mean(axis=0)
            shift = centre - mean
            between = np.abs(shift) * np.sqrt(count * n / (count + n))
            norm = np.hypot(np.hypot(norm, column_norms(flat - centre)), between)
            mean += shift * (n / (count + n))
            count += n
        return mean, norm / np.sqrt(count - 1) if count > 1 else np.full_like(mean, np.nan)

    @cached_property
    def _diagnostics(self) -> dict[str, Array]:
        return diagnostics.summarise(self.theta)


def _columns(of: Mapping[str, Any]) -> dict[str, Any]:
    """Name the columns of a summary as ArviZ does."""
    names = {"mcse_mean": "mcse", "rhat": "r_hat"}
    return {names.get(key, key): values for key, values in of.items()}


def _visits(event: Mapping[str, Any]) -> float:
    """Effective draws in which an event happened, or did not if that is rarer."""
    p = float(event["mean"])
    return 0.0 if p in (0.0, 1.0) else min(p, 1.0 - p) * (event["std"] / event["mcse"]) ** 2
