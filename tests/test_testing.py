"""The helpers that m4dl offers for tests: they accept what is right and reject what is wrong."""

from __future__ import annotations

import m4dl
import numpy as np
import oracles
import pytest
from m4dl import testing

RNG = np.random.default_rng(20240611)
POINTS = RNG.uniform(-0.6, 0.6, (40, 2))


def python_model(factor: float = 2.0) -> m4dl.PythonModel:
    """G(x) = x^2, with the gradient factor * x * s: right for 2."""
    return m4dl.PythonModel(lambda x: x**2, lambda x, s: factor * x * s, parameters=3, outputs=3)


def test_right_derivatives_pass() -> None:
    model = m4dl.Schrodinger(m4dl.Grid((6, 5)), RNG.uniform(size=(7, 2)))
    report = testing.check_derivatives(model, RNG.standard_normal(model.parameters))
    assert report.adjoint_gap is not None
    assert report.adjoint_gap < 1e-13
    assert report.push_order == pytest.approx(2.0, abs=0.1)
    assert report.pull_order == pytest.approx(2.0, abs=0.1)
    assert str(report).startswith("adjoint gap ")


@pytest.mark.parametrize(
    "model",
    [
        m4dl.Schrodinger(m4dl.Grid((48, 48)), [[0.3, 0.4]]),
        m4dl.Darcy(m4dl.Grid((48, 48)), [[0.3, 0.4]]),
        m4dl.Schrodinger(m4dl.TriangleMesh.rectangle((44, 44)), [[0.3, 0.4]]),
        m4dl.Schrodinger(m4dl.TetrahedronMesh.box((13, 13, 13)), [[0.3, 0.4, 0.5]]),
        m4dl.Darcy(m4dl.TetrahedronMesh.box((13, 13, 13)), [[0.3, 0.4, 0.5]]),
    ],
    ids=str,
)
def test_derivatives_behind_iterations_pass(model: m4dl.Model) -> None:
    """At the defaults of both, where a solve leaves 1e-8 of the solution."""
    assert model.solver != "direct"
    report = testing.check_derivatives(model, np.zeros(model.parameters))
    assert report.push_order == pytest.approx(2.0, abs=0.1)
    assert report.pull_order == pytest.approx(2.0, abs=0.1)


def test_a_linear_map_leaves_no_remainder() -> None:
    report = testing.check_derivatives(m4dl.LinearModel(RNG.standard_normal((4, 6))), np.ones(6))
    assert report.push_order == report.pull_order == float("inf")


def test_without_a_tangent_the_gradient_is_checked() -> None:
    report = testing.check_derivatives(python_model(), np.array([1.0, -2.0, 0.5]))
    assert report.push_order is None
    assert report.adjoint_gap is None
    assert report.pull_order == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("factor", [2.002, 1.0, -2.0, 0.0])
def test_a_wrong_gradient_fails(factor: float) -> None:
    with pytest.raises(AssertionError, match=r"pull is not the derivative of forward: .*\(pull\)"):
        testing.check_derivatives(python_model(factor=factor), np.array([1.0, -2.0, 0.5]))


def test_a_gradient_that_is_not_the_adjoint_fails() -> None:
    class Torn(m4dl.LinearModel):
        def pull(self, theta, sensitivity, threads=0):
            return 1.001 * super().pull(theta, sensitivity, threads)

    with pytest.raises(AssertionError, match="pull is not the adjoint of push: adjoint gap"):
        testing.check_derivatives(Torn(RNG.standard_normal((4, 6))), np.ones(6))


def test_check_derivatives_says_what_it_cannot_check() -> None:
    with pytest.raises(TypeError, match="model must be a m4dl Model, got function"):
        testing.check_derivatives(lambda x: x, np.ones(3))
    failing = m4dl.PythonModel(lambda x: np.nan * x, lambda x, s: s, parameters=2, outputs=2)
    blind = m4dl.PythonModel(lambda x: x, parameters=2, outputs=2)
    with pytest.raises(ValueError, match="PythonModel has no derivative to check"):
        testing.check_derivatives(blind, np.ones(2))
    with pytest.raises(ValueError, match=r"theta must have shape \(3,\), got \(2,\)"):
        testing.check_derivatives(python_model(), np.ones(2))
    with pytest.raises(ValueError, match="step must be positive, got 0"):
        testing.check_derivatives(python_model(), np.ones(3), step=0.0)
    with pytest.raises(ValueError, match=r"not finite within 0\.1 of theta: take a shorter step"):
        testing.check_derivatives(failing, np.ones(2))


def test_gaussian_posterior_in_one_dimension() -> None:
    # Prior N(4, 4), one datum 0 with sigma 1: precision 1/4 + 1, mean (4/4 + 0)/(5/4).
    mean, cov = testing.gaussian_posterior([[1.0]], [4.0], [[4.0]], [0.0], 1.0)
    assert mean == pytest.approx([0.8])
    assert cov == pytest.approx(np.array([[0.8]]))


