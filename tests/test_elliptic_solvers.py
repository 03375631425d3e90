"""The iterative solvers give what the direct one gives, to the tolerance asked for.

Fields are observed at every node inside (or many points), so that an error of the outputs is one
of the solution itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
from m4dl.models.base import Model
from numpy.typing import NDArray

Array = NDArray[Any]
Build = Callable[..., Model]


def all_nodes(mesh: Any) -> Array:
    """All nodes inside a grid; a hundred of the others'."""
    if isinstance(mesh, m4dl.Grid):
        return np.asarray(mesh.coordinates("interior"))
    inside = np.setdiff1d(np.arange(len(mesh.points)), mesh.boundary)
    return np.asarray(mesh.points[np.random.default_rng(6).permutation(inside)[:100]])


def wall(x: Array) -> Array:
    return np.asarray(1.0 + 0.5 * x[:, 0] + 0.3 * x[:, -1] ** 2)


def schrodinger(mesh: Any, at: str = "nodes") -> Build:
    return lambda **options: m4dl.Schrodinger(mesh, all_nodes(mesh), wall, at=at, **options)


def darcy(mesh: Any, **where: Any) -> Build:
    return lambda **options: m4dl.Darcy(
        mesh, all_nodes(mesh), 3.0, boundary=wall, **where, **options
    )


LONG = ((0.0, 4.0), (0.0, 1.0))
# Even, odd and prime numbers of cells; cells that are not square, so that axes are halved one by
# one; boxes in space. Three cells along an axis are the fewest that leave two nodes inside.
MULTIGRID: dict[str, Build] = {
    "potential 33": schrodinger(m4dl.Grid((33, 33))),
    "potential 40 interior": schrodinger(m4dl.Grid((40, 40)), "interior"),
    "potential 47": schrodinger(m4dl.Grid((47, 47))),
    "potential 24 x 96": schrodinger(m4dl.Grid((24, 96))),
    "potential 96 x 24": schrodinger(m4dl.Grid((96, 24)), "interior"),
    "potential 30 x 30 long": schrodinger(m4dl.Grid((30, 30), LONG)),
    "potential 3 x 40": schrodinger(m4dl.Grid((3, 40))),
    "potential 2 x 2": schrodinger(m4dl.Grid((2, 2))),
    "potential 10 x 11 x 12": schrodinger(m4dl.Grid((10, 11, 12))),
    "potential 6 x 15 x 8": schrodinger(m4dl.Grid((6, 15, 8)), "interior"),
    "diffusion 33": darcy(m4dl.Grid((33, 33))),
    "diffusion 40 cells": darcy(m4dl.Grid((40, 40)), at="cells"),
    "diffusion 32 blocks": darcy(m4dl.Grid((32, 32)), blocks=(8, 8)),
    "diffusion 47": darcy(m4dl.Grid((47, 47))),
    "diffusion 24 x 96": darcy(m4dl.Grid((24, 96))),
    "diffusion 30 x 30 long": darcy(m4dl.Grid((30, 30), LONG)),
    "diffusion 3 x 40": darcy(m4dl.Grid((3, 40))),
    "diffusion 2 x 2": darcy(m4dl.Grid((2, 2))),
    "diffusion 10 x 11 x 12": darcy(m4dl.Grid((10, 11, 12))),
    "diffusion 6 x 15 x 8": darcy(m4dl.Grid((6, 15, 8)), at="cells"),
}
TRIANGLES = m4dl.TriangleMesh.rectangle((20, 17))
TETRAHEDRA = m4dl.TetrahedronMesh.box((7, 6, 8))
FROZEN: dict[str, Build] = {
    "potential grid": schrodinger(m4dl.Grid((25, 30))),
    "potential line": schrodinger(m4dl.Grid((90,))),
    "potential triangles": schrodinger(TRIANGLES),
    "potential tetrahedra": schrodinger(TETRAHEDRA),
    "diffusion triangles": darcy(TRIANGLES),
    "diffusion tetrahedra": darcy(TETRAHEDRA, at="cells"),
}


def jittered(mesh: Any, seed: int = 0) -> Any:
    """Nodes inside moved by up to a fifth of a cell: no right angle is left."""
    x = np.array(mesh.points)
    inside = np.setdiff1d(np.arange(len(x)), mesh.boundary)
    step = 0.2 * np.ptp(x, axis=0) / len(x) ** (1 / x.shape[1])
    x[inside] += step * np.random.default_rng(seed).uniform(-1.0, 1.0, (len(inside), x.shape[1]))
    return type(mesh)(x, mesh.cells)


