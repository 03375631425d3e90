"""A linear Gaussian problem on a line, cheap enough for thousands of data sets."""

from __future__ import annotations

from typing import Any

import m4dl
import numpy as np
from m4dl import credible
from problems import Array

LINE = m4dl.Grid((10,))
X = LINE.coordinates()[:, 0]
PRIOR = m4dl.MaternPrior(LINE, std=1.0, length=0.5, smoothness=1.5, mean=2.0)
MODEL = m4dl.LinearModel(np.stack([np.cos(k * np.pi * X) for k in range(4)]) / 11)
NOISE = m4dl.GaussianNoise(0.4)
PSI = np.sin(np.pi * X) / 11

SETS: dict[str, Any] = {
    "equal-tailed": credible.Interval(PSI),
    "highest density": credible.Interval(PSI, kind="highest-density"),
    "L2": credible.Ball(),
    "H^-1": credible.Ball(-1),
    "H^1": credible.Ball(1),
    "sup": credible.SupBall(),
    "band": credible.Band(),
    "ellipsoid": credible.Ellipsoid([PSI, X / 11]),
}


def make_data(truth: Array, N: int, rng: np.random.Generator) -> m4dl.Posterior:
    """The design is fixed: all replicates share lanes."""
    data = MODEL(truth) + 0.4 * rng.standard_normal(4)
    return m4dl.Posterior(MODEL, PRIOR, data=data, noise=NOISE)


def posterior(seed: int = 0) -> m4dl.Posterior:
    return make_data(PRIOR.draw(1, seed)[0], 4, np.random.default_rng(seed))
