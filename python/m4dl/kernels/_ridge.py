"""A linear model within chains by ridge regression, cross-validated in Gram matrices.

There are fewer draws than white noises as a rule. The slope is then a combination of draws, and all
that a choice among ridges asks for are the draws' inner products: one eigenvalue problem of their
number serves every ridge, and only the slope that is chosen is ever made.
"""

from __future__ import annotations

import numpy as np

from .._base.validate import Array, array

PASSES = 5
RIDGES = (*10.0 ** np.arange(-12.0, 1.0),)
"""Relative to the largest eigenvalue of the Gram matrix."""
REFINEMENTS, REFINED = 3, 1e-13
"""Corrections of a slope at most, and its relative error that needs none."""
PLAIN = 1e-3
"""Ridge from which on a slope needs no correction: it is wrong by rounding over the ridge."""


def fitted_slope(x: Array, y: Array) -> Array:
    """Fit y - mean = slope (x - mean) within chains, from x (chains, n, W) and y (chains, n, m).

    Each chain has means of its own, for chains that have not met stand where other slopes hold. The
    ridge is the one that predicts best from one half of the chains to the other; a single chain is
    cut in two. Then components that matter little get a stronger ridge, each by the size of its
    slopes, as long as that predicts better (relevance determination: D. MacKay, Neural Comput. 4
    (1992)): a smooth prior's high modes, of which data tell nothing, outnumber draws.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    x, y = array("draws", x), array("predictions", y)
    if len(x) == 1:
        half = max(1, x.shape[1] // 2)
        x, y = (np.stack([v[0, :half], v[0, -half:]]) for v in (x, y))
    x, y = (_centred(v) for v in (x, y))
    halves = [_no_taller(*(v[k::2].reshape(-1, v.shape[2]) for v in (x, y))) for k in (0, 1)]
    count = len(halves[0][0])
    x, y = (np.concatenate(both) for both in zip(*halves, strict=True))
    all_x, all_y = _no_taller(x, y)
    weight, best, slope = np.ones(x.shape[1]), np.inf, np.zeros((y.shape[1], x.shape[1]))
    scaled = np.empty_like(x)
    for _ in range(PASSES):
        np.multiply(x, weight, out=scaled)
        gram = scaled @ scaled.T
        first, second = slice(count), slice(count, None)
        error = _errors(gram, y, first, second) + _errors(gram, y, second, first)
        if error.min() >= best:
            break
        best = error.min()
        ridge, every = RIDGES[int(np.argmin(error))], scaled
        if all_x is not x:
            every = all_x * weight
            gram = every @ every.T
        slope = _ridge_slope(every, all_y, gram, ridge) * weight
        weight = np.sqrt((slope**2).mean(axis=0))
        if not weight.any():
            break
        weight /= weight.max()  # a ridge is relative: this changes no slope
    return slope


def _centred(v: Array) -> Array:
    """Return v (chains, n, k) less the mean of each chain: zero, not rounding, where one rests."""
    from_first = v - v[:, :1]
    out: Array = from_first - from_first.mean(axis=1, keepdims=True)
    return out


def _no_taller(x: Array, y: Array) -> tuple[Array, Array]:
    """Return x and y with no more rows than x has columns, and with the same x'x and x'y.

    With x = QR these are R and Q'y. What of y lies outside of the range of Q no slope explains.
    """
    if len(x) <= x.shape[1]:
        return x, y
    q, r = np.linalg.qr(x)
    return r, q.T @ y


def _errors(gram: Array, y: Array, fit: slice, test: slice) -> Array:
    """Sum of squares of y - prediction on rows ``test``, for each of RIDGES on rows ``fit``.

    The slope is y'(xx' + ridge)^{-1} x of the rows that are fitted, so that predictions elsewhere
    need products of rows alone.
    """
    spectrum, vectors = np.linalg.eigh(gram[fit, fit])
    spectrum = np.maximum(spectrum, 0.0)
    if not spectrum[-1]:
        return np.full(len(RIDGES), (y[test] ** 2).sum())
    seen, along = gram[test, fit] @ vectors, vectors.T @ y[fit]
    return np.array(
        [
            ((y[test] - seen @ (along / (spectrum + ridge * spectrum[-1])[:, None])) ** 2).sum()
            for ridge in RIDGES
        ]
    )


def _ridge_slope(x: Array, y: Array, gram: Array, ridge: float) -> Array:
    """The slope (m, W) for a ridge relative to the largest eigenvalue of gram = xx'.

    It is u'x with (xx' + ridge) u = y. A Gram matrix has lost half of the digits of small singular
    values: both are corrected by the residual y - x slope' - ridge u, of which products with x have
    all digits (as in the corrected seminormal equations of A. Bjorck, Linear Algebra Appl. 88
    (1987)). Each time the error falls by rounding of xx', over the ridge.
    """
    from scipy import linalg

    last, falls = len(gram) - 1, len(gram) * np.finfo(float).eps / ridge
    shift = ridge * linalg.eigvalsh(gram, subset_by_index=[last, last]).item()
    if not shift > 0.0:
        return np.zeros((y.shape[1], x.shape[1]))
    factor = linalg.cho_factor(gram + shift * np.eye(len(gram)), overwrite_a=True)
    dual = linalg.cho_solve(factor, y)
    slope: Array = dual.T @ x
    for _ in range(REFINEMENTS if ridge < PLAIN else 0):
        step = linalg.cho_solve(factor, y - x @ slope.T - shift * dual)
        change = step.T @ x
        dual += step
        slope += change
        if falls * np.linalg.norm(change) <= REFINED * np.linalg.norm(slope):
            break
    return slope
