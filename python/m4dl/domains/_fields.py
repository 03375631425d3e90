"""Stiffness and lumped mass matrices of scalar fields, for priors and norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._base.validate import Array
from ._simplices import SimplexMesh


def stiffness_and_mass(mesh: SimplexMesh) -> tuple[Any, Array]:
    """Sparse stiffness matrix S (Neumann) and lumped mass M of linear elements.

    f' S f is the integral of |grad f|^2, sum M f^2 approximates that of f^2.
    """
    from scipy import sparse

    cells, size, g = mesh.cells, mesh.cell_measures, mesh.gradients()
    n, corners = len(mesh.points), mesh.dim + 1
    local = size[:, None, None] * (g @ g.transpose(0, 2, 1))
    rows, columns = np.repeat(cells, corners, axis=1).ravel(), np.tile(cells, (1, corners)).ravel()
    stiffness = sparse.coo_array((local.ravel(), (rows, columns)), shape=(n, n)).tocsr()
    stiffness.eliminate_zeros()  # of right angles
    share = np.repeat(size / corners, corners)
    mass = np.asarray(np.bincount(cells.ravel(), share, minlength=n), dtype=np.float64)
    return stiffness, mass
