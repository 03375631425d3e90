"""Meshes that would have another boundary or another measure than their domain are refused."""

from __future__ import annotations

import m4dl
import numpy as np
import pytest
from m4dl import TetrahedronMesh, TriangleMesh
from problems import Array

Plain = tuple[Array, Array]


def plain(mesh: TriangleMesh | TetrahedronMesh) -> Plain:
    return mesh.points, mesh.cells


def beside(a: Plain, b: Plain) -> Plain:
    return np.vstack([a[0], b[0]]), np.vstack([a[1], b[1] + len(a[0])])


def merged(points: Array, cells: Array) -> Plain:
    """The nodes at one place are one."""
    _, first, number = np.unique(points.round(9), axis=0, return_index=True, return_inverse=True)
    return points[first], number.reshape(-1)[cells]


def rectangle(cells: tuple[int, int], low: float, high: float) -> Plain:
    return plain(TriangleMesh.rectangle(cells, [(low, high), (0, 1)]))


def box(cells: tuple[int, int, int], low: float, high: float) -> Plain:
    return plain(TetrahedronMesh.box(cells, [(low, high), (0, 1), (0, 1)]))


PAIRS = {
    2: (TriangleMesh, rectangle((4, 8), 0, 0.5), rectangle((4, 8), 0.5, 1)),
    3: (TetrahedronMesh, box((2, 4, 4), 0, 0.5), box((2, 4, 4), 0.5, 1)),
}
COARSE = {2: rectangle((2, 4), 0.5, 1), 3: box((1, 2, 2), 0.5, 1)}


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("apart", [0.0, 1e-13, 1e-9])
def test_nodes_at_one_place_are_refused(dim: int, apart: float) -> None:
    mesh, a, b = PAIRS[dim]
    points, cells = beside(a, (b[0] + apart, b[1]))
    with pytest.raises(ValueError, match=r"node \d+ at \(0.5.*is where node \d+ is"):
        mesh(points, cells)
    whole = mesh(*merged(*beside(a, b)))
    assert whole.measure == pytest.approx(1.0)
    inner = (np.abs(whole.points - 0.5) < 0.49).all(axis=1)
    assert not inner[whole.boundary].any()


@pytest.mark.parametrize("dim", [2, 3])
def test_a_crack_that_is_open_is_a_boundary(dim: int) -> None:
    mesh, a, b = PAIRS[dim]
    assert mesh(*beside(a, (b[0] + 1e-5, b[1]))).measure == pytest.approx(1.0)


@pytest.mark.parametrize("dim", [2, 3])
def test_hanging_nodes_are_refused(dim: int) -> None:
    mesh, a, _ = PAIRS[dim]
    with pytest.raises(ValueError, match=r"node \d+ at \(0.5.*hangs on the rim of cell \d+"):
        mesh(*merged(*beside(a, COARSE[dim])))


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("repeated", [[60], [60, 60], slice(None)])
def test_a_cell_that_is_there_twice_is_refused(dim: int, repeated: object) -> None:
    mesh, (points, cells), _ = PAIRS[dim]
    mixed = np.roll(cells[repeated], 1, axis=1)  # the same nodes in another order
    with pytest.raises(ValueError, match=r"cells \d+ and \d+ are one: both have the nodes"):
        mesh(points, np.vstack([cells, mixed]))


def test_cells_on_one_side_of_an_edge_overlap() -> None:
    points = np.array([[0, 0], [1, 0], [0, 1], [1, 1.0]])
    assert TriangleMesh(points, [[0, 1, 2], [1, 2, 3]]).measure == 1.0
    with pytest.raises(ValueError, match=r"cells 0 and 1 overlap: .* edge of nodes 0, 1 that they"):
        TriangleMesh(points, [[0, 1, 2], [0, 1, 3]])
    folded = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.3, 0.2, 2.0]])
    with pytest.raises(ValueError, match=r"overlap: .* face of nodes 0, 1, 2"):
        TetrahedronMesh(folded, [[0, 1, 2, 3], [0, 1, 2, 4]])


def test_an_edge_of_three_triangles_is_refused() -> None:
    points = np.array([[0, 0], [1, 0], [0.5, 1], [0.5, -1], [0.5, -2]])
    with pytest.raises(ValueError, match=r"edge of nodes 0, 1 belongs to more than two cells"):
        TriangleMesh(points, [[0, 1, 2], [0, 1, 3], [0, 1, 4]])


def test_pieces_over_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lies inside cell \d+|hangs on|is where node"):
        TriangleMesh(*beside(rectangle((4, 8), 0, 0.5), rectangle((3, 5), 0.3, 0.9)))
    # a small piece inside of one cell
    small = (0.01 * rectangle((2, 2), 0, 1)[0] + [0.1, 0.15], rectangle((2, 2), 0, 1)[1])
    with pytest.raises(ValueError, match=r"node \d+ at \(0.1.*lies inside cell"):
        TriangleMesh(*beside(rectangle((2, 2), 0, 1), small))


@pytest.mark.parametrize("unit", [1e-90, 1e-9, 1e-3, 1e3, 1e6, 1e90])
@pytest.mark.parametrize("dim", [2, 3])
def test_checks_know_no_unit_of_length(dim: int, unit: float) -> None:
    mesh, a, b = PAIRS[dim]
    points, cells = beside(a, b)
    with pytest.raises(ValueError, match="is where node"):
        mesh(unit * points, cells)
    points, cells = merged(points, cells)
    assert mesh(unit * points, cells).measure == pytest.approx(unit**dim)
    far = unit * (points + 1e3)  # map coordinates: the mesh is small beside them
    assert mesh(far, cells).measure == pytest.approx(unit**dim, rel=1e-9)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
@pytest.mark.parametrize("dim", [2, 3])
def test_sizes_of_cells_must_be_numbers(dim: int, unit: float) -> None:
    mesh, (points, cells), _ = PAIRS[dim]
    with pytest.raises(ValueError, match=r"of cell 0, (0|inf), is no number .* another unit"):
        mesh(unit * points, cells)


def test_pieces_may_touch_in_a_node() -> None:
    a, b = rectangle((2, 2), 0, 1), rectangle((2, 2), 1, 2)
    corner = m4dl.TriangleMesh(*merged(*beside(a, (b[0] + [0, 1], b[1]))))
    assert corner.measure == pytest.approx(2.0)


@pytest.mark.parametrize(
    "mesh", [m4dl.Grid((3, 3), [(0, 0.3)] * 2), m4dl.Grid((3,), [(-7.1, 0.3)])]
)
def test_points_on_the_boundary_are_inside_whatever_their_rounding(mesh: m4dl.Grid) -> None:
    corner = np.array([[0.1 * 3] + [0.1] * (mesh.dim - 1)])  # 0.30000000000000004
    assert mesh.contains(corner).all()
    theta = np.zeros(mesh.size_of("nodes"))
    assert m4dl.Schrodinger(mesh, corner, boundary=2.0)(theta) == pytest.approx([2.0])
    with pytest.raises(ValueError, match=r"row 0 \(0\.30000001.*outside the domain \(.*0\.3\)"):
        m4dl.Schrodinger(mesh, corner + 1e-8 * np.eye(mesh.dim)[0])
    with pytest.raises(ValueError, match="points must have shape"):
        mesh.contains(np.zeros(3))
    with pytest.raises(TypeError, match="points must be"):
        mesh.contains(["a"])
