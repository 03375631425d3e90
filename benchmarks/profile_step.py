"""A MALA step taken apart by differences between chains that leave parts of it out.

Pieces timed alone would start from cold workspaces, and an iterative solver from no guess. So six
chains run as they always do: MALA and pCN, on the posterior, on its prior with a model that costs
nothing, and on white noise with that model. Each piece is a difference, and they sum to the step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import m4dl
import numpy as np
import scipy.sparse as sp
from harness import CHAINS, Contender, clocked, m4dl_chains
from m4dl import _core
from problems import Case

COUNT = 2048
"""Normals per lane and call: so few that they and their copies stay in the cache."""


def drawing() -> tuple[Contender, Contender]:
    """m4dl's normals, and what their way to NumPy costs besides: zeros and two copies."""

    def normals(calls: int) -> None:
        for step in range(calls):
            _core.normals(1, 0, step, COUNT)

    def copies(calls: int) -> None:
        for _ in range(calls):
            np.zeros((COUNT, CHAINS)).copy().copy()

    return (
        Contender("normals alone", clocked(normals), COUNT * CHAINS),
        Contender("copies", clocked(copies), COUNT * CHAINS),
    )


@dataclass(frozen=True)
class Chains:
    """The chains that are to be timed, and the pieces they tell of."""

    white: int
    mala: Contender
    pcn: Contender
    mala_prior: Contender
    pcn_prior: Contender
    mala_white: Contender
    pcn_white: Contender
    normals: Contender
    copies: Contender

    def all(self) -> list[Contender]:
        """Everybody, the step itself first."""
        return [value for value in vars(self).values() if isinstance(value, Contender)]

    def pieces(self) -> dict[str, float]:
        """Seconds per step and chain of each piece; they sum to ``mala.cost``."""
        normals = self.white * max(self.normals.cost - self.copies.cost, 0.0)
        gradient = self.mala.cost - self.pcn.cost
        gradient_prior = self.mala_prior.cost - self.pcn_prior.cost
        gradient_white = self.mala_white.cost - self.pcn_white.cost
        return {
            "forward: link, assembly, solve": self.pcn.cost - self.pcn_prior.cost,
            "adjoint: solve, slope": gradient - gradient_prior,
            "prior push": self.pcn_prior.cost - self.pcn_white.cost,
            "prior pull": gradient_prior - gradient_white,
            "normals": normals,
            "arithmetic of the kernel": self.mala_white.cost - normals,
        }


def chains(at: Case) -> Chains:
    """The chains at the start of a case."""
    size, step = at.posterior.parameters, at.family.step_size
    # pCN's proposals are as long as MALA's.
    mala = m4dl.MALA(step, adapt=False)
    pcn = m4dl.PCN(float(np.sqrt(2.0 * step)), adapt=False)
    nothing = m4dl.LinearModel(sp.csr_array(([1.0], ([0], [0])), shape=(1, size)))
    noise: dict[str, Any] = {"data": [0.0], "noise": m4dl.GaussianNoise(1.0)}
    prior_only = m4dl.Posterior(nothing, at.posterior.prior, **noise)
    white_only = m4dl.Posterior(nothing, m4dl.GaussianPrior(np.zeros(size), 1.0), **noise)
    racing = [
        m4dl_chains(f"{name}, {what}", posterior, kernel, at.start)
        for what, posterior in (
            ("posterior", at.posterior),
            ("prior", prior_only),
            ("white noise", white_only),
        )
        for name, kernel in (("MALA", mala), ("pCN", pcn))
    ]
    return Chains(at.posterior.white, *(racing + list(drawing())))
