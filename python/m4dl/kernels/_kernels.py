"""Markov kernels in white space: pCN, MALA, ULA and HMC. The steps themselves are compiled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from .. import _core
from .._base.fixed import Described
from .._base.validate import Array, flag, integer, interval, positive
from ._learn import Learner, MetricLearner
from ._metrics import LEARNED, LowRankMetric, Metric, check_metric

Learned = Literal["learned"]
SAFEGUARD = 10
"""One step in so many of pCN or MALA with a low-rank metric is one of plain pCN, for tails and
modes that the metric does not know."""

LARGEST_IMPLICIT_STEP = 4.0
"""h of infinity-MALA at which z' is an independent draw of the reference."""


class Kernel(Protocol):
    """What :func:`m4dl.sample` needs of a kernel."""

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        ...


@dataclass(frozen=True)
class PCN(Described):
    """Preconditioned Crank-Nicolson: xi' = m + sqrt(1 - beta^2) (xi - m) + beta C^{1/2} w.

    Parameters
    ----------
    beta : float in (0, 1]
        Step size; the papers' delta is beta^2 / 2. With ``adapt`` it is the starting value.
    metric : DiagonalMetric, LowRankMetric or "learned", optional
        C, and the centre m (0 for a diagonal one). By default that of the start: the Laplace
        approximation where chains start there, one that is learned in warmup for models without a
        tangent (see :func:`m4dl.sample`), else the identity, for which the ratio is the
        likelihood's alone. "learned": a LowRankMetric with mean and covariance of the draws of all
        chains, from windows of growing length; a chain then depends on the others, through it.
        With a low-rank metric and ``adapt`` every tenth step is one of plain pCN, for what the
        metric does not know of.
    adapt : bool
        Adapt beta during warmup (never after), each chain for itself.
    target : float in (0, 1)
        Acceptance probability to adapt to.

    Source
    ------
    S. Cotter, G. Roberts, A. Stuart, D. White, MCMC methods for functions, Statist. Sci. 28 (2013);
    with a metric and a centre D. Rudolf, B. Sprungk, On a generalization of the preconditioned
    Crank-Nicolson Metropolis algorithm, Found. Comput. Math. 18 (2018).
    """

    beta: float = 0.2
    metric: Metric | Learned | None = field(default=None, kw_only=True)
    adapt: bool = field(default=True, kw_only=True)
    target: float = field(default=0.25, kw_only=True)

    def __post_init__(self) -> None:
        # as plain floats: a store compares kernels by their repr
        object.__setattr__(self, "beta", interval("beta", self.beta, 0.0, 1.0, closed_high=True))
        object.__setattr__(self, "target", interval("target", self.target, 0.0, 1.0))
        _check_adaptation(self.adapt, self.metric)

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        return _run(self, self.compiled(_safeguard(self)), potential, seed, xi0, threads)

    def compiled(self, safeguard: int = 0) -> Any:
        """Return the kernel as the core knows it."""
        return _core.Pcn(beta=self.beta, target=_target(self), safeguard=safeguard)

    def learners(self, potential: Any) -> list[Learner]:
        """Return what warmup is to learn."""
        # pCN with long steps stays for long where its proposals are rarer than the posterior
        return _learners(self.metric, potential, self.target)


