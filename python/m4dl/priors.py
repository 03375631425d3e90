"""Priors as maps of white noise: theta = T(xi), xi ~ N(0, I)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, sparse
from scipy.sparse.linalg import eigsh
from scipy.special import gammaln

from . import _core
from ._sparse import symmetric_lower, triplets
from ._validate import Array, array, choice, integer, number, positive
from .fields import laplacian_1d, stiffness_and_mass
from .meshes import Grid, Mesh, TriangleMesh, check_mesh

MeanLike = float | ArrayLike | Callable[[Array], ArrayLike]


class Prior:
    """What all priors share.

    Attributes
    ----------
    white : int
        W, the size of xi.
    parameters : int
        D, the size of theta.
    mean : ndarray, (D,)
    domain, at
        Where theta lives: a mesh and a location on it, or None.
    """

    def __init__(self, core: Any, mean: Array, domain: Mesh | None = None, at: str | None = None):
        self.core = core
        self.mean = mean
        self.domain = domain
        self.at = at
        self.white: int = core.white
        self.parameters: int = core.parameters

    def push(self, xi: ArrayLike) -> Array:
        """Return theta = T(xi) for white noise xi (..., W): shape (..., D)."""
        x = self._rows("xi", xi, self.white)
        return np.asarray(self.core.push(x.reshape(-1, self.white))).reshape(
            *x.shape[:-1], self.parameters
        )

    def pull(self, xi: ArrayLike, dtheta: ArrayLike) -> Array:
        """Return T'(xi)* dtheta, (..., W): the adjoint of the derivative."""
        return self._derivative(self.core.pull, xi, "dtheta", dtheta, self.parameters, self.white)

    def tangent(self, xi: ArrayLike, dxi: ArrayLike) -> Array:
        """Return T'(xi) dxi, (..., D)."""
        return self._derivative(self.core.tangent, xi, "dxi", dxi, self.white, self.parameters)

    def draw(self, count: int, seed: int) -> Array:
        """Return ``count`` independent draws of theta, (count, D)."""
        xi = _core.initial_white_noise(
            integer("seed", seed, 0), integer("count", count, 1), self.white
        )
        return self.push(xi)

    def marginal_std(self) -> Array:
        """Return the exact pointwise standard deviation of theta, (D,). Costs D solves."""
        size, chunk = self.parameters, 256
        out = np.empty(size)
        for first in range(0, size, chunk):
            rows = np.eye(min(chunk, size - first), size, k=first)
            white = self.pull(np.zeros((len(rows), self.white)), rows)
            out[first : first + chunk] = np.sqrt((white**2).sum(axis=1))
        return out

    def _derivative(
        self, apply: Any, xi: ArrayLike, name: str, direction: ArrayLike, size: int, out: int
    ) -> Array:
        x, d = self._rows("xi", xi, self.white), self._rows(name, direction, size)
        if x.shape[:-1] != d.shape[:-1]:
            raise ValueError(
                f"xi and {name} must have the same batch shape, got {x.shape[:-1]}, {d.shape[:-1]}"
            )
        rows = apply(x.reshape(-1, self.white), d.reshape(-1, size))
        return np.asarray(rows).reshape(*x.shape[:-1], out)

    @staticmethod
    def _rows(name: str, value: ArrayLike, size: int) -> Array:
        x = array(name, value)
        if x.ndim == 0 or x.shape[-1] != size:
            raise ValueError(f"{name} must have shape (..., {size}), got {x.shape}")
        return x

    def __repr__(self) -> str:
        where = f" on {self.domain} at {self.at}" if self.domain is not None else ""
        return f"{type(self).__name__}({self.parameters} parameters{where})"


