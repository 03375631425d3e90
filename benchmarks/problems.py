"""The two elliptic posteriors of the benchmarks, as m4dl's and as targets by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import by_hand as reference
import m4dl
import numpy as np
import scipy.sparse as sp
from harness import Array


@dataclass(frozen=True)
class Family:
    """One posterior for every n; MALA accepts about half of its proposals at ``step_size``."""

    name: str
    step_size: float
    data: Callable[[int], dict[str, Any]]
    posterior: Callable[[dict[str, Any]], m4dl.Posterior]
    by_hand: Callable[[dict[str, Any], Any], Any]
    """A target whose white noise are coefficients of cosines, given the data and a solver."""


def _schrodinger(data: dict[str, Any]) -> m4dl.Posterior:
    grid = m4dl.Grid((data["n"] + 1,) * 2)
    return m4dl.Posterior(
        m4dl.Schrodinger(grid, data["X"], data["g"], at="interior"),
        m4dl.MaternPrior(
            grid, std=data["s"], length=0.5, smoothness=1, at="interior", boundary="neumann"
        ),
        data=data["y"],
        noise=m4dl.GaussianNoise(data["sigma"]),
    )


def _darcy(data: dict[str, Any]) -> m4dl.Posterior:
    grid = m4dl.Grid((data["n"] + 1,) * 2)
    return m4dl.Posterior(
        m4dl.Darcy(grid, data["X"], 1.0),
        m4dl.MaternPrior(grid, std=data["s"], length=0.5, smoothness=1, boundary="neumann"),
        data=data["y"],
        noise=m4dl.GaussianNoise(data["sigma"]),
    )


def _schrodinger_by_hand(data: dict[str, Any], solver: Any) -> reference.Schrodinger:
    return reference.Schrodinger(data, solver)


SCHRODINGER = Family("Schroedinger", 1e-3, reference.problem, _schrodinger, _schrodinger_by_hand)
DARCY = Family("Darcy", 3e-4, reference.darcy_problem, _darcy, reference.DarcyField)


def five_point_darcy(n: int, observe: Array, solver: str = "auto") -> m4dl.AffineElliptic:
    """-div(exp(theta) grad u) = 1 on n x n interior nodes, a face's coefficient its nodes' mean.

    A boundary face takes its interior node's value. All A_k in one sparse matrix (n^4, n^2).
    """
    node = np.arange(n * n).reshape(n, n)
    # faces between two nodes, each of which is worth a half
    a = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    b = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    rows, columns, values, terms = [], [], [], []
    for k in (a, b):
        for i, j, sign in ((a, a, 1.0), (b, b, 1.0), (a, b, -1.0), (b, a, -1.0)):
            rows.append(i)
            columns.append(j)
            terms.append(k)
            values.append(np.full(len(k), 0.5 * sign))
    for edge in (node[0], node[-1], node[:, 0], node[:, -1]):
        for part in (rows, columns, terms):
            part.append(edge)
        values.append(np.ones(n))
    i, j, k, v = map(np.concatenate, (rows, columns, terms, values))
    flat = i.astype(np.int64) * n * n + j
    stacked = sp.coo_array((v * (n + 1.0) ** 2, (flat, k)), shape=(n**4, n * n))
    grid = m4dl.Grid((n + 1, n + 1))
    return m4dl.AffineElliptic(
        None,
        stacked,
        np.ones(n * n),
        sp.eye_array(n * n, format="csr")[observe],
        coordinates=grid.coordinates("interior"),
        solver=solver,
        domain=grid,
        at="interior",
    )


@dataclass(frozen=True)
class Case:
    """A posterior at one n, and where its chains start."""

    family: Family
    n: int
    data: dict[str, Any]
    posterior: m4dl.Posterior
    start: Array
    """White noise: coefficients of cosines, in m4dl and by hand."""

    def by_hand(self, solver: Any) -> Any:
        """The target by hand with a solver."""
        return self.family.by_hand(self.data, solver)


def case(family: Family, n: int) -> Case:
    """The posterior at n, started at a state of the chain.

    Coefficients of low cosines come from a warm-up at 32 x 32, where they mean the same; the data
    say nothing of the others, and these are drawn from the prior.
    """
    data = family.data(n)
    posterior = family.posterior(data)
    low = _warm(family)
    side = round(posterior.parameters**0.5)
    cosines = np.random.default_rng(n).standard_normal((side, side))
    cosines[: len(low), : len(low)] = low
    cosines = cosines.ravel()
    theta = family.by_hand(data, _no_solver).push(cosines)
    if not np.allclose(posterior.prior.push(cosines, threads=1), theta, rtol=0.0, atol=1e-7):
        raise AssertionError(f"{family.name}: the priors differ")
    return Case(family, n, data, posterior, cosines)


@cache
def _warm(family: Family) -> Array:
    """Coefficients at 32 x 32, (side, side), after a warm-up."""
    data = family.data(32)
    posterior = family.posterior(data)
    kernel = m4dl.MALA(1e-4, adapt=False)
    run = kernel.start(posterior.core, 1, 3, np.zeros((1, posterior.white)), 1)
    run.advance(4000)
    white = np.asarray(run.state()["xi"][0])
    side = round(white.size**0.5)
    return white.reshape(side, side)


def _no_solver(lower: Any) -> None:
    """For a target of which only the prior is used."""


def disagreement(case: Case, target: Any) -> tuple[float, float]:
    """Relative errors of the potential and of the gradient, m4dl's against the target's.

    At the start of the chains and at two states nearby. Both see the same theta; a gradient in
    theta is pulled back by the target, so that the coordinates of m4dl's white noise do not matter.
    """
    model, data = case.posterior.model, case.posterior.data
    std = case.posterior.noise.expand(data.size)
    rng = np.random.default_rng(3)
    worst = np.zeros(2)
    for size in (0.0, 0.05, 0.1):
        white = case.start + size * rng.standard_normal(case.start.size)
        theta = target.push(white)
        residual = (model.forward(theta, threads=1) - data) / std
        phi = 0.5 * float(residual @ residual)
        slope = target.pull(model.pull(theta, residual / std, threads=1))
        value, exact = target.gradient(white)
        error = np.linalg.norm(slope - exact) / np.linalg.norm(exact)
        worst = np.maximum(worst, (abs(phi / value - 1.0), error))
    return float(worst[0]), float(worst[1])
