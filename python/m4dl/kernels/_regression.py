"""A metric from draws and the predictions there: a linear model, fitted within chains."""

from __future__ import annotations

import numpy as np

from .._base.validate import Array
from ..results import diagnostics
from ._metrics import LowRankMetric
from ._ridge import fitted_slope
from ._svd import thin_svd

SMALLEST_INFORMATION = 0.1
"""Information of the data, in the prior's, below which a direction is left to the prior."""
PRIOR_DRAWS = 10.0
"""Draws, and as many as there are directions, that the fitted linear model is worth."""
WIDEN, WIDEST = 1.2, 4.0


def learned_metric(
    draws: Array, predictions: Array, data: Array, precision: Array, acceptance: float = 1.0
) -> LowRankMetric:
    """Return the metric of a posterior, from draws of it that need not have explored it.

    A linear model is fitted to the predictions at the draws, by ridge regression; the Gaussian
    posterior of that model gives the directions that data inform, where the mean is and the
    variances are. It is exact for linear models as soon as the draws span white space. In those
    directions mean and covariance are then corrected by those of the draws, the more so the more
    effective draws there are. The others are left to the prior.

    Parameters
    ----------
    draws : (chains, n, W) array
        White noise.
    predictions : (chains, n, m) array
        Of the model there; finite.
    data, precision : (m,) arrays
        And 1/std^2 of their noise.
    acceptance : float
        The variances are wider by the factor ``acceptance**(-4/r**2)``, from `WIDEN` to `WIDEST`,
        r the number of directions, but no wider than the prior's for it. In one or two directions
        independent proposals from so wide a Gaussian are accepted about so often, and in many it
        would be seldom. At 1 they stay.

    Source
    ------
    Derivatives by regression over an ensemble: Y. Chen, D. Oliver, Levenberg-Marquardt forms of the
    iterative ensemble smoother, Comput. Geosci. 17 (2013); covariance from the draws of all chains:
    H. Haario, E. Saksman, J. Tamminen, Bernoulli 7 (2001).
    """
    white, root = draws.shape[2], np.sqrt(precision)
    scaled, data = _spanned(predictions * root, data * root)
    slope = fitted_slope(draws, scaled)
    here, there = draws.mean(axis=(0, 1)), scaled.mean(axis=(0, 1))
    directions, singular, _ = thin_svd(slope.T)
    information = singular**2
    keep = information > SMALLEST_INFORMATION
    if not keep.any():
        return LowRankMetric(np.zeros(white), np.zeros((white, 0)), np.zeros(0))
    basis, deviation = directions[:, keep], 1.0 / np.sqrt(1.0 + information[keep])
    # the mean of N(0, I) given data = there + slope (xi - here) + noise, in the basis
    misfit = slope.T @ (data - there + slope @ here)
    centre = deviation**2 * (basis.T @ misfit)
    # z has mean 0 and covariance I if the model is linear
    along = (draws @ basis - centre) / deviation
    size = _effective(along)
    mean, rank = along.mean(axis=(0, 1)), len(deviation)
    flat = (along - mean).reshape(-1, rank)
    count, doubt = float(np.median(size)), PRIOR_DRAWS + rank
    covariance = (count * (flat.T @ flat) / len(flat) + doubt * np.eye(rank)) / (count + doubt)
    shift = size / (size + doubt) * mean
    variance, turn = np.linalg.eigh(deviation[:, None] * covariance * deviation)
    basis_now = np.linalg.qr(basis @ turn)[0]
    return LowRankMetric(
        basis @ (centre + deviation * shift), basis_now, _widened(variance, acceptance)
    )


def _spanned(predictions: Array, data: Array) -> tuple[Array, Array]:
    """Coordinates of both in the span of the predictions, where these are fewer than data.

    The coordinates are orthonormal, and slopes of predictions lie in the span.
    """
    flat = predictions.reshape(-1, len(data))
    if len(flat) >= len(data):
        return predictions, data
    basis = np.linalg.qr(flat.T)[0]
    return predictions @ basis, data @ basis


def _widened(variance: Array, acceptance: float) -> Array:
    """Variances for proposals whose tails must not be lighter than those of a posterior."""
    if acceptance == 1.0:
        return variance
    factor = np.clip(acceptance ** (-4.0 / len(variance) ** 2), WIDEN, WIDEST)
    widened: Array = np.minimum(factor * variance, np.maximum(1.0, variance))
    return widened


def _effective(draws: Array) -> Array:
    """Effective draws of mean and variance, the fewer; at least one."""
    sizes = [np.atleast_1d(diagnostics.ess(x, "mean")) for x in (draws, draws**2)]
    out: Array = np.maximum(np.nan_to_num(np.minimum(*sizes), nan=1.0), 1.0)
    return out