class GaussianPrior(Prior):
    """N(mean, cov) with a dense or diagonal covariance.

    Parameters
    ----------
    mean : float or array_like, (D,)
    cov : float or array_like, (D,) or (D, D)
        The same variance for all, variances, or a positive definite matrix.
    domain, at : optional
        Where theta lives, for plots.
    """

    def __init__(
        self,
        mean: float | ArrayLike,
        cov: float | ArrayLike,
        *,
        domain: Mesh | None = None,
        at: str | None = None,
    ):
        m, c = array("mean", mean), array("cov", cov)
        if m.ndim > 1 or c.ndim > 2:
            raise ValueError(
                f"mean must have shape (D,) and cov (D,) or (D, D), got {m.shape} and {c.shape}"
            )
        if m.ndim == 0 and c.ndim == 0:
            raise ValueError("mean or cov must be an array, to say how many parameters there are")
        size = m.size if m.ndim else len(c)
        if c.ndim and c.shape != (size,) * c.ndim:
            raise ValueError(f"cov must have shape {(size,) * c.ndim}, got {c.shape}")
        m = np.broadcast_to(m, (size,)).copy()
        if c.ndim == 2:
            super().__init__(_core.dense_prior(m, _cholesky(c)), m, domain, at)
        else:
            if not (c > 0).all():
                raise ValueError(f"cov must be positive, got {c[c <= 0].flat[0]}")
            std = np.broadcast_to(np.sqrt(c), (size,)).copy()
            super().__init__(_core.diagonal_prior(m, std), m, domain, at)


class SparsePrior(Prior):
    """theta = mean + A^{-1} D xi from a sparse factor of one's own.

    Parameters
    ----------
    A : sparse matrix (n, n)
        Symmetric positive definite.
    D : sparse matrix (n, W), optional
        Default the identity.
    mean : float or array_like, (n,)
    coordinates : array_like, (n, d), optional
        Positions of the unknowns; they help the fill-reducing ordering.
    domain, at : optional
        Where theta lives, for plots.
    """

    def __init__(
        self,
        A: Any,
        D: Any = None,
        *,
        mean: float | ArrayLike = 0.0,
        coordinates: ArrayLike | None = None,
        domain: Mesh | None = None,
        at: str | None = None,
    ):
        if not sparse.issparse(A) or A.shape[0] != A.shape[1]:
            raise TypeError(f"A must be a square sparse matrix, got {type(A).__name__}")
        n = A.shape[0]
        m = np.broadcast_to(array("mean", mean), (n,)) if np.ndim(mean) == 0 else array("mean", mean, (n,))
        x = np.zeros((0, 0)) if coordinates is None else array("coordinates", coordinates, (n, None))
        core = _sparse_core(
            A, sparse.eye_array(n) if D is None else D, np.ones(n), 0, np.ones(n), m, x
        )
        super().__init__(core, np.array(m), domain, at)


