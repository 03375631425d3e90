"""Preconditioned Crank-Nicolson."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from .. import _core
from .._base.fixed import Described
from .._base.validate import Array, interval
from ._common import Learned, check_adaptation, learners, run, safeguard, target
from ._learn import Learner
from ._metrics import Metric


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

    needs_gradient: ClassVar[bool] = False

    beta: float = 0.2
    metric: Metric | Learned | None = field(default=None, kw_only=True)
    adapt: bool = field(default=True, kw_only=True)
    target: float = field(default=0.25, kw_only=True)

    def __post_init__(self) -> None:
        # as plain floats: a store compares kernels by their repr
        object.__setattr__(self, "beta", interval("beta", self.beta, 0.0, 1.0, closed_high=True))
        object.__setattr__(self, "target", interval("target", self.target, 0.0, 1.0))
        check_adaptation(self.adapt, self.metric)

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        return run(self, self.compiled(safeguard(self)), potential, seed, xi0, threads)

    def compiled(self, safeguard: int = 0) -> Any:
        """Return the kernel as the core knows it."""
        return _core.Pcn(beta=self.beta, target=target(self), safeguard=safeguard)

    def learners(self, potential: Any) -> list[Learner]:
        """Return what warmup is to learn."""
        # pCN with long steps stays for long where its proposals are rarer than the posterior
        return learners(self.metric, potential, self.target)
