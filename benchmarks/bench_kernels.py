"""How many effective draws do a thousand gradients make, with the Laplace metric and without?

On the reference problems (tests/data/reference_problems; others of the kind with ``--data``): the
values of the field at three points, and the log-likelihood. As a program:

    OMP_NUM_THREADS=1 python benchmarks/bench_kernels.py [--data FOLDER] [--problems P1_n32 ...]

Rows named "refined" have the metric of ``m4dl.refined_metric``; rows named "plain" start from the
prior, without a metric. One core, eight chains. Results: results/*-kernels.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
from harness import CHAINS, Array, markdown

TESTS = Path(__file__).resolve().parents[1] / "tests"
DATA = TESTS / "data" / "reference_problems"
PLACES = ((0.25, 0.25), (0.5, 0.5), (0.75, 0.4))


def load(file: Path) -> tuple[m4dl.Posterior, list[int]]:
    """The posterior of a data file, and where its functionals are in theta."""
    with np.load(file) as saved:
        data = {key: saved[key] for key in saved.files}
    n, kappa = int(data["n"]), float(data["kappa"])
    grid = m4dl.Grid((n + 1, n + 1))
    prior = m4dl.MaternPrior(
        grid,
        std=float(data["s"]),
        length=np.sqrt(8.0) / kappa,
        smoothness=1.0,
        at="interior",
        boundary="neumann",
    )
    if "_P1_" in file.name:
        model: m4dl.Model = m4dl.Schrodinger(grid, data["X"], float(data["g"]), at="interior")
    else:
        sys.path.insert(0, str(TESTS))
        from problems import five_point_darcy

        model = five_point_darcy(n, data["idx"])
    noise = m4dl.GaussianNoise(float(data["sigma"]))
    index = [round(x * (n + 1) - 1) * n + round(y * (n + 1) - 1) for x, y in PLACES]
    return m4dl.Posterior(model, prior, data=data["y"], noise=noise), index


def kernels(refined: Any, plain: bool) -> dict[str, tuple[Any, str | None, int]]:
    """Name -> kernel, start, draws."""
    out: dict[str, tuple[Any, str | None, int]] = {
        "HMC": (m4dl.HMC(), None, 1000),
        "MALA": (m4dl.MALA(), None, 4000),
        "PCN": (m4dl.PCN(), None, 8000),
        "HMC refined": (m4dl.HMC(metric=refined), None, 1000),
        "MALA refined": (m4dl.MALA(metric=refined), None, 4000),
        "PCN refined": (m4dl.PCN(metric=refined), None, 8000),
    }
    if plain:
        out["HMC plain"] = (m4dl.HMC(), "prior", 500)
        out["MALA plain"] = (m4dl.MALA(), "prior", 4000)
        out["PCN plain"] = (m4dl.PCN(), "prior", 8000)
    return out


def row(name: str, draws: m4dl.Draws, index: list[int]) -> dict[str, str]:
    """One row of the table."""
    field: Array = m4dl.diagnostics.ess(draws.theta[:, :, index])
    energy = float(m4dl.diagnostics.ess(draws.log_likelihood))
    batch = float(min(*m4dl.diagnostics.ess(draws.theta[:, :, index], "batch"), np.inf))
    assert draws.solves is not None
    gradients = draws.solves * CHAINS / (1 if "PCN" in name else 2)
    steps = draws.draws * draws.chains
    worst = min(float(field.min()), energy)
    rhat = m4dl.diagnostics.rhat(draws.log_likelihood)
    return {
        "kernel": name,
        "step size": f"{draws.step_size.mean():.3g}",
        "acceptance": f"{draws.acceptance.mean():.2f}",
        "gradients a step": "none" if "PCN" in name else f"{gradients / steps:.2f}",
        "ESS per 1,000 steps: field, log-likelihood": (
            f"{1000 * field.min() / steps:.3g}, {1000 * energy / steps:.3g}"
        ),
        "evaluations for one: field, log-likelihood": (
            f"{gradients / field.min():.3g}, {gradients / energy:.3g}"
        ),
        "worst ESS/s": f"{worst / draws.seconds:.3g}",
        "batch means, field": f"{1000 * batch / steps:.3g}",
        "R-hat": f"{rhat:.3f}",
    }


def measure(file: Path, plain: bool, shorter: int = 1) -> list[dict[str, str]]:
    """All kernels on one problem, after the setup that they share."""
    posterior, index = load(file)
    begin = time.perf_counter()
    found = m4dl.find_map(posterior, threads=1)
    fit = m4dl.laplace(posterior, threshold=0.1, at=found, threads=1)
    setup = time.perf_counter() - begin
    begin = time.perf_counter()
    refined = m4dl.refined_metric(fit, seed=9, threads=1)
    pilot = time.perf_counter() - begin
    print(f"{file.stem}: {found}\n{fit}\nMAP and Laplace {setup:.2f} s, pilot {pilot:.2f} s")
    rows = []
    for name, (kernel, start, count) in kernels(refined, plain).items():
        draws = m4dl.sample(
            posterior,
            kernel,
            draws=max(100, count // shorter),
            warmup=500 if "PCN" not in name else 1000,
            chains=CHAINS,
            seed=1,
            start=start,
            threads=1,
            progress=False,
        )
        rows.append(row(name, draws, index))
        print(rows[-1], flush=True)
    return rows


def test_effective_draws(benchmark: Any, table: Any) -> None:
    """In short, on the problem that the tests have."""
    file = DATA / "data_P1_n32.npz"
    rows = benchmark.pedantic(measure, (file, False, 4), rounds=1)
    table("Effective draws of Schrödinger's equation on 32 x 32 nodes", rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Effective draws for the work that was done.")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of data_P?_n*.npz")
    parser.add_argument("--problems", nargs="*", default=["P1_n32"], help="such as P1_n32")
    parser.add_argument("--plain", action="store_true", help="also without a metric")
    options = parser.parse_args()
    for name in options.problems:
        print(markdown(measure(options.data / f"data_{name}.npz", options.plain)))


if __name__ == "__main__":
    main()
