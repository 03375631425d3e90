"""A heated aluminium rod: flux and convection coefficient from fifteen thermocouples.

k u'' = 2 (a + b)/(a b) h (u - u_amb), k u'(0) = Phi, k u'(L) = h (u_amb - u(L)). The unknown
c = (Phi, h) enters linearly, A(c) = A_0 + h A_h, b(c) = Phi b_Phi: a case for AffineElliptic.
Data and published answer: R. C. Smith, Uncertainty Quantification (SIAM 2013), table 3.2.
"""

from pathlib import Path

import m4dl
import numpy as np
from scipy import sparse

A = B = 0.95  # cross section, cm
LENGTH, K, AMBIENT, SIGMA = 70.0, 2.37, 21.29, 0.2504  # cm, W/(cm C), C, C
CELLS = 280
TABLE = Path(__file__).parent / "data" / "heat_rod" / "rods.csv"


def build():
    """Linear elements for v = u - u_amb; the thermocouples sit on nodes."""
    x, data = np.loadtxt(TABLE, delimiter=",", skiprows=1, usecols=(0, 1), unpack=True)
    n, step, side = CELLS + 1, LENGTH / CELLS, np.ones(CELLS)
    diagonal = np.r_[1.0, 2.0 * side[1:], 1.0]
    stiffness = sparse.diags_array([-side, diagonal, -side], offsets=[-1, 0, 1]) / step
    mass = sparse.diags_array([side, 2 * diagonal, side], offsets=[-1, 0, 1]) * step / 6
    end = sparse.coo_array(([1.0], ([CELLS], [CELLS])), shape=(n, n))
    node = np.rint(x / step).astype(int)
    model = m4dl.AffineElliptic(
        K * stiffness,
        [sparse.coo_array((n, n)), 2 * (A + B) / (A * B) * mass + end],
        np.zeros(n),
        sparse.coo_array((np.ones(x.size), (np.arange(x.size), node)), shape=(x.size, n)),
        load_terms=sparse.coo_array(([-1.0], ([0], [0])), shape=(n, 2)),
        offset=np.full(x.size, AMBIENT),
        link="identity",
    )
    prior = m4dl.GaussianPrior([-18.0, 2e-3], [3.0**2, 3e-4**2])  # 20 times wider than the answer
    return m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(SIGMA)), x


def exact(theta, x):
    """Return the temperature in closed form."""
    flux, h = theta
    g = np.sqrt(2 * (A + B) * h / (A * B * K))
    up, down = np.exp(g * LENGTH) * (h + K * g), np.exp(-g * LENGTH) * (h - K * g)
    c = -flux / (K * g) * up / (down + up)
    return AMBIENT + c * np.exp(-g * x) + (flux / (K * g) + c) * np.exp(g * x)


def main() -> dict[str, float]:
    posterior, x = build()
    draws = m4dl.sample(posterior, m4dl.PCN(0.05), draws=20_000, warmup=2000, chains=8, seed=1)
    error = np.abs(posterior.model(draws.mean()) - exact(draws.mean(), x)).max()
    names = ("flux", "convection", "flux_std", "convection_std", "ess", "solver_error")
    return dict(zip(names, [*draws.mean(), *draws.std(), draws.ess().min(), error], strict=True))


if __name__ == "__main__":
    print(main())
