"""What tails and energies say of a run: generalised Pareto tails, and E-BFMI."""

from __future__ import annotations

import numpy as np

from .._base.validate import Array
from . import diagnostics

FEWEST_TAIL = 20
"""Draws in a tail without which no index is fitted."""


def pareto_k(draws: Array) -> float:
    """Return the larger tail index of draws (chain, draw), of their lower and their upper tail.

    The means of powers below 1/k exist: k > 1/2 means no variance, k > 1 no mean. A tail that ends
    has k < 0; that of a Gaussian comes near 0 from below.

    Returns
    -------
    float
        NaN if draws are not finite or too few.

    Notes
    -----
    The tail holds min(S/5, 3 sqrt(S/r)) of S draws, r = ESS/S.

    Source
    ------
    A. Vehtari, D. Simpson, A. Gelman, Y. Yao, J. Gabry, Pareto smoothed importance sampling, J.
    Mach. Learn. Res. 25 (2024), section 3.2.
    """
    values = np.sort(np.ravel(draws))
    total = values.size
    size = float(diagnostics.ess(draws, "bulk"))
    if not np.isfinite(values).all() or not np.isfinite(size):
        return float("nan")
    count = int(min(total / 5, 3 * np.sqrt(total * total / size)))
    if count < FEWEST_TAIL:
        return float("nan")
    upper = values[-count:] - values[-count - 1]
    lower = (values[count] - values[:count])[::-1]
    # equal draws at the threshold do not exceed it
    fits = [_fit(x[x > 0]) for x in (lower, upper)]
    known = [k for k in fits if np.isfinite(k)]
    return max(known, default=float("nan"))


def _fit(excess: Array) -> float:
    """Shape of the generalised Pareto law of ordered positive numbers, drawn a little to 1/2.

    Source: J. Zhang, M. Stephens, Technometrics 51 (2009); the prior k = 1/2, worth ten
    observations, is that of Vehtari and others.
    """
    n = excess.size
    if n < FEWEST_TAIL or excess[0] == excess[-1]:
        return float("nan")
    points = 30 + int(np.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    b = 1 - np.sqrt(points / (np.arange(1, points + 1) - 0.5))
    b = b / (3 * quartile) + 1 / excess[-1]
    k = np.log1p(-b[:, None] * excess).mean(axis=1)
    profile = n * (np.log(-b / k) - k - 1)
    weight = np.exp(profile - profile.max())
    best = float(b @ weight / weight.sum())
    shape = float(np.log1p(-best * excess).mean())
    return (n * shape + 5.0) / (n + 10.0)


def ebfmi(energy: Array) -> Array:
    """Return E-BFMI (chain,) of energies (chain, draw); NaN where they are constant or too few.

    The mean square of the energy's steps over its variance: near 1 where momenta carry a chain
    through all energies, small where it can only diffuse between them, as in heavy tails and
    funnels.

    Source
    ------
    M. Betancourt, Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo,
    arXiv:1604.00695 (2016).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = energy.var(axis=1)
        return np.asarray((np.diff(energy, axis=1) ** 2).mean(axis=1) / variance)
