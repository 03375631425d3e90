"""The posterior: a model, a prior, and data with noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import _core
from ._base.fixed import Rebuilt
from ._base.validate import Array, array, choice, rows, rows_with, thread_count
from .domains import Mesh
from .models import Model
from .noise import GaussianNoise
from .priors import Prior


class Posterior(Rebuilt):
    """The law of theta given data: proportional to exp(-Phi) times the prior.

    Kernels see it in white space: theta = prior.push(xi), xi ~ N(0, I) a priori, and
    Phi(xi) = 1/2 sum_i ((y_i - G(theta)_i)/sigma_i)^2.

    Parameters
    ----------
    model : Model
    prior : Prior
        With as many parameters as the model.
    data : array_like, (m,) or ``model.data_shape``
        Finite; one value per output of the model.
    noise : GaussianNoise

    Raises
    ------
    TypeError, ValueError
        A wrong type, sizes or numbers of components that do not match, NaN or infinite data, data
        that the model cannot have made (its ``check_data(data, noise)``).
    """

    def __init__(self, model: Model, prior: Prior, *, data: ArrayLike, noise: GaussianNoise):
        for name, value, kind in (
            ("model", model, Model),
            ("prior", prior, Prior),
            ("noise", noise, GaussianNoise),
        ):
            if not isinstance(value, kind):
                raise TypeError(
                    f"{name} must be a m4dl {kind.__name__}, got {type(value).__name__}"
                )
        if model.parameters != prior.parameters:
            raise ValueError(
                f"prior must have the model's {model.parameters} parameters, got {prior.parameters}"
            )
        places = [(p.domain, p.at) for p in (model, prior) if p.domain is not None]
        if len(places) == 2 and places[0] != places[1]:
            (where, at), (other, other_at) = places
            raise ValueError(
                f"prior must live where the model's theta does, on {where} at {at}, "
                f"got {other} at {other_at}"
            )
        if len(places) == 2 and model.components != prior.components:
            raise ValueError(
                f"prior must have as many components as the model, {model.components}, got "
                f"{prior.components} ({prior!r} for {model!r})"
            )
        self.domain: Mesh | None
        self.at: str | None
        self.domain, self.at = places[-1] if places else (None, None)
        self.model = model
        self.prior = prior
        self.noise = noise
        self.data = flat_data(model, data)
        model.check_data(self.data, noise)
        self.core = self.core_for(self.data[None])
        self.white: int = prior.white
        self.parameters: int = prior.parameters

    def core_for(self, data: Array) -> Any:
        """Return the compiled potential of data (1, m), or (chains, m): a row for each chain."""
        std = self.noise.expand(self.model.outputs)
        return _core.Potential(self.model.core, self.prior.core, data, std)

    def shares(self, other: Posterior) -> bool:
        """Tell whether another posterior differs by its data alone.

        Its model, prior and noise are the same objects, or have the same digests: those that came
        from another process share what they shared there.
        """
        parts = ("model", "prior", "noise")
        pairs = [(getattr(self, part), getattr(other, part)) for part in parts]
        alike = all(a is b or (type(a) is type(b) and a.digest() == b.digest()) for a, b in pairs)
        return alike and type(self) is type(other)

    def probes(self, xi: Array) -> Array:
        """Return white noise (n, W), made from xi (k, W), at which the model shows itself."""
        return xi

    def _predicting(self) -> tuple[Model, GaussianNoise]:
        """Return what predicts, and the noise of its data."""
        return self.model, self.noise

    def potential(self, xi: ArrayLike, threads: int = 0) -> Array:
        """Return Phi(xi) for white noise xi (..., W): shape (...). NaN where a solve failed."""
        x, shape = rows("xi", xi, self.white)
        return np.asarray(self.core.phi(x, thread_count(threads))).reshape(shape)

    def gradient(self, xi: ArrayLike, threads: int = 0) -> tuple[Array, Array]:
        """Return Phi(xi) of shape (...) and its gradient of shape (..., W)."""
        if not self.model.has_pull:
            raise ValueError(f"{type(self.model).__name__} was given no gradient")
        x, shape = rows("xi", xi, self.white)
        phi, grad = self.core.gradient(x, thread_count(threads))
        return np.asarray(phi).reshape(shape), np.asarray(grad).reshape(*shape, self.white)

    def gauss_newton(self, xi: ArrayLike, dxi: ArrayLike, threads: int = 0) -> Array:
        """Return J' Sigma^{-1} J dxi, J the derivative of xi -> G(T(xi)): shape (..., W)."""
        if not (self.model.has_pull and self.model.has_push):
            raise ValueError(f"{type(self.model).__name__} has no tangent")
        x, shape = rows("xi", xi, self.white)
        direction = rows_with("dxi", dxi, self.white, "xi", shape)
        out = self.core.gauss_newton(x, direction, thread_count(threads))
        return np.asarray(out).reshape(*shape, self.white)

    def log_likelihood(self, theta: ArrayLike, threads: int = 0) -> Array:
        """Return -1/2 sum ((y - G(theta))/sigma)^2 for theta (..., D): shape (...).

        The additive constant -sum log(sigma_i sqrt(2 pi)) is left out; `log_density` has it.
        """
        misfit = (self.data - self.model.forward(theta, threads)) / self.noise.std
        return np.asarray(-0.5 * (misfit**2).sum(axis=-1))

    def _log_density_of_data(self, outputs: Array) -> Array:
        """Return the log density of each datum for outputs G(theta) (..., m): shape (..., m).

        That is -1/2 ((y - G(theta))/sigma)^2 - log(sigma sqrt(2 pi)), with its constant.
        """
        misfit = (self.data - outputs) / self.noise.std
        return np.asarray(-0.5 * misfit**2 - np.log(self.noise.std * np.sqrt(2 * np.pi)))

    def log_density(self, theta: ArrayLike, *, space: str = "theta", threads: int = 0) -> Array:
        """Return the log of the posterior's density, up to the evidence, at theta (..., D): (...).

        Parameters
        ----------
        theta : (..., D) array, or (..., W) in white space
        space : {"theta", "white"}
            With respect to volume in which space: ``"theta"`` is likelihood times the prior's
            density, ``"white"`` the density of white noise xi, which kernels sample. They
            differ by the log volume of the map from xi to theta, a constant.
        threads : int

        Returns
        -------
        (...) array
            log p(y | theta) + log p(theta), both with their constants, -log(sigma_i sqrt(2 pi)) for
            each datum and those of :meth:`m4dl.Prior.log_density`. The evidence p(y) is left out:
            the density integrates to it. NaN where a solve failed, -inf outside the subspace of a
            prior that does not fill the space.

        Raises
        ------
        ValueError
            As :meth:`m4dl.Prior.log_density`.
        """
        constant = self._log_constant()
        if choice("space", space, ("theta", "white")) == "white":
            likelihood = -self.potential(theta, threads)
        else:
            likelihood = self.log_likelihood(theta, threads)
        return np.asarray(likelihood + constant + self.prior.log_density(theta, space=space))

    def log_density_gradient(
        self, theta: ArrayLike, *, space: str = "theta", threads: int = 0
    ) -> tuple[Array, Array]:
        """Return `log_density` and its gradient, of the shape of ``theta``.

        The part of the prior lies in the subspace in which the prior lives.

        Raises
        ------
        ValueError
            If the model has no derivative; and as `log_density`.
        """
        if choice("space", space, ("theta", "white")) == "white":
            phi, gradient = self.gradient(theta, threads)
            value, gradient = -phi, -gradient
        else:
            value, gradient = self._likelihood_gradient(theta, threads)
        prior = self.prior.log_density_gradient(theta, space=space)
        return np.asarray(value + self._log_constant() + prior[0]), gradient + prior[1]

    def _likelihood_gradient(self, theta: ArrayLike, threads: int) -> tuple[Array, Array]:
        """Return `log_likelihood` and its gradient."""
        if not self.model.has_pull:
            raise ValueError(f"{type(self.model).__name__} was given no gradient")
        residual = (self.data - self.model.forward(theta, threads)) / self.noise.std
        value = np.asarray(-0.5 * (residual**2).sum(axis=-1))
        failed = ~np.isfinite(value)
        weight = np.where(failed[..., None], 0.0, residual / self.noise.std)
        gradient = self.model.pull(theta, weight, threads)
        gradient[failed] = np.nan
        return value, gradient

    def _log_constant(self) -> float:
        """What `log_likelihood` leaves out."""
        return -float(np.log(self.noise.expand(self.data.size) * np.sqrt(2 * np.pi)).sum())

    def __repr__(self) -> str:
        return f"Posterior({self.model!r}, {self.prior!r}, {self.data.size} data, {self.noise!r})"


def flat_data(model: Model, data: ArrayLike) -> Array:
    """Return data of shape (m,) or ``model.data_shape`` as a new array (m,), in row-major order."""
    values, shape = array("data", data), model.data_shape
    if values.shape not in ((model.outputs,), shape):
        also = "" if len(shape) == 1 else f" or {shape}"
        raise ValueError(f"data must have shape ({model.outputs},){also}, got {values.shape}")
    return values.flatten()


def check_posterior(value: Any) -> Posterior:
    """Return ``value`` if it is a Posterior."""
    if not isinstance(value, Posterior):
        raise TypeError(f"posterior must be a m4dl Posterior, got {type(value).__name__}")
    return value
