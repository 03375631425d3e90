"""Computed tomography with error bars: a phantom of ellipses from 24 parallel projections.

Data: line integrals in closed form, and noise. The posterior is Gaussian, so dense linear algebra
knows what HMC should find.
"""

import m4dl
import numpy as np
from m4dl.testing import gaussian_posterior

GRID, SIGMA = m4dl.Grid((20, 20), extent=((-1.0, 1.0), (-1.0, 1.0))), 0.02
ANGLES, OFFSETS = np.pi * np.arange(24) / 24, np.linspace(-0.96, 0.96, 25)
ELLIPSES = (  # value, centre, half-axes, angle of the first
    (1.0, (0.0, 0.0), (0.65, 0.85), 0.0),
    (-0.5, (0.22, 0.1), (0.16, 0.36), -0.3),
    (-0.5, (-0.24, 0.05), (0.2, 0.42), 0.3),
    (0.6, (0.0, -0.5), (0.2, 0.16), 0.0),
)


def phantom(x):
    out = np.zeros(len(x))
    for value, centre, axes, turn in ELLIPSES:
        c, s = np.cos(turn), np.sin(turn)
        out += value * ((((x - centre) @ [[c, -s], [s, c]] / axes) ** 2).sum(axis=1) <= 1)
    return out


def sinogram():
    """Integrals over the lines {x : x . (cos phi, sin phi) = s}, angle by angle."""
    phi, s = np.meshgrid(ANGLES, OFFSETS, indexing="ij")
    out = 0 * s
    for value, (x, y), (a, b), turn in ELLIPSES:
        q = (a * np.cos(phi - turn)) ** 2 + (b * np.sin(phi - turn)) ** 2
        far = (s - x * np.cos(phi) - y * np.sin(phi)) ** 2
        out += value * 2 * a * b * np.sqrt(np.maximum(q - far, 0)) / q
    return out.ravel()


def run():
    model = m4dl.XRay(m4dl.rays.Rays.parallel(m4dl.domains.Disk(), ANGLES, OFFSETS), GRID)
    data = sinogram() + SIGMA * np.random.default_rng(1).standard_normal(model.outputs)
    prior = m4dl.MaternPrior(GRID, std=0.5, length=0.3, smoothness=0.5)
    posterior = m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(SIGMA))
    return posterior, m4dl.sample(posterior, m4dl.HMC(), draws=250, warmup=50, chains=8, seed=1)


def main() -> dict[str, float]:
    posterior, draws = run()
    root = posterior.prior.push(np.eye(posterior.white))
    matrix, zero = posterior.model(np.eye(posterior.parameters)).T, np.zeros(posterior.parameters)
    mean, cov = gaussian_posterior(matrix, zero, root.T @ root, posterior.data, SIGMA)
    z, std = np.abs(draws.mean() - mean) / draws.mcse(), draws.std() / np.sqrt(cov.diagonal())
    gap, size = np.linalg.norm([mean - (exact := phantom(GRID.coordinates())), exact], axis=1)
    return {"worst_z": z.max(), "worst_std_error": np.abs(std - 1).max(), "error": gap / size}


if __name__ == "__main__":
    print(main())
