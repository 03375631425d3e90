"""Meshes of any kind, and checks of what lives on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._base.validate import Array, array
from ._grid import Grid
from ._simplices import SimplexMesh

Mesh = Grid | SimplexMesh


def check_mesh(name: str, value: Any) -> Mesh:
    """Return ``value`` if it is one of the meshes."""
    if not isinstance(value, Mesh):
        raise TypeError(
            f"{name} must be a Grid, a TriangleMesh or a TetrahedronMesh, "
            f"got {type(value).__name__}"
        )
    return value


def check_domain(domain: Any, at: Any, size: int, components: int = 1) -> None:
    """Check that a field of ``size`` values can live on ``domain``; no domain, no check."""
    if domain is None and at is None:
        return
    if domain is None or at is None:
        raise ValueError(f"domain and at belong together, got domain={domain!r} and at={at!r}")
    count = check_mesh("domain", domain).size_of(at)
    if components * count != size:
        times = f"{components} x " if components > 1 else ""
        raise ValueError(
            f"domain must have {size} values at {at!r}, as theta has, got {times}{count}"
        )


def check_points(mesh: Mesh, points: ArrayLike) -> Array:
    """Return observation points as (m, dim), all inside the domain."""
    x = array("points", points, (None, mesh.dim))
    if len(x) == 0:
        raise ValueError("points must hold at least one point, got none")
    if isinstance(mesh, Grid):
        outside = np.flatnonzero(~mesh.contains(x))
        if outside.size:
            where = ", ".join(repr(float(v)) for v in x[outside[0]])
            raise ValueError(
                f"points: row {outside[0]} ({where}) lies outside the domain {mesh.extent}"
            )
    return x  # on simplices, the core looks for the cell that holds each point
