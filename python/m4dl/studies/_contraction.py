"""The rate at which the error of the posterior mean falls with the number of data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from .._base import validate
from .._base.fixed import Fixed
from .._base.validate import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(eq=False, repr=False)
class Contraction(Fixed):
    """The error of the posterior mean as a power of N.

    Attributes
    ----------
    name : str
        The set whose norm it is.
    sizes, errors, standard_errors : (n,) arrays
        N, the mean error over replicates, and its standard error.
    rate : float
        The fitted exponent: the slope of log error against log N, weighted by the standard errors.
    low, high : float
        Its interval, for the spread of the replicates. That the errors are no exact power of N yet
        is not in it; see ``misfit``.
    misfit : float
        p-value of a straight line (chi-square); NaN for two sizes.
    theory : float or None
    """

    name: str
    sizes: Array
    errors: Array
    standard_errors: Array
    rate: float
    low: float
    high: float
    misfit: float
    theory: float | None
    confidence: float

    @classmethod
    def of(
        cls, name: str, errors: dict[int, Array], confidence: float, theory: float | None
    ) -> Contraction:
        """Fit a line to the logarithms of the mean errors, (replicates,) for each N."""
        slope = None if theory is None else validate.number("theory", theory)
        enough = {N: e for N, e in errors.items() if e.size > 1}
        if len(enough) < 2:
            raise ValueError(
                "a rate needs at least 2 different N with 2 converged replicates, "
                f"got {len(enough)}"
            )
        N = np.array(list(enough), dtype=np.float64)
        mean = np.array([e.mean() for e in enough.values()])
        error = np.array([e.std(ddof=1) / np.sqrt(e.size) for e in enough.values()])
        x, y, s = np.log(N), np.log(mean), error / mean  # delta method
        w = 1 / s**2
        centre = (w * x).sum() / w.sum()
        spread = (w * (x - centre) ** 2).sum()
        rate = (w * (x - centre) * y).sum() / spread
        rest = y - (w * y).sum() / w.sum() - rate * (x - centre)
        half = stats.norm.ppf((1 + confidence) / 2) / np.sqrt(spread)
        free = N.size - 2
        misfit = float(stats.chi2.sf((w * rest**2).sum(), free)) if free else float("nan")
        ends = float(rate - half), float(rate + half)
        return cls(name, N, mean, error, float(rate), *ends, misfit, slope, confidence)

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the error against N in logarithmic axes, the fit, and the slope of theory."""
        from ..plot import studies

        rate = self.rate, self.low, self.high
        errors = self.errors, self.standard_errors
        return studies.contraction(self.sizes, *errors, rate, self.theory, self.name, ax)

    def __repr__(self) -> str:
        beside = "" if self.theory is None else f"; theory {self.theory:.3f}"
        return (
            f"error in the norm of {self.name!r} ~ N^{self.rate:.3f}, "
            f"{self.confidence:.0%} interval [{self.low:.3f}, {self.high:.3f}]{beside}"
        )
