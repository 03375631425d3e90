"""Triangles and tetrahedra: geometry, interpolation, and the matrices of linear elements."""

from __future__ import annotations

from typing import Any

import m4dl
import numpy as np
import oracles as o
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from m4dl.domains._fields import stiffness_and_mass
from problems import Array
from rows import CUBE, DISK, TILTED, in_simplices, simplices

Mesh = m4dl.TriangleMesh | m4dl.TetrahedronMesh
RECTANGLE = m4dl.TriangleMesh.rectangle((4, 5), TILTED)
BOX = m4dl.TetrahedronMesh.box((4, 3, 5), (*TILTED, (2.0, 2.7)))
KUHN = [
    (RECTANGLE, m4dl.Grid((4, 5), TILTED)),
    (BOX, m4dl.Grid((4, 3, 5), (*TILTED, (2.0, 2.7)))),
]
MESHES = [simplices(DISK), simplices(CUBE), RECTANGLE, BOX]


def linear(x: Array) -> Array:
    return np.asarray(1.5 + x @ np.array([0.7, -1.1, 0.4])[: x.shape[1]])


@pytest.mark.parametrize(("mesh", "grid"), KUHN, ids=repr)
def test_a_box_is_cut_as_its_grid(mesh: Mesh, grid: m4dl.Grid) -> None:
    np.testing.assert_array_equal(mesh.points, grid.coordinates("nodes"))
    d = grid.dim
    pieces = [1, 1, 2, 6][d]
    cell = np.prod(grid.spacing)
    np.testing.assert_allclose(mesh.cell_measures, cell / pieces, rtol=1e-13)
    assert mesh.measure == pytest.approx(grid.measure, rel=1e-13)
    # the pieces of one cell of the grid follow each other, and have its centre in their mean
    centroids = mesh.coordinates("cells").reshape(-1, pieces, d)
    np.testing.assert_allclose(centroids.mean(axis=1), grid.coordinates("cells"), rtol=1e-13)
    boundary = np.zeros(grid.size_of("nodes"), dtype=bool)
    boundary[mesh.boundary] = True
    np.testing.assert_array_equal(~boundary, np.isin(*map(as_rows, interior(grid))))


def interior(grid: m4dl.Grid) -> tuple[Array, Array]:
    return grid.coordinates("nodes"), grid.coordinates("interior")


def as_rows(x: Array) -> Any:
    return np.ascontiguousarray(x).view([("", x.dtype)] * x.shape[1]).ravel()


def test_areas_and_volumes() -> None:
    triangle = m4dl.TriangleMesh([[0, 0], [2, 0], [0, 3]], [[2, 1, 0]])
    np.testing.assert_allclose(triangle.areas, [3.0], rtol=1e-15)
    corners = [[0, 0, 0], [2, 0, 0], [0, 3, 0], [1, 1, 4]]
    tetrahedron = m4dl.TetrahedronMesh(corners, [[0, 2, 1, 3]])
    np.testing.assert_allclose(tetrahedron.volumes, [4.0], rtol=1e-15)
    np.testing.assert_array_equal(tetrahedron.boundary, [0, 1, 2, 3])
    assert repr(tetrahedron) == "TetrahedronMesh(4 points, 1 cells)"
    assert tetrahedron == m4dl.TetrahedronMesh(corners, [[0, 2, 1, 3]])
    assert hash(tetrahedron) == hash(m4dl.TetrahedronMesh(corners, [[0, 2, 1, 3]]))
    assert tetrahedron != m4dl.TetrahedronMesh(corners, [[0, 1, 2, 3]])
    assert triangle != tetrahedron


@pytest.mark.parametrize("plain", [DISK, CUBE], ids=["disk", "cube"])
def test_boundary_and_measure_equal_the_oracle(plain: o.Triangulation) -> None:
    mesh = simplices(plain)
    np.testing.assert_array_equal(mesh.boundary, np.flatnonzero(plain.boundary))
    np.testing.assert_allclose(mesh.cell_measures, plain.measures, rtol=1e-13)


def test_a_small_cell_is_not_a_degenerate_one() -> None:
    """Graded meshes have cells of all sizes: 1e-5 of a length is 1e-15 of a volume."""
    small = 1e-6 * CUBE.points + 10.0
    points, cells = np.vstack([CUBE.points, small]), np.vstack([CUBE.cells, CUBE.cells + 64])
    assert len(m4dl.TetrahedronMesh(points, cells).cells) == 2 * len(CUBE.cells)


@pytest.mark.parametrize("mesh", MESHES, ids=repr)
def test_gradients_of_linear_functions(mesh: Mesh) -> None:
    slope = np.einsum("tp,tpd->td", linear(mesh.points)[mesh.cells], mesh.gradients())
    expected = np.broadcast_to([0.7, -1.1, 0.4][: mesh.dim], slope.shape)
    np.testing.assert_allclose(slope, expected, rtol=1e-12)
    np.testing.assert_allclose(mesh.gradients().sum(axis=1), 0.0, atol=1e-12)


def places(mesh: Mesh) -> Array:
    """Nodes, midpoints of edges, centroids of faces and of cells, and points anywhere inside."""
    corners = mesh.points[mesh.cells]
    weights = np.random.default_rng(0).dirichlet(np.ones(mesh.dim + 1), len(corners))
    return np.concatenate(
        [
            mesh.points,
            corners[:, :2].mean(axis=1),
            corners[:, 1:].mean(axis=1),
            corners.mean(axis=1),
            np.einsum("tp,tpd->td", weights, corners),
        ]
    )


