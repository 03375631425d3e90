"""A potential from noisy values of the solution: the posterior mean at N = 200, 400, 800."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._base.validate import Array
from ..domains import Grid
from ..models import Schrodinger
from ..noise import GaussianNoise
from ..posterior import Posterior
from ..priors import SeriesPrior, rescale_for
from ..results import Draws
from . import schrodinger_figures
from .settings import Settings
from .tuning import tune

ABOUT = "the potential of a Schroedinger equation from 200, 400 and 800 values of its solution"
SIZES = (200, 400, 800)
GRID = Grid((32, 32))
FINE = Grid((128, 128))
"""The data come from this grid: made on the grid of the inversion they would hide its error."""
SIGMA = 0.05
BACKGROUND = float(np.log(5.0))
ALPHA, KAPPA = 3.0, 2.0
"""Smoothness of the unscaled prior, and degree by which theta -> u smooths."""
STD = 4.0
"""Root mean square of the unscaled prior's standard deviation."""
MODES = 144
THIN = 10
HIGH, WIDTH = (0.33, 0.36), 0.15
"""Centre and width of the higher bump of the true theta."""


@dataclass(frozen=True)
class Result:
    """What came out for one N.

    Attributes
    ----------
    size : int
        N.
    draws : Draws
    error : float
        ||posterior mean - truth|| / ||background - truth|| in L2.
    functional : (chain, draw) array
        Mean of theta over the higher bump.
    """

    size: int
    draws: Draws
    error: float
    functional: Array


def truth(x: Array) -> Array:
    """Return the true theta = log f at points (n, 2): two bumps on a constant background."""

    def bump(centre: tuple[float, float], width: float) -> Array:
        return np.asarray(np.exp(-((x - np.array(centre)) ** 2).sum(axis=1) / (2 * width**2)))

    return BACKGROUND + 2.0 * bump(HIGH, WIDTH) - 1.2 * bump((0.68, 0.66), 0.17)


def weights() -> Array:
    """Return the functional psi: a Gaussian average of theta around the higher bump."""
    x = GRID.coordinates("interior")
    out = np.exp(-((x - np.array(HIGH)) ** 2).sum(axis=1) / (2 * WIDTH**2))
    return np.asarray(out / out.sum())


def synthetic_data(seed: int) -> tuple[Array, Array]:
    """Return 800 uniform points (800, 2) and noisy values of u there (800,)."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(size=(max(SIZES), 2))
    exact = Schrodinger(FINE, points)(truth(FINE.coordinates()))
    return points, exact + SIGMA * rng.standard_normal(len(points))


def prior_std(size: int) -> float:
    """Return the root mean square of the prior's standard deviation for N = ``size`` data."""
    return STD * rescale_for(size, ALPHA, KAPPA, GRID.dim, sigma=SIGMA)


def posterior_for(points: Array, data: Array) -> Posterior:
    """Return the posterior given these data, under the prior that the theory scales for them."""
    std = prior_std(len(data))
    prior = SeriesPrior(GRID, modes=MODES, alpha=ALPHA, std=std, mean=BACKGROUND, at="interior")
    model = Schrodinger(GRID, points, boundary=1.0, at="interior")
    return Posterior(model, prior, data=data, noise=GaussianNoise(SIGMA))


