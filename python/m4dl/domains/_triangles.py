"""Triangles of a plane domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from .._base.validate import Array
from ._simplices import SimplexMesh


class TriangleMesh(SimplexMesh):
    """A conforming triangle mesh of a plane domain.

    Parameters
    ----------
    points : array_like, (P, 2)
        Coordinates of the nodes; also (P, 3) with one z for all of them.
    cells : array_like of int, (T, 3)
        Node indices of the triangles, in either orientation.
    cell_groups, facet_groups : mapping of str to array_like of int, optional
        Names for parts: numbers of cells, and nodes (n, 2) of edges.
    source_nodes : array_like of int, (P,), optional
        Numbers of the points where they come from.

    Raises
    ------
    ValueError, TypeError
        Wrong shapes, indices outside the points, degenerate triangles, nodes in no triangle;
        cells that are there twice or overlap, two nodes at one place, nodes that hang on a cell.
    """

    dim = 2
    _size = "area"

    @classmethod
    def rectangle(
        cls, cells: Sequence[int], extent: Sequence[Sequence[float]] | None = None
    ) -> Self:
        """Return a rectangle cut into cells as by ``Grid(cells, extent)``, each into two triangles.

        The nodes are in the order of ``Grid(cells, extent).coordinates("nodes")``.
        """
        return cls._kuhn(cells, extent)

    @property
    def areas(self) -> Array:
        """Areas of the triangles, (T,)."""
        return self.cell_measures
