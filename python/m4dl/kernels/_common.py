"""What kernels share: their metric, their adaptation, and how a run of them starts."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np

from .. import _core
from .._base.validate import Array, flag
from ._learn import Learner, MetricLearner
from ._metrics import LowRankMetric, Metric, check_metric

Learned = Literal["learned"]
SAFEGUARD = 10
"""One step in so many of pCN or MALA with a low-rank metric is one of plain pCN, for tails and
modes that the metric does not know."""


class Kernel(Protocol):
    """What :func:`m4dl.sample` needs of a kernel."""

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        ...


def target(kernel: Any) -> float:
    """The acceptance to adapt to; 0 asks for none."""
    return float(kernel.target) if kernel.adapt else 0.0


def run(kernel: Any, compiled: Any, potential: Any, seed: int, xi0: Array, threads: int) -> Any:
    metric = metric_reference(kernel.metric, potential)
    return _core.run(compiled, potential, metric=metric, seed=seed, start=xi0, threads=threads)


def adapted_target(kernel: Any) -> float | None:
    """The acceptance that a kernel adapts to in warmup; None if it does not adapt."""
    inner = getattr(kernel, "kernel", kernel)  # of delayed acceptance
    return inner.target if getattr(inner, "adapt", False) else None


def safeguard(kernel: Any) -> int:
    """One step in so many is pCN's in the prior's white noise; 0 is none.

    Without a metric the prior is its own safeguard; a diagonal one is one's own choice.
    """
    return SAFEGUARD if kernel.adapt and isinstance(kernel.metric, LowRankMetric | str) else 0


def check_adaptation(adapt: Any, metric: Any) -> None:
    flag("adapt", adapt)
    check_metric(metric)


def metric_reference(metric: Metric | Learned | None, potential: Any) -> Any:
    """The compiled metric; one that is to be learned begins as the identity."""
    white = potential.white
    if isinstance(metric, str):
        metric = LowRankMetric(np.zeros(white), np.zeros((white, 0)), np.zeros(0))
    return None if metric is None else metric.reference(white)


def learners(
    metric: Metric | Learned | None, potential: Any, acceptance: float = 1.0
) -> list[Learner]:
    return [MetricLearner(potential, acceptance)] if isinstance(metric, str) else []


def need_gradient(name: str, potential: Any) -> None:
    if not potential.has_gradient:
        raise ValueError(f"{name} needs a gradient, and the model has none; use PCN")
