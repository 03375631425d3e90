"""Triangles of a disk."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._base.validate import array, integer, positive
from ._triangles import TriangleMesh


def disk_mesh(rings: int, radius: float = 1.0, centre: ArrayLike = (0.0, 0.0)) -> TriangleMesh:
    """Return a disk cut into triangles of about the same size.

    Ring k has 6 k nodes at the distance k radius / rings from the centre; the boundary is a
    polygon of 6 rings corners on the circle.

    Parameters
    ----------
    rings : int
        17 rings are 919 nodes.
    radius : float
    centre : array_like, (2,)

    Returns
    -------
    TriangleMesh
        Of 1 + 3 rings (rings + 1) nodes, from the centre outwards and counter-clockwise from
        angle 0, and 6 rings^2 triangles.

    Raises
    ------
    ValueError, TypeError
        No rings, a radius that is not positive, a centre that is no point of the plane.
    """
    count, size = integer("rings", rings, 1), positive("radius", radius)
    middle = array("centre", centre, (2,))
    points, cells = [np.zeros((1, 2))], []
    for k in range(1, count + 1):
        angle = 2.0 * np.pi * np.arange(6 * k) / (6 * k)
        points.append(k / count * np.stack([np.cos(angle), np.sin(angle)], axis=1))
        # In sector s the nodes s k + j of the ring face the nodes s (k - 1) + j of the one inside.
        inner, outer = 1 + 3 * (k - 1) * (k - 2) if k > 1 else 0, 1 + 3 * k * (k - 1)
        s, j = (x.ravel() for x in np.meshgrid(np.arange(6), np.arange(k), indexing="ij"))
        a, b = outer + s * k + j, outer + (s * k + j + 1) % (6 * k)
        below = inner + (s * (k - 1) + j) % max(6 * (k - 1), 1)
        cells.append(np.stack([a, b, below], axis=1))
        short = j < k - 1  # the other triangles stand on the ring inside
        beside = inner + (s * (k - 1) + j + 1) % max(6 * (k - 1), 1)
        cells.append(np.stack([below, b, beside], axis=1)[short])
    return TriangleMesh(middle + size * np.concatenate(points), np.concatenate(cells))