def test_gaussian_posterior_in_precision_form() -> None:
    g, std = RNG.standard_normal((4, 3)), np.array([0.5, 1.0, 2.0, 0.1])
    root = RNG.standard_normal((3, 3))
    prior, m, y = root @ root.T + np.eye(3), RNG.standard_normal(3), RNG.standard_normal(4)
    mean, cov = testing.gaussian_posterior(g, m, prior, y, std)
    precision = np.linalg.inv(prior) + g.T @ (g / std[:, None] ** 2)
    # Condition numbers here are below 1e4: 1e4 eps = 2e-12.
    np.testing.assert_allclose(cov @ precision, np.eye(3), rtol=0, atol=1e-10)
    right = np.linalg.solve(prior, m) + g.T @ (y / std**2)
    np.testing.assert_allclose(precision @ mean, right, rtol=1e-10, atol=1e-10)
    assert (cov == cov.T).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matrix": np.eye(2)}, r"prior_mean must have shape \(2,\), got \(3,\)"),
        ({"data": np.ones(2)}, r"data must have shape \(3,\), got \(2,\)"),
        ({"noise_std": 0.0}, "noise_std must be positive, got 0"),
        ({"noise_std": [1.0, 2.0]}, r"noise_std must have shape \(3,\), got \(2,\)"),
    ],
)
def test_gaussian_posterior_refuses(change, message) -> None:
    given = {
        "matrix": np.eye(3),
        "prior_mean": np.zeros(3),
        "prior_cov": np.eye(3),
        "data": np.ones(3),
        "noise_std": 1.0,
    }
    with pytest.raises(ValueError, match=message):
        testing.gaussian_posterior(**given | change)


def test_exact_solutions_on_the_interval_and_the_disk() -> None:
    x = np.linspace(0, 1, 11)
    radii = np.linalg.norm(POINTS, axis=1)
    for f in (0.3, 7.0):
        np.testing.assert_allclose(
            testing.schrodinger_interval(x, f, 1.5),
            oracles.schrodinger_interval(x, f, 1.5),
            rtol=1e-13,
        )
        np.testing.assert_allclose(
            testing.schrodinger_disk(POINTS, f, 2.0, 0.9),
            oracles.schrodinger_disk(radii, f, 0.9, 2.0),
            rtol=1e-13,
        )
    # Where cosh and I_0 overflow: u decays like exp(-s d) at distance d from the boundary.
    assert testing.schrodinger_interval(0.01, 5e5) == pytest.approx(np.exp(-10.0), rel=1e-12)
    far = testing.schrodinger_disk([0.99, 0.0], 5e5)
    # I_0(r) = exp(r)/sqrt(2 pi r) (1 + 1/(8 r) + ...): the terms differ by 1e-6 here.
    assert far == pytest.approx(np.exp(-10.0) / np.sqrt(0.99), rel=1e-5)


@pytest.mark.parametrize("curvature", [0.0, 2.0])
def test_darcy_disk_solves_its_equation(curvature: float) -> None:
    f, source, r, h = 0.5, 3.0, np.array([0.2, 0.5, 0.8]), 1e-3

    def u(r):
        return testing.darcy_disk(np.stack([r, 0 * r], axis=-1), f, source, 1.0, curvature)

    def flux(r):
        return r * f * (1 + curvature * r**2) * (u(r + h) - u(r - h)) / (2 * h)

    # -(1/r) (r F u')' = s. Central differences err by h^2/6 times third derivatives of order 10.
    residual = (flux(r + h) - flux(r - h)) / (2 * h) / r + source
    np.testing.assert_allclose(residual, 0, atol=1e-4)
    assert u(np.array([1.0]))[0] == 0
    # The general formula tends to that of the constant coefficient.
    flat = testing.darcy_disk(POINTS, f, source)
    np.testing.assert_allclose(
        testing.darcy_disk(POINTS, f, source, curvature=1e-9), flat, rtol=1e-8
    )


@pytest.mark.parametrize("rings", [1, 2, 5])
def test_disk_mesh(rings: int) -> None:
    mesh = testing.disk_mesh(rings, 2.0)
    assert len(mesh.points) == 1 + 3 * rings * (rings + 1)
    assert len(mesh.cells) == 6 * rings**2
    assert len(mesh.boundary) == 6 * rings
    radius = np.linalg.norm(mesh.points, axis=1)
    np.testing.assert_allclose(radius[mesh.boundary], 2.0, rtol=1e-15)
    # A regular polygon of 6 n corners, neither holes nor overlaps.
    corners = 6 * rings
    assert mesh.measure == pytest.approx(2.0 * corners * np.sin(2 * np.pi / corners), rel=1e-13)


def test_models_on_the_disk_converge_to_the_exact_solutions() -> None:
    errors = []
    for rings in (8, 16, 32):
        mesh = testing.disk_mesh(rings)
        square = (mesh.points**2).sum(axis=1)
        schrodinger = m4dl.Schrodinger(mesh, POINTS)(np.full(len(mesh.points), np.log(3.0)))
        darcy = m4dl.Darcy(mesh, POINTS, 2.0)(np.log(0.5 * (1 + 2 * square)))
        errors.append(
            [
                np.abs(schrodinger - testing.schrodinger_disk(POINTS, 3.0)).max(),
                np.abs(darcy - testing.darcy_disk(POINTS, 0.5, 2.0, curvature=2.0)).max(),
            ]
        )
    # Order 2; the largest error sits at other points of other cells on each mesh, hence the margin.
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert (np.abs(orders - 2.0) < 0.3).all(), orders


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: testing.disk_mesh(0), "rings must be at least 1, got 0"),
        (lambda: testing.disk_mesh(3, -1.0), "radius must be positive, got -1"),
        (lambda: testing.schrodinger_interval(0.5, 0.0), "f must be positive, got 0"),
        (lambda: testing.schrodinger_disk([0.5], 1.0), r"points must have shape \(..., 2\)"),
        (lambda: testing.darcy_disk(POINTS, 1.0, curvature=-1.0), "curvature must not be negative"),
    ],
)
def test_exact_solutions_refuse(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
