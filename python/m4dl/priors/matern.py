"""Matern fields by their stochastic partial differential equation."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg, sparse
from scipy.special import gammaln

from .._validate import Array, choice, positive
from ..fields import laplacian_1d, stiffness_and_mass
from ..meshes import Grid, Mesh, check_mesh
from .base import MeanLike, Prior, mean_field
from .sparse import sparse_core


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
        nu, with nu + d/2 = alpha a positive integer: 1, 2, ... in two dimensions, 1/2, 3/2, ... in
        one and three. Paths have fewer than nu derivatives.
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
    White noise enters through the lumped mass matrix M and A = kappa^2 M + S, S the stiffness
    matrix: alpha = 2 q is (A^{-1} M)^{q-1} A^{-1} M^{1/2} xi, alpha = 2 q + 1 is
    (A^{-1} M)^q L^{-T} xi with A = L L'.

    Source
    ------
    F. Lindgren, H. Rue, J. Lindstroem, An explicit link between Gaussian fields and Gaussian Markov
    random fields, J. R. Stat. Soc. B 73 (2011), sec. 2.
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
        alpha = round(nu + mesh.dim / 2)
        if abs(nu + mesh.dim / 2 - alpha) > 1e-12:
            allowed = ", ".join(
                f"{k - mesh.dim / 2:g}" for k in range(mesh.dim // 2 + 1, mesh.dim // 2 + 4)
            )
            raise ValueError(
                f"smoothness must be one of {allowed}, ... in {mesh.dim} dimension(s), got {nu:g}"
            )
        kappa = np.sqrt(8.0 * nu) / length
        # Variance of (kappa^2 - Lap)^{-alpha/2} W on the whole space (Lindgren et al., eq. 2).
        log_variance = (
            gammaln(nu)
            - gammaln(alpha)
            - 0.5 * mesh.dim * np.log(4 * np.pi)
            - 2 * nu * np.log(kappa)
        )
        if isinstance(mesh, Grid) and min(mesh.shape_of(at)) < 1:
            raise ValueError(f"mesh must have nodes in its interior, got {mesh!r}")
        stiffness, mass = stiffness_and_mass(mesh, at)
        # Rounding in the factor of kappa^2 M + S costs about 1e-16 times this ratio.
        ratio = float((stiffness.diagonal() / mass).max()) / kappa**2
        if ratio > 1e12:
            longest = length * np.sqrt(1e12 / ratio)
            raise ValueError(f"length must be at most {longest:.3g} on this mesh, got {length:g}")
        n = mass.size
        m = mean_field(mean, mesh, at, n)
        A = (kappa**2 * sparse.diags_array(mass) + stiffness).tocoo()
        D = sparse.diags_array(np.sqrt(mass)) if alpha % 2 == 0 else None
        repeats = alpha // 2 - (alpha % 2 == 0)
        x = mesh.coordinates(at)

        def build(scale: Array) -> Any:
            return sparse_core(A, D, mass, repeats, scale, m, x)

        if boundary == "neumann":
            core = build(np.full(n, std * np.exp(-0.5 * log_variance)))
        elif isinstance(mesh, Grid):
            core = build(std / _grid_std(mesh, at, kappa, alpha))
        else:
            raw = Prior(build(np.ones(n)), m)
            core = build(std / raw.marginal_std())
        super().__init__(core, m, mesh, at)
        self.std, self.length, self.smoothness, self.kappa = std, length, nu, float(kappa)


def _grid_std(grid: Grid, at: str, kappa: float, alpha: int) -> Array:
    """Exact pointwise standard deviation of (kappa^2 - Lap_h)^{-alpha/2} W_h on a grid.

    Lap_h and the lumped mass separate, so with S_a phi = lambda M_a phi along each axis
    Var_i = sum_k prod_a phi_{k_a}(i_a)^2 (kappa^2 + sum_a lambda_{k_a})^{-alpha}.
    """
    squares, eigenvalues = [], []
    for h, n in zip(grid.spacing, grid.shape_of(at), strict=True):
        diagonal, off, mass = laplacian_1d(n, h, at)
        root = np.sqrt(mass)
        lam, v = linalg.eigh_tridiagonal(diagonal / mass, off / (root[:-1] * root[1:]))
        squares.append((v / root[:, None]) ** 2)
        eigenvalues.append(lam)
    total = sum(np.ix_(*eigenvalues), start=np.array(kappa**2))
    variance = total ** (-float(alpha))
    for axis, square in enumerate(squares):
        variance = np.moveaxis(np.tensordot(square, variance, axes=(1, axis)), 0, axis)
    return np.sqrt(variance).ravel()
