"""What warmup learns from all chains together: a metric, and what a coarse model leaves out.

Windows of growing length follow one another (as in Stan), so that what the first ones learn, of
chains that hardly move, is forgotten. At the end of each the chains meet and go on from where they
stand with what was learned; with a new metric step sizes begin anew. After the last window nothing
is learned.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from .._base.validate import Array
from ._metrics import LowRankMetric
from ._regression import learned_metric
from ._svd import thin_svd

FEWEST = 100
"""Iterations of warmup without which nothing can be learned."""
SMALLEST_WINDOW, MOST_WINDOWS = 10, 6
MOST_ROWS = 1024
"""Draws of all chains that a window keeps at most, and numbers in them."""
MOST_NUMBERS = 2**22
STRIDE = 4
"""Iterations between two draws that are kept, at least: predictions there are one more solve."""
SMALLEST_ERROR = 0.01
"""Variance of a discrepancy, in that of the noise, below which it is left out."""


@dataclass(frozen=True)
class Window:
    """Iterations first < k <= last of warmup; every ``stride``-th state is kept."""

    first: int
    last: int
    stride: int


def windows(warmup: int, chains: int, width: int) -> list[Window]:
    """Windows of doubling length between a tenth and four fifths of warmup.

    Before them chains find the posterior, after them step sizes find theirs.
    """
    begin, end = warmup // 10, warmup - warmup // 5
    count = MOST_WINDOWS
    while count > 1 and (end - begin) // (2**count - 1) < SMALLEST_WINDOW:
        count -= 1
    edges = [begin + (end - begin) * (2**k - 1) // (2**count - 1) for k in range(count + 1)]
    rows = max(1, min(MOST_ROWS, MOST_NUMBERS // max(width, 1)) // chains)
    out = []
    for first, last in pairwise(edges):
        out.append(Window(first, last, max(STRIDE, -(-(last - first) // rows))))
    return out


class MetricLearner:
    """Learns a metric for a run that was started with ``metric="learned"``."""

    name, what = "metric", "a metric"

    def __init__(self, potential: Any, acceptance: float) -> None:
        self._white: int = potential.white
        self._data = np.asarray(potential.data)
        self._precision, self._acceptance = np.asarray(potential.precision), acceptance
        self.width = self._white + self._precision.size
        self.metric: LowRankMetric | None = None
        if len(self._data) != 1:
            raise ValueError(
                "metric='learned' needs one posterior for all chains, "
                f"got {len(self._data)} data sets"
            )

    def observe(self, run: Any) -> Array:
        """Return white noise and predictions (chains, W + m) where the chains are."""
        return np.hstack([run.position(), run.predictions()])

    def fit(self, run: Any, draws: Array) -> None:
        """Learn from draws (chains, n, W + m), and install it."""
        white, predictions = draws[:, :, : self._white], draws[:, :, self._white :]
        data, precision = self._data[0], self._precision
        metric = learned_metric(white, predictions, data, precision, self._acceptance)
        self.restore(run, metric.arrays())

    def arrays(self) -> dict[str, Array]:
        """Return what was learned, for checkpoints."""
        return {} if self.metric is None else self.metric.arrays()

    def restore(self, run: Any, arrays: dict[str, Array]) -> None:
        """Install what :meth:`arrays` returned."""
        if arrays:
            self.metric = LowRankMetric(**arrays)
            run.set_metric(self.metric.reference(self._white))


class ErrorLearner:
    """Learns mean and covariance of fine minus coarse predictions for delayed acceptance.

    Source
    ------
    T. Cui, C. Fox, M. O'Sullivan, Water Resour. Res. 47 (2011), W10521, section 3.2.
    """

    name, what = "error", "an error model"

    def __init__(self, precision: Array, covariance: bool) -> None:
        self.width = precision.size
        self._root, self._covariance = np.sqrt(precision), covariance
        self._learned: dict[str, Array] = {}

    def observe(self, run: Any) -> Array:
        """Return fine minus coarse predictions (chains, m) where the chains are."""
        return np.asarray(run.discrepancy())

    def fit(self, run: Any, draws: Array) -> None:
        """Learn from discrepancies (chains, n, m), and install it."""
        flat = draws.reshape(-1, self.width)
        flat = flat[np.isfinite(flat).all(axis=1)]  # where the coarse solve failed
        if len(flat) < 2:
            return
        mean = flat.mean(axis=0)
        variance, vectors = np.zeros(0), np.zeros((self.width, 0))
        if self._covariance:
            scaled = (flat - mean) * self._root / np.sqrt(len(flat) - 1)
            _, singular, right = thin_svd(scaled)
            keep = singular**2 > SMALLEST_ERROR
            variance, vectors = singular[keep] ** 2, right[keep].T
        self.restore(
            run,
            {
                "mean": mean,
                "basis": self._root[:, None] * vectors,
                "weight": variance / (1.0 + variance),
            },
        )

    def arrays(self) -> dict[str, Array]:
        """Return what was learned, for checkpoints."""
        return self._learned

    def restore(self, run: Any, arrays: dict[str, Array]) -> None:
        """Install what :meth:`arrays` returned."""
        if arrays:
            self._learned = {name: arrays[name] for name in ("mean", "basis", "weight")}
            run.set_error_model(*self._learned.values())


Learner = MetricLearner | ErrorLearner


@dataclass
class Lessons:
    """The windows of a run, and what is kept of the present one."""

    learners: list[Learner]
    windows: list[Window]
    _rows: dict[str, list[Array]] = field(default_factory=dict)

    @classmethod
    def of(cls, kernel: Any, potential: Any, chains: int, warmup: int) -> Lessons:
        """What this kernel wants to learn.

        Raises
        ------
        ValueError
            If warmup is too short for it.
        """
        make = getattr(kernel, "learners", None)
        learners: list[Learner] = [] if make is None else make(potential)
        if learners and warmup < FEWEST:
            wants = " and ".join(
                f"an {x.name} model" if x.name == "error" else f"a {x.name}" for x in learners
            )
            raise ValueError(
                f"warmup must be at least {FEWEST} to learn {wants} in it, got {warmup}"
            )
        width = max((x.width for x in learners), default=0)
        return cls(learners, windows(warmup, chains, width) if learners else [])

    def until(self, iteration: int) -> int | None:
        """Iterations from here to the next state that is kept; None if no window is left."""
        for w in self.windows:
            if iteration < w.last:
                start = max(iteration, w.first)
                return min(w.last, start + w.stride - (start - w.first) % w.stride) - iteration
        return None

    def attend(self, run: Any) -> None:
        """Keep the present state if it is one to be kept, and learn at the end of a window."""
        k = run.iteration
        for w in self.windows:
            if w.first < k <= w.last and ((k - w.first) % w.stride == 0 or k == w.last):
                for learner in self.learners:
                    self._rows.setdefault(learner.name, []).append(learner.observe(run))
            if k == w.last:
                for learner in self.learners:
                    learner.fit(run, np.stack(self._rows.pop(learner.name), axis=1))

    def state(self) -> dict[str, Array]:
        """Return all of it by name, for checkpoints."""
        out = {}
        for learner in self.learners:
            if rows := self._rows.get(learner.name):
                out[f"{learner.name} rows"] = np.stack(rows)
            for name, values in learner.arrays().items():
                out[f"{learner.name} learned {name}"] = values
        return out

    def restore(self, run: Any, state: dict[str, Array]) -> None:
        """Go back to :meth:`state`; the run's own state comes after it."""
        for learner in self.learners:
            if (rows := state.get(f"{learner.name} rows")) is not None:
                self._rows[learner.name] = list(rows)
            begin = f"{learner.name} learned "
            found = {k.removeprefix(begin): v for k, v in state.items() if k.startswith(begin)}
            learner.restore(run, found)

    @property
    def metric(self) -> LowRankMetric | None:
        """The metric that was learned."""
        return next((x.metric for x in self.learners if isinstance(x, MetricLearner)), None)
