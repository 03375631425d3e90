"""``find_map``: the most probable white noise, by inexact Gauss-Newton from several starts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core, _validate
from ._fixed import Fixed
from ._streams import Purpose, derived_seed
from ._validate import Array
from .posterior import Posterior, check_posterior

ARMIJO = 1e-4
HALVINGS = 30
ROUNDING = 1e-12
"""Differences of the objective below this share of it are rounding, and decide nothing."""


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
        |grad Phi(xi) + xi|. As I + Hessian is at least I, the distance to the minimum is at most
        this many posterior standard deviations, where the Gauss-Newton Hessian is the Hessian.
    converged : bool
        The gradient norm has reached the tolerance.
    iterations, solves : int
        Gauss-Newton iterations of the best start; linear solves of all starts together (a forward,
        an adjoint or a tangent solve of one row each counts one).
    objectives, gradient_norms : (starts,) arrays
        Where each start ended; infinite where the potential was not finite.
    start_iterations : (starts,) array of int
    """

    xi: Array
    theta: Array
    objective: float
    gradient_norm: float
    converged: bool
    iterations: int
    solves: int
    objectives: Array = field(compare=False)
    gradient_norms: Array = field(compare=False)
    start_iterations: NDArray[np.int64] = field(compare=False)

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
        A start has converged when the norm of its gradient, in white space, is at most this.
    max_iterations : int
    threads : int
        0 is OpenMP's own choice.

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
    tolerance = _validate.positive("tolerance", tolerance)
    most = _validate.integer("max_iterations", max_iterations, 1)
    threads = _validate.thread_count(threads)
    xi = _starts(starts, seed, posterior.white)
    search = _Search(posterior, xi, tolerance, threads)
    while search.busy.any() and search.iteration < most:
        search.iterate()
    best = search.best()
    if not np.isfinite(search.objective[best]):
        raise ValueError(
            f"the potential is finite at none of the {len(xi)} starts: the solve fails there; "
            "pass starts= where it does not, or check the model at the prior mean"
        )
    result = MapEstimate(
        xi=search.xi[best],
        theta=posterior.prior.push(search.xi[best], threads),
        objective=float(search.objective[best]),
        gradient_norm=float(search.norm[best]),
        converged=bool(search.norm[best] <= tolerance),
        iterations=int(search.iterations[best]),
        solves=search.solves,
        objectives=search.objective,
        gradient_norms=search.norm,
        start_iterations=search.iterations,
    )
    if not result.converged:
        warnings.warn(not_converged(result, tolerance), RuntimeWarning, stacklevel=2)
    return result


def not_converged(found: MapEstimate, tolerance: float) -> str:
    """Say what happened and what to do."""
    return (
        f"MAP not converged: gradient norm {found.gradient_norm:.3g} after {found.iterations} "
        f"iterations (at most {tolerance:g} wanted). More max_iterations may help; a line search "
        "that cannot descend means a derivative that does not fit (m4dl.testing.check_derivatives)"
    )


def need_tangent(name: str, posterior: Posterior) -> None:
    """Refuse a model without the derivatives that Gauss-Newton needs."""
    if not posterior.core.has_tangent:
        raise ValueError(
            f"{name} needs a model with adjoint and tangent, and {type(posterior.model).__name__} "
            "has no tangent: sample with start='prior', or write the equation as AffineElliptic"
        )


