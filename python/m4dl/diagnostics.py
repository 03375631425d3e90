"""Convergence diagnostics: rank-normalised split R-hat, effective sample sizes, standard errors.

Every function takes draws of shape (chain, draw) or (chain, draw, D) and returns a float or a (D,)
array. Parameters are worked through in chunks, so the working memory does not depend on D, and the
draws may lie in anything that has ``shape`` and NumPy slicing (a Zarr array, say).

Source: Vehtari, Gelman, Simpson, Carpenter, Buerkner, "Rank-normalization, folding, and
localization: an improved R-hat for assessing convergence of MCMC", Bayesian Analysis 16 (2021).

Notes
-----
The numbers equal those of ArviZ, but for three cases:

* one chain: ArviZ gives NaN for R-hat; here its two halves are compared, as the definition says;
* a parameter counts as constant (ESS = number of draws) if all its draws are equal, not if they
  span less than 1e-15, so that its unit does not matter;
* tail ESS in ArviZ 0.x (not 1.x) rests on quantiles interpolated as (1 - g) a + g b, which rounds
  below a when a = b. It then misses all copies of a repeated draw, and may call a chain that is
  stuck at its minimum perfect. Here, as in ArviZ 1.x, a quantile between equal draws is that draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy import fft, special

from . import _validate
from ._validate import Array

#: Tail ESS is the smaller of the effective sizes at these two quantiles.
TAIL = (0.05, 0.95)
#: The probabilities of minus and plus one standard deviation of a Gaussian.
_ONE_SIGMA = (0.1586553, 0.8413447)

_FEWEST = 4  # draws a chain: two in each half
_SLAB = 2**25  # numbers read from storage at a time: 256 MiB
_CHUNK = 2**19  # numbers worked on at a time: 4 MiB for each temporary, about the size of a cache


class Sliceable(Protocol):
    """What is asked of stored draws: a shape and slicing. NumPy and Zarr arrays comply."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, key: Any, /) -> Any: ...


def rhat(draws: Sliceable) -> Any:
    """Return the rank-normalised split R-hat: the larger of the draws' and the folded draws'.

    Parameters
    ----------
    draws : (chain, draw) or (chain, draw, D)

    Returns
    -------
    float or (D,) array
        Near 1 when the chains agree; above 1.01 they do not. NaN for fewer than 4 draws, for a
        parameter with a NaN draw and for a constant one.
    """
    return _each(draws, lambda x: _Chunk(x).rhat())


def ess(draws: Sliceable, kind: str = "bulk") -> Any:
    """Return the effective sample size.

    Parameters
    ----------
    draws : (chain, draw) or (chain, draw, D)
    kind : {"bulk", "tail", "mean", "batch"}
        ``"bulk"``: of the mean of the rank-normalised draws. ``"tail"``: the smaller of those of
        the 5 % and 95 % quantiles. ``"mean"``: of the mean of the draws themselves. ``"batch"``:
        the same by another estimator, the variance of the means of batches of sqrt(draws); too
        large where the autocorrelation time is longer than a batch, and with a relative error of
        sqrt(2/batches).

    Returns
    -------
    float or (D,) array
        At most S log10(S) for S draws in all (antithetic chains exceed S), except for batches; NaN
        for fewer than 4 draws and for a parameter with a NaN draw.

    Source
    ------
    A. Vehtari, A. Gelman, D. Simpson, B. Carpenter, P. Bürkner, Bayesian Anal. 16 (2021), after C.
    Geyer's initial monotone sequence, Statist. Sci. 7 (1992); for batches G. Jones, M. Haran, B.
    Caffo, R. Neath, J. Amer. Statist. Assoc. 101 (2006).
    """
    of: dict[str, Callable[[Array], Array]] = {
        "bulk": lambda x: _Chunk(x).ess_bulk(),
        "tail": lambda x: _Chunk(x).ess_tail(),
        "mean": _ess_mean,
        "batch": _ess_batch,
    }
    return _each(draws, of[_validate.choice("kind", kind, list(of))])


