"""Pictures of chains: traces, and histograms of functionals."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._base import validate
from . import canvas
from .canvas import TRUTH, bins

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CHAIN_POINTS = 2000  # a trace shows at most so many draws of a chain; a page has no more pixels


def trace(rows: Mapping[str, ArrayLike], title: str = "") -> Figure:
    """Draw chains over time, and beside them the histogram of each chain.

    Parameters
    ----------
    rows : mapping of str to (chain, draw) array
        One pair of panels each.
    title : str
    """
    values = {name: np.asarray(row) for name, row in rows.items()}
    if not values:
        raise ValueError("rows is empty: nothing to draw")
    figure = canvas.new_figure(9.0, 0.8 + 1.7 * len(values))
    axes = figure.subplots(len(values), 2, squeeze=False, sharey="row", width_ratios=(4, 1))
    draws = max(row.shape[1] for row in values.values())
    stride = -(-draws // _CHAIN_POINTS)
    when = np.arange(0, draws, stride)
    for (left, right), (name, row) in zip(axes, values.items(), strict=True):
        edges = bins(row)
        style: dict[str, Any] = {"orientation": "horizontal", "histtype": "step"}
        for k, chain in enumerate(row):
            left.plot(when, chain[::stride], lw=0.6, color=f"C{k % 10}")
            right.hist(chain, edges, density=True, color=f"C{k % 10}", **style)
        left.set_ylabel(name)
        left.set_xlim(0, max(1, draws - 1))
        left.tick_params(labelbottom=left is axes[-1, 0])
        right.set_xticks([])
    axes[-1, 0].set_xlabel("draw" + (f" (one in {stride} shown)" if stride > 1 else ""))
    axes[-1, 1].set_xlabel("density")
    # A kernel with a metric has a long name.
    axes[0, 0].set_title(textwrap.fill(title, 90), fontsize="medium", x=0.0, ha="left")
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
    title : str, optional
        Above the axes.
    """
    draws = validate.array("values", values).ravel()
    mean, std = float(draws.mean()), float(draws.std())
    if not std > 1e-12 * abs(mean):
        raise ValueError(f"values must not all be equal, got {draws.size} times {mean:g}")
    name = "fitted Gaussian"
    if gaussian is not None:
        mean, std = (validate.number("gaussian", v) for v in gaussian)
        validate.positive("gaussian standard deviation", std)
        name = "Gaussian"
    truth = None if exact is None else validate.number("exact", exact)

    ax = canvas.new_figure(5.4, 3.8).subplots() if ax is None else ax
    ax.hist(
        draws, bins(draws), density=True, color="0.8", ec="0.6", lw=0.4, label="posterior draws"
    )
    x = np.linspace(min(draws.min(), mean - 4 * std), max(draws.max(), mean + 4 * std), 400)
    density = np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))
    ax.plot(x, density, color="C0", lw=1.8, label=f"{name}: {mean:.4g} ± {std:.2g}")
    if truth is not None:
        # As high as the curve: the legend is above.
        style: dict[str, Any] = {"color": TRUTH, "lw": 1.8, "ls": "--"}
        ax.axvline(truth, ymax=1 / 1.4, label=f"truth: {truth:.4g}", **style)
    ax.set_xlabel(label)
    ax.set_ylabel("density")
    # Room for the legend above the curve, where it hides nothing.
    ax.set_ylim(0, 1.4 * ax.get_ylim()[1])
    ax.legend(loc="upper left", frameon=False, fontsize="small")
    if title is not None:
        ax.set_title(title)
    return ax
