"""What the theory says of N: how a prior shrinks, and how fast errors do."""

from __future__ import annotations

import math

from .._base.validate import integer, number, positive


def rescale_for(
    N: float, alpha: float, kappa: float, d: int, *, sigma: float = 1.0, multiple: float = 1.0
) -> float:
    """Factor by which the theory shrinks a prior field with the number of data.

    Returns (N/sigma^2)^(-multiple d/(4 alpha + 4 kappa + 2 d)), to multiply the prior's standard
    deviation with: theta = factor * theta'.

    Parameters
    ----------
    N : float
        Number of observations.
    alpha : float
        Smoothness of theta'; a Matern field of smoothness nu has alpha = nu + d/2.
    kappa : float
        Degree by which the forward map smooths: 0 for X-ray transforms, 1 for the divergence form;
        for Schroedinger 0 in the Langevin theory and 2 in the general one.
    d : int
        Dimension of the domain.
    sigma : float
        Noise standard deviation.
    multiple : float
        Multiple of the theoretical exponent (1); some published code uses 2.

    Source
    ------
    F. Monard, R. Nickl, G. Paternain, Comm. Pure Appl. Math. 74 (2021); M. Giordano, R. Nickl,
    Inverse Problems 36 (2020); R. Nickl, S. Wang, J. Eur. Math. Soc. 26 (2024).
    """
    alpha, dim = positive("alpha", alpha), integer("d", d, 1)
    smoothing = number("kappa", kappa)
    if smoothing < 0:
        raise ValueError(f"kappa must not be negative, got {smoothing}")
    exponent = positive("multiple", multiple) * dim / (4 * alpha + 4 * smoothing + 2 * dim)
    # sigma^2 alone may under- or overflow
    log = exponent * (2 * math.log(positive("sigma", sigma)) - math.log(positive("N", N)))
    if not abs(log) < 700:
        raise ValueError(f"the factor must be a number, got e^{log:.3g}: multiple={multiple}")
    return math.exp(log)


def contraction_rate(alpha: float, kappa: float, d: int, *, order: float = 0.0) -> float:
    """Exponent of N, negative, with which the error of the posterior mean falls at best.

    Returns -(alpha - s)/(2 alpha + 2 kappa + d): the minimax rate in the norm of H^s for truths of
    smoothness alpha and linear maps that smooth by kappa. Theorems for nonlinear maps give this
    rate for the forward map (s = -kappa) and, by stability estimates, often a slower one for theta.

    Parameters
    ----------
    alpha : float
        Smoothness of the truth, and of the prior.
    kappa : float
        Degree by which the forward map smooths, as for :func:`rescale_for`.
    d : int
        Dimension of the domain.
    order : float
        s, at least -kappa and below alpha; 0 is L2.

    Source
    ------
    B. Knapik, A. van der Vaart, H. van Zanten, Ann. Statist. 39 (2011); for nonlinear maps
    M. Giordano, R. Nickl, Inverse Problems 36 (2020).
    """
    alpha, dim = positive("alpha", alpha), integer("d", d, 1)
    smoothing, s = number("kappa", kappa), number("order", order)
    if smoothing < 0:
        raise ValueError(f"kappa must not be negative, got {smoothing}")
    if not -smoothing <= s < alpha:
        raise ValueError(f"order must be in [{-smoothing:g}, {alpha:g}), got {s:g}")
    return float(-(alpha - s) / (2 * alpha + 2 * smoothing + dim))