@dataclass(frozen=True)
class MALA(Described):
    """Metropolis-adjusted Langevin: xi' = xi - h C (xi + grad Phi) + sqrt(2 h) C^{1/2} w.

    With a :class:`LowRankMetric` the step is semi-implicit and does not shrink with the dimension
    (infinity-MALA): in the white noise z of the metric, with its potential Psi, z' = rho z +
    sqrt(1 - rho^2) (w - sqrt(h)/2 grad Psi(z)), rho = (1 - h/4)/(1 + h/4). Small h move half as far
    as those of the explicit step.

    Parameters
    ----------
    step_size : float
        h > 0, and at most 4 for the semi-implicit step. With ``adapt`` it is the starting value.
    metric, adapt
        As for :class:`PCN`.
    target : float in (0, 1)
        Acceptance probability to adapt to; 0.57 is optimal for product targets.

    Source
    ------
    G. Roberts, R. Tweedie, Bernoulli 2 (1996); G. Roberts, J. Rosenthal, J. R. Stat. Soc. B 60
    (1998) for the target; S. Cotter, G. Roberts, A. Stuart, D. White, Statist. Sci. 28 (2013), and
    A. Beskos, M. Girolami, S. Lan, P. Farrell, A. Stuart, J. Comput. Phys. 335 (2017), for the
    semi-implicit step.
    """

    step_size: float = 0.01
    metric: Metric | Learned | None = field(default=None, kw_only=True)
    adapt: bool = field(default=True, kw_only=True)
    target: float = field(default=0.57, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "step_size", positive("step_size", self.step_size))
        object.__setattr__(self, "target", interval("target", self.target, 0.0, 1.0))
        _check_adaptation(self.adapt, self.metric)
        if self.implicit and self.step_size > LARGEST_IMPLICIT_STEP:
            raise ValueError(
                f"step_size must be at most {LARGEST_IMPLICIT_STEP:g} with a LowRankMetric, "
                f"got {self.step_size}"
            )

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        _need_gradient("MALA", potential)
        return _run(self, self.compiled(_safeguard(self)), potential, seed, xi0, threads)

    def compiled(self, safeguard: int = 0) -> Any:
        """Return the kernel as the core knows it."""
        step: dict[str, Any] = {"step_size": self.step_size, "target": _target(self)}
        if self.implicit:
            return _core.InfinityMala(**step, safeguard=safeguard)
        return _core.Mala(**step)

    @property
    def implicit(self) -> bool:
        """Whether the step is the semi-implicit one."""
        return isinstance(self.metric, LowRankMetric) or self.metric == LEARNED

    def learners(self, potential: Any) -> list[Learner]:
        """Return what warmup is to learn."""
        return _learners(self.metric, potential)


@dataclass(frozen=True)
class ULA(Described):
    """Unadjusted Langevin: the proposal of :class:`MALA`, always taken.

    Its law is not the posterior: on a Gaussian target of precision lambda its variance is
    1/(lambda (1 - h lambda/2)), and it diverges once h lambda >= 2. The step size is never adapted.

    Parameters
    ----------
    step_size : float
        h > 0.
    metric : DiagonalMetric or LowRankMetric, optional
        As for :class:`PCN`; the step is explicit with either.

    Source
    ------
    R. Nickl, S. Wang, On polynomial-time computation of high-dimensional posterior measures by
    Langevin-type algorithms, J. Eur. Math. Soc. 26 (2024).
    """

    step_size: float
    metric: Metric | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "step_size", positive("step_size", self.step_size))
        check_metric(self.metric, learned=False)

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        _need_gradient("ULA", potential)
        kernel = _core.Ula(step_size=self.step_size)
        return _run(self, kernel, potential, seed, xi0, threads)


