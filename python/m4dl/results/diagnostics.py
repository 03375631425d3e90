"""Convergence diagnostics: rank-normalised split R-hat, effective sample sizes, standard errors.

Every function takes draws of shape (chain, draw) or (chain, draw, D) and returns a float or a (D,)
array, computed in parallel. Parameters are worked through in slabs, so the working memory does not
depend on D, and the draws may lie in anything that has ``shape`` and NumPy slicing (a Zarr array,
say).

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

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from .. import _core
from .._base import validate
from .._base.sparse import is_sparse
from .._base.validate import Array

#: Tail ESS is the smaller of the effective sizes at these two quantiles.
TAIL = (0.05, 0.95)
#: Verdicts look at these too: a chain that seldom gets far out stays there for long.
FAR = (0.01, 0.99)
#: The probabilities of minus and plus one standard deviation of a Gaussian.
_ONE_SIGMA = (0.1586553, 0.8413447)

_SLAB = 2**25  # numbers read from storage at a time: 256 MiB

Statistic = str | tuple[str, float]
"""A name that the compiled core knows, with the quantile that ``"ess_quantile"`` is for."""


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
    return _single(draws, "rhat")


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
    validate.choice("kind", kind, ("bulk", "tail", "mean", "batch"))
    return _tail(draws) if kind == "tail" else _single(draws, f"ess_{kind}")


def ess_quantile(draws: Sliceable, p: float) -> Any:
    """Return the effective sample size of the ``p`` quantile (of the indicator of lying below)."""
    level = validate.interval("p", p, 0.0, 1.0)
    return _single(draws, ("ess_quantile", level))


def mcse_mean(draws: Sliceable) -> Any:
    """Return the Monte Carlo standard error of the mean: standard deviation / sqrt(ESS)."""
    return _single(draws, "mcse_mean")


def mcse_sd(draws: Sliceable) -> Any:
    """Return the Monte Carlo standard error of the standard deviation.

    By the delta method from that of v = mean (x - mean)^2: sd(sqrt v) = sd(v) / (2 sqrt v).
    """
    return _single(draws, "mcse_sd")


def mcse_quantile(draws: Sliceable, p: float) -> Any:
    """Return the Monte Carlo standard error of the ``p`` quantile.

    With S effective draws the share of draws below the true quantile is about
    Beta(S p + 1, S (1 - p) + 1); its one-sigma interval, read off the ordered draws, is twice the
    error.
    """
    from scipy import special

    level = validate.interval("p", p, 0.0, 1.0)
    size = np.asarray(_single(draws, ("ess_quantile", level)))
    below, above = (
        special.betaincinv(size * level + 1, size * (1 - level) + 1, q) for q in _ONE_SIGMA
    )
    parts = []
    start = 0
    for slab in slabs(_stored(draws)):
        ordered = np.sort(slab.reshape(-1, slab.shape[2]), axis=0)
        part = slice(start, start := start + slab.shape[2])
        total, columns = len(ordered), np.arange(slab.shape[2])
        low = np.floor(np.fmax(np.atleast_1d(below)[part] * total - 1, 0))
        high = np.ceil(np.fmin(np.atleast_1d(above)[part] * total - 1, total - 1))
        parts.append((ordered[high.astype(int), columns] - ordered[low.astype(int), columns]) / 2)
    values = np.where(np.isnan(size), np.nan, np.concatenate(parts).reshape(size.shape))
    return values[()]


def summarise(draws: Sliceable) -> dict[str, Any]:
    """Return all that a summary shows, from one pass over the draws.

    Returns
    -------
    dict
        ``mean``, ``std`` (divisor: draws - 1), ``mcse_mean``, ``ess_bulk``, ``ess_batch``,
        ``ess_tail``, ``ess_far`` (the same at 1 % and 99 %), ``rhat``: each a float or (D,).
    """
    plain = ("mean", "std", "mcse_mean", "ess_bulk", "ess_batch")
    quantiles = [("ess_quantile", p) for p in (*TAIL, *FAR)]
    found = statistics(draws, [*plain, *quantiles, "rhat"])
    tail, far = (np.minimum(*found[k : k + 2]) for k in (len(plain), len(plain) + 2))
    known = dict(zip(plain, found, strict=False))
    return known | {"ess_tail": tail, "ess_far": far, "rhat": found[-1]}


def statistics(draws: Sliceable, wanted: Sequence[Statistic]) -> list[Any]:
    """Return several statistics from one pass over the draws, each a float or (D,).

    Parameters
    ----------
    draws : (chain, draw) or (chain, draw, D)
    wanted : sequence
        Names of the compiled core: ``"mean"``, ``"std"``, ``"mcse_mean"``, ``"mcse_sd"``,
        ``"rhat"``, ``"ess_bulk"``, ``"ess_mean"``, ``"ess_batch"``; and pairs
        ``("ess_quantile", p)``.
    """
    stored = _stored(draws)
    chains, length, _ = stored.shape
    names = [(name, 0.0) if isinstance(name, str) else name for name in wanted]
    scores = _normal_scores(2 * chains * (length // 2))
    parts = [_core.chain_statistics(slab, names, scores) for slab in slabs(stored)]
    values = np.concatenate(parts, axis=1)
    return [row[0] if len(np.shape(draws)) == 2 else row for row in values]


def _single(draws: Sliceable, wanted: Statistic) -> Any:
    return statistics(draws, [wanted])[0]


def _tail(draws: Sliceable) -> Any:
    return np.minimum.reduce(statistics(draws, [("ess_quantile", p) for p in TAIL]))


def slabs(draws: Sliceable) -> Iterator[Array]:
    """Read draws (chain, draw, D) as float64 arrays (chain, draw, k) of bounded size."""
    chains, length, size = draws.shape
    step = max(1, _SLAB // max(1, chains * length))
    for start in range(0, size, step):
        yield np.asarray(draws[:, :, start : start + step], dtype=np.float64)


def _stored(draws: Sliceable) -> Sliceable:
    """Return draws (chain, draw, D), D = 1 for (chain, draw)."""
    if not isinstance(getattr(draws, "shape", None), tuple) or is_sparse(draws):
        draws = validate.real("draws", draws, "iufb")
    kind = np.dtype(getattr(draws, "dtype", np.float64))
    if kind.kind not in "iufb":  # an indicator is a number
        raise TypeError(f"draws must be real numbers, got dtype {kind}")
    shape = tuple(draws.shape)
    if len(shape) not in (2, 3) or 0 in shape:
        raise ValueError(
            f"draws must have shape (chain, draw) or (chain, draw, D), none of them 0, got {shape}"
        )
    return np.asarray(draws)[:, :, None] if len(shape) == 2 else draws


def _normal_scores(total: int) -> Array:
    """Return Blom's scores Phi^{-1}((r - 3/8) / (S + 1/4)) of the ranks r = 1, 3/2, 2, .. S."""
    from scipy import special

    doubled = np.arange(max(0, 2 * total - 1))
    return np.asarray(special.ndtri((doubled / 2 + 0.625) / (total + 0.25)))
