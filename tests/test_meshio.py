"""Meshes of other programs: files as Gmsh writes them, and meshes of meshio."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import m4dl
import meshio
import numpy as np
import pytest

# The rectangle [0, 2] x [0, 1] at z = 3, of four triangles around the node at its middle; node 5
# belongs to no element.
GMSH_2 = """$MeshFormat
2.2 0 8
$EndMeshFormat
$PhysicalNames
3
1 7 "hot"
2 8 "dry"
2 9 "wet ground"
$EndPhysicalNames
$Nodes
6
1 0 0 3
2 2 0 3
3 2 1 3
4 0 1 3
5 7 7 7
6 1 0.5 3
$EndNodes
$Elements
7
1 15 2 0 1 1
2 1 2 7 4 4 1
3 1 2 0 1 1 2
4 2 2 9 1 1 2 6
5 2 2 8 1 2 3 6
6 2 2 8 1 3 4 6
7 2 2 9 1 4 1 6
$EndElements
"""

# Two triangles of second order: their corners come first.
GMSH_41 = """$MeshFormat
4.1 0 8
$EndMeshFormat
$PhysicalNames
2
1 1 "side"
2 2 "plate"
$EndPhysicalNames
$Entities
0 1 1 0
1 0 0 0 1 0 0 1 1 0
1 0 0 0 1 1 0 1 2 1 1
$EndEntities
$Nodes
1 9 1 9
2 1 0 9
1
2
3
4
5
6
7
8
9
0 0 0
1 0 0
1 1 0
0 1 0
0.5 -0.1 0
1 0.5 0
0.5 0.5 0
0.5 1 0
0 0.5 0
$EndNodes
$Elements
2 3 1 3
1 1 8 1
1 1 2 5
2 1 9 2
2 1 2 3 5 6 7
3 1 3 4 7 8 9
$EndElements
"""

CUBE = """$MeshFormat
2.2 0 8
$EndMeshFormat
$PhysicalNames
2
2 1 "floor"
3 2 "rock"
$EndPhysicalNames
$Nodes
5
10 0 0 0
20 1 0 0
30 0 1 0
40 0 0 1
50 1 1 1
$EndNodes
$Elements
4
1 1 2 1 1 10 20
2 2 2 1 1 10 20 30
3 4 2 2 1 10 20 30 40
4 4 2 2 1 20 30 40 50
$EndElements
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mesh.msh"
    path.write_text(text)
    return path


