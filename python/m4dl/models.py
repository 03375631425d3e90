"""Forward maps G: theta -> y. Each is a thin constructor around a compiled model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from . import _core
from ._sparse import Triplets, symmetric_lower, triplets
from ._validate import Array, array, choice, integer, number
from .meshes import Grid, Mesh, TriangleMesh, check_mesh, check_points

LINKS = ("exp", "identity", "softplus")


class Model:
    """What all models share.

    Attributes
    ----------
    parameters : int
        D, the size of theta.
    outputs : int
        m, the size of y.
    has_pull, has_push : bool
        Whether the model has an adjoint derivative (a gradient) and a tangent.
    domain, at
        Where theta lives: a mesh and a location on it, or None.
    """

    def __init__(self, core: Any, domain: Mesh | None = None, at: str | None = None):
        self.core = core
        self.domain = domain
        self.at = at
        self.parameters: int = core.parameters
        self.outputs: int = core.outputs
        self.has_pull: bool = core.has_pull
        self.has_push: bool = core.has_push

    def forward(self, theta: ArrayLike, threads: int = 0) -> Array:
        """Return y = G(theta).

        Parameters
        ----------
        theta : array_like, (..., D)
        threads : int
            Threads to spread the rows over; 0 means as many as OpenMP would use.

        Returns
        -------
        (..., m); a row whose solve failed is NaN.
        """
        rows, shape = self._rows("theta", theta, self.parameters)
        out = self.core.forward(rows, integer("threads", threads, 0))
        return np.asarray(out).reshape(*shape, self.outputs)

    __call__ = forward

    def pull(self, theta: ArrayLike, sensitivity: ArrayLike, threads: int = 0) -> Array:
        """Return G'(theta)* w for w = ``sensitivity`` (..., m): shape (..., D)."""
        return self._derivative("pull", theta, "sensitivity", sensitivity, threads)

    def push(self, theta: ArrayLike, tangent: ArrayLike, threads: int = 0) -> Array:
        """Return G'(theta) h for h = ``tangent`` (..., D): shape (..., m)."""
        return self._derivative("push", theta, "tangent", tangent, threads)

    def _derivative(
        self, kind: str, theta: ArrayLike, name: str, direction: ArrayLike, threads: int
    ) -> Array:
        sizes = (self.outputs, self.parameters)
        size_in, size_out = sizes if kind == "pull" else sizes[::-1]
        x, shape = self._rows("theta", theta, self.parameters)
        d, other = self._rows(name, direction, size_in)
        if shape != other:
            raise ValueError(f"theta and {name} must have the same batch shape, got {shape}, {other}")
        out = getattr(self.core, kind)(x, d, integer("threads", threads, 0))
        return np.asarray(out).reshape(*shape, size_out)

    @staticmethod
    def _rows(name: str, value: ArrayLike, size: int) -> tuple[Array, tuple[int, ...]]:
        x = array(name, value)
        if x.ndim == 0 or x.shape[-1] != size:
            raise ValueError(f"{name} must have shape (..., {size}), got {x.shape}")
        return x.reshape(-1, size), x.shape[:-1]

    def __repr__(self) -> str:
        where = f" on {self.domain}" if self.domain is not None else ""
        return f"{type(self).__name__}({self.parameters} parameters, {self.outputs} outputs{where})"


class Schrodinger(Model):
    """Steady Schroedinger equation, observed at points.

    (1/2) Lap u - f u = 0 in O, u = g > 0 on the boundary, f = link(theta); y_i = u(x_i).
    On a Grid by differences of second order (2 d + 1 points), on triangles by P1 elements with a
    lumped potential term.

    Parameters
    ----------
    mesh : Grid or TriangleMesh
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

    Source
    ------
    R. Nickl, Bernstein-von Mises theorems for statistical inverse problems I: Schroedinger
    equation, J. Eur. Math. Soc. 22 (2020), sec. 2.
    """

    def __init__(
        self,
        mesh: Mesh,
        points: ArrayLike,
        boundary: float | ArrayLike | Callable[[Array], ArrayLike] = 1.0,
        *,
        at: str = "nodes",
        link: str = "exp",
        floor: float = 0.0,
    ):
        mesh = check_mesh("mesh", mesh)
        x = check_points(mesh, points)
        g = _nodal("boundary", boundary, mesh)
        options = (choice("link", link, LINKS), _floor(link, floor))
        if isinstance(mesh, Grid):
            choice("at", at, ("nodes", "interior"))
            if min(mesh.cells) < 2:
                raise ValueError(f"grid must have at least 2 cells along each axis, got {mesh.cells}")
            core = _core.schrodinger_grid(mesh.core, x, g, at == "nodes", *options)
        else:
            choice("at", at, ("nodes",))
            core = _core.schrodinger_triangles(mesh.core, x, g, *options)
        super().__init__(core, mesh, at)


