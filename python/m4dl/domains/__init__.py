"""Where fields live: grids, meshes, plane domains, and the norms of fields there."""

from ._disk_mesh import disk_mesh
from ._fields import stiffness_and_mass as stiffness_and_mass
from ._grid import Grid
from ._shapes import Disk, Polygon
from ._shapes import PlaneDomain as PlaneDomain
from ._shapes import check_plane_domain as check_plane_domain
from ._simplices import Mesh as Mesh
from ._simplices import SimplexMesh as SimplexMesh
from ._simplices import TetrahedronMesh, TriangleMesh
from ._simplices import check_domain as check_domain
from ._simplices import check_mesh as check_mesh
from ._simplices import check_points as check_points

__all__ = ["Disk", "Grid", "Polygon", "TetrahedronMesh", "TriangleMesh", "disk_mesh", "norms"]
