"""The figures of the X-ray demo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import plot
from .._base.validate import Array
from ..domains import TriangleMesh
from ..plot import canvas
from ..results import diagnostics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ABOUT = {
    "pCN": "pCN of the papers, from theta = 0",
    "HMC": "HMC with the metric of the Laplace approximation",
}


def draw(
    results: Sequence[Any],
    mesh: TriangleMesh,
    exact: Array,
    functionals: dict[str, float],
    histograms: int,
) -> dict[str, Figure]:
    """Return the figures by name. ``results`` are those of `xray`, two for each N."""
    shown = [r for r in results if r.size != histograms]
    scales = _scales([exact, *(r.draws.mean() for r in shown)])
    out: dict[str, Figure] = {}
    for kernel, name in (("pCN", "fields"), ("HMC", "fields_mixing")):
        if these := [r for r in shown if r.kernel == kernel]:
            out[name] = _fields(these, mesh, exact, scales)
    if these := [r for r in results if r.size == histograms]:
        out["histograms"] = _histograms(these, functionals)
        out["traces"] = _traces(these, functionals)
    return out


def _parts(theta: Array) -> list[Array]:
    """|a| and the three components."""
    a = theta.reshape(3, -1)
    return [np.asarray(np.linalg.norm(a, axis=0)), *a]


def _scales(fields: Sequence[Array]) -> list[tuple[float, float]]:
    """One colour scale for |a| and one, symmetric, for all components, in all figures."""
    parts = [_parts(theta) for theta in fields]
    top = max(float(p[0].max()) for p in parts)
    end = max(float(np.abs(p[1:]).max()) for p in parts)
    return [(0.0, top), *[(-end, end)] * 3]


def _fields(
    results: Sequence[Any], mesh: TriangleMesh, exact: Array, scales: Sequence[tuple[float, float]]
) -> Figure:
    """Rows |a|, a1, a2, a3; columns truth and posterior means."""
    figure = canvas.new_figure(2.6 * (1 + len(results)) + 1, 10.6)
    axes = figure.subplots(4, 1 + len(results), sharex=True, sharey=True)
    titles = ["truth"]
    titles += [f"mean, N = {r.size}\nESS {r.ess:,.0f}, error {r.error:.0%}" for r in results]
    columns = [_parts(theta) for theta in (exact, *(r.draws.mean() for r in results))]
    names, maps = ("|a|", "a1", "a2", "a3"), ("viridis", *["RdBu_r"] * 3)
    for i, (row, name, (low, high), colours) in enumerate(
        zip(axes, names, scales, maps, strict=True)
    ):
        for ax, parts, title in zip(row, columns, titles, strict=True):
            options: dict[str, Any] = {"vmin": low, "vmax": high, "cmap": colours}
            plot.field(parts[i], mesh, "nodes", ax, colorbar=False, **options)
            ax.set_title(title if i == 0 else "")
            ax.set(xlabel="", ylabel="", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        row[0].set_ylabel(name, rotation=0, labelpad=14)
        if i < 2:
            figure.colorbar(
                row[0].collections[0], ax=axes[:1] if i == 0 else axes[1:], label=("|a|", "a")[i]
            )
    chains = results[0].draws.chains
    figure.suptitle(f"{ABOUT[results[0].kernel]}\nESS: median over the field, {chains} chains")
    return figure


def _histograms(results: Sequence[Any], exact: dict[str, float]) -> Figure:
    """A row for each kernel, a column for each functional; a column shares its axis."""
    figure = canvas.new_figure(4.2 * len(exact), 3.6 * len(results))
    axes = figure.subplots(len(results), len(exact), sharex="col", squeeze=False)
    for row, result in zip(axes, results, strict=True):
        for ax, (name, value) in zip(row, exact.items(), strict=True):
            values = result.functionals[name]
            title = f"{result.kernel}, N = {result.size}: ESS {diagnostics.ess(values):,.0f}"
            plot.histogram(values, value, ax, label=f"<theta, psi>: {name}", title=title)
            ax.locator_params(axis="x", nbins=5)
            ax.set_ylabel("density" if ax is row[0] else "")
            if result is not results[-1]:
                ax.set_xlabel("")
    return figure


def _traces(results: Sequence[Any], exact: dict[str, float]) -> Figure:
    """Every chain's functional, a row for each kernel."""
    figure = canvas.new_figure(4.2 * len(exact), 2.6 * len(results))
    axes = figure.subplots(len(results), len(exact), sharey="col", squeeze=False)
    for row, result in zip(axes, results, strict=True):
        step = result.draws.thin
        for ax, (name, value) in zip(row, exact.items(), strict=True):
            values = result.functionals[name]
            ax.plot(step * np.arange(1, values.shape[1] + 1), values.T, lw=0.6)
            ax.axhline(value, color="k", ls="--", lw=1)
            ax.set_title(f"{result.kernel}, N = {result.size}: {name}")
            ax.set_xlabel("iteration after warmup")
            ax.locator_params(axis="x", nbins=5)
        row[0].set_ylabel("<theta, psi>")
    figure.suptitle("One colour a chain; dashed: the truth")
    return figure
