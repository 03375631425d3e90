"""Pictures of credible sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._base.validate import Array
from . import canvas
from .canvas import TRUTH, bins

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TOP = 1 / 1.45  # marks end here: the legend is above
_POINTS = 1500  # of the draws, in a cloud of points


def distances(
    scores: Array, radius: float, truth: float | None, title: str, ax: Axes | None
) -> Figure:
    """Draw the distances of the draws, the radius, and the distance of the truth."""
    scores, marks = scores.ravel(), _known(truth)
    ax = _axes(ax)
    _histogram(ax, scores)
    ax.axvspan(0, radius, ymax=_TOP, color="C0", alpha=0.15, lw=0)
    ax.axvline(radius, ymax=_TOP, color="C0", lw=1.8, label=f"radius: {radius:.4g}")
    for value in marks:
        ax.axvline(value, ymax=_TOP, color=TRUTH, lw=1.8, ls="--", label=f"truth: {value:.4g}")
    ax.set_xlim(0, 1.05 * max([scores.max(), radius, *marks]))
    ax.set_xlabel("distance from the posterior mean")
    return _finish(ax, title)


def interval(
    values: Array, ends: tuple[float, float], truth: float | None, title: str, ax: Axes | None
) -> Figure:
    """Draw the functional's histogram, the interval, and the value of the truth."""
    (low, high), marks = ends, _known(truth)
    ax = _axes(ax)
    _histogram(ax, values.ravel())
    span = f"[{low:.4g}, {high:.4g}]"
    ax.axvspan(low, high, ymax=_TOP, color="C0", alpha=0.15, lw=0, label=span)
    for value in marks:
        ax.axvline(value, ymax=_TOP, color=TRUTH, lw=1.8, ls="--", label=f"truth: {value:.4g}")
    ax.set_xlabel("functional")
    return _finish(ax, title)


def ellipse(
    values: Array,
    centre: Array,
    factor: Array,
    radius: float,
    truth: Array | None,
    title: str,
    ax: Axes | None,
) -> Figure:
    """Draw the ellipse of two functionals, some of the draws, and the truth.

    It is {centre + factor z: |z| <= radius}.
    """
    marks = [] if truth is None else [truth]
    ax = _axes(ax)
    cloud = values.reshape(-1, 2)
    cloud = cloud[:: -(-len(cloud) // _POINTS)]
    ax.plot(*cloud.T, ".", ms=2, color="0.6", label="posterior draws")
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = radius * np.stack([np.cos(angle), np.sin(angle)])
    ax.plot(*(centre[:, None] + factor @ circle), color="C0", lw=1.8, label="set")
    for value in marks:
        ax.plot(*value, "X", ms=9, color=TRUTH, mec="white", label="truth")
    ax.set_xlabel("first functional")
    ax.set_ylabel("second functional")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.35 * (high - low))
    return _finish(ax, title)


def band(
    mean: Array,
    ends: tuple[Array, Array],
    truth: Array | None,
    title: str,
    *,
    domain: Any,
    at: str | None,
    ax: Axes | None,
) -> Figure:
    """Draw a band on a line; in two dimensions its ends, and where the truth is outside."""
    mean = canvas.on_domain("the posterior mean", mean, domain, at)
    lower, upper = ends
    dim, at = canvas.dimension(domain), str(at)
    if dim == 1:
        ax = _axes(ax)
        style: dict[str, Any] = {"color": "C0", "alpha": 0.25, "lw": 0, "label": "band"}
        canvas.band(ax, lower, upper, domain, at, **style)
        canvas.line(ax, mean, domain, at, color="C0", label="posterior mean")
        if truth is not None:
            canvas.line(ax, truth, domain, at, color=TRUTH, ls="--", label="truth")
        ax.set_ylabel("theta")
        return _finish(ax, title)
    if dim == 3 or ax is not None:
        what = "ax, where a band in two dimensions needs a figure" if dim == 2 else "a 3-D domain"
        raise ValueError(f"a band is drawn in one or two dimensions, got {what}")
    fields = [lower, upper] if truth is None else [lower, truth, upper]
    titles = ["lower end", "upper end"] if truth is None else ["lower end", "truth", "upper end"]
    figure = canvas.new_figure(3.6 * len(fields), 1.1 + canvas.panel_height(domain, 2.9))
    axes = figure.subplots(1, len(fields))
    limits = min(f.min() for f in fields), max(f.max() for f in fields)
    for panel, values, head in zip(axes, fields, titles, strict=True):
        image = canvas.image(panel, values, domain, at, limits, "viridis")
        panel.set_title(head)
        panel.label_outer()
    if truth is not None:
        outside = (truth < lower) | (truth > upper)
        x, y = domain.coordinates(at)[outside].T
        if x.size:
            axes[1].plot(x, y, "x", color=TRUTH, ms=4, label="outside")
            axes[1].legend(fontsize="small")
    figure.colorbar(image, ax=axes, label="theta")
    figure.suptitle(title, fontsize="medium")
    return figure


def _known(value: float | None) -> list[float]:
    return [] if value is None else [float(value)]


def _axes(ax: Axes | None) -> Axes:
    return canvas.new_figure(5.4, 3.8).subplots() if ax is None else ax


def _histogram(ax: Axes, values: Array) -> None:
    style: dict[str, Any] = {"color": "0.8", "ec": "0.6", "lw": 0.4}
    ax.hist(values, bins(values), density=True, label="posterior draws", **style)
    ax.set_ylabel("density")
    ax.set_ylim(0, ax.get_ylim()[1] / _TOP)


def _finish(ax: Axes, title: str) -> Figure:
    ax.legend(loc="upper left", frameon=False, fontsize="small")
    ax.set_title(title)
    return cast("Figure", ax.figure)
