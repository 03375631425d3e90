"""A prior of one's own: a layered Gaussian field, and the exact answer of a linear problem.

theta = 2 + A^{-1} D xi, A = kappa^2 M + S with S the stiffness matrix of -div(diag(1, 0.1) grad):
correlations are long along x and short along y. Seen at 25 nodes with noise, the posterior is
Gaussian in closed form, and the chains must agree with it.
"""

import m4dl
import numpy as np
from scipy import sparse

GRID = m4dl.Grid((16, 16))
SIGMA, KAPPA, TAU = 0.7, 8.0, 14.0


def line(n, h):
    """Stiffness and lumped mass of linear elements on n cells of width h."""
    off, ends = np.full(n, -1 / h), np.r_[0.5, np.ones(n - 1), 0.5]
    return sparse.diags_array([off, 2 * ends / h, off], offsets=[-1, 0, 1]), h * ends


def build():
    (sx, mx), (sy, my) = map(line, GRID.cells, GRID.spacing)
    mass, along = np.kron(mx, my), sparse.kron(sx, sparse.diags_array(my))
    stiffness = along + 0.1 * sparse.kron(sparse.diags_array(mx), sy)
    A = KAPPA**2 * sparse.diags_array(mass) + stiffness
    D = TAU * sparse.diags_array(np.sqrt(mass))
    prior = m4dl.SparsePrior(A, D, mean=2.0, coordinates=GRID.coordinates())
    rng = np.random.default_rng(0)
    seen = rng.choice(prior.parameters, size=25, replace=False)
    model = m4dl.LinearModel(sparse.eye_array(prior.parameters, format="csr")[seen])
    data = prior.draw(1, seed=7)[0, seen] + SIGMA * rng.standard_normal(25)
    return m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(SIGMA)), seen


def closed_form(posterior, seen):
    """Return mean and standard deviation given the values at the nodes seen (kriging)."""
    prior = posterior.prior
    factor = prior.push(np.eye(prior.white)) - prior.mean  # rows: A^{-1} D e_k
    cov = factor.T @ factor
    gain = cov[:, seen] @ np.linalg.inv(cov[np.ix_(seen, seen)] + SIGMA**2 * np.eye(seen.size))
    mean = prior.mean + gain @ (posterior.data - prior.mean[seen])
    return mean, np.sqrt(np.diag(cov - gain @ cov[seen]))


def main() -> dict[str, float]:
    posterior, seen = build()
    draws = m4dl.sample(posterior, m4dl.PCN(), draws=2500, thin=10, warmup=2000, chains=8, seed=1)
    mean, std = closed_form(posterior, seen)
    z = (draws.mean() - mean) / draws.mcse()
    return {
        "worst_z": np.abs(z).max(),
        "mean_z2": np.mean(z**2),
        "worst_std_error": np.abs(draws.std() / std - 1).max(),
        "ess": draws.ess().min(),
    }


if __name__ == "__main__":
    print(main())
