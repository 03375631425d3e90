"""A posterior for any row of the catalogue."""

from __future__ import annotations

import m4dl
import numpy as np
from problems import Array, Bent
from rows import ModelRow


def posterior_of(row: ModelRow) -> m4dl.Posterior:
    """A prior with correlation and a mean, data off the forward map, one noise per datum."""
    model = row.build()
    size = model.parameters
    rng = np.random.default_rng(5)
    factor = np.eye(size) + 0.3 * rng.standard_normal((size, size)) / size**0.5
    prior = m4dl.GaussianPrior(np.full(size, row.centre), row.spread**2 * factor @ factor.T)
    data = model(prior.mean) + 0.3 * rng.standard_normal(model.outputs)
    noise = m4dl.GaussianNoise(0.2 + 0.1 * rng.random(model.outputs))
    return m4dl.Posterior(model, prior, data=data, noise=noise)


def posterior_over(prior: m4dl.Prior) -> m4dl.Posterior:
    """A nonlinear model of two averages of theta, so that any prior can be put to work."""
    bent = Bent()
    average = np.random.default_rng(9).standard_normal((2, prior.parameters)) / prior.parameters

    def forward(theta: Array) -> Array:
        # row by row: the sums of a matrix product depend on its shape
        return np.stack([bent.forward(average @ t) for t in theta])

    def gradient(theta: Array, w: Array) -> Array:
        pairs = zip(theta, w, strict=True)
        return np.stack([bent.gradient(average @ t, v) @ average for t, v in pairs])

    model = m4dl.PythonModel(
        forward, gradient, parameters=prior.parameters, outputs=3, batched=True
    )
    return m4dl.Posterior(model, prior, data=np.ones(3), noise=m4dl.GaussianNoise(0.3))


def flat_posterior() -> m4dl.Posterior:
    """Phi = 0 everywhere: the posterior is the prior."""
    covariance = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 0.7]])
    return m4dl.Posterior(
        m4dl.LinearModel(np.zeros((1, 3))),
        m4dl.GaussianPrior(np.full(3, 2.0), covariance),
        data=[0.0],
        noise=m4dl.GaussianNoise(1.0),
    )
