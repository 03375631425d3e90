"""``laplace``: the Gaussian that fits a posterior at its most probable point."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._base import validate
from .._base.fixed import Fixed
from .._base.progress import PATIENCE, Bar
from .._base.scale import column_norms
from .._base.streams import Purpose, derived_seed
from .._base.tell import tell
from .._base.validate import Array
from ..kernels import LowRankMetric
from ..posterior import Posterior, check_posterior
from ._map import MapEstimate, find_map, need_tangent
from ._sketch import Hessian, Sketch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROUNDING = 1e-6
"""Where the data leave less of the prior's variance, its rounding, some 1e-13 of it, would show."""
ROUNDED = 8.0
"""Eigenvalues below this many units in the last place of the largest are rounding."""
CHUNK = 256
"""Solves of the prior at a time."""
FIRST = 32
"""Random directions of the first look at a spectrum whose rank is not given."""


@dataclass(frozen=True, repr=False)
class Laplace(Fixed):
    """N(m, (I + H)^{-1}) in white space, H ~ V diag(lambda) V' the Gauss-Newton Hessian at m.

    Attributes
    ----------
    posterior : Posterior
    xi : (W,) array
        m, in white space.
    eigenvalues : (r,) array
        lambda, descending: the information of the data about a direction, in units of the prior's.
    eigenvectors : (W, r) array
        V, orthonormal columns.
    spectrum : (samples,) array
        All eigenvalues that were seen, with those beyond the rank.
    log_determinant : float
        log det(I + H), up to the eigenvalues beyond the rank.
    expected_information_gain : float
        Half of it, in nats: the expected Kullback-Leibler divergence from prior to posterior, exact
        for linear models.
    map : MapEstimate or None
        How m was found; None if it was given.
    """

    posterior: Posterior
    xi: Array
    eigenvalues: Array
    eigenvectors: Array
    spectrum: Array
    threads: int = field(default=0, compare=False)
    map: MapEstimate | None = None

    @property
    def converged(self) -> bool:
        """False if the search for m gave up."""
        return self.map is None or self.map.converged

    def mean(self) -> Array:
        """Return T(m), (D,): for a Gaussian prior the mean of theta."""
        return self.posterior.prior.push(self.xi, self.threads)

    @cached_property
    def metric(self) -> LowRankMetric:
        """The metric of this Gaussian, for kernels."""
        return LowRankMetric(self.xi, self.eigenvectors, 1.0 / (1.0 + self.eigenvalues))

    @property
    def log_determinant(self) -> float:
        return float(np.log1p(self.eigenvalues).sum())

    @property
    def expected_information_gain(self) -> float:
        return 0.5 * self.log_determinant

    def variance(self) -> Array:
        """Return the pointwise variance of theta, (D,): `std` squared."""
        return self.std() ** 2

    def std(self) -> Array:
        """Return the pointwise standard deviation of theta, (D,).

        Exact for Gaussian priors, linearised at m for others. With v_k the eigenvectors and T' the
        derivative of the prior's map, the variance is sum_k (T' v_k)^2/(1 + lambda_k) and the rest
        of the prior's, ||(I - V V') T'^*||^2. The rest is a difference; where the data leave so
        little that rounding would show, it is computed by a solve of the prior.
        """
        prior = self.posterior.prior
        rows = self.eigenvectors.T
        along = prior.tangent(np.broadcast_to(self.xi, rows.shape), rows)
        if self.rank == self.posterior.white:
            rest = np.zeros(self.posterior.parameters)
        else:
            rest = self._rest(prior.marginal_std(), along)
        return np.asarray(
            np.hypot(rest, column_norms(along / np.sqrt(1.0 + self.eigenvalues)[:, None]))
        )

    def _rest(self, prior_std: Array, along: Array) -> Array:
        """The standard deviation that the prior has beside the eigenvectors, (D,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            # relative to the prior's, so that no square under- or overflows
            share = np.where(prior_std > 0, along / prior_std, 0.0)
        explained = (share**2).sum(axis=0)
        kept = 1.0 - explained + (share**2 / (1.0 + self.eigenvalues)[:, None]).sum(axis=0)
        rest: Array = prior_std * np.sqrt(np.maximum(1.0 - explained, 0.0))
        doubtful = np.flatnonzero((kept < ROUNDING) & (prior_std > 0))
        v = self.eigenvectors
        for first in range(0, len(doubtful), CHUNK):
            which = doubtful[first : first + CHUNK]
            unit = np.zeros((len(which), self.posterior.parameters))
            unit[np.arange(len(which)), which] = 1.0 / prior_std[which]
            at = np.broadcast_to(self.xi, (len(which), len(self.xi)))
            row = self.posterior.prior.pull(at, unit)
            for _ in range(2):  # Gram-Schmidt twice is enough
                row = row - (row @ v) @ v.T
            rest[which] = prior_std[which] * column_norms(row.T)
        return rest

    def draw(self, count: int, seed: int) -> Array:
        """Return ``count`` independent draws of theta, (count, D)."""
        return self.posterior.prior.push(self.draw_white(count, seed), self.threads)

    def draw_white(self, count: int, seed: int) -> Array:
        """Return ``count`` independent draws of white noise xi, (count, W)."""
        count = validate.integer("count", count, 1)
        own_seed = derived_seed(Purpose.LAPLACE_DRAWS, validate.seed_number(seed))
        noise = _core.prior_white_noise(own_seed, count, self.posterior.white)
        shrink = 1.0 / np.sqrt(1.0 + self.eigenvalues) - 1.0
        along = (noise @ self.eigenvectors) * shrink
        return np.asarray(self.xi + noise + along @ self.eigenvectors.T)

    def plot_spectrum(self, ax: Axes | None = None) -> Axes:
        """Draw the eigenvalues, on a logarithmic scale; see :func:`m4dl.plot.spectrum`."""
        from ..plot import spectrum

        return spectrum(self.spectrum, self.rank, ax)

    def __repr__(self) -> str:
        state = "" if self.converged else "MAP NOT CONVERGED, "
        top = f"{self.eigenvalues[0]:.4g} to {self.eigenvalues[-1]:.4g}" if self.rank else "none"
        return (
            f"Laplace({state}rank {self.rank} of {self.posterior.white}, eigenvalues {top}, "
            f"expected information gain {self.expected_information_gain:.4g} nats)"
        )

    @property
    def rank(self) -> int:
        """Number r of eigenpairs."""
        return len(self.eigenvalues)


def laplace(
    posterior: Posterior,
    rank: int | None = None,
    *,
    threshold: float = 0.01,
    most: int | None = None,
    at: MapEstimate | ArrayLike | None = None,
    passes: int = 2,
    oversampling: int = 16,
    seed: int = 0,
    threads: int = 0,
    progress: bool = True,
) -> Laplace:
    """Approximate a posterior by a Gaussian at its most probable point.

    Its precision in white space is I + H, with H = J' Sigma^{-1} J of low rank: the data tell of a
    few directions only. The leading eigenpairs are found by products with random directions, eight
    to a block of lanes, that share one factorisation.

    Parameters
    ----------
    posterior : Posterior
        Its model must have a tangent and an adjoint.
    rank : int, optional
        Number of eigenpairs; at most min(W, data). By default those that reach ``threshold``.
    threshold : float
        Eigenvalues below it are left out when no rank is given: they change a variance by less than
        this share.
    most : int, optional
        No more eigenpairs than this when no rank is given; the time grows like their square. The
        variances of directions beyond them are left at the prior's.
    at : MapEstimate or (W,) array, optional
        The point m in white space; by default that of :func:`find_map`.
    passes : {1, 2}
        2: a basis of the range, then the products with it (Rayleigh-Ritz). 1: Nyström's formula
        from the first products alone, half the solves, less accurate at the end of the spectrum.
    oversampling : int
        Random directions beyond the rank.
    seed : int
        Of the random directions (and of the starts of :func:`find_map`).
    threads : int
        0 is OpenMP's own choice.
    progress : bool
        Show on stderr what takes longer than two seconds.

    Returns
    -------
    Laplace

    Raises
    ------
    ValueError
        A model without a tangent, a rank that is too large, a Hessian that is not finite.

    Warns
    -----
    RuntimeWarning
        If the search for m has not converged, or if the eigenvalues span more than double
        precision.

    Source
    ------
    N. Halko, P. Martinsson, J. Tropp, SIAM Rev. 53 (2011), algorithms 4.1 and 5.3 (two passes); J.
    Tropp, A. Yurtsever, M. Udell, V. Cevher, Fixed-rank approximation of a positive-semidefinite
    matrix from streaming data, NeurIPS 30 (2017), algorithm 3 (one pass); T. Bui-Thanh, O. Ghattas,
    J. Martin, G. Stadler, SIAM J. Sci. Comput. 35 (2013), for the prior-preconditioned Hessian.
    """
    check_posterior(posterior)
    need_tangent("laplace", posterior)
    limit = min(posterior.white, posterior.data.size)
    if rank is not None and validate.integer("rank", rank, 1) > limit:
        raise ValueError(
            f"rank must be at most {limit}, the smaller of {posterior.white} white noises and "
            f"{posterior.data.size} data, got {rank}"
        )
    threshold = validate.positive("threshold", threshold)
    if most is not None:
        if rank is not None:
            raise ValueError(f"most is for a rank that is not given, got rank={rank}")
        limit = min(limit, validate.integer("most", most, 1))
    if validate.integer("passes", passes, 1) > 2:
        raise ValueError(f"passes must be 1 or 2, got {passes}")
    oversampling = validate.integer("oversampling", oversampling, 0)
    threads = validate.thread_count(threads)
    validate.flag("progress", progress)
    found: MapEstimate | None = None
    if at is None:
        found = find_map(
            posterior, seed=validate.seed_number(seed), threads=threads, progress=progress
        )
    elif isinstance(at, MapEstimate):
        found = at
    xi = validate.array("at", at if found is None else found.xi, (posterior.white,))  # type: ignore[arg-type]

    hessian = Hessian(posterior.core, xi, threads)
    sketch = Sketch(
        hessian,
        posterior.white,
        derived_seed(Purpose.LAPLACE_SKETCH, validate.seed_number(seed)),
        passes,
    )
    with Bar(progress, unit="direction", delay=PATIENCE, leave=False) as bar:
        bar.describe("Laplace approximation", f"of at most {limit}")
        if rank is not None:
            sketch.extend(min(rank + oversampling, limit))
            bar.update(sketch.size)
            spectrum, vectors = sketch.eigenpairs()
        else:
            # the smallest value found must lie below the threshold, with the oversampling to spare
            wanted = FIRST
            end = min(limit + oversampling, posterior.white, posterior.data.size)
            while True:
                before = sketch.size
                sketch.extend(min(wanted, end))
                bar.update(sketch.size - before)
                spectrum, vectors = sketch.eigenpairs()
                enough = (spectrum >= threshold).sum() + oversampling <= sketch.size
                if sketch.size == end or enough:
                    break
                wanted = 2 * sketch.size
    kept = min(int((spectrum >= threshold).sum()), limit) if rank is None else rank
    floor = ROUNDED * np.finfo(np.float64).eps * spectrum[0]
    if floor > threshold and spectrum[-1] < floor:
        tell(
            f"the data inform some directions too much better than others: eigenvalues below "
            f"{floor:.2g} are lost in the rounding of the largest, {spectrum[0]:.2g}, and so are "
            "the variances of the directions that they belong to",
            stacklevel=2,
        )
    return Laplace(posterior, xi, spectrum[:kept], vectors[:, :kept], spectrum, threads, found)
