"""Means of a coefficient a_k from many draws, with few conditional means integrated along lines.

Of a = min(a, c) + max(a - c, 0) the first part is averaged as it is, and of the second, the tail,
the conditional mean L given the other coefficients. What a regression on these says of L is
averaged over all draws, and its error over draws chosen with probabilities p, large where L is: the
mean of M + (L - M) I/p, with I = 1 where a line was integrated, is that of L whatever the
regression M (D. Horvitz, D. Thompson, J. Amer. Statist. Assoc. 47 (1952); its difference
estimator). Draws that the regression was made from are no sample any more: they are taken as they
are, and stand for themselves. In the same way most lines are integrated with few solves, and the
error of that is averaged over those of them that are integrated with more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from harness import Array
from line_means import LineMeans
from m4dl.results.diagnostics import ess

FIRST, SECOND = 2000, 3000
"""Lines of the first regression, and those more, where it says that L is large, of the second."""
STRIDE = 8
"""The second ones are chosen from every eighth draw."""
FLOOR = 0.2
"""Of the average probability, for draws where the regression sees little."""
RESERVE = 0.2
"""Of the variance wanted, at least for the choice of lines, whatever the chains leave."""
SAFETY, HIDDEN = 1.5, 2.5
"""More lines than those of the regression say, for they fit it better than others do; by another
factor where the tail is a small share of the mean, and few of them saw it."""
RIDGE = 1e-3
SMALL = 0.3
"""Share of the tail below which it is hidden."""
NEGLIGIBLE = 0.05
"""Of the mean of L: the regression need not tell smaller ones apart."""
GAP, GAP_SHARE, FEWEST = 0.15, 0.2, 200
"""Relative size of the error of an integral with few solves, what it may add to ``error``, and the
fewest lines that it is averaged over."""
PAIRS = 12
"""Coefficients of the largest effect, whose products enter the regression too."""


class Regression:
    """log L as a quadratic polynomial of the other coefficients, by least squares."""

    def __init__(self, theta: Array, k: int, log_mean: Array, chance: Array) -> None:
        """theta (n, D), log_mean (n,); chance (n,): each stands for 1/chance draws."""
        self._others = np.delete(np.arange(theta.shape[1]), k)
        self._center, self._scale = theta.mean(axis=0), theta.std(axis=0)
        x = self._standard(theta)
        plain = np.hstack([np.ones((len(x), 1)), x, x * x])
        effect = np.abs(_solve(plain, log_mean)[1 : 1 + x.shape[1]])
        self._largest = np.argsort(effect)[-PAIRS:]
        first, second = np.triu_indices(PAIRS, 1)
        y = x[:, self._largest]
        b = _solve(np.hstack([plain, y[:, first] * y[:, second]]), log_mean)
        self._constant, self._linear, self._square, pairs = np.split(
            b, [1, 1 + x.shape[1], 1 + 2 * x.shape[1]]
        )
        self._product = np.zeros((PAIRS, PAIRS))
        self._product[first, second] = pairs
        self._ends = log_mean.min(), log_mean.max()
        guess = np.exp(self._log(theta)) / chance
        self._level = (np.exp(log_mean) / chance).sum() / guess.sum()

    def __call__(self, theta: Array) -> Array:
        """L at rows theta (n, D)."""
        parts = np.array_split(theta, 1 + len(theta) // 20_000)
        return self._level * np.exp(np.concatenate([self._log(part) for part in parts]))

    def _standard(self, theta: Array) -> Array:
        return np.asarray(((theta - self._center) / self._scale)[:, self._others])

    def _log(self, theta: Array) -> Array:
        x = self._standard(theta)
        y = x[:, self._largest]
        log = x @ self._linear + (x * x) @ self._square + ((y @ self._product) * y).sum(axis=1)
        return np.clip(self._constant + log, *self._ends)


def _solve(x: Array, y: Array) -> Array:
    return np.linalg.solve(x.T @ x + RIDGE * len(x) * np.eye(x.shape[1]), x.T @ y)


@dataclass(frozen=True)
class Sampled:
    """A series whose mean is that of a, and the lines that were integrated for it."""

    series: Array
    """(chain, draw), averaged over the views."""
    rows: Array
    """(n,) of all views, one after the other, where a line was integrated with few solves."""
    integrals: Array
    """(2, n), what came out: :meth:`LineMeans.integrals`."""
    regression: Regression
    """Of L."""
    exact: int
    """Lines that were integrated with more."""


def sampled_lines(
    lines: LineMeans,
    rough: LineMeans,
    views: Array,
    k: int,
    c: float,
    error: float,
    rng: np.random.Generator,
) -> Sampled:
    """Average a_k over views (view, chain, draw, D) of theta, to a relative error.

    As many lines are integrated as that error needs beside the one of the chains, which does not
    depend on them. ``rough`` are the same lines with fewer solves.
    """
    theta = views.reshape(-1, views.shape[3])
    total = len(theta)

    def integrated(rows: Array, known: Array, chance: Array) -> tuple[Array, Array]:
        """More rows, chosen with their chances, and the integrals of all."""
        chance[rows] = 0.0
        more = np.flatnonzero(rng.random(total) < chance)
        found = [known, rough.integrals(theta[more], k, c)] if more.size else [known]
        return np.concatenate([rows, more]), np.hstack(found)

    def fit(rows: Array, known: Array, chance: Array) -> Regression:
        """What is known of L."""
        mean = np.exp(known[1] - known[0])
        log_mean = np.log(mean + NEGLIGIBLE * np.average(mean, weights=1.0 / chance))
        return Regression(theta[rows], k, log_mean, chance)

    def averaged(values: Array) -> Array:
        return np.asarray(values.reshape(views.shape[:3]).mean(axis=0))

    rows = (np.arange(FIRST) * total) // FIRST
    known = rough.integrals(theta[rows], k, c)
    guess = fit(rows, known, np.ones(FIRST))(theta[::STRIDE])
    size = guess + FLOOR * guess.mean()
    second = np.zeros(total)
    second[::STRIDE] = np.minimum(1.0, SECOND * size / size.sum())
    rows, known = integrated(rows, known, second.copy())

    second[::STRIDE] /= STRIDE
    chance = FIRST / total + np.repeat(second[::STRIDE], STRIDE)[:total][rows]
    regression = fit(rows, known, chance)
    guess = regression(theta)
    size = guess + FLOOR * guess.mean()
    plain = np.minimum(np.exp(theta[:, k]), c)
    both = averaged(plain + guess)
    left = error**2 * both.mean() ** 2 - both.var() / ess(both, "mean")
    left = max(left, RESERVE * error**2 * both.mean() ** 2)
    spread = (np.exp(known[1] - known[0]) - guess[rows]) ** 2 / size[rows]
    count = SAFETY * size.mean() * np.average(spread, weights=1.0 / chance) / left
    if guess.mean() < SMALL * both.mean():
        count *= HIDDEN
    third = np.minimum(1.0, count * size / size.sum())
    before = len(rows)
    rows, known = integrated(rows, known, third.copy())

    weight = np.concatenate([np.ones(before), 1.0 / third[rows[before:]]])
    mean = np.exp(known[1] - known[0])
    value = plain + guess
    value[rows] += weight * (mean - guess[rows])
    tail = (weight * mean).sum()
    size = weight * (mean + FLOOR * tail / weight.sum())
    count = (GAP * (tail / weight.sum()) / both.mean() / (GAP_SHARE * error)) ** 2
    chance = np.minimum(1.0, max(count, FEWEST) * size / size.sum())
    again = np.flatnonzero(rng.random(len(rows)) < chance)
    known_again = lines.integrals(theta[rows[again]], k, c)
    gap = np.exp(known_again[1] - known_again[0]) - mean[again]
    value[rows[again]] += weight[again] / chance[again] * gap
    return Sampled(averaged(value), rows, known, regression, len(again))
