"""Hamiltonian Monte Carlo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from .. import _core
from .._base.fixed import Described
from .._base.validate import Array, integer, interval, positive
from ._common import Learned, check_adaptation, learners, need_gradient, run, target
from ._learn import Learner
from ._metrics import Metric


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

    needs_gradient: ClassVar[bool] = True

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
        check_adaptation(self.adapt, self.metric)

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        need_gradient("HMC", potential)
        return run(self, self.compiled(), potential, seed, xi0, threads)

    def compiled(self) -> Any:
        """Return the kernel as the core knows it."""
        return _core.Hmc(
            step_size=self.step_size,
            trajectory=self.trajectory,
            most=self.max_steps,
            target=target(self),
        )

    def learners(self, potential: Any) -> list[Learner]:
        """Return what warmup is to learn."""
        return learners(self.metric, potential)
