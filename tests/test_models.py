"""What every model promises beside its numbers: shapes, layouts, options that mean the same."""

from __future__ import annotations

import m4dl
import numpy as np
import oracles as o
import pytest
import scipy.sparse as sp
from catalogue import MODELS
from posteriors import posterior_of
from problems import Array, Bent, DenseAffine
from rows import CUBE, DISK, ModelRow, in_simplices, simplices

GRID = m4dl.Grid((6, 4), ((0.0, 1.0), (-0.5, 1.0)))
POINTS = np.array([[0.3, 0.2], [0.71, -0.33], [0.5, 0.9]])


@pytest.mark.parametrize("row", MODELS, ids=str)
def test_interface(row: ModelRow) -> None:
    model = row.build()
    size, outputs = model.parameters, model.outputs
    theta = row.thetas(model, 6)
    before = theta.copy()
    y = model(theta)
    assert y.shape == (6, outputs)
    np.testing.assert_array_equal(model(theta.reshape(2, 3, size)), y.reshape(2, 3, outputs))
    np.testing.assert_array_equal(model.forward(theta[0]), y[0])
    assert model(np.empty((0, size))).shape == (0, outputs)
    # any array of numbers will do, and is left alone
    np.testing.assert_array_equal(model(theta[0].tolist()), y[0])
    np.testing.assert_array_equal(model(np.asfortranarray(theta)), y)
    np.testing.assert_array_equal(model(theta[::-1]), y[::-1])
    w = np.ones((6, outputs))
    assert model.pull(theta, w).shape == (6, size)
    assert model.pull(theta[0], w[0]).shape == (size,)
    if model.has_push:
        assert model.push(theta, theta).shape == (6, outputs)
    np.testing.assert_array_equal(theta, before)
    assert model.has_pull
    assert str(size) in repr(model)
    if model.domain is not None:
        assert model.at is not None
        assert model.components * model.domain.size_of(model.at) == size


@pytest.mark.parametrize("mesh", [GRID, simplices(DISK), simplices(CUBE)], ids=repr)
def test_nodal_data_in_three_ways(mesh: m4dl.Grid | m4dl.TriangleMesh) -> None:
    """A number, values at the nodes, a function of the coordinates."""
    x = mesh.coordinates("nodes")
    theta = np.random.default_rng(0).standard_normal(len(x))

    def g(x: Array) -> Array:
        return 1.0 + x[:, 0] * x[:, 1]

    def same(*models: m4dl.Model) -> None:
        first = models[0](theta)
        for other in models[1:]:
            np.testing.assert_array_equal(other(theta), first)

    points = POINTS * 0.8 if mesh.dim == 2 else [[0.4, 0.5, 0.6]]
    same(
        m4dl.Schrodinger(mesh, points, 2.0),
        m4dl.Schrodinger(mesh, points, np.full(len(x), 2.0)),
        m4dl.Schrodinger(mesh, points, lambda x: np.full(len(x), 2.0)),
    )
    same(m4dl.Schrodinger(mesh, points, g(x)), m4dl.Schrodinger(mesh, points, g))
    same(
        m4dl.Darcy(mesh, points, g(x), boundary=g(x)),
        m4dl.Darcy(mesh, points, g, boundary=g),
    )
    same(m4dl.Darcy(mesh, points, 3.0), m4dl.Darcy(mesh, points, np.full(len(x), 3.0)))


def test_observations_at_nodes_and_on_the_boundary() -> None:
    """At a node the nodal value, on the boundary the given one, on an edge the mean of its ends."""

    def g(x: Array) -> Array:
        return 1.0 + x[:, 0] - 0.5 * x[:, 1]

    theta = np.random.default_rng(1).standard_normal(GRID.size_of("nodes"))
    nodes = GRID.coordinates("nodes")
    u = m4dl.Schrodinger(GRID, nodes, g)(theta)
    edge = np.isin(nodes[:, 0], (0.0, 1.0)) | np.isin(nodes[:, 1], (-0.5, 1.0))
    np.testing.assert_allclose(u[edge], g(nodes[edge]), rtol=1e-14)
    middle = 0.5 * (nodes[7] + nodes[12])  # neighbours along x, five nodes along y
    np.testing.assert_allclose(
        m4dl.Schrodinger(GRID, [middle], g)(theta), [0.5 * (u[7] + u[12])], rtol=1e-13
    )
    mesh = simplices(DISK)
    theta = np.random.default_rng(2).standard_normal(len(mesh.points))
    u = m4dl.Schrodinger(mesh, mesh.points, g)(theta)
    np.testing.assert_allclose(u[mesh.boundary], g(mesh.points[mesh.boundary]), rtol=1e-13)
    a, b, _ = mesh.cells[4]
    middle = 0.5 * (mesh.points[a] + mesh.points[b])
    np.testing.assert_allclose(
        m4dl.Schrodinger(mesh, [middle], g)(theta), [0.5 * (u[a] + u[b])], rtol=1e-13
    )


