"""A model of one's own in NumPy, with its gradient: the rate of an enzyme reaction.

rate = V x/(K + x) (Michaelis, Menten) on the treated cells of D. G. Treloar's puromycin data (M.Sc.
thesis, Toronto 1974; D. Bates, D. Watts, Nonlinear Regression Analysis, Wiley 1988). Least squares
there: V = 212.7 (6.95), K = 0.0641 (0.00828), residual standard deviation 10.93.
"""

import m4dl
import numpy as np

CONCENTRATION = np.repeat([0.02, 0.06, 0.11, 0.22, 0.56, 1.10], 2)
RATE = np.array([76, 47, 97, 107, 123, 139, 159, 152, 191, 201, 207, 200.0])
SIGMA = 10.93


def forward(theta):
    """All chains of a block at once: theta = (log V, log K), (B, 2) -> (B, 12)."""
    v, k = np.exp(theta).T[:, :, None]
    return v * CONCENTRATION / (k + CONCENTRATION)


def gradient(theta, sensitivity):
    """The vector-Jacobian product: (B, 2), (B, 12) -> (B, 2)."""
    rate = forward(theta)
    k = np.exp(theta[:, 1:])
    by_log_v = (sensitivity * rate).sum(axis=1)
    by_log_k = -(sensitivity * rate * k / (k + CONCENTRATION)).sum(axis=1)
    return np.stack([by_log_v, by_log_k], axis=1)


def build():
    model = m4dl.PythonModel(forward, gradient, parameters=2, outputs=12, batched=True)
    prior = m4dl.GaussianPrior(np.log([200.0, 0.1]), 1.0)
    return m4dl.Posterior(model, prior, data=RATE, noise=m4dl.GaussianNoise(SIGMA))


def run():
    kernel = m4dl.MALA(1e-3)
    options = {"draws": 10_000, "warmup": 1000, "chains": 8, "seed": 1, "threads": 1}
    return m4dl.sample(build(), kernel, **options)


def main() -> dict[str, float]:
    draws = run()
    v, k = (draws.functional(lambda theta, i=i: np.exp(theta[:, i])) for i in (0, 1))
    return {
        "V": v.mean(),
        "V_std": v.std(),
        "K": k.mean(),
        "K_std": k.std(),
        "ess": draws.ess().min(),
        "rhat": draws.rhat().max(),
    }


if __name__ == "__main__":
    print(main())
