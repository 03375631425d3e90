"""N(mean, cov) with a dense or diagonal covariance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._base.validate import Array, array
from ..domains import Mesh
from . import _density
from .base import Prior


class GaussianPrior(Prior):
    """N(mean, cov) with a dense or diagonal covariance.

    Parameters
    ----------
    mean : float or array_like, (D,)
    cov : float or array_like, (D,) or (D, D)
        The same variance for all, variances, or a positive definite matrix.
    domain, at : optional
        Where theta lives, for plots.
    names : sequence of D str, optional
        What the parameters are called, in summaries, pictures and `Draws.to_arviz`.

    Attributes
    ----------
    mode_std : ndarray, (D,) or None
        Standard deviations, theta = mean + mode_std * xi; None for a dense covariance.
    """

    def __init__(
        self,
        mean: float | ArrayLike,
        cov: float | ArrayLike,
        *,
        domain: Mesh | None = None,
        at: str | None = None,
        names: Sequence[str] | None = None,
    ):
        m, c = array("mean", mean), array("cov", cov)
        if m.ndim > 1 or c.ndim > 2:
            raise ValueError(
                f"mean must have shape (D,) and cov (D,) or (D, D), got {m.shape} and {c.shape}"
            )
        if m.ndim == 0 and c.ndim == 0:
            raise ValueError("mean or cov must be an array, to say how many parameters there are")
        size = m.size if m.ndim else len(c)
        if size == 0:
            raise ValueError("mean and cov must not be empty, got no parameters")
        if c.ndim and c.shape != (size,) * c.ndim:
            raise ValueError(f"cov must have shape {(size,) * c.ndim}, got {c.shape}")
        m = np.array(np.broadcast_to(m, (size,)))
        if c.ndim == 2:
            factor = self._keep("factor", lambda: _cholesky(c))
            super().__init__(_core.dense_prior(m, factor), m, domain, at, names=names)
            self.mode_std: Array | None = None
        else:
            if not (c > 0).all():
                raise ValueError(f"cov must be positive, got {c[c <= 0].flat[0]}")
            std = np.broadcast_to(np.sqrt(c), (size,)).copy()
            super().__init__(_core.diagonal_prior(m, std), m, domain, at, names=names)
            self.mode_std = std
        self.__dict__.pop("_kept", None)  # the compiled prior has it

    def _density_factor(self) -> _density.Factor:
        if self.mode_std is not None:
            return _density.diagonal(self.mode_std)
        return _density.triangular(self.kept()["factor"])

    def kept(self) -> dict[str, Any]:
        """Return what a pickle is to hold besides the arguments: Cholesky's factor L."""
        if self.mode_std is not None:
            return {}
        # L' e_i is row i of L, to the bit
        size = self.parameters
        return {"factor": self.pull(np.zeros((size, size)), np.eye(size))}


def _cholesky(cov: Array) -> Array:
    gap = np.abs(cov - cov.T).max()
    if gap > 1e-10 * np.abs(cov).max():
        raise ValueError(f"cov must be symmetric, got an asymmetry of {gap:g}")
    try:
        return np.ascontiguousarray(np.linalg.cholesky(cov))
    except np.linalg.LinAlgError as error:
        lowest = np.linalg.eigvalsh(cov)[0]
        raise ValueError(
            f"cov must be positive definite, its smallest eigenvalue is {lowest:g}"
        ) from error