class _Search:
    """All starts at once, in the lanes of a batch; those that have ended stay where they are."""

    def __init__(self, posterior: Posterior, xi: Array, tolerance: float, threads: int) -> None:
        self.core, self.tolerance, self.threads = posterior.core, tolerance, threads
        self.xi, count = xi, len(xi)
        self.objective, self.norm = np.full(count, np.inf), np.full(count, np.inf)
        self.iterations = np.zeros(count, dtype=np.int64)
        self.forcing = np.full(count, 0.5)
        self.busy = np.ones(count, dtype=bool)
        self.iteration = self.solves = 0
        self._linearise()

    def iterate(self) -> None:
        """Take one Gauss-Newton step in each row that is busy."""
        self.iterations += self.busy
        self.iteration += 1
        self.busy &= self._line_search(self._solve())
        self._linearise()

    def _linearise(self) -> None:
        """Evaluate objective and gradient, and find the rows that have converged or failed."""
        self.at = _core.Linearised(self.core, self.xi, self.threads)
        self.solves += 2 * int(self.busy.sum())
        self.gradient = np.asarray(self.at.gradient) + self.xi
        norm = np.sqrt((self.gradient**2).sum(axis=1))
        value = np.asarray(self.at.phi) + 0.5 * (self.xi**2).sum(axis=1)
        fine = np.isfinite(value) & np.isfinite(norm)
        # Choice 2 of Eisenstat and Walker with gamma = 0.9, exponent 2 and their safeguard; no
        # system is solved further than the tolerance asks for.
        with np.errstate(invalid="ignore", divide="ignore"):
            eta = 0.9 * (norm / self.norm) ** 2  # 0 at the start, where norm was infinite
            guard = 0.9 * self.forcing**2
            eta = np.maximum(eta, np.where(guard > 0.1, guard, 0.3 * self.tolerance / norm))
        self.forcing = np.where(np.isfinite(self.norm) & fine, np.minimum(eta, 0.5), 0.5)
        self.objective, self.norm = np.where(fine, value, np.inf), np.where(fine, norm, np.inf)
        self.busy &= fine & (norm > self.tolerance)

    def _solve(self) -> Array:
        """Solve (I + H) p = -gradient by conjugate gradients, each row to its own forcing term."""
        p, r = np.zeros_like(self.xi), -self.gradient
        d, rr = r.copy(), (r**2).sum(axis=1)
        for _ in range(r.shape[1]):
            open_ = self.busy & (np.sqrt(rr) > self.forcing * self.norm)
            if not open_.any():
                break
            product = d + np.asarray(self.at.product(np.where(open_[:, None], d, 0.0)))
            self.solves += 2 * int(open_.sum())
            with np.errstate(invalid="ignore", divide="ignore"):
                a = np.where(open_, rr / (d * product).sum(axis=1), 0.0)[:, None]
                p, r = p + a * d, r - a * product
                new = (r**2).sum(axis=1)
                d = np.where(open_[:, None], r + (new / rr)[:, None] * d, d)
            rr = new
        return p

    def _line_search(self, step: Array) -> NDArray[np.bool_]:
        """Halve the steps until Armijo's condition holds; say in which rows it came to hold."""
        slope = (self.gradient * step).sum(axis=1)
        wanted = self.busy & (slope < 0.0)
        moved = np.zeros(len(step), dtype=bool)
        length = 1.0
        for _ in range(HALVINGS):
            if not (open_ := wanted & ~moved).any():
                break
            there = np.where(open_[:, None], self.xi + length * step, self.xi)
            value = np.asarray(self.core.phi(there, self.threads)) + 0.5 * (there**2).sum(axis=1)
            self.solves += int(open_.sum())
            least = self.objective + ARMIJO * length * slope + ROUNDING * np.abs(self.objective)
            enough = open_ & (value <= least)  # NaN compares false
            self.xi = np.where(enough[:, None], there, self.xi)
            moved |= enough
            length /= 2.0
        return moved

    def best(self) -> int:
        """Return the start with the lowest objective; among equals, the best converged."""
        low = self.objective.min()
        near = np.flatnonzero(self.objective <= low + 1e-6 * max(1.0, abs(low)))
        return int(near[np.argmin(self.norm[near])]) if near.size else 0


def _starts(starts: int | ArrayLike, seed: int, white: int) -> Array:
    if isinstance(starts, int | np.integer) and not isinstance(starts, bool):
        count = _validate.integer("starts", starts, 1)
        if _validate.integer("seed", seed, 0) >= 2**64:
            raise ValueError(f"seed must be below 2**64, got {seed}")
        xi = np.zeros((count, white))
        if count > 1:
            own = derived_seed(Purpose.MAP_STARTS, seed)
            xi[1:] = _core.prior_white_noise(own, count - 1, white)
        return xi
    given, _ = _validate.rows("starts", starts, white)
    if given.shape[0] == 0:
        raise ValueError(f"starts must hold at least one start, got shape {np.shape(starts)}")
    return given.copy()
