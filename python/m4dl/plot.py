"""Pictures of fields and chains. They need matplotlib: ``pip install 'm4dl[plot]'``.

Nothing here touches pyplot or its global state: a function draws on the ``ax`` it is given, or on a
new ``Figure`` of its own, which has ``savefig`` and is shown by notebooks.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from . import _canvas, _section, _validate
from ._figures import efficiency as efficiency
from ._figures import spectrum as spectrum
from ._names import parameter_name
from ._validate import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ._callback import Functional
    from ._kept_moments import Moments
    from .draws import Draws

_TRUTH = "#d62728"
_CHAIN_POINTS = 2000  # a trace shows at most so many draws of a chain; a page has no more pixels


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
    label : str, optional
        Of the colour bar, or of the line.
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
    values = _canvas.on_domain("theta", theta, domain, at)
    shown = _section.picture("theta", values, domain, at, plane)
    values, domain, at = shown.values, shown.domain, shown.at
    flat = _canvas.dimension(domain) == 1
    if ax is None:
        height = 3.2 if flat else 0.8 + _canvas.panel_height(domain, 3.4)
        ax = _canvas.new_figure(4.8, height).subplots()
    if flat:
        _canvas.line(ax, values, domain, at)
        ax.set_ylim(vmin, vmax)
        ax.set_ylabel(label or "")
    else:
        image = _canvas.image(ax, values, domain, at, (vmin, vmax), cmap, shown.names)
        if colorbar:
            ax.figure.colorbar(image, ax=ax, label=label or "")
    if title is not None:
        ax.set_title(title)
    return ax


def fields(
    draws: Draws | Moments,
    exact: ArrayLike | None = None,
    *,
    domain: Any = None,
    at: str | None = None,
    points: ArrayLike | None = None,
    label: str = "theta",
    plane: tuple[str, float] | None = None,
) -> Figure:
    """Draw the posterior mean and standard deviation, beside the truth where it is known.

    The truth and the mean share one colour scale. On a 1-D grid they share one pair of axes, with a
    band of two standard deviations around the mean.

    Parameters
    ----------
    draws : Draws or Moments
    exact : (D,) array, optional
        The true field.
    domain, at : optional
        Where the field lives, if ``draws`` does not know it.
    points : (m, d) array, optional
        Places of the observations, marked on the mean.
    label : str
        Name of the field.
    plane : (axis, coordinate), optional
        Where to cut fields in three dimensions, as for :func:`field`; no points are marked there.
    """
    domain = draws.domain if domain is None else domain
    at = draws.at if at is None else at
    mean = _canvas.on_domain("the posterior mean", draws.mean(), domain, at)
    std = draws.std()
    truth = None if exact is None else _canvas.on_domain("exact", exact, domain, at)
    size = _canvas.dimension(domain)
    where = None if points is None else _validate.array("points", points, (None, size))
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
    figure = _canvas.new_figure(3.8 * panels, 0.8 + _canvas.panel_height(domain, 2.9))
    axes = figure.subplots(1, panels)
    limits = min(p.values.min() for p in pictures), max(p.values.max() for p in pictures)
    titles = ["posterior mean"] if truth is None else ["truth", "posterior mean"]
    for ax, shown, title in zip(axes, pictures, titles, strict=False):
        image = _canvas.image(ax, shown.values, domain, at, limits, "viridis", names)
        ax.set_title(title)
    figure.colorbar(image, ax=axes[: panels - 1], label=label)
    image = _canvas.image(axes[-1], spread.values, domain, at, (0, None), "magma", names)
    axes[-1].set_title("posterior standard deviation")
    figure.colorbar(image, ax=axes[-1], label=label)
    for ax in axes:
        ax.label_outer()
    if where is not None:
        axes[-2].plot(*where.T, ".", color="white", mec="black", ms=5, mew=0.5)
    return figure


def trace(
    draws: Draws,
    parameters: Sequence[int] | None = None,
    functional: ArrayLike | Functional | None = None,
) -> Figure:
    """Draw the chains over time, and beside them the histogram of each chain.

    Parameters
    ----------
    draws : Draws
    parameters : sequence of int, optional
        Components of theta. If None: the two with the smallest bulk ESS, after the log-likelihood.
    functional : (D,) array or callable, optional
        One more row: see ``Draws.functional``.
    """
    rows: dict[str, Array] = {}
    if parameters is None:
        rows["log-likelihood"] = draws.log_likelihood
        parameters = [int(i) for i in np.argsort(draws.ess(), kind="stable")[:2]]
    for i in parameters:
        if _validate.integer("parameters", i, 0) >= draws.parameters:
            raise ValueError(f"parameters must be below {draws.parameters}, got {i}")
        rows[parameter_name(draws.names, i)] = np.asarray(draws.theta[:, :, i])
    if functional is not None:
        rows["functional"] = draws.functional(functional)
    if not rows:
        raise ValueError("parameters is empty and there is no functional: nothing to draw")

    figure = _canvas.new_figure(9.0, 0.8 + 1.7 * len(rows))
    axes = figure.subplots(len(rows), 2, squeeze=False, sharey="row", width_ratios=(4, 1))
    stride = -(-draws.draws // _CHAIN_POINTS)
    when = np.arange(0, draws.draws, stride)
    for (left, right), (name, values) in zip(axes, rows.items(), strict=True):
        bins = _bins(values)
        style: dict[str, Any] = {"orientation": "horizontal", "histtype": "step"}
        for k, chain in enumerate(values):
            left.plot(when, chain[::stride], lw=0.6, color=f"C{k % 10}")
            right.hist(chain, bins, density=True, color=f"C{k % 10}", **style)
        left.set_ylabel(name)
        left.set_xlim(0, max(1, draws.draws - 1))
        left.tick_params(labelbottom=left is axes[-1, 0])
        right.set_xticks([])
    axes[-1, 0].set_xlabel("draw" + (f" (one in {stride} shown)" if stride > 1 else ""))
    axes[-1, 1].set_xlabel("density")
    state = "" if draws.complete else ", incomplete"
    # A kernel with a metric has a long name.
    title = textwrap.fill(f"{draws.chains} chains, {draws.kernel}{state}", 90)
    axes[0, 0].set_title(title, fontsize="medium", x=0.0, ha="left")
    return figure


def histogram(
    values: ArrayLike,
    exact: float | None = None,
    ax: Axes | None = None,
    *,
    gaussian: tuple[float, float] | None = None,
    label: str = "functional",
    title: str | None = None,
) -> Axes:
    """Draw the histogram of a functional, with a Gaussian on top and the truth marked.

    The picture of a Bernstein-von Mises theorem: draws of <theta, psi> under the posterior look
    Gaussian, and the truth lies within a few standard deviations of their mean.

    Parameters
    ----------
    values : array of any shape
        Draws of the functional, say from ``Draws.functional``.
    exact : float, optional
        Its true value.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if None.
    gaussian : (mean, standard deviation), optional
        The Gaussian, say that of the theorem. By default that with the draws' own mean and standard
        deviation.
    label : str
        Name of the functional, for the axis.
    """
    draws = _validate.array("values", values).ravel()
    mean, std = float(draws.mean()), float(draws.std())
    if not std > 1e-12 * abs(mean):
        raise ValueError(f"values must not all be equal, got {draws.size} times {mean:g}")
    name = "fitted Gaussian"
    if gaussian is not None:
        mean, std = (_validate.number("gaussian", v) for v in gaussian)
        _validate.positive("gaussian standard deviation", std)
        name = "Gaussian"
    truth = None if exact is None else _validate.number("exact", exact)

    ax = _canvas.new_figure(5.4, 3.8).subplots() if ax is None else ax
    ax.hist(
        draws, _bins(draws), density=True, color="0.8", ec="0.6", lw=0.4, label="posterior draws"
    )
    x = np.linspace(min(draws.min(), mean - 4 * std), max(draws.max(), mean + 4 * std), 400)
    density = np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))
    ax.plot(x, density, color="C0", lw=1.8, label=f"{name}: {mean:.4g} ± {std:.2g}")
    if truth is not None:
        # As high as the curve: the legend is above.
        style: dict[str, Any] = {"color": _TRUTH, "lw": 1.8, "ls": "--"}
        ax.axvline(truth, ymax=1 / 1.4, label=f"truth: {truth:.4g}", **style)
    ax.set_xlabel(label)
    ax.set_ylabel("density")
    # Room for the legend above the curve, where it hides nothing.
    ax.set_ylim(0, 1.4 * ax.get_ylim()[1])
    ax.legend(loc="upper left", frameon=False, fontsize="small")
    if title is not None:
        ax.set_title(title)
    return ax


def _line_fields(
    mean: Array,
    std: Array,
    truth: Array | None,
    grid: Any,
    at: str,
    points: Array | None,
    label: str,
) -> Figure:
    figure = _canvas.new_figure(9.0, 3.4)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    style: dict[str, Any] = {"color": "C0", "alpha": 0.25, "lw": 0}
    name = "± 2 standard deviations"
    _canvas.band(left, mean - 2 * std, mean + 2 * std, grid, at, label=name, **style)
    _canvas.line(left, mean, grid, at, color="C0", label="posterior mean")
    if truth is not None:
        _canvas.line(left, truth, grid, at, color=_TRUTH, ls="--", label="truth")
    if points is not None:
        ticks = {"color": "black", "transform": left.get_xaxis_transform()}
        left.plot(points[:, 0], np.full(len(points), 0.02), "|", label="observations", **ticks)
    left.set_ylabel(label)
    left.legend(frameon=False, fontsize="small")
    _canvas.line(right, std, grid, at, color="C0")
    right.set_ylim(bottom=0)
    right.set_ylabel(f"standard deviation of {label}")
    return figure


def _bins(values: Array) -> list[float]:
    """Return bin edges: the width of Freedman and Diaconis, but from 10 to 80 bins."""
    finite = values[np.isfinite(values)]
    if finite.size == 0 or finite.min() == finite.max():
        centre = float(finite[0]) if finite.size else 0.0
        return [centre - 0.5, centre + 0.5]
    low, q1, q3, high = np.quantile(finite, (0, 0.25, 0.75, 1))
    width = 2 * (q3 - q1) / finite.size ** (1 / 3)
    count = np.clip((high - low) / width, 10, 80) if width > 0 else 10
    return [float(edge) for edge in np.linspace(low, high, int(count) + 1)]
