"""Markov kernels in white space: pCN, MALA and ULA. The steps themselves are compiled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from . import _core
from ._validate import Array, array, interval, positive


class DiagonalMetric:
    """A diagonal metric C = diag(variance): the covariance of the proposal's noise in white space.

    Good variances are those of the posterior in white space. With a series prior of standard
    deviations s_k, ``DiagonalMetric(prior.mode_std ** -2.0)`` turns ULA into the unpreconditioned
    Langevin algorithm in the coefficients theta_k = s_k xi_k.

    Parameters
    ----------
    variance : array_like, (W,)
    """

    def __init__(self, variance: ArrayLike):
        self.variance = array("variance", variance, (None,)).copy()
        if not (self.variance > 0).all():
            raise ValueError(
                f"variance must be positive, got {self.variance[self.variance <= 0][0]}"
            )

    def __repr__(self) -> str:
        v = self.variance
        return f"DiagonalMetric(<{v.size} values, {v.min():.6g} to {v.max():.6g}>)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DiagonalMetric) and np.array_equal(self.variance, other.variance)

    def __hash__(self) -> int:
        return hash(self.variance.tobytes())


class Kernel(Protocol):
    """What :func:`m4dl.sample` needs of a kernel."""

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        ...


@dataclass(frozen=True)
class PCN:
    """Preconditioned Crank-Nicolson: xi' = sqrt(1 - beta^2) xi + beta C^{1/2} w.

    Parameters
    ----------
    beta : float in (0, 1]
        Step size; the papers' delta is beta^2 / 2. With ``adapt`` it is the starting value.
    metric : DiagonalMetric, optional
        C; default the identity, for which the ratio is the likelihood's alone.
    adapt : bool
        Adapt beta during warmup (never after), each chain for itself.
    target : float in (0, 1)
        Acceptance probability to adapt to.

    Source
    ------
    S. Cotter, G. Roberts, A. Stuart, D. White, MCMC methods for functions, Statist. Sci. 28 (2013);
    with a metric D. Rudolf, B. Sprungk, On a generalization of the preconditioned Crank-Nicolson
    Metropolis algorithm, Found. Comput. Math. 18 (2018).
    """

    beta: float = 0.2
    metric: DiagonalMetric | None = field(default=None, kw_only=True)
    adapt: bool = field(default=True, kw_only=True)
    target: float = field(default=0.25, kw_only=True)

    def __post_init__(self) -> None:
        # as plain floats: a store compares kernels by their repr
        object.__setattr__(self, "beta", interval("beta", self.beta, 0.0, 1.0, closed_high=True))
        object.__setattr__(self, "target", interval("target", self.target, 0.0, 1.0))
        _check_adaptation(self.adapt, self.metric)

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        target = self.target if self.adapt else 0.0
        variance = _variance(self.metric, potential)
        return _core.run_pcn(potential, self.beta, target, variance, seed, xi0, threads)


@dataclass(frozen=True)
class MALA:
    """Metropolis-adjusted Langevin: xi' = xi - h C (xi + grad Phi) + sqrt(2 h) C^{1/2} w.

    Parameters
    ----------
    step_size : float
        h > 0. With ``adapt`` it is the starting value.
    metric, adapt
        As for :class:`PCN`.
    target : float in (0, 1)
        Acceptance probability to adapt to; 0.57 is optimal for product targets.

    Source
    ------
    G. Roberts, R. Tweedie, Bernoulli 2 (1996); G. Roberts, J. Rosenthal, J. R. Stat. Soc. B 60
    (1998) for the target.
    """

    step_size: float = 0.01
    metric: DiagonalMetric | None = field(default=None, kw_only=True)
    adapt: bool = field(default=True, kw_only=True)
    target: float = field(default=0.57, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "step_size", positive("step_size", self.step_size))
        object.__setattr__(self, "target", interval("target", self.target, 0.0, 1.0))
        _check_adaptation(self.adapt, self.metric)

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        _need_gradient("MALA", potential)
        target = self.target if self.adapt else 0.0
        variance = _variance(self.metric, potential)
        return _core.run_mala(potential, self.step_size, target, variance, seed, xi0, threads)


@dataclass(frozen=True)
class ULA:
    """Unadjusted Langevin: the proposal of :class:`MALA`, always taken.

    Its law is not the posterior: on a Gaussian target of precision lambda its variance is
    1/(lambda (1 - h lambda/2)), and it diverges once h lambda >= 2. The step size is never adapted.

    Parameters
    ----------
    step_size : float
        h > 0.
    metric : DiagonalMetric, optional

    Source
    ------
    R. Nickl, S. Wang, On polynomial-time computation of high-dimensional posterior measures by
    Langevin-type algorithms, J. Eur. Math. Soc. 26 (2024).
    """

    step_size: float
    metric: DiagonalMetric | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "step_size", positive("step_size", self.step_size))
        _check_metric(self.metric)

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        _need_gradient("ULA", potential)
        variance = _variance(self.metric, potential)
        return _core.run_ula(potential, self.step_size, variance, seed, xi0, threads)


def _check_metric(metric: Any) -> None:
    if metric is not None and not isinstance(metric, DiagonalMetric):
        raise TypeError(f"metric must be a DiagonalMetric or None, got {type(metric).__name__}")


def _check_adaptation(adapt: Any, metric: Any) -> None:
    if not isinstance(adapt, bool):
        raise TypeError(f"adapt must be True or False, got {adapt!r}")
    _check_metric(metric)


def _variance(metric: DiagonalMetric | None, potential: Any) -> Array | None:
    if metric is None:
        return None
    return array("metric", metric.variance, (potential.white,))


def _need_gradient(name: str, potential: Any) -> None:
    if not potential.has_gradient:
        raise ValueError(f"{name} needs a gradient, and the model has none; use PCN")