class Darcy(Model):
    """Divergence-form equation (groundwater flow), observed at points.

    -div(f grad u) = s in O, u = g on the boundary, f = link(theta); y_i = u(x_i). Q1 elements on a
    Grid, P1 elements on triangles.

    Parameters
    ----------
    mesh : Grid or TriangleMesh
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
    link, floor
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
        source: float | ArrayLike | Callable[[Array], ArrayLike] = 1.0,
        *,
        boundary: float | ArrayLike | Callable[[Array], ArrayLike] = 0.0,
        blocks: Sequence[int] | None = None,
        at: str = "nodes",
        link: str = "exp",
        floor: float = 0.0,
    ):
        mesh = check_mesh("mesh", mesh)
        x = check_points(mesh, points)
        s, g = _nodal("source", source, mesh), _nodal("boundary", boundary, mesh)
        options = (choice("link", link, LINKS), _floor(link, floor))
        choice("at", at, ("nodes", "cells"))
        domain: Mesh = mesh
        if isinstance(mesh, TriangleMesh):
            if blocks is not None:
                raise ValueError(f"blocks need a Grid, got blocks={blocks!r} with {mesh!r}")
            core = _core.darcy_triangles(mesh.core, x, s, g, at == "nodes", *options)
        else:
            if min(mesh.cells) < 2:
                raise ValueError(f"grid must have at least 2 cells along each axis, got {mesh.cells}")
            if blocks is not None:
                coarse = tuple(blocks)
                if len(coarse) != mesh.dim or any(
                    integer("blocks", b, 1) > n or n % b
                    for b, n in zip(coarse, mesh.cells, strict=False)
                ):
                    raise ValueError(f"blocks must divide the cells {mesh.cells}, got {coarse}")
                domain, at = Grid(coarse, mesh.extent), "cells"
            elif at == "cells":
                coarse = mesh.cells
            else:
                coarse = ()
            core = _core.darcy_grid(mesh.core, x, s, g, list(coarse), *options)
        super().__init__(core, domain, at)


class AffineElliptic(Model):
    """An elliptic problem from any assembler: A(c) u = b(c), y = O u + o, c = link(theta).

    A(c) = A0 + sum_k c_k A_k and b(c) = b + sum_k c_k b_k, with all A_k symmetric and A(c)
    positive definite on the unknowns that remain after boundary conditions.

    Parameters
    ----------
    constant : sparse matrix (n, n) or None
        A0.
    terms : sequence of sparse matrices (n, n), or one sparse matrix (n * n, K)
        A_1, ..., A_K; in the second form column k is A_k in C order (row i * n + j).
    load : array_like, (n,) or (n, R)
        b; with several columns y holds the observations of the first, then of the second, ...
    observe : sparse matrix (m, n)
        O.
    load_terms : sparse matrix (n, K), optional
        Columns b_k.
    offset : array_like, (m,) or (m, R), optional
        o, e.g. known boundary values at the observation points.
    coordinates : array_like, (n, d), optional
        Positions of the unknowns; they help the fill-reducing ordering.
    link, floor
        As for :class:`Schrodinger`.
    domain, at
        Where theta lives, for plots.
    """

    def __init__(
        self,
        constant: Any,
        terms: Any,
        load: ArrayLike,
        observe: Any,
        *,
        load_terms: Any = None,
        offset: ArrayLike | None = None,
        coordinates: ArrayLike | None = None,
        link: str = "exp",
        floor: float = 0.0,
        domain: Mesh | None = None,
        at: str | None = None,
    ):
        b = array("load", load)
        if b.ndim not in (1, 2) or b.size == 0:
            raise ValueError(f"load must have shape (n,) or (n, R), got {b.shape}")
        b = b.reshape(len(b), -1)
        n, sides = b.shape
        o = triplets("observe", observe, (None, n))
        points = o.shape[0]
        off = np.zeros((points, sides)) if offset is None else array("offset", offset)
        if off.reshape(len(off), -1).shape != (points, sides):
            raise ValueError(f"offset must have shape ({points}, {sides}), got {off.shape}")
        empty = sparse.coo_array((n, n))
        a = symmetric_lower("constant", empty if constant is None else constant, n)
        t, parameter, count = _stack_terms(terms, n)
        lt = triplets("load_terms", sparse.coo_array((n, count)) if load_terms is None else load_terms, (n, count))
        x = np.zeros((0, 0)) if coordinates is None else array("coordinates", coordinates, (n, None))
        core = _core.affine_elliptic(
            n, count, a.row, a.column, a.value, t.row, t.column, parameter, t.value,
            b, lt.row, lt.column, lt.value, points, o.row, o.column, o.value,
            off.reshape(points, sides), x, choice("link", link, LINKS), _floor(link, floor),
        )  # fmt: skip
        super().__init__(core, domain, at)


class LinearModel(Model):
    """y = M theta, for a dense or sparse matrix M (m, D)."""

    def __init__(self, matrix: Any):
        if sparse.issparse(matrix):
            t = triplets("matrix", matrix, (None, None))
            super().__init__(_core.linear_sparse(*t.shape, t.row, t.column, t.value))
        else:
            super().__init__(_core.linear_dense(array("matrix", matrix, (None, None))))


class PythonModel(Model):
    """A forward map given as a Python function (NumPy, JAX, Torch, anything that takes arrays).

    Parameters
    ----------
    forward : callable
        theta (D,) -> y (m,); with ``batched=True`` theta (B, D) -> y (B, m), called once for each
        block of up to 8 chains. Rows of NaN mark failed solves.
    gradient : callable, optional
        (theta, sensitivity) -> G'(theta)* sensitivity, of shape (D,) or (B, D): the vector-Jacobian
        product. MALA and ULA need it.
    parameters, outputs : int
        D and m.
    batched : bool

    Notes
    -----
    What the function raises reaches you with its own traceback and a note that names the chain.
    The function runs under the GIL; use ``threads=1`` unless it releases it.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        gradient: Callable[..., Any] | None = None,
        *,
        parameters: int,
        outputs: int,
        batched: bool = False,
    ):
        for name, function in (("forward", forward), ("gradient", gradient)):
            if not callable(function) and not (name == "gradient" and function is None):
                raise TypeError(f"{name} must be callable, got {type(function).__name__}")
        if not isinstance(batched, bool):
            raise TypeError(f"batched must be True or False, got {batched!r}")
        super().__init__(
            _core.python_model(
                forward,
                gradient,
                integer("parameters", parameters, 1),
                integer("outputs", outputs, 1),
                batched,
            )
        )


