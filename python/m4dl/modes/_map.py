"""``find_map``: the most probable white noise, by inexact Gauss-Newton from several starts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._base import validate
from .._base.fixed import Fixed
from .._base.progress import PATIENCE, Bar
from .._base.streams import Purpose, derived_seed
from .._base.tell import tell
from .._base.validate import Array
from ..posterior import Posterior, check_posterior
from ._search import Search


@dataclass(frozen=True, repr=False)
class MapEstimate(Fixed):
    """The most probable point that :func:`find_map` found, and how each start ended.

    Attributes
    ----------
    xi : (W,) array
        White noise that minimises Phi(xi) + |xi|^2/2.
    theta : (D,) array
        Its field, T(xi).
    objective : float
        Phi(xi) + |xi|^2/2.
    gradient_norm : float
        |grad Phi(xi) + xi|.
    distance : float
        At most so many posterior standard deviations from the minimum, where the Gauss-Newton
        Hessian H is the Hessian: sqrt(g' (I + H)^{-1} g) for the gradient g, or |g|, which is more,
        where that is small enough.
    converged : bool
        The distance has reached the tolerance.
    iterations, solves : int
        Gauss-Newton iterations of the best start; linear solves of all starts together (a forward,
        an adjoint or a tangent solve of one row each counts one).
    objectives, gradient_norms, distances : (starts,) arrays
        Where each start ended; infinite where the potential was not finite.
    start_iterations : (starts,) array of int
    minima, minima_objectives : (n, W) and (n,) arrays
        The different minima (a start may end at a saddle, too) where starts have converged, the
        lowest first; ``xi`` alone if none has. Several are several modes, and chains that start at
        one know nothing of the others.
    """

    xi: Array
    theta: Array
    objective: float
    gradient_norm: float
    distance: float
    converged: bool
    iterations: int
    solves: int
    objectives: Array = field(compare=False)
    gradient_norms: Array = field(compare=False)
    distances: Array = field(compare=False)
    start_iterations: NDArray[np.int64] = field(compare=False)
    minima: Array = field(compare=False)
    minima_objectives: Array = field(compare=False)

    def __repr__(self) -> str:
        state = "converged" if self.converged else "NOT CONVERGED"
        others = np.delete(self.objectives, int(np.argmin(self.objectives)))
        text = f", the other starts {np.round(np.sort(others), 3).tolist()}" if others.size else ""
        return (
            f"MapEstimate({state}, objective {self.objective:.6g}{text}, "
            f"gradient norm {self.gradient_norm:.2g}, {self.iterations} iterations, "
            f"{self.solves} solves)"
        )


def find_map(
    posterior: Posterior,
    *,
    starts: int | ArrayLike = 8,
    seed: int = 0,
    tolerance: float = 1e-5,
    max_iterations: int = 50,
    threads: int = 0,
    progress: bool = True,
) -> MapEstimate:
    """Find the most probable white noise: the minimum of Phi(xi) + |xi|^2/2.

    Several starts ride in the lanes of one block, each with its own steps: inexact Gauss-Newton,
    whose systems are solved by conjugate gradients no further than the nonlinearity is worth, with
    a backtracking line search. The lowest minimum wins.

    Parameters
    ----------
    posterior : Posterior
        Its model must have a tangent and an adjoint.
    starts : int or (W,) or (starts, W) array
        How many (the prior mean, then draws of the prior; eight cost as much as one), or white
        noise of your own.
    seed : int
        Of the draws of the prior.
    tolerance : float
        A start has converged when the norm of its gradient, in white space, is at most this; or,
        where rounding does not let the norm sink so far, when its distance to the minimum is. Data
        of many digits, in units of the noise, do not let even that: 16 units in their last place
        are enough then.
    max_iterations : int
    threads : int
        0 is OpenMP's own choice.
    progress : bool
        Show on stderr what takes longer than two seconds: iterations, and the smallest gradient.

    Returns
    -------
    MapEstimate

    Raises
    ------
    ValueError
        A model without a tangent, or a potential that is finite at no start.

    Warns
    -----
    RuntimeWarning
        If the best start has not converged.

    Source
    ------
    S. Eisenstat, H. Walker, Choosing the forcing terms in an inexact Newton method, SIAM J. Sci.
    Comput. 17 (1996), choice 2; T. Steihaug, SIAM J. Numer. Anal. 20 (1983), for the inner
    iteration; N. Petra, J. Martin, G. Stadler, O. Ghattas, SIAM J. Sci. Comput. 36 (2014), for the
    prior-preconditioned Gauss-Newton Hessian.
    """
    check_posterior(posterior)
    need_tangent("find_map", posterior)
    tolerance = validate.positive("tolerance", tolerance)
    most = validate.integer("max_iterations", max_iterations, 1)
    threads = validate.thread_count(threads)
    validate.flag("progress", progress)
    xi = _starts(starts, seed, posterior.white)
    with Bar(progress, unit="solve", unit_scale=True, delay=PATIENCE, leave=False) as bar:
        search = Search(posterior, xi, tolerance, threads, bar)
        while search.busy.any() and search.iteration < most:
            search.iterate()
    best = search.best()
    if not np.isfinite(search.objective[best]):
        raise ValueError(
            f"the potential is finite at none of the {len(xi)} starts: the solve fails there; "
            "pass starts= where it does not, or check the model at the prior mean"
        )
    minima = search.minima(best)
    result = MapEstimate(
        xi=search.xi[best],
        theta=posterior.prior.push(search.xi[best], threads),
        objective=float(search.objective[best]),
        gradient_norm=float(search.norm[best]),
        distance=float(search.distance[best]),
        converged=bool(search.distance[best] <= search.tolerance),
        iterations=int(search.iterations[best]),
        solves=search.solves,
        objectives=search.objective,
        gradient_norms=search.norm,
        distances=search.distance,
        start_iterations=search.iterations,
        minima=search.xi[minima],
        minima_objectives=search.objective[minima],
    )
    if not result.converged:
        tell(
            f"MAP not converged: gradient norm {result.gradient_norm:.3g} after "
            f"{result.iterations} iterations (at most {tolerance:g} wanted), "
            f"{result.distance:.3g} posterior standard deviations or less from the minimum. "
            + search.advice(best),
            stacklevel=2,
        )
    return result


def need_tangent(name: str, posterior: Posterior) -> None:
    """Refuse a model without the derivatives that Gauss-Newton needs."""
    if not posterior.core.has_tangent:
        raise ValueError(
            f"{name} needs a model with adjoint and tangent, and {type(posterior.model).__name__} "
            "has no tangent: sample with start='prior', or write the equation as AffineElliptic"
        )


def _starts(starts: int | ArrayLike, seed: int, white: int) -> Array:
    if isinstance(starts, int | np.integer) and not isinstance(starts, bool):
        count = validate.integer("starts", starts, 1)
        seed = validate.seed_number(seed)
        xi = np.zeros((count, white))
        if count > 1:
            own = derived_seed(Purpose.MAP_STARTS, seed)
            xi[1:] = _core.prior_white_noise(own, count - 1, white)
        return xi
    given, _ = validate.rows("starts", starts, white)
    if given.shape[0] == 0:
        raise ValueError(f"starts must hold at least one start, got shape {np.shape(starts)}")
    return given.copy()
