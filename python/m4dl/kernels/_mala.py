"""The Metropolis-adjusted Langevin algorithm."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from .. import _core
from .._base.fixed import Described
from .._base.validate import Array, interval, positive
from ._common import Learned, check_adaptation, learners, need_gradient, run, safeguard, target
from ._learn import Learner
from ._metrics import LEARNED, LowRankMetric, Metric

LARGEST_IMPLICIT_STEP = 4.0
"""h of infinity-MALA at which z' is an independent draw of the reference."""


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

    needs_gradient: ClassVar[bool] = True

    step_size: float = 0.01
    metric: Metric | Learned | None = field(default=None, kw_only=True)
    adapt: bool = field(default=True, kw_only=True)
    target: float = field(default=0.57, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "step_size", positive("step_size", self.step_size))
        object.__setattr__(self, "target", interval("target", self.target, 0.0, 1.0))
        check_adaptation(self.adapt, self.metric)
        if self.implicit and self.step_size > LARGEST_IMPLICIT_STEP:
            raise ValueError(
                f"step_size must be at most {LARGEST_IMPLICIT_STEP:g} with a LowRankMetric, "
                f"got {self.step_size}"
            )

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        need_gradient("MALA", potential)
        return run(self, self.compiled(safeguard(self)), potential, seed, xi0, threads)

    def compiled(self, safeguard: int = 0) -> Any:
        """Return the kernel as the core knows it."""
        step: dict[str, Any] = {"step_size": self.step_size, "target": target(self)}
        if self.implicit:
            return _core.InfinityMala(**step, safeguard=safeguard)
        return _core.Mala(**step)

    @property
    def implicit(self) -> bool:
        """Whether the step is the semi-implicit one."""
        return isinstance(self.metric, LowRankMetric) or self.metric == LEARNED

    def learners(self, potential: Any) -> list[Learner]:
        """Return what warmup is to learn."""
        return learners(self.metric, potential)
