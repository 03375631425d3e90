"""Pictures of studies: coverage, radius and error against the number of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from .._base.validate import Array
from . import canvas
from .canvas import TRUTH, bins

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKS = "osD^vP*X"


def coverage(
    sizes: Sequence[int],
    shares: Mapping[str, Array],
    level: float,
    confidence: float,
    ax: Axes | None,
) -> Figure:
    """Draw the coverage of each set against N; sets stand side by side at each N.

    ``shares`` has rows (3, sizes): the share, and the ends of its interval.
    """
    ax = canvas.new_figure(6.4, 4.0).subplots() if ax is None else ax
    places = np.arange(len(sizes))
    shift = 0.5 / max(len(shares), 2)
    for k, (name, (share, low, high)) in enumerate(shares.items()):
        style: dict[str, Any] = {"fmt": _MARKS[k % 8], "ms": 5, "capsize": 3, "label": name}
        x = places + shift * (k - (len(shares) - 1) / 2)
        ax.errorbar(x, share, [share - low, high - share], color=f"C{k % 10}", **style)
    ax.axhline(level, color="black", lw=1, ls="--", label=f"level {level:g}")
    ax.set_xticks(places, [str(N) for N in sizes])
    ax.set_xlim(-0.5, len(places) - 0.5)
    ax.set_ylim(top=1.015)  # room for the marks at 1
    ax.set_xlabel("number of data N")
    ax.set_ylabel(f"coverage, {confidence:.0%} intervals")
    # beside the axes, where it hides no point
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize="small")
    return cast("Figure", ax.figure)


def radius(sizes: Sequence[int], radii: Mapping[str, Array], rate: float | None) -> Figure:
    """Draw the mean radius of sets against N, relative to the first, and the slope of theory.

    ``radii`` has rows (2, sizes): the mean radius, and its standard error.
    """
    figure = canvas.new_figure(6.4, 4.0)
    ax = figure.subplots()
    N = np.array(sizes, dtype=np.float64)
    for k, (name, (r, error)) in enumerate(radii.items()):
        style: dict[str, Any] = {"fmt": f"{_MARKS[k % 8]}-", "ms": 5, "capsize": 3, "label": name}
        ax.errorbar(N, r / r[0], 2 * error / r[0], color=f"C{k % 10}", **style)
    if rate is not None:
        ax.plot(N, (N / N[0]) ** rate, "k--", lw=1, label=f"theory: N^{rate:.3g}")
    _logarithmic(ax, N)
    ax.set_ylabel("radius, relative to the first")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize="small")
    return figure


def contraction(
    sizes: Array,
    errors: Array,
    standard_errors: Array,
    rate: tuple[float, float, float],
    theory: float | None,
    name: str,
    ax: Axes | None,
) -> Figure:
    """Draw the error of the posterior mean against N, the fit, and the slope of theory.

    ``rate`` is the fitted one and the ends of its interval.
    """
    ax = canvas.new_figure(5.4, 3.8).subplots() if ax is None else ax
    N, e = sizes, errors
    slope, low, high = rate
    style: dict[str, Any] = {"fmt": "o", "ms": 5, "capsize": 3, "color": "C0"}
    ax.errorbar(N, e, 2 * standard_errors, label="mean error, ± 2 standard errors", **style)
    centre = np.exp(np.log(N).mean())
    height = np.exp(np.log(e).mean())
    fit = f"fit: N^{slope:.3f} [{low:.3f}, {high:.3f}]"
    ax.plot(N, height * (N / centre) ** slope, color="C0", lw=1.5, label=fit)
    if theory is not None:
        label = f"theory: N^{theory:.3f}"
        ax.plot(N, height * (N / centre) ** theory, "k--", lw=1, label=label)
    _logarithmic(ax, N)
    ax.set_ylabel(f"error of the posterior mean, {name}")
    ax.legend(frameon=False, fontsize="small")
    return cast("Figure", ax.figure)


def _logarithmic(ax: Axes, N: Any) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(N, [f"{n:g}" for n in N])
    ax.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
    ax.set_xlabel("number of data N")


def ranks(
    counts: Mapping[str, NDArray[np.int64]],
    p_values: Mapping[str, float],
    expected: Array,
    band: tuple[Array, Array],
    title: str,
) -> Figure:
    """Draw rank histograms, a panel each, with the band in which all bars lie."""
    names = list(counts)
    bottom, top = band
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = canvas.new_figure(3.2 * columns, 0.7 + 2.4 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    edges = np.linspace(0, 1, len(bottom) + 1)
    for ax, name in zip(panels, names, strict=False):
        bars = counts[name]
        outside = (bars < bottom) | (bars > top)
        for chosen, color in ((~outside, "0.75"), (outside, "#d62728")):
            width = edges[1]
            ax.bar(edges[:-1][chosen], bars[chosen], width, align="edge", color=color, ec="white")
        ax.stairs(top, edges, baseline=bottom, fill=True, color="C0", alpha=0.3)
        ax.stairs(expected, edges, color="C0", lw=1, baseline=None)
        ax.set_title(f"{name}\np = {p_values[name]:.2g}", fontsize="medium")
        ax.set_xlim(0, 1)
        ax.set_xlabel("rank of the truth, relative")
    for ax in panels[len(names) :]:
        ax.remove()
    panels[0].set_ylabel("replicates")
    figure.suptitle(title, fontsize="medium")
    return figure


def bernstein_von_mises(
    values: Array,
    truth: float,
    reference: float,
    limit: float | None,
    ratio: tuple[float, float],
    ax: Axes | None,
) -> Figure:
    """Draw the histogram of the draws, the Gaussians of the theory around their mean, the truth.

    ``reference`` and ``limit`` are variances; ``ratio`` is that of the draws' to the reference,
    and its standard error.
    """
    ax = canvas.new_figure(5.8, 4.2).subplots() if ax is None else ax
    flat = values.ravel()
    mean = float(flat.mean())
    style: dict[str, Any] = {"color": "0.8", "ec": "0.6", "lw": 0.4, "label": "posterior draws"}
    ax.hist(flat, bins(flat), density=True, **style)
    curves = [("finite-N reference", reference, "C0", "-")]
    if limit is not None:
        curves.append(("efficient limit", limit, "C1", "-."))
    wide = 4 * max(variance for _, variance, _, _ in curves) ** 0.5
    x = np.linspace(min(flat.min(), mean - wide), max(flat.max(), mean + wide), 400)
    for name, variance, color, dash in curves:
        std = variance**0.5
        density = np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))
        ax.plot(x, density, color=color, ls=dash, lw=1.8, label=f"{name}: ± {std:.3g}")
    line: dict[str, Any] = {"color": TRUTH, "lw": 1.8, "ls": "--"}
    ax.axvline(truth, ymax=1 / 1.5, label=f"truth: {truth:.4g}", **line)
    ax.set_ylim(0, 1.5 * ax.get_ylim()[1])  # room for the legend
    ax.set_xlabel("functional")
    ax.set_ylabel("density")
    ax.legend(loc="upper left", frameon=False, fontsize="small")
    ax.set_title(f"variance / reference = {ratio[0]:.3f} ± {ratio[1]:.3f}")
    return cast("Figure", ax.figure)