@pytest.mark.parametrize("mesh", MESHES, ids=repr)
def test_interpolation_of_linear_functions(mesh: Mesh) -> None:
    """u is linear where f is constant, the source 0 and the boundary values are linear."""
    theta = np.zeros(len(mesh.points))
    points = places(mesh)
    y = m4dl.Darcy(mesh, points, 0.0, boundary=linear)(theta)
    np.testing.assert_allclose(y, linear(points), rtol=1e-12)
    # one point, and one point many times: bins without a width
    for few in (points[-1:], np.repeat(points[-1:], 5, axis=0)):
        y = m4dl.Darcy(mesh, few, 0.0, boundary=linear)(theta)
        np.testing.assert_allclose(y, linear(few), rtol=1e-12)


@pytest.mark.parametrize("plain", [DISK, CUBE], ids=["disk", "cube"])
def test_a_point_outside_is_named(plain: o.Triangulation) -> None:
    inside = in_simplices(plain)
    for outside in (inside[0] + 5.0, plain.points[-1] * (1.0 + 1e-6)):
        points = np.vstack([inside, outside, inside])
        with pytest.raises(ValueError, match=rf"points: row {len(inside)} \(.*\) lies outside"):
            m4dl.Schrodinger(simplices(plain), points)


@pytest.mark.parametrize(("mesh", "grid"), KUHN, ids=repr)
def test_kuhn_boxes_give_the_five_and_seven_point_stencils(mesh: Mesh, grid: m4dl.Grid) -> None:
    """The edges of the grid alone couple, and each node owns the volume of a cell."""
    stiffness, mass = stiffness_and_mass(mesh)
    inner = np.setdiff1d(np.arange(len(mesh.points)), mesh.boundary)
    assert (np.diff(stiffness.indptr)[inner] == 2 * grid.dim + 1).all()
    cell = np.prod(grid.spacing)
    np.testing.assert_allclose(mass[inner], cell, rtol=1e-13)
    for axis, h in enumerate(grid.spacing):
        step = int(np.prod(grid.shape_of("nodes")[axis + 1 :]))
        for side in (-step, step):
            weights = stiffness[inner, inner + side]
            np.testing.assert_allclose(weights, np.full(len(inner), -cell / h**2), rtol=1e-12)
    # and so the equation is that of the grid, which has the differences written out
    theta = np.random.default_rng(1).standard_normal((3, len(mesh.points)))
    x = grid.coordinates("nodes")
    expected = m4dl.Schrodinger(grid, x, linear)(theta)
    np.testing.assert_allclose(m4dl.Schrodinger(mesh, x, linear)(theta), expected, rtol=1e-12)


@pytest.mark.parametrize("plain", [DISK, CUBE], ids=["disk", "cube"])
@pytest.mark.parametrize("at", ["nodes", "cells"])
def test_scikit_fem_assembles_the_same(plain: o.Triangulation, at: str) -> None:
    """Stiffness and mass from another assembler, and what Darcy and Schroedinger make of them."""
    skfem = pytest.importorskip("skfem")
    poisson = pytest.importorskip("skfem.models.poisson")
    kinds = (skfem.MeshTri, skfem.ElementTriP1, skfem.MeshTet, skfem.ElementTetP1)
    make, element = kinds[:2] if plain.dim == 2 else kinds[2:]
    basis = skfem.Basis(make(plain.points.T, plain.cells.T), element())
    mesh = simplices(plain)
    stiffness = sp.csr_array(poisson.laplace.assemble(basis))
    mass = sp.csr_array(poisson.mass.assemble(basis))
    ours, lumped = stiffness_and_mass(mesh)
    np.testing.assert_allclose(ours.toarray(), stiffness.toarray(), atol=1e-14)
    np.testing.assert_allclose(lumped, mass.sum(axis=1), rtol=1e-12)

    rng = np.random.default_rng(2)
    g, s = rng.uniform(1.0, 2.0, len(mesh.points)), rng.standard_normal(len(mesh.points))
    theta = 0.5 * rng.standard_normal(mesh.size_of(at))
    f = np.exp(theta) if at == "cells" else np.exp(theta)[mesh.cells].mean(axis=1)

    def weighted(u: Any, v: Any, w: Any) -> Any:
        return f[:, None] * sum(a * b for a, b in zip(u.grad, v.grad, strict=True))

    flow = skfem.BilinearForm(weighted).assemble(basis)
    expected = dirichlet(flow, mass @ s, g, mesh)
    y = m4dl.Darcy(mesh, mesh.points, s, boundary=g, at=at)(theta)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    if at == "nodes":
        absorbed = 0.5 * stiffness + sp.diags_array(lumped * np.exp(theta))
        expected = dirichlet(absorbed, 0.0 * s, g, mesh)
        y = m4dl.Schrodinger(mesh, mesh.points, g)(theta)
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def dirichlet(matrix: Any, load: Array, values: Array, mesh: Mesh) -> Array:
    """Solve for the nodes inside."""
    inner = np.setdiff1d(np.arange(len(mesh.points)), mesh.boundary)
    rows = sp.csr_array(matrix)[inner]
    u = values.copy()
    known = rows[:, mesh.boundary] @ values[mesh.boundary]
    u[inner] = spla.spsolve(sp.csc_array(rows[:, inner]), load[inner] - known)
    return u
