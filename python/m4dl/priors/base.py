"""What all priors share: maps of white noise, theta = T(xi), xi ~ N(0, I)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._base.callback import called
from .._base.fixed import Rebuilt
from .._base.names import check_names
from .._base.scale import column_norms
from .._base.streams import Purpose, derived_seed
from .._base.validate import (
    Array,
    array,
    choice,
    integer,
    number,
    rows,
    rows_with,
    seed_number,
    shape_of,
    thread_count,
)
from ..domains import Mesh, check_domain
from . import _density

MeanLike = float | ArrayLike | Callable[[Array], ArrayLike]


class Prior(Rebuilt):
    """What all priors share.

    Attributes
    ----------
    white : int
        W, the size of xi.
    parameters : int
        D, the size of theta.
    mean : ndarray, (D,)
    domain, at
        Where theta lives: a mesh and a location on it, or None.
    components : int
        C: theta holds C fields one after the other, D / C values each.
    names : tuple of str, (D,), or None
        What parameters that are no field are called, in tables and results.
    """

    def __init__(
        self,
        core: Any,
        mean: Array,
        domain: Mesh | None = None,
        at: str | None = None,
        components: int = 1,
        names: Sequence[str] | None = None,
    ):
        check_domain(domain, at, core.parameters, components)
        self.components = components
        self.names = check_names(names, core.parameters)
        self.core = core
        self.mean = mean
        self.domain = domain
        self.at = at
        self.white: int = core.white
        self.parameters: int = core.parameters

    def push(self, xi: ArrayLike, threads: int = 0) -> Array:
        """Return theta = T(xi) for white noise xi (..., W): shape (..., D)."""
        x, shape = rows("xi", xi, self.white)
        theta = self.core.push(x, thread_count(threads))
        return np.asarray(theta).reshape(*shape, self.parameters)

    def pull(self, xi: ArrayLike, dtheta: ArrayLike) -> Array:
        """Return T'(xi)* dtheta, (..., W): the adjoint of the derivative."""
        return self._derivative(self.core.pull, xi, "dtheta", dtheta, self.parameters, self.white)

    def tangent(self, xi: ArrayLike, dxi: ArrayLike) -> Array:
        """Return T'(xi) dxi, (..., D)."""
        return self._derivative(self.core.tangent, xi, "dxi", dxi, self.white, self.parameters)

    def draw(self, count: int, seed: int, *, stream: int = 0) -> Array:
        """Return ``count`` independent draws of theta, (count, D).

        The white noise is a function of ``seed`` and ``stream`` alone, so that one seed gives the
        same fields on a finer mesh, or with another length or mean, as far as the white noise
        means the same. It follows that **two priors with one seed are not independent**: two
        Matern priors on one grid give fields with correlation 1. For two unknowns of one problem
        take different streams (or seeds), or one draw of a :class:`m4dl.VectorPrior`.

        Parameters
        ----------
        count : int
        seed : int
            In [0, 2**64). Chains, Laplace approximations and all else that takes a seed have random
            numbers of their own, also for this one.
        stream : int
            Another number gives independent draws for the same seed.
        """
        count = integer("count", count, 1)
        seed = seed_number(seed)
        if integer("stream", stream, 0):
            seed = derived_seed(Purpose.PRIOR_STREAM, seed, stream)
        return self.push(_core.prior_white_noise(seed, count, self.white))

    def marginal_std(self) -> Array:
        """Return the exact pointwise standard deviation of theta, (D,).

        Costs min(D, W) solves, unless the prior knows it, as a Matern field does, or finds it in
        its sparse factor.
        """
        size, white, chunk = self.parameters, self.white, 256
        out = np.zeros(size)
        for first in range(0, min(size, white), chunk):
            count = min(chunk, min(size, white) - first)
            if size <= white:  # rows of T, else columns
                unit = np.eye(count, size, k=first)
                rows_of_map = self.pull(np.zeros((count, white)), unit)
                out[first : first + count] = column_norms(rows_of_map.T)
            else:
                unit = np.eye(count, white, k=first)
                columns = self.tangent(np.zeros((count, white)), unit)
                out = np.hypot(out, column_norms(columns))
        return out

    def log_density(self, theta: ArrayLike, *, space: str = "theta") -> Array:
        """Return the log of the prior's density at theta (..., D): shape (...).

        Parameters
        ----------
        theta : (..., D) array, or (..., W) in white space
        space : {"theta", "white"}
            With respect to volume in which space. ``"white"``: of N(0, I) at white noise xi, which
            differs by the log volume of the map from xi to theta, a constant.

        Returns
        -------
        (...) array
            With all its constants: its exponential integrates to 1. A prior whose map has a rank
            r < D, such as a series with few modes, lives in an affine subspace: the density there
            is that with respect to r-dimensional volume, and elsewhere -inf.

        Raises
        ------
        ValueError
            If rounding theta to double precision moves its log density by more than 1e-3, as for
            very smooth fields; or if a prior without a structure (an `InterpolatedPrior`, a
            `SparsePrior` whose D is not diagonal, a `VectorPrior` of more fields than components)
            has more than 2^26 numbers in its map, which is then decomposed.
        """
        return self.log_density_gradient(theta, space=space)[0]

    def log_density_gradient(
        self, theta: ArrayLike, *, space: str = "theta"
    ) -> tuple[Array, Array]:
        """Return `log_density` and its gradient, of the shape of ``theta``.

        The gradient lies in the subspace in which the prior lives, and is NaN outside it.
        """
        if choice("space", space, ("theta", "white")) == "white":
            xi, shape = rows("xi", theta, self.white)
            value = -0.5 * (xi**2).sum(axis=1) - 0.5 * self.white * np.log(2 * np.pi)
            return value.reshape(shape), -xi.reshape(*shape, self.white)
        x, shape = rows("theta", theta, self.parameters)
        value, gradient = _density.log_density(self._factor, self.mean, x)
        return value.reshape(shape), gradient.reshape(*shape, self.parameters)

    @cached_property
    def _factor(self) -> _density.Factor:
        return self._density_factor()

    def _density_factor(self) -> _density.Factor:
        """Return what log densities take, for a prior of no known structure."""

        def tangent(dxi: Array) -> Array:
            return np.asarray(self.core.tangent(np.zeros_like(dxi), dxi))

        name = type(self).__name__
        return _density.written_down(name, self.parameters, self.white, tangent)

    def _derivative(
        self, apply: Any, xi: ArrayLike, name: str, direction: ArrayLike, size: int, out: int
    ) -> Array:
        x, shape = rows("xi", xi, self.white)
        d = rows_with(name, direction, size, "xi", shape)
        return np.asarray(apply(x, d)).reshape(*shape, out)

    def __repr__(self) -> str:
        where = f" on {self.domain} at {self.at}" if self.domain is not None else ""
        return f"{type(self).__name__}({self.parameters} parameters{where})"


def mean_field(mean: MeanLike, mesh: Mesh, at: str, size: int) -> Array:
    """Return a number, values or a function of the coordinates as values (D,)."""
    value: Any = called("mean", mean, mesh.coordinates(at)) if callable(mean) else mean
    if shape_of("mean", value) == ():
        return np.full(size, number("mean", value))
    return array("mean", value, (size,)).copy()
