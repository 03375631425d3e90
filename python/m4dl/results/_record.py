"""What `Draws` and `Moments` share: the description of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base import validate
from .._base.fixed import Fixed
from .._base.names import Names, check_names
from .._base.validate import Array
from ..domains import check_domain, check_mesh

#: What is kept of each draw beside theta: (chain, draw) arrays of these kinds.
PER_DRAW: dict[str, type[np.generic]] = {
    "log_likelihood": np.float64,
    "energy": np.float64,
    "diverging": np.bool_,
}
PerDraw = Mapping[str, NDArray[Any]]


def per_draw(shape: tuple[int, ...]) -> dict[str, NDArray[Any]]:
    """Return room for what is kept of so many draws."""
    return {name: np.empty(shape, dtype) for name, dtype in PER_DRAW.items()}


@dataclass(kw_only=True, eq=False, repr=False)
class Record(Fixed):
    """What is known of a run besides its draws; the shared part of `Draws` and `Moments`.

    Parameters
    ----------
    acceptance, step_size : (chain,) arrays
        Mean acceptance probability, and step size after warmup.
    failures : (chain,) array of int
        Number of failed solves, each counted as a rejection.
    divergences : (chain,) array of int, optional
        Number of steps whose energy was wrong by more than 1,000, each a rejection too.
    target : float, optional
        Acceptance probability that warmup adapted to; None if nothing adapted.
    largest_step : float, optional
        What the kernel's step size cannot exceed.
    warmup, thin, seed : int
        Iterations before the first draw, iterations per draw, seed of the streams.
    kernel : str
        The kernel's canonical form, such as ``PCN(beta=0.1)``.
    complete : bool
        False for a run that was stopped before its last draw.
    provenance : mapping
        Versions, build and machine that made the draws.
    seconds : float
        Wall time of sampling, without warmup.
    solves : int, optional
        Linear solves of a chain in that time: one for a potential, two with its gradient.
    trajectory : float, optional
        Length of HMC's trajectories after warmup; 0 for other kernels.
    metric : LowRankMetric, optional
        What warmup learned, if the kernel's metric was to be learned.
    coarse_solves, coarse_acceptance, coarse_failures : optional
        Of delayed acceptance, on its coarse posterior: solves of a chain, mean acceptance
        probability and failed solves (chain,). ``solves`` are the fine ones alone.
    domain, at : optional
        Grid or mesh that the parameters live on, and where on it: ``"nodes"``, ``"interior"`` or
        ``"cells"``.
    names : sequence of D str, optional
        What the parameters are called: the prior's ``names``.
    """

    acceptance: Array
    step_size: Array
    failures: NDArray[np.int64]
    warmup: int
    thin: int
    seed: int
    kernel: str
    complete: bool
    provenance: Mapping[str, Any]
    seconds: float
    divergences: NDArray[np.int64] | None = None
    target: float | None = None
    largest_step: float | None = None
    solves: int | None = None
    trajectory: float | None = None
    metric: Any = None
    coarse_solves: int | None = None
    coarse_acceptance: Array | None = None
    coarse_failures: Array | None = None
    domain: Any = None
    at: str | None = None
    names: Names = None
    chains: int = field(init=False)
    draws: int = field(init=False)
    parameters: int = field(init=False)

    def set_sizes(self, chains: int, draws: int, parameters: int) -> None:
        self.chains, self.draws, self.parameters = chains, draws, parameters
        self.acceptance = validate.array("acceptance", self.acceptance, (chains,))
        self.step_size = validate.array("step_size", self.step_size, (chains,))
        self.failures = validate.array("failures", self.failures, (chains,)).astype(np.int64)
        if self.divergences is not None:
            counts = validate.array("divergences", self.divergences, (chains,))
            self.divergences = counts.astype(np.int64)
        self.seconds = validate.number("seconds", self.seconds)
        self.warmup = validate.integer("warmup", self.warmup, 0)
        self.thin = validate.integer("thin", self.thin, 1)
        self.seed = validate.seed_number(self.seed)
        self.complete = validate.flag("complete", self.complete)
        if not isinstance(self.kernel, str):
            raise TypeError(f"kernel must be a string, got {validate.short(self.kernel)}")
        if not isinstance(self.provenance, Mapping):
            raise TypeError(f"provenance must be a mapping, got {validate.short(self.provenance)}")
        self._check_place()
        self.names = check_names(self.names, parameters)

    def _check_place(self) -> None:
        """Theta holds fields on the domain, one after the other."""
        if self.domain is not None and self.at is not None:
            check_mesh("domain", self.domain)
        check_domain(self.domain, self.at, self.parameters, self.components)

    @property
    def notes(self) -> tuple[str, ...]:
        """What went wrong before the first step, such as a search for the MAP that gave up."""
        return tuple(self.provenance.get("notes", ()))

    @property
    def components(self) -> int:
        """Fields that theta holds one after the other; 1 without a domain."""
        if self.domain is None or self.at is None:
            return 1
        return max(1, self.parameters // max(1, int(self.domain.size_of(self.at))))

    def _values_of(self, component: Any) -> slice:
        """Which parameters are those of one component."""
        number = validate.integer("component", component, 0)
        if number >= self.components:
            raise ValueError(f"component must be below {self.components}, got {number}")
        size = self.parameters // self.components
        return slice(number * size, (number + 1) * size)

    def _about_coarse(self) -> dict[str, Any]:
        if self.coarse_solves is None:
            return {}
        return {
            "coarse_solves": self.coarse_solves,
            "coarse_acceptance": np.asarray(self.coarse_acceptance).tolist(),
            "coarse_failures": np.asarray(self.coarse_failures).tolist(),
        }

    def __repr__(self) -> str:
        state = "" if self.complete else ", INCOMPLETE"
        return (
            f"{type(self).__name__}({self.chains} chains x {self.draws} draws x {self.parameters} "
            f"parameters, {self.kernel}, seed={self.seed}, warmup={self.warmup}, thin={self.thin}"
            f"{state})"
        )

    def about(self) -> dict[str, Any]:
        total = self.chains * self.draws
        return {
            "chains": self.chains,
            "draws": self.draws,
            "parameters": self.parameters,
            "kernel": self.kernel,
            "seed": self.seed,
            "warmup": self.warmup,
            "thin": self.thin,
            "complete": self.complete,
            "seconds": self.seconds,
            "solves": self.solves,
            "trajectory": self.trajectory,
            **self._about_coarse(),
            "draws_per_second": total / self.seconds if self.seconds > 0 else None,
            "acceptance": self.acceptance.tolist(),
            "step_size": self.step_size.tolist(),
            "failures": self.failures.tolist(),
            "divergences": None if self.divergences is None else self.divergences.tolist(),
            "target": self.target,
            "largest_step": self.largest_step,
            "notes": list(self.notes),
            "solver": self.provenance.get("solver", ""),
        }


def shaped(name: str, values: ArrayLike, shape: tuple[int, ...], kinds: str = "iuf") -> Array:
    out = validate.real(name, values, kinds)
    if out.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {out.shape}")
    return out
