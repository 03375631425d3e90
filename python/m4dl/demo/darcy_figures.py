"""The figures of the Darcy demo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import plot
from .._base.validate import Array
from ..plot import canvas
from ..posterior import Posterior
from ..results import Draws

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = {  # name: block (x, y)
    "low block (1, 1)": (1, 1),
    "corner block (0, 0)": (0, 0),
    "high block (5, 5)": (5, 5),
    "block (3, 1) beside the low ones": (3, 1),
}
PREDICTIVE = 400  # draws that the prediction is made from


def draw(draws: Draws, posterior: Posterior, points: Array, truth: Array) -> dict[str, Figure]:
    """Return the figures by name."""
    return {
        "fields": draws.plot_fields(truth, points=points, label="log a"),
        "traces": draws.plot_trace(),
        "histograms": _histograms(draws, truth),
        "prediction": _prediction(draws, posterior, points),
    }


def _histograms(draws: Draws, truth: Array) -> Figure:
    figure = canvas.new_figure(9.6, 6.8)
    for ax, (name, (x, y)) in zip(figure.subplots(2, 2).flat, SHOWN.items(), strict=True):
        k = 8 * x + y
        plot.histogram(draws.theta[:, :, k], float(truth[k]), ax, label="log a", title=name)
    return figure


def _prediction(draws: Draws, posterior: Posterior, points: Array) -> Figure:
    flat = draws.theta.reshape(-1, draws.parameters)
    predicted = posterior.model(flat[:: -(-len(flat) // PREDICTIVE)])
    mean, std = predicted.mean(axis=0), predicted.std(axis=0)
    sigma = float(posterior.noise.std)

    figure = canvas.new_figure(9.6, 4.2)
    left, right = figure.subplots(1, 2)
    ends = [0.0, 1.05 * float(posterior.data.max())]
    left.plot(ends, ends, color="0.6", lw=1, zorder=0)
    left.errorbar(posterior.data, mean, 2 * std, fmt=".", ms=4, lw=0.8, label="± 2 std of u")
    left.set_xlabel("measured")
    left.set_ylabel("posterior mean of u there")
    left.set_title("Measured and predicted values")
    left.legend(frameon=False, loc="upper left")
    residual = (posterior.data - mean) / sigma
    end = float(abs(residual).max())
    image = right.scatter(*points.T, c=residual, cmap="RdBu_r", s=40, vmin=-end, vmax=end)
    figure.colorbar(image, ax=right, label="(measured - predicted) / sigma")
    right.set(xlim=(0, 1), ylim=(0, 1), xlabel="x", ylabel="y", title="Residuals")
    right.set_aspect("equal")
    return figure