def test_interior_nodes_leave_the_boundary_out() -> None:
    theta = np.random.default_rng(3).standard_normal(GRID.shape_of("nodes"))
    everywhere = m4dl.Schrodinger(GRID, POINTS)
    inside = m4dl.Schrodinger(GRID, POINTS, at="interior")
    np.testing.assert_array_equal(inside(theta[1:-1, 1:-1].ravel()), everywhere(theta.ravel()))
    pulled = everywhere.pull(theta.ravel(), np.ones(3)).reshape(theta.shape)
    assert (pulled[[0, -1]] == 0.0).all()
    assert (pulled[:, [0, -1]] == 0.0).all()


def test_layout_of_fields() -> None:
    """x slow: a coefficient that jumps in x alone, given in three layouts."""
    x = GRID.coordinates("cells")[:, 0]
    cells = m4dl.Darcy(GRID, POINTS, at="cells")(np.where(x < 0.5, 0.0, 1.0))
    blocks = m4dl.Darcy(GRID, POINTS, blocks=(2, 1))([0.0, 1.0])
    np.testing.assert_allclose(blocks, cells, rtol=1e-14)
    four = m4dl.Darcy(GRID, POINTS, blocks=(2, 2))
    np.testing.assert_allclose(four([0.0, 0.0, 1.0, 1.0]), cells, rtol=1e-14)
    assert four.domain == m4dl.Grid((2, 2), GRID.extent)
    assert four.at == "cells"
    assert np.abs(four([0.0, 1.0, 0.0, 1.0]) - cells).max() > 1e-3
    # every cell a block, in C order
    rng = np.random.default_rng(4).standard_normal(24)
    np.testing.assert_array_equal(
        m4dl.Darcy(GRID, POINTS, blocks=(6, 4))(rng), m4dl.Darcy(GRID, POINTS, at="cells")(rng)
    )


@pytest.mark.parametrize("plain", [DISK, CUBE], ids=["triangles", "tetrahedra"])
def test_orientation_and_order_of_simplices(plain: o.Triangulation) -> None:
    mesh, points = simplices(plain), in_simplices(plain)
    turned = plain.cells.copy()
    turned[::2, :2] = turned[::2, 1::-1]
    other = simplices(o.Triangulation(plain.points, turned[::-1]))
    theta = np.random.default_rng(5).standard_normal(len(mesh.points))
    for build in (m4dl.Schrodinger, m4dl.Darcy):
        expected = build(mesh, points)(theta)
        np.testing.assert_allclose(build(other, points)(theta), expected, rtol=1e-12)


@pytest.mark.parametrize("build", [m4dl.Schrodinger, m4dl.Darcy])
def test_links(build: type[m4dl.Schrodinger] | type[m4dl.Darcy]) -> None:
    """One coefficient through three links; and no overflow where the link has a limit."""
    c = np.random.default_rng(6).uniform(0.6, 2.0, GRID.size_of("nodes"))
    expected = build(GRID, POINTS, link="identity")(c)
    for link, inverse in (("exp", np.log), ("softplus", lambda v: np.log(np.expm1(v)))):
        np.testing.assert_allclose(build(GRID, POINTS, link=link)(inverse(c)), expected, rtol=1e-12)
        lifted = build(GRID, POINTS, link=link, floor=0.5)
        np.testing.assert_allclose(lifted(inverse(c - 0.5)), expected, rtol=1e-12)
        # far below, the coefficient is the floor
        bottom = build(GRID, POINTS, link="identity")(np.full(c.size, 0.5))
        np.testing.assert_allclose(lifted(np.full(c.size, -800.0)), bottom, rtol=1e-12)
    soft = build(GRID, POINTS, link="softplus")
    high = np.full(c.size, 800.0)
    np.testing.assert_allclose(
        soft(high), build(GRID, POINTS, link="identity")(high), rtol=1e-9, atol=1e-12
    )
    assert np.isfinite(soft.pull(high, np.ones(3))).all()


