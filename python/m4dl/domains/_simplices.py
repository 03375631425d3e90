"""What meshes of simplices share: triangles of a plane domain, tetrahedra in space."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._base.fixed import Rebuilt
from .._base.validate import Array, array, choice, shape_of
from ._grid import Grid
from ._mesh_groups import check_cell_groups, check_facet_groups, indices
from ._meshio import simplices


class SimplexMesh(Rebuilt):
    """What meshes of triangles and of tetrahedra share.

    Attributes
    ----------
    points : ndarray, (P, d)
    cells : ndarray of int, (C, d + 1)
    boundary : ndarray of int
        The nodes on the boundary: those of faces that belong to one cell only.
    cell_groups, facet_groups : dict of str to ndarray of int
        Parts by their names: numbers (n,) of cells, and nodes (n, d) of facets, which are edges of
        triangles and faces of tetrahedra.
    source_nodes : ndarray of int, (P,), or None
        The numbers that the points have in the file they come from.
    """

    dim: ClassVar[int]
    _size: ClassVar[str]  # what the measure of a cell is called

    def __init__(
        self,
        points: ArrayLike,
        cells: ArrayLike,
        *,
        cell_groups: Mapping[str, ArrayLike] | None = None,
        facet_groups: Mapping[str, ArrayLike] | None = None,
        source_nodes: ArrayLike | None = None,
    ):
        corners = self.dim + 1
        self.points = _in_plane(points) if self.dim == 2 else array("points", points, (None, 3))
        shape_of("cells", cells)
        raw = np.asarray(cells)
        if raw.shape[1:] != (corners,) or not np.issubdtype(raw.dtype, np.integer):
            raise ValueError(
                f"cells must be integers of shape (any, {corners}), "
                f"got {raw.dtype} of shape {raw.shape}"
            )
        self.cells = np.asarray(raw, dtype=np.int64, order="C")
        count = len(self.points)
        outside = (self.cells < 0) | (self.cells >= count)
        if outside.any():
            raise ValueError(
                f"cells must index the {count} points, got {self.cells[outside][0]} "
                f"in cell {np.argwhere(outside)[0][0]}"
            )
        self._check_cells()
        unused = np.flatnonzero(np.bincount(self.cells.ravel(), minlength=count) == 0)
        if unused.size:
            raise ValueError(f"every point must belong to a cell, point {unused[0]} does not")
        self.core = getattr(_core, type(self).__name__)(self.points, self.cells)
        self.boundary: NDArray[np.int64] = np.flatnonzero(self.core.boundary())
        self.cell_groups = check_cell_groups(cell_groups, len(self.cells))
        self.facet_groups = check_facet_groups(facet_groups, self.cells)
        self.source_nodes = (
            None if source_nodes is None else indices("source_nodes", source_nodes, (count,), 2**62)
        )

    @classmethod
    def from_meshio(cls, source: Any) -> Self:
        """Return the mesh that a file holds, or a mesh of meshio.

        Parameters
        ----------
        source : path or meshio.Mesh
            A path needs meshio (``pip install m4dl[mesh]``) and may be of any format it reads:
            Gmsh, VTK, XDMF, MED, Abaqus, ... Any object with the ``points``, ``cells``,
            ``cell_data``, ``cell_sets`` and ``field_data`` of ``meshio.Mesh`` will do.

        Returns
        -------
        mesh
            Of the corners of its triangles or tetrahedra. Cells of higher order lose the nodes on
            their edges and become straight. Nodes that no cell has are left out:
            ``source_nodes`` says which are left, so that ``values[mesh.source_nodes]`` are the
            file's values at the nodes of the mesh. Groups (physical groups of Gmsh, sets of cells)
            of the cells and of their facets are in ``cell_groups`` and ``facet_groups`` by name, or
            by number where they have none. Points and, in space, lines are left out.

        Raises
        ------
        ValueError, TypeError
            Cells of another kind, such as quadrilaterals; triangles that are not in a plane z =
            const; what the constructor refuses.
        ImportError
            A path without meshio.
        """
        found = simplices(source, cls.dim, cls.__name__)
        return cls(
            found.points,
            found.cells,
            cell_groups=found.cell_groups,
            facet_groups=found.facet_groups,
            source_nodes=found.source_nodes,
        )

    def _check_cells(self) -> None:
        """Refuse cells that are flat, or whose size is no number in this unit of length."""
        corners = self.points[self.cells]
        extent = float(np.abs(self.points - self.points[0]).max(initial=0.0)) or 1.0
        edges = corners[:, 1:] / extent - corners[:, :1] / extent
        volumes = np.abs(np.linalg.det(edges))
        # Hadamard: |det E| is at most the product of the lengths of the edges.
        flat = np.flatnonzero(volumes <= 1e-14 * np.linalg.norm(edges, axis=2).prod(axis=1))
        if flat.size:
            raise ValueError(f"cells must not be degenerate, got cell {flat[0]} of {self._size} 0")
        with np.errstate(over="ignore", under="ignore"):
            sizes = volumes / math.factorial(self.dim) * np.float64(extent) ** self.dim
        tiny = np.finfo(np.float64).tiny
        wrong = np.flatnonzero(~((sizes >= tiny) & (sizes <= 1 / tiny)))
        if wrong.size:
            raise ValueError(
                f"the {self._size} of cell {wrong[0]}, {sizes[wrong[0]]:g}, is no number to "
                "compute with: take another unit of length"
            )

    @classmethod
    def _kuhn(cls, cells: Sequence[int], extent: Sequence[Sequence[float]] | None) -> Self:
        """Cut every cell of a grid into d! simplices (Kuhn, IBM J. Res. Dev. 4, 1960).

        They are the paths from its lowest to its highest corner that step along each axis once;
        neighbouring cells match.
        """
        grid = Grid(cells, extent)
        if grid.dim != cls.dim:
            raise ValueError(f"cells must have {cls.dim} entries, got {cells!r}")
        shape = grid.shape_of("nodes")
        number = np.arange(math.prod(shape)).reshape(shape)
        lowest = number[(slice(-1),) * cls.dim].reshape(-1, 1, 1)
        stride = np.array([math.prod(shape[axis + 1 :]) for axis in range(cls.dim)])
        steps = stride[list(permutations(range(cls.dim)))]  # (d!, d)
        paths = np.cumsum(np.pad(steps, ((0, 0), (1, 0))), axis=1)  # (d!, d + 1)
        return cls(grid.coordinates("nodes"), (lowest + paths).reshape(-1, cls.dim + 1))

    def _edges(self) -> Array:
        """(C, d, d); row k of a cell is the edge from its node 0 to its node k + 1."""
        corners = self.points[self.cells]
        return np.asarray(corners[:, 1:] - corners[:, :1])

    @property
    def cell_measures(self) -> Array:
        """Areas or volumes of the cells, (C,)."""
        return np.asarray(np.abs(np.linalg.det(self._edges())) / math.factorial(self.dim))

    @property
    def measure(self) -> float:
        """Area or volume of the domain."""
        return float(self.cell_measures.sum())

    def gradients(self) -> Array:
        """Gradients of the hat functions in each cell, (C, d + 1, d)."""
        # grad l_j . e_k = delta_jk for j, k >= 1, and the l_j add up to 1.
        inner = np.linalg.inv(self._edges()).transpose(0, 2, 1)
        return np.concatenate([-inner.sum(axis=1, keepdims=True), inner], axis=1)

    def shape_of(self, at: str) -> tuple[int, ...]:
        """Shape of a field at ``"nodes"`` or ``"cells"``."""
        choice("at", at, ("nodes", "cells"))
        return (len(self.points),) if at == "nodes" else (len(self.cells),)

    def size_of(self, at: str) -> int:
        """Number of values of a field at the given location."""
        return self.shape_of(at)[0]

    def coordinates(self, at: str = "nodes") -> Array:
        """Nodes, or centroids of the cells; (size, d)."""
        if choice("at", at, ("nodes", "cells")) == "nodes":
            return self.points.copy()
        return np.asarray(self.points[self.cells].mean(axis=1))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.points)} points, {len(self.cells)} cells)"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, type(self))
            and np.array_equal(self.points, other.points)
            and np.array_equal(self.cells, other.cells)
        )

    def __hash__(self) -> int:
        return hash((self.points.tobytes(), self.cells.tobytes()))


def _in_plane(points: ArrayLike) -> Array:
    """Points (P, 2), also of points (P, 3) in a plane z = const."""
    if shape_of("points", points)[1:] != (3,):
        return array("points", points, (None, 2))
    x = array("points", points, (None, 3))
    low, high = (x[:, 2].min(), x[:, 2].max()) if len(x) else (0.0, 0.0)
    if high - low > 1e-12 * (np.ptp(x[:, :2]) + abs(low)):
        raise ValueError(
            f"points of triangles must have shape (any, 2), or lie in a plane z = const, "
            f"got z from {low} to {high}"
        )
    return np.ascontiguousarray(x[:, :2])
