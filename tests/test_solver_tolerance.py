"""u within its tolerance, or NaN: for any unit, reference and contrast, in one to three dimensions.

The oracle is the direct solver, and elimination in extended precision where that is in doubt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

Array = NDArray[Any]

MESHES: dict[str, Callable[[float], Any]] = {
    "line": lambda side: m4dl.Grid((90,), [(0, side)]),
    "square": lambda side: m4dl.Grid((24, 21), [(0, side)] * 2),
    "cube": lambda side: m4dl.Grid((7, 8, 9), [(0, side)] * 3),
    "triangles": lambda side: m4dl.TriangleMesh.rectangle((26, 24), [(0, side)] * 2),
    "tetrahedra": lambda side: m4dl.TetrahedronMesh.box((8, 9, 10), [(0, side)] * 3),
}


def inside(mesh: Any) -> Array:
    if isinstance(mesh, m4dl.Grid):
        return np.asarray(mesh.coordinates("interior"))
    return np.asarray(mesh.points[np.setdiff1d(np.arange(len(mesh.points)), mesh.boundary)])


def coefficients(size: int, usual: float) -> Array:
    """Logarithms: as usual in these units, far from it, rough, with a jump, and 1 in any unit."""
    rough = np.random.default_rng(0).standard_normal(size)
    jump = np.where(np.arange(size) < size // 2, -5.0, 5.0)
    shifts = (0.0, 6.0, -20.0, rough, 1.5 * rough, jump, -usual)
    return np.stack([np.full(size, usual) + shift for shift in shifts])


@pytest.mark.parametrize("side", [1e-9, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("name", MESHES)
@pytest.mark.parametrize("equation", ["potential", "diffusion"])
def test_any_unit(name: str, side: float, equation: str) -> None:
    """Sides of a nanometre to a thousand kilometres; theta = 0 is the reference of all.

    About twice the tolerance is what the docs promise of an estimate; 2e-12 is the rounding of the
    direct solver at these condition numbers, up to 1e4.
    """
    mesh = MESHES[name](side)

    def model(**options: Any) -> Any:
        if equation == "potential":
            return m4dl.Schrodinger(mesh, inside(mesh), 1.0, **options)
        return m4dl.Darcy(mesh, inside(mesh), 1.0, **options)

    direct = model(solver="direct")
    theta = coefficients(direct.parameters, np.log(2 / side**2) if equation == "potential" else 0.0)
    exact = direct.forward(theta)
    boxes = ("multigrid",) if name in ("square", "cube") else ()
    for solver in ("frozen", "aggregation", *boxes):
        for tolerance in (1e-4, 1e-8, 1e-12):
            u = model(solver=solver, tolerance=tolerance).forward(theta)
            off = np.linalg.norm(u - exact, axis=1) / np.linalg.norm(exact, axis=1)
            assert (off <= 2.5 * tolerance + 2e-12).all(), (solver, tolerance, off)


def chain_solution(conductance: Array, decay: float, load: Array) -> Array:
    """Solve by elimination in extended precision; exact to 1e-16 as all pivots are sums."""
    k, b = conductance.astype(np.longdouble), load.astype(np.longdouble)
    rest, forward = np.longdouble(0.0) + k[0], [b[0]]
    factors, pivots = [], []
    for i in range(len(b)):
        # rest: what the pivot is beside the link to the next node; no difference is ever taken.
        pivot = rest + decay + k[i + 1]
        pivots.append(pivot)
        factors.append(k[i + 1] / pivot)
        if i + 1 < len(b):
            forward.append(b[i + 1] + factors[i] * forward[i])
        rest = k[i + 1] * (rest + decay) / pivot
    u = [np.longdouble(0.0)] * len(b)
    for i in reversed(range(len(b))):
        after = u[i + 1] if i + 1 < len(b) else np.longdouble(0.0)
        u[i] = forward[i] / pivots[i] + factors[i] * after
    return np.asarray(u, dtype=float)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    size=st.integers(2, 60),
    unit=st.integers(-45, 45),
    load_unit=st.integers(-60, 60),
    contrast=st.floats(0.0, 2.5),
    decay=st.sampled_from([0.0, 1e-6, 1.0]),
    tolerance=st.sampled_from([1e-4, 1e-8, 1e-11]),
    seed=st.integers(0, 1000),
)
def test_chain_of_conductances(
    size: int,
    unit: int,
    load_unit: int,
    contrast: float,
    decay: float,
    tolerance: float,
    seed: int,
) -> None:
    """Units of the matrix and of the load far outside the range of single precision."""
    rng = np.random.default_rng(seed)
    scale, load = 10.0**unit, 10.0**load_unit * rng.standard_normal(size)
    links = []
    for k in range(size + 1):
        a = np.zeros((size, size))
        ends = [i for i in (k - 1, k) if 0 <= i < size]
        a[np.ix_(ends, ends)] = (
            scale * (np.array([[1.0, -1.0], [-1.0, 1.0]])[: len(ends), : len(ends)])
        )
        links.append(a)
    theta = contrast * rng.standard_normal(size + 1)
    exact = chain_solution(scale * np.exp(theta), scale * decay, load)
    a = sum(np.exp(t) * link for t, link in zip(theta, links, strict=True))
    condition = np.linalg.cond(a / scale + decay * np.eye(size))
    for solver in ("direct", "frozen", "aggregation"):
        u = m4dl.AffineElliptic(
            scale * decay * np.eye(size),
            links,
            load,
            np.eye(size),
            solver=solver,
            tolerance=tolerance,
        )(theta)
        off = np.linalg.norm(u - exact) / np.linalg.norm(exact)
        assert off <= 2 * tolerance + 1e-14 * condition, solver


def test_reaction_in_metres_and_seconds() -> None:
    """-D Lap u + k u = s on a square of 1 m, D = 1e-9 m^2/s, k = 2e-9 / s, s = 1e-9 / s."""
    cells, diffusivity = 48, 1e-9
    n, width = cells - 1, 1.0 / cells
    line = (2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)) / width**2
    stiffness = diffusivity * (np.kron(line, np.eye(n)) + np.kron(np.eye(n), line))
    parts = [sp.identity(n * n, format="csr")]
    centre = np.zeros((1, n * n))
    centre[0, (n // 2) * n + n // 2] = 1.0

    def u(solver: str) -> float:
        model = m4dl.AffineElliptic(
            sp.csr_matrix(stiffness), parts, 1e-9 * np.ones(n * n), centre, solver=solver
        )
        return float(model([np.log(2e-9)])[0])

    right = float(
        centre[0] @ np.linalg.solve(stiffness + 2e-9 * np.eye(n * n), 1e-9 * np.ones(n * n))
    )
    for solver in ("direct", "frozen", "aggregation", "auto"):
        assert u(solver) == pytest.approx(right, rel=3e-8), solver


@pytest.mark.parametrize("solver", ["frozen", "aggregation"])
def test_two_references(solver: str) -> None:
    """A model alone refers to theta = 0, in a posterior to the prior's mean: one likelihood."""
    mesh = m4dl.TriangleMesh.rectangle((24, 24), [(0, 1e5)] * 2)
    points = 1e5 * np.random.default_rng(0).random((20, 2))
    model = m4dl.Schrodinger(mesh, points, solver=solver)
    usual = np.full(model.parameters, np.log(2e-10))
    data = m4dl.Schrodinger(mesh, points, solver="direct")(usual)
    prior = m4dl.GaussianPrior(usual, 0.3**2)
    posterior = m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(0.01))
    draws = m4dl.sample(posterior, m4dl.PCN(0.3), draws=5, warmup=0, chains=2, seed=1, start="mean")
    again = posterior.log_likelihood(draws.theta.reshape(-1, model.parameters))
    np.testing.assert_allclose(draws.log_likelihood.ravel(), again, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model(usual), data, rtol=1e-7)
