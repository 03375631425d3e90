"""A matrix field from scattering data: the picture of the papers, and one from chains that mix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._base.validate import Array
from ..domains import TriangleMesh, disk_mesh
from ..kernels import HMC, PCN
from ..results import Draws, diagnostics
from . import xray_figures
from . import xray_problem as problem
from .settings import Settings

ABOUT = "a field of rotations from 200 to 800 rays (Monard, Nickl, Paternain 2021), two kernels"
SIZES = (200, 400, 600, 800)
HISTOGRAMS = 600
"""The N of the papers' histograms; their fields are those of the other N."""
RINGS = 17
"""Of the mesh: 919 vertices."""
DELTA = 2.5e-5
"""Of the papers' pCN: beta = sqrt(2 delta)."""
THIN = 320
"""Of the papers' pCN: with the demo's defaults 100,000 steps a chain."""
WARMUP = 150
"""Trajectories in which HMC adapts."""


@dataclass(frozen=True)
class Result:
    """What one kernel found for one N.

    Attributes
    ----------
    size : int
        N.
    kernel : str
    draws : Draws
    error : float
        ||posterior mean - truth|| / ||truth|| in L2.
    functionals : dict of str to (chain, draw) array
    """

    size: int
    kernel: str
    draws: Draws
    error: float
    functionals: dict[str, Array]

    @property
    def ess(self) -> float:
        """Effective draws of all chains together: the median over the field's values."""
        return float(np.median(self.draws.ess()))


def run(settings: Settings) -> dict[str, Any]:
    """Sample with both kernels for each N, write summary, numbers and figures; return numbers."""
    results = solve(settings)
    exact = problem.exact_functionals(problem.FINE * RINGS)
    numbers = {
        "demo": "xray",
        "data": f"synthetic, from a mesh of {problem.FINE * RINGS} rings",
        "seed_of_rays_and_noise": settings.seeds(1)[0],
        "sigma": problem.SIGMA,
        "functionals": exact,
        "results": [_numbers(result) for result in results],
    }
    settings.write(_text(settings, results, exact), numbers, figures(results))
    return numbers


def figures(results: list[Result]) -> dict[str, Any]:
    """Return the demo's figures by name."""
    mesh = disk_mesh(RINGS)
    exact = problem.exact_functionals(problem.FINE * RINGS)
    return xray_figures.draw(results, mesh, problem.truth(mesh.points), exact, HISTOGRAMS)


def solve(settings: Settings) -> list[Result]:
    """Sample with both kernels for each N; fewer results after Ctrl-C."""
    first, *seeds = settings.seeds(1 + 2 * len(SIZES))
    mesh = disk_mesh(RINGS)
    psi, data = problem.weights(mesh), problem.synthetic_data(max(SIZES), RINGS, first)
    results: list[Result] = []
    for k, size in enumerate(SIZES):
        posterior = problem.posterior_for(size, data, first, mesh)
        settings.say(f"N = {size}: pCN of the papers, {settings.chains} chains")
        cold = settings.sample(
            posterior,
            PCN(float(np.sqrt(2 * DELTA)), adapt=False),
            draws=settings.draws,
            warmup=settings.warmup,
            thin=THIN,
            seed=seeds[2 * k],
            start="mean",
        )
        results.append(_result(size, "pCN", cold, psi, mesh))
        if not cold.complete:
            break
        settings.say(f"N = {size}: Laplace approximation, then HMC with its metric")
        warm = settings.sample(
            posterior,
            HMC(),
            draws=settings.draws,
            warmup=min(WARMUP, settings.warmup),
            seed=seeds[2 * k + 1],
        )
        results.append(_result(size, "HMC", warm, psi, mesh))
        if not warm.complete:
            break
    return results


def _result(
    size: int, kernel: str, draws: Draws, psi: dict[str, Array], mesh: TriangleMesh
) -> Result:
    values = {name: draws.functional(weight) for name, weight in psi.items()}
    return Result(size, kernel, draws, problem.relative_error(draws.mean(), mesh), values)


def _numbers(result: Result) -> dict[str, Any]:
    draws = result.draws
    return {
        "N": result.size,
        "kernel": result.kernel,
        "prior_std": problem.prior_std(result.size),
        "relative_l2_error": result.error,
        "posterior_std_rms": float(np.sqrt((draws.std() ** 2).mean())),
        "r_hat_max": draws.rhat().max(),
        "ess_bulk_median": result.ess,
        "ess_bulk_min": draws.ess().min(),
        "seconds": draws.seconds,
        "functionals": {
            name: {"mean": v.mean(), "std": v.std(), "ess": float(diagnostics.ess(v))}
            for name, v in result.functionals.items()
        },
        "summary": draws.summary().to_dict(),
        "provenance": draws.provenance,
    }


def _text(settings: Settings, results: list[Result], exact: dict[str, float]) -> str:
    columns = "{:>4}{:>8}{:>11}{:>9}{:>11}{:>8}{:>13}{:>11}{:>12}{:>9}"
    header = columns.format(
        *("N", "kernel", "prior std", "error", "std (rms)", "R-hat", "ESS, median", "ESS, min"),
        *("acceptance", "seconds"),
    )
    lines, table = [], []
    for result in results:
        row, draws = _numbers(result), result.draws
        lines.append(
            columns.format(
                result.size,
                result.kernel,
                f"{problem.prior_std(result.size):.3f}",
                f"{result.error:.1%}",
                f"{row['posterior_std_rms']:.3f}",
                f"{row['r_hat_max']:.2f}",
                f"{result.ess:,.1f}",
                f"{row['ess_bulk_min']:,.1f}",
                f"{draws.acceptance.mean():.2f}",
                f"{draws.seconds:,.0f}",
            )
        )
        cells = [
            f"{f['mean']:>10.4f} ± {f['std']:.4f}{f['ess']:>8,.0f}"
            for f in row["functionals"].values()
        ]
        table.append(f"{result.size:>4}{result.kernel:>8}" + "".join(cells))
    steps = settings.warmup + settings.draws * THIN
    head = f"{'N':>4}{'kernel':>8}" + "".join(f"{name + ', ESS':>27}" for name in exact)
    true = f"{'truth':>12}" + "".join(f"{value:>10.4f}{'':17}" for value in exact.values())
    both = "\n".join([header, *lines]), "\n".join([head, *table, true.rstrip()])
    return f"""\
Non-Abelian X-ray transform: U' + Phi U = 0 along N random rays of the unit disk, Phi in so(3) with
three components on {3 * RINGS * (RINGS + 1) + 1} vertices. Data: N rotations, noise of sigma \
{problem.SIGMA} in each entry,
made on a mesh {problem.FINE} times as fine. Prior: independent Matérn fields of smoothness \
{problem.SMOOTHNESS:g} and length {problem.LENGTH:g},
rescaled for N.
pCN: that of the papers, delta = {DELTA:g}, {steps:,} steps in each of {settings.chains} chains \
from theta = 0; the
first {settings.warmup:,} are left out. HMC: {settings.draws:,} draws in each chain, with the \
metric of the Laplace approximation.

{both[0]}

error: of the posterior mean in L2, relative to the truth. R-hat: the worst of the field. ESS:
effective draws of all chains together. seconds: after warmup.

{both[1]}

ESS: effective draws of the functional. About as many effective draws as chains, with R-hat far from
1, mean that no chain has moved through the posterior: its mean and width are those of the place
where it happens to be."""