# More unknowns than the 400 that are factored, so that there are cycles; cells that are not cubes;
# an equation in one dimension; a mesh numbered at random; more than the 2^14 rows of a chunk.
SPACE = jittered(m4dl.TetrahedronMesh.box((12, 11, 13)))
FLAT = jittered(m4dl.TetrahedronMesh.box((12, 11, 13), ((0.0, 4.0), (0.0, 1.0), (0.0, 1.0))))
PLANE = jittered(m4dl.TriangleMesh.rectangle((32, 29)))


def shuffled(mesh: Any) -> Any:
    order = np.random.default_rng(0).permutation(len(mesh.points))
    return type(mesh)(mesh.points[np.argsort(order)], order[mesh.cells])


AGGREGATION: dict[str, Build] = {
    "potential box": schrodinger(m4dl.TetrahedronMesh.box((12, 11, 13))),
    "potential space": schrodinger(SPACE),
    "potential flat": schrodinger(FLAT),
    "potential shuffled": schrodinger(shuffled(SPACE)),
    "potential plane": schrodinger(PLANE),
    "potential two chunks": schrodinger(jittered(m4dl.TriangleMesh.rectangle((150, 120)))),
    "potential line": schrodinger(m4dl.Grid((900,))),
    "potential few": schrodinger(TETRAHEDRA),
    "diffusion space": darcy(SPACE),
    "diffusion cells": darcy(SPACE, at="cells"),
    "diffusion flat": darcy(FLAT),
    "diffusion plane": darcy(PLANE),
    "diffusion grid": darcy(m4dl.Grid((30, 27))),
}
ROWS = [pytest.param(b, "multigrid", id=f"multigrid {k}") for k, b in MULTIGRID.items()]
ROWS += [pytest.param(b, "frozen", id=f"frozen {k}") for k, b in FROZEN.items()]
ROWS += [pytest.param(b, "aggregation", id=f"aggregation {k}") for k, b in AGGREGATION.items()]


def thetas(model: Model, count: int, seed: int = 0) -> Array:
    """White noise: as rough as a coefficient can be."""
    return 0.7 * np.random.default_rng(seed).standard_normal((count, model.parameters))


def off(value: Array, exact: Array) -> float:
    """The largest error of a row, relative to the row."""
    return float((np.linalg.norm(value - exact, axis=1) / np.linalg.norm(exact, axis=1)).max())


@pytest.mark.parametrize("tolerance", [1e-4, 1e-8, 1e-11])
@pytest.mark.parametrize(("build", "solver"), ROWS)
def test_as_direct(build: Build, solver: str, tolerance: float) -> None:
    """The estimate of the error may be off by a factor; 5 is generous, 50 would be a bug.

    The derivatives of a diffusion are made of differences of the solution, where its error counts
    by the number of cells along an axis, some 30; and of two solutions.
    """
    direct, model = build(solver="direct"), build(solver=solver, tolerance=tolerance)
    assert (direct.solver, model.solver) == ("direct", solver)
    theta = thetas(model, 3)
    exact = direct.forward(theta)
    assert off(model.forward(theta), exact) < 5 * tolerance + 1e-12
    rng = np.random.default_rng(1)
    w, h = rng.standard_normal(exact.shape), rng.standard_normal(theta.shape)
    assert off(model.pull(theta, w), direct.pull(theta, w)) < 100 * tolerance + 1e-10
    assert off(model.push(theta, h), direct.push(theta, h)) < 100 * tolerance + 1e-10
    assert (model.iterations(theta) > 0).all()
    assert (direct.iterations(theta) == 0).all()


@pytest.mark.parametrize(("build", "solver"), ROWS)
def test_adjoint(build: Build, solver: str) -> None:
    """<G' h, w> = <h, G'* w> up to the tolerance of the two solves behind it."""
    model = build(solver=solver, tolerance=1e-10)
    theta = thetas(model, 2)
    rng = np.random.default_rng(2)
    h, w = rng.standard_normal(theta.shape), rng.standard_normal((2, model.outputs))
    forth, back = model.push(theta, h), model.pull(theta, w)
    scale = np.linalg.norm(forth, axis=1) * np.linalg.norm(w, axis=1)
    gap = np.abs((forth * w).sum(axis=1) - (h * back).sum(axis=1))
    assert (gap < 1e-8 * scale).all()


