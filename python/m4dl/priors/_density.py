"""Log densities of Gaussian fields theta = mean + T xi, xi ~ N(0, I), from factors of T.

Where T has full rank D, the density is that of N(mean, T T'). Where its rank r is lower, theta lies
in an affine subspace and the density is the one with respect to r-dimensional volume there:

    log p = -r/2 log(2 pi) - log vol T - |T^+ (theta - mean)|^2 / 2,

with the pseudo-inverse T^+ and the product vol T of the r singular values that are not 0; outside
the subspace it is -inf. (A. Rao, Linear Statistical Inference and Its Applications (1973), 8a.4;
``scipy.stats.multivariate_normal`` with ``allow_singular=True`` has the same.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._base.validate import Array

EPS = float(np.finfo(np.float64).eps)

IN_RANGE = 1e-8
"""Distance from the subspace, relative to theta, that counts as rounding."""
CERTAIN = 1e-3
"""What the rounding of theta may change a log density by."""
LARGEST_MAP = 2**26
"""Numbers of T up to which it is written down: half a gigabyte."""

Solve = Callable[[Array], tuple[Array, Array]]


@dataclass(frozen=True)
class Factor:
    """What the density of a Gaussian field about its mean takes.

    Attributes
    ----------
    rank : int
        r.
    log_volume : float
        log vol T.
    solve : callable
        From fields f (n, D) in the range to |T^+ f|^2, (n,), and (T T')^+ f, (n, D).
    project : callable or None
        The orthogonal projection of fields (n, D) to the range of T; None for the identity.
    """

    rank: int
    log_volume: float
    solve: Solve
    project: Callable[[Array], Array] | None = None


def log_density(factor: Factor, mean: Array, theta: Array) -> tuple[Array, Array]:
    """Return log densities (n,) of fields theta (n, D), and their gradients (n, D).

    Raises
    ------
    ValueError
        If theta, rounded to double precision, does not determine a density.
    """
    field = theta - mean
    outside = np.zeros(len(field), dtype=bool)
    if factor.project is not None:
        inside = factor.project(field)
        scale = np.linalg.norm(theta, axis=1) + np.linalg.norm(mean)
        outside = np.linalg.norm(field - inside, axis=1) > IN_RANGE * scale
        field = inside
    square, precise = factor.solve(field)
    value = -0.5 * square - factor.log_volume - 0.5 * factor.rank * np.log(2 * np.pi)
    # theta_i is known to a relative eps, independently of the others; and solving rounds as often
    # as a transform has stages
    unknown = 8 * EPS * np.linalg.norm(precise * np.maximum(np.abs(theta), np.abs(mean)), axis=1)
    lost = ~outside & ~(unknown <= CERTAIN + 1e-9 * square)
    if lost.any():
        row = int(lost.argmax())
        raise ValueError(
            f"theta (row {row}) does not determine its log density in double precision: rounding "
            f"alone moves it by {unknown[row]:.2g}, for some combinations of its values have "
            'almost no variance; take space="white"'
        )
    value[outside], precise[outside] = -np.inf, np.nan
    return value, -precise


def diagonal(std: Array) -> Factor:
    """T = diag(std)."""

    def solve(field: Array) -> tuple[Array, Array]:
        xi = field / std
        return (xi**2).sum(axis=1), xi / std

    return Factor(len(std), float(np.log(std).sum()), solve)


def triangular(factor: Array) -> Factor:
    """T = L, lower triangular."""

    from scipy import linalg

    def solve(field: Array) -> tuple[Array, Array]:
        xi = linalg.solve_triangular(factor, field.T, lower=True)
        precise = linalg.solve_triangular(factor, xi, lower=True, trans="T")
        return (xi**2).sum(axis=0), precise.T

    return Factor(len(factor), float(np.log(np.abs(np.diagonal(factor))).sum()), solve)


def orthogonal(
    scale: Array, push: Callable[[Array], Array], pull: Callable[[Array], Array]
) -> Factor:
    """T' T = diag(scale^2), with T and T' as functions of rows."""

    def solve(field: Array) -> tuple[Array, Array]:
        xi = pull(field) / scale**2
        return (xi**2).sum(axis=1), push(xi / scale**2)

    def project(field: Array) -> Array:
        return push(pull(field) / scale**2)

    return Factor(len(scale), float(np.log(scale).sum()), solve, project)


def sparse_power(
    A: Any, mass: Array, repeats: int, noise: Array | None, scale: Array, log_determinant: float
) -> Factor:
    """T = diag(scale) (A^{-1} M)^repeats B with B = A^{-1} diag(noise), or L^{-T} for A = L L'.

    ``log_determinant`` is that of A. Products with A are all that fields take.
    """

    def forth(field: Array) -> Array:
        v = (field / scale).T
        for _ in range(repeats):
            v = (A @ v) / mass[:, None]
        return np.asarray(v)

    def back(v: Array) -> Array:
        for _ in range(repeats):
            v = A @ (v / mass[:, None])
        return np.asarray(v.T / scale)

    def solve(field: Array) -> tuple[Array, Array]:
        v = forth(field)
        image = A @ v
        if noise is None:  # the covariance of L^{-T} xi is A^{-1}
            return (v * image).sum(axis=0), back(image)
        xi = image / noise[:, None]
        return (xi**2).sum(axis=0), back(A @ (xi / noise[:, None]))

    volume = float(np.log(scale).sum()) + repeats * (float(np.log(mass).sum()) - log_determinant)
    if noise is None:
        volume -= 0.5 * log_determinant
    else:
        volume += float(np.log(np.abs(noise)).sum()) - log_determinant
    return Factor(len(scale), volume, solve)


def spectral(root: Array, scale: Array, shape: tuple[int, ...], kind: int) -> Factor:
    """T = diag(scale) V diag(root), V the cosine transform of that kind along all axes."""
    from scipy import fft

    axes = tuple(range(1, len(shape) + 1))

    def solve(field: Array) -> tuple[Array, Array]:
        values = (field / scale).reshape(-1, *shape)
        xi = fft.dctn(values, kind, axes=axes, norm="ortho").reshape(len(field), -1) / root
        back = fft.idctn((xi / root).reshape(-1, *shape), kind, axes=axes, norm="ortho")
        return (xi**2).sum(axis=1), back.reshape(len(field), -1) / scale

    return Factor(len(scale), float(np.log(scale).sum() + np.log(root).sum()), solve)


def dense(T: Array) -> Factor:
    """Any matrix (D, W), by its singular values.

    Raises
    ------
    ValueError
        If they do not fall into those that are 0 up to rounding and others.
    """
    from scipy import linalg

    size, white = T.shape
    u, s, _ = linalg.svd(T, full_matrices=False)
    noise = max(size, white) * EPS * s[0]
    rank = int((s > noise).sum())
    if rank == 0:
        raise ValueError("the prior is its mean and nothing else: it has no density")
    if s[rank - 1] < 1e3 * noise:
        raise ValueError(
            "the rank of this prior cannot be told in double precision: its singular values fall "
            f"from {s[0]:.3g} to {s[rank - 1]:.3g} without a gap before rounding, {noise:.3g}; "
            'take space="white"'
        )
    u, s = u[:, :rank], s[:rank]

    def solve(field: Array) -> tuple[Array, Array]:
        xi = (field @ u) / s
        return (xi**2).sum(axis=1), (xi / s) @ u.T

    def project(field: Array) -> Array:
        return np.asarray((field @ u) @ u.T)

    return Factor(rank, float(np.log(s).sum()), solve, None if rank == size else project)


def written_down(name: str, size: int, white: int, tangent: Callable[[Array], Array]) -> Factor:
    """Write T (D, W) down, column by column of the tangent, and take its singular values."""
    if size * white > LARGEST_MAP:
        raise ValueError(
            f"the log density of this {name} takes the {size} x {white} numbers of its map, "
            f'more than {LARGEST_MAP}: take space="white"'
        )
    T = np.empty((size, white))
    for first in range(0, white, 256):
        unit = np.eye(min(256, white - first), white, k=first)
        T[:, first : first + len(unit)] = tangent(unit).T
    return dense(T)


def mixed(factors: Sequence[Factor], mixing: Array, size: int) -> Factor | None:
    """theta_c = sum_k mixing[c, k] f_k with independent fields f_k; None if that needs more.

    The fields have ``size`` values each. If each f_k fills its space, the map of the fields to
    theta stretches volume by vol(mixing)^size; without mixing it does nothing, whatever they do.
    """
    from scipy import linalg

    count = len(factors)
    if not np.array_equal(mixing, np.eye(count)):
        if any(f.rank < size for f in factors) or len(mixing) < count:
            return None
        s = linalg.svdvals(mixing)
        if s[-1] < 1e-10 * s[0]:
            return None
        stretch = size * float(np.log(s).sum())
    else:
        stretch = 0.0
    inverse = linalg.pinv(mixing)  # (K, C)

    def fields(theta: Array) -> Array:
        parts = theta.reshape(len(theta), len(mixing), size)
        return np.asarray(np.einsum("kc,ncd->knd", inverse, parts))

    def solve(theta: Array) -> tuple[Array, Array]:
        parts = [f.solve(x) for f, x in zip(factors, fields(theta), strict=True)]
        precise = np.einsum("kc,knd->ncd", inverse, np.stack([p for _, p in parts]))
        return np.sum([s for s, _ in parts], axis=0), precise.reshape(theta.shape)

    def project(theta: Array) -> Array:
        parts = [
            x if f.project is None else f.project(x)
            for f, x in zip(factors, fields(theta), strict=True)
        ]
        whole = np.einsum("ck,knd->ncd", mixing, np.stack(parts))
        return np.asarray(whole.reshape(theta.shape))

    full = len(mixing) == count and all(f.project is None for f in factors)
    return Factor(
        sum(f.rank for f in factors),
        sum(f.log_volume for f in factors) + stretch,
        solve,
        None if full else project,
    )
