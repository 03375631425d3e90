"""Options that several models take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._base.callback import called
from .._base.validate import Array, array, choice, number, shape_of
from ..domains import Mesh

Nodal = float | ArrayLike | Callable[[Array], ArrayLike]
SOLVERS = ("auto", "direct", "frozen", "aggregation", "multigrid")
LINKS = ("exp", "identity", "softplus")


def nodal(name: str, value: Nodal, mesh: Mesh) -> Array:
    """A number, an array of nodal values or a function of the coordinates, as nodal values."""
    x = mesh.coordinates("nodes")
    values: Any = called(name, value, x) if callable(value) else value
    if shape_of(name, values) == ():
        return np.full(len(x), number(name, values))
    return array(name, values, (len(x),))


def check_link(link: str, floor: float) -> _core.Link:
    """Return a link function by its name and lower bound, checked."""
    choice("link", link, LINKS)
    out = number("floor", floor)
    if out < 0:
        raise ValueError(f"floor must not be negative, got {out}")
    if out > 0 and link == "identity":
        raise ValueError(f"floor has no meaning for link='identity', got {out}")
    return _core.Link(link, out)


def check_solver(solver: str, tolerance: float) -> _core.SolverOptions:
    """Return a solution strategy by its name and relative tolerance, checked."""
    choice("solver", solver, SOLVERS)
    out = number("tolerance", tolerance)
    if not 1e-12 <= out <= 1e-3:
        raise ValueError(f"tolerance must lie between 1e-12 and 1e-3, got {out:g}")
    return _core.SolverOptions(solver, out)
