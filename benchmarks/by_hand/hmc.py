"""Hamiltonian Monte Carlo by hand, in white space: the Gaussian part turns exactly."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .chains import Target
from .solvers import Array


@dataclass
class Trajectories:
    """What an HMC run leaves behind.

    ``recorded`` (steps, k) at the ends of trajectories, ``potential`` (steps,), the mean
    acceptance, the step size, the last state, and seconds of processor time.
    """

    recorded: Array
    potential: Array
    acceptance: float
    step_size: float
    state: Array
    seconds: float


def hmc(
    target: Target,
    xi0: Array,
    step_size: float,
    leaps: int,
    steps: int,
    seed: int,
    record: Callable[[Array], Array],
    aim: float | None = None,
) -> Trajectories:
    """Half a kick, an exact rotation by the step size, half a kick; ``leaps`` gradients a step.

    Beskos, Pinski, Sanz-Serna, Stuart (2011). The step size is jittered by a fifth, so that no
    trajectory comes back to its start for ever. With ``aim`` the step size goes after that
    acceptance, by Robbins and Monro's steps: for warmup.
    """
    rng, size = np.random.default_rng(seed), step_size
    xi = np.array(xi0, dtype=float)
    start = time.process_time()
    phi, gradient = target.gradient(xi)
    kept, trace, accepted, logs = [], np.empty(steps), 0.0, []
    for k in range(steps):
        e = min(size * rng.uniform(0.8, 1.2), 1.5)
        v = rng.standard_normal(xi.size)
        energy = phi + 0.5 * (xi @ xi + v @ v)
        with np.errstate(over="ignore", invalid="ignore"):  # of the long steps at the beginning
            x, v, there, g = _trajectory(target, xi, v, gradient, e, leaps)
            change = energy - there - 0.5 * (x @ x + v @ v)
        probability = float(np.exp(min(change, 0.0))) if np.isfinite(change) else 0.0
        if rng.random() < probability:
            xi, phi, gradient = x, there, g
        accepted += probability
        if aim is not None:
            size *= np.exp((probability - aim) / (k + 10.0) ** 0.6)
            logs.append(np.log(size))
        kept.append(record(xi))
        trace[k] = phi
    seconds = time.process_time() - start
    if logs:
        size = float(np.exp(np.mean(logs[len(logs) // 2 :])))
    return Trajectories(np.array(kept), trace, accepted / steps, size, xi, seconds)


def _trajectory(
    target: Target, x: Array, v: Array, g: Array, e: float, leaps: int
) -> tuple[Array, Array, float, Array]:
    cosine, sine, phi = np.cos(e), np.sin(e), 0.0
    v = v - 0.5 * e * g
    for leap in range(leaps):
        x, v = cosine * x + sine * v, cosine * v - sine * x
        phi, g = target.gradient(x)
        v = v - (e if leap + 1 < leaps else 0.5 * e) * g
    return x, v, phi, g