def _nodal(name: str, value: float | ArrayLike | Callable[[Array], ArrayLike], mesh: Mesh) -> Array:
    """A number, an array of nodal values or a function of the coordinates, as nodal values."""
    x = mesh.coordinates("nodes")
    if callable(value):
        value = value(x)
    if np.ndim(value) == 0:
        return np.full(len(x), number(name, value))
    return array(name, value, (len(x),))


def _floor(link: str, floor: float) -> float:
    out = number("floor", floor)
    if out < 0:
        raise ValueError(f"floor must not be negative, got {out}")
    if out > 0 and link == "identity":
        raise ValueError(f"floor has no meaning for link='identity', got {out}")
    return out


def _stack_terms(terms: Any, n: int) -> tuple[Triplets, Any, int]:
    """Lower triangles of A_1, ..., A_K in one list, with the parameter of each entry."""
    if sparse.issparse(terms):
        flat = triplets("terms", terms, (n * n, None))
        row, column = np.divmod(flat.row, n)
        lower = row >= column
        out = Triplets((n, n), row[lower], column[lower], flat.value[lower])
        _require_symmetric(flat, n)
        return out, flat.column[lower], flat.shape[1]
    parts = [symmetric_lower(f"terms[{k}]", a, n) for k, a in enumerate(terms)]
    if not parts:
        raise ValueError("terms must hold at least one matrix, got none")
    parameter = np.repeat(np.arange(len(parts)), [len(p.value) for p in parts])
    joined = Triplets(
        (n, n),
        np.concatenate([p.row for p in parts]),
        np.concatenate([p.column for p in parts]),
        np.concatenate([p.value for p in parts]),
    )
    return joined, parameter, len(parts)


def _require_symmetric(flat: Triplets, n: int) -> None:
    row, column = np.divmod(flat.row, n)
    m = sparse.csr_array((flat.value, (flat.row, flat.column)), shape=flat.shape)
    t = sparse.csr_array((flat.value, (column * n + row, flat.column)), shape=flat.shape)
    gap = abs(m - t).max() if flat.value.size else 0.0
    if gap > 1e-12 * abs(m).max():
        raise ValueError(f"terms must be symmetric matrices, got an asymmetry of {gap:g}")