class MaternPrior(Prior):
    """Matern Gaussian field by the stochastic PDE (kappa^2 - Lap)^{alpha/2} (theta - mean) = W.

    Parameters
    ----------
    mesh : Grid or TriangleMesh
    std : float
        Pointwise standard deviation.
    length : float
        Correlation length: the correlation is about 0.13 at this distance. kappa = sqrt(8 nu)/length.
    smoothness : float
        nu, with nu + d/2 = alpha a positive integer: 1, 2, ... in two dimensions, 1/2, 3/2, ... in
        one and three. Paths have fewer than nu derivatives.
    mean : float, array_like (D,) or callable
        A number, values, or a function of coordinates (D, d) -> (D,).
    at : {"nodes", "interior", "cells"}
        Where theta lives: on a grid at the nodes, the nodes off the boundary, or the cell centres;
        on triangles at the nodes.
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
            allowed = ", ".join(f"{k - mesh.dim / 2:g}" for k in range(mesh.dim // 2 + 1, mesh.dim // 2 + 4))
            raise ValueError(
                f"smoothness must be one of {allowed}, ... in {mesh.dim} dimension(s), got {nu:g}"
            )
        kappa = np.sqrt(8.0 * nu) / length
        # Variance of (kappa^2 - Lap)^{-alpha/2} W on the whole space (Lindgren et al., eq. 2).
        log_variance = (
            gammaln(nu) - gammaln(alpha) - 0.5 * mesh.dim * np.log(4 * np.pi) - 2 * nu * np.log(kappa)
        )
        stiffness, mass = stiffness_and_mass(mesh, at)
        n = mass.size
        m = _mean(mean, mesh, at, n)
        A = (kappa**2 * sparse.diags_array(mass) + stiffness).tocoo()
        D = sparse.diags_array(np.sqrt(mass)) if alpha % 2 == 0 else None
        repeats = alpha // 2 - (alpha % 2 == 0)
        x = mesh.coordinates(at)

        def build(scale: Array) -> Any:
            return _sparse_core(A, D, mass, repeats, scale, m, x)

        if boundary == "neumann":
            core = build(np.full(n, std * np.exp(-0.5 * log_variance)))
        elif isinstance(mesh, Grid):
            core = build(std / _grid_std(mesh, at, kappa, alpha))
        else:
            raw = Prior(build(np.ones(n)), m)
            core = build(std / raw.marginal_std())
        super().__init__(core, m, mesh, at)
        self.std, self.length, self.smoothness, self.kappa = std, length, nu, float(kappa)


class SeriesPrior(Prior):
    """Series in the eigenfunctions of the Dirichlet-Laplacian: theta = mean + sum_k s_k xi_k e_k.

    s_k is proportional to lambda_k^{-alpha/2}, with -Lap e_k = lambda_k e_k, e_k = 0 on the boundary
    and the e_k orthonormal in L2. Draws have alpha - d/2 derivatives; theta' of the theory is this
    prior with alpha its smoothness.

    Parameters
    ----------
    mesh : Grid or TriangleMesh
        On a grid the exact sine basis; on triangles the P1 eigenvectors.
    modes : int
        W, the number of eigenfunctions, those of the smallest eigenvalues.
    alpha : float
        Decay; must exceed d/2.
    std : float or None
        Root of the mean over the domain of the pointwise variance. None: s_k = lambda_k^{-alpha/2}.
    mean : float, array_like (D,) or callable
    at : {"nodes", "interior", "cells"}
        Where theta is evaluated; on triangles the nodes.

    Attributes
    ----------
    mode_std : ndarray, (W,)
        s_k. ``DiagonalMetric(prior.mode_std ** -2.0)`` turns ULA in white space into the
        unpreconditioned Langevin algorithm in the coefficients s_k xi_k.
    eigenvalues : ndarray, (W,)

    Source
    ------
    R. Nickl, S. Wang, J. Eur. Math. Soc. 26 (2024), sec. 2.
    """

    def __init__(
        self,
        mesh: Mesh,
        *,
        modes: int,
        alpha: float,
        std: float | None = 1.0,
        mean: MeanLike = 0.0,
        at: str = "nodes",
    ):
        mesh = check_mesh("mesh", mesh)
        count, decay = integer("modes", modes, 1), number("alpha", alpha)
        if decay <= mesh.dim / 2:
            raise ValueError(f"alpha must exceed d/2 = {mesh.dim / 2:g}, got {decay:g}")
        choice("at", at, ("nodes", "interior", "cells") if isinstance(mesh, Grid) else ("nodes",))
        n = mesh.size_of(at)
        m = _mean(mean, mesh, at, n)
        limit = int(np.prod([c - 1 for c in mesh.cells])) if isinstance(mesh, Grid) else (
            len(mesh.points) - len(mesh.boundary)
        )
        if count > limit:
            raise ValueError(f"modes must be at most {limit} on this mesh, got {count}")
        if isinstance(mesh, Grid):
            index, eigenvalues = _box_modes(mesh, count)
        else:
            basis, eigenvalues = _triangle_modes(mesh, count)
        s = eigenvalues ** (-decay / 2)
        if std is not None:
            s *= positive("std", std) * np.sqrt(mesh.measure / (s**2).sum())
        if isinstance(mesh, Grid):
            axes = [
                np.sqrt(2 / (b - a)) * np.sin(np.pi * np.outer((x - a) / (b - a), np.arange(1, k.max() + 1)))
                for x, (a, b), k in zip(mesh.axes(at), mesh.extent, index.T, strict=True)
            ]
            flat = np.ravel_multi_index(tuple(index.T - 1), tuple(b.shape[1] for b in axes))
            core = _core.series_prior(axes, flat.astype(np.int64), s, m)
        else:
            core = _core.dense_prior(m, basis * s)
        super().__init__(core, m, mesh, at)
        self.mode_std, self.eigenvalues = s, eigenvalues


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
    return float((positive("N", N) / positive("sigma", sigma) ** 2) ** -exponent)


def _mean(mean: MeanLike, mesh: Mesh, at: str, size: int) -> Array:
    if callable(mean):
        mean = mean(mesh.coordinates(at))
    if np.ndim(mean) == 0:
        return np.full(size, number("mean", mean))
    return array("mean", mean, (size,))


def _cholesky(cov: Array) -> Array:
    gap = np.abs(cov - cov.T).max()
    if gap > 1e-10 * np.abs(cov).max():
        raise ValueError(f"cov must be symmetric, got an asymmetry of {gap:g}")
    try:
        return np.ascontiguousarray(np.linalg.cholesky(cov))
    except np.linalg.LinAlgError as error:
        lowest = np.linalg.eigvalsh(cov)[0]
        raise ValueError(
            f"cov must be positive definite, its smallest eigenvalue is {lowest:g}"
        ) from error


def _sparse_core(
    A: Any, D: Any, mass: Array, repeats: int, scale: Array, mean: Array, x: Array
) -> Any:
    n = mean.size
    a = symmetric_lower("A", A, n)
    d = triplets("D", sparse.coo_array((n, 0)) if D is None else D, (n, None))
    return _core.sparse_prior(
        a.row, a.column, a.value, x, d.shape[1], d.row, d.column, d.value,
        mass, int(repeats), scale, mean,
    )  # fmt: skip


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


def _box_modes(grid: Grid, count: int) -> tuple[Any, Array]:
    """Wave numbers (count, d), from 1, and eigenvalues of the smallest Dirichlet modes of a box."""
    wave = np.stack(
        [k.ravel() for k in np.meshgrid(*[np.arange(1, c) for c in grid.cells], indexing="ij")],
        axis=1,
    )
    lengths = np.array([b - a for a, b in grid.extent])
    eigenvalues = ((np.pi * wave / lengths) ** 2).sum(axis=1)
    first = np.argsort(eigenvalues, kind="stable")[:count]
    return wave[first], eigenvalues[first]


def _triangle_modes(mesh: TriangleMesh, count: int) -> tuple[Array, Array]:
    """P1 Dirichlet eigenvectors (P, count), orthonormal in L2 by the lumped mass, and eigenvalues."""
    stiffness, mass = stiffness_and_mass(mesh, "nodes")
    free = np.setdiff1d(np.arange(len(mesh.points)), mesh.boundary)
    root = np.sqrt(mass[free])
    scaled = sparse.diags_array(1 / root) @ stiffness.tocsr()[free][:, free] @ sparse.diags_array(1 / root)
    if count < free.size - 1 and free.size > 64:
        start = np.random.default_rng(0).standard_normal(free.size)  # reproducible Lanczos start
        values, vectors = eigsh(scaled.tocsc(), k=count, sigma=0.0, v0=start)
    else:
        values, vectors = linalg.eigh(scaled.toarray())
    first = np.argsort(values)[:count]
    vectors = vectors[:, first]
    vectors *= np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(count)])
    basis = np.zeros((len(mesh.points), count))
    basis[free] = vectors / root[:, None]
    return basis, values[first]
