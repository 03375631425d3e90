"""``guarantee``: step size, number of steps and an error bound for unadjusted Langevin."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from .._base import validate
from .._base.streams import Purpose, generator
from .._base.validate import Array
from ..kernels import ULA, DiagonalMetric
from ..modes import MapEstimate, find_map
from ..posterior import Posterior, check_posterior
from . import _curvature
from ._bounds import LangevinGuarantee
from ._curvature import Coordinates
from ._steps import plan_steps
from ._surrogate import AGREES, LogConcaveSurrogate, coordinates, white_noise

MASS = 0.999
"""Share of the Gaussian around the centre that the ball of agreement should hold."""
DRAWS = 4000  # of that Gaussian
CONVEX = 0.25
"""Least curvature within 3 eta/4 that is good enough, in units of that at the centre."""
SHRINK, ATTEMPTS = 0.8, 40
SAFETY = 1.5
"""Factor of the least K that does at the points tried; K grows by it where that is too little."""
GROWTHS = 8


def guarantee(
    posterior: Posterior,
    *,
    centre: MapEstimate | ArrayLike | None = None,
    eta: float | None = None,
    curvature: float | None = None,
    scale: ArrayLike | Literal["posterior"] | None = None,
    precision: float | None = None,
    step_size: float | None = None,
    directions: int = 16,
    seed: int = 0,
    threads: int = 0,
) -> LangevinGuarantee:
    """Plan a run of unadjusted Langevin whose error has a bound.

    The posterior is replaced by a `LogConcaveSurrogate` around its most probable point. If its -log
    density has curvatures between m > 0 and Lambda, and gamma <= 2/(m + Lambda), then

        W_2^2(law of theta_k, surrogate) <= 2 (1 - m gamma/2)^k (|theta_init - theta_max|^2 + D/m)
                                            + b(gamma)/2,
        b(gamma) = 36 (gamma D Lambda^2/m^2 + gamma^2 D Lambda^4/m^3).

    m and Lambda are **estimates**: extremes over Hessians, by differences of gradients, at points
    of the ball where the model counts (2 W gradients each); beyond it they are exact. The bound is
    as good as they are, and far from sharp. Of the posterior itself it speaks as far as that lies
    in the ball in which both agree: ``mass`` estimates its share.

    Parameters
    ----------
    posterior : Posterior
        Its model must have a gradient.
    centre : MapEstimate or (W,) array, optional
        theta_init, as white noise. By default that of :func:`m4dl.find_map`.
    eta : float, optional
        By default the ball of agreement, of radius eta/2, holds 99.9 % of the Gaussian with the
        curvature at theta_init, and eta then shrinks by fifths until the posterior's curvature,
        within 3 eta/4, is nowhere less than a quarter of the least one at theta_init.
    curvature : float, optional
        K. By default 1.5 times the least one that keeps, at the points tried, the curvature m in
        the transition zone.
    scale : (W,) array or "posterior", optional
        s_k of the coordinates theta_k = s_k xi_k; see `LogConcaveSurrogate`. The bound is in their
        norm. "posterior" takes the reciprocal standard deviations, in white space, of the Gaussian
        at theta_init: its ball is no longer many of them wide in one direction and few in another,
        so it holds more of the posterior, and m and Lambda are closer.
    precision : float, optional
        Wasserstein-2 distance to reach. By default half of ``spread``; with ``step_size`` half
        of its square for what the start leaves, and the bias.
    step_size : float, optional
        gamma. By default the largest one for which the bias takes half of precision^2.
    directions : int
        Along which curvatures are estimated, at some twenty distances each: the softest and the
        stiffest at theta_init, forth and back, and random ones.
    seed : int
        Of these, and of the draws that estimate ``mass``.
    threads : int
        0 is OpenMP's own choice.

    Returns
    -------
    LangevinGuarantee

    Raises
    ------
    ValueError
        A model with no gradient; a prior in no series coordinates without ``scale``; a -log
        posterior that is not convex around theta_init, or a surrogate that is not, with the K that
        would do; a step size above 2/(m + Lambda) or too large for the precision.

    Source
    ------
    R. Nickl, S. Wang, J. Eur. Math. Soc. 26 (2024), section 3, after A. Durmus,
    E. Moulines, High-dimensional Bayesian inference via the unadjusted Langevin algorithm,
    Bernoulli 25 (2019).
    """
    check_posterior(posterior)
    if isinstance(posterior, LogConcaveSurrogate):
        raise TypeError("posterior must be a plain Posterior, got a LogConcaveSurrogate")
    if not posterior.core.has_gradient:
        raise ValueError(
            f"langevin.guarantee needs a gradient, and {type(posterior.model).__name__} was given "
            "none"
        )
    if isinstance(scale, str):
        validate.choice("scale", scale, ("posterior",))
        s = np.ones(posterior.white)
    else:
        s = coordinates(posterior.prior, scale)
    radius = None if eta is None else validate.positive("eta", eta)
    k = None if curvature is None else validate.positive("curvature", curvature)
    precision = None if precision is None else validate.positive("precision", precision)
    step_size = None if step_size is None else validate.positive("step_size", step_size)
    count = validate.integer("directions", directions, 1)
    rng = generator(Purpose.LANGEVIN, validate.seed_number(seed))
    threads = validate.thread_count(threads)
    if centre is None and not posterior.core.has_tangent:
        raise ValueError(
            f"centre must be given: {type(posterior.model).__name__} has no tangent, and find_map "
            "needs one"
        )
    xi = white_noise(
        "centre",
        find_map(posterior, threads=threads) if centre is None else centre,
        posterior.white,
    )
    of = Coordinates(posterior, xi, s, threads)
    # differences over a thousandth of a standard deviation of the prior at most
    hessian = of.hessians(posterior.core, xi[None], float(s.min()))[0]
    if isinstance(scale, str):
        s = 1 / np.sqrt(np.diag(_inverse(hessian)))
        of, hessian = replace(of, scale=s), hessian / np.outer(s, s)
    noise = rng.standard_normal((DRAWS, len(s)))
    covariance = _inverse(hessian)
    softest = float(np.linalg.eigvalsh(hessian)[0])
    away = np.linalg.norm(noise @ np.linalg.cholesky(covariance).T, axis=1)
    reach = float(np.quantile(away, MASS))
    along = _curvature.directions(of, hessian, count, reach, rng)
    surrogate = _surrogate(of, radius, k, along, softest, reach)
    fresh = _curvature.directions(of, hessian, count, reach, rng)
    found = _curvature.extremes(of, surrogate, fresh, rng)
    for _ in range(GROWTHS if k is None else 0):  # the search may have found what samples had not
        if found.least > 0 or found.where <= _curvature.CUTOFF:
            break
        surrogate = _with_curvature(surrogate, SAFETY * surrogate.curvature)
        found = _curvature.extremes(of, surrogate, fresh, rng)
    if found.least <= 0:
        needed = _curvature.needed_curvature(of, surrogate.eta, along, CONVEX * softest)
        raise ValueError(
            "the surrogate is not log-concave: the least curvature of its -log density is "
            f"{found.least:.4g}, at {found.where:.3f} eta from the centre; curvature must be about "
            f"{SAFETY * needed:.4g}, got {surrogate.curvature:.4g}"
        )
    here = of.gradient(posterior.core, xi[None])[0]
    distance = float(np.linalg.norm(here)) / found.least
    spread = math.sqrt(float(np.trace(covariance)))
    gamma, steps, reached = plan_steps(
        found.least, found.largest, len(s), distance, spread, precision, step_size
    )
    return LangevinGuarantee(
        posterior=surrogate,
        kernel=ULA(gamma, metric=DiagonalMetric(s**-2.0)),
        start=xi,
        iterations=steps,
        precision=reached,
        convexity=found.least,
        lipschitz=found.largest,
        distance=distance,
        spread=spread,
        mass=float((away <= AGREES * surrogate.eta).mean()),
        points=found.points,
        gradients=of.gradients,
        theory=_theory(posterior),
    )


def _inverse(hessian: Array) -> Array:
    """The covariance of the Gaussian at theta_init."""
    softest = float(np.linalg.eigvalsh(hessian)[0])
    if softest <= 0:
        raise ValueError(
            "the -log posterior must be convex at the centre, but its least curvature there is "
            f"{softest:.4g}: pass the most probable point"
        )
    return np.asarray(np.linalg.inv(hessian))


def _surrogate(
    of: Coordinates,
    eta: float | None,
    curvature: float | None,
    along: Array,
    softest: float,
    ball: float,
) -> LogConcaveSurrogate:
    """Choose what is not given."""
    first, attempts = (ball / AGREES, ATTEMPTS) if eta is None else (eta, 1)
    wanted = CONVEX * softest
    radius, lowest = _curvature.convex_radius(of, first, along, wanted, SHRINK, attempts)
    if lowest <= 0:
        raise ValueError(
            "the -log posterior must be convex within 3 eta/4 of the centre, but its least "
            f"curvature there is {lowest:.4g} for eta = {radius:.4g}; take a smaller eta"
        )
    if curvature is None:
        needed = _curvature.needed_curvature(of, radius, along, min(lowest, softest))
        # beyond the transition zone the curvature is at least 4 K/7
        curvature = max(SAFETY * needed, 2 * softest)
    return LogConcaveSurrogate(
        of.posterior, centre=of.centre, eta=radius, curvature=curvature, scale=of.scale
    )


def _with_curvature(s: LogConcaveSurrogate, curvature: float) -> LogConcaveSurrogate:
    return LogConcaveSurrogate(
        s.original, centre=s.centre, eta=s.eta, curvature=curvature, scale=s.scale
    )


def _theory(posterior: Posterior) -> dict[str, float]:
    """eta and K for the Schroedinger equation; N counts data with noise of standard deviation 1."""
    count = float((posterior.noise.expand(posterior.model.outputs) ** -2.0).sum())
    if posterior.domain is None or count <= math.e:
        return {}
    d, size, log = posterior.domain.dim, posterior.white, math.log(count)
    return {"eta": size ** (-4 / d) / log, "curvature": count * size ** (8 / d) * log**3}
