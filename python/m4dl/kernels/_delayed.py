"""Delayed acceptance: proposals from a chain on a cheaper posterior."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import _core
from .._base.fixed import Described
from .._base.validate import Array, choice, integer
from ..posterior import Posterior
from ._common import Learned, metric_reference
from ._hmc import HMC
from ._learn import ErrorLearner, Learner
from ._mala import MALA
from ._metrics import Metric
from ._pcn import PCN

INNER = (PCN, MALA, HMC)


@dataclass(frozen=True)
class DelayedAcceptance(Described):
    """Several steps of a kernel on a coarse posterior, accepted or not by the fine one.

    A step goes from x to x' by ``steps`` steps of ``kernel`` on the coarse posterior pi_c, solves
    the fine equation once, without a gradient, and accepts with probability min(1, pi_f(x')
    pi_c(x) / (pi_f(x) pi_c(x'))). So it samples the fine posterior, however wrong the coarse one
    is; only the acceptance suffers. The coarse model must have a value wherever the fine posterior
    is: where its solve fails the chain never goes, and the posterior is cut off there.

    The coarse likelihood is corrected in warmup by what the coarse model leaves out. Its
    predictions are off by B = G_fine - G_coarse, whose mean b and covariance are taken over the
    states of all chains: the coarse misfit is that of y - b with the noise's covariance plus that
    of B. After warmup it is fixed.

    Parameters
    ----------
    coarse_posterior : Posterior
        The same problem on a coarser grid, or any cheaper model of the data, in the same white
        space: xi is to mean the same field to both. Series priors with the same modes do, and an
        ``InterpolatedPrior`` over one prior.
    kernel : PCN, MALA or HMC
        HMC with ``adapt=False``. The step size of the others adapts in warmup to the acceptance of
        the coarse steps. The metric is that of the kernel, for both posteriors.
    steps : int
        Steps of ``kernel`` for each step.
    error_model : {"full", "offset", "none"}
        "full": mean and covariance of B; "offset": its mean alone; "none": the coarse posterior as
        it is. The first two are learned in warmup from all chains, so that a chain depends on the
        others through them, and need ``warmup`` of at least 100.

    Raises
    ------
    ValueError
        When a run starts: a coarse posterior with another number of white noises; with other data,
        if there is an error model.

    Source
    ------
    J. Christen, C. Fox, J. Comput. Graph. Statist. 14 (2005); with several steps M. Lykkegaard, T.
    Dodwell, C. Fox, G. Mingas, R. Scheichl, Multilevel delayed acceptance MCMC, SIAM/ASA J.
    Uncertain. Quantif. 11 (2023); the error model: T. Cui, C. Fox, M. O'Sullivan, Water Resour.
    Res. 47 (2011), W10521.
    """

    coarse_posterior: Posterior
    kernel: PCN | MALA | HMC
    steps: int = field(default=4, kw_only=True)
    error_model: str = field(default="full", kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.coarse_posterior, Posterior):
            raise TypeError(
                "coarse_posterior must be a m4dl Posterior, "
                f"got {type(self.coarse_posterior).__name__}"
            )
        if not isinstance(self.kernel, INNER):
            raise TypeError(
                "kernel must be reversible for the coarse posterior, PCN, MALA or HMC, "
                f"got {self.kernel!r:.60}"
            )
        if isinstance(self.kernel, HMC) and self.kernel.adapt:
            raise ValueError(
                "kernel must have a fixed step and trajectory if it is HMC: HMC(..., adapt=False)"
            )
        object.__setattr__(self, "steps", integer("steps", self.steps, 1))
        choice("error_model", self.error_model, ("full", "offset", "none"))

    @property
    def metric(self) -> Metric | Learned | None:
        """That of the coarse kernel."""
        return self.kernel.metric

    @property
    def adapt(self) -> bool:
        """Whether the coarse kernel adapts."""
        return self.kernel.adapt

    def with_metric(self, metric: Metric | Learned) -> DelayedAcceptance:
        """Return this kernel with another metric."""
        return replace(self, kernel=replace(self.kernel, metric=metric))

    def learners(self, potential: Any) -> list[Learner]:
        """Return what warmup is to learn."""
        out = self.kernel.learners(potential)
        if self.error_model != "none":
            precision = np.asarray(self.coarse_posterior.core.precision)
            out.insert(0, ErrorLearner(precision, self.error_model == "full"))
        return out

    def start(self, potential: Any, chains: int, seed: int, xi0: Array, threads: int) -> Any:
        """Return a compiled run that stands at white noise ``xi0`` (chains, W)."""
        coarse, inner = self.coarse_posterior, self.kernel
        if coarse.white != potential.white:
            raise ValueError(
                f"coarse_posterior must have the posterior's {potential.white} white noises, "
                f"got {coarse.white}"
            )
        if self.error_model != "none" and not np.array_equal(potential.data, coarse.core.data):
            raise ValueError(
                "coarse_posterior must have the posterior's data for an error model, got "
                f"{coarse.data.size} data of its own; error_model='none' compares no predictions"
            )
        if inner.needs_gradient and not coarse.core.has_gradient:
            raise ValueError(
                f"{type(inner).__name__} needs a gradient, and the coarse model has none; use PCN"
            )
        kernel = _core.Delayed(coarse=coarse.core, kernel=inner.compiled(), steps=self.steps)
        metric = metric_reference(inner.metric, potential)
        return _core.run(kernel, potential, metric=metric, seed=seed, start=xi0, threads=threads)