def test_a_solve_that_fails_is_nan() -> None:
    model = m4dl.Darcy(GRID, POINTS, at="cells", link="identity")
    theta = np.ones((3, 24))
    theta[1] = -1.0
    y = model(theta)
    assert np.isnan(y[1]).all()
    assert np.isfinite(y[[0, 2]]).all()
    assert np.isnan(model.pull(theta, np.ones((3, 3)))[1]).all()
    # overflow: exp(800) is infinite
    assert np.isnan(m4dl.Darcy(GRID, POINTS)(np.full(35, 800.0))).all()


def test_terms_in_two_forms() -> None:
    """A list of matrices, or one (n n, K) with a column for each; and A0 left out."""
    dense = DenseAffine(sides=1)
    n = dense.unknowns
    stacked = sp.csr_array(dense.terms.reshape(len(dense.terms), n * n).T)
    options = {"load_terms": sp.csr_array(dense.load_terms), "offset": dense.offset[:, 0]}
    theta = np.random.default_rng(7).standard_normal((3, 4))
    first = m4dl.AffineElliptic(
        sp.eye_array(n), list(map(sp.csr_array, dense.terms)), dense.load[:, 0],
        sp.csr_array(dense.observe), **options,
    )  # fmt: skip
    second = m4dl.AffineElliptic(
        np.eye(n), stacked, dense.load[:, 0], dense.observe, **options
    )  # dense matrices will do
    np.testing.assert_array_equal(second(theta), first(theta))
    bare = m4dl.AffineElliptic(None, [sp.eye_array(n)], np.ones(n), sp.eye_array(n))
    np.testing.assert_allclose(bare([np.log(2.0)]), np.full(n, 0.5), rtol=1e-14)


def test_outputs_of_several_loads() -> None:
    """The observations of the first right-hand side, then those of the second."""
    dense = DenseAffine(sides=2)
    theta = np.random.default_rng(8).standard_normal(4)
    y = dense.model()(theta)
    for side in (0, 1):
        single = DenseAffine(sides=2)
        single.load, single.offset = dense.load[:, [side]], dense.offset[:, [side]]
        np.testing.assert_allclose(single.model()(theta), y[3 * side : 3 * side + 3], rtol=1e-13)


@pytest.mark.parametrize("batched", [True, False])
def test_calls_of_a_python_model(batched: bool) -> None:
    """Once for each block of up to eight rows when batched, once for each row when not.

    And once more, the first time, to see that a row's result is its own.
    """
    bent, shapes = Bent(), []

    def forward(theta: Array) -> list[float]:
        shapes.append(theta.shape)
        out = bent.forward(theta).tolist()
        theta[...] = np.nan  # the array is the function's own
        return out

    model = m4dl.PythonModel(forward, bent.gradient, parameters=2, outputs=3, batched=batched)
    theta = np.random.default_rng(9).standard_normal((11, 2))
    y = model.forward(theta, threads=1)
    np.testing.assert_array_equal(y, bent.forward(theta))
    assert shapes == ([(8, 2), (1, 2), (3, 2)] if batched else [(2,)] * 12)
    w = np.ones((11, 3))
    np.testing.assert_array_equal(model.pull(theta, w), bent.gradient(theta, w))


def test_a_python_model_without_gradient() -> None:
    model = m4dl.PythonModel(Bent().forward, parameters=2, outputs=3)
    assert not model.has_pull
    assert not model.has_push
    row = next(row for row in MODELS if row.name == "python")
    draws = m4dl.sample(
        m4dl.Posterior(
            model,
            posterior_of(row).prior,
            data=np.ones(3),
            noise=m4dl.GaussianNoise(1.0),
        ),
        m4dl.PCN(),
        draws=5,
        chains=2,
        seed=1,
        progress=False,
    )
    assert np.isfinite(draws.theta).all()
