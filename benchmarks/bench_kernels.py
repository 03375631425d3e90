"""How many effective draws do a thousand gradients make, with the Laplace metric and without?

On the reference problems (tests/data/reference_problems; others of the kind with ``--data``): the
values of the field at three points, and the log-likelihood. As a program:

    OMP_NUM_THREADS=1 python benchmarks/bench_kernels.py [--data FOLDER] [--problems P1_n32 ...]
        [--plain] [--rivals [--seconds 60] [--python PYTHON]] [--kernels HMC ...] [--name MACHINE]

Rows named "refined" have the metric of ``refined_metric``; rows named "plain" start from the
prior, without a metric. One core, eight chains. ``--rivals`` runs HMC by hand and NumPyro's NUTS in
the same process of measuring (see rivals.py), and says how many times as many effective draws a
second m4dl makes; ``--name`` writes results/NAME-kernels.md.

Seconds are of processor time, after warmup, for all. ESS is bulk; *field* is the worst of three.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
import rivals
from harness import CHAINS, Array, geometry, markdown
from problems import five_point_darcy
from report import RESULTS, machine, setting

DATA = Path(__file__).resolve().parents[1] / "tests" / "data" / "reference_problems"
PLACES = ((0.25, 0.25), (0.5, 0.5), (0.75, 0.4))


def load(file: Path, solver: str = "auto") -> tuple[m4dl.Posterior, list[int]]:
    """The posterior of a data file, and where its functionals are in theta."""
    data = read(file)
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
        model: m4dl.Model = m4dl.Schrodinger(
            grid, data["X"], float(data["g"]), at="interior", solver=solver
        )
    else:
        model = five_point_darcy(n, data["idx"], solver)
    noise = m4dl.GaussianNoise(float(data["sigma"]))
    index = [round(x * (n + 1) - 1) * n + round(y * (n + 1) - 1) for x, y in PLACES]
    return m4dl.Posterior(model, prior, data=data["y"], noise=noise), index


def read(file: Path) -> dict[str, Array]:
    """What a data file holds."""
    with np.load(file) as saved:
        return {key: saved[key] for key in saved.files}


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


def row(name: str, draws: m4dl.results.Draws, index: list[int], seconds: float) -> dict[str, str]:
    """One row of the table."""
    field: Array = m4dl.results.diagnostics.ess(draws.theta[:, :, index])
    energy = float(m4dl.results.diagnostics.ess(draws.log_likelihood))
    batch = float(min(*m4dl.results.diagnostics.ess(draws.theta[:, :, index], "batch"), np.inf))
    assert draws.solves is not None
    gradients = draws.solves * CHAINS / (1 if "PCN" in name else 2)
    steps = draws.draws * draws.chains
    rhat = m4dl.results.diagnostics.rhat(draws.log_likelihood)
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
        "ESS/s: field, log-likelihood": f"{field.min() / seconds:.3g}, {energy / seconds:.3g}",
        "batch means, field": f"{1000 * batch / steps:.3g}",
        "R-hat": f"{rhat:.3f}",
        "draws": str(steps),
    }


def measure(
    file: Path, plain: bool, shorter: int = 1, only: Sequence[str] = ()
) -> list[dict[str, str]]:
    """All kernels on one problem, after the setup that they share."""
    posterior, index = load(file)
    near = geometry(posterior)
    print(
        f"{file.stem}: {near.found}\n{near.fit}\n"
        f"MAP and Laplace {near.setup:.2f} s, pilot {near.pilot:.2f} s"
    )
    rows = []
    for name, (kernel, start, count) in kernels(near.refined, plain).items():
        if only and name not in only:
            continue
        cpu, wall = time.process_time(), time.perf_counter()
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
        share = (time.process_time() - cpu) / (time.perf_counter() - wall)
        rows.append(row(name, draws, index, draws.seconds * share))
        print(rows[-1], flush=True)
    return rows


def against(
    file: Path, rows: list[dict[str, str]], seconds: float, python: str | None
) -> list[dict[str, str]]:
    """Rows of the rivals, and on all rows how many times their ESS/s the best m4dl row is.

    By the worst functional of each.
    """
    data = read(file)
    exact, index = load(file, "direct")
    found = []
    contests = [lambda: rivals.hand(file.name, exact, data, index, seconds)]
    if "_P1_" in file.name:
        # about that long: a draw takes 31 gradients or so, and one gradient less than by hand
        count = max(200, min(2000, round(seconds * 60 * (32 / int(data["n"])) ** 2.5)))
        contests.append(lambda: rivals.nuts(exact, data, index, python, 400, count))
    for contest in contests:
        try:
            found.append(contest().row())
            print(found[-1], flush=True)
        except rivals.Unavailable as why:
            print(f"skipped: {why}")
    best = max(map(worst, rows))
    for one in found:
        one["the best m4dl makes"] = f"{best / worst(one):.3g} times as many"
    return found


def worst(row: dict[str, str]) -> float:
    """ESS/s of the worst functional in a row."""
    return min(float(x) for x in row["ESS/s: field, log-likelihood"].split(", "))


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
    parser.add_argument("--kernels", nargs="*", default=[], help="such as 'HMC refined'; all")
    parser.add_argument("--rivals", action="store_true", help="HMC by hand and NUTS too")
    parser.add_argument("--seconds", type=float, default=60.0, help="for HMC by hand")
    parser.add_argument("--python", help="one that has NumPyro; by default it is installed")
    parser.add_argument("--shorter", type=int, default=1, help="divide numbers of draws by this")
    parser.add_argument("--name", help="write results/NAME-kernels.md")
    options = parser.parse_args()
    parts = []
    for name in options.problems:
        file = options.data / f"data_{name}.npz"
        rows = measure(file, options.plain, options.shorter, options.kernels)
        if options.rivals:
            rows += against(file, rows, options.seconds, options.python)
        parts.append(f"## {name}\n\n{markdown(rows)}\n")
        print(parts[-1], flush=True)
    if options.name:
        where = markdown([{"": key, "value": value} for key, value in setting().items()])
        out = RESULTS / f"{machine(options.name)}-kernels.md"
        parts.insert(0, f"# Effective draws of the reference problems\n\n{where}\n")
        out.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
