"""The constants of a posterior, and what they promise."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .._base import validate
from .._base.fixed import Fixed
from .._base.validate import Array
from ..kernels import ULA
from ._steps import bias_bound, wasserstein_bound
from ._surrogate import LogConcaveSurrogate


@dataclass(frozen=True)
class LangevinGuarantee(Fixed):
    """What :func:`guarantee` found; ``print`` it.

    Run it by ``m4dl.sample(g.posterior, g.kernel, start=g.start, warmup=g.iterations, ...)``.

    Attributes
    ----------
    posterior : LogConcaveSurrogate
    kernel : ULA
        theta' = theta + gamma grad log pi~(theta) + sqrt(2 gamma) w, in those coordinates.
    start : (W,) array
        White noise of theta_init.
    iterations : int
        Steps after which the bound is at most ``precision``.
    precision : float
        Of the law after these steps: Wasserstein-2 distance, in the units of theta.
    convexity, lipschitz : float
        m and Lambda: extreme curvatures of the surrogate's -log density, in units of 1/theta^2.
        They are the extremes at ``points`` points, not bounds that were proved.
    distance : float
        Bound of abs(theta_init - theta_max): norm of the gradient there over m.
    spread : float
        Root of the mean square distance of the Gaussian around theta_init from it.
    mass : float
        Its share in the ball in which surrogate and posterior agree.
    points, gradients : int
        Where Hessians were taken; gradients of the potential that all this took.
    theory : dict
        ``eta`` and ``curvature`` of the theory for the Schroedinger equation, with constants 1;
        empty where the dimension of the domain is not known.
    """

    posterior: LogConcaveSurrogate
    kernel: ULA
    start: Array
    iterations: int
    precision: float
    convexity: float
    lipschitz: float
    distance: float
    spread: float
    mass: float
    points: int
    gradients: int
    theory: dict[str, float]

    def bound(self, steps: int) -> float:
        """Return the bound of the Wasserstein-2 distance from the surrogate after so many steps."""
        validate.integer("steps", steps, 0, None)
        return wasserstein_bound(
            self.convexity,
            self.lipschitz,
            self.kernel.step_size,
            steps,
            dimension=self.posterior.white,
            distance=self.distance,
        )

    def __str__(self) -> str:
        p, gamma = self.posterior, self.kernel.step_size
        m, lam, k = self.convexity, self.lipschitz, self.iterations
        bias = math.sqrt(bias_bound(m, lam, gamma, p.white) / 2)
        lines = {
            "surrogate": f"the posterior within eta/2 = {p.eta / 2:.4g} of theta_init, D = "
            f"{p.white}; eta = {p.eta:.4g}, K = {p.curvature:.4g}",
            "in that ball": f"{self.mass:.1%} of the Gaussian at theta_init, whose root mean "
            f"square distance is {self.spread:.4g}",
            "curvature": f"m = {m:.4g}, Lambda = {lam:.4g}: estimates at {self.points} points "
            f"({self.gradients:,} gradients), not a proof",
            "theta_init": f"within {self.distance:.3g} of the maximum",
            "step": f"gamma = {gamma:.4g}, at most 2/(m + Lambda) = {2 / (m + lam):.4g}",
            "bound": f"W_2 <= {self.bound(k):.4g} after {k:,} steps, {bias:.4g} after any number",
        }
        if self.theory:
            lines["theory"] = (
                "eta = D^(-4/d)/log N = {eta:.3g}, K = N D^(8/d) (log N)^3 = {curvature:.3g}, up "
                "to constants (Schroedinger)".format(**self.theory)
            )
        text = [f"{name:<13} {line}" for name, line in lines.items()]
        if self.bound(k) > self.spread:
            text.append(
                "The bound exceeds the spread of the posterior, and says little at this step size: "
                "see m4dl.langevin.ula_bias."
            )
        if self.mass < 0.95:
            text.append(
                "Much of the posterior lies outside of the ball: the surrogate is another law."
            )
        return "\n".join(text)

    __repr__ = __str__
