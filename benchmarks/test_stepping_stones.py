"""Ratios of integrals of Gaussians, and the errors that are said of them."""

from __future__ import annotations

import numpy as np
from harness import Array
from stepping_stones import ratio

MEANS, COUNTS, CONSTANTS = np.array([0.0, 1.0, 2.0]), np.array([400, 300, 200]), [0.0, 3.0, -2.0]
RUNS = 300


def once(rng: np.random.Generator) -> tuple[float, float]:
    """Log of E[exp(x)] under N(0, 1), 1/2, from draws of N(0, 1), N(1, 1), N(2, 1).

    Of the first some are kept, with probability p: these are draws of p times it.
    """
    state = np.repeat(np.arange(3), COUNTS)
    x = rng.normal(MEANS[state], 1.0)

    def kept(x: Array) -> Array:
        return np.clip(0.2 + 0.3 * x, 0.2, 1.0)

    keep = (state > 0) | (rng.random(len(x)) < kept(x))
    x, state = x[keep], state[keep]
    log_b = np.array([c - 0.5 * (x - m) ** 2 for c, m in zip(CONSTANTS, MEANS, strict=True)])
    log_b[0] += np.log(kept(x))
    found = ratio(log_b, state, -0.5 * x**2 + x, -0.5 * x**2)
    variance = sum(
        np.sum(state == j) * np.var(found.influence[state == j]) for j in range(len(COUNTS))
    )
    return found.log, float(variance)


def test_a_ratio_of_gaussians_and_its_error() -> None:
    """Over 300 runs: the mean within 4 standard errors and a second-order bias, s^2/2 or so.

    A variance from 300 runs has a relative standard deviation of sqrt(2/300) = 0.08.
    """
    rng = np.random.default_rng(0)
    logs, variances = np.array([once(rng) for _ in range(RUNS)]).T
    spread = logs.std()
    assert abs(logs.mean() - 0.5) < 4 * spread / np.sqrt(RUNS) + 0.5 * spread**2
    assert abs(variances.mean() / spread**2 - 1.0) < 4 * np.sqrt(2 / RUNS)
