"""Tetrahedra in space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from .._base.validate import Array
from ._simplices import SimplexMesh


class TetrahedronMesh(SimplexMesh):
    """A conforming mesh of tetrahedra in space.

    Parameters
    ----------
    points : array_like, (P, 3)
        Coordinates of the nodes.
    cells : array_like of int, (T, 4)
        Node indices of the tetrahedra, in either orientation.
    cell_groups, facet_groups : mapping of str to array_like of int, optional
        Names for parts: numbers of cells, and nodes (n, 3) of faces.
    source_nodes : array_like of int, (P,), optional
        Numbers of the points where they come from.

    Raises
    ------
    ValueError, TypeError
        Wrong shapes, indices outside the points, degenerate tetrahedra, nodes in no tetrahedron;
        cells that are there twice or overlap, two nodes at one place, nodes that hang on a cell.
    """

    dim = 3
    _size = "volume"

    @classmethod
    def box(cls, cells: Sequence[int], extent: Sequence[Sequence[float]] | None = None) -> Self:
        """Return a box cut into cells as by ``Grid(cells, extent)``, each into six tetrahedra.

        The nodes are in the order of ``Grid(cells, extent).coordinates("nodes")``.
        """
        return cls._kuhn(cells, extent)

    @property
    def volumes(self) -> Array:
        """Volumes of the tetrahedra, (T,)."""
        return self.cell_measures
