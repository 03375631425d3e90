"""The plot of the elliptic benchmark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

Costs = Mapping[str, Mapping[int, float]]
"""Seconds per step and chain: contender -> D -> cost."""
OURS: dict[str, Any] = {"color": "black", "linewidth": 2.2, "zorder": 3}


def plot_costs(costs: Mapping[str, Costs], path: Path, guides: Sequence[float]) -> None:
    """Cost per step and chain against D, one panel for each equation; "m4dl" stands out.

    ``guides`` are exponents of D, drawn as straight lines below.
    """
    names = list(dict.fromkeys(name for lines in costs.values() for name in lines))
    colours = {name: f"C{k}" for k, name in enumerate(names)}
    figure, axes = plt.subplots(
        1, len(costs), figsize=(5.2 * len(costs), 4.8), sharey=True, squeeze=False
    )
    for axis, (title, lines) in zip(axes[0], costs.items(), strict=True):
        for name, line in lines.items():
            sizes = sorted(line)
            style = OURS if name == "m4dl" else {"color": colours[name]}
            milliseconds = [1e3 * line[size] for size in sizes]
            axis.loglog(sizes, milliseconds, marker="o", markersize=4, label=name, **style)
        ours = sorted(lines["m4dl"])
        growth = np.array(ours) / ours[0]
        for power, dash in zip(guides, (":", "--"), strict=True):
            guide = 0.4e3 * lines["m4dl"][ours[0]] * growth**power
            axis.loglog(ours, guide, dash, color="0.6", linewidth=1, label=f"guide: D^{power:g}")
        axis.set_xticks(ours, [f"{math.isqrt(size)}²" for size in ours])
        axis.minorticks_off()
        axis.yaxis.set_major_formatter("{x:g}")
        axis.set_title(title)
        axis.set_xlabel("parameters D")
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("processor time per MALA step and chain, ms")
    handles: dict[str, Any] = {}
    for axis in axes[0]:
        handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    figure.set_layout_engine("constrained")
    figure.savefig(path, dpi=110)
    plt.close(figure)
