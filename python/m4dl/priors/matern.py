"""Matern fields by their stochastic partial differential equation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core
from .._base.validate import Array, choice, positive
from ..domains import Grid, Mesh, SimplexMesh, check_mesh, stiffness_and_mass
from . import _density
from .base import MeanLike, Prior, mean_field
from .sparse import sparse_core, sparse_log_determinant, sparse_variance

SMOOTHEST = 100
"""On triangles each unit of smoothness is another solve; sooner than here nothing but rounding is
left of a field."""

Keep = Callable[[str, Callable[[], Array]], Array]
"""Returns what was found before, where the prior comes out of a pickle."""


class MaternPrior(Prior):
    """Matern Gaussian field by the stochastic PDE (kappa^2 - Lap)^{alpha/2} (theta - mean) = W.

    Parameters
    ----------
    mesh : Grid, TriangleMesh or TetrahedronMesh
    std : float
        Pointwise standard deviation.
    length : float
        Correlation length, the distance at which the correlation is about 0.14;
        kappa = sqrt(8 nu)/length.
    smoothness : float
        nu = alpha - d/2: paths have fewer than nu derivatives. Any positive number on a grid; on
        triangles alpha is an integer, so nu is 1, 2, ...
    mean : float, array_like (D,) or callable
        A number, values, or a function of coordinates (D, d) -> (D,).
    at : {"nodes", "interior", "cells"}
        Where theta lives: on a grid at the nodes, the nodes off the boundary, or the cell centres;
        on triangles and tetrahedra at the nodes.
    boundary : {"corrected", "neumann"}
        The equation has Neumann conditions, which raise the variance near the boundary: on a square
        with smoothness 1 and length 0.2 the standard deviation is 1.41 times too high on an edge
        and 2.0 times in a corner, falling to 1 within one length. ``"corrected"`` divides by the
        exact pointwise standard deviation, so that it equals ``std`` everywhere; correlations stay
        those of the Neumann field. ``"neumann"`` leaves the field as it is.

    Notes
    -----
    A = kappa^2 M + S, with the stiffness matrix S and the lumped mass matrix M, and covariance
    (A^{-1} M)^{alpha-1} A^{-1}.

    On a grid, cosine transforms along the axes diagonalise M^{-1/2} A M^{-1/2} = V Lambda V' (type
    I at nodes, type II at cells and interior nodes), and theta = M^{-1/2} V Lambda^{-alpha/2} xi:
    the white noise xi are coefficients, the slowest wave first. Transforms are fastest where
    the number of points along an axis (at nodes: of cells) has small prime factors.

    On triangles a sparse factor A = L L' is used: (A^{-1} M)^{q-1} A^{-1} M^{1/2} xi for
    alpha = 2 q, and (A^{-1} M)^q L^{-T} xi for alpha = 2 q + 1.

    Source
    ------
    F. Lindgren, H. Rue, J. Lindstroem, An explicit link between Gaussian fields and Gaussian Markov
    random fields, J. R. Stat. Soc. B 73 (2011), sec. 2. Cosine transforms: G. Strang, The discrete
    cosine transform, SIAM Review 41 (1999).
    """

    def __init__(
        self,
        mesh: Mesh,
        *,
        std: float = 1.0,
        length: float = 0.2,
        smoothness: float = 1.0,
        mean: MeanLike = 0.0,
        at: str = "nodes",
        boundary: str = "corrected",
    ):
        mesh = check_mesh("mesh", mesh)
        std, length = positive("std", std), positive("length", length)
        nu = positive("smoothness", smoothness)
        choice("boundary", boundary, ("corrected", "neumann"))
        choice("at", at, ("nodes", "interior", "cells") if isinstance(mesh, Grid) else ("nodes",))
        corrected = boundary == "corrected"
        if isinstance(mesh, Grid):
            core, m = _grid_core(mesh, at, std, length, nu, mean, corrected, self._keep)
        else:
            core, m = _sparse_core(mesh, std, length, nu, mean, corrected, self._keep)
        self._argue(mean=m)
        super().__init__(core, m, mesh, at)
        self.std, self.length, self.smoothness = std, length, nu
        self.kappa = float(np.sqrt(8.0 * nu) / length)
        self._corrected = corrected

    def marginal_std(self) -> Array:
        if self._corrected:
            return np.full(self.parameters, self.std)
        if isinstance(self.domain, Grid):
            assert self.at is not None
            grid, at = self.domain, self.at
            root, scale = _spectrum(grid, at, self.kappa, self.smoothness), self.kept()["scale"]
            return np.asarray(scale * np.sqrt(_pointwise(root, at)).ravel())
        assert isinstance(self.domain, SimplexMesh)
        A, mass, alpha = _operator(self.domain, self.length, self.smoothness)
        unit = _unit_std(self.domain.dim, self.smoothness, self.kappa)
        return self.std / unit * _pointwise_std(self.domain, A, mass, alpha)

    def _density_factor(self) -> _density.Factor:
        if isinstance(self.domain, Grid):
            assert self.at is not None
            kept, kind = self.kept(), 1 if self.at == "nodes" else 2
            shape = self.domain.shape_of(self.at)
            return _density.spectral(kept["root"], kept["scale"], shape, kind)
        assert isinstance(self.domain, SimplexMesh)
        A, mass, alpha = _operator(self.domain, self.length, self.smoothness)
        pointwise = self.kept()["std"] if self._corrected else None
        if pointwise is None:
            pointwise = _unit_std(self.domain.dim, self.smoothness, self.kappa)
        scale = np.broadcast_to(self.std / pointwise, mass.shape)
        noise = np.sqrt(mass) if alpha % 2 == 0 else None
        repeats = alpha // 2 - (alpha % 2 == 0)
        volume = sparse_log_determinant(A, self.domain.coordinates("nodes"))
        return _density.sparse_power(A.tocsr(), mass, repeats, noise, scale, volume)


def _spectrum(grid: Grid, at: str, kappa: float, nu: float) -> Array:
    """Variances of the cosines, in the shape of the field."""
    kind = 1 if at == "nodes" else 2
    eigenvalues = []
    for h, n in zip(grid.spacing, grid.shape_of(at), strict=True):
        wave = np.sin(0.5 * np.pi * np.arange(n) / (n - 1 if kind == 1 else n))
        eigenvalues.append((2.0 / (kappa * h) * wave) ** 2)
    alpha = nu + grid.dim / 2
    return np.asarray((1.0 + sum(np.ix_(*eigenvalues), start=np.zeros(()))) ** -alpha)


def _pointwise(variance: Array, at: str) -> Array:
    """Var_i = sum_k prod_a V_a[i_a, k_a]^2 variance_k: products of squared cosines."""
    from scipy import fft

    for axis, n in enumerate(variance.shape):
        square = fft.idct(np.eye(n), 1 if at == "nodes" else 2, axis=0, norm="ortho") ** 2
        variance = np.moveaxis(np.tensordot(square, variance, axes=(1, axis)), 0, axis)
    return variance


def _log_variance(dim: int, nu: float) -> float:
    """Logarithm of the variance of (1 - Lap)^{-alpha/2} W on the whole space (Lindgren, eq. 2)."""
    from scipy.special import gammaln

    return float(gammaln(nu) - gammaln(nu + dim / 2) - 0.5 * dim * np.log(4 * np.pi))


def _grid_core(
    grid: Grid,
    at: str,
    std: float,
    length: float,
    nu: float,
    mean: MeanLike,
    corrected: bool,
    keep: Keep,
) -> tuple[Any, Array]:
    """Cosine coordinates. Lengths are in units of 1/kappa, so that no power of kappa overflows."""
    shape = grid.shape_of(at)
    if min(shape) < 1:
        raise ValueError(f"mesh must have nodes in its interior, got {grid!r}")
    kappa = np.sqrt(8.0 * nu) / length
    size = int(np.prod(shape))
    m = mean_field(mean, grid, at, size)
    kind = 1 if at == "nodes" else 2
    variance = _spectrum(grid, at, kappa, nu)
    if corrected:
        scale = std / np.sqrt(_pointwise(variance, at))  # what would be too high is divided out
    else:
        mass = np.ones(())
        for h, n in zip(grid.spacing, shape, strict=True):
            weights = np.full(n, kappa * h)
            if kind == 1:
                weights[[0, -1]] /= 2.0
            mass = np.multiply.outer(mass, weights)
        scale = std * np.exp(-0.5 * _log_variance(grid.dim, nu)) / np.sqrt(mass)
    root, factor = np.sqrt(variance).ravel(), scale.ravel()
    core = _core.spectral_prior(
        shape,
        f"dct{kind}",
        spectrum=keep("root", lambda: root),
        scale=keep("scale", lambda: factor),
        mean=m,
    )
    return core, m


def _sparse_core(
    mesh: SimplexMesh,
    std: float,
    length: float,
    nu: float,
    mean: MeanLike,
    corrected: bool,
    keep: Keep,
) -> tuple[Any, Array]:
    """A sparse factor, and an integer alpha."""
    from scipy import sparse

    A, mass, alpha = _operator(mesh, length, nu)
    n = mass.size
    m = mean_field(mean, mesh, "nodes", n)
    if corrected:
        scale = std / keep("std", lambda: _pointwise_std(mesh, A, mass, alpha))
    else:
        scale = np.full(n, std / _unit_std(mesh.dim, nu, np.sqrt(8.0 * nu) / length))
    D = sparse.diags_array(np.sqrt(mass)) if alpha % 2 == 0 else None
    repeats = alpha // 2 - (alpha % 2 == 0)
    return sparse_core(A, D, mass, repeats, scale, m, mesh.coordinates("nodes")), m


def _operator(mesh: SimplexMesh, length: float, nu: float) -> tuple[Any, Array, int]:
    """A = kappa^2 M + S, the diagonal of M, and alpha."""
    from scipy import sparse

    if nu > SMOOTHEST:
        raise ValueError(f"smoothness must be at most {SMOOTHEST} on this mesh, got {nu:g}")
    alpha = round(nu + mesh.dim / 2)
    if abs(nu + mesh.dim / 2 - alpha) > 1e-12:
        allowed = ", ".join(
            f"{k - mesh.dim / 2:g}" for k in range(mesh.dim // 2 + 1, mesh.dim // 2 + 4)
        )
        raise ValueError(
            f"smoothness must be one of {allowed}, ... in {mesh.dim} dimension(s), got {nu:g}"
        )
    kappa = np.sqrt(8.0 * nu) / length
    stiffness, mass = stiffness_and_mass(mesh)
    # Rounding in the factor of kappa^2 M + S costs about 1e-16 times this ratio.
    ratio = float((stiffness.diagonal() / mass).max()) / kappa**2
    if ratio > 1e12:
        longest = length * np.sqrt(1e12 / ratio)
        raise ValueError(f"length must be at most {longest:.3g} on this mesh, got {length:g}")
    return (kappa**2 * sparse.diags_array(mass) + stiffness).tocoo(), mass, alpha


def _unit_std(dim: int, nu: float, kappa: float) -> float:
    """Standard deviation of (kappa^2 - Lap)^{-alpha/2} W on the whole space."""
    return float(np.exp(0.5 * _log_variance(dim, nu)) * kappa**-nu)


def _pointwise_std(mesh: SimplexMesh, A: Any, mass: Array, alpha: int) -> Array:
    """Standard deviations of (A^{-1} M)^{alpha-1} A^{-1} at the nodes."""
    hint = " (an InterpolatedPrior needs none)"
    x = mesh.coordinates("nodes")
    return np.asarray(np.sqrt(sparse_variance(A, mass, alpha - 1, x, hint)))
