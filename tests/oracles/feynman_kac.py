"""Feynman-Kac by Monte Carlo: a solution of the Schroedinger equation with no mesh at all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import i0, i1, k0, k1

from .meshes import Array, Box


def _killed_radius(r: Array, a: float, uniform: Array) -> Array:
    """Radius at which Brownian motion from a disk's centre is killed, given that it is before exit.

    The rate is a^2/2. The density is proportional to rho (K_0(a rho) - I_0(a rho) K_0(a r)/I_0(a
    r)), the Green function of Lap/2 - a^2/2; the primitive is (1 - z K_1(z) - z I_1(z) K_0(a
    r)/I_0(a r)) / a^2 with z = a rho. Bisection.
    """
    ratio = k0(a * r) / i0(a * r)

    def primitive(rho: Array) -> Array:
        z = a * rho
        out: Array = 1.0 - z * k1(z) - z * i1(z) * ratio
        return out

    low, high = np.full_like(r, 1e-300), r.copy()
    target = uniform * primitive(r)
    for _ in range(45):
        middle = 0.5 * (low + high)
        below = primitive(middle) < target
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 0.5 * (low + high)


def feynman_kac(
    point: ArrayLike,
    f: Callable[[Array], Array],
    g: Callable[[Array], Array],
    f_max: float,
    paths: int,
    seed: int,
    shell: float = 1e-5,
) -> tuple[float, float]:
    """Estimate and standard error of u(point) = E[g(X_tau) exp(-int_0^tau f(X_s) ds)], unit square.

    Walk on spheres with killing at the constant rate ``f_max`` >= f. A disk of radius r is left
    alive with probability 1/I_0(sqrt(2 f_max) r); otherwise the walk is killed at an interior point
    y, and thinning turns that kill into the weight 1 - f(y)/f_max. Unbiased but for stopping in a
    shell of width ``shell`` at the boundary. ``f`` and ``g`` take points (k, 2).
    """
    rng = np.random.default_rng(seed)
    a = np.sqrt(2.0 * f_max)
    box = Box((1, 1)).bounds
    x = np.tile(np.asarray(point, dtype=float), (paths, 1))
    weight = np.ones(paths)
    active = np.arange(paths)
    while len(active):
        here = x[active]
        r = np.minimum(here - box[:, 0], box[:, 1] - here).min(axis=1)
        active, here, r = active[r > shell], here[r > shell], r[r > shell]
        angle = 2.0 * np.pi * rng.random(len(active))
        killed = rng.random(len(active)) > 1.0 / i0(a * r)
        radius = r.copy()
        radius[killed] = _killed_radius(r[killed], a, rng.random(int(killed.sum())))
        there = here + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        weight[active[killed]] *= 1.0 - f(there[killed]) / f_max
        x[active] = there
    # Inside the shell the walk ends at the nearest boundary point.
    gap = np.concatenate([x - box[:, 0], box[:, 1] - x], axis=1)
    side = gap.argmin(axis=1)
    x[np.arange(paths), side % 2] = np.where(side < 2, box[0, 0], box[0, 1])
    sample = weight * g(x)
    return float(sample.mean()), float(sample.std(ddof=1) / np.sqrt(paths))
