"""Elliptic problems from any assembler, as affine operators."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._base.sparse import Triplets, is_sparse, symmetric_lower, triplets
from .._base.validate import array, sequence
from ..domains import Mesh
from .base import Model
from .options import check_link, check_solver


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
        Columns b_k, the same for every right-hand side.
    offset : array_like, (m,) or (m, R), optional
        o, e.g. known boundary values at the observation points.
    coordinates : array_like, (n, d), optional
        Positions of the unknowns; they help the fill-reducing ordering.
    link, floor, solver, tolerance
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
        solver: str = "auto",
        tolerance: float = 1e-8,
        domain: Mesh | None = None,
        at: str | None = None,
    ):
        from scipy import sparse

        b = array("load", load)
        if b.ndim not in (1, 2) or b.size == 0:
            raise ValueError(f"load must have shape (n,) or (n, R), got {b.shape}")
        b = b.reshape(len(b), -1)
        n, sides = b.shape
        o = triplets("observe", observe, (None, n))
        points = o.shape[0]
        if points == 0:
            raise ValueError(f"observe must have at least one row, got {o.shape}")
        off = np.zeros((points, sides)) if offset is None else array("offset", offset)
        if off.shape != (points, sides) and (sides > 1 or off.shape != (points,)):
            raise ValueError(f"offset must have shape ({points}, {sides}), got {off.shape}")
        empty = sparse.coo_array((n, n))
        a = symmetric_lower("constant", empty if constant is None else constant, n)
        t, parameter, count = _stack_terms(terms, n)
        lt = triplets(
            "load_terms",
            sparse.coo_array((n, count)) if load_terms is None else load_terms,
            (n, count),
        )
        x = (
            np.zeros((0, 0))
            if coordinates is None
            else array("coordinates", coordinates, (n, None))
        )
        core = _core.affine_elliptic(
            constant=a.core,
            terms=t.core,
            parameter=parameter,
            load_terms=lt.core,
            load=b,
            offset=off.reshape(points, sides),
            observe=o.core,
            coordinates=x,
            link=check_link(link, floor),
            solver=check_solver(solver, tolerance),
        )
        super().__init__(core, domain, at)


def _stack_terms(terms: Any, n: int) -> tuple[Triplets, Any, int]:
    """Lower triangles of A_1, ..., A_K in one list, with the parameter of each entry."""
    if is_sparse(terms):
        flat = triplets("terms", terms, (n * n, None))
        row, column = np.divmod(flat.row, n)
        lower = row >= column
        out = Triplets((n, n), row[lower], column[lower], flat.value[lower])
        _require_symmetric(flat, n)
        return out, flat.column[lower], flat.shape[1]
    matrices = sequence("terms", terms, "matrices")
    parts = [symmetric_lower(f"terms[{k}]", a, n) for k, a in enumerate(matrices)]
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
    from scipy import sparse

    row, column = np.divmod(flat.row, n)
    # by columns: there are n^2 rows, most of them empty
    m = sparse.csc_array((flat.value, (flat.row, flat.column)), shape=flat.shape)
    t = sparse.csc_array((flat.value, (column * n + row, flat.column)), shape=flat.shape)
    gap = abs(m - t).max() if flat.value.size else 0.0
    if gap > 1e-12 * abs(m).max():
        raise ValueError(f"terms must be symmetric matrices, got an asymmetry of {gap:g}")
