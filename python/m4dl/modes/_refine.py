"""The Laplace metric, corrected by a short run: the mean is not the mode, nor the curvature the
covariance."""

from __future__ import annotations

import numpy as np

from .._base import validate
from .._base.streams import Purpose, derived_seed
from ..kernels import HMC, LowRankMetric
from ._drawn_starts import DrawnStarts
from ._laplace import Laplace

PER_DIRECTION = 10
"""Fewest draws of a pilot run, all chains together, for each direction whose variance it learns."""


def refined_metric(
    fit: Laplace,
    *,
    seed: int,
    draws: int = 512,
    warmup: int = 128,
    chains: int = 8,
    widen: float = 1.2,
    threads: int = 0,
) -> LowRankMetric:
    """Correct the metric of a Laplace approximation by the draws of a short HMC run.

    In the directions of ``fit.eigenvectors``, which stay, centre and covariance become those of the
    draws; the others stay the prior's around the mode. pCN gains most: it moves around the centre,
    and the most probable point of a curved posterior can lie many standard deviations off its mean.

    Parameters
    ----------
    fit : Laplace
        Of the posterior; its rank is the number of directions.
    seed : int
        Of the run, whose random numbers are not those of :func:`m4dl.sample` with this seed.
    draws, warmup : int
        Trajectories of each chain that count, and before them.
    chains : int
    widen : float
        Factor of the variances. pCN with long steps is almost an independence sampler, which stays
        for long where its proposals are rarer than the posterior: it wants more than 1, HMC and
        MALA want 1.
    threads : int
        0 is OpenMP's own choice.

    Returns
    -------
    LowRankMetric

    Raises
    ------
    ValueError
        Fewer than ten draws, all chains together, for each direction; a run that does not move.

    Source
    ------
    A metric from the draws of all chains, as in H. Haario, E. Saksman, J. Tamminen, Bernoulli 7
    (2001), but found once and then fixed, and in the likelihood-informed directions alone: T. Cui,
    K. Law, Y. Marzouk, J. Comput. Phys. 304 (2016), section 3.
    """
    if not isinstance(fit, Laplace):
        raise TypeError(f"fit must be a m4dl Laplace, got {type(fit).__name__}")
    seed = derived_seed(Purpose.PILOT_RUN, validate.seed_number(seed))
    draws = validate.integer("draws", draws, 1)
    warmup = validate.integer("warmup", warmup, 0)
    chains = validate.integer("chains", chains, 1)
    widen = validate.positive("widen", widen)
    threads = validate.thread_count(threads)
    if draws * chains < PER_DIRECTION * fit.rank:
        raise ValueError(
            f"draws times chains must be at least {PER_DIRECTION * fit.rank}, {PER_DIRECTION} for "
            f"each of {fit.rank} directions, got {draws} times {chains}"
        )
    if fit.rank == 0:
        return fit.metric
    kernel, reference = HMC(metric=fit.metric), fit.metric.reference(fit.posterior.white)
    draw = DrawnStarts(fit.posterior, kernel, chains, seed, threads)
    start, _ = draw("Laplace approximation", lambda noise: np.asarray(reference.push(noise)))
    run = kernel.start(fit.posterior.core, chains, seed, start, threads)
    run.adapting = True
    run.advance(warmup)
    run.adapting = False
    along = np.empty((draws, chains, fit.rank))
    for k in range(draws):
        run.advance(1)
        along[k] = np.asarray(run.state()["xi"]) @ fit.eigenvectors
    # z has unit variance for the Gaussian of the fit
    flat = along.reshape(-1, fit.rank) / np.sqrt(1.0 + fit.eigenvalues)
    covariance = np.atleast_2d(np.cov(flat.T))
    variance, turn = np.linalg.eigh(covariance)
    if not variance[0] > 0.0:
        acceptance = float(np.mean(run.report()["accepted"])) / (draws + warmup)
        raise ValueError(
            f"the pilot run did not move in all {fit.rank} directions: mean acceptance "
            f"{acceptance:.3g}; take a longer warmup"
        )
    basis = np.linalg.qr(fit.eigenvectors @ turn)[0]
    return LowRankMetric(fit.xi + fit.eigenvectors @ flat.mean(axis=0), basis, widen * variance)