@pytest.mark.parametrize(
    ("model", "dim", "most"),
    [("Schrodinger", 2, 5), ("Schrodinger", 3, 6), ("Darcy", 2, 7), ("Darcy", 3, 7)],
)
def test_iterations_do_not_grow_with_the_mesh(model: str, dim: int, most: int) -> None:
    """Smooth coefficients between 1/3 and 3 on meshes of all kinds of numbers of cells.

    A cycle of the potential's leaves 0.05 of the error (0.1 in space), one of the diffusion's
    within conjugate gradients 0.04; the first one, a nested iteration, 1e-3 or less, so that 1e-8
    takes four more (five in space); one more for odd meshes and point sources.
    """
    taken = []
    for cells in (24, 47, 96) if dim == 2 else (12, 17, 24):
        grid = m4dl.Grid((cells,) * dim)
        x = grid.coordinates()
        theta = np.cos(5.0 * x[:, 0]) * np.sin(4.0 * x[:, -1] + 1.0)
        solver = getattr(m4dl, model)(grid, [[0.4] * dim], solver="multigrid")
        taken.append(int(solver.iterations(theta)))
    assert max(taken) <= most, taken
    assert max(taken) - min(taken) <= 2, taken


LARGE = {
    "potential": lambda: m4dl.Schrodinger(m4dl.Grid((170, 131)), [[0.3, 0.4], [0.8, 0.1]], wall),
    "potential in space": lambda: m4dl.Schrodinger(m4dl.Grid((32, 30, 28)), [[0.3, 0.4, 0.6]]),
    "diffusion": lambda: m4dl.Darcy(m4dl.Grid((140, 150)), [[0.3, 0.4], [0.8, 0.1]]),
    "diffusion in space": lambda: m4dl.Darcy(m4dl.Grid((28, 32, 30)), [[0.3, 0.4, 0.6]]),
    "potential on tetrahedra": lambda: m4dl.Schrodinger(
        m4dl.TetrahedronMesh.box((32, 30, 28)), [[0.3, 0.4, 0.6]], wall
    ),
    "diffusion on tetrahedra": lambda: m4dl.Darcy(
        m4dl.TetrahedronMesh.box((28, 32, 30)), [[0.3, 0.4, 0.6]]
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_threads_inside_a_solve(name: str) -> None:
    """One block of chains on 1 to 13 threads, which cut the field differently: equal bits."""
    model = LARGE[name]()
    assert model.solver == ("aggregation" if "tetrahedra" in name else "multigrid")
    theta, w = thetas(model, 2), np.ones((2, model.outputs))
    y, back = model.forward(theta, threads=1), model.pull(theta, w, threads=1)
    for threads in (2, 3, 13):
        np.testing.assert_array_equal(model.forward(theta, threads=threads), y)
        np.testing.assert_array_equal(model.pull(theta, w, threads=threads), back)


@pytest.mark.parametrize("kernel", [m4dl.PCN, m4dl.MALA, m4dl.ULA])
def test_threads_inside_a_step(kernel: Any) -> None:
    """Kernels, too, cut one large block into pieces, and no sum depends on how many."""
    grid = m4dl.Grid((137, 131))
    prior = m4dl.MaternPrior(grid, length=0.4)
    model = m4dl.Darcy(grid, [[0.3, 0.4], [0.8, 0.1]], 1.0, boundary=wall, link="softplus")
    posterior = m4dl.Posterior(model, prior, data=[1.2, 1.4], noise=m4dl.GaussianNoise(0.1))
    metric = m4dl.kernels.DiagonalMetric(0.5 + np.random.default_rng(0).random(prior.white))
    draws = [
        m4dl.sample(
            posterior,
            kernel(1e-3, metric=metric),
            draws=3,
            chains=2,
            seed=1,
            threads=threads,
            progress=False,
        )
        for threads in (1, 2, 3, 5)
    ]
    assert (np.ptp(draws[0].theta, axis=1) > 0).any(axis=1).all()
    for other in draws[1:]:
        np.testing.assert_array_equal(other.theta, draws[0].theta)
        np.testing.assert_array_equal(other.log_likelihood, draws[0].log_likelihood)


@pytest.mark.parametrize(("build", "solver"), ROWS)
def test_lanes_do_not_meet(build: Build, solver: str) -> None:
    """A row alone, among eight, and in a second block; an easy one beside hard ones: equal bits."""
    model = build(solver=solver)
    theta = thetas(model, 11)
    theta[1] = 0.0
    y = model.forward(theta)
    np.testing.assert_array_equal(model.forward(theta[:8]), y[:8])
    for k in (0, 1, 9):
        np.testing.assert_array_equal(model.forward(theta[k]), y[k])


SCRIPT = """
import hashlib, m4dl, numpy as np
digest = hashlib.sha256()
for cells in ((33, 40), (9, 12, 10)):
    for model in (m4dl.Schrodinger, m4dl.Darcy):
        for solver in ("multigrid", "frozen", "aggregation"):
            m = model(m4dl.Grid(cells), [[0.3] * len(cells)], solver=solver)
            t = np.random.default_rng(0).standard_normal((2, m.parameters)) / 3
            digest.update(m.pull(t, m.forward(t)).tobytes())
print(m4dl.build_info()["isa"], digest.hexdigest())
"""


def test_instruction_sets() -> None:
    """The same bits on every one that the processor has."""
    outputs = {}
    for isa in ("baseline", "avx2", "avx512"):
        out = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"M4DL_ISA": isa},
            capture_output=True,
            text=True,
            check=True,
        )
        name, value = out.stdout.split()
        outputs[name] = value
    assert len(set(outputs.values())) == 1


