"""The oracles themselves: published numbers, exact solutions, adjoints, and closed forms."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import oracles as o
import pytest
from scipy.fft import dstn, idctn

ROOT = Path(__file__).parents[1]
Z_HAT = ROOT / "python" / "m4dl" / "data" / "aristoff_bangerth" / "z_hat.csv"


def warp(points: np.ndarray) -> np.ndarray:
    """A smooth map of the unit square onto itself, so that no two triangles are alike."""
    x, y = points.T
    bump = 0.06 * np.sin(np.pi * x) * np.sin(np.pi * y)
    return np.stack([x + bump, y - 0.7 * bump], axis=1)


POINTS = np.random.default_rng(1).uniform(0.05, 0.95, (7, 3))
BOX2, BOX3 = o.Box((6, 5), ((0.0, 1.0), (-0.5, 1.0))), o.Box((4, 3, 5))
MESH = o.square_triangulation(5, warp)
CUBE = o.cube_triangulation(3)
WALL = 1.0 + MESH.points[:, 0] + 0.5 * MESH.points[:, 1] ** 2
SOFTPLUS = o.LINKS["softplus"]
MODELS: dict[str, Callable[[], o.Elliptic]] = {
    "schrodinger 1d": lambda: o.SchrodingerGrid(o.Box((9,)), POINTS[:, :1]),
    "schrodinger 2d": lambda: o.SchrodingerGrid(BOX2, POINTS[:, :2], 1.3, link=SOFTPLUS),
    "schrodinger 2d interior": lambda: o.SchrodingerGrid(BOX2, POINTS[:, :2], at="interior"),
    "schrodinger 3d": lambda: o.SchrodingerGrid(BOX3, POINTS),
    "schrodinger triangles": lambda: o.SchrodingerP1(MESH, POINTS[:, :2], WALL),
    "darcy 1d cells": lambda: o.DarcyGrid(o.Box((9,)), POINTS[:, :1]),
    "darcy 2d nodes": lambda: o.DarcyGrid(BOX2, POINTS[:, :2], 3.0, at="nodes", link=SOFTPLUS),
    "darcy 2d blocks": lambda: o.DarcyGrid(o.Box((6, 4)), POINTS[:, :2], 3.0, at=(3, 2)),
    "darcy 3d cells": lambda: o.DarcyGrid(BOX3, POINTS, 1.0, 0.5),
    "darcy triangles cells": lambda: o.DarcyP1(MESH, POINTS[:, :2], WALL, WALL, at="cells"),
    "darcy triangles nodes": lambda: o.DarcyP1(MESH, POINTS[:, :2], 2.0),
    "schrodinger tetrahedra": lambda: o.SchrodingerP1(CUBE, POINTS, 1.3),
    "darcy tetrahedra": lambda: o.DarcyP1(CUBE, POINTS, 2.0, at="cells"),
}


@pytest.mark.parametrize("name", MODELS)
def test_tangent_and_adjoint(name: str) -> None:
    model = MODELS[name]()
    rng = np.random.default_rng(2)
    theta, tangent = 0.4 * rng.standard_normal((2, model.parameters))
    sensitivity = rng.standard_normal(model.outputs)
    pushed = model.push(theta, tangent)
    # Central differences balance truncation h^2 and rounding eps/h near h = eps^(1/3) = 6e-6, at
    # about 1e-10 of the values; the solve multiplies the rounding by a few tens.
    h = 6e-6
    values = model.forward(theta)
    difference = (model.forward(theta + h * tangent) - model.forward(theta - h * tangent)) / (2 * h)
    np.testing.assert_allclose(pushed, difference, rtol=0, atol=1e-8 * np.abs(values).max())
    # The transpose is exact up to the rounding of two solves of condition number below 1e4.
    assert pushed @ sensitivity == pytest.approx(
        tangent @ model.pull(theta, sensitivity), rel=1e-10
    )
    # The gradient of the potential is the pull of the residual.
    data = values + rng.standard_normal(model.outputs)
    gradient = model.gradient(theta, data, 0.2)
    slope = model.potential(theta + h * tangent, data, 0.2) - model.potential(
        theta - h * tangent, data, 0.2
    )
    scale = model.potential(theta, data, 0.2)
    assert gradient @ tangent == pytest.approx(slope / (2 * h), rel=0, abs=1e-8 * scale)


def test_published_benchmark() -> None:
    model = o.AristoffBangerth()
    z_hat = np.loadtxt(Z_HAT, delimiter=",", skiprows=1)[:, -1]
    coefficients, published, logs = model.tests()
    assert coefficients.shape == (10, 64)
    for a, z, (log_likelihood, log_prior) in zip(coefficients, published, logs, strict=True):
        x = model.published(a)
        ours = model.forward(x)
        np.testing.assert_allclose(ours, z, rtol=1e-10)
        # Twelve digits are printed, from observations that carry an iterative solver's 5e-12.
        assert model.log_likelihood(ours, z_hat) == pytest.approx(log_likelihood, rel=1e-11)
        assert model.log_prior(x) == pytest.approx(log_prior, rel=1e-11)


def test_transposed_benchmark_is_noticed() -> None:
    """The likelihood cannot see the order of the coefficients; the observations can."""
    model = o.AristoffBangerth()
    z_hat = np.loadtxt(Z_HAT, delimiter=",", skiprows=1)[:, -1]
    coefficients, published, logs = model.tests()
    wrong = model.forward(np.log(coefficients[3]))
    assert model.log_likelihood(wrong, z_hat) == pytest.approx(logs[3, 0], rel=1e-8)
    assert np.abs(wrong - published[3]).max() > 1e-3


@pytest.mark.parametrize("name", ["P1", "P2"])
def test_reference_problem(name: str) -> None:
    problem = o.load_reference(name)
    truth = problem.data["theta_true"]
    np.testing.assert_allclose(problem.state(truth), problem.data["u_true"], rtol=0, atol=1e-13)
    # 200 (169) standard normals: their mean square is within five standard deviations of 1. The
    # data come from a finer grid, whose distance from this one is far below sigma.
    misfit = (problem.y - problem.forward(truth)) / problem.sigma
    assert abs(np.mean(misfit**2) - 1.0) < 5.0 * np.sqrt(2.0 / len(misfit))
    # The stored white noise is in cosine coordinates; the prior map is the same.
    n = problem.n
    nodes = idctn(problem.data["xi_init"].reshape(n, n), norm="ortho").ravel()
    np.testing.assert_allclose(problem.push(nodes), problem.data["theta_init"], atol=1e-12)
    np.testing.assert_allclose(problem.white(problem.data["theta_init"]), nodes, atol=1e-9)
    phi, gradient = problem.gradient(nodes)
    assert phi == pytest.approx(problem.potential(nodes), rel=1e-12)
    direction = np.random.default_rng(3).standard_normal(n * n)
    h = 1e-5
    slope = (
        problem.potential(nodes + h * direction) - problem.potential(nodes - h * direction)
    ) / (2 * h)
    assert gradient @ direction == pytest.approx(slope, rel=1e-6)


def test_reference_problems_are_the_general_oracles() -> None:
    """P1 is SchrodingerGrid on interior nodes; its prior is Matern, smoothness 1, length 0.5."""
    problem = o.load_reference("P1")
    box = o.Box((33, 33))
    model = o.SchrodingerGrid(box, box.coordinates("interior")[problem.idx], at="interior")
    theta = problem.data["theta_init"]
    np.testing.assert_allclose(model.forward(theta), problem.forward(theta), rtol=1e-12)
    small = o.ReferenceSchrodinger({**problem.data, "n": 11})
    columns = np.array([small.push(e) for e in np.eye(121)]).T
    ours = o.matern_map(o.Box((12, 12)), "interior", 1.0, 0.5, 1.0)
    np.testing.assert_allclose(columns, ours, atol=1e-11)


def order(errors: list[float]) -> float:
    """Observed order between the two finest of three halvings."""
    return float(np.log2(errors[-2] / errors[-1]))


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_grid_convergence(dim: int) -> None:
    u, f = o.manufactured_schrodinger(dim)
    v, theta, source = o.manufactured_darcy(dim)
    points = np.full((1, dim), 0.5)
    errors: dict[str, list[float]] = {"schrodinger": [], "cells": [], "nodes": []}
    for n in (4, 8, 16):
        box = o.Box((n,) * dim)
        x = box.coordinates("nodes")
        schrodinger = o.SchrodingerGrid(box, points, u(x))
        errors["schrodinger"].append(np.abs(schrodinger.state(np.log(f(x))) - u(x)).max())
        for at in ("cells", "nodes"):
            darcy = o.DarcyGrid(box, points, source(x), at=at)
            state = darcy.state(theta(box.coordinates(at)))
            errors[at].append(np.abs(state - v(x)).max())
    for name, error in errors.items():
        assert order(error) == pytest.approx(2.0, abs=0.25), (name, error)


def test_triangle_convergence() -> None:
    u, f = o.manufactured_schrodinger(2)
    v, theta, source = o.manufactured_darcy(2)
    errors: dict[str, list[float]] = {"schrodinger": [], "cells": [], "nodes": []}
    for n in (8, 16, 32):
        mesh = o.square_triangulation(n, warp)
        x = mesh.points
        model = o.SchrodingerP1(mesh, [[0.5, 0.5]], u(x))
        errors["schrodinger"].append(np.abs(model.state(np.log(f(x))) - u(x)).max())
        for at, where in (("cells", x[mesh.cells].mean(axis=1)), ("nodes", x)):
            darcy = o.DarcyP1(mesh, [[0.5, 0.5]], source(x), at=at)
            errors[at].append(np.abs(darcy.state(theta(where)) - v(x)).max())
    for name, error in errors.items():
        assert order(error) == pytest.approx(2.0, abs=0.25), (name, error)


def test_exact_solutions() -> None:
    """Interval and disk, constant and radial coefficient, to the second-order error of the mesh."""
    box = o.Box((64,))
    x = box.coordinates("nodes")
    line = o.SchrodingerGrid(box, [[0.5]], 2.0).state(np.full(65, np.log(3.0)))
    np.testing.assert_allclose(line, o.schrodinger_interval(x[:, 0], 3.0, 2.0), atol=2e-4)
    flow = o.DarcyGrid(box, [[0.5]], 1.0).state(np.log1p(box.coordinates("cells")[:, 0]))
    np.testing.assert_allclose(flow, o.darcy_interval(x, lambda t: 1.0 + t, -1.0), atol=2e-5)

    mesh = o.disk_triangulation(24, 1.5)
    assert mesh.measures.sum() == pytest.approx(np.pi * 1.5**2, rel=3e-3)
    r = np.hypot(*mesh.points.T)
    np.testing.assert_allclose(np.sort(r[mesh.boundary]), 1.5)
    assert mesh.boundary.sum() == 6 * 24
    disk = o.SchrodingerP1(mesh, [[0.0, 0.0]]).state(np.full(len(r), np.log(2.0)))
    np.testing.assert_allclose(disk, o.schrodinger_disk(r, 2.0, 1.5), atol=2e-3)
    constant = o.DarcyP1(mesh, [[0.0, 0.0]], -4.0).state(np.full(len(r), np.log(2.0)))
    np.testing.assert_allclose(constant, o.darcy_disk(r, 2.0, 4.0, 1.5), atol=2e-3)
    radial = o.DarcyP1(mesh, [[0.0, 0.0]], -4.0).state(np.log(1.0 + r**2))
    exact = o.darcy_disk_radial(r, lambda t: 1.0 + t**2, lambda t: 4.0, 1.5)
    np.testing.assert_allclose(radial, exact, atol=2e-3)
    np.testing.assert_allclose(exact, np.log((1 + r**2) / (1 + 1.5**2)), atol=1e-9)


def test_feynman_kac() -> None:
    """Five standard errors; the shell's bias, 1e-5 times |grad u|, is far below them."""
    u, f = o.manufactured_schrodinger(2)
    for seed, point in enumerate([(0.5, 0.5), (0.3, 0.8)]):
        value, error = o.feynman_kac(point, f, u, float(f(np.ones((1, 2)))[0]), 40_000, seed)
        assert error < 5e-3
        assert abs(value - u(np.array([point]))[0]) < 5.0 * error


