"""Gauss-Newton from several starts at once, each with a line search of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._base.progress import Bar
from .._base.validate import Array
from ..posterior import Posterior

ARMIJO = 1e-4


HALVINGS = 30


ROUNDING = 1e-12
"""Differences of the objective below this share of it are rounding, and decide nothing."""


UNITS = 16.0
"""Units in the last place by which predictions may be off."""


APART = 0.1
"""Prior standard deviations by which minima differ, at least: ends in one valley are as close as
the tolerance, for no posterior standard deviation is larger than the prior's."""


class Search:
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
