"""Fields with several components, independent or correlated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._base.scale import column_norms
from .._base.validate import Array, array, integer
from . import _density
from .base import Prior


class VectorPrior(Prior):
    """A field with C components, each a combination of K independent fields.

    theta = (theta_1, ..., theta_C) with theta_c = sum_k mixing[c, k] T_k(xi_k): the linear model of
    coregionalisation. Without ``mixing`` the components are the fields themselves, and independent.

    Parameters
    ----------
    priors : Prior, or sequence of K of them
        All on the same domain, with D parameters each; not necessarily Gaussian. One prior is
        repeated ``components`` times (its factor or spectrum is kept once).
    mixing : array_like, (C, K), optional
        Default: the identity. For one covariance function k and K copies of its prior, the
        covariance of components a and b is (mixing mixing')[a, b] k.
    components : int, optional
        K, if ``priors`` is one prior.

    Attributes
    ----------
    parameters : int
        C D: ``theta.reshape(C, D)`` holds the components one after the other, also
        ``theta.reshape(C, *domain.shape_of(at))`` on a grid.
    components : int
        C.
    priors : tuple of Prior
    mixing : ndarray, (C, K)

    Raises
    ------
    ValueError, TypeError
        No priors, priors with different numbers of parameters or different domains, or with
        components of their own, a mixing of the wrong shape or not finite, components below 1.

    Examples
    --------
    >>> grid = Grid((16, 16))
    >>> prior = VectorPrior(MaternPrior(grid, std=1.0, length=0.3, smoothness=1.0), components=3)

    Source
    ------
    H. Wackernagel, Multivariate Geostatistics (2003), ch. 26.
    """

    def __init__(
        self,
        priors: Prior | Sequence[Prior],
        mixing: ArrayLike | None = None,
        *,
        components: int | None = None,
    ):
        if isinstance(priors, Prior):
            if components is None:
                raise ValueError("components must say how often one prior is repeated, got None")
            self.priors: tuple[Prior, ...] = (priors,) * integer("components", components, 1)
        else:
            if components is not None:
                raise ValueError(
                    f"components must be left out for a sequence of priors, got {components!r}"
                )
            if not isinstance(priors, Sequence):
                raise TypeError(f"priors must be priors, got {type(priors).__name__}")
            self.priors = tuple(priors)
        _check_alike(self.priors)
        count = len(self.priors)
        self.mixing = (
            np.eye(count) if mixing is None else array("mixing", mixing, (None, count)).copy()
        )
        if len(self.mixing) == 0:
            raise ValueError(f"mixing must have at least one row, got shape {self.mixing.shape}")
        first = self.priors[0]
        super().__init__(
            _core.vector_prior([prior.core for prior in self.priors], self.mixing),
            (self.mixing @ np.stack([prior.mean for prior in self.priors])).ravel(),
            first.domain,
            first.at,
            len(self.mixing),
        )

    def marginal_std(self) -> Array:
        std = np.stack([prior.marginal_std() for prior in self.priors])
        scaled = self.mixing[:, :, None] * std  # (C, K, size): the fields are independent
        return column_norms(scaled.transpose(1, 0, 2).reshape(len(std), -1))

    def _density_factor(self) -> _density.Factor:
        first, mixing = self.priors[0], self.mixing
        factors = [prior._factor for prior in self.priors]
        if len(mixing) < len(factors) and all(prior is first for prior in self.priors):
            # only mixing mixing' matters to copies of one field: mixing' = Q R
            mixing = np.asarray(np.linalg.qr(mixing.T, mode="r")).T
            factors = factors[: len(mixing)]
        found = _density.mixed(factors, mixing, first.parameters)
        return super()._density_factor() if found is None else found

    def __repr__(self) -> str:
        return f"VectorPrior({self.components} components, {len(self.priors)} x {self.priors[0]!r})"


def _check_alike(priors: tuple[Prior, ...]) -> None:
    if not priors:
        raise ValueError("priors must hold at least one prior, got none")
    for k, prior in enumerate(priors):
        if not isinstance(prior, Prior):
            raise TypeError(f"priors[{k}] must be a m4dl Prior, got {type(prior).__name__}")
        if prior.components != 1:
            raise ValueError(f"priors[{k}] must have one component, got {prior.components}")
        size, place = priors[0].parameters, (priors[0].domain, priors[0].at)
        if prior.parameters != size:
            raise ValueError(
                f"priors must all have {size} parameters, as the first, "
                f"got {prior.parameters} for priors[{k}]"
            )
        if (prior.domain, prior.at) != place:
            raise ValueError(
                f"priors must all live on {place[0]} at {place[1]}, as the first, "
                f"got {prior.domain} at {prior.at} for priors[{k}]"
            )
