"""What a run with ``keep="moments"`` returns: `Moments`, mean and variance of draws not kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._base import validate
from .._base.validate import Array
from . import _summary
from ._pictures import Pictured
from ._record import Record, shaped
from ._summary import Summary

if TYPE_CHECKING:
    pass

_LOST = {"theta", "log_likelihood", "energy", "diverging", "quantile", "ess", "functional"}
_LOST |= {"plot_trace", "predictive", "to_datatree", "to_arviz"}
"""What `Draws` has, and cannot be had from moments."""


class Moments(Pictured):
    """Mean, variance and errors of a run that kept no draws (``keep="moments"``).

    Parameters
    ----------
    mean, variance : (chain, D) arrays
        Of each chain; the variance is unbiased (divisor draws - 1).
    mcse : (D,) array
        Monte Carlo standard error of the mean over all chains, by batch means.
    rhat : (D,) array
        Convergence diagnostic; NaN where it is undefined.
    functionals : mapping
        For each functional its ``mean``, ``std`` and ``mcse``, and ``rhat`` if known.
    draws : int
        Draws in each chain.
    **about
        The run: see `Record`.

    Attributes
    ----------
    chain_mean, chain_variance : (chain, D) arrays
        ``mean`` and ``variance`` as given.
    """

    _remembers = True

    def __init__(
        self,
        *,
        mean: ArrayLike,
        variance: ArrayLike,
        mcse: ArrayLike,
        rhat: ArrayLike,
        functionals: Mapping[str, Mapping[str, float]],
        draws: int,
        **about: Any,
    ) -> None:
        super().__init__(**about)
        self.chain_mean = validate.real("mean", mean)
        if self.chain_mean.ndim != 2 or self.chain_mean.size == 0:
            raise ValueError(
                f"mean must have shape (chain, D), none of them 0, got {np.shape(mean)}"
            )
        chains, size = self.chain_mean.shape
        self.set_sizes(chains, validate.integer("draws", draws, 1), size)
        self.chain_variance = shaped("variance", variance, (chains, size))
        self._mcse = shaped("mcse", mcse, (size,))
        self._rhat = shaped("rhat", rhat, (size,))
        if not isinstance(functionals, Mapping):
            raise TypeError(f"functionals must be a mapping, got {validate.short(functionals)}")
        self.functionals = {name: dict(values) for name, values in functionals.items()}

    def mean(self) -> Array:
        """Return the posterior mean (D,), over all chains."""
        return np.asarray(self.chain_mean.mean(axis=0))

    def std(self) -> Array:
        """Return the posterior standard deviation (D,) of all draws, within and between chains."""
        within = (self.draws - 1) * self.chain_variance.sum(axis=0)
        between = self.draws * ((self.chain_mean - self.mean()) ** 2).sum(axis=0)
        degrees = self.chains * self.draws - 1
        return np.sqrt((within + between) / degrees) if degrees else np.full_like(within, np.nan)

    def mcse(self) -> Array:
        """Return the Monte Carlo standard error (D,) of the posterior mean."""
        return self._mcse.copy()

    def rhat(self) -> Array:
        """Return the convergence diagnostic R-hat (D,)."""
        return self._rhat.copy()

    def component(self, number: int) -> Moments:
        """Return the moments of one component of a vector field, counted from 0.

        Functionals are those of the whole field, and stay with it.
        """
        part = self._values_of(number)
        about = {f.name: getattr(self, f.name) for f in fields(Record) if f.init}
        return Moments(
            mean=self.chain_mean[:, part],
            variance=self.chain_variance[:, part],
            mcse=self._mcse[part],
            rhat=self._rhat[part],
            functionals={},
            draws=self.draws,
            **about | {"names": None if self.names is None else self.names[part]},
        )

    def summary(self, max_rows: int = 8) -> Summary:
        """Return a table of the functionals and up to ``max_rows`` parameters, the worst first.

        ``ess`` is (std / mcse)^2, the effective sample size of the mean.
        """
        rows = validate.integer("max_rows", max_rows, 0)
        special = {name: _batch_columns(**values) for name, values in self.functionals.items()}
        theta = _batch_columns(self.mean(), self.std(), self._mcse, self._rhat)
        missing = {n: np.nan for n, v in self.functionals.items() if not np.isfinite(v["mean"])}
        return _summary.summarise(
            self.about() | {"missing": missing}, special, theta, rows, self.names
        )

    def __getattr__(self, name: str) -> Any:
        if name in _LOST:
            raise AttributeError(
                f'Moments has no {name!r}, the draws were not kept: sample with keep="draws"'
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _batch_columns(mean: Any, std: Any, mcse: Any, rhat: Any = np.nan) -> dict[str, Any]:
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.square(np.divide(std, mcse))
    return {"mean": mean, "std": std, "mcse": mcse, "ess": size, "r_hat": rhat}
