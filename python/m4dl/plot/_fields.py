"""Pictures of fields: one, or the mean and the spread of many beside the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._base import validate
from .._base.validate import Array
from . import _section, canvas
from .canvas import TRUTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def field(
    theta: ArrayLike,
    domain: Any,
    at: str,
    ax: Axes | None = None,
    *,
    label: str | None = None,
    title: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: str = "viridis",
    colorbar: bool = True,
    plane: tuple[str, float] | None = None,
) -> Axes:
    """Draw one field: a line on a 1-D grid, an image on a 2-D grid, shaded triangles on a mesh.

    In three dimensions it is drawn on a plane section.

    Parameters
    ----------
    theta : (D,) array
        The field, flattened as everywhere in m4dl (x slowest); x is drawn rightwards, y upwards.
    domain : Grid, TriangleMesh or TetrahedronMesh
    at : {"nodes", "interior", "cells"}
        Where the values sit. Those at nodes are interpolated, those in cells are not.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if None (``ax.figure.savefig(...)``).
    label, title : str, optional
        Of the colour bar, or of the line; and above the axes.
    cmap : str
        The colour map.
    colorbar : bool
        Draw one beside the field.
    vmin, vmax : float, optional
        Ends of the colour scale, or of the vertical axis of a line.
    plane : (axis, coordinate), optional
        Where to cut a field in three dimensions, e.g. ``("z", 0.5)``.

    Raises
    ------
    ValueError
        If theta does not fit the domain, the domain is None, or ``plane`` is missing, or given
        where there is nothing to cut.
    """
    values = canvas.on_domain("theta", theta, domain, at)
    shown = _section.picture("theta", values, domain, at, plane)
    values, domain, at = shown.values, shown.domain, shown.at
    flat = canvas.dimension(domain) == 1
    if ax is None:
        height = 3.2 if flat else 0.8 + canvas.panel_height(domain, 3.4)
        ax = canvas.new_figure(4.8, height).subplots()
    if flat:
        canvas.line(ax, values, domain, at)
        ax.set_ylim(vmin, vmax)
        ax.set_ylabel(label or "")
    else:
        image = canvas.image(ax, values, domain, at, (vmin, vmax), cmap, shown.names)
        if colorbar:
            ax.figure.colorbar(image, ax=ax, label=label or "")
    if title is not None:
        ax.set_title(title)
    return ax


def fields(
    mean: ArrayLike,
    std: ArrayLike,
    exact: ArrayLike | None = None,
    *,
    domain: Any,
    at: str | None,
    points: ArrayLike | None = None,
    label: str = "theta",
    plane: tuple[str, float] | None = None,
) -> Figure:
    """Draw the posterior mean and standard deviation, beside the truth where it is known.

    The truth and the mean share one colour scale. On a 1-D grid they share one pair of axes, with a
    band of two standard deviations around the mean.

    Parameters
    ----------
    mean, std : (D,) arrays
    exact : (D,) array, optional
        The true field.
    domain : Grid, TriangleMesh or TetrahedronMesh
    at : {"nodes", "interior", "cells"}
    points : (m, d) array, optional
        Places of the observations, marked on the mean.
    label : str
        Name of the field.
    plane : (axis, coordinate), optional
        Where to cut fields in three dimensions, as for :func:`field`; no points are marked there.
    """
    mean = canvas.on_domain("the posterior mean", mean, domain, at)
    std = canvas.on_domain("the posterior standard deviation", std, domain, at)
    truth = None if exact is None else canvas.on_domain("exact", exact, domain, at)
    size = canvas.dimension(domain)
    where = None if points is None else validate.array("points", points, (None, size))
    if size == 1:
        _section.picture("the posterior mean", mean, domain, str(at), plane)  # refuses a plane
        return _line_fields(mean, std, truth, domain, str(at), where, label)
    if size == 3 and where is not None:
        raise ValueError("points are marked in one and two dimensions, got points with plane=")

    shared = [mean] if truth is None else [truth, mean]
    *pictures, spread = (
        _section.picture("the posterior mean", f, domain, str(at), plane) for f in (*shared, std)
    )
    domain, at, names = spread.domain, spread.at, spread.names
    panels = 2 if truth is None else 3
    figure = canvas.new_figure(3.8 * panels, 0.8 + canvas.panel_height(domain, 2.9))
    axes = figure.subplots(1, panels)
    limits = min(p.values.min() for p in pictures), max(p.values.max() for p in pictures)
    titles = ["posterior mean"] if truth is None else ["truth", "posterior mean"]
    for ax, shown, title in zip(axes, pictures, titles, strict=False):
        image = canvas.image(ax, shown.values, domain, at, limits, "viridis", names)
        ax.set_title(title)
    figure.colorbar(image, ax=axes[: panels - 1], label=label)
    image = canvas.image(axes[-1], spread.values, domain, at, (0, None), "magma", names)
    axes[-1].set_title("posterior standard deviation")
    figure.colorbar(image, ax=axes[-1], label=label)
    for ax in axes:
        ax.label_outer()
    if where is not None:
        axes[-2].plot(*where.T, ".", color="white", mec="black", ms=5, mew=0.5)
    return figure


def _line_fields(
    mean: Array,
    std: Array,
    truth: Array | None,
    grid: Any,
    at: str,
    points: Array | None,
    label: str,
) -> Figure:
    figure = canvas.new_figure(9.0, 3.4)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    style: dict[str, Any] = {"color": "C0", "alpha": 0.25, "lw": 0}
    name = "± 2 standard deviations"
    canvas.band(left, mean - 2 * std, mean + 2 * std, grid, at, label=name, **style)
    canvas.line(left, mean, grid, at, color="C0", label="posterior mean")
    if truth is not None:
        canvas.line(left, truth, grid, at, color=TRUTH, ls="--", label="truth")
    if points is not None:
        ticks = {"color": "black", "transform": left.get_xaxis_transform()}
        left.plot(points[:, 0], np.full(len(points), 0.02), "|", label="observations", **ticks)
    left.set_ylabel(label)
    left.legend(frameon=False, fontsize="small")
    canvas.line(right, std, grid, at, color="C0")
    right.set_ylim(bottom=0)
    right.set_ylabel(f"standard deviation of {label}")
    return figure
