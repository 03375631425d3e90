"""Helpers for tests of models of one's own: derivatives, closed forms, exact solutions.

from m4dl import testing

print(testing.check_derivatives(model, theta))        # raises AssertionError if one is wrong
mean, cov = testing.gaussian_posterior(matrix, m, C, data, 0.1)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from inspect import BoundArguments

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ive

from ._base.streams import Purpose, generator
from ._base.validate import Array, array, integer, number, positive, seed_number, shape_of
from .domains import TriangleMesh
from .models import Model
from .rays import XRaySingularFunction as XRaySingularFunction
from .rays import xray_singular_system as xray_singular_system

_EPS = float(np.finfo(np.float64).eps)
_HALVINGS = 12
_LEAST_ORDER = 1.8
"""A wrong derivative leaves a remainder of order 1, a right one of order 2 at least."""


@dataclass(frozen=True)
class DerivativeReport:
    """What :func:`check_derivatives` measured.

    Attributes
    ----------
    adjoint_gap : float or None
        |<push h, w> - <h, pull w>| / (|push h| |w|); None for a model without a tangent.
    push_order, pull_order : float or None
        Observed order of the Taylor remainder of G along h with the slope from push, and of <w, G>
        with the slope from pull. Infinite where the remainder is rounding (a linear map); None for
        a model without that derivative.
    """

    adjoint_gap: float | None
    push_order: float | None
    pull_order: float | None

    def __str__(self) -> str:
        def show(value: float | None, form: str) -> str:
            return "none" if value is None else format(value, form)

        return (
            f"adjoint gap {show(self.adjoint_gap, '.1e')}, Taylor order "
            f"{show(self.push_order, '.2f')} (push), {show(self.pull_order, '.2f')} (pull)"
        )


def check_derivatives(
    model: Model,
    theta: ArrayLike,
    *,
    seed: int = 0,
    step: float = 0.1,
    tolerance: float = 1e-10,
) -> DerivativeReport:
    """Check a model's tangent and adjoint at one point, along random directions.

    Parameters
    ----------
    model : Model
    theta : array_like, (D,)
    seed : int
        Of the directions h (D,) and w (m,), both of length 1.
    step : float
        Longest step along h; it is halved 12 times.
    tolerance : float
        Largest adjoint gap allowed. The identity is exact up to rounding, which the condition
        number of the model's matrix multiplies. A model that solves its equations to a tolerance
        is checked as it is with the least one, 1e-12.

    Raises
    ------
    AssertionError
        With the numbers, if a derivative is wrong.
    ValueError
        If the model has no derivative, or gives no finite value near theta.

    Source
    ------
    The test of hIPPYlib's ``modelVerify``: U. Villa, N. Petra, O. Ghattas, ACM Trans. Math. Softw.
    47 (2021).
    """
    if not isinstance(model, Model):
        raise TypeError(f"model must be a m4dl Model, got {type(model).__name__}")
    if not (model.has_pull or model.has_push):
        raise ValueError(f"{type(model).__name__} has no derivative to check")
    model = _tightened(model)
    x = array("theta", theta, (model.parameters,))
    step, tolerance = positive("step", step), positive("tolerance", tolerance)
    if tolerance < _EPS:
        raise ValueError(f"tolerance must be at least {_EPS:.2g}, got {tolerance:.2g}")
    rng = generator(Purpose.DERIVATIVES, seed_number(seed))
    h, w = (v / np.linalg.norm(v) for v in map(rng.standard_normal, (x.size, model.outputs)))

    gap = push_order = pull_order = None
    steps: Array = np.asarray(step * 0.5 ** np.arange(_HALVINGS + 1), dtype=np.float64)
    values = model(np.concatenate([x[None], x + steps[:, None] * h]))
    if not np.isfinite(values).all():
        raise ValueError(f"the model is not finite within {step:g} of theta: take a shorter step")
    if model.has_push:
        pushed = model.push(x, h)
        push_order = _order(values, pushed, steps)
    if model.has_pull:
        pulled = model.pull(x, w)
        # The rounding is that of G, not that of <w, G>, which may nearly vanish.
        pull_order = _order(values, float(h @ pulled), steps, lambda v: v @ w)
    if model.has_push and model.has_pull:
        scale = float(np.linalg.norm(pushed)) or 1.0
        gap = abs(float(pushed @ w - h @ pulled)) / scale

    report = DerivativeReport(gap, push_order, pull_order)
    if gap is not None and not gap <= tolerance:
        raise AssertionError(f"pull is not the adjoint of push: {report} (at most {tolerance:g})")
    for name, order in (("push", push_order), ("pull", pull_order)):
        if order is not None and not order >= _LEAST_ORDER:
            raise AssertionError(f"{name} is not the derivative of forward: {report} (2 expected)")
    return report


def _tightened(model: Model) -> Model:
    """Return the model with its equations solved as well as they can be."""
    given = model._arguments
    if model.solver in ("", "direct") or "tolerance" not in given.signature.parameters:
        return model
    least = BoundArguments(given.signature, OrderedDict(given.arguments, tolerance=1e-12))
    return type(model)(*least.args, **least.kwargs)


def _order(
    values: Array,
    slope: Array | float,
    steps: Array,
    observe: Callable[[Array], Array] = lambda v: v,
) -> float:
    """Observed order of |g(e) - g(0) - e slope|, g = observe(values), as e halves.

    The median over the three smallest steps whose remainder stands clear of rounding, which is
    taken as 1e3 units in the last place of the largest value.
    """
    seen = observe(values).reshape(len(values), -1)
    remainder = np.linalg.norm(seen[1:] - seen[0] - np.outer(steps, slope), axis=1)
    clear = remainder > 1e3 * _EPS * np.linalg.norm(values, axis=1).max()
    count = int(np.argmin(clear)) if not clear.all() else clear.size
    if count < 2:
        return float("inf")
    orders = np.log2(remainder[: count - 1] / remainder[1:count])
    return float(np.median(orders[-3:]))


def gaussian_posterior(
    matrix: ArrayLike,
    prior_mean: ArrayLike,
    prior_cov: ArrayLike,
    data: ArrayLike,
    noise_std: float | ArrayLike,
) -> tuple[Array, Array]:
    """Return mean (D,) and covariance (D, D) of theta given data = matrix theta + noise.

    theta ~ N(prior_mean, prior_cov) and independent noise ~ N(0, noise_std^2).

    Parameters
    ----------
    matrix : array_like, (m, D)
    prior_mean : array_like, (D,)
    prior_cov : array_like, (D, D)
        May be singular.
    data : array_like, (m,)
    noise_std : float or array_like, (m,)
    """
    g = array("matrix", matrix, (None, None))
    m, size = g.shape
    mean, cov = (
        array("prior_mean", prior_mean, (size,)),
        array("prior_cov", prior_cov, (size, size)),
    )
    y = array("data", data, (m,))
    std = array("noise_std", noise_std, None if shape_of("noise_std", noise_std) == () else (m,))
    if not (std**2 > 0).all():  # its square may be 0 too
        raise ValueError(f"noise_std must be positive, got {std[std**2 <= 0].flat[0]}")
    # Kalman's gain C G' (G C G' + S)^{-1}: it needs no inverse of C.
    gain = np.linalg.solve(g @ cov @ g.T + np.diag(np.broadcast_to(std**2, m)), g @ cov).T
    posterior = cov - gain @ g @ cov
    return mean + gain @ (y - g @ mean), (posterior + posterior.T) / 2


def schrodinger_interval(x: ArrayLike, f: float, boundary: float = 1.0) -> Array:
    """Return u with u''/2 = f u on (0, 1), u = boundary at both ends, for constant f > 0.

    u(x) = g cosh(s (x - 1/2)) / cosh(s/2), s = sqrt(2 f).
    """
    s, at = np.sqrt(2 * positive("f", f)), array("x", x)
    # Both multiplied by 2 exp(-s/2), so that nothing overflows.
    return np.asarray(
        number("boundary", boundary) * (np.exp(s * (at - 1)) + np.exp(-s * at)) / (1 + np.exp(-s))
    )


def schrodinger_disk(
    points: ArrayLike, f: float, boundary: float = 1.0, radius: float = 1.0
) -> Array:
    """Return u with (1/2) Lap u = f u on a disk, u = boundary on its circle, for constant f > 0.

    u(r) = g I_0(s r) / I_0(s R), s = sqrt(2 f), at points (..., 2) around the centre (0, 0).
    """
    s, end = np.sqrt(2 * positive("f", f)), positive("radius", radius)
    r = _distance(points)
    ratio = ive(0, s * r) / ive(0, s * end) * np.exp(s * (r - end))
    return np.asarray(number("boundary", boundary) * ratio)


def darcy_disk(
    points: ArrayLike,
    f: float,
    source: float = 1.0,
    radius: float = 1.0,
    curvature: float = 0.0,
) -> Array:
    """Return u with -div(F grad u) = source on a disk, u = 0 on its circle.

    The coefficient is F(r) = f (1 + c r^2), c = ``curvature`` >= 0. As r F u' = -s r^2/2,
    u(r) = s/(4 f c) log((1 + c R^2)/(1 + c r^2)), and s (R^2 - r^2)/(4 f) for c = 0; at points
    (..., 2) around the centre (0, 0).
    """
    c, end = number("curvature", curvature), positive("radius", radius)
    if c < 0:
        raise ValueError(f"curvature must not be negative, got {c}")
    scale = number("source", source) / (4 * positive("f", f))
    square = _distance(points) ** 2
    if c == 0:
        return np.asarray(scale * (np.square(end) - square))
    return np.asarray(scale / c * (np.log1p(c * np.square(end)) - np.log1p(c * square)))


def disk_mesh(rings: int, radius: float = 1.0) -> TriangleMesh:
    """Return a triangle mesh of a disk around (0, 0): ``rings`` rings of width radius / rings.

    Ring k has 6 k nodes: 1 + 3 n (n + 1) nodes and 6 n^2 triangles in all. The polygon's boundary
    lies within radius * (1 - cos(pi / 6 n)) of the circle, an error of second order.
    """
    n, width = integer("rings", rings, 1), positive("radius", radius) / rings
    points, cells = [np.zeros((1, 2))], []
    for k in range(1, n + 1):
        angle = 2 * np.pi * np.arange(6 * k) / (6 * k)
        points.append(k * width * np.stack([np.cos(angle), np.sin(angle)], axis=1))
        outside, inside = _ring(k), _ring(k - 1)
        for sector in range(6):
            for j in range(k):
                a, b = outside(sector * k + j), outside(sector * k + j + 1)
                c = inside(sector * (k - 1) + j)
                cells.append((a, b, c))
                if j < k - 1:
                    cells.append((b, inside(sector * (k - 1) + j + 1), c))
    return TriangleMesh(np.concatenate(points), np.array(cells))


def _ring(k: int) -> Callable[[int], int]:
    """Return the map from a place on ring k to the node there; ring 0 is the centre."""
    if k == 0:
        return lambda place: 0
    return lambda place: 1 + 3 * k * (k - 1) + place % (6 * k)


def _distance(points: ArrayLike) -> Array:
    x = array("points", points)
    if x.ndim == 0 or x.shape[-1] != 2:
        raise ValueError(f"points must have shape (..., 2), got {x.shape}")
    return np.asarray(np.linalg.norm(x, axis=-1))
