"""The benchmark of Aristoff and Bangerth (SIAM Review 2023): 64 conductivities from 169 values.

-div(a grad u) = 10 on the unit square, u = 0 on its boundary, a constant on 8 x 8 blocks. The prior
is that of the benchmark: log a ~ N(4, 4) for each block. `m4dl demo` runs it at full length.
"""

from importlib.resources import files

import m4dl
import numpy as np

TABLES = files("m4dl") / "data" / "aristoff_bangerth"


def column(name, index):
    return np.loadtxt(str(TABLES / name), delimiter=",", skiprows=1, usecols=index)


def build_model():
    axis = np.arange(1, 14) / 14
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return m4dl.Darcy(m4dl.Grid((32, 32)), points=points, source=10.0, blocks=(8, 8))


def from_published_order(values):
    """The benchmark counts blocks with x fastest, m4dl with x slowest."""
    return np.swapaxes(np.reshape(values, (-1, 8, 8)), 1, 2).reshape(np.shape(values))


def run(draws=4000):
    model = build_model()
    prior = m4dl.GaussianPrior(np.full(64, 4.0), 4.0, domain=model.domain, at=model.at)
    noise = m4dl.GaussianNoise(0.05)
    posterior = m4dl.Posterior(model, prior, data=column("z_hat.csv", 3), noise=noise)
    options = {"draws": draws, "warmup": 3000, "chains": 8, "seed": 1, "start": "mean"}
    truth = from_published_order(np.log(column("theta_true.csv", 3)))
    return m4dl.sample(posterior, m4dl.MALA(1e-3), **options), posterior, truth


def main() -> dict[str, float]:
    draws, posterior, truth = run()
    low = truth < -1  # the four blocks where a = 0.1: the data say much about them
    return {
        "misfit_of_truth": np.abs(posterior.model(truth) - posterior.data).max(),
        "misfit_per_datum": -2 * draws.log_likelihood.mean() / posterior.data.size,
        "low_blocks": draws.mean()[low].mean(),
        "coverage": np.mean(np.abs(draws.mean() - truth) < 3 * draws.std()),
        "failures": draws.failures.sum(),
    }


if __name__ == "__main__":
    print(main())