def run(settings: Settings) -> dict[str, Any]:
    """Sample the three posteriors, write summary, numbers and figures; return the numbers."""
    first, *seeds = settings.seeds(1 + 3 * len(SIZES))
    points, data = synthetic_data(first)
    exact = truth(GRID.coordinates("interior"))
    psi = weights()
    length = settings.warmup // 4
    results: list[Result] = []
    for k, size in enumerate(SIZES):
        settings.say(f"N = {size}: {settings.chains} chains, {_each(settings):,} iterations each")
        *pilots, seed = seeds[3 * k : 3 * k + 3]
        # Untuned, MALA and pCN have ten to twenty effective draws after 100,000 iterations.
        tuned, kernel, start = tune(
            posterior_for(points[:size], data[:size]), settings, pilots, length
        )
        draws = settings.sample(
            tuned,
            kernel,
            draws=settings.draws,
            warmup=settings.warmup - len(pilots) * length,
            seed=seed,
            thin=THIN,
            start=start,
        )
        gap = np.linalg.norm(draws.mean() - exact) / np.linalg.norm(BACKGROUND - exact)
        results.append(Result(size, draws, float(gap), draws.functional(psi)))
        if not draws.complete:
            break
    numbers = {
        "demo": "schrodinger",
        "data": f"synthetic, made on {FINE!r} with seed {first}",
        "sigma": SIGMA,
        "iterations_in_all_for_each_N": settings.chains * _each(settings),
        "functional_truth": float(psi @ exact),
        "results": [_numbers(result) for result in results],
    }
    figures = schrodinger_figures.draw(results, points, data, exact, float(psi @ exact))
    settings.write(_text(settings, results, float(psi @ exact)), numbers, figures)
    return numbers


def _each(settings: Settings) -> int:
    return settings.warmup + settings.draws * THIN


def _rate(draws: Draws) -> float:
    """Iterations a second of all chains together, after warmup."""
    return draws.chains * draws.draws * draws.thin / draws.seconds


def _numbers(result: Result) -> dict[str, Any]:
    draws = result.draws
    return {
        "N": result.size,
        "prior_std": prior_std(result.size),
        "relative_l2_error": result.error,
        "posterior_std_rms": float(np.sqrt((draws.std() ** 2).mean())),
        "r_hat_max": draws.rhat().max(),
        "ess_bulk_min": draws.ess().min(),
        "ess_tail_min": draws.ess("tail").min(),
        "functional_mean": result.functional.mean(),
        "functional_std": result.functional.std(),
        "iterations_per_second": _rate(draws),
        "summary": draws.summary().to_dict(),
        "provenance": draws.provenance,
    }


def _text(settings: Settings, results: list[Result], exact: float) -> str:
    columns = "{:>4}{:>11}{:>11}{:>11}{:>8}{:>10}{:>10}{:>12}{:>9}{:>16}"
    header = columns.format(
        *("N", "prior std", "error", "std (rms)", "R-hat", "ESS bulk", "ESS tail", "acceptance"),
        *("it/s", "functional"),
    )
    lines = []
    for result in results:
        row, draws = _numbers(result), result.draws
        lines.append(
            columns.format(
                result.size,
                f"{prior_std(result.size):.3f}",
                f"{result.error:.1%}",
                f"{row['posterior_std_rms']:.3f}",
                f"{row['r_hat_max']:.3f}",
                f"{row['ess_bulk_min']:,.0f}",
                f"{row['ess_tail_min']:,.0f}",
                f"{draws.acceptance.mean():.2f}",
                f"{_rate(draws):,.0f}",
                f"{row['functional_mean']:.3f} ± {row['functional_std']:.3f}",
            )
        )
    advice = [f"N = {r.size}: {line}" for r in results for line in r.draws.summary(0).advice]
    table, verdicts = "\n".join([header, *lines]), "\n".join(advice)
    return f"""\
Schroedinger equation Lap u / 2 = f u on the unit square, u = 1 on its boundary, theta = log f;
N noisy values of u, sigma {SIGMA}; series prior of smoothness {ALPHA:g}, rescaled for N.
{settings.chains} chains of {_each(settings):,} iterations, {settings.warmup:,} for tuning: \
{settings.chains * _each(settings):,} in all for each N.
Inversion on {GRID.cells[0]} x {GRID.cells[1]} cells, data from {FINE.cells[0]} x {FINE.cells[1]}.

{table}

error: of the posterior mean in L2, relative to that of the prior mean. R-hat and ESS: the worst
of the field. functional: mean of theta over the higher bump, in truth {exact:.3f}.

{verdicts}"""
