"""Forward maps G: theta -> y. One model, one file: a thin constructor around a compiled model."""

from .affine import AffineElliptic
from .base import Model
from .darcy import Darcy
from .linear import LinearModel
from .non_abelian import NonAbelianXRay
from .python import PythonModel
from .schrodinger import Schrodinger
from .xray import AttenuatedXRay, XRay

__all__ = [
    "AffineElliptic",
    "AttenuatedXRay",
    "Darcy",
    "LinearModel",
    "Model",
    "NonAbelianXRay",
    "PythonModel",
    "Schrodinger",
    "XRay",
]
