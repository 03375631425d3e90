"""Do credible sets cover, and how fast does the error fall? A rough truth, a rescaled prior.

(1/2) Lap u - exp(theta) u = 0 on an interval, u = 1 at its ends; N values at uniform places, which
are the same for all data sets of an N. The truth is one draw of the prior before it is shrunk, so
it has the prior's smoothness alpha = 2, and the prior shrinks with N as the theory has it.
"""

import m4dl
import numpy as np
from m4dl import credible

GRID, SIGMA, ALPHA, KAPPA = m4dl.Grid((32,)), 0.05, 2.0, 2.0
SIZES = (50, 200, 800)
X = GRID.coordinates()[:, 0]
PSI = np.sin(np.pi * X) / len(X)


def prior(std):
    return m4dl.SeriesPrior(GRID, modes=16, alpha=ALPHA, std=std, mean=1.0)


TRUTH = prior(1.0).draw(1, seed=6)[0]
NOISE = m4dl.GaussianNoise(SIGMA)
PRIORS = {N: prior(2.5 * m4dl.priors.rescale_for(N, ALPHA, KAPPA, 1, sigma=SIGMA)) for N in SIZES}
MODELS = {N: m4dl.Schrodinger(GRID, np.random.default_rng(N).uniform(size=(N, 1))) for N in SIZES}


def make_data(truth, N, rng):
    data = MODELS[N](truth) + SIGMA * rng.standard_normal(N)
    return m4dl.Posterior(MODELS[N], PRIORS[N], data=data, noise=NOISE)


def kernel(posterior):
    """MALA, with the curvature at the prior's mean, which is the same for all data of an N."""
    white = np.eye(posterior.white)
    curvature = 1 + np.diag(posterior.gauss_newton(0 * white, white))
    return m4dl.MALA(0.2, metric=m4dl.kernels.DiagonalMetric(1 / curvature))


def run(replicates):
    sets = {"<theta, psi>": credible.Interval(PSI), "L2 ball": credible.Ball()}
    sets |= {"H^-1 ball": credible.Ball(-1), "band": credible.Band()}
    options = {"draws": 250, "warmup": 1000, "thin": 30, "chains": 4, "seed": 1}
    return m4dl.studies.coverage(
        make_data, TRUTH, SIZES, sets, kernel, replicates=replicates, **options
    )


def main() -> dict[str, float]:
    study = run(24)
    rate = study.contraction("L2 ball", theory=m4dl.priors.contraction_rate(ALPHA, KAPPA, 1))
    used = min(len(study.used(N)) for N in SIZES)
    covered = {f"{r.name} at {r.N}": r.coverage.share for r in study.rows}
    return covered | {"used": used, "rate": rate.rate, "low": rate.low, "high": rate.high}


if __name__ == "__main__":
    print(run(400))