@pytest.mark.parametrize(
    ("cells", "solver"), [((33, 33), "multigrid"), ((96, 96), "multigrid"), ((40, 40), "frozen")]
)
def test_potential_of_a_posterior(cells: tuple[int, int], solver: str) -> None:
    """|delta Phi| at the default tolerance, 200 data with 2 % noise, states of the prior.

    Phi = |r|^2 / 2 with r of order 50 at such states, so delta Phi = r . delta u / sigma is at most
    50 sqrt(200) 50 1e-8 = 4e-4; accepting a proposal needs no more than 1e-2.
    """
    grid = m4dl.Grid(cells)
    points = np.random.default_rng(4).random((200, 2))
    prior = m4dl.MaternPrior(grid, length=0.5)
    phi = []
    for name in ("direct", solver):
        model = m4dl.Schrodinger(grid, points, 1.0, solver=name)
        data = np.full(200, 0.8)
        posterior = m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(0.016))
        phi.append(posterior.potential(np.random.default_rng(5).standard_normal((8, prior.white))))
    gap = np.abs(phi[1] - phi[0]).max()
    assert 0 < gap < 4e-4


def test_automatic_choice() -> None:
    point, corner = [[0.4, 0.4]], [[0.4, 0.4, 0.4]]
    assert m4dl.Schrodinger(m4dl.Grid((10, 10)), point).solver == "direct"
    assert m4dl.Schrodinger(m4dl.Grid((32, 32)), point).solver == "multigrid"
    assert m4dl.Schrodinger(m4dl.Grid((12, 12, 12)), corner).solver == "multigrid"
    assert m4dl.Schrodinger(m4dl.Grid((5000,)), [[0.4]]).solver == "frozen"
    assert m4dl.Schrodinger(m4dl.TriangleMesh.rectangle((45, 45)), point).solver == "frozen"
    assert m4dl.Darcy(m4dl.TriangleMesh.rectangle((45, 45)), point).solver == "direct"
    assert m4dl.Schrodinger(SPACE, corner).solver == "direct"  # 1,320 unknowns
    large = m4dl.TetrahedronMesh.box((14, 14, 14))
    assert m4dl.Schrodinger(large, corner).solver == "aggregation"
    assert m4dl.Darcy(large, corner).solver == "aggregation"
    # no matrix at theta = 0
    assert m4dl.Darcy(large, corner, link="identity").solver == "direct"
    assert m4dl.Darcy(m4dl.Grid((32, 32)), point).solver == "direct"
    assert m4dl.Darcy(m4dl.Grid((41, 41)), point).solver == "multigrid"
    assert m4dl.Darcy(m4dl.Grid((9, 9, 9)), corner).solver == "direct"
    assert m4dl.Darcy(m4dl.Grid((10, 10, 10)), corner).solver == "multigrid"
    assert m4dl.Schrodinger(m4dl.Grid((7, 7, 7)), corner).solver == "multigrid"
    assert m4dl.LinearModel(np.eye(2)).solver == ""


