"""Steady Schroedinger equation."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .. import _core
from .._base.validate import choice
from ..domains import Grid, Mesh, check_mesh, check_points
from .base import Model
from .options import Nodal, check_link, check_solver, nodal


class Schrodinger(Model):
    """Steady Schroedinger equation, observed at points.

    (1/2) Lap u - f u = 0 in O, u = g > 0 on the boundary, f = link(theta); y_i = u(x_i).
    On a Grid by differences of second order (2 d + 1 points), on triangles and
    tetrahedra by P1 elements with a lumped potential term.

    Parameters
    ----------
    mesh : Grid, TriangleMesh or TetrahedronMesh
    points : array_like, (m, d)
        Observation points; u is interpolated linearly.
    boundary : float, array_like or callable
        g: a number, values at all nodes (D_nodes,), or a function of coordinates (n, d) -> (n,).
    at : {"nodes", "interior"}
        Where theta lives. On a grid the values at boundary nodes never enter the equation;
        ``"interior"`` leaves them out.
    link : {"exp", "identity", "softplus"}
        f = floor + exp(theta), theta, or floor + log(1 + exp(theta)).
    floor : float
        Lower bound f_min of the potential for the exp and softplus links.
    solver : {"auto", "direct", "frozen", "aggregation", "multigrid"}
        How the linear systems are solved; ``"auto"`` chooses by mesh and size (see the guide,
        "Solvers"). ``"multigrid"`` needs a Grid in two or three dimensions.
    tolerance : float
        Relative error of the solution (Euclidean norm) at which the iterative solvers stop,
        between 1e-12 and 1e-3. The direct solver has no use for it.

    Attributes
    ----------
    boundary : ndarray, (D_nodes,)
        g at all nodes.
    link, floor
        As given.

    Source
    ------
    R. Nickl, Bernstein-von Mises theorems for statistical inverse problems I: Schroedinger
    equation, J. Eur. Math. Soc. 22 (2020), sec. 2.
    """

    def __init__(
        self,
        mesh: Mesh,
        points: ArrayLike,
        boundary: Nodal = 1.0,
        *,
        at: str = "nodes",
        link: str = "exp",
        floor: float = 0.0,
        solver: str = "auto",
        tolerance: float = 1e-8,
    ):
        mesh = check_mesh("mesh", mesh)
        x = check_points(mesh, points)
        g = nodal("boundary", boundary, mesh)
        self._argue(boundary=g)
        c, strategy = check_link(link, floor), check_solver(solver, tolerance)
        if isinstance(mesh, Grid):
            choice("at", at, ("nodes", "interior"))
            if min(mesh.cells) < 2:
                raise ValueError(
                    f"grid must have at least 2 cells along each axis, got {mesh.cells}"
                )
            core = _core.schrodinger_grid(
                mesh.core, x, boundary=g, all_nodes=at == "nodes", link=c, solver=strategy
            )
        else:
            choice("at", at, ("nodes",))
            core = _core.schrodinger_simplices(mesh.core, x, boundary=g, link=c, solver=strategy)
        super().__init__(core, mesh, at)
        self.boundary, self.link, self.floor = g, link, c.floor
