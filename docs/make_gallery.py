"""Draw the figures of the README, the user guide and the gallery: ``python docs/make_gallery.py``.

Needs matplotlib and scikit-fem. Every figure stays below 100 kB. The numbers are those of the
examples and of the guide's own code, with their seeds.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
from m4dl import plot
from matplotlib.figure import Figure
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "figures"
LARGEST = 100_000
sys.path.insert(0, str(ROOT / "examples"))


def save(figure: Any, name: str, dpi: int = 72) -> None:
    path = FIGURES / f"{name}.png"
    figure.savefig(path, dpi=dpi)
    if path.stat().st_size > LARGEST:  # a palette is enough; octrees keep the ends of scales
        flat = Image.open(path).convert("RGB")
        flat.quantize(256, method=Image.Quantize.FASTOCTREE).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}  {size / 1000:.0f} kB")
    if size > LARGEST:
        raise SystemExit(f"{path.name} is larger than {LARGEST / 1000:.0f} kB")


def run_page(page: str) -> dict[str, Any]:
    """Run the Python blocks of a page as the tests do; return its names."""
    names: dict[str, Any] = {}
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for block in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
                exec(compile(block, page, "exec"), names)
        finally:
            os.chdir(before)
    return names


def readme() -> None:
    names = run_page("README.md")
    save(names["draws"].plot_fields(exact=names["truth"], points=names["points"]), "readme")


def guide() -> None:
    names = run_page("docs/plots.md")
    draws, truth = names["draws"], names["truth"]
    save(draws.plot_fields(exact=truth, points=names["points"], label="log f"), "fields_line")
    save(draws.plot_trace(), "trace")
    figure = Figure(figsize=(5.4, 3.8), layout="constrained")
    weights = names["weights"]
    exact = float(weights @ truth)
    plot.histogram(draws.functional(weights), exact, figure.subplots(), label="<theta, psi>")
    save(figure, "histogram")


def guarantees() -> None:
    names = run_page("docs/guarantees.md")
    save(names["found"].plot(), "bvm")
    save(names["ranks"].plot(), "ranks")
    save(names["ball"].plot(exact=names["truth"]), "ball")


def coverage() -> None:
    import coverage as example

    study = example.run(100)
    print(study)
    save(study.plot_coverage(), "coverage")
    rate = m4dl.priors.contraction_rate(example.ALPHA, example.KAPPA, 1)
    save(study.contraction("L2 ball", theory=rate).plot(), "contraction")


def schrodinger() -> None:
    import schrodinger_grid as example

    draws, weights, spread = example.run()
    posterior = example.build()
    truth = example.truth(example.GRID.coordinates("interior"))
    save(draws.plot_fields(exact=truth, label="theta"), "schrodinger")
    mean = float(weights @ posterior.prior.push(example.newton(posterior)[0]))
    figure = Figure(figsize=(5.4, 3.8), layout="constrained")
    values, gaussian = draws.functional(weights), (mean, float(spread))
    exact = float(weights @ truth)
    plot.histogram(values, exact, figure.subplots(), gaussian=gaussian, label="<theta, psi>")
    save(figure, "schrodinger_functional")


def darcy() -> None:
    import darcy_benchmark as example

    draws, _, truth = example.run(draws=20_000)
    save(draws.plot_fields(exact=truth, label="log a"), "darcy")


def scikit_fem() -> None:
    import user_assembler_scikit_fem as example

    draws, truth, _ = example.run()
    save(draws.plot_fields(exact=truth, label="log f"), "scikit_fem")


def heat_rod() -> None:
    import heat_rod as example

    posterior, x = example.build()
    draws = m4dl.sample(posterior, m4dl.PCN(0.05), draws=20_000, warmup=2000, chains=8, seed=1)
    flux, convection = draws.theta.reshape(-1, 2).T
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    fine = np.linspace(0, example.LENGTH, 200)
    sample = draws.theta[:, ::500].reshape(-1, 2)
    left.plot(fine, np.transpose([example.exact(t, fine) for t in sample]), color="C0", alpha=0.02)
    left.plot(x, posterior.data, "k.", label="thermocouples")
    left.set(xlabel="cm from the heated end", ylabel="temperature, °C")
    left.legend(frameon=False)
    right.hexbin(flux, 1e3 * convection, gridsize=45, cmap="Blues")
    right.set(xlabel="flux, W/cm²", ylabel="convection, mW/(cm² °C)")
    save(figure, "heat_rod")


def python_model() -> None:
    import python_model as example

    draws = example.run()
    log_v, log_k = draws.theta[:, ::50].reshape(-1, 2).T
    x = np.linspace(0.0, 1.15, 150)[:, None]
    curves = np.exp(log_v) * x / (np.exp(log_k) + x)
    figure = Figure(figsize=(5.4, 3.4), layout="constrained")
    ax = figure.subplots()
    low, high = np.quantile(curves, [0.025, 0.975], axis=1)
    ax.fill_between(x[:, 0], low, high, color="C0", alpha=0.25, lw=0, label="95 % of the curves")
    ax.plot(x, curves.mean(axis=1), color="C0", label="posterior mean")
    ax.plot(example.CONCENTRATION, example.RATE, "k.", label="measured")
    ax.set(xlabel="concentration, ppm", ylabel="rate, counts/min²")
    ax.legend(frameon=False)
    save(figure, "python_model")


def sparse_prior() -> None:
    import custom_sparse_prior as example

    posterior, _ = example.build()
    fields = posterior.prior.draw(3, seed=7)
    figure = Figure(figsize=(9.0, 3.0), layout="constrained")
    for ax, values in zip(figure.subplots(1, 3), fields, strict=True):
        limits = {"vmin": fields.min(), "vmax": fields.max()}
        plot.field(values, example.GRID, "nodes", ax, colorbar=False, **limits)
        ax.label_outer()
    save(figure, "sparse_prior")


def langevin() -> None:
    import papers_ula_series as example

    posterior = example.build()
    values, vectors = np.linalg.eigh(example.precision(posterior))
    metric = m4dl.kernels.DiagonalMetric(posterior.prior.mode_std**-2.0)
    figure = Figure(figsize=(5.4, 3.4), layout="constrained")
    ax = figure.subplots()
    options: dict[str, Any] = {"draws": 6000, "warmup": 2000, "thin": 4, "chains": 8, "seed": 1}
    exact = m4dl.sample(posterior, m4dl.MALA(1e-4, metric=metric), **options)
    reference = (example.coefficients(exact, posterior.prior) @ vectors).std(axis=(0, 1))
    for share, marker in ((1.5, "o"), (1.0, "s"), (0.5, "^")):
        kernel = m4dl.ULA(share / values[-1], metric=metric)
        draws = m4dl.sample(posterior, kernel, **options)
        along = (example.coefficients(draws, posterior.prior) @ vectors).std(axis=(0, 1))
        curvature = share * values / values[-1]
        ax.plot(
            curvature, along / reference, marker, mfc="none", label=f"delta = {share} / stiffest"
        )
    line = np.linspace(0, 1.6, 100)
    ax.plot(line, (1 - line / 2) ** -0.5, color="0.5", lw=1, label="(1 - delta H / 2)^(-1/2)")
    ax.set(xlabel="delta times curvature", ylabel="standard deviation, ULA / MALA")
    ax.legend(frameon=False)
    save(figure, "langevin")


def xray_ct() -> None:
    import xray_ct as example

    _, draws = example.run()
    truth = example.phantom(example.GRID.coordinates())
    save(draws.plot_fields(exact=truth, label="attenuation"), "xray_ct")


def xray_demo() -> None:
    """Some minutes: the demo with its defaults."""
    from m4dl.demo import DEMOS, Settings, xray

    row = DEMOS["xray"]
    plan = {"chains": row.chains, "draws": row.draws, "warmup": row.warmup}
    results = xray.solve(Settings(seed=1, threads=0, out=Path(), **plan))
    for name, figure in xray.figures(results).items():
        if name != "traces":
            save(figure, f"xray_{name}", 55)


if __name__ == "__main__":
    FIGURES.mkdir(exist_ok=True)
    jobs = [
        readme,
        guide,
        guarantees,
        coverage,
        schrodinger,
        darcy,
        scikit_fem,
        heat_rod,
        python_model,
        sparse_prior,
        langevin,
        xray_ct,
        xray_demo,
    ]
    for job in jobs:
        if len(sys.argv) == 1 or job.__name__ in sys.argv[1:]:
            job()
