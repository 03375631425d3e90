"""Pictures that are not fields or chains: a spectrum, and kernels compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from . import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def spectrum(values: ArrayLike, rank: int, ax: Axes | None = None) -> Axes:
    """Draw the eigenvalues of a Laplace approximation, on a logarithmic scale.

    An eigenvalue of 1 is a direction of which data and prior tell equally much. Filled: those that
    were kept; open: seen, and left to the prior.

    Parameters
    ----------
    values : (r,) array
        Eigenvalues, in descending order.
    rank : int
        How many of them were kept.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if None (``ax.figure.savefig(...)``).
    """
    if ax is None:
        ax = canvas.new_figure(4.8, 3.2).subplots()
    values = np.asarray(values)
    order = np.arange(1, len(values) + 1)
    seen = values > 0
    rest = seen & (order > rank)
    ax.semilogy(order[:rank], values[:rank], "o", ms=4, label=f"kept ({rank})")
    if rest.any():
        ax.semilogy(order[rest], values[rest], "o", ms=4, mfc="none", color="0.5", label="left out")
    ax.axhline(1.0, color="0.7", lw=0.8, zorder=0)
    ax.set_xlabel("index")
    ax.set_ylabel("eigenvalue")
    ax.legend(frameon=False)
    return ax


def efficiency(rows: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw effective draws per 1,000 linear solves and per second, one bar for each kernel.

    Both axes are logarithmic: kernels differ by orders of magnitude.

    Parameters
    ----------
    rows : mapping of str to mapping
        By kernel: ``per_1000_solves`` and ``per_second``.
    """
    figure = canvas.new_figure(8.0, 1.2 + 0.35 * len(rows))
    axes = figure.subplots(1, 2, sharey=True)
    labels = {"per_1000_solves": "per 1,000 solves", "per_second": "per second"}
    place = np.arange(len(rows))[::-1]
    for ax, (key, label) in zip(axes, labels.items(), strict=True):
        ax.barh(place, [row[key] for row in rows.values()], height=0.6)
        ax.set_xscale("log")
        ax.set_xlabel(f"effective draws of the worst quantity {label}")
    axes[0].set_yticks(place, list(rows))
    return figure
