"""Bernstein-von Mises: the posterior of one functional beside the Gaussians of the theory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.sparse.linalg import LinearOperator, cg

from .._base import validate
from .._base.defined import defined
from .._base.fixed import Fixed
from .._base.validate import Array
from ..posterior import Posterior, check_posterior
from ..results import ESS_PER_CHAIN, RHAT, Draws, diagnostics
from ._limit import efficient_variance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TOLERANCE = 1e-10  # of conjugate gradients, relative to the right-hand side


@dataclass(eq=False, repr=False)
class BernsteinVonMises(Fixed):
    """The result of :func:`m4dl.studies.bvm`. ``print`` it or ``plot()`` it.

    Attributes
    ----------
    values : (chain, draw) array
        The functional of the draws.
    truth : float
        The functional of theta0.
    mean, variance, variance_error : float
        Of the draws; the Monte Carlo standard error of the variance.
    reference : float
        The finite-N variance: psi' (J' Sigma^{-1} J + C^{-1})^{-1} psi, J the derivative at theta0.
    ratio, ratio_error : float
        ``variance / reference``, and its Monte Carlo standard error.
    limit : float or None
        The efficient variance divided by N; None where there is none.
    remark : str
        Of the limit: what it assumes, or why there is none.
    skewness, kurtosis, moment_errors
        Of the draws; kurtosis in excess of a Gaussian's 0. Their standard errors for Gaussian
        draws, sqrt(6/ESS) and sqrt(24/ESS).
    distance : float
        Kolmogorov's: the largest difference of the distribution functions of the draws and of the
        Gaussian with their own mean and variance. Chance alone makes about 0.6/sqrt(ESS).
    ess, rhat : float
        Effective draws of the functional, and its R-hat.
    """

    values: Array
    truth: float
    reference: float
    limit: float | None
    remark: str

    def __post_init__(self) -> None:
        v = self.values
        self.mean, std = float(v.mean()), float(v.std(ddof=1))
        self.variance = std**2
        self.variance_error = 2 * std * float(diagnostics.mcse_sd(v))
        self.ratio = self.variance / self.reference
        self.ratio_error = self.variance_error / self.reference
        self.ess, self.rhat = float(diagnostics.ess(v)), float(diagnostics.rhat(v))
        flat = np.sort(v.ravel())
        self.skewness, self.kurtosis = float(stats.skew(flat)), float(stats.kurtosis(flat))
        self.moment_errors = float(np.sqrt(6 / self.ess)), float(np.sqrt(24 / self.ess))
        at = stats.norm.cdf(flat, self.mean, std)
        steps = np.arange(flat.size + 1) / flat.size
        self.distance = float(max((steps[1:] - at).max(), (at - steps[:-1]).max()))
        super().__post_init__()

    @property
    def limit_ratio(self) -> float | None:
        """``variance / limit``, which tends to 1 with N, often slowly; None without a limit."""
        return None if self.limit is None else self.variance / self.limit

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the histogram of the draws, both Gaussians, and the truth."""
        from ..plot import studies

        ratio = self.ratio, self.ratio_error
        variances = self.reference, self.limit
        return studies.bernstein_von_mises(self.values, self.truth, *variances, ratio, ax)

    def __repr__(self) -> str:
        lines = [
            f"posterior of the functional: {self.mean:.5g} ± {self.variance**0.5:.3g}, truth "
            f"{self.truth:.5g} ({(self.truth - self.mean) / self.variance**0.5:+.2f} deviations)",
            f"variance / finite-N reference: {self.ratio:.3f} ± {self.ratio_error:.3f}",
        ]
        if self.limit_ratio is not None:
            lines.append(
                f"variance / efficient limit:    {self.limit_ratio:.3f}; the reference itself is "
                f"at {self.reference / self.limit_of():.3f} of the limit"
            )
        lines += [
            self.remark,
            f"normality: skewness {self.skewness:+.3f} ± {self.moment_errors[0]:.3f}, excess "
            f"kurtosis {self.kurtosis:+.3f} ± {self.moment_errors[1]:.3f}, Kolmogorov distance "
            f"{self.distance:.3f} (chance makes {0.6 / np.sqrt(self.ess):.3f})",
        ]
        if not (self.rhat <= RHAT and self.ess >= ESS_PER_CHAIN):
            lines.append(
                f"Not converged: R-hat is {self.rhat:.3f} and ESS {self.ess:.0f} for this "
                "functional. Nothing above is to be believed yet."
            )
        return "\n".join(lines)

    def limit_of(self) -> float:
        """Return the limit, or raise ValueError with the reason why there is none."""
        if self.limit is None:
            raise ValueError(self.remark)
        return self.limit


