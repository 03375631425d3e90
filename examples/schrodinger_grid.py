"""Schroedinger equation: a field from 100 noisy values, a functional beside its Gaussian limit.

(1/2) Lap u - exp(theta) u = 0 on the unit square, u = 1 on its boundary. The prior is a series; HMC
starts from the Laplace approximation, with its metric.
"""

import m4dl
import numpy as np

GRID = m4dl.Grid((24, 24))
SIGMA = 0.05


def truth(x):
    return 1.0 + 1.5 * np.sin(2 * np.pi * x[:, 0]) * np.sin(np.pi * x[:, 1])


def build():
    rng = np.random.default_rng(1)
    points, fine = rng.uniform(size=(100, 2)), m4dl.Grid((96, 96))  # finer than the inversion's
    data = m4dl.Schrodinger(fine, points)(truth(fine.coordinates()))
    data += SIGMA * rng.standard_normal(100)
    model = m4dl.Schrodinger(GRID, points, at="interior")
    prior = m4dl.SeriesPrior(GRID, modes=40, alpha=2.5, std=1.0, mean=1.0, at="interior")
    return m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(SIGMA))


def run():
    posterior = build()
    draws = m4dl.sample(posterior, m4dl.HMC(), draws=1000, warmup=500, chains=8, seed=1)
    weights = np.sin(np.pi * GRID.coordinates("interior")).prod(axis=1) / draws.parameters
    fit = m4dl.laplace(posterior)
    white = posterior.prior.pull(fit.xi, weights)  # the functional, in white space
    explained = fit.eigenvalues / (1 + fit.eigenvalues) * (white @ fit.eigenvectors) ** 2
    return draws, weights, np.sqrt(white @ white - explained.sum())


def main() -> dict[str, float]:
    draws, weights, laplace_std = run()
    error = draws.mean() - truth(GRID.coordinates("interior"))
    return {
        "rmse": np.sqrt(np.mean(error**2)),
        "coverage": np.mean(np.abs(error) < 1.96 * draws.std()),
        "misfit_per_datum": -2 * draws.log_likelihood.mean() / 100,
        "std_over_laplace": draws.functional(weights).std() / laplace_std,
        "rhat": draws.rhat().max(),
    }


if __name__ == "__main__":
    print(main())
