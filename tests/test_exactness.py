"""Models equal their NumPy versions, and exact solutions to the error of the mesh."""

from __future__ import annotations

from collections.abc import Callable

import m4dl
import numpy as np
import oracles as o
import pytest
from catalogue import MODELS
from rows import ModelRow, simplices


@pytest.mark.parametrize("row", MODELS, ids=str)
def test_forward_equals_the_oracle(row: ModelRow) -> None:
    model, oracle = row.build(), row.oracle()
    theta = row.thetas(model, 11)  # one block of lanes and a part of another
    expected = np.array([oracle.forward(t) for t in theta])
    # Two direct solvers on systems of condition number below 1e3: 1e3 eps = 2e-13.
    atol = 1e-12 * np.abs(expected).max()
    np.testing.assert_allclose(model(theta), expected, rtol=0, atol=atol)


@pytest.mark.parametrize("row", MODELS, ids=str)
def test_derivatives_equal_the_oracle(row: ModelRow) -> None:
    model, oracle = row.build(), row.oracle()
    theta = row.thetas(model, 9)
    rng = np.random.default_rng(1)
    w = rng.standard_normal((9, model.outputs))
    h = rng.standard_normal((9, model.parameters))
    jacobian = np.array([[oracle.pull(t, e) for e in np.eye(model.outputs)] for t in theta])
    # Two solves in a row, each as in the test above.
    atol = 1e-11 * np.abs(jacobian).max() * model.parameters**0.5
    expected = np.einsum("bmd,bm->bd", jacobian, w)
    np.testing.assert_allclose(model.pull(theta, w), expected, rtol=0, atol=atol)
    assert model.has_push == row.push
    if row.push:
        expected = np.einsum("bmd,bd->bm", jacobian, h)
        np.testing.assert_allclose(model.push(theta, h), expected, rtol=0, atol=atol)


LINE = m4dl.Grid((64,))
X = LINE.coordinates("nodes")
DISK = o.disk_triangulation(24, 1.5)
INNER = DISK.points[~DISK.boundary]
R = np.hypot(*INNER.T)


@pytest.mark.parametrize("f", [0.3, 3.0, 20.0])
def test_schrodinger_on_an_interval(f: float) -> None:
    """u = g cosh(sqrt(2f)(x - 1/2)) / cosh(sqrt(2f)/2)."""
    u = m4dl.Schrodinger(LINE, X, 2.0)(np.full(65, np.log(f)))
    # The scheme's exponent a has a^2 = 2 f (1 - f h^2/6 + ...), so da/a = -f h^2/12; and from each
    # end a |du/da| <= g z exp(-z) <= g/e.
    atol = 2.0 * 2.0 * np.exp(-1.0) * f / 64**2 / 12.0
    np.testing.assert_allclose(u, o.schrodinger_interval(X[:, 0], f, 2.0), rtol=0, atol=atol)


def test_schrodinger_on_a_disk() -> None:
    """u = I_0(sqrt(2f) r) / I_0(sqrt(2f) R)."""
    model = m4dl.Schrodinger(simplices(DISK), INNER, 1.0, link="identity")
    u = model(np.full(len(DISK.points), 2.0))
    # Nodes err by no more than P1 interpolation does: h^2 |D^2 u|/8, h = R/24, |D^2 u| <= 2 f = 4.
    atol = 4.0 * (1.5 / 24) ** 2 / 8.0
    np.testing.assert_allclose(u, o.schrodinger_disk(R, 2.0, 1.5), rtol=0, atol=atol)


def test_darcy_on_an_interval() -> None:
    """-(f u')' = 1 with f = 1 + x, given per cell; and a jump of f, for which Q1 is exact."""
    theta = np.log1p(LINE.coordinates("cells")[:, 0])
    u = m4dl.Darcy(LINE, X, 1.0, at="cells")(theta)
    exact = o.darcy_interval(X, lambda t: 1.0 + t, -1.0)
    # In one dimension nodal values see f through its harmonic means alone; the midpoint is off by
    # h^2 f'^2/12 of them, and u is at most 1/8.
    np.testing.assert_allclose(u, exact, rtol=0, atol=(1 / 64) ** 2 / 12 / 4)
    u = m4dl.Darcy(LINE, X, 1.0, blocks=(2,), link="identity")([1.0, 5.0])
    # By hand: f u' = c - x with c from u(1) = 0, that is c (1/2 + 1/10) = 1/8 + 3/40.
    x, c = X[:, 0], (1 / 8 + 3 / 40) / (1 / 2 + 1 / 10)
    middle = c / 2 - 1 / 8
    right = middle + (c * (x - 0.5) - 0.5 * (x**2 - 0.25)) / 5.0
    exact = np.where(x < 0.5, c * x - 0.5 * x**2, right)
    np.testing.assert_allclose(u, exact, rtol=0, atol=1e-13)


