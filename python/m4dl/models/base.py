"""What all forward maps G: theta -> y share."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .._base.fixed import Rebuilt
from .._base.validate import Array, rows, rows_with, thread_count
from ..domains import Mesh, check_domain


class Model(Rebuilt):
    """What all models share.

    Attributes
    ----------
    parameters : int
        D, the size of theta.
    outputs : int
        m, the size of y.
    has_pull, has_push : bool
        Whether the model has an adjoint derivative (a gradient) and a tangent.
    domain, at
        Where theta lives: a mesh and a location on it, or None.
    components : int
        C: theta holds C fields one after the other, D / C values each.
    data_shape : tuple of int
        Shape in which data may be given, in row-major order: (m,), or e.g. (N, 3, 3).
    solver : str
        How an elliptic model solves its linear systems: "direct", "frozen", "aggregation" or
        "multigrid"; empty for other models.
    """

    def __init__(
        self,
        core: Any,
        domain: Mesh | None = None,
        at: str | None = None,
        components: int = 1,
        data_shape: tuple[int, ...] | None = None,
    ):
        check_domain(domain, at, core.parameters, components)
        self.components = components
        self.data_shape: tuple[int, ...] = (core.outputs,) if data_shape is None else data_shape
        self.core = core
        self.domain = domain
        self.at = at
        self.parameters: int = core.parameters
        self.outputs: int = core.outputs
        self.has_pull: bool = core.has_pull
        self.has_push: bool = core.has_push
        self.solver: str = core.solver

    def _predicting(self) -> tuple[Self, None]:
        """Return what predicts, and the noise of its data, of which a model knows nothing."""
        return self, None

    def forward(self, theta: ArrayLike, threads: int = 0) -> Array:
        """Return y = G(theta).

        Parameters
        ----------
        theta : array_like, (..., D)
        threads : int
            Threads to spread the rows over; 0 means as many as OpenMP would use.

        Returns
        -------
        (..., m); a row whose solve failed is NaN.
        """
        x, shape = rows("theta", theta, self.parameters)
        out = self.core.forward(x, thread_count(threads))
        return np.asarray(out).reshape(*shape, self.outputs)

    __call__ = forward

    def iterations(self, theta: ArrayLike, threads: int = 0) -> Array:
        """Return how many iterations the solve in ``forward`` takes for each row, (...).

        Cycles of multigrid, or steps of conjugate gradients; 0 without an iterative solver.
        """
        x, shape = rows("theta", theta, self.parameters)
        return np.asarray(self.core.iterations(x, thread_count(threads))).reshape(shape)

    def check_data(self, data: Array, noise: Any) -> None:
        """Refuse data (m,) that the model cannot have made up to the noise; most can make any."""

    def pull(self, theta: ArrayLike, sensitivity: ArrayLike, threads: int = 0) -> Array:
        """Return G'(theta)* w for w = ``sensitivity`` (..., m): shape (..., D)."""
        return self._derivative("pull", theta, "sensitivity", sensitivity, threads)

    def push(self, theta: ArrayLike, tangent: ArrayLike, threads: int = 0) -> Array:
        """Return G'(theta) h for h = ``tangent`` (..., D): shape (..., m)."""
        return self._derivative("push", theta, "tangent", tangent, threads)

    def _derivative(
        self, kind: str, theta: ArrayLike, name: str, direction: ArrayLike, threads: int
    ) -> Array:
        sizes = (self.outputs, self.parameters)
        size_in, size_out = sizes if kind == "pull" else sizes[::-1]
        x, shape = rows("theta", theta, self.parameters)
        d = rows_with(name, direction, size_in, "theta", shape)
        out = getattr(self.core, kind)(x, d, thread_count(threads))
        return np.asarray(out).reshape(*shape, size_out)

    def __repr__(self) -> str:
        where = f" on {self.domain}" if self.domain is not None else ""
        return f"{type(self).__name__}({self.parameters} parameters, {self.outputs} outputs{where})"
