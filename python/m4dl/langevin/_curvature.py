"""Extreme curvatures of -log densities in the coordinates of a surrogate, by finite differences."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .. import _core
from .._base.validate import Array
from ..posterior import Posterior
from ._surrogate import ENDS, LogConcaveSurrogate

STEP = 1e-3
"""Of central differences, in units of eta: the cutoff's own length is 1/8."""
CENTRE_STEP = 0.01
"""Of second differences: half the digits are lost."""
CLIMBS = 40
TURNS = (0.1, 0.3, 1.0)
"""Tangents of the angles by which a climb turns."""
ROWS = 4096  # gradients at a time
BALL = (0.25, 0.5, 0.75)
CUTOFF = 0.75
"""Distance, in units of eta, at which a surrogate begins to leave the model."""


@dataclass
class Coordinates:
    """theta_k = s_k xi_k around a point, with the -log density there; counts its gradients."""

    posterior: Posterior
    centre: Array
    scale: Array
    threads: int
    gradients: int = 0

    def gradient(self, core: Any, xi: Array) -> Array:
        """Gradient of Phi + |xi|^2/2 in theta, at white noise (n, W)."""
        self.gradients += len(xi)
        return np.asarray((core.gradient(xi, self.threads)[1] + xi) / self.scale)

    def at(self, directions: Array, radii: Array) -> Array:
        """White noise at these distances along unit vectors (n, W) of theta."""
        return np.asarray(self.centre + radii[:, None] * directions / self.scale)

    def hessians(self, core: Any, xi: Array, eta: float) -> Array:
        """Hessians (n, W, W) in theta of the -log density at (n, W): 2 W gradients each."""
        size, h = len(self.scale), STEP * eta
        moves = np.concatenate([np.eye(size), -np.eye(size)]) * (h / self.scale)
        out = np.empty((len(xi), size, size))
        each = max(1, ROWS // len(moves))
        for k in range(0, len(xi), each):
            some = xi[k : k + each]
            rows = (some[:, None, :] + moves).reshape(-1, size)
            there = self.gradient(core, rows).reshape(len(some), 2, size, size)
            difference = (there[:, 0] - there[:, 1]) / (2 * h)
            out[k : k + each] = 0.5 * (difference + difference.swapaxes(1, 2))
        if not np.isfinite(out).all():
            bad = xi[int((~np.isfinite(out).all(axis=(1, 2))).argmax())]
            r = float(np.linalg.norm(self.scale * (bad - self.centre)))
            raise ValueError(
                f"the gradient is not finite at a distance of {r:.4g} from the centre: the solve "
                "failed; take a smaller eta"
            )
        return out

    def uncurved(self, eta: float) -> Any:
        """The compiled potential of the surrogate with K = 0."""
        p = self.posterior
        surrogate = _core.Surrogate(self.centre, self.scale, eta, 0.0)
        std = p.noise.expand(p.model.outputs)
        return _core.Potential(p.model.core, p.prior.core, p.data[None], std, surrogate)

    def bend(self, core: Any, xi: Array, v: Array, step: float) -> Array:
        """Gradient in theta of the curvature v' H v along a unit vector v, at white noise (W,)."""
        moves = np.stack([v, 0 * v, -v]) * (step / self.scale)
        up, here, down = self.gradient(core, xi + moves)
        return np.asarray((up - 2 * here + down) / step**2)


def directions(
    of: Coordinates, hessian: Array, count: int, length: float, rng: np.random.Generator
) -> Array:
    """Unit vectors (count, W) in which curvatures may be extreme, and random ones.

    Along the softest and the stiffest curvature, forth and back; and where, by the third derivative
    at the centre, the softest falls and the stiffest rises and falls fastest.
    """
    soft, stiff = np.linalg.eigh(hessian)[1][:, [0, -1]].T
    step = CENTRE_STEP * length
    falls, rises = (of.bend(of.posterior.core, of.centre, v, step) for v in (soft, stiff))
    some = np.stack([-falls, soft, -soft, stiff, -stiff, rises, -rises])[:count]
    random = rng.standard_normal((count - len(some), len(hessian)))
    both = np.concatenate([some, random])
    norms = np.linalg.norm(both, axis=1)
    return np.asarray(both[norms > 0] / norms[norms > 0, None])


def convex_radius(
    of: Coordinates, eta: float, along: Array, wanted: float, shrink: float, most: int
) -> tuple[float, float]:
    """The largest eta tried, and the least curvature of the posterior, for r up to 3/4.

    eta shrinks until that curvature is at least ``wanted``; with ``most`` = 1 it never does.
    """
    for attempt in range(most):
        points = _spread(of, along, np.array(BALL) * eta)
        lowest = float(np.linalg.eigvalsh(of.hessians(of.posterior.core, points, eta))[:, 0].min())
        if lowest >= wanted or attempt + 1 == most:
            break
        eta *= shrink
    return eta, lowest


def needed_curvature(of: Coordinates, eta: float, along: Array, wanted: float) -> float:
    """The least K for which H + K B >= wanted at points of the transition zone.

    B = g'/r I + (g'' - g'/r) u u' is the Hessian of eta^2 g, u the direction from the centre; where
    r >= 3/4 g'' = 2 and g'/r = 2 (1 - 5/(8 r)).
    """
    radii = np.linspace(CUTOFF, ENDS, 8)[1:-1]
    points = _spread(of, along, radii * eta)
    hessians = of.hessians(of.uncurved(eta), points, eta)
    needed = -np.inf
    for xi, h in zip(points, hessians, strict=True):
        shift = of.scale * (xi - of.centre)
        r = float(np.linalg.norm(shift)) / eta
        u = shift / (r * eta)
        q = 2 * (1 - 0.625 / r)
        root = q**-0.5 * (np.eye(len(u)) - np.outer(u, u)) + 2**-0.5 * np.outer(u, u)
        lack = root @ (wanted * np.eye(len(u)) - h) @ root
        needed = max(needed, float(np.linalg.eigvalsh(lack)[-1]))
    return needed


@dataclass(frozen=True)
class Extremes:
    """Least and largest curvature found, and where the least one was, in units of eta."""

    least: float
    largest: float
    where: float
    points: int


def extremes(
    of: Coordinates, surrogate: LogConcaveSurrogate, along: Array, rng: np.random.Generator
) -> Extremes:
    """Extreme curvatures of a surrogate: searched where the model counts, exact beyond.

    Beyond r = 7/8 the Hessian is diag(s^-2) + K (g'/r I + (g'' - g'/r) u u'), whose eigenvalues lie
    between 4 K/7 + min s^-2 and 2 K + max s^-2. Random points meet the extremes of a function of
    many variables by accident, so a search goes on from the best of each zone.
    """
    eta, k, prior = surrogate.eta, surrogate.curvature, surrogate.scale**-2.0
    search = _Search(of, surrogate)
    zones = [(0.0, CUTOFF / 2), (CUTOFF / 2, CUTOFF), *_halves(CUTOFF, ENDS, 6)]
    lows, highs = [(4 * k / 7 + float(prior.min()), ENDS)], [2 * k + float(prior.max())]
    for group in (zones[:2], zones[2:]):
        radii = np.concatenate([rng.uniform(low, high, len(along)) for low, high in group]) * eta
        points = of.at(np.tile(along, (len(group), 1)), radii)
        if group[0][0] == 0.0:
            points = np.concatenate([of.centre[None], points])
        values = search.values(points)
        least, xi = search.climb(points, values, -1, group[-1][1])
        lows.append((least, float(surrogate.distance(xi))))
        highs.append(search.climb(points, values, 1, group[-1][1])[0])
    least, where = min(lows)
    return Extremes(least, max(highs), where, search.points)


@dataclass
class _Search:
    """Looks for points of extreme curvature of a surrogate."""

    of: Coordinates
    surrogate: LogConcaveSurrogate
    points: int = 0

    def values(self, xi: Array) -> Array:
        """Least and largest eigenvalue of the Hessians at (n, W): (n, 2)."""
        self.points += len(xi)
        hessians = self.of.hessians(self.surrogate.core, xi, self.surrogate.eta)
        return np.asarray(np.linalg.eigvalsh(hessians)[:, [0, -1]])

    def climb(self, points: Array, values: Array, sign: int, end: float) -> tuple[float, Array]:
        """The extreme value, from the best of these points on: largest for sign 1, else least.

        v' H v bounds it at each point, so one turns towards where v' H v grows, v the vector here,
        and moves in and out, up to the distance ``end``.
        """
        of, core, eta = self.of, self.surrogate.core, self.surrogate.eta
        column = 0 if sign < 0 else 1
        best = int((sign * values[:, column]).argmax())
        xi, value = points[best], float(values[best, column])
        for _ in range(CLIMBS):
            hessian = of.hessians(core, xi[None], eta)[0]
            v = np.linalg.eigh(hessian)[1][:, 0 if sign < 0 else -1]
            slope = sign * of.bend(core, xi, v, CENTRE_STEP * eta)
            if not np.linalg.norm(slope) > 0:
                break
            shift, slope = of.scale * (xi - of.centre), slope / np.linalg.norm(slope)
            r = max(float(np.linalg.norm(shift)), 0.1 * eta)
            moves = [shift + tangent * r * slope for tangent in TURNS]
            moves = [m * (r / np.linalg.norm(m)) for m in moves if np.linalg.norm(m) > 0]
            moves += [m * f for m in [shift, *moves] for f in (0.97, 1.03, end * eta / r)]
            some = np.stack([m for m in moves if np.linalg.norm(m) <= end * eta * (1 + 1e-12)])
            there = of.centre + some / of.scale
            found = self.values(there)[:, column]
            best = int((sign * found).argmax())
            # what is gained by less than this is not worth going on
            if sign * (found[best] - value) <= 1e-3 * abs(value):
                break
            xi, value = there[best], float(found[best])
        return value, xi


def _halves(low: float, high: float, count: int) -> list[tuple[float, float]]:
    edges = np.linspace(low, high, count + 1)
    return [(float(a), float(b)) for a, b in pairwise(edges)]


def _spread(of: Coordinates, along: Array, radii: Array) -> Array:
    """All directions at all radii, and the centre."""
    tiled = np.tile(along, (len(radii), 1))
    return of.at(tiled, np.repeat(radii, len(along)))
