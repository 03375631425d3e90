"""CUQIpy on the Schroedinger posterior: a program of its own, run by CUQIpy's interpreter.

    python cuqipy_chain.py problem.npz --seconds 2

Needs cuqipy and nothing of m4dl. ``problem.npz`` holds n, idx, y, sigma, g, kappa, s (see
``by_hand.problem``) and ``states``, one row of coefficients of cosines for each state. Prints JSON:
the version, potentials and norms of gradients at the states, and for pCN and MALA the seconds of
processor time per step.

The posterior is built as CUQIpy's demos build theirs: ``SteadyStateLinearPDE`` within a
``PDEModel``, white noise N(0, I) as the prior, the field as part of the PDE's form, scipy's sparse
solver. That class has no gradient. CUQIpy looks for a method ``gradient_wrt_parameter``, which
``WithAdjoint`` adds: written by us, with one factorisation for both solves.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from statistics import median
from typing import Any

import cuqi
import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from scipy.fft import dctn, idctn

OPTIONS: dict[str, Any] = {
    "permc_spec": "MMD_AT_PLUS_A",
    "diag_pivot_thresh": 0.0,
    "options": {"SymmetricMode": True},
}
"""SuperLU for symmetric matrices: two to three times faster than its defaults."""


class Problem:
    """Field, matrix and load; see ``by_hand.Schrodinger``, whose numbers these are."""

    def __init__(self, data: Any) -> None:
        self.n = n = int(data["n"])
        h = 1.0 / (n + 1)
        line = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)) / h**2
        half = 0.5 * (sp.kron(line, sp.eye_array(n)) + sp.kron(sp.eye_array(n), line))
        self._matrix = sp.csc_array(half)
        self._matrix.sort_indices()
        column = np.repeat(np.arange(n * n), np.diff(self._matrix.indptr))
        self._diagonal = np.flatnonzero(self._matrix.indices == column)
        self._base = self._matrix.data[self._diagonal].copy()
        ends = np.zeros(n)
        ends[[0, -1]] = 0.5 * float(data["g"]) / h**2
        self.load = np.add.outer(ends, ends).ravel()
        self.idx = np.asarray(data["idx"])
        kappa, s = float(data["kappa"]), float(data["s"])
        neumann = (2.0 - 2.0 * np.cos(np.pi * np.arange(n) / n)) / h**2
        scale = s * np.sqrt(4.0 * np.pi) * kappa / h
        self._spectrum = scale / (kappa**2 + np.add.outer(neumann, neumann))

    def push(self, x: Any) -> Any:
        """theta of the coefficients x."""
        return idctn(self._spectrum * np.asarray(x).reshape(self.n, self.n), norm="ortho").ravel()

    def pull(self, slope: Any) -> Any:
        """The transpose of ``push``."""
        return (self._spectrum * dctn(slope.reshape(self.n, self.n), norm="ortho")).ravel()

    def form(self, x: Any) -> tuple[Any, Any]:
        """Matrix and right-hand side: CUQIpy's ``PDE_form``."""
        self._matrix.data[self._diagonal] = self._base + np.exp(self.push(x))
        return self._matrix, self.load


def solve(matrix: Any, right: Any) -> tuple[Any, Any]:
    """Solution, and the factors as CUQIpy's ``info``."""
    factors = spla.splu(matrix, **OPTIONS)
    return factors.solve(right), factors


class WithAdjoint(cuqi.pde.SteadyStateLinearPDE):  # type: ignore[misc]
    """CUQIpy's PDE with the gradient that it lacks."""

    def __init__(self, problem: Problem, **options: Any) -> None:
        super().__init__(problem.form, **options)
        self._problem = problem

    def gradient_wrt_parameter(self, direction: Any, x: Any) -> Any:
        """The adjoint of the observed solution's derivative, applied to ``direction``."""
        self.assemble(x)
        u, factors = self.solve()
        n2 = self._problem.n**2
        p = factors[0].solve(np.bincount(self._problem.idx, np.asarray(direction), n2))
        return self._problem.pull(-np.exp(self._problem.push(x)) * p * u)


def posterior(data: Any, adjoint: bool) -> Any:
    """CUQIpy's posterior of white noise."""
    problem = Problem(data)
    options: dict[str, Any] = {
        "observation_map": lambda u, grid: u[problem.idx],
        "linalg_solve": solve,
    }
    pde = (
        WithAdjoint(problem, **options)
        if adjoint
        else cuqi.pde.SteadyStateLinearPDE(problem.form, **options)
    )
    model = cuqi.model.PDEModel(pde, range_geometry=len(problem.idx), domain_geometry=problem.n**2)
    x = cuqi.distribution.Gaussian(np.zeros(problem.n**2), 1.0, name="x")
    y = cuqi.distribution.Gaussian(model(x), float(data["sigma"]) ** 2, name="y")
    return cuqi.distribution.JointDistribution(x, y)(y=np.asarray(data["y"]))


def potential(target: Any, x: Any) -> float:
    """|y - u(idx)|^2 / (2 sigma^2), through CUQIpy's model."""
    residual = target.data - np.asarray(target.model(x))
    return 0.5 * float(residual @ residual) / float(np.ravel(target.likelihood.distribution.cov)[0])


def seconds_per_step(step: Callable[[], Any], seconds: float) -> float:
    """Processor time of a step: the median of at least three."""
    step()
    taken: list[float] = []
    while len(taken) < 3 or sum(taken) < seconds:
        start = time.process_time()
        step()
        taken.append(time.process_time() - start)
    return median(taken)


def measure(data: Any, step_size: float, seconds: float) -> dict[str, Any]:
    """What this program prints."""
    states = np.asarray(data["states"])
    stock, ours = posterior(data, adjoint=False), posterior(data, adjoint=True)
    # Its scale is twice our step size; sampling means ``step``, without the display around it.
    samplers = {
        "pCN": cuqi.sampler.PCN(stock, scale=np.sqrt(2.0 * step_size), initial_point=states[0]),
        "MALA": cuqi.sampler.MALA(ours, scale=2.0 * step_size, initial_point=states[0]),
    }
    out: dict[str, Any] = {
        "version": cuqi.__version__,
        "potential": [potential(stock, x) for x in states],
        "slope": [float(np.linalg.norm(np.asarray(ours.likelihood.gradient(x)))) for x in states],
    }
    for name, sampler in samplers.items():
        sampler.initialize()
        out[name] = seconds_per_step(sampler.step, seconds)
    return out


def main() -> None:
    """Read, measure, print."""
    parser = argparse.ArgumentParser(description="CUQIpy's steps on a Schroedinger posterior.")
    parser.add_argument("problem")
    parser.add_argument("--step-size", type=float, default=1e-3)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each sampler")
    arguments = parser.parse_args()
    with np.load(arguments.problem) as data, redirect_stdout(sys.stderr):
        out = measure(dict(data), arguments.step_size, arguments.seconds)
    print(json.dumps(out))


if __name__ == "__main__":
    main()