@pytest.mark.parametrize("at", ["nodes", "cells"])
def test_darcy_on_a_disk(at: str) -> None:
    """div(f grad u) = s: u = (r^2 - R^2) s/(4 f) for constant f, and for f = 1 + r^2, s = 4:
    u' = 2 r/(1 + r^2), u = log((1 + r^2)/(1 + R^2)).
    """
    mesh = simplices(DISK)
    model = m4dl.Darcy(mesh, INNER, -4.0, at=at)
    u = model(np.full(model.parameters, np.log(2.0)))
    # As above with |D^2 u| <= 2, and the error of f, of the same order, on top.
    atol = 2.0 * 2.0 * (1.5 / 24) ** 2 / 8.0
    np.testing.assert_allclose(u, o.darcy_disk(R, 2.0, 4.0, 1.5), rtol=0, atol=atol)
    radius = np.hypot(*mesh.coordinates(at).T)
    u = model(np.log1p(radius**2))
    np.testing.assert_allclose(u, np.log((1 + R**2) / (1 + 1.5**2)), rtol=0, atol=atol)
    exact = o.darcy_disk_radial(R[::60], lambda t: 1 + t * t, lambda t: 4.0, 1.5)
    np.testing.assert_allclose(u[::60], exact, rtol=0, atol=atol)


def test_feynman_kac(seed: Callable[[int], int]) -> None:
    """u(x) = E[g(X_tau) exp(-int f(X))] by random walks, free of any mesh."""

    def f(x: np.ndarray) -> np.ndarray:
        return np.exp(x[:, 0] - 0.5 * x[:, 1] + 0.5)

    def g(x: np.ndarray) -> np.ndarray:
        return 1.0 + x[:, 0] * x[:, 1] + 0.5 * np.sin(3.0 * x[:, 1])

    points = np.array([(0.5, 0.5), (0.25, 0.8125), (0.9, 0.4)])
    fields = []
    for n in (32, 64):
        mesh = m4dl.Grid((n, n))
        theta = np.log(f(mesh.coordinates("nodes")))
        fields.append(m4dl.Schrodinger(mesh, points, g)(theta))
    # Order 2 leaves a third of the last change; five standard errors fail once in 10^6.
    remaining = np.abs(fields[1] - fields[0])
    for k, point in enumerate(points):
        value, error = o.feynman_kac(point, f, g, float(np.exp(1.5)), 40_000, seed(20 + k))
        assert error < 5e-3
        assert abs(value - fields[1][k]) < 5.0 * error + remaining[k]


@pytest.mark.parametrize("name", ["square", "disk", "tetrahedra"])
def test_maximum_principle(name: str) -> None:
    """0 < u <= max g for every potential f >= 0, however rough."""
    if name == "square":
        mesh: m4dl.Grid | m4dl.TriangleMesh | m4dl.TetrahedronMesh = m4dl.Grid((12, 12))
    elif name == "disk":
        mesh = simplices(o.disk_triangulation(8))
    else:  # without obtuse angles between faces
        mesh = m4dl.TetrahedronMesh.box((5, 6, 4))
    points = mesh.coordinates("nodes")
    model = m4dl.Schrodinger(mesh, points, lambda x: 1.5 + 0.5 * np.cos(4.0 * x[:, 0]))
    u = model(4.0 * np.random.default_rng(5).standard_normal((24, model.parameters)))
    assert (u > 0.0).all()
    # Rounding of the solve: 1e2 eps.
    assert u.max() <= 2.0 * (1.0 + 1e-14 * 1e2)


def test_interpolation_between_nodes() -> None:
    """Observations of u = exp(q) off the nodes: multilinear interpolation errs by h^2 |D^2 u|/8."""
    u, f = o.manufactured_schrodinger(2)
    points = np.random.default_rng(6).uniform(size=(200, 2))
    mesh = m4dl.Grid((40, 40))
    theta = np.log(f(mesh.coordinates("nodes")))
    # |u_xx| + |u_yy| <= (1 + 1 + 1.8 + 1.8^2) exp(1.4) = 29; the nodes err by less than that again.
    tolerance = 2.0 * 29.0 / 8.0 / 40**2
    assert np.abs(m4dl.Schrodinger(mesh, points, u)(theta) - u(points)).max() < tolerance
