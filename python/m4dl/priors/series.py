"""Series in the eigenfunctions of the Dirichlet-Laplacian."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._base.validate import Array, choice, integer, number, positive
from ..domains import Grid, Mesh, SimplexMesh, check_mesh, stiffness_and_mass
from . import _density
from .base import MeanLike, Prior, mean_field


class SeriesPrior(Prior):
    """Series in the eigenfunctions of the Dirichlet-Laplacian: theta = mean + sum_k s_k xi_k e_k.

    s_k is proportional to lambda_k^{-alpha/2}, with -Lap e_k = lambda_k e_k, e_k = 0 on the
    boundary and the e_k orthonormal in L2. Draws have fewer than alpha - d/2 derivatives; alpha is
    the smoothness of the theory's theta'.

    Parameters
    ----------
    mesh : Grid, TriangleMesh or TetrahedronMesh
        On a grid the exact sine basis; on triangles and tetrahedra the P1 eigenvectors.
    modes : int
        W, the number of eigenfunctions, those of the smallest eigenvalues.
    alpha : float
        Decay; must exceed d/2.
    std : float or None
        Root of the mean over the domain of the pointwise variance. None: s_k = lambda_k^{-alpha/2}.
    mean : float, array_like (D,) or callable
    at : {"nodes", "interior", "cells"}
        Where theta is evaluated; on triangles and tetrahedra the nodes.

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
        m = mean_field(mean, mesh, at, n)
        self._argue(mean=m)
        limit = (
            int(np.prod([c - 1 for c in mesh.cells]))
            if isinstance(mesh, Grid)
            else (len(mesh.points) - len(mesh.boundary))
        )
        if count > limit:
            raise ValueError(f"modes must be at most {limit} on this mesh, got {count}")
        if isinstance(mesh, Grid):
            index, eigenvalues = _box_modes(mesh, count)
        else:
            basis, eigenvalues = self._keep("modes", lambda: _simplex_modes(mesh, count))
        s = eigenvalues ** (-decay / 2)
        if std is not None:
            s *= positive("std", std) * np.sqrt(mesh.measure / (s**2).sum())
        if isinstance(mesh, Grid):
            axes = [
                _sines((x - a) / (b - a), k.max()) * np.sqrt(2 / (b - a))
                for x, (a, b), k in zip(mesh.axes(at), mesh.extent, index.T, strict=True)
            ]
            flat = np.ravel_multi_index(tuple(index.T - 1), tuple(b.shape[1] for b in axes))
            core = _core.series_prior(axes, flat.astype(np.int64), std=s, mean=m)
        else:
            core = _core.dense_prior(m, basis * s)
        super().__init__(core, m, mesh, at)
        self.mode_std, self.eigenvalues = s, eigenvalues

    def _density_factor(self) -> _density.Factor:
        if not isinstance(self.domain, Grid):
            return super()._density_factor()
        # sines of fewer waves than cells are orthogonal at nodes and at cells, h^d B' B = 1
        zero, cell = np.zeros(self.white), float(np.prod(self.domain.spacing))
        return _density.orthogonal(
            self.mode_std / np.sqrt(cell),
            lambda xi: self.tangent(np.broadcast_to(zero, xi.shape), xi),
            lambda f: self.pull(np.broadcast_to(zero, (len(f), self.white)), f),
        )


def _sines(t: Array, count: int) -> Array:
    """sin(k pi t) for k = 1..count, (t, count); exactly 0 at the ends, not 1e-16."""
    values: Array = np.sin(np.pi * np.outer(t, np.arange(1, count + 1)))
    values[(t == 0) | (t == 1)] = 0.0
    return values


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


def _simplex_modes(mesh: SimplexMesh, count: int) -> tuple[Array, Array]:
    """P1 Dirichlet eigenvectors (P, count), orthonormal by the lumped mass, and eigenvalues."""
    from scipy import linalg, sparse
    from scipy.sparse.linalg import eigsh

    stiffness, mass = stiffness_and_mass(mesh)
    free = np.setdiff1d(np.arange(len(mesh.points)), mesh.boundary)
    root = np.sqrt(mass[free])
    scaled = (
        sparse.diags_array(1 / root)
        @ stiffness.tocsr()[free][:, free]
        @ sparse.diags_array(1 / root)
    )
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
