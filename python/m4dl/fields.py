"""Stiffness and lumped mass matrices of scalar fields, for priors and norms."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ._validate import Array
from .meshes import Grid, Mesh, SimplexMesh


def laplacian_1d(n: int, h: float, at: str) -> tuple[Array, Array, Array]:
    """Stiffness (diagonal, off-diagonal) and lumped mass of n values a distance h apart.

    Neumann conditions. At ``"nodes"`` the end values own half a cell (eigenvectors: DCT-I); in cell
    centres and interior nodes every value owns a cell of width h (reflection between the samples,
    DCT-II).
    """
    diagonal = np.full(n, 2.0 / h)
    diagonal[[0, -1]] = 1.0 / h if n > 1 else 0.0
    mass = np.full(n, h)
    if at == "nodes":
        mass[[0, -1]] = h / 2
    return diagonal, np.full(n - 1, -1.0 / h), mass


def stiffness_and_mass(mesh: Mesh, at: str) -> tuple[Any, Array]:
    """Sparse stiffness matrix S (Neumann) and lumped mass M of fields on a mesh.

    f' S f approximates the integral of |grad f|^2, sum M f^2 that of f^2.
    """
    if not isinstance(mesh, Grid):
        return _linear_elements(mesh)
    stiffness = sparse.csr_array((1, 1))
    mass = np.ones(1)
    for n, h in zip(mesh.shape_of(at), mesh.spacing, strict=True):
        diagonal, off, m = laplacian_1d(n, h, at)
        s = sparse.diags_array([off, diagonal, off], offsets=[-1, 0, 1])
        # S of a product is S (x) M + M (x) S.
        stiffness = sparse.kron(stiffness, sparse.diags_array(m)) + sparse.kron(
            sparse.diags_array(mass), s
        )
        mass = np.asarray(np.kron(mass, m), dtype=np.float64)
    return stiffness.tocsr(), mass


def _linear_elements(mesh: SimplexMesh) -> tuple[Any, Array]:
    cells, size, g = mesh.cells, mesh.cell_measures, mesh.gradients()
    n, corners = len(mesh.points), mesh.dim + 1
    local = size[:, None, None] * (g @ g.transpose(0, 2, 1))
    rows, columns = np.repeat(cells, corners, axis=1).ravel(), np.tile(cells, (1, corners)).ravel()
    stiffness = sparse.coo_array((local.ravel(), (rows, columns)), shape=(n, n)).tocsr()
    stiffness.eliminate_zeros()  # of right angles
    share = np.repeat(size / corners, corners)
    mass = np.asarray(np.bincount(cells.ravel(), share, minlength=n), dtype=np.float64)
    return stiffness, mass
