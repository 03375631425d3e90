"""A(c) that is not positive definite is refused, by every solver alike: NaN, a rejected step."""

from __future__ import annotations

from typing import Any

import m4dl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

Array = NDArray[Any]
SOLVERS = ("direct", "frozen", "aggregation")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    size=st.integers(1, 40),
    lowest=st.floats(-3.0, 1.0).filter(lambda x: abs(x) > 1e-5),
    negative=st.integers(1, 3),
    hidden=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_spectrum(size: int, lowest: float, negative: int, hidden: bool, seed: int) -> None:
    """NaN if and only if the smallest eigenvalue is negative.

    If hidden, the load is an eigenvector of another, positive one: A u = load has a solution that
    sees nothing of the negative direction.
    """
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.standard_normal((size, size)))[0]
    values = rng.uniform(1.0, 10.0, size)
    values[: min(negative, max(size - 1, 1))] = lowest
    a = (q * values) @ q.T
    a = (a + a.T) / 2
    load = q[:, -1] if hidden and size > 1 else rng.standard_normal(size)
    parts = [a - np.eye(size)]  # A(theta) = I + theta (a - I)
    for solver in SOLVERS:
        u = m4dl.AffineElliptic(
            np.eye(size), parts, load, np.eye(size), link="identity", solver=solver
        )([1.0])
        if lowest < 0.0:
            assert np.isnan(u).all(), solver
        else:
            np.testing.assert_allclose(a @ u, load, atol=1e-5)


@pytest.mark.parametrize("at_theta", [-30.0, -12.0, -9.0, -5.0, 0.0, 1.0])
@pytest.mark.parametrize(
    "mesh",
    [
        m4dl.Grid((24, 24)),
        m4dl.TriangleMesh.rectangle((24, 24)),
        m4dl.TetrahedronMesh.box((8, 8, 8)),
    ],
    ids=["grid", "triangles", "tetrahedra"],
)
def test_potential_below_the_first_eigenvalue(mesh: Any, at_theta: float) -> None:
    """-Lap/2 on the unit square (cube) has pi^2 (3/2 pi^2) as its smallest eigenvalue."""
    point = [[0.3, 0.4, 0.5][: 3 if isinstance(mesh, m4dl.TetrahedronMesh) else 2]]
    first = -(np.pi**2) * len(point[0]) / 2
    boxes = ("multigrid",) if isinstance(mesh, m4dl.Grid) else ()
    for solver in (*SOLVERS, *boxes):
        model = m4dl.Schrodinger(mesh, point, link="identity", solver=solver)
        u = model(np.full(model.parameters, at_theta))
        if at_theta < first:
            assert np.isnan(u).all(), solver
        else:
            exact = m4dl.Schrodinger(mesh, point, link="identity", solver="direct")
            np.testing.assert_allclose(u, exact(np.full(model.parameters, at_theta)), rtol=1e-6)


def test_conductivity_of_both_signs() -> None:
    """One negative cell may leave A positive definite, and does not if it is negative enough."""
    grid = m4dl.Grid((12, 12))
    theta = np.ones((5, grid.cells[0] * grid.cells[1]))
    theta[1, 40], theta[2, 40], theta[3, 40], theta[4] = -0.1, -0.5, -5.0, -1.0
    seen = []
    for solver in ("direct", "multigrid"):
        model = m4dl.Darcy(
            grid, grid.coordinates("interior"), 1.0, at="cells", link="identity", solver=solver
        )
        seen.append(model.forward(theta))
    assert np.isfinite(seen[0]).all(axis=1).tolist() == [True, True, True, False, False]
    np.testing.assert_allclose(seen[1], seen[0], rtol=1e-6)


def test_lanes_of_both_signs() -> None:
    """A row beside refused ones, and one solved by multigrid beside one that is not: equal bits."""
    grid = m4dl.Grid((20, 20))
    model = m4dl.Schrodinger(grid, [[0.3, 0.4]], link="identity", solver="multigrid")
    theta = np.stack([np.full(model.parameters, t) for t in (1.0, -12.0, -3.0, 2.0, 0.0)])
    together = model.forward(theta)
    for row, alone in zip(theta, together, strict=True):
        np.testing.assert_array_equal(model(row), alone)


@pytest.mark.parametrize("solver", SOLVERS)
def test_refused_states_are_rejected_and_counted(solver: str) -> None:
    """theta ~ N(0, 1) given theta > -1 and u = 1/(1 + theta) = -1 + noise: by quadrature, 0.8638.

    8 chains of 2,000 draws of pCN(0.9), nearly independent: a standard error below 0.01.
    """
    model = m4dl.AffineElliptic(
        np.eye(1), [np.eye(1)], [1.0], np.eye(1), link="identity", solver=solver
    )
    prior = m4dl.GaussianPrior([0.0], 1.0)
    posterior = m4dl.Posterior(model, prior, data=[-1.0], noise=m4dl.GaussianNoise(1.0))
    with pytest.warns(RuntimeWarning, match="rejected"):
        draws = m4dl.sample(
            posterior, m4dl.PCN(0.9), draws=2000, warmup=200, chains=8, seed=1, start=np.zeros(1)
        )
    assert draws.failures.sum() > 0
    t = np.linspace(-1, 8, 200_001)[1:]
    weight = np.exp(-(t**2) / 2 - (-1 - 1 / (1 + t)) ** 2 / 2)
    assert float(draws.mean()[0]) == pytest.approx((t * weight).sum() / weight.sum(), abs=0.04)