def ess_quantile(draws: Sliceable, p: float) -> Any:
    """Return the effective sample size of the ``p`` quantile (of the indicator of lying below)."""
    level = _validate.interval("p", p, 0.0, 1.0)
    return _each(draws, lambda x: _Chunk(x).ess_quantile(level))


def mcse_mean(draws: Sliceable) -> Any:
    """Return the Monte Carlo standard error of the mean: standard deviation / sqrt(ESS)."""
    return _each(draws, _mcse_mean)


def mcse_sd(draws: Sliceable) -> Any:
    """Return the Monte Carlo standard error of the standard deviation.

    By the delta method from that of v = mean (x - mean)^2: sd(sqrt v) = sd(v) / (2 sqrt v).
    """
    return _each(draws, _mcse_sd)


def mcse_quantile(draws: Sliceable, p: float) -> Any:
    """Return the Monte Carlo standard error of the ``p`` quantile.

    With S effective draws the share of draws below the true quantile is about
    Beta(S p + 1, S (1 - p) + 1); its one-sigma interval, read off the ordered draws, is twice the
    error.
    """
    level = _validate.interval("p", p, 0.0, 1.0)
    return _each(draws, lambda x: _Chunk(x).mcse_quantile(level))


def summarise(draws: Sliceable) -> dict[str, Any]:
    """Return all that a summary shows, from one pass over the draws.

    Returns
    -------
    dict
        ``mean``, ``std`` (divisor: draws - 1), ``mcse_mean``, ``ess_bulk``, ``ess_batch``,
        ``ess_tail``, ``rhat``: each a float or (D,).
    """

    def everything(x: Array) -> Array:
        flat = x.reshape(len(x), -1)
        nothing = np.full(len(x), np.nan)
        spread = np.std(flat, axis=1, ddof=1) if flat.shape[1] > 1 else nothing
        rest = [nothing] * 5
        if x.shape[2] >= _FEWEST:
            chunk = _Chunk(x)
            tail = chunk.ess_tail()
            rest = [_mcse_mean(x), chunk.ess_bulk(), _ess_batch(x), tail, chunk.rhat()]
        return np.stack([flat.mean(axis=1), spread, *rest])

    values = _each(draws, everything, fewest=1)
    names = ("mean", "std", "mcse_mean", "ess_bulk", "ess_batch", "ess_tail", "rhat")
    return dict(zip(names, values, strict=True))


