"""Where fields live: grids, meshes, plane domains, and the norms of fields there."""

from ._checks import Mesh as Mesh
from ._checks import check_domain as check_domain
from ._checks import check_mesh as check_mesh
from ._checks import check_points as check_points
from ._disk_mesh import disk_mesh
from ._fields import stiffness_and_mass as stiffness_and_mass
from ._grid import Grid
from ._shapes import Disk, Polygon
from ._shapes import PlaneDomain as PlaneDomain
from ._shapes import check_plane_domain as check_plane_domain
from ._simplices import SimplexMesh as SimplexMesh
from ._tetrahedra import TetrahedronMesh
from ._triangles import TriangleMesh

__all__ = ["Disk", "Grid", "Polygon", "TetrahedronMesh", "TriangleMesh", "disk_mesh", "norms"]