def test_a_file_of_gmsh_2(tmp_path: Path) -> None:
    mesh = m4dl.TriangleMesh.from_meshio(written(tmp_path, GMSH_2))
    np.testing.assert_array_equal(mesh.points, [[0, 0], [2, 0], [2, 1], [0, 1], [1, 0.5]])
    np.testing.assert_array_equal(mesh.cells, [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    np.testing.assert_array_equal(mesh.source_nodes, [0, 1, 2, 3, 5])
    assert sorted(mesh.cell_groups) == ["dry", "wet ground"]
    np.testing.assert_array_equal(mesh.cell_groups["wet ground"], [0, 3])
    np.testing.assert_array_equal(mesh.cell_groups["dry"], [1, 2])
    assert list(mesh.facet_groups) == ["hot"]
    np.testing.assert_array_equal(mesh.facet_groups["hot"], [[0, 3]])
    assert mesh.measure == pytest.approx(2.0)
    again = pickle.loads(pickle.dumps(mesh))
    assert again == mesh
    np.testing.assert_array_equal(again.facet_groups["hot"], [[0, 3]])
    np.testing.assert_array_equal(again.source_nodes, mesh.source_nodes)
    with pytest.raises(ValueError, match="read-only"):
        mesh.cell_groups["dry"][0] = 3


def test_triangles_of_second_order_keep_their_corners(tmp_path: Path) -> None:
    mesh = m4dl.TriangleMesh.from_meshio(str(written(tmp_path, GMSH_41)))
    np.testing.assert_array_equal(mesh.points, [[0, 0], [1, 0], [1, 1], [0, 1]])
    np.testing.assert_array_equal(mesh.cells, [[0, 1, 2], [0, 2, 3]])
    np.testing.assert_array_equal(mesh.source_nodes, np.arange(4))
    np.testing.assert_array_equal(mesh.cell_groups["plate"], [0, 1])
    np.testing.assert_array_equal(mesh.facet_groups["side"], [[0, 1]])


def test_tetrahedra_and_their_faces(tmp_path: Path) -> None:
    mesh = m4dl.TetrahedronMesh.from_meshio(written(tmp_path, CUBE))
    np.testing.assert_array_equal(mesh.cells, [[0, 1, 2, 3], [1, 2, 3, 4]])
    np.testing.assert_array_equal(mesh.facet_groups["floor"], [[0, 1, 2]])
    np.testing.assert_array_equal(mesh.cell_groups["rock"], [0, 1])
    with pytest.raises(ValueError, match="TriangleMesh cannot hold cells of type tetra, got 2"):
        m4dl.TriangleMesh.from_meshio(written(tmp_path, CUBE))
    with pytest.raises(ValueError, match="TetrahedronMesh needs cells of type tetra, got "):
        m4dl.TetrahedronMesh.from_meshio(written(tmp_path, GMSH_2))


@pytest.mark.parametrize(
    "mesh", [m4dl.domains.disk_mesh(4), m4dl.TetrahedronMesh.box((2, 3, 2))], ids=repr
)
@pytest.mark.parametrize("ending", ["msh", "vtu", "vtk", "inp"])
def test_what_meshio_writes_comes_back(
    mesh: m4dl.TriangleMesh | m4dl.TetrahedronMesh, ending: str, tmp_path: Path
) -> None:
    points = np.pad(mesh.points, ((0, 0), (0, 3 - mesh.dim)))
    kind = "triangle" if mesh.dim == 2 else "tetra"
    options = {"file_format": "gmsh"} if ending == "msh" else {}
    path = tmp_path / f"mesh.{ending}"
    meshio.Mesh(points, [(kind, mesh.cells)]).write(path, **options)
    back = type(mesh).from_meshio(path)
    np.testing.assert_allclose(back.points, mesh.points, rtol=1e-15)
    np.testing.assert_array_equal(back.cells, mesh.cells)


POINTS = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
TWO = [[0, 1, 2], [0, 2, 3]]


def foreign(**changes: Any) -> Any:
    """What has the attributes of a meshio mesh, without meshio."""
    parts: dict[str, Any] = {"points": POINTS, "cells": [("triangle", np.array(TWO))]}
    return SimpleNamespace(**{**parts, **changes})


def test_sets_of_cells_and_cells_in_two_groups() -> None:
    """Files of Gmsh 2 have a cell once for each of its groups: one cell, in both."""
    plain = m4dl.TriangleMesh.from_meshio(
        foreign(
            cells=[("line", np.array([[0, 1], [2, 1]])), ("triangle", np.array(TWO))],
            cell_sets={
                "upper": [None, [1]],
                "side": [[1], []],
                "gmsh:bounding_entities": [[5], [6]],
            },
        )
    )
    np.testing.assert_array_equal(plain.cell_groups["upper"], [1])
    np.testing.assert_array_equal(plain.facet_groups["side"], [[1, 2]])
    assert len(plain.cell_groups) == len(plain.facet_groups) == 1
    twice = {"cells": [("triangle", np.array([*TWO, [2, 0, 1]]))]}
    both = m4dl.TriangleMesh.from_meshio(
        foreign(**twice, cell_data={"gmsh:physical": [[4, 0, 5]]}, field_data={"a": [4, 2]})
    )
    np.testing.assert_array_equal(both.cells, TWO)
    np.testing.assert_array_equal(both.cell_groups["a"], [0])
    np.testing.assert_array_equal(both.cell_groups["5"], [0])
    for tags in ([[4, 0, 4]], [[0, 0, 0]], [[4, 0, 0]]):
        with pytest.raises(ValueError, match="cells 0 and 2 are one"):
            m4dl.TriangleMesh.from_meshio(foreign(**twice, cell_data={"gmsh:physical": tags}))


def test_points_in_a_plane() -> None:
    flat = np.pad(POINTS, ((0, 0), (0, 1)), constant_values=0.1)
    assert m4dl.TriangleMesh(flat, TWO) == m4dl.TriangleMesh(POINTS, TWO)
    flat[2, 2] = 0.2
    with pytest.raises(ValueError, match=r"a plane z = const, got z from 0\.1 to 0\.2"):
        m4dl.TriangleMesh(flat, TWO)


def test_groups_are_checked() -> None:
    mesh = m4dl.TriangleMesh(POINTS, TWO, cell_groups={"a": [1]}, facet_groups={"b": [[2, 0]]})
    np.testing.assert_array_equal(mesh.facet_groups["b"], [[2, 0]])
    for options, error, match in (
        ({"cell_groups": {"a": [2]}}, ValueError, r"cell_groups\['a'\] must be in \[0, 2\), got 2"),
        ({"cell_groups": {"a": [0.5]}}, ValueError, "must be integers of shape"),
        ({"cell_groups": [1]}, TypeError, "cell_groups must be a mapping"),
        ({"facet_groups": {"b": [[1, 3]]}}, ValueError, r"edges of the mesh, got nodes \[1, 3\]"),
        ({"facet_groups": {"b": [0, 1]}}, ValueError, r"shape \(any, 2\)"),
        ({"source_nodes": [1]}, ValueError, r"source_nodes must be integers of shape \(4\)"),
    ):
        with pytest.raises(error, match=match):
            m4dl.TriangleMesh(POINTS, TWO, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "error", "match"),
    [
        (3, TypeError, "takes a meshio mesh or a path, got int"),
        (foreign(cells=[("quad", [[0, 1, 2, 3]])]), ValueError, "type quad, got 1 of them$"),
        (foreign(cells=[("line", [[0, 1]])]), ValueError, "type triangle, got line"),
        (foreign(cells=[]), ValueError, "type triangle, got none"),
        (foreign(cells=[("triangle", [[0, 1, 9]])]), ValueError, "index the 4 points, got 9"),
        (foreign(cells=[("triangle", [[0, 1]])]), ValueError, r"\(any, 3\) or more"),
        (foreign(cell_sets={"a": [[2]]}), ValueError, "group 'a' must index the 2 cells"),
        (foreign(points=[[0.0, np.nan]]), ValueError, "points must be finite"),
        (
            foreign(cells=[("line", [[3, 0]]), ("triangle", [TWO[0]])], cell_sets={"a": [[0], []]}),
            ValueError,
            r"group 'a' must be of facets of the mesh, got one of nodes \[0, 3\]",
        ),
    ],
)
def test_refusals(source: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        m4dl.TriangleMesh.from_meshio(source)


def test_a_path_without_meshio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "meshio", None)
    with pytest.raises(ImportError, match=r"'x\.msh' needs meshio: pip install m4dl\[mesh\]"):
        m4dl.TriangleMesh.from_meshio("x.msh")
    assert len(m4dl.TriangleMesh.from_meshio(foreign()).cells) == 2
