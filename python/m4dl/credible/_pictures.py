"""Pictures of credible sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from .. import _canvas
from .._validate import Array, array
from ..plot import _TRUTH, _bins

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ._fields import BandRegion
    from ._functionals import EllipsoidRegion, IntervalRegion
    from ._region import Region

_TOP = 1 / 1.45  # marks end here: the legend is above
_POINTS = 1500  # of the draws, in a cloud of points


def distances(region: Region, exact: ArrayLike | None, ax: Axes | None) -> Figure:
    """Draw the distances of the draws, the radius, and the distance of the truth."""
    if region.scores is None:
        raise ValueError(f"the {region.name} was made from moments: there are no draws to show")
    scores = region.scores.ravel()
    marks = [] if exact is None else [float(region.distance(_truth(region, exact)))]
    ax = _axes(ax)
    _histogram(ax, scores)
    ax.axvspan(0, region.radius, ymax=_TOP, color="C0", alpha=0.15, lw=0)
    ax.axvline(region.radius, ymax=_TOP, color="C0", lw=1.8, label=f"radius: {region.radius:.4g}")
    for value in marks:
        ax.axvline(value, ymax=_TOP, color=_TRUTH, lw=1.8, ls="--", label=f"truth: {value:.4g}")
    ax.set_xlim(0, 1.05 * max([scores.max(), region.radius, *marks]))
    ax.set_xlabel("distance from the posterior mean")
    return _finish(ax, region)


def interval(region: IntervalRegion, exact: ArrayLike | None, ax: Axes | None) -> Figure:
    """Draw the functional's histogram, the interval, and the value of the truth."""
    if region.values is None:
        raise ValueError(f"the {region.name} was made from moments: there are no draws to show")
    marks = [] if exact is None else [float(region.value(_truth(region, exact)))]
    ax = _axes(ax)
    _histogram(ax, region.values.ravel())
    span = f"[{region.low:.4g}, {region.high:.4g}]"
    ax.axvspan(region.low, region.high, ymax=_TOP, color="C0", alpha=0.15, lw=0, label=span)
    for value in marks:
        ax.axvline(value, ymax=_TOP, color=_TRUTH, lw=1.8, ls="--", label=f"truth: {value:.4g}")
    ax.set_xlabel("functional")
    return _finish(ax, region)


def ellipse(region: EllipsoidRegion, exact: ArrayLike | None, ax: Axes | None) -> Figure:
    """Draw the ellipse of two functionals, some of the draws, and the truth."""
    marks = [] if exact is None else [region.value(_truth(region, exact))]
    ax = _axes(ax)
    cloud = region.values.reshape(-1, 2)
    cloud = cloud[:: -(-len(cloud) // _POINTS)]
    ax.plot(*cloud.T, ".", ms=2, color="0.6", label="posterior draws")
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = region.radius * np.stack([np.cos(angle), np.sin(angle)])
    ax.plot(*(region.centre[:, None] + region.factor @ circle), color="C0", lw=1.8, label="set")
    for value in marks:
        ax.plot(*value, "X", ms=9, color=_TRUTH, mec="white", label="truth")
    ax.set_xlabel("first functional")
    ax.set_ylabel("second functional")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.35 * (high - low))
    return _finish(ax, region)


def band(region: BandRegion, exact: ArrayLike | None, ax: Axes | None) -> Figure:
    """Draw a band on a line; in two dimensions its ends, and where the truth is outside."""
    mean = _canvas.on_domain("the posterior mean", region.centre, region.domain, region.at)
    truth = None if exact is None else _truth(region, exact)
    dim, at = _canvas.dimension(region.domain), str(region.at)
    if dim == 1:
        ax = _axes(ax)
        style: dict[str, Any] = {"color": "C0", "alpha": 0.25, "lw": 0, "label": "band"}
        _canvas.band(ax, region.lower, region.upper, region.domain, at, **style)
        _canvas.line(ax, mean, region.domain, at, color="C0", label="posterior mean")
        if truth is not None:
            _canvas.line(ax, truth, region.domain, at, color=_TRUTH, ls="--", label="truth")
        ax.set_ylabel("theta")
        return _finish(ax, region)
    if dim == 3 or ax is not None:
        what = "ax, where a band in two dimensions needs a figure" if dim == 2 else "a 3-D domain"
        raise ValueError(f"a band is drawn in one or two dimensions, got {what}")
    fields = [region.lower, region.upper] if truth is None else [region.lower, truth, region.upper]
    titles = ["lower end", "upper end"] if truth is None else ["lower end", "truth", "upper end"]
    figure = _canvas.new_figure(3.6 * len(fields), 1.1 + _canvas.panel_height(region.domain, 2.9))
    axes = figure.subplots(1, len(fields))
    limits = min(f.min() for f in fields), max(f.max() for f in fields)
    for panel, values, title in zip(axes, fields, titles, strict=True):
        image = _canvas.image(panel, values, region.domain, at, limits, "viridis")
        panel.set_title(title)
        panel.label_outer()
    if truth is not None:
        outside = (truth < region.lower) | (truth > region.upper)
        x, y = region.domain.coordinates(at)[outside].T
        if x.size:
            axes[1].plot(x, y, "x", color=_TRUTH, ms=4, label="outside")
            axes[1].legend(fontsize="small")
    figure.colorbar(image, ax=axes, label="theta")
    figure.suptitle(_title(region), fontsize="medium")
    return figure


def _truth(region: Region, exact: ArrayLike) -> Array:
    return array("exact", exact, (region.parameters,))


def _axes(ax: Axes | None) -> Axes:
    return _canvas.new_figure(5.4, 3.8).subplots() if ax is None else ax


def _histogram(ax: Axes, values: Array) -> None:
    style: dict[str, Any] = {"color": "0.8", "ec": "0.6", "lw": 0.4}
    ax.hist(values, _bins(values), density=True, label="posterior draws", **style)
    ax.set_ylabel("density")
    ax.set_ylim(0, ax.get_ylim()[1] / _TOP)


def _title(region: Region) -> str:
    return f"{region.level:.0%} {region.name}"


def _finish(ax: Axes, region: Region) -> Figure:
    ax.legend(loc="upper left", frameon=False, fontsize="small")
    ax.set_title(_title(region))
    return cast("Figure", ax.figure)
