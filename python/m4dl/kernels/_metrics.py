"""Metrics: the covariance, and the centre, of a kernel's proposals in white space."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._base.fixed import Fixed
from .._base.validate import Array, array

ORTHONORMAL = 1e-8
"""Largest entry of V'V - I that passes for rounding."""


class DiagonalMetric(Fixed):
    """A diagonal metric C = diag(variance): the covariance of the proposal's noise in white space.

    Good variances are those of the posterior in white space. With a series prior of standard
    deviations s_k, ``DiagonalMetric(prior.mode_std ** -2.0)`` turns ULA into the unpreconditioned
    Langevin algorithm in the coefficients theta_k = s_k xi_k.

    Parameters
    ----------
    variance : array_like, (W,)
    """

    def __init__(self, variance: ArrayLike):
        self.variance = _positive(array("variance", variance, (None,)))
        if not self.variance.size:
            raise ValueError("variance must hold at least one number, got none")

    def reference(self, white: int) -> Any:
        """Return the compiled change of white noise, for ``white`` components."""
        return _core.diagonal_reference(array("metric", self.variance, (white,)))

    def arrays(self) -> dict[str, Array]:
        """Return what defines the metric, by name: for checkpoints."""
        return {"variance": self.variance}

    def __repr__(self) -> str:
        v = self.variance
        return f"DiagonalMetric(<{v.size} values, {v.min():.6g} to {v.max():.6g}>)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DiagonalMetric) and np.array_equal(self.variance, other.variance)

    def __hash__(self) -> int:
        return hash(self.variance.tobytes())


class LowRankMetric(Fixed):
    """Proposals around m with covariance C = I + V diag(variance - 1) V', in white space.

    It is a change of white noise, xi = m + C^{1/2} z: a kernel takes its steps in z. With m the
    most probable point, V the eigenvectors of the Gauss-Newton Hessian there and variances
    1/(1 + lambda) it is the Laplace approximation, and :attr:`m4dl.modes.Laplace.metric`. Steps
    then no longer know of the stiff directions, nor shrink as the mesh is refined. A product with V
    costs W r multiplications for each chain, four in a step with a gradient.

    Parameters
    ----------
    centre : array_like, (W,)
        m.
    basis : array_like, (W, r)
        V, with orthonormal columns; r may be 0.
    variance : array_like, (r,)
        Of the columns: positive, 1 is that of the prior.

    Raises
    ------
    ValueError
        Sizes that do not match, variances that are not positive (a singular or indefinite metric),
        columns that are not orthonormal.

    Source
    ------
    D. Rudolf, B. Sprungk, On a generalization of the preconditioned Crank-Nicolson Metropolis
    algorithm, Found. Comput. Math. 18 (2018); N. Petra, J. Martin, G. Stadler, O. Ghattas, A
    computational framework for infinite-dimensional Bayesian inverse problems II, SIAM J. Sci.
    Comput. 36 (2014).
    """

    def __init__(self, centre: ArrayLike, basis: ArrayLike, variance: ArrayLike):
        self.centre = array("centre", centre, (None,))
        self.basis = array("basis", basis, (self.centre.size, None))
        rank = self.basis.shape[1]
        self.variance = _positive(array("variance", variance, (rank,)))
        if rank > self.centre.size:
            raise ValueError(f"basis must have at most {self.centre.size} columns, got {rank}")
        gap = np.abs(self.basis.T @ self.basis - np.eye(rank)).max(initial=0.0)
        if gap > ORTHONORMAL:
            raise ValueError(
                f"basis must have orthonormal columns, but basis' basis differs from I by {gap:.3g}"
            )

    def reference(self, white: int) -> Any:
        """Return the compiled change of white noise, for ``white`` components."""
        centre = array("metric", self.centre, (white,))
        return _core.low_rank_reference(centre, self.basis, self.variance)

    def arrays(self) -> dict[str, Array]:
        """Return what defines the metric, by name: for checkpoints."""
        return {"centre": self.centre, "basis": self.basis, "variance": self.variance}

    def __repr__(self) -> str:
        v = self.variance
        span = f", variances {v.min():.6g} to {v.max():.6g}" if v.size else ""
        return f"LowRankMetric(<rank {v.size} of {self.centre.size}{span}>)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LowRankMetric) and all(
            np.array_equal(mine, other.arrays()[name]) for name, mine in self.arrays().items()
        )

    def __hash__(self) -> int:
        return hash((self.centre.tobytes(), self.basis.tobytes(), self.variance.tobytes()))


Metric = DiagonalMetric | LowRankMetric
LEARNED: Literal["learned"] = "learned"


def check_metric(metric: Any, learned: bool = True) -> None:
    """Refuse what is neither a metric, None nor, where it may be, "learned"."""
    if learned and isinstance(metric, str):
        if metric != LEARNED:
            raise ValueError(f"metric must be a metric, {LEARNED!r} or None, got {metric!r:.60}")
    elif metric is not None and not isinstance(metric, Metric):
        options = f"a LowRankMetric, {LEARNED!r}" if learned else "a LowRankMetric"
        raise TypeError(
            f"metric must be a DiagonalMetric, {options} or None, got {type(metric).__name__}"
        )


def _positive(variance: Array) -> Array:
    if not (variance > 0).all():
        raise ValueError(
            f"variance must be positive, got {variance[variance <= 0][0]}: "
            "the metric is singular or indefinite"
        )
    return variance
