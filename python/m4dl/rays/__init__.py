"""Lines and geodesics through a plane domain, and the singular functions of the X-ray transform."""

from ._geodesics import Geodesics
from ._ray_family import RayFamily as RayFamily
from ._ray_family import RayQuadrature
from ._ray_family import check_rays as check_rays
from ._rays import Rays
from ._zernike import XRaySingularFunction as XRaySingularFunction
from ._zernike import ZernikeBasis
from ._zernike import xray_singular_system as xray_singular_system

__all__ = ["Geodesics", "RayQuadrature", "Rays", "ZernikeBasis"]
