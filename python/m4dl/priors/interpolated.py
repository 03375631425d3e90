"""A field made on a grid, at the nodes of another mesh."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ..domains import Grid, Mesh, check_mesh
from .base import Prior


class InterpolatedPrior(Prior):
    """The field of a prior on a grid, interpolated linearly at the nodes of another mesh.

    On triangles and tetrahedra a Matern field of their own takes a sparse factor, which in space
    grows faster than the mesh: on 64 x 64 x 64 nodes it needs minutes and gigabytes. On a grid
    around them it takes fast transforms, any smoothness, and memory in proportion.

    Parameters
    ----------
    prior : Prior
        On the nodes of a `Grid`.
    mesh : TriangleMesh, TetrahedronMesh or Grid
        Inside the box of that grid. Choose the grid's cells about as small as those of the mesh:
        between its nodes the field is linear, and its standard deviation lower, by 6 per cent
        for smoothness 1.3 and 8 cells in a correlation length.

    Raises
    ------
    ValueError
        If the prior does not live on the nodes of a grid, or a node of the mesh lies outside it.

    Notes
    -----
    theta = P T(xi): T is the map of ``prior``, P the multilinear interpolation.

    Source
    ------
    F. Lindgren, H. Rue, J. Lindstroem, J. R. Stat. Soc. B 73 (2011), sec. 2.3: between the nodes
    the field is that of the basis functions.
    """

    def __init__(self, prior: Prior, mesh: Mesh):
        if not isinstance(prior, Prior):
            raise TypeError(f"prior must be a prior on a Grid, got {type(prior).__name__}")
        if not isinstance(prior.domain, Grid) or prior.at != "nodes":
            raise ValueError(f"prior must live at the nodes of a Grid, got {prior!r}")
        mesh = check_mesh("mesh", mesh)
        grid = prior.domain
        if mesh.dim != grid.dim:
            raise ValueError(f"mesh must have dimension {grid.dim}, as the grid, got {mesh!r}")
        x: Any = mesh.coordinates("nodes")
        outside = np.flatnonzero(~grid.contains(x))
        if outside.size:
            where = ", ".join(repr(float(v)) for v in x[outside[0]])
            raise ValueError(f"mesh: node {outside[0]} ({where}) lies outside {grid!r}")
        core = _core.interpolated_prior(prior.core, grid.core, x)
        mean = np.asarray(core.push(np.zeros((1, prior.white))))[0]
        super().__init__(core, mean, mesh, "nodes")
        self.prior = prior
