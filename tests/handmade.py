"""Kernels in NumPy, right and wrong, vectorised over independent chains.

They show that the tests of the compiled kernels can fail: the right ones pass them, the wrong ones
do not. A target is (phi, gradient) of white noise (R, W), row by row, and ``mean``: of the prior.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass
class Target:
    """Phi(xi) (R,) and grad Phi(xi) (R, W), R targets side by side; theta = mean + std * xi."""

    phi: Callable[[Array], Array]
    gradient: Callable[[Array], Array]
    mean: float = 0.0
    std: float = 1.0


Step = Callable[[Target, Array, np.random.Generator], Array]


def _accept(
    target: Target, here: Array, there: Array, change: Array, rng: np.random.Generator
) -> Array:
    """Metropolis with ``change`` beside the difference of Phi; NaN rejects."""
    ratio = target.phi(here) - target.phi(there) + change
    return np.where((np.log(rng.random(len(here))) < ratio)[:, None], there, here)


def pcn(beta: float) -> Step:
    def step(target: Target, xi: Array, rng: np.random.Generator) -> Array:
        there = np.sqrt(1.0 - beta**2) * xi + beta * rng.standard_normal(xi.shape)
        return _accept(target, xi, there, np.zeros(len(xi)), rng)

    return step


def pcn_around_zero(beta: float) -> Step:
    """The defect of other packages: theta, not theta - mean, is shrunk towards zero."""

    def step(target: Target, xi: Array, rng: np.random.Generator) -> Array:
        theta = target.mean + target.std * xi
        noise = beta * target.std * rng.standard_normal(xi.shape)
        there = (np.sqrt(1.0 - beta**2) * theta + noise - target.mean) / target.std
        return _accept(target, xi, there, np.zeros(len(xi)), rng)

    return step


def mala(h: float, corrected: bool = True) -> Step:
    """With ``corrected=False``: the likelihood ratio alone, the proposal's density forgotten."""

    def step(target: Target, xi: Array, rng: np.random.Generator) -> Array:
        drift = xi + target.gradient(xi)
        w = rng.standard_normal(xi.shape)
        there = xi - h * drift + np.sqrt(2.0 * h) * w
        change = 0.5 * ((xi**2).sum(axis=1) - (there**2).sum(axis=1))
        if corrected:
            back = (xi - there + h * (there + target.gradient(there))) / np.sqrt(2.0 * h)
            change += 0.5 * ((w**2).sum(axis=1) - (back**2).sum(axis=1))
        return _accept(target, xi, there, change, rng)

    return step


def ula(h: float) -> Step:
    def step(target: Target, xi: Array, rng: np.random.Generator) -> Array:
        drift = xi + target.gradient(xi)
        return xi - h * drift + np.sqrt(2.0 * h) * rng.standard_normal(xi.shape)

    return step


def unrelated(xi: Array) -> Array:
    """A coarse potential (R,) that has nothing to do with any target."""
    return np.asarray(0.5 * (0.7 * xi.sum(axis=1) - 0.6) ** 2)


def delayed_pcn(
    beta: float, coarse: Callable[[Array], Array], steps: int = 3, corrected: bool = True
) -> Step:
    """With ``corrected=False``: the fine ratio alone, as if the coarse steps were of the prior."""

    def step(target: Target, xi: Array, rng: np.random.Generator) -> Array:
        there = xi
        for _ in range(steps):
            there = pcn(beta)(Target(coarse, target.gradient), there, rng)
        change = coarse(there) - coarse(xi) if corrected else np.zeros(len(xi))
        return _accept(target, xi, there, change, rng)

    return step