@dataclass(frozen=True)
class HMC(Described):
    """Hamiltonian Monte Carlo that turns the Gaussian part exactly: independent of the dimension.

    In the white noise z of the metric, with its potential Psi and a momentum v ~ N(0, I), a step of
    size e is v - (e/2) grad Psi(z), a rotation of (z, v) by the angle 2 atan(e/2), and the first
    once more. A trajectory has n = round(u T/e) steps (from 1 to ``max_steps``), u uniform
    on (1/2, 3/2) and the same for all chains, for lanes need equal work. Its end is accepted with
    the Metropolis ratio of the energy. With one step it is the semi-implicit :class:`MALA`.

    Parameters
    ----------
    step_size : float in (0, 2]
        e; at 2 the rotation is a right angle. With ``adapt`` it is the starting value.
    trajectory : float
        T, in the units of e. With ``adapt`` it is the starting value; pi/2 makes independent draws
        if the posterior is the metric's Gaussian.
    metric
        As for :class:`PCN`.
    adapt : bool
        Adapt both during warmup (never after), across chains: all share one step size and one
        length. A chain then depends on the others, through these two numbers.
    target : float in (0, 1)
        Mean of the chains' acceptance probabilities to adapt to.
    max_steps : int
        Most steps of a trajectory.

    Source
    ------
    A. Beskos, F. Pinski, J. Sanz-Serna, A. Stuart, Hybrid Monte Carlo on Hilbert spaces, Stochastic
    Process. Appl. 121 (2011); M. Hoffman, A. Radul, P. Sountsov, An adaptive MCMC scheme for
    setting trajectory lengths in Hamiltonian Monte Carlo, AISTATS 2021.
    """

    step_size: float = 0.5
    trajectory: float = 1.5
    metric: Metric | Learned | None = field(default=None, kw_only=True)
    adapt: bool = field(default=True, kw_only=True)
    target: float = field(default=0.8, kw_only=True)
    max_steps: int = field(default=256, kw_only=True)

    def __post_init__(self) -> None:
        size = interval("step_size", self.step_size, 0.0, 2.0, closed_high=True)
        object.__setattr__(self, "step_size", size)
        object.__setattr__(self, "trajectory", positive("trajectory", self.trajectory))
        object.__setattr__(self, "target", interval("target", self.target, 0.0, 1.0))
        object.__setattr__(self, "max_steps", integer("max_steps", self.max_steps, 1))
        _check_adaptation(self.adapt, self.metric)

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        _need_gradient("HMC", potential)
        return _run(self, self.compiled(), potential, seed, xi0, threads)

    def compiled(self) -> Any:
        """Return the kernel as the core knows it."""
        return _core.Hmc(
            step_size=self.step_size,
            trajectory=self.trajectory,
            most=self.max_steps,
            target=_target(self),
        )

    def learners(self, potential: Any) -> list[Learner]:
        """Return what warmup is to learn."""
        return _learners(self.metric, potential)


def _target(kernel: PCN | MALA | HMC) -> float:
    """The acceptance to adapt to; 0 asks for none."""
    return kernel.target if kernel.adapt else 0.0


def _run(kernel: Any, compiled: Any, potential: Any, seed: int, xi0: Array, threads: int) -> Any:
    metric = metric_reference(kernel.metric, potential)
    return _core.run(compiled, potential, metric=metric, seed=seed, start=xi0, threads=threads)


def adapted_target(kernel: Any) -> float | None:
    """The acceptance that a kernel adapts to in warmup; None if it does not adapt."""
    inner = getattr(kernel, "kernel", kernel)  # of delayed acceptance
    return inner.target if getattr(inner, "adapt", False) else None


def _safeguard(kernel: PCN | MALA) -> int:
    """One step in so many is pCN's in the prior's white noise; 0 is none.

    Without a metric the prior is its own safeguard; a diagonal one is one's own choice.
    """
    return SAFEGUARD if kernel.adapt and isinstance(kernel.metric, LowRankMetric | str) else 0


def _check_adaptation(adapt: Any, metric: Any) -> None:
    flag("adapt", adapt)
    check_metric(metric)


def metric_reference(metric: Metric | Learned | None, potential: Any) -> Any:
    """The compiled metric; one that is to be learned begins as the identity."""
    white = potential.white
    if isinstance(metric, str):
        metric = LowRankMetric(np.zeros(white), np.zeros((white, 0)), np.zeros(0))
    return None if metric is None else metric.reference(white)


def _learners(
    metric: Metric | Learned | None, potential: Any, acceptance: float = 1.0
) -> list[Learner]:
    return [MetricLearner(potential, acceptance)] if isinstance(metric, str) else []


def _need_gradient(name: str, potential: Any) -> None:
    if not potential.has_gradient:
        raise ValueError(f"{name} needs a gradient, and the model has none; use PCN")
