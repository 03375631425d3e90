"""pCN and MALA by hand."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .solvers import Array


class Target(Protocol):
    """What the chains need."""

    def potential(self, xi: Array) -> float: ...

    def gradient(self, xi: Array) -> tuple[float, Array]: ...


@dataclass
class Chain:
    """Potential after each step (steps,), fraction of accepted moves, last state, seconds taken."""

    potential: Array
    acceptance: float
    state: Array
    seconds: float


def mala(target: Target, xi0: Array, step_size: float, steps: int, seed: int) -> Chain:
    """xi' = xi - h (xi + grad phi) + sqrt(2h) w, Metropolis corrected; h = ``step_size``."""
    rng, h = np.random.default_rng(seed), step_size
    xi = np.array(xi0, dtype=float)
    phi, gradient = target.gradient(xi)
    drift = xi - h * (xi + gradient)
    trace, accepted = np.empty(steps), 0
    start = time.perf_counter()
    for k in range(steps):
        w = rng.standard_normal(xi.size)
        new = drift + np.sqrt(2.0 * h) * w
        phi_new, gradient = target.gradient(new)
        drift_new = new - h * (new + gradient)
        back = xi - drift_new
        # |new - drift|^2 / (4h) = |w|^2 / 2. A NaN compares false and rejects.
        energy = phi - phi_new + 0.5 * (xi @ xi - new @ new + w @ w) - back @ back / (4.0 * h)
        if np.log(rng.random()) < energy:
            xi, phi, drift, accepted = new, phi_new, drift_new, accepted + 1
        trace[k] = phi
    return Chain(trace, accepted / steps, xi, time.perf_counter() - start)


def pcn(target: Target, xi0: Array, beta: float, steps: int, seed: int) -> Chain:
    """xi' = sqrt(1 - beta^2) xi + beta w, accepted on the ratio of likelihoods."""
    rng, shrink = np.random.default_rng(seed), np.sqrt(1.0 - beta**2)
    xi = np.array(xi0, dtype=float)
    phi = target.potential(xi)
    trace, accepted = np.empty(steps), 0
    start = time.perf_counter()
    for k in range(steps):
        new = shrink * xi + beta * rng.standard_normal(xi.size)
        phi_new = target.potential(new)
        if np.log(rng.random()) < phi - phi_new:
            xi, phi, accepted = new, phi_new, accepted + 1
        trace[k] = phi
    return Chain(trace, accepted / steps, xi, time.perf_counter() - start)
