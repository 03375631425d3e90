"""How one field is drawn on its grid or mesh: the parts that the pictures in `plot` are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._base import validate
from .._base.optional import optional
from .._base.validate import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRUTH = "#d62728"
"""Colour of what is true."""


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, unknown to pyplot."""
    make = optional("matplotlib.figure", "plot").Figure
    figure: Figure = make(figsize=(width, height), layout="compressed")
    return figure


def dimension(domain: Any) -> int:
    """Return the dimension of the space that a grid or a mesh lies in."""
    return int(np.shape(domain.points)[1] if hasattr(domain, "points") else domain.dim)


def on_domain(name: str, theta: ArrayLike, domain: Any, at: str | None) -> Array:
    """Check that a field fits its domain."""
    if domain is None or at is None:
        raise ValueError(
            f"{name} has no domain to be drawn on: pass domain= (a Grid or a mesh) and at="
        )
    values = validate.array(name, theta)
    if hasattr(domain, "points"):
        validate.choice("at", at, ("nodes", "cells"))
        size = len(domain.points if at == "nodes" else domain.cells)
    else:
        validate.choice("at", at, ("nodes", "interior", "cells"))
        size = int(np.prod(domain.shape_of(at)))
    if values.shape != (size,):
        several = values.ndim == 1 and values.size and values.size % size == 0
        pick = f": {values.size // size} components, draw draws.component(c)" if several else ""
        raise ValueError(f"{name} must have shape ({size},) at {at!r}, got {values.shape}{pick}")
    return values


def panel_height(domain: Any, width: float) -> float:
    """Return the height in inches of a picture of the domain, within reason."""
    if hasattr(domain, "points"):
        sides = np.ptp(np.asarray(domain.points), axis=0)
    else:
        sides = np.ptp(np.asarray(domain.extent), axis=1)
    return float(np.clip(width * sides[1] / sides[0], 0.3 * width, 2 * width))


def line(ax: Axes, values: Array, grid: Any, at: str, **style: Any) -> None:
    """Draw a field on a 1-D grid; values in cells as steps."""
    if at == "cells":
        ax.stairs(values, _edges(grid), baseline=None, **style)
    else:
        ax.plot(_places(grid, at), values, **style)
    ax.set_xlim(*grid.extent[0])
    ax.set_xlabel("x")


def band(ax: Axes, low: Array, high: Array, grid: Any, at: str, **style: Any) -> None:
    """Fill the space between two fields on a 1-D grid."""
    if at == "cells":
        ax.stairs(high, _edges(grid), baseline=low, fill=True, **style)
    else:
        ax.fill_between(_places(grid, at), low, high, **style)


def image(
    ax: Axes,
    values: Array,
    domain: Any,
    at: str,
    limits: tuple[float | None, float | None],
    cmap: str,
    names: Sequence[str] = ("x", "y"),
) -> Any:
    """Draw a field on a 2-D grid or on triangles, and return what a colour bar needs."""
    drawn: Any
    if hasattr(domain, "points"):
        x, y = np.asarray(domain.points).T
        mesh = optional("matplotlib.tri", "plot").Triangulation(x, y, np.asarray(domain.cells))
        if at == "nodes":
            drawn = ax.tripcolor(mesh, values, shading="gouraud", cmap=cmap)
        else:
            drawn = ax.tripcolor(mesh, facecolors=values, cmap=cmap)
        drawn.set_clim(*limits)
    else:
        # Every value gets a pixel around it; of nodes on the boundary half a pixel is cut off.
        drawn = ax.imshow(
            values.reshape(domain.shape_of(at)).T,
            origin="lower",
            extent=(*_pixel_ends(domain, at, 0), *_pixel_ends(domain, at, 1)),
            interpolation="nearest" if at == "cells" else "bilinear",
            vmin=limits[0],
            vmax=limits[1],
            cmap=cmap,
        )
        seen = domain.extent if at == "nodes" else [_pixel_ends(domain, at, k) for k in (0, 1)]
        ax.set_xlim(*seen[0])
        ax.set_ylim(*seen[1])
    ax.set_aspect("equal")
    ax.locator_params(nbins=5)
    ax.set_xlabel(names[0])
    ax.set_ylabel(names[1])
    return drawn


def _edges(grid: Any) -> Array:
    """Return the ends (n + 1,) of the cells of a 1-D grid."""
    low, high = grid.extent[0]
    return np.asarray(np.linspace(low, high, grid.cells[0] + 1), dtype=np.float64)


def _places(grid: Any, at: str) -> Array:
    """Return the nodes of a 1-D grid, without the boundary if ``at`` is ``"interior"``."""
    return _edges(grid) if at == "nodes" else _edges(grid)[1:-1]


def _pixel_ends(grid: Any, at: str, axis: int) -> tuple[float, float]:
    """Return where the first pixel starts and the last one ends along an axis of a grid."""
    low, high = grid.extent[axis]
    half = (high - low) / grid.cells[axis] / 2
    beyond = {"cells": 0.0, "nodes": half, "interior": -half}[at]
    return low - beyond, high + beyond


def bins(values: Array) -> list[float]:
    """Return bin edges: the width of Freedman and Diaconis, but from 10 to 80 bins."""
    finite = values[np.isfinite(values)]
    if finite.size == 0 or finite.min() == finite.max():
        centre = float(finite[0]) if finite.size else 0.0
        return [centre - 0.5, centre + 0.5]
    low, q1, q3, high = np.quantile(finite, (0, 0.25, 0.75, 1))
    width = 2 * (q3 - q1) / finite.size ** (1 / 3)
    count = np.clip((high - low) / width, 10, 80) if width > 0 else 10
    return [float(edge) for edge in np.linspace(low, high, int(count) + 1)]