@pytest.mark.parametrize("solver", ["multigrid", "frozen", "aggregation"])
def test_extreme_coefficients(solver: str) -> None:
    """Far outside any prior: a solution to the tolerance or NaN, and the other rows unharmed."""
    grid = m4dl.Grid((30, 30))
    points = grid.coordinates("interior")
    model = m4dl.Schrodinger(grid, points, solver=solver)
    exact = m4dl.Schrodinger(grid, points, solver="direct")
    theta = np.zeros((4, model.parameters))
    theta[1] = 300.0
    theta[2] = -1000.0
    theta[3, ::2] = 20.0
    y, truth = model.forward(theta), exact.forward(theta)
    np.testing.assert_array_equal(y[0], model.forward(theta[0]))
    for row, right in zip(y, truth, strict=True):
        close = np.linalg.norm(row - right) <= 1e-6 * np.linalg.norm(right)
        assert np.isnan(row).all() or close
    assert np.isfinite(y[2]).all()


def test_no_convergence() -> None:
    """A coefficient too rough for the iterations: NaN in its row, advice in the warning."""
    mesh = m4dl.TriangleMesh.rectangle((24, 24))
    model = m4dl.Darcy(mesh, [[0.4, 0.4]], solver="aggregation")
    theta = thetas(model, 2)
    theta[1] *= 50.0
    y = model.forward(theta)
    assert np.isfinite(y[0]).all()
    assert np.isnan(y[1]).all()
    prior = m4dl.GaussianPrior(np.zeros(model.parameters), np.full(model.parameters, 2500.0))
    posterior = m4dl.Posterior(model, prior, data=y[0], noise=m4dl.GaussianNoise(10.0))
    with pytest.warns(RuntimeWarning, match="take solver='multigrid' on a Grid"):
        draws = m4dl.sample(
            posterior, m4dl.PCN(0.3), chains=8, draws=60, warmup=0, seed=1, start="mean"
        )
    assert draws.failures.sum() > 0
    assert "solver='aggregation' fails where" in str(draws.summary())


@pytest.mark.parametrize("solver", ["frozen", "aggregation"])
def test_too_rough_for_the_reference(solver: str) -> None:
    """Contrasts of e^13 between nodes: such a row goes on with a B of its own, and is right."""
    mesh = m4dl.TriangleMesh.rectangle((24, 24))
    model, direct = (m4dl.Darcy(mesh, all_nodes(mesh), solver=name) for name in (solver, "direct"))
    theta = 9.0 * thetas(model, 2)
    assert (model.iterations(theta) > 400).all()
    assert off(model.forward(theta), direct.forward(theta)) < 1e-7


def test_a_failure_leaves_nothing_behind() -> None:
    """Contrasts of e^10 between neighbouring cells, where some solves fail: the others are right.

    Every proposal is a draw of the prior, and accepted, since the data say nothing.
    """
    model = m4dl.Darcy(m4dl.Grid((41, 41)), np.random.default_rng(0).random((5, 2)), at="cells")
    assert model.solver == "multigrid"
    prior = m4dl.GaussianPrior(np.zeros(model.parameters), 2.4**2)
    posterior = m4dl.Posterior(model, prior, data=np.zeros(5), noise=m4dl.GaussianNoise(10.0))
    with pytest.warns(RuntimeWarning, match="some failed and were rejected"):
        draws = m4dl.sample(
            posterior,
            m4dl.PCN(1.0, adapt=False),
            draws=12,
            warmup=0,
            chains=8,
            seed=1,
            start=np.zeros((8, prior.white)),
        )
    assert draws.failures.sum() > 5
    again = posterior.log_likelihood(draws.theta.reshape(-1, model.parameters))
    np.testing.assert_allclose(draws.log_likelihood.ravel(), again, rtol=1e-9)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda p: m4dl.Schrodinger(m4dl.Grid((8, 8)), p, solver="lu"), "solver must be one of"),
        (lambda p: m4dl.Schrodinger(m4dl.Grid((8, 8)), p, tolerance=0.0), "got 0"),
        (lambda p: m4dl.Darcy(m4dl.Grid((8, 8)), p, tolerance=1e-13), "got 1e-13"),
        (lambda p: m4dl.Darcy(m4dl.Grid((8, 8)), p, tolerance=0.1), "between 1e-12 and 1e-3"),
        (lambda p: m4dl.Darcy(TRIANGLES, p, solver="multigrid"), "solver='multigrid' needs a Grid"),
        (
            lambda p: m4dl.Darcy(TRIANGLES, p, link="identity", solver="aggregation"),
            "solver='aggregation' needs a positive definite matrix at theta = 0",
        ),
        (lambda p: m4dl.Schrodinger(m4dl.Grid((9,)), [[0.5]], solver="multigrid"), "needs a Grid"),
    ],
)
def test_errors(build: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build([[0.4, 0.4]])
