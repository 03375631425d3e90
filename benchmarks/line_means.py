"""E[a_k | the other coefficients]: integrals of a posterior along one coefficient of many blocks.

A coefficient in which the data see little has, far out, the heavy tail of its lognormal prior, and
a chain's average of it waits for rare visits there. Its conditional mean given the others is an
integral along a line, and the average of these has the same limit and a smaller variance (Rao and
Blackwell; A. Gelfand, A. Smith, J. Amer. Statist. Assoc. 85 (1990)).

Along the line A(a) = A_0 + a A_k, so the data are rational functions of a = exp(x) without poles
for a > 0, O(1/a) where a vanishes if the block has a source, and constant where a is large: times
a/(a + c) they are smooth and bounded in t = tanh(x/3), and a dozen solves at Chebyshev points tell
them everywhere. The misfit along the line is then a quadratic form in Lagrange's polynomials.
"""

from __future__ import annotations

from dataclasses import dataclass

import m4dl
import numpy as np
from harness import Array
from scipy.special import logsumexp

LOW, HIGH = -5.0, 16.0
STEP = 0.125
"""Of the sum along x: a fraction of the narrowest standard deviation, 0.3, for Gaussians exact."""
BATCH = 8192
"""Solves in one call."""


@dataclass
class LineMeans:
    """Conditional means of exp(theta_k), theta_k ~ N(mean, std^2) independent a priori."""

    posterior: m4dl.Posterior
    mean: float
    std: float
    nodes: int = 12
    half: float = 0.3
    """c: where the factor a/(a + c) turns."""
    threads: int = 0

    def __post_init__(self) -> None:
        m = self.nodes
        ends = np.tanh(np.array([LOW, HIGH]) / 3.0)
        angle = np.pi * (np.arange(m) + 0.5) / m
        t = ends.mean() + 0.5 * np.diff(ends) * np.cos(angle)
        self._x = np.clip(3.0 * np.arctanh(t), LOW, HIGH)
        self._t = np.tanh(self._x / 3.0)
        self.fine = np.arange(LOW, HIGH, STEP)
        gap = np.tanh(self.fine / 3.0)[:, None] - self._t
        gap[gap == 0.0] = 1e-15
        weight = (-1.0) ** np.arange(m) * np.sin(angle) / gap  # barycentric
        lagrange = weight / weight.sum(axis=1, keepdims=True)
        factor = self._factor(self._x) / self._factor(self.fine)[:, None]
        # of the solutions, and of the data
        self._weights = np.hstack([lagrange * factor, -np.ones((len(self.fine), 1))])
        self._log_prior = -0.5 * ((self.fine - self.mean) / self.std) ** 2

    def _factor(self, x: Array) -> Array:
        return np.asarray(np.exp(x) / (self.half + np.exp(x)))

    def log_density(self, theta: Array, k: int) -> Array:
        """Log posterior along theta_k on ``fine``, up to a constant, for rows theta (n, D)."""
        n, m = len(theta), self.nodes
        lines = np.repeat(theta, m, axis=0)
        lines[:, k] = np.tile(self._x, n)
        y = self.posterior.model.forward(lines, self.threads).reshape(n, m, -1)
        data = np.broadcast_to(self.posterior.data, (n, 1, y.shape[2]))
        both = np.concatenate([y, data], axis=1) / self.posterior.noise.std
        gram = both @ both.transpose(0, 2, 1)
        misfit = ((self._weights @ gram) * self._weights).sum(axis=2)
        return np.asarray(self._log_prior - 0.5 * misfit)

    def integrals(self, theta: Array, k: int, above: float = 0.0) -> Array:
        """Logs of the integrals of 1 and max(a_k - above, 0) times the posterior, (2, n).

        Along the lines through rows theta (n, D); both up to a constant that depends on the other
        coefficients alone.
        """
        out = []
        with np.errstate(divide="ignore"):
            excess = np.log(np.maximum(np.exp(self.fine) - above, 0.0))
        count = max(1, BATCH // self.nodes)
        for part in np.split(theta, range(count, len(theta), count)):
            density = self.log_density(part, k)
            out.append([logsumexp(density, axis=1), logsumexp(density + excess, axis=1)])
        return np.concatenate(out, axis=1)

    def __call__(self, theta: Array, k: int) -> Array:
        """E[exp(theta_k) | the others], (n,), for rows theta (n, D)."""
        one, a = self.integrals(theta, k)
        return np.asarray(np.exp(a - one))

    def check(self, theta: Array, ks: list[int]) -> float:
        """Largest relative error for rows theta (n, D), against sums of solves at every point."""
        worst = 0.0
        log_prior = -0.5 * ((self.fine - self.mean) / self.std) ** 2
        for k in ks:
            lines = np.repeat(theta, len(self.fine), axis=0)
            lines[:, k] = np.tile(self.fine, len(theta))
            density = self.posterior.log_likelihood(lines).reshape(len(theta), -1) + log_prior
            density = np.exp(density - density.max(axis=1, keepdims=True))
            exact = density @ np.exp(self.fine) / density.sum(axis=1)
            worst = max(worst, float(np.abs(self(theta, k) / exact - 1.0).max()))
        return worst
