"""Norms of fields on grids and meshes: L2, Sobolev and its duals, and the supremum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft, sparse
from scipy.sparse.linalg import splu

from .._base.fixed import Fixed, Rebuilt
from .._base.validate import Array, array, number, rows
from ._checks import Mesh, check_domain, check_mesh
from ._fields import stiffness_and_mass
from ._grid import Grid
from ._simplices import SimplexMesh


class SobolevNorm(Rebuilt):
    """||f||^2 = <f, (1 - Lap)^s f>, an integral over the domain: L2 for s = 0, dual for s < 0.

    The Laplacian has Neumann conditions, so that a field need not vanish on the boundary. It is an
    integral: values on a finer mesh give the same number in the limit, unlike sums over values.

    Parameters
    ----------
    domain : Grid, TriangleMesh or TetrahedronMesh
    at : {"nodes", "interior", "cells"}
        Where the field's values sit.
    order : float
        s. Any number on a grid; an integer at the nodes of triangles and tetrahedra; 0 in their
        cells.

    Notes
    -----
    On a grid the trapezoidal rule at nodes, the midpoint rule at cells and interior nodes (which
    leaves out half a cell along the boundary), and powers of the difference Laplacian by cosine
    transforms, as for `MaternPrior`. On simplices linear elements with mass M and stiffness S:
    f' A (M^{-1} A)^{s-1} f with A = M + S, the exact integral for s = 0 and 1.
    """

    def __init__(self, domain: Mesh, at: str, order: float = 0.0):
        self.domain, self.at = check_mesh("domain", domain), at
        self.order = number("order", order)
        self.parameters = self.domain.size_of(at)
        self._squares: Callable[[Array], Array]
        if isinstance(self.domain, Grid):
            self._squares = _grid_squares(self.domain, at, self.order)
        else:
            self._squares = _simplex_squares(self.domain, at, self.order)

    def __call__(self, field: ArrayLike) -> Array:
        """Return the norms of fields (..., D): shape (...)."""
        x, batch = rows("field", field, self.parameters)
        # rounding can leave a square at -1e-18
        return np.asarray(np.sqrt(np.maximum(self._squares(x), 0.0))).reshape(batch)

    def __repr__(self) -> str:
        return f"SobolevNorm({self.domain} at {self.at}, order={self.order:g})"


class SupNorm(Fixed):
    """The largest absolute value at the places where a field's values sit."""

    def __init__(self) -> None:
        """Nothing to be said of it."""

    def __call__(self, field: ArrayLike) -> Array:
        """Return the norms of fields (..., D): shape (...)."""
        x = array("field", field)
        if x.ndim == 0 or not x.shape[-1]:
            raise ValueError(f"field must have shape (..., D) with D > 0, got {x.shape}")
        return np.asarray(np.abs(x).max(axis=-1))

    def __repr__(self) -> str:
        return "SupNorm()"


def norm_of(order: float, domain: Any, at: Any, size: int, what: str) -> SobolevNorm:
    """Return the norm of fields of ``size`` values, or say that ``what`` needs a domain."""
    if domain is None:
        raise ValueError(
            f"{what} needs a mesh to integrate over, and theta has no domain: give the prior or "
            "the model one, or pass domain= and at="
        )
    places = 0 if at is None else check_mesh("domain", domain).size_of(at)
    if places and size != places and size % places == 0:
        raise ValueError(
            f"{what} is that of a scalar field, and theta has {size // places} components: "
            "take it of draws.component(c)"
        )
    check_domain(domain, at, size)
    return SobolevNorm(domain, at, order)


def _grid_squares(grid: Grid, at: str, order: float) -> Callable[[Array], Array]:
    """With weights w, fields w^{1/2} f have orthonormal cosine coefficients."""
    shape = grid.shape_of(at)
    kind = 1 if at == "nodes" else 2
    weights, eigenvalues = np.ones(()), np.zeros(())
    for h, n in zip(grid.spacing, shape, strict=True):
        w = np.full(n, h)
        if kind == 1:
            w[[0, -1]] /= 2
        wave = np.sin(0.5 * np.pi * np.arange(n) / (n - 1 if kind == 1 else n))
        weights = np.multiply.outer(weights, w)
        eigenvalues = np.add.outer(eigenvalues, (2 / h * wave) ** 2)
    flat = weights.ravel()
    if order == 0.0:
        return lambda x: np.asarray(x**2 @ flat)
    power = (1.0 + eigenvalues.ravel()) ** order
    axes = tuple(range(1, len(shape) + 1))

    def squares(x: Array) -> Array:
        scaled = (x * np.sqrt(flat)).reshape(-1, *shape)
        # "ortho" scales the ends of type I so that the transform is orthogonal
        c = fft.dctn(scaled, kind, axes=axes, norm="ortho", orthogonalize=True)
        return np.asarray(c.reshape(len(x), -1) ** 2 @ power)

    return squares


def _simplex_squares(mesh: SimplexMesh, at: str, order: float) -> Callable[[Array], Array]:
    if at == "cells":
        if order != 0:
            raise ValueError(f"order must be 0 for values in cells of a mesh, got {order:g}")
        sizes = mesh.cell_measures
        return lambda x: np.asarray(x**2 @ sizes)
    if order != round(order):
        raise ValueError(f"order must be an integer on a mesh, got {order:g}")
    mass, stiffness = _mass(mesh), stiffness_and_mass(mesh)[0]
    A = (mass + stiffness).tocsc()
    steps, odd = divmod(abs(round(order)), 2)
    up = splu(mass.tocsc()) if order >= 2 else None
    down = splu(A) if order < 0 else None

    def squares(x: Array) -> Array:
        f = x.T
        for _ in range(steps):
            if up is not None:
                f = up.solve(A @ f)
            elif down is not None:
                f = down.solve(mass @ f)
        if not odd:
            image = mass @ f
        elif down is None:
            image = A @ f
        else:  # (M f)' A^{-1} (M f)
            image = mass @ down.solve(mass @ f)
        return np.asarray((f * image).sum(axis=0))

    return squares


def _mass(mesh: SimplexMesh) -> Any:
    """The mass matrix of linear elements: |T| (1 + delta_ij)/((d + 1)(d + 2)) on a cell T."""
    corners = mesh.dim + 1
    local = (np.eye(corners) + 1) / (corners * (corners + 1))
    values = (mesh.cell_measures[:, None, None] * local).ravel()
    i, j = np.repeat(mesh.cells, corners, axis=1).ravel(), np.tile(mesh.cells, (1, corners)).ravel()
    n = len(mesh.points)
    return sparse.coo_array((values, (i, j)), shape=(n, n)).tocsr()
