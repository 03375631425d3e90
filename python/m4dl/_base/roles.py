"""What results ask of what made them: they stand below models, noises and posteriors."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import ArrayLike

from .validate import Array


class Outputs(Protocol):
    """A model: its theta, where that lives, and what it makes of it."""

    parameters: int
    outputs: int
    domain: Any
    at: str | None

    def forward(self, theta: ArrayLike, threads: int = 0) -> Array: ...


class Noise(Protocol):
    """What measurements add to outputs."""

    std: Array

    def expand(self, size: int) -> Array: ...


class Predicting(Protocol):
    """A model, or a posterior: the outputs, and the noise of its data."""

    parameters: int
    domain: Any
    at: str | None

    def _predicting(self) -> tuple[Outputs, Noise | None]: ...


class Likely(Predicting, Protocol):
    """A posterior that knows the density of each datum."""

    data: Array
    noise: Noise
    model: Outputs

    def _log_density_of_data(self, outputs: Array) -> Array: ...

    def _log_constant(self) -> float: ...
