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

ARMIJO = 1e-4
HALVINGS = 30
ROUNDING = 1e-12
"""Differences of the objective below this share of it are rounding, and decide nothing."""
UNITS = 16.0
"""Units in the last place by which predictions may be off."""
APART = 0.1
"""Prior standard deviations by which minima differ, at least: ends in one valley are as close as
the tolerance, for no posterior standard deviation is larger than the prior's."""


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
        search = _Search(posterior, xi, tolerance, threads, bar)
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


class _Search:
    """All starts at once, in the lanes of a batch; those that have ended stay where they are."""

    def __init__(
        self, posterior: Posterior, xi: Array, tolerance: float, threads: int, bar: Bar
    ) -> None:
        self.core, self.threads, self.bar = posterior.core, threads, bar
        # the gradient is J' Sigma^{-1/2} times a residual in units of the noise: rounded by delta,
        # it moves the minimum by at most |delta| posterior standard deviations
        whitened = posterior.data / posterior.noise.expand(posterior.data.size)
        self.rounding = UNITS * np.finfo(np.float64).eps * float(np.linalg.norm(whitened))
        self.wanted, self.tolerance = tolerance, max(tolerance, self.rounding)
        self.xi, count = xi, len(xi)
        self.distance = np.full(count, np.inf)
        self.stiffness = np.ones(count)  # the largest Rayleigh quotient of I + H that was seen
        self.objective, self.norm = np.full(count, np.inf), np.full(count, np.inf)
        self.iterations = np.zeros(count, dtype=np.int64)
        self.forcing = np.full(count, 0.5)
        self.busy = np.ones(count, dtype=bool)
        self.iteration = self.solves = 0
        self._linearise()

    def iterate(self) -> None:
        """Take one Gauss-Newton step in each row that is busy."""
        self.bar.describe(
            f"most probable point, iteration {self.iteration + 1}",
            f"{int(self.busy.sum())} of {len(self.xi)} starts, gradient norm {self.norm.min():.2g}",
        )
        step = self._solve()
        self.busy &= self.distance > self.tolerance
        self.iterations += self.busy
        self.iteration += 1
        self.busy &= self._line_search(step)
        self._linearise()

    def _linearise(self) -> None:
        """Evaluate objective and gradient, and find the rows that have converged or failed."""
        self.at = _core.Linearised(self.core, self.xi, self.threads)
        self._count(2 * int(self.busy.sum()))
        self.gradient = np.asarray(self.at.gradient) + self.xi
        norm = np.sqrt((self.gradient**2).sum(axis=1))
        value = np.asarray(self.at.phi) + 0.5 * (self.xi**2).sum(axis=1)
        fine = np.isfinite(value) & np.isfinite(norm)
        # Choice 2 of Eisenstat and Walker with gamma = 0.9, exponent 2 and their safeguard; no
        # system is solved further than the tolerance asks for.
        with np.errstate(invalid="ignore", divide="ignore"):
            eta = 0.9 * (norm / self.norm) ** 2  # 0 at the start, where norm was infinite
            guard = 0.9 * self.forcing**2
            eta = np.maximum(eta, np.where(guard > 0.1, guard, 0.3 * self.wanted / norm))
        self.forcing = np.where(np.isfinite(self.norm) & fine, np.minimum(eta, 0.5), 0.5)
        self.objective, self.norm = np.where(fine, value, np.inf), np.where(fine, norm, np.inf)
        self.distance = np.where(self.busy, self.norm, self.distance)
        self.busy &= fine & (norm > self.wanted)

    def _solve(self) -> Array:
        """Solve (I + H) p = -gradient by conjugate gradients, each row to its own forcing term.

        A row whose gradient may be rounding is solved to the tolerance, for its distance: with the
        residual r of p, g' (I + H)^{-1} g is p' (I + H) p + r' (I + H)^{-1} r, at most
        -g' p + |r|^2.
        """
        p, r = np.zeros_like(self.xi), -self.gradient
        d, rr = r.copy(), (r**2).sum(axis=1)
        limit = self.forcing * self.norm
        for _ in range(2 * r.shape[1]):
            lost = self.norm <= np.sqrt(self.stiffness) * self.rounding
            near = lost & (-(self.gradient * p).sum(axis=1) <= self.tolerance**2)
            wanted = np.where(near, np.minimum(limit, 0.1 * self.tolerance), limit)
            open_ = self.busy & (np.sqrt(rr) > wanted)
            if not open_.any():
                break
            product = d + np.asarray(self.at.product(np.where(open_[:, None], d, 0.0)))
            self._count(2 * int(open_.sum()))
            with np.errstate(invalid="ignore", divide="ignore"):
                curvature = (d * product).sum(axis=1)
                quotient = np.where(open_, curvature / (d**2).sum(axis=1), 1.0)
                self.stiffness = np.fmax(self.stiffness, quotient)
                a = np.where(open_, rr / curvature, 0.0)[:, None]
                p, r = p + a * d, r - a * product
                new = (r**2).sum(axis=1)
                d = np.where(open_[:, None], r + (new / rr)[:, None] * d, d)
            rr = new
        square = -(self.gradient * p).sum(axis=1) + rr
        known = self.busy & (self.norm <= np.sqrt(self.stiffness) * self.rounding) & (square >= 0)
        self.distance[known] = np.minimum(self.norm, np.sqrt(np.abs(square)))[known]
        return p

    def _count(self, solves: int) -> None:
        self.solves += solves
        self.bar.update(solves)

    def advice(self, row: int) -> str:
        """Say why a row may have ended before the minimum, and what to do."""
        if self.busy[row]:
            return "More max_iterations may help."
        if self._fits(row):
            return (
                "No step descends, and the derivative fits: the predictions are not accurate "
                "enough for this noise; a smaller tolerance of the model's solver may help."
            )
        return (
            "No step descends: the derivative does not fit the model "
            "(see m4dl.testing.check_derivatives)."
        )

    def _fits(self, row: int) -> bool:
        """Compare the gradient with differences of the objective along itself, at some lengths."""
        direction = self.gradient[row] / self.norm[row]
        lengths = np.logspace(0, -8, 9)[:, None] * max(1.0, float(np.linalg.norm(self.xi[row])))
        ends = [self.xi[row] + sign * lengths * direction for sign in (1, -1)]
        up, down = (
            np.asarray(self.core.phi(x, self.threads)) + 0.5 * (x**2).sum(axis=1) for x in ends
        )
        slope = (up - down) / (2 * lengths[:, 0])
        noise = ROUNDING * np.abs(self.objective[row]) / lengths[:, 0]
        gap = np.abs(slope - self.norm[row])
        return bool((gap <= 0.05 * self.norm[row] + noise).any())

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
            self._count(int(open_.sum()))
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

    def minima(self, best: int) -> list[int]:
        """Return one row for each minimum that was found: the best, then others by objective."""
        kept = [best]
        least = max(APART, 10 * self.tolerance)
        for row in np.argsort(self.objective, kind="stable"):
            away = np.linalg.norm(self.xi[kept] - self.xi[row], axis=1)
            if self.distance[row] <= self.tolerance and (away > least).all():
                kept.append(int(row))
        return kept


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
