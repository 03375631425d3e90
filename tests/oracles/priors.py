"""Gaussian priors as dense covariances: Matern by finite differences, and the sine series."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh
from scipy.special import gamma, kv

from .meshes import Array, Box


def _axis(count: int, h: float, trapezoid: bool) -> tuple[Array, Array]:
    """Lumped mass and Neumann stiffness of one axis, (count, count) each."""
    weights = np.full(count, h)
    if trapezoid:
        weights[[0, -1]] = h / 2.0
    difference = np.diff(np.eye(count), axis=0)
    return np.diag(weights), difference.T @ difference / h


def matern_matrices(box: Box, at: str) -> tuple[Array, Array]:
    """Lumped mass M and Neumann stiffness S, dense (D, D): S = Sx kron My + Mx kron Sy.

    At "nodes" M has trapezoid weights; at "cells" and "interior" M = h^d and the reflection is half
    a step outside.
    """
    pairs = [
        _axis(len(x), float(h), at == "nodes")
        for x, h in zip(box.axes(at), box.spacing, strict=True)
    ]
    mass = reduce(np.kron, [m for m, _ in pairs])
    stiffness = np.zeros_like(mass)
    for axis in range(box.dim):
        stiffness += reduce(np.kron, [s if i == axis else m for i, (m, s) in enumerate(pairs)])
    return mass, stiffness


def scale(dim: int, std: float, length: float, smoothness: float) -> tuple[float, float, float]:
    """kappa, tau, alpha of (kappa^2 - Lap)^{alpha/2} theta = tau W with variance std^2 on R^d.

    The variance there is tau^2 Gamma(nu) / (Gamma(alpha) (4 pi)^{d/2} kappa^{2 nu}) (Lindgren, Rue,
    Lindstrom 2011).
    """
    alpha = smoothness + dim / 2.0
    kappa = np.sqrt(8.0 * smoothness) / length
    unit = gamma(smoothness) / (
        gamma(alpha) * (4.0 * np.pi) ** (dim / 2.0) * kappa ** (2.0 * smoothness)
    )
    return float(kappa), float(std / np.sqrt(unit)), alpha


def matern_covariance(
    box: Box, at: str, std: float, length: float, smoothness: float, corrected: bool = False
) -> Array:
    """Dense (D, D) inverse of the precision K (M^{-1} K)^{alpha-1} / tau^2, with K = kappa^2 M + S.

    A power that is no integer is taken of the eigenvalues of K v = lambda M v. ``std`` is the
    pointwise standard deviation on the whole space; near the Neumann boundary it is larger.
    ``corrected`` rescales the field pointwise, D C D, so that it is ``std`` everywhere.
    """
    mass, stiffness = matern_matrices(box, at)
    kappa, tau, alpha = scale(box.dim, std, length, smoothness)
    operator = kappa**2 * mass + stiffness
    if alpha == round(alpha):
        precision = operator.copy()
        for _ in range(round(alpha) - 1):
            precision = precision @ np.linalg.solve(mass, operator)
        covariance = tau**2 * np.linalg.inv((precision + precision.T) / 2.0)
    else:
        eigenvalues, vectors = eigh(operator, mass)  # vectors' M vectors = 1
        covariance = tau**2 * (vectors * eigenvalues**-alpha) @ vectors.T
    if corrected:
        factor = std / np.sqrt(np.diag(covariance))
        covariance *= np.outer(factor, factor)
    return covariance


def matern_map(
    box: Box, at: str, std: float, length: float, smoothness: float, corrected: bool = False
) -> Array:
    """Dense (D, D) T = tau (K^{-1} M)^{alpha/2} M^{-1/2} for even alpha; T T' is the covariance."""
    mass, stiffness = matern_matrices(box, at)
    kappa, tau, alpha = scale(box.dim, std, length, smoothness)
    if alpha % 2 != 0:
        raise ValueError(f"the map of white noise needs an even alpha, got {alpha}")
    out = tau * np.diag(np.diag(mass) ** -0.5)
    for _ in range(round(alpha) // 2):
        out = np.linalg.solve(kappa**2 * mass + stiffness, mass @ out)
    if corrected:
        out *= std / np.sqrt((out**2).sum(axis=1, keepdims=True))
    return out


def matern_correlation(distance: ArrayLike, length: float, smoothness: float) -> Array:
    """2^{1-nu}/Gamma(nu) (kappa r)^nu K_nu(kappa r) with kappa = sqrt(8 nu)/length."""
    r = np.sqrt(8.0 * smoothness) / length * np.asarray(distance, dtype=float)
    positive = np.where(r > 0.0, r, 1.0)
    value = (
        2.0 ** (1.0 - smoothness)
        / gamma(smoothness)
        * positive**smoothness
        * kv(smoothness, positive)
    )
    return np.where(r > 0.0, value, 1.0)


def sine_series(box: Box, at: str, modes: Sequence[tuple[int, ...]]) -> tuple[Array, Array]:
    """Dirichlet-Laplace eigenfunctions (D, K), orthonormal in L2, and eigenvalues (K,) of -Lap.

    Mode (k_1, ..., k_d), k_i >= 1, is the product of sqrt(2/L_i) sin(k_i pi (x_i - lo_i)/L_i).
    """
    x = box.coordinates(at) - box.bounds[:, 0]
    lengths = box.bounds[:, 1] - box.bounds[:, 0]
    basis = np.ones((len(x), len(modes)))
    eigenvalues = np.zeros(len(modes))
    for k, mode in enumerate(modes):
        for axis, wave in enumerate(mode):
            number = wave * np.pi / lengths[axis]
            basis[:, k] *= np.sqrt(2.0 / lengths[axis]) * np.sin(number * x[:, axis])
            eigenvalues[k] += number**2
    return basis, eigenvalues
