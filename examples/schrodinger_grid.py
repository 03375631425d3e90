"""Schroedinger equation: a field from 100 noisy values, a functional beside its Gaussian limit.

(1/2) Lap u - exp(theta) u = 0 on the unit square, u = 1 on its boundary. The prior is a series, and
the Gauss-Newton matrix at the most probable point gives MALA its diagonal metric.
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


def newton(posterior):
    xi, eye = np.zeros(posterior.white), np.eye(posterior.white)
    for _ in range(10):
        _, gradient = posterior.gradient(xi)
        hessian = posterior.gauss_newton(np.tile(xi, (xi.size, 1)), eye) + eye
        xi = xi - np.linalg.solve(hessian, gradient + xi)
    return xi, hessian


def run():
    posterior = build()
    mode, hessian = newton(posterior)
    kernel = m4dl.MALA(0.1, metric=m4dl.DiagonalMetric(1 / np.diag(hessian)))
    draws = m4dl.sample(posterior, kernel, draws=3000, warmup=1000, chains=8, seed=1)
    weights = np.sin(np.pi * GRID.coordinates("interior")).prod(axis=1) / draws.parameters
    white = posterior.prior.pull(mode, weights)
    return draws, weights, np.sqrt(white @ np.linalg.solve(hessian, white))


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
