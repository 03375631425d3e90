"""Where chains start, and the metric that comes with it."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._base import validate
from .._base.validate import Array
from ..kernels import LEARNED, DelayedAcceptance, Learned, LowRankMetric
from ..modes import DrawnStarts, find_map, laplace, need_tangent
from ..posterior import Posterior
from ._store import stored_problem

METRIC_THRESHOLD = 0.1
"""Directions in which the data change a variance by less are left to the prior by the metric."""
LONG_WARMUP = 200
"""Iterations of warmup with which a metric is learned by default."""
MOST_DIRECTIONS = 1024
"""That a metric of the start holds: a step costs some 4 W times as many multiplications, and
finding them W times their square, which soon exceeds what the sampling takes."""
MAP_TOLERANCE = 0.01
"""Posterior standard deviations: closer to the mode a start and a centre need not be."""
NEAR = float(np.log(100.0))
"""Minima of the objective so little above the lowest are modes that chains start around, too."""


@dataclass(frozen=True)
class Start:
    """White noise (chains, W), the kernel with its metric, and what is to be told about them."""

    name: str
    xi: Array
    kernel: Any
    notes: tuple[str, ...] = ()


def prepare(
    posterior: Posterior,
    kernel: Any,
    start: str | ArrayLike | None,
    chains: int,
    warmup: int,
    seed: int,
    threads: int,
    store: str | os.PathLike[str] | None,
    progress: bool,
) -> Start:
    """Resolve the argument ``start`` of :func:`m4dl.sample`."""
    white = posterior.white
    if start is None:
        start = "laplace" if posterior.core.has_tangent else "prior"
        if start == "prior" and warmup >= LONG_WARMUP and getattr(kernel, "adapt", False):
            start = "learn"
    if not isinstance(start, str):
        given = validate.array("start", start)
        if given.shape not in ((white,), (chains, white)):
            raise ValueError(
                f"start must have shape ({white},) or ({chains}, {white}), got {given.shape}"
            )
        return Start("given", np.array(np.broadcast_to(given, (chains, white))), kernel)
    validate.choice("start", start, ("laplace", "learn", "prior", "mean"))
    if start == "mean":
        return Start(start, np.zeros((chains, white)), kernel)
    draw = DrawnStarts(posterior, kernel, chains, seed, threads)
    if start == "prior":
        xi, told = draw("prior", np.asarray)
        return Start(start, xi, kernel, told)
    if start == "learn":
        kernel = _learning(kernel)
        xi, told = draw("prior", np.asarray)
        return Start(start, xi, kernel, told)
    need_tangent("start='laplace'", posterior)
    if (continued := _continued(store, kernel, chains, white)) is not None:
        return continued
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        common: dict[str, Any] = {"seed": seed, "threads": threads, "progress": progress}
        found = find_map(posterior, tolerance=MAP_TOLERANCE, **common)
        fit = laplace(
            posterior, threshold=METRIC_THRESHOLD, most=MOST_DIRECTIONS, at=found, **common
        )
    for warning in caught:
        notes.append(str(warning.message))
        warnings.warn(notes[-1], RuntimeWarning, stacklevel=3)
    if (fit.spectrum >= METRIC_THRESHOLD).sum() > fit.rank:
        notes.append(
            f"the data inform more than the {MOST_DIRECTIONS:,} directions that the metric holds, "
            "and steps are as short as the others need; m4dl.laplace has no such limit, and its "
            "draws are exact for a linear model"
        )
    # through the compiled map, lane by lane: a chain's start must not depend on their number
    reference = fit.metric.reference(white)
    near = found.minima[found.minima_objectives <= found.objective + NEAR]
    around = near[np.arange(chains) % len(near)] - found.xi
    xi, told = draw("Laplace approximation", lambda noise: reference.push(noise) + around)
    return Start(start, xi, _with_metric(kernel, fit.metric), (*notes, *told))


def _with_metric(kernel: Any, metric: LowRankMetric | Learned) -> Any:
    """The kernel with this metric, if it takes one and has none of its own."""
    takes_one = is_dataclass(kernel) and hasattr(kernel, "metric")
    if not takes_one or kernel.metric is not None:
        return kernel
    if isinstance(kernel, DelayedAcceptance):
        return kernel.with_metric(metric)
    return replace(kernel, metric=metric)


def _learning(kernel: Any) -> Any:
    """The kernel with a metric that is learned, unless it has one."""
    if not hasattr(kernel, "learners"):
        raise ValueError(
            f"start='learn' needs a kernel that can learn a metric, got {kernel!r:.60}"
        )
    return _with_metric(kernel, LEARNED)


def _continued(
    store: str | os.PathLike[str] | None, kernel: Any, chains: int, white: int
) -> Start | None:
    """Start and metric of the run in a store, which it must go on with to the last bit."""
    problem = None if store is None else stored_problem(store)
    if problem is None or problem.settings.get("start") != "laplace":
        return None
    xi = problem.close.get("start")
    if xi is None or xi.shape != (chains, white):
        return None
    names = ("centre", "basis", "variance")
    parts = [problem.exact.get(f"metric {name}") for name in names]
    if all(part is not None for part in parts):
        kernel = _with_metric(kernel, LowRankMetric(*parts))  # type: ignore[arg-type]
    return Start("laplace", xi, kernel)
