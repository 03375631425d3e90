"""Langevin as in the theory papers: unadjusted, in the coefficients of a series prior.

theta' = theta + delta grad log pi(theta) + sqrt(2 delta) w for theta_k = s_k xi_k is ULA in white
space with the metric diag(s_k^-2) (Nickl, Wang, J. Eur. Math. Soc. 2024). Its bias: on a Gaussian
of precision H the stationary covariance is H^-1 (1 - delta H/2)^-1 instead of H^-1.
"""

import m4dl
import numpy as np
from m4dl.results import diagnostics

GRID = m4dl.Grid((16, 16))
SIGMA, MODES = 0.05, 12


def build():
    rng = np.random.default_rng(3)
    points = rng.uniform(size=(300, 2))
    model = m4dl.Schrodinger(GRID, points, at="interior")
    prior = m4dl.SeriesPrior(GRID, modes=MODES, alpha=2.0, std=1.0, mean=1.0, at="interior")
    data = model(prior.draw(1, seed=5)[0]) + SIGMA * rng.standard_normal(300)
    return m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(SIGMA))


def precision(posterior):
    """Return the Gauss-Newton precision of the coefficients theta_k at the posterior mode."""
    s, xi, eye = posterior.prior.mode_std, np.zeros(MODES), np.eye(MODES)
    for _ in range(10):
        hessian = eye + posterior.gauss_newton(np.tile(xi, (MODES, 1)), eye)
        xi = xi - np.linalg.solve(hessian, posterior.gradient(xi)[1] + xi)
    return hessian / np.outer(s, s)


def coefficients(draws, prior):
    """Recover theta_k = <theta - mean, e_k> for every draw: the sines are orthonormal."""
    e = (prior.push(np.eye(MODES)) - prior.mean) / prior.mode_std[:, None]
    return (draws.theta - prior.mean) @ e.T * np.prod(GRID.spacing)


def main() -> dict[str, float]:
    posterior = build()
    values, vectors = np.linalg.eigh(precision(posterior))
    metric, delta = m4dl.kernels.DiagonalMetric(posterior.prior.mode_std**-2.0), 1.0 / values[-1]
    options = {"draws": 3000, "warmup": 1000, "thin": 2, "chains": 8, "seed": 1}
    ula = m4dl.sample(posterior, m4dl.ULA(delta, metric=metric), **options)
    mala = m4dl.sample(posterior, m4dl.MALA(delta, metric=metric), **options)
    along = [coefficients(d, posterior.prior) @ vectors for d in (ula, mala)]
    ratio = along[0].std(axis=(0, 1)) / along[1].std(axis=(0, 1))
    shift = (along[0].mean(axis=(0, 1)) - along[1].mean(axis=(0, 1))) * np.sqrt(values)
    return {
        "delta": delta,
        "stiffest_std_ratio": ratio[-1],  # predicted: (1 - delta H/2)^-1/2 = sqrt 2
        "softest_std_ratio": ratio[0],
        "largest_shift_over_std": np.abs(shift).max(),
        "ess": min(diagnostics.ess(a).min() for a in along),
    }


if __name__ == "__main__":
    print(main())