@pytest.mark.parametrize(("box", "at", "smoothness"), [
    (o.Box((400,), ((0.0, 4.0),)), "nodes", 1.5),
    (o.Box((400,), ((0.0, 4.0),)), "cells", 0.5),
    (o.Box((32, 32), ((0.0, 2.0), (0.0, 2.0))), "interior", 1.0),
    (o.Box((32, 32), ((0.0, 2.0), (0.0, 2.0))), "nodes", 2.0),
])  # fmt: skip
def test_matern(box: o.Box, at: str, smoothness: float) -> None:
    """In the middle of many lengths: the std and the Matern correlation of the whole space."""
    std, length = 1.7, 0.4
    covariance = o.matern_covariance(box, at, std, length, smoothness)
    x = box.coordinates(at)
    middle = int(np.argmin(np.abs(x - box.bounds.mean(axis=1)).sum(axis=1)))
    # The lattice spectrum (2 - 2 cos(p h))/h^2 falls short of p^2 by h^2 p^4 / 12, which raises the
    # variance by O((kappa h)^2), with a logarithm for smoothness 1 in 2-D. The Neumann images, at
    # a distance of 4 to 10 lengths, add less than 1e-3.
    kappa_h = np.sqrt(8.0 * smoothness) / length * box.spacing[0]
    tolerance = 0.25 * kappa_h**2 * (1.0 - np.log(min(1.0, kappa_h**2))) + 1e-3
    assert covariance[middle, middle] == pytest.approx(std**2, rel=tolerance)
    near = np.linalg.norm(x - x[middle], axis=1) < 0.6
    expected = o.matern_correlation(np.linalg.norm(x - x[middle], axis=1), length, smoothness)
    ours = covariance[middle] / covariance[middle, middle]
    np.testing.assert_allclose(ours[near], expected[near], atol=tolerance)
    corrected = o.matern_covariance(box, at, std, length, smoothness, corrected=True)
    np.testing.assert_allclose(np.diag(corrected), std**2, rtol=1e-12)
    if box.dim == 2 and smoothness == 1.0:
        root = o.matern_map(box, at, std, length, smoothness)
        np.testing.assert_allclose(root @ root.T, covariance, atol=1e-10)


