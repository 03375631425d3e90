"""What does delayed acceptance save, with a grid of 32 x 32 cells beside a finer one?

Schrödinger's equation at 100 points with a series prior, whose white noise is the same on all
grids. All kernels have the same metric, the Laplace approximation on the fine grid. As a program:

    OMP_NUM_THREADS=1 python benchmarks/bench_delayed.py [--cells 128] [--coarse 32] [--noise 0.01]

Effective draws (bulk) are those of the worst of three field values and the log-likelihood. One
core, eight chains.
"""

from __future__ import annotations

import argparse
from typing import Any

import m4dl
import numpy as np
from harness import CHAINS, markdown
from m4dl.results import diagnostics

PLACES = np.array([[0.25, 0.25], [0.5, 0.5], [0.75, 0.4]])


def posterior(cells: int, noise: float, data: Any = None) -> m4dl.Posterior:
    """On a grid of cells x cells; without ``data`` it makes them from a draw of the prior."""
    rng = np.random.default_rng(1)
    points = rng.uniform(0.05, 0.95, (100, 2))
    grid = m4dl.Grid((cells, cells))
    model = m4dl.Schrodinger(grid, points, at="interior")
    prior = m4dl.SeriesPrior(grid, modes=60, alpha=2.5, std=1.0, mean=1.0, at="interior")
    if data is None:
        data = model(prior.draw(1, seed=3)[0]) + noise * rng.standard_normal(100)
    return m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(noise))


def contenders(coarse: m4dl.Posterior, metric: Any) -> dict[str, Any]:
    """Name -> kernel; the first is what the others are compared with."""
    mala, pcn = m4dl.MALA(1.0, metric=metric), m4dl.PCN(0.5, metric=metric)
    hmc = m4dl.HMC(0.8, 1.5, metric=metric, adapt=False)

    def delayed(kernel: Any, steps: int, error_model: str = "full") -> m4dl.DelayedAcceptance:
        return m4dl.DelayedAcceptance(coarse, kernel, steps=steps, error_model=error_model)

    return {
        "MALA": mala,
        "PCN": pcn,
        "HMC": m4dl.HMC(metric=metric),
        "4 MALA, no error model": delayed(mala, 4, "none"),
        "4 MALA, offset": delayed(mala, 4, "offset"),
        "4 MALA": delayed(mala, 4),
        "16 MALA": delayed(mala, 16),
        "8 PCN": delayed(pcn, 8),
        "2 HMC": delayed(hmc, 2),
    }


def row(
    name: str, draws: m4dl.results.Draws, index: list[int], first: dict[str, float]
) -> dict[str, str]:
    """One row of the table; ``first`` takes what the first row has."""
    values = np.concatenate([draws.theta[:, :, index], draws.log_likelihood[:, :, None]], axis=2)
    worst = float(diagnostics.ess(values).min())
    solves = float(draws.solves or 1)
    found = {"solve": worst / (CHAINS * solves), "second": worst / draws.seconds}
    first = first or found
    coarse = (draws.coarse_solves or 0) / solves
    return {
        "kernel": name,
        "step size": f"{draws.step_size.mean():.3g}",
        "acceptance": f"{draws.acceptance.mean():.3f}",
        "coarse solves for each fine one": f"{coarse:.3g}",
        "worst ESS": f"{worst:,.0f}",
        "per fine solve": f"{found['solve']:.3g}",
        "per second": f"{found['second']:.3g}",
        "times MALA: solves, seconds": (
            f"{found['solve'] / first['solve']:.3g}, {found['second'] / first['second']:.3g}"
        ),
        "R-hat": f"{float(diagnostics.rhat(values).max()):.3f}",
    }


def measure(cells: int, other: int, noise: float, count: int, warmup: int) -> list[dict[str, str]]:
    """All contenders, in one run."""
    fine = posterior(cells, noise)
    coarse = posterior(other, noise, fine.data)
    fit = m4dl.laplace(fine, threshold=0.1, threads=1)
    gap = np.abs(fine.model(fit.mean()) - coarse.model(coarse.prior.push(fit.xi))).max() / noise
    print(f"{fit}\npredictions differ by up to {gap:.2g} of the noise at the most probable point")
    assert fine.domain is not None
    nodes = fine.domain.coordinates("interior")
    index = [int(((nodes - place) ** 2).sum(axis=1).argmin()) for place in PLACES]
    rows: list[dict[str, str]] = []
    first: dict[str, float] = {}
    for name, kernel in contenders(coarse, fit.metric).items():
        draws = m4dl.sample(
            fine,
            kernel,
            draws=count,
            warmup=warmup,
            chains=CHAINS,
            seed=1,
            start=fit.draw_white(CHAINS, seed=1),
            threads=1,
            progress=False,
        )
        rows.append(row(name, draws, index, first))
        if not first:
            each = rows[0]
            first = {"solve": float(each["per fine solve"]), "second": float(each["per second"])}
        print(rows[-1], flush=True)
    return rows


def test_delayed_acceptance(benchmark: Any, table: Any) -> None:
    """In short, on a grid of 64 x 64 cells."""
    rows = benchmark.pedantic(measure, (64, 32, 0.01, 100, 100), rounds=1)
    table("Delayed acceptance, Schrödinger's equation on 64 x 64 cells beside 32 x 32", rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What delayed acceptance saves.")
    parser.add_argument("--cells", type=int, default=128, help="of the fine grid, along an axis")
    parser.add_argument("--coarse", type=int, default=32, help="of the coarse grid")
    parser.add_argument("--noise", type=float, default=0.01, help="standard deviation")
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--warmup", type=int, default=200)
    options = parser.parse_args()
    rows = measure(options.cells, options.coarse, options.noise, options.draws, options.warmup)
    print(markdown(rows))


if __name__ == "__main__":
    main()
