"""theta = mean + A^{-1} D xi from a sparse factor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._base.progress import PATIENCE, Bar
from .._base.sparse import is_sparse, symmetric_lower, triplets
from .._base.validate import Array, array, shape_of
from ..domains import Mesh
from . import _density
from .base import Prior


class SparsePrior(Prior):
    """theta = mean + A^{-1} D xi from a sparse factor of one's own.

    Parameters
    ----------
    A : sparse matrix (n, n)
        Symmetric positive definite.
    D : sparse matrix (n, W), optional
        Default the identity.
    mean : float or array_like, (n,)
    coordinates : array_like, (n, d), optional
        Positions of the unknowns; they help the fill-reducing ordering.
    domain, at : optional
        Where theta lives, for plots.
    names : sequence of n str, optional
        What the parameters are called, in summaries, pictures and `Draws.to_arviz`.
    """

    def __init__(
        self,
        A: Any,
        D: Any = None,
        *,
        mean: float | ArrayLike = 0.0,
        coordinates: ArrayLike | None = None,
        domain: Mesh | None = None,
        at: str | None = None,
        names: Sequence[str] | None = None,
    ):
        from scipy import sparse

        if not is_sparse(A) or A.ndim != 2 or A.shape[0] != A.shape[1]:
            raise TypeError(f"A must be a square sparse matrix, got {type(A).__name__}")
        n = A.shape[0]
        if D is not None and shape_of("D", D)[1:] == (0,):
            raise ValueError(f"D must have at least one column, got shape {D.shape}")
        m = (
            np.broadcast_to(array("mean", mean), (n,))
            if shape_of("mean", mean) == ()
            else array("mean", mean, (n,))
        )
        x = (
            np.zeros((0, 0))
            if coordinates is None
            else array("coordinates", coordinates, (n, None))
        )
        core = sparse_core(
            A, sparse.eye_array(n) if D is None else D, np.ones(n), 0, np.ones(n), m, x
        )
        super().__init__(core, np.array(m), domain, at, names=names)
        self._factors = (A, D, x)

    def marginal_std(self) -> Array:
        """Return the exact pointwise standard deviation of theta, (n,).

        From the factor where D is diagonal; else by n solves.
        """
        from scipy import sparse

        A, D, x = self._factors
        if D is None:
            mass = np.ones(self.parameters)
        else:
            d = sparse.coo_array(D)
            if (d.row != d.col).any():
                return super().marginal_std()
            mass = sparse.csr_array(D).diagonal() ** 2
            mass = np.pad(mass, (0, self.parameters - len(mass)))
        return np.asarray(np.sqrt(sparse_variance(A, mass, 1, x)))

    def _density_factor(self) -> _density.Factor:
        from scipy import sparse

        A, D, x = self._factors
        n = self.parameters
        noise = np.ones(n)
        if D is not None:
            d = sparse.coo_array(D)
            noise = np.pad(sparse.csr_array(D).diagonal(), (0, max(0, n - self.white)))
            if (d.row != d.col).any() or (noise == 0).any() or self.white != n:
                return super()._density_factor()
        volume = sparse_log_determinant(A, x)
        unit = np.ones(n)
        return _density.sparse_power(sparse.csr_array(A), unit, 0, noise, unit, volume)


def sparse_core(
    A: Any, D: Any, mass: Array, repeats: int, scale: Array, mean: Array, x: Array
) -> Any:
    """Compile theta = mean + scale (A^{-1} diag(mass))^repeats B xi; without D, B = L^{-T}."""
    n = mean.size
    a = symmetric_lower("A", A, n)
    return _core.sparse_prior(
        a.core,
        noise=None if D is None else triplets("D", D, (n, None)).core,
        coordinates=x,
        mass=mass,
        repeats=int(repeats),
        scale=scale,
        mean=mean,
    )


def sparse_log_determinant(A: Any, x: Array) -> float:
    """Return log det A of a positive definite A, whose unknowns are at ``x`` if that is known."""
    n = A.shape[0]
    a = symmetric_lower("A", A, n)
    return float(_core.sparse_log_determinant(a.core, coordinates=x))


_SLICE = 2e8
"""Multiply-adds between two looks at the bar and at Ctrl-C, about a tenth of a second."""


def sparse_variance(A: Any, mass: Array, power: int, x: Array, hint: str = "") -> Array:
    """Return the diagonal of (A^{-1} diag(mass))^power A^{-1} from a sparse factor, (n,).

    A progress bar shows with the ``hint`` what takes longer than two seconds.
    """
    a = symmetric_lower("A", A, mass.size)
    inverse = _core.SelectedInverse(a.core, coordinates=x, mass=mass, power=power)
    with Bar(
        True,
        total=round(inverse.work),
        desc=f"pointwise variances{hint}",
        delay=PATIENCE,
        leave=False,
        bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed}<{remaining}",
    ) as bar:
        while (left := inverse.left) > 0:
            inverse.advance(_SLICE)
            bar.update(round(left - inverse.left))
    return np.asarray(inverse.diagonal())
