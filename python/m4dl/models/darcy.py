"""Divergence-form equation (groundwater flow)."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from .. import _core
from .._base.validate import choice, integer, shape_of
from ..domains import Grid, Mesh, SimplexMesh, check_mesh, check_points
from .base import Model
from .options import Nodal, check_link, check_solver, nodal


class Darcy(Model):
    """Divergence-form equation (groundwater flow), observed at points.

    -div(f grad u) = s in O, u = g on the boundary, f = link(theta); y_i = u(x_i). Q1 elements on a
    Grid, P1 elements on triangles and tetrahedra.

    Parameters
    ----------
    mesh : Grid, TriangleMesh or TetrahedronMesh
    points : array_like, (m, d)
        Observation points; u is evaluated in the finite-element space.
    source : float, array_like or callable
        s: a number, values at the nodes, or a function of coordinates (n, d) -> (n,). Nodal values
        are integrated exactly as a function of the finite-element space.
    boundary : float, array_like or callable
        g, likewise; default 0.
    blocks : sequence of int, optional
        The coefficient is constant on each block of a coarser grid, e.g. ``(8, 8)``; each entry
        divides the number of cells. theta is in C order of the blocks (x slowest).
    at : {"nodes", "cells"}
        Without blocks: theta at the nodes (the coefficient of a cell is the mean of f over its
        corners) or one value per cell.
    link, floor, solver, tolerance
        As for :class:`Schrodinger`.

    Source
    ------
    M. Giordano, R. Nickl, Consistency of Bayesian inference with Gaussian process priors in an
    elliptic inverse problem, Inverse Problems 36 (2020). Benchmark: D. Aristoff, W. Bangerth,
    SIAM Review 65 (2023).
    """

    def __init__(
        self,
        mesh: Mesh,
        points: ArrayLike,
        source: Nodal = 1.0,
        *,
        boundary: Nodal = 0.0,
        blocks: Sequence[int] | None = None,
        at: str = "nodes",
        link: str = "exp",
        floor: float = 0.0,
        solver: str = "auto",
        tolerance: float = 1e-8,
    ):
        mesh = check_mesh("mesh", mesh)
        x = check_points(mesh, points)
        s, g = nodal("source", source, mesh), nodal("boundary", boundary, mesh)
        self._argue(source=s, boundary=g)
        c, strategy = check_link(link, floor), check_solver(solver, tolerance)
        choice("at", at, ("nodes", "cells"))
        domain: Mesh = mesh
        if isinstance(mesh, SimplexMesh):
            if blocks is not None:
                raise ValueError(f"blocks need a Grid, got blocks={blocks!r} with {mesh!r}")
            core = _core.darcy_simplices(
                mesh.core, x, source=s, boundary=g, on_nodes=at == "nodes", link=c, solver=strategy
            )
        else:
            if min(mesh.cells) < 2:
                raise ValueError(
                    f"grid must have at least 2 cells along each axis, got {mesh.cells}"
                )
            if blocks is not None:
                if shape_of("blocks", blocks) != (mesh.dim,) or any(
                    integer("blocks", b, 1) > n or n % b
                    for b, n in zip(blocks, mesh.cells, strict=True)
                ):
                    raise ValueError(f"blocks must divide the cells {mesh.cells}, got {blocks!r}")
                coarse = tuple(blocks)
                domain, at = Grid(coarse, mesh.extent), "cells"
            elif at == "cells":
                coarse = mesh.cells
            else:
                coarse = ()
            core = _core.darcy_grid(
                mesh.core, x, source=s, boundary=g, blocks=list(coarse), link=c, solver=strategy
            )
        super().__init__(core, domain, at)
