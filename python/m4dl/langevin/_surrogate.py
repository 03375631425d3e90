"""``LogConcaveSurrogate``: a posterior whose logarithm is concave everywhere."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._base.validate import Array, array, positive, rows
from ..modes import MapEstimate
from ..posterior import Posterior, check_posterior
from ..priors import GaussianPrior, Prior, SeriesPrior

AGREES = 0.5
"""Distance, in units of eta, up to which the surrogate is the posterior."""
ENDS = 0.875
"""Distance from which on the model has no part in it."""
IN_SPAN = 1e-8


class LogConcaveSurrogate(Posterior):
    """A posterior kept near a point, and made log-concave away from it.

    In coordinates theta_k = s_k xi_k (those of a series prior) and with the distance
    r = abs(theta - theta_init) / eta its potential is

        Phi~ = phi_0 + a(r) (Phi - phi_0) + K eta^2 g(r),    phi_0 = Phi(theta_init).

    Up to r = 1/2 it is Phi, to the last bit. The cutoff a, a polynomial of degree five between
    r = 3/4 and 7/8, is twice continuously differentiable; g is (r - 5/8)_+^2 mollified with radius
    1/8 (four times). Beyond 7/8 the model is never asked, so that it may fail there.

    It is a `Posterior` and can be used as one, with any kernel. ``log_likelihood`` of its draws is
    -Phi~. Whether K makes it log-concave depends on the model: :func:`m4dl.langevin.guarantee`
    finds eta and K, and says what it has checked.

    Parameters
    ----------
    posterior : Posterior
    centre : MapEstimate or (W,) array
        theta_init, as white noise.
    eta : float
        In the units of theta: abs is the Euclidean norm of theta_k, for a `SeriesPrior` the L2 norm
        of the field.
    curvature : float
        K > 0, in units of 1/theta^2.
    scale : (W,) array, optional
        s_k > 0. By default those of the prior, which must be a `SeriesPrior` or a `GaussianPrior`
        with a diagonal covariance; with others, or for coordinates that are better scaled, give it.

    Attributes
    ----------
    original : Posterior
    centre, scale : (W,) arrays
    eta, curvature : float

    Raises
    ------
    TypeError, ValueError
        Wrong types and shapes, a prior that is not in series coordinates, eta or K that is not
        positive, a potential that is not finite at the centre.

    Notes
    -----
    The papers have phi_0 = 0: there a multiplies a large number, and K must be larger. Constants
    change a posterior nowhere; here they change the surrogate between r = 3/4 and 7/8 only.

    Source
    ------
    R. Nickl, S. Wang, On polynomial-time computation of high-dimensional posterior measures by
    Langevin-type algorithms, J. Eur. Math. Soc. 26 (2024), section 3; J. Bohr, R. Nickl, On
    log-concave approximations of high-dimensional posterior measures and stability properties in
    non-linear inverse problems (2021).
    """

    def __init__(
        self,
        posterior: Posterior,
        *,
        centre: MapEstimate | ArrayLike,
        eta: float,
        curvature: float,
        scale: ArrayLike | None = None,
    ):
        check_posterior(posterior)
        if isinstance(posterior, LogConcaveSurrogate):
            raise TypeError("posterior must be a plain Posterior, got a LogConcaveSurrogate")
        self.original = posterior
        self.centre = white_noise("centre", centre, posterior.white)
        self.eta = positive("eta", eta)
        self.curvature = positive("curvature", curvature)
        self.scale = coordinates(posterior.prior, scale)
        super().__init__(
            posterior.model, posterior.prior, data=posterior.data, noise=posterior.noise
        )

    def core_for(self, data: Array) -> Any:
        """Return the compiled potential of data (1, m), or (chains, m): a row for each chain."""
        std = self.noise.expand(self.model.outputs)
        surrogate = _core.Surrogate(self.centre, self.scale, self.eta, self.curvature)
        return _core.Potential(self.model.core, self.prior.core, data, std, surrogate)

    def shares(self, other: Posterior) -> bool:
        """Tell whether another posterior differs by its data alone."""
        if not isinstance(other, LogConcaveSurrogate) or not super().shares(other):
            return False
        same = self.eta == other.eta and self.curvature == other.curvature
        pairs = ((self.centre, other.centre), (self.scale, other.scale))
        return same and all(np.array_equal(a, b) for a, b in pairs)

    def probes(self, xi: Array) -> Array:
        """Return xi (k, W), and as many points in the ball: outside it there is no model."""
        away = xi - self.centre
        r = np.linalg.norm(self.scale * away, axis=1, keepdims=True) / self.eta
        return np.concatenate([xi, self.centre + 0.9 * AGREES * away / np.maximum(r, AGREES)])

    def distance(self, xi: ArrayLike) -> Array:
        """Return r = abs(theta - theta_init) / eta for white noise xi (..., W): shape (...)."""
        x, shape = rows("xi", xi, self.white)
        r = np.linalg.norm(self.scale * (x - self.centre), axis=1) / self.eta
        return np.asarray(r.reshape(shape))

    def white_of(self, theta: ArrayLike) -> Array:
        """Return white noise (..., W) of fields theta (..., D), by least squares.

        Raises
        ------
        ValueError
            If a field is no combination of the prior's: differs from all of them by more than 1e-8.
        """
        fields, shape = rows("theta", theta, self.parameters)
        fields = fields - self.prior.mean
        xi = fields @ self._inverse
        rest = np.abs(fields - xi @ self._modes).max(axis=1)
        wrong = ~(rest <= IN_SPAN * np.maximum(np.abs(fields).max(axis=1), 1.0))
        if wrong.any():
            raise ValueError(
                f"theta must be a field of the prior, but row {int(wrong.argmax())} differs from "
                f"all of them by {rest[wrong.argmax()]:.3g}"
            )
        return np.asarray(xi.reshape(*shape, self.white))

    def log_likelihood(self, theta: ArrayLike, threads: int = 0) -> Array:
        """Return -Phi~ for fields theta (..., D) of the prior: shape (...)."""
        return -self.potential(self.white_of(theta), threads)

    def _likelihood_gradient(self, theta: ArrayLike, threads: int) -> tuple[Array, Array]:
        """Return -Phi~ and its gradient in the space of the prior's fields."""
        phi, gradient = self.gradient(self.white_of(theta), threads)
        return -phi, -gradient @ self._inverse.T

    def _log_density_of_data(self, outputs: Array) -> Array:
        """Raise: away from its centre the surrogate is no product over the data."""
        raise TypeError("a surrogate has no log density of each datum: take its .original")

    @cached_property
    def _modes(self) -> Array:
        """T' of an affine prior, (W, D)."""
        return self.prior.push(np.eye(self.white)) - self.prior.mean

    @cached_property
    def _inverse(self) -> Array:
        return np.asarray(np.linalg.pinv(self._modes))

    def __repr__(self) -> str:
        return (
            f"LogConcaveSurrogate({self.original!r}, eta={self.eta:.4g}, "
            f"curvature={self.curvature:.4g})"
        )


def white_noise(name: str, value: MapEstimate | ArrayLike, white: int) -> Array:
    """Return a MapEstimate's xi, or the array, as white noise (W,)."""
    return array(name, value.xi if isinstance(value, MapEstimate) else value, (white,))


def coordinates(prior: Prior, scale: ArrayLike | None) -> Array:
    """Return s (W,), positive: the given scale, or the standard deviations of a series."""
    if scale is not None:
        s = array("scale", scale, (prior.white,))
        if not (s > 0).all():
            raise ValueError(f"scale must be positive, got {s[s <= 0][0]}")
        return s
    std = prior.mode_std if isinstance(prior, SeriesPrior | GaussianPrior) else None
    if std is None:
        raise ValueError(
            "prior must be in series coordinates, a SeriesPrior or a GaussianPrior with a diagonal "
            f"covariance, got {prior!r}; or give scale="
        )
    return std