def bvm(
    posterior: Posterior, functional: ArrayLike, theta0: ArrayLike, draws: Draws
) -> BernsteinVonMises:
    """Compare the posterior of <theta, psi> with the Gaussians of the Bernstein-von Mises theorem.

    Two variances. The *finite-N reference* is that of the model linearised at theta0, with the
    prior: psi' (J' Sigma^{-1} J + C^{-1})^{-1} psi, J' Sigma^{-1} J the information of these very
    observations, which is N I*I/(sigma^2 |O|) when they are many and uniform. It is what a large
    but finite number of data gives, for any psi. The *efficient limit* is what N times the variance
    tends to; it is known for the Schroedinger equation on grids and smooth psi that vanish towards
    the boundary, and may be far from any N that one has.

    Parameters
    ----------
    posterior : Posterior
        With a Gaussian prior, and a model with tangent and adjoint.
    functional : (D,) array
        Weights psi_i, for sum psi_i theta_i.
    theta0 : (D,) array
        The truth.
    draws : Draws
        Of this posterior.

    Raises
    ------
    ValueError
        Sizes that do not fit, draws of another size, a functional that is constant under the
        posterior, a prior that is not Gaussian, a model without tangent or that fails at theta0.
    TypeError
        For moments.
    RuntimeError
        If conjugate gradients do not converge.

    Source
    ------
    R. Nickl, Bernstein-von Mises theorems for statistical inverse problems I: Schroedinger
    equation, J. Eur. Math. Soc. 22 (2020); F. Monard, R. Nickl, G. Paternain, Ann. Statist. 49
    (2021), for the information operator.
    """
    check_posterior(posterior)
    size = posterior.parameters
    psi = validate.array("functional", functional, (size,))
    truth = validate.array("theta0", theta0, (size,))
    if not isinstance(draws, Draws):
        raise TypeError(f"draws must be m4dl Draws, got {type(draws).__name__}")
    if draws.parameters != size:
        raise ValueError(f"draws must have {size} parameters, got {draws.parameters}")
    if draws.draws < 4:
        raise ValueError(f"draws must be at least 4 a chain, got {draws.draws}")
    reference = reference_variance(posterior, psi, truth)
    values = defined("functional", draws.functional(psi))
    if not reference > 0 or not values.std() > 1e-12 * np.abs(values).max():
        raise ValueError("functional must vary under the posterior, and it is constant")
    limit, remark = efficient_variance(posterior, psi, truth)
    return BernsteinVonMises(values, float(psi @ truth), reference, limit, remark)


def reference_variance(posterior: Posterior, psi: Array, theta0: Array) -> float:
    """psi' (J' Sigma^{-1} J + C^{-1})^{-1} psi, by conjugate gradients in white space.

    With theta = mean + T xi, C = T T': it is b' (I + T' J' Sigma^{-1} J T)^{-1} b, b = T' psi.
    """
    prior, model = posterior.prior, posterior.model
    if not (model.has_pull and model.has_push):
        raise ValueError(f"{type(model).__name__} has no tangent: there is no information operator")
    zero = np.zeros(prior.white)
    other = np.cos(np.arange(prior.white))
    b = prior.pull(zero, psi)
    if not np.allclose(prior.pull(other, psi), b, rtol=1e-10, atol=1e-12 * np.abs(b).max()):
        raise ValueError(
            f"bvm needs a Gaussian prior, and {type(prior).__name__} is nonlinear in white noise"
        )
    if not np.isfinite(model.forward(theta0)).all():
        raise ValueError("the model is not finite at theta0")
    precision = posterior.noise.expand(model.outputs) ** -2.0

    def product(xi: Array) -> Array:
        sensitivity = precision * model.push(theta0, prior.tangent(zero, xi))
        return np.asarray(xi + prior.pull(zero, model.pull(theta0, sensitivity)))

    shape = (prior.white, prior.white)
    operator: Any = LinearOperator(shape, matvec=lambda x: product(x.ravel()), dtype=np.float64)
    most = 20 * prior.white + 100  # rounding may cost more than the W of exact arithmetic
    solution, info = cg(operator, b, rtol=_TOLERANCE, maxiter=most)
    if info != 0:
        raise RuntimeError(f"conjugate gradients did not converge in {most} iterations")
    return float(b @ solution)
