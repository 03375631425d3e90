"""Do 95 % credible sets cover? Schroedinger and Darcy, a fixed smooth truth, many data sets.

Uniform places, the same for all replicates of an N, so that their chains share lanes; data from a
finer grid; the prior is shrunk with N as the theory has it. MALA's metric is the Gauss-Newton
matrix at the most probable point of one data set, in whose eigenvectors the white noise is turned.

    python benchmarks/coverage_question.py EQUATION REPLICATES [FOLDER] [THREADS]

prints the table of docs/guarantees.md and the replicates per minute; a FOLDER keeps them.
"""

from __future__ import annotations

import sys
import time
from functools import cache

import m4dl
import numpy as np
from m4dl import credible
from scipy import sparse

SIZES = (200, 400, 800)
SIGMA, KAPPA = {"schrodinger": 0.05, "darcy": 0.01}, {"schrodinger": 2, "darcy": 1}
EQUATIONS = {
    "schrodinger": lambda n, x: m4dl.Schrodinger(m4dl.Grid((n, n)), x),
    "darcy": lambda n, x: m4dl.Darcy(m4dl.Grid((n, n)), x, 1.0, at="nodes"),
}


def truth(x):
    return 1.0 + np.sin(2 * np.pi * x[:, 0]) * np.sin(np.pi * x[:, 1])


@cache
def problem(equation, N, cells):
    """Model, prior (in turned white noise), noise, exact values and kernel for an N."""
    points, sigma = np.random.default_rng(N).uniform(size=(N, 2)), SIGMA[equation]
    grid, fine = m4dl.Grid((cells, cells)), m4dl.Grid((3 * cells, 3 * cells))
    exact = EQUATIONS[equation](3 * cells, points)(truth(fine.coordinates()))
    model, noise = EQUATIONS[equation](cells, points), m4dl.GaussianNoise(sigma)
    std = 2.8 * m4dl.priors.rescale_for(N, 2.5, KAPPA[equation], 2, sigma=sigma)
    prior = m4dl.SeriesPrior(grid, modes=40, alpha=2.5, std=std, mean=1.0)
    data = exact + sigma * np.random.default_rng(0).standard_normal(N)
    pilot, xi, eye = m4dl.Posterior(model, prior, data=data, noise=noise), np.zeros(40), np.eye(40)
    for _ in range(10):  # Gauss-Newton
        hessian = pilot.gauss_newton(np.tile(xi, (40, 1)), eye) + eye
        xi = xi - np.linalg.solve(hessian, pilot.gradient(xi)[1] + xi)
    spectrum, basis = np.linalg.eigh(hessian)
    columns, size = prior.push(basis.T) - prior.mean, prior.parameters
    place = {"mean": prior.mean, "domain": grid, "at": "nodes"}
    turned = m4dl.SparsePrior(sparse.eye_array(size), sparse.csc_array(columns.T), **place)
    return (
        model,
        turned,
        noise,
        exact,
        m4dl.MALA(0.3, metric=m4dl.kernels.DiagonalMetric(1 / spectrum)),
    )


def study(equation, sizes=SIZES, cells=32, **options):
    def make_data(theta, N, rng):
        model, prior, noise, exact, _ = problem(equation, N, cells)
        data = exact + SIGMA[equation] * rng.standard_normal(N)
        return m4dl.Posterior(model, prior, data=data, noise=noise)

    x = m4dl.Grid((cells, cells)).coordinates()
    psi = (np.sin(np.pi * x[:, 0]) * np.sin(np.pi * x[:, 1])) / len(x)
    sets = {"<theta, psi>": credible.Interval(psi), "L2 ball": credible.Ball()}
    sets |= {"H^-1 ball": credible.Ball(-1), "band": credible.Band()}
    kernel = lambda post: problem(equation, post.data.size, cells)[4]  # noqa: E731
    options = {"draws": 200, "warmup": 300, "thin": 6, "start": "mean", "seed": 1} | options
    return m4dl.studies.coverage(make_data, truth(x), sizes, sets, kernel, **options)


def main(equation="schrodinger", replicates="40", folder=None, threads="0"):
    for N in SIZES:
        problem(equation, N, 32)  # set-up is not timed
    begin = time.perf_counter()
    store = folder or None
    found = study(equation, replicates=int(replicates), store=store, threads=int(threads))
    minutes = (time.perf_counter() - begin) / 60
    print(equation, found, sep="\n")
    print(f"{len(found.replicates) / minutes:.0f} replicates a minute")
    worst = max(r.rhat for r in found.replicates), min(r.ess for r in found.replicates)
    print("worst R-hat {:.3f}, smallest ESS {:.0f}".format(*worst))
    found.plot_coverage().savefig(f"coverage_{equation}.png", dpi=72)


if __name__ == "__main__":
    main(*sys.argv[1:])
