"""The benchmark of Aristoff and Bangerth on its published data: 64 blocks, 169 measurements."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from .._base.validate import Array
from ..domains import Grid
from ..models import Darcy
from ..noise import GaussianNoise
from ..posterior import Posterior
from ..priors import GaussianPrior
from ..results import Draws, diagnostics
from . import darcy_figures
from .settings import Settings
from .tuning import tune

ABOUT = "64 conductivities from 169 published measurements of a flow (Aristoff, Bangerth 2023)"
SIDE = 8
MEAN, STD = 4.0, 2.0
"""Of log a in each block. The published prior is a density with respect to a, proportional to
exp(-(log a)^2 / (2 * 2^2)); its Jacobian in log a shifts the mean from 0 to 2^2."""
SIGMA = 0.05
THIN = 25


@dataclass(frozen=True)
class Benchmark:
    """The published problem.

    Attributes
    ----------
    posterior : Posterior
        Of theta = log a in C order of the blocks: block (x, y) is component 8 x + y.
    points : (169, 2) array
    truth : (64,) array
        The log a that the measurements were made with.
    """

    posterior: Posterior
    points: Array
    truth: Array


def benchmark() -> Benchmark:
    """Build the benchmark from the tables in the package.

    Source
    ------
    D. Aristoff, W. Bangerth, A benchmark for the Bayesian inversion of coefficients in partial
    differential equations, SIAM Review 65 (2023); data/aristoff_bangerth/PROVENANCE.txt.
    """
    measured, exact = _table("z_hat.csv"), _table("theta_true.csv")
    points = np.stack([measured["x"], measured["y"]], axis=1)
    model = Darcy(Grid((32, 32)), points, 10.0, blocks=(SIDE, SIDE))
    prior = GaussianPrior(MEAN, np.full(SIDE**2, STD**2), domain=model.domain, at=model.at)
    # The published vector has x fast. The table names the block of each value: no order is assumed.
    truth = np.empty((SIDE, SIDE))
    truth[exact["block_x"].astype(int), exact["block_y"].astype(int)] = np.log(exact["theta_true"])
    posterior = Posterior(model, prior, data=measured["z_hat"], noise=GaussianNoise(SIGMA))
    return Benchmark(posterior, points, truth.ravel())


def run(settings: Settings) -> dict[str, Any]:
    """Sample the benchmark, write summary, numbers and figures; return the numbers."""
    problem = benchmark()
    *pilots, seed = settings.seeds(3)
    length = settings.warmup // 4
    # Plain MALA needs some 7,000 iterations for an effective draw of the worst parameter, pCN over
    # 20,000; tuned MALA needs 500.
    tuned, kernel, start = tune(problem.posterior, settings, pilots, length)
    warmup = settings.warmup - len(pilots) * length
    settings.say(f"The run: {warmup + settings.draws * THIN:,} iterations in each chain")
    draws = settings.sample(
        tuned, kernel, draws=settings.draws, warmup=warmup, seed=seed, thin=THIN, start=start
    )
    coefficient = diagnostics.summarise(np.exp(draws.theta))
    mirror = _mirror_gap(draws)
    figures = darcy_figures.draw(draws, problem.posterior, problem.points, problem.truth)
    numbers = {
        "demo": "darcy",
        "data": "data/aristoff_bangerth in the package, see its PROVENANCE.txt",
        "model": repr(problem.posterior),
        "prior": {"law": "log a ~ N(mean, std^2) in each block", "mean": MEAN, "std": STD},
        "order": "lists of 64 are in the published order: entry x + 8 y is block (x, y)",
        "truth": _published(np.exp(problem.truth)),
        "a": {name: _published(values) for name, values in coefficient.items()},
        "log_a": {
            "mean": _published(draws.mean()),
            "std": _published(draws.std()),
            "mcse_mean": _published(draws.mcse()),
            "ess_bulk": _published(draws.ess()),
            "ess_tail": _published(draws.ess("tail")),
            "rhat": _published(draws.rhat()),
        },
        "largest_mirror_gap_in_standard_errors": mirror,
        "summary": draws.summary().to_dict(),
        "provenance": draws.provenance,
    }
    settings.write(_text(draws, coefficient, problem.truth, mirror), numbers, figures)
    return numbers


def _mirror_gap(draws: Draws) -> float:
    """Largest difference of mirrored blocks' posterior means of log a, in its standard errors.

    Domain, points, data and prior do not change when x and y are exchanged, nor does the posterior:
    an exact test of the means. Over 28 pairs a gap above 4 would be a sign of trouble.
    """
    mean, error = (f.reshape(SIDE, SIDE) for f in (draws.mean(), draws.mcse()))
    above = np.triu_indices(SIDE, 1)
    # Both blocks of a pair come from the same chains; their correlation is left out.
    return float((np.abs(mean - mean.T) / np.hypot(error, error.T))[above].max())


def _published(field: Array) -> list[float]:
    """Return a block field in the published order, x fast."""
    values: list[float] = field.reshape(SIDE, SIDE).T.ravel().tolist()
    return values


def _table(name: str) -> Any:
    with (files("m4dl") / "data" / "aristoff_bangerth" / name).open(encoding="utf-8") as file:
        return np.genfromtxt(file, delimiter=",", names=True)


def _text(draws: Draws, coefficient: dict[str, Array], truth: Array, mirror: float) -> str:
    average = np.full(SIDE**2, 1 / SIDE**2)
    return f"""\
Benchmark of Aristoff and Bangerth (SIAM Review 2023): -div(a grad u) = 10 on the unit square,
u = 0 on its boundary, a constant on 8 x 8 blocks; 169 measurements of u with sigma {SIGMA};
log a ~ N({MEAN:g}, {STD:g}^2) in each block. theta = log a, block (x, y) is theta[8 x + y].

{draws.summary(functionals={"mean log a": average})}

Posterior mean of a (as published: one row for each y, x from left to right, (0, 0) first)
{_rows(coefficient["mean"])}

its Monte Carlo standard error
{_rows(coefficient["mcse_mean"])}

the a behind the data
{_rows(np.exp(truth))}

Where the data say little, a has the prior's heavy tail (its mean is e^6 = 403): rare large values
make the mean of a, and its error above may be too small. The mean of log a is robust.

Exchanging x and y does not change this posterior. Largest gap between the means of log a in two
mirrored blocks: {mirror:.1f} standard errors (28 pairs)."""


def _rows(field: Array) -> str:
    rows = field.reshape(SIDE, SIDE).T
    return "\n".join("".join(f"{value:>10.3g}" for value in row) for row in rows)
