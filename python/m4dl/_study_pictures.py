"""Pictures of studies: coverage, radius and error against the number of data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from . import _canvas
from .plot import _TRUTH, _bins

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ._bvm import BernsteinVonMises
    from ._ranks import Calibration
    from ._study import Contraction, CoverageStudy

_MARKS = "osD^vP*X"


def coverage(study: CoverageStudy, ax: Axes | None) -> Figure:
    """Draw the coverage of each set against N; sets stand side by side at each N."""
    ax = _canvas.new_figure(6.4, 4.0).subplots() if ax is None else ax
    places = np.arange(len(study.sizes))
    shift = 0.5 / max(len(study.names), 2)
    for k, name in enumerate(study.names):
        share, low, high = np.array(
            [
                (r.coverage.share, r.coverage.low, r.coverage.high)
                for r in study.rows
                if r.name == name
            ]
        ).T
        style: dict[str, Any] = {"fmt": _MARKS[k % 8], "ms": 5, "capsize": 3, "label": name}
        x = places + shift * (k - (len(study.names) - 1) / 2)
        ax.errorbar(x, share, [share - low, high - share], color=f"C{k % 10}", **style)
    ax.axhline(study.level, color="black", lw=1, ls="--", label=f"level {study.level:g}")
    ax.set_xticks(places, [str(N) for N in study.sizes])
    ax.set_xlim(-0.5, len(places) - 0.5)
    ax.set_ylim(top=1.015)  # room for the marks at 1
    ax.set_xlabel("number of data N")
    ax.set_ylabel(f"coverage, {study.confidence:.0%} intervals")
    # beside the axes, where it hides no point
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize="small")
    return cast("Figure", ax.figure)


def radius(study: CoverageStudy, names: tuple[str, ...], rate: float | None) -> Figure:
    """Draw the mean radius of sets against N, relative to the first, and the slope of theory."""
    figure = _canvas.new_figure(6.4, 4.0)
    ax = figure.subplots()
    N = np.array(study.sizes, dtype=np.float64)
    for k, name in enumerate(names):
        rows = [study.row(name, n) for n in study.sizes]
        r, error = np.array([(row.radius, row.radius_error) for row in rows]).T
        style: dict[str, Any] = {"fmt": f"{_MARKS[k % 8]}-", "ms": 5, "capsize": 3, "label": name}
        ax.errorbar(N, r / r[0], 2 * error / r[0], color=f"C{k % 10}", **style)
    if rate is not None:
        ax.plot(N, (N / N[0]) ** rate, "k--", lw=1, label=f"theory: N^{rate:.3g}")
    _logarithmic(ax, N)
    ax.set_ylabel("radius, relative to the first")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize="small")
    return figure


def contraction(found: Contraction, ax: Axes | None) -> Figure:
    """Draw the error of the posterior mean against N, the fit, and the slope of theory."""
    ax = _canvas.new_figure(5.4, 3.8).subplots() if ax is None else ax
    N, e = found.sizes, found.errors
    style: dict[str, Any] = {"fmt": "o", "ms": 5, "capsize": 3, "color": "C0"}
    ax.errorbar(N, e, 2 * found.standard_errors, label="mean error, ± 2 standard errors", **style)
    centre = np.exp(np.log(N).mean())
    height = np.exp(np.log(e).mean())
    fit = f"fit: N^{found.rate:.3f} [{found.low:.3f}, {found.high:.3f}]"
    ax.plot(N, height * (N / centre) ** found.rate, color="C0", lw=1.5, label=fit)
    if found.theory is not None:
        label = f"theory: N^{found.theory:.3f}"
        ax.plot(N, height * (N / centre) ** found.theory, "k--", lw=1, label=label)
    _logarithmic(ax, N)
    ax.set_ylabel(f"error of the posterior mean, {found.name}")
    ax.legend(frameon=False, fontsize="small")
    return cast("Figure", ax.figure)


def _logarithmic(ax: Axes, N: Any) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(N, [f"{n:g}" for n in N])
    ax.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
    ax.set_xlabel("number of data N")


def ranks(found: Calibration) -> Figure:
    """Draw rank histograms, a panel each, with the band in which all bars lie."""
    names = list(found.ranks)
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = _canvas.new_figure(3.2 * columns, 0.7 + 2.4 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    edges = np.linspace(0, 1, len(found.low) + 1)
    for ax, name in zip(panels, names, strict=False):
        counts = found.counts[name]
        outside = (counts < found.low) | (counts > found.high)
        for chosen, color in ((~outside, "0.75"), (outside, "#d62728")):
            width = edges[1]
            ax.bar(edges[:-1][chosen], counts[chosen], width, align="edge", color=color, ec="white")
        ax.stairs(found.high, edges, baseline=found.low, fill=True, color="C0", alpha=0.3)
        ax.stairs(found.expected, edges, color="C0", lw=1, baseline=None)
        ax.set_title(f"{name}\np = {found.p_values[name]:.2g}", fontsize="medium")
        ax.set_xlim(0, 1)
        ax.set_xlabel("rank of the truth, relative")
    for ax in panels[len(names) :]:
        ax.remove()
    panels[0].set_ylabel("replicates")
    figure.suptitle(f"{found.test}: {found.confidence:.0%} bands", fontsize="medium")
    return figure


def bernstein_von_mises(found: BernsteinVonMises, ax: Axes | None) -> Figure:
    """Draw the histogram of the draws, the Gaussians of the theory around their mean, the truth."""
    ax = _canvas.new_figure(5.8, 4.2).subplots() if ax is None else ax
    flat = found.values.ravel()
    style: dict[str, Any] = {"color": "0.8", "ec": "0.6", "lw": 0.4, "label": "posterior draws"}
    ax.hist(flat, _bins(flat), density=True, **style)
    curves = [("finite-N reference", found.reference, "C0", "-")]
    if found.limit is not None:
        curves.append(("efficient limit", found.limit, "C1", "-."))
    wide = 4 * max(variance for _, variance, _, _ in curves) ** 0.5
    x = np.linspace(min(flat.min(), found.mean - wide), max(flat.max(), found.mean + wide), 400)
    for name, variance, color, dash in curves:
        std = variance**0.5
        density = np.exp(-0.5 * ((x - found.mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))
        ax.plot(x, density, color=color, ls=dash, lw=1.8, label=f"{name}: ± {std:.3g}")
    line: dict[str, Any] = {"color": _TRUTH, "lw": 1.8, "ls": "--"}
    ax.axvline(found.truth, ymax=1 / 1.5, label=f"truth: {found.truth:.4g}", **line)
    ax.set_ylim(0, 1.5 * ax.get_ylim()[1])  # room for the legend
    ax.set_xlabel("functional")
    ax.set_ylabel("density")
    ax.legend(loc="upper left", frameon=False, fontsize="small")
    ax.set_title(f"variance / reference = {found.ratio:.3f} ± {found.ratio_error:.3f}")
    return cast("Figure", ax.figure)
