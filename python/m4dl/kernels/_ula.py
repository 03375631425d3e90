"""Unadjusted Langevin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .. import _core
from .._base.fixed import Described
from .._base.validate import Array, positive
from ._common import need_gradient, run
from ._metrics import Metric, check_metric


@dataclass(frozen=True)
class ULA(Described):
    """Unadjusted Langevin: the proposal of :class:`MALA`, always taken.

    Its law is not the posterior: on a Gaussian target of precision lambda its variance is
    1/(lambda (1 - h lambda/2)), and it diverges once h lambda >= 2. The step size is never adapted.

    Parameters
    ----------
    step_size : float
        h > 0.
    metric : DiagonalMetric or LowRankMetric, optional
        As for :class:`PCN`; the step is explicit with either.

    Source
    ------
    R. Nickl, S. Wang, On polynomial-time computation of high-dimensional posterior measures by
    Langevin-type algorithms, J. Eur. Math. Soc. 26 (2024).
    """

    step_size: float
    metric: Metric | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "step_size", positive("step_size", self.step_size))
        check_metric(self.metric, learned=False)

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        need_gradient("ULA", potential)
        kernel = _core.Ula(step_size=self.step_size)
        return run(self, kernel, potential, seed, xi0, threads)