def slabs(draws: Sliceable) -> Iterator[Array]:
    """Read draws (chain, draw, D) as float64 arrays (chain, draw, k) of bounded size."""
    chains, length, size = draws.shape
    step = max(1, _SLAB // max(1, chains * length))
    for start in range(0, size, step):
        yield np.asarray(draws[:, :, start : start + step], dtype=np.float64)


def _each(draws: Sliceable, statistic: Callable[[Array], Array], fewest: int = _FEWEST) -> Any:
    """Apply ``statistic``, (k, chain, draw) -> (..., k), to all parameters in chunks.

    The answer is NaN for less than ``fewest`` draws.
    """
    if not hasattr(draws, "shape"):
        draws = np.asarray(draws, dtype=np.float64)
    shape = tuple(draws.shape)
    if len(shape) not in (2, 3) or 0 in shape:
        raise ValueError(
            f"draws must have shape (chain, draw) or (chain, draw, D), none of them 0, got {shape}"
        )
    if shape[1] < fewest:
        return np.full(shape[2:], np.nan)[()]
    stored: Sliceable = np.asarray(draws)[:, :, None] if len(shape) == 2 else draws
    step = max(1, _CHUNK // (shape[0] * shape[1]))
    parts = []
    # Constant, stuck and infinite draws divide by zero or subtract infinities; NaN is meant then.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for slab in slabs(stored):
            for start in range(0, slab.shape[2], step):
                chunk = np.ascontiguousarray(np.moveaxis(slab[:, :, start : start + step], 2, 0))
                parts.append(statistic(chunk))
    values = np.concatenate(parts, axis=-1)
    return values[..., 0][()] if len(shape) == 2 else values


class _Chunk:
    """Draws (k, chain, draw) and the statistics of their order, which share the sorting."""

    def __init__(self, x: Array) -> None:
        self.x = x
        self.invalid = np.isnan(x).any(axis=(1, 2))

    @cached_property
    def scores(self) -> Array:
        return _normal_scores(_split(self.x))

    @cached_property
    def ordered(self) -> Array:
        return np.sort(self.x.reshape(len(self.x), -1), axis=1)

    def rhat(self) -> Array:
        halves = _split(self.x)
        folded = np.abs(halves - np.median(halves, axis=(1, 2), keepdims=True))
        # fmax: a symmetric two-point chain is constant once folded, and then its bulk decides.
        return self._checked(np.fmax(_rhat(self.scores), _rhat(_normal_scores(folded))))

    def ess_bulk(self) -> Array:
        return self._checked(_ess(self.scores))

    def ess_tail(self) -> Array:
        return np.minimum(self.ess_quantile(TAIL[0]), self.ess_quantile(TAIL[1]))

    def ess_quantile(self, p: float) -> Array:
        below = self.x <= self.quantile(p)[:, None, None]
        return self._checked(_ess(_split(below.astype(np.float64))))

    def quantile(self, p: float) -> Array:
        """Return the ``p`` quantile (k,), interpolated linearly; exactly a between two draws a."""
        place = (self.ordered.shape[1] - 1) * p
        low = self.ordered[:, int(np.floor(place))]
        step = self.ordered[:, int(np.ceil(place))] - low
        return np.where(np.isfinite(step), low + step * (place - np.floor(place)), low)

    def mcse_quantile(self, p: float) -> Array:
        size = self.ess_quantile(p)
        last = self.ordered.shape[1] - 1
        bounds = [
            special.betaincinv(size * p + 1, size * (1 - p) + 1, q) * (last + 1) - 1
            for q in _ONE_SIGMA
        ]
        low = np.floor(np.fmax(bounds[0], 0)).astype(int)
        high = np.ceil(np.fmin(bounds[1], last)).astype(int)
        rows = np.arange(len(self.x))
        return self._checked((self.ordered[rows, high] - self.ordered[rows, low]) / 2)

    def _checked(self, values: Array) -> Array:
        values[self.invalid] = np.nan
        return values


def _mcse_mean(x: Array) -> Array:
    return np.asarray(np.std(x, axis=(1, 2), ddof=1) / np.sqrt(_ess_mean(x)))


def _mcse_sd(x: Array) -> Array:
    squares = (x - x.mean(axis=(1, 2), keepdims=True)) ** 2
    variance = squares.mean(axis=(1, 2))
    error = ((squares**2).mean(axis=(1, 2)) - variance**2) / _ess_mean(squares)
    return np.asarray(np.sqrt(error / variance / 4))


def _ess_mean(x: Array) -> Array:
    return _ess(_split(x))


def _ess_batch(x: Array) -> Array:
    """Chains disagree in the means of their batches too, so the deviations are from that of all."""
    length = math.isqrt(x.shape[2])
    count = x.shape[2] // length
    recent = x[:, :, x.shape[2] - count * length :]
    means = recent.reshape(*x.shape[:2], count, length).mean(axis=3).reshape(len(x), -1)
    total = x.shape[1] * x.shape[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.var(x, axis=(1, 2), ddof=1) / np.var(means, axis=1, ddof=1)
    return np.asarray(np.where(np.isfinite(ratio), total * ratio / length, np.nan))


def _split(x: Array) -> Array:
    """Split (k, chain, draw) into halves (k, 2 chain, draw // 2), less an odd middle draw."""
    half = x.shape[2] // 2
    return np.concatenate([x[:, :, :half], x[:, :, -half:]], axis=1)


def _normal_scores(x: Array) -> Array:
    """Replace draws by the normal scores of their ranks over all chains, ties averaged.

    Blom's scores Phi^{-1}((r - 3/8) / (S + 1/4)) for the ranks r = 1..S.
    """
    flat = x.reshape(len(x), -1)
    total = flat.shape[1]
    order = np.argsort(flat, axis=1)
    ordered = np.take_along_axis(flat, order, axis=1)
    place = np.broadcast_to(np.arange(total), flat.shape)
    step = ordered[:, 1:] != ordered[:, :-1]
    ends = np.ones((len(x), 1), dtype=bool)
    # Equal draws share the mean of the first and the last of their places (counted from 0).
    first = np.maximum.accumulate(np.where(np.hstack([ends, step]), place, 0), axis=1)
    last = np.where(np.hstack([step, ends]), place, total)[:, ::-1]
    twice = first + np.minimum.accumulate(last, axis=1)[:, ::-1]
    table = special.ndtri((np.arange(2 * total - 1) / 2 + 0.625) / (total + 0.25))
    scores = np.empty_like(flat)
    np.put_along_axis(scores, order, table[twice], axis=1)
    return scores.reshape(x.shape)


def _rhat(x: Array) -> Array:
    """Return R-hat (k,) of half chains (k, chain, draw): sqrt((n - 1) / n + between / within)."""
    n = x.shape[2]
    within = x.var(axis=2, ddof=1).mean(axis=1)
    between = x.mean(axis=2).var(axis=1, ddof=1)
    return np.asarray(np.sqrt((n - 1) / n + between / within))


def _ess(x: Array) -> Array:
    """Return the effective sample size (k,) of the mean of half chains (k, chain, draw).

    The autocorrelation time is Geyer's (Statistical Science 1992): for a reversible chain the sums
    P_j = rho_2j + rho_2j+1 of neighbouring autocorrelations are positive and decreasing, so the sum
    stops at the first P_m <= 0, and P_j becomes min(P_0..P_j).
    """
    k, chains, n = x.shape
    total = chains * n
    covariance = _autocovariance(x)
    within = covariance[:, :1] * n / (n - 1)
    spread = within * (n - 1) / n + x.mean(axis=2).var(axis=1, ddof=1)[:, None]
    rho = 1 - (within - covariance) / spread
    rho[:, 0] = 1

    # At most `last` pairs after the zeroth: the longest lags rest on two or three products only.
    last = max(0, (n - 3) // 2)
    pairs = rho[:, 0 : 2 * last + 2 : 2] + rho[:, 1 : 2 * last + 2 : 2]
    ended = pairs <= 0
    m = np.where(ended.any(axis=1), ended.argmax(axis=1), last)
    sums = np.cumsum(np.minimum.accumulate(pairs, axis=1), axis=1)
    rows = np.arange(k)
    before = np.where(m > 0, sums[rows, np.maximum(m - 1, 0)], 0)
    # Of the pair where the sum stops, rho_2m stays if positive (or if the lags ran out first).
    even = rho[rows, 2 * m]
    kept = (even > 0) | ((m > 0) & (pairs[rows, m] >= 0))
    time = np.maximum(-1 + 2 * before + np.where(kept, even, 0), 1 / np.log10(total))
    values = np.where(np.isfinite(rho[:, 1]), total / time, np.nan)
    constant = (x == x[:, :1, :1]).all(axis=(1, 2))
    return np.where(constant, float(total), values)


def _autocovariance(x: Array) -> Array:
    """Return the chains' mean autocovariances (k, draw), divisor n, of draws (k, chain, draw)."""
    n = x.shape[2]
    length = fft.next_fast_len(2 * n, real=True)
    spectrum = fft.rfft(x - x.mean(axis=2, keepdims=True), length, axis=2)
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
    covariance: Array = fft.irfft(power, length, axis=1)[:, :n] / n
    return covariance
