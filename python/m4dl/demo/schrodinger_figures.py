"""The figures of the Schroedinger demo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import plot
from .._base.validate import Array
from ..plot import canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(
    results: Sequence[Any], points: Array, data: Array, exact: Array, functional: float
) -> dict[str, Figure]:
    """Return the figures by name. ``results`` are those of `schrodinger`, one for each N."""
    return {
        "fields": _fields(results, points, data, exact),
        "histograms": _histograms(results, functional),
        "traces": results[-1].draws.plot_trace(),
    }


def _fields(results: Sequence[Any], points: Array, data: Array, exact: Array) -> Figure:
    """Truth and posterior means on one colour scale; below them data and standard deviations."""
    means = [exact, *(result.draws.mean() for result in results)]
    spreads = [result.draws.std() for result in results]
    names = ["truth", *(f"posterior mean, N = {result.size}" for result in results)]
    low, high = min(map(min, means)), max(map(max, means))
    top = max(map(max, spreads))
    domain, at = results[0].draws.domain, results[0].draws.at

    figure = canvas.new_figure(3.1 * len(means) + 1, 6.2)
    axes = figure.subplots(2, len(means), sharex=True, sharey=True)
    scale: dict[str, Any] = {"vmin": low, "vmax": high, "colorbar": False}
    for ax, values, name in zip(axes[0], means, names, strict=True):
        plot.field(values, domain, at, ax, title=name, **scale)
    figure.colorbar(axes[0, -1].images[0], ax=axes[0], label="theta = log f")
    scale = {"vmin": 0.0, "vmax": top, "colorbar": False, "cmap": "magma"}
    for ax, values, result in zip(axes[1, 1:], spreads, results, strict=True):
        plot.field(values, domain, at, ax, title=f"standard deviation, N = {result.size}", **scale)
        ax.plot(*points[: result.size].T, ".", color="white", ms=1.5, alpha=0.6)
    figure.colorbar(axes[1, -1].images[0], ax=axes[1, 1:], label="standard deviation of theta")
    values = axes[1, 0].scatter(*points.T, c=data, s=6, cmap="cividis")
    axes[1, 0].set_title(f"data: u + noise at {len(points)} points")
    axes[1, 0].set_aspect("equal")
    axes[1, 0].set(xlabel="x", ylabel="y")
    figure.colorbar(values, ax=axes[1, 0], location="left", label="measured u")
    for ax in axes.flat:
        ax.label_outer()
    return figure


def _histograms(results: Sequence[Any], exact: float) -> Figure:
    figure = canvas.new_figure(4.2 * len(results), 3.8)
    axes = figure.subplots(1, len(results), sharex=True, squeeze=False)[0]
    for ax, result in zip(axes, results, strict=True):
        plot.histogram(
            result.functional,
            exact,
            ax,
            label="mean of theta over the higher bump",
            title=f"N = {result.size}",
        )
        ax.set_ylabel("density" if ax is axes[0] else "")
    return figure
