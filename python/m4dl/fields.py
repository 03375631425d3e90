"""Stiffness and lumped mass matrices of scalar fields, for priors and norms."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ._validate import Array
from .meshes import TriangleMesh


def stiffness_and_mass(mesh: TriangleMesh) -> tuple[Any, Array]:
    """Sparse stiffness matrix S (Neumann) and lumped mass M of linear elements.

    f' S f is the integral of |grad f|^2, sum M f^2 approximates that of f^2.
    """
    p, t, area = mesh.points, mesh.cells, mesh.areas
    # Gradients of hat functions are opposite edges, turned and divided by twice the area.
    edges = np.stack([p[t[:, (k + 2) % 3]] - p[t[:, (k + 1) % 3]] for k in range(3)], axis=1)
    local = np.einsum("tpd,tqd->tpq", edges, edges) / (4 * area)[:, None, None]
    n = len(p)
    rows, columns = np.repeat(t, 3, axis=1).ravel(), np.tile(t, (1, 3)).ravel()
    stiffness = sparse.coo_array((local.ravel(), (rows, columns)), shape=(n, n)).tocsr()
    mass = np.asarray(np.bincount(t.ravel(), np.repeat(area / 3, 3), minlength=n), dtype=np.float64)
    return stiffness, mass