def test_matern_boundary_variance() -> None:
    """The Neumann condition adds the field's mirror image: twice the variance at an end."""
    box = o.Box((2000,), ((0.0, 4.0),))
    covariance = o.matern_covariance(box, "nodes", 1.0, 0.4, 0.5)
    assert covariance[0, 0] == pytest.approx(2.0, rel=1e-4)


def test_sine_series() -> None:
    box = o.Box((12, 10), ((0.0, 2.0), (1.0, 2.0)))
    modes = [(1, 1), (2, 1), (1, 2), (3, 2)]
    basis, eigenvalues = o.sine_series(box, "nodes", modes)
    # Discrete orthogonality of sines: the trapezoid rule is exact for these modes.
    mass, _ = o.matern_matrices(box, "nodes")
    np.testing.assert_allclose(basis.T @ mass @ basis, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(eigenvalues[1], np.pi**2 * 2.0)
    np.testing.assert_allclose(basis[box.boundary], 0.0, atol=1e-14)


def test_linear_posterior() -> None:
    """By hand (prior N(4, 4), datum 0, sigma 1: both 0.8), and the information form."""
    mean, covariance = o.linear_posterior([[1.0]], [0.0], 1.0, [4.0], [[4.0]])
    assert (mean[0], covariance[0, 0]) == pytest.approx((0.8, 0.8))
    rng = np.random.default_rng(4)
    g, y, m, sigma = (
        rng.normal(size=(5, 3)),
        rng.normal(size=5),
        rng.normal(size=3),
        0.5 + rng.random(5),
    )
    c = np.diag([1.0, 2.0, 3.0])
    precision = g.T @ np.diag(sigma**-2) @ g + np.linalg.inv(c)
    mean, covariance = o.linear_posterior(g, y, sigma, m, c)
    np.testing.assert_allclose(covariance, np.linalg.inv(precision), atol=1e-13)
    right = g.T @ (y / sigma**2) + np.linalg.solve(c, m)
    np.testing.assert_allclose(mean, np.linalg.solve(precision, right), atol=1e-12)
    # ULA: the covariance is a fixed point of C -> (I - hP) C (I - hP)' + 2h I.
    h = 1.0 / np.linalg.eigvalsh(precision)[-1]
    stationary = o.ula_covariance(precision, h)
    move = np.eye(3) - h * precision
    np.testing.assert_allclose(
        move @ stationary @ move.T + 2 * h * np.eye(3), stationary, atol=1e-12
    )
    with pytest.raises(ValueError, match="diverges"):
        o.ula_covariance(precision, 2.1 * h)


@pytest.fixture(scope="module")
def chains() -> ModuleType:
    """benchmarks/by_hand, a package that is not installed."""
    folder = ROOT / "benchmarks" / "by_hand"
    spec = importlib.util.spec_from_file_location(
        "by_hand", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["by_hand"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("solver", ["Banded", "SuperLU", "Cholmod"])
def test_handwritten_targets(chains: ModuleType, solver: str) -> None:
    """The competitors of the benchmarks have the potential and the gradient of the oracles."""
    if solver == "Cholmod" and chains.analyze is None:
        pytest.skip("scikit-sparse is not installed")
    factory = getattr(chains, solver)
    oracle = o.load_reference("P1")
    phi, gradient = oracle.gradient(oracle.white(oracle.data["theta_init"]))
    target, xi = chains.Schrodinger(oracle.data, factory), oracle.data["xi_init"].ravel()
    assert target.potential(xi) == pytest.approx(phi, rel=1e-11)
    value, slope = target.gradient(xi)
    assert value == pytest.approx(phi, rel=1e-11)
    nodes = idctn(slope.reshape(32, 32), norm="ortho").ravel()
    np.testing.assert_allclose(nodes, gradient, rtol=0, atol=1e-11 * np.abs(gradient).max())

    darcy, model = chains.Darcy(factory), o.AristoffBangerth()
    z_hat = np.loadtxt(Z_HAT, delimiter=",", skiprows=1)[:, -1]
    x = model.published(model.tests()[0][4])
    value, slope = darcy.gradient((x - 4.0) / 2.0)
    assert value == pytest.approx(model.potential(x, z_hat, 0.05), rel=1e-11)
    exact = 2.0 * model.gradient(x, z_hat, 0.05)
    np.testing.assert_allclose(slope, exact, rtol=0, atol=1e-10 * np.abs(exact).max())


@pytest.mark.parametrize("solver", ["SineTransform", "ruge_stuben", "smoothed_aggregation"])
def test_handwritten_iterations(chains: ModuleType, solver: str) -> None:
    """They end at a residual of 1e-8, and start from the last solution without harm."""
    factory = chains.SineTransform
    if solver != "SineTransform":
        pytest.importorskip("pyamg")
        factory = partial(chains.Multigrid, method=solver)
    oracle = o.load_reference("P1")
    target = chains.Schrodinger(oracle.data, factory)
    exact = chains.Schrodinger(oracle.data, chains.SuperLU)
    for size in (0.0, 1.0, 0.9):
        xi = size * oracle.data["xi_init"]
        phi, gradient = exact.gradient(xi)
        value, slope = target.gradient(xi)
        # A residual of 1e-8 times |b| leaves 1e-7 in u, times u/sigma = 50 in a misfit.
        assert value == pytest.approx(phi, rel=1e-5)
        assert np.linalg.norm(slope - gradient) <= 1e-4 * np.linalg.norm(gradient)


@pytest.mark.parametrize("n", [15, 16, 32])
def test_handwritten_sines(chains: ModuleType, n: int) -> None:
    """Each way to transform is scipy's, up to the order of frequencies, and is its own inverse."""
    x = np.random.default_rng(n).standard_normal((n, n))
    exact = dstn(x, type=1, norm="ortho")
    sines = sys.modules["by_hand.iterative"].Sines(n)
    for there, back, order in sines.ways.values():
        y = there(x).copy()
        np.testing.assert_allclose(y, exact[np.ix_(order, order)], rtol=0, atol=1e-13 * n)
        np.testing.assert_allclose(back(y), x, rtol=0, atol=1e-13 * n)


def test_handwritten_darcy_field(chains: ModuleType) -> None:
    """Against the oracle's elements, and the dense covariance of the prior."""
    n = 8
    data = chains.darcy_problem(n)
    target = chains.DarcyField(data, chains.SuperLU)
    box = o.Box((n + 1, n + 1))
    oracle = o.DarcyGrid(box, data["X"], at="nodes")
    unit = np.stack([target.push(row) for row in np.eye(target.size)], axis=1)
    covariance = o.matern_covariance(box, "nodes", 1.0, 0.5, 1.0)
    np.testing.assert_allclose(unit @ unit.T, covariance, rtol=0, atol=1e-11)
    xi = np.random.default_rng(2).standard_normal(target.size)
    theta = unit @ xi
    np.testing.assert_allclose(target.white(theta), xi, rtol=0, atol=1e-11)
    phi = oracle.potential(theta, data["y"], data["sigma"])
    gradient = unit.T @ oracle.gradient(theta, data["y"], data["sigma"])
    value, slope = target.gradient(xi)
    assert value == pytest.approx(phi, rel=1e-11)
    assert target.potential(xi) == pytest.approx(phi, rel=1e-11)
    np.testing.assert_allclose(slope, gradient, rtol=0, atol=1e-11 * np.abs(gradient).max())


def test_handwritten_chains(chains: ModuleType) -> None:
    """On phi = (xi - 1)^2 / 2 per component the posterior is N(1/2, 1/2), so E phi = 3/8 each."""
    target = SimpleNamespace(
        potential=lambda xi: 0.5 * float((xi - 1.0) @ (xi - 1.0)),
        gradient=lambda xi: (0.5 * float((xi - 1.0) @ (xi - 1.0)), xi - 1.0),
    )
    for run, parameter in ((chains.mala, 0.4), (chains.pcn, 0.6)):
        # 40 batches of 500 steps: batch means far longer than the autocorrelation, five errors.
        chain = run(target, np.zeros(2), parameter, 20_000, 5)
        batches = chain.potential.reshape(40, 500).mean(axis=1)
        error = batches.std(ddof=1) / np.sqrt(40)
        assert error < 0.02
        assert abs(batches.mean() - 2 * 3 / 8) < 5.0 * error
        assert 0.3 < chain.acceptance < 0.999


def test_handwritten_problem(chains: ModuleType) -> None:
    """The same truth, points and noise for every grid; the noise is of the size it claims."""
    small, large = chains.problem(16), chains.problem(33)
    assert np.abs(small["X"] - large["X"]).max() <= 1.5 / 17
    oracle = o.ReferenceSchrodinger(large)
    misfit = oracle.potential(oracle.white(large["theta_true"])) * 2 / 200
    assert abs(misfit - 1.0) < 5.0 * np.sqrt(2.0 / 200)
    plain, tuned = (chains.schrodinger_splu(33, large, tuned=t) for t in (False, True))
    xi = np.random.default_rng(6).standard_normal(33**2)
    assert plain.potential(xi) == pytest.approx(tuned.potential(xi), rel=1e-11)
    nodes = idctn(xi.reshape(33, 33), norm="ortho").ravel()
    assert plain.potential(xi) == pytest.approx(oracle.potential(nodes), rel=1e-11)
