"""Forward maps G: theta -> y. One model, one file: a thin constructor around a compiled model."""

from .affine import AffineElliptic
from .base import Model
from .darcy import Darcy
from .linear import LinearModel
from .python import PythonModel
from .schrodinger import Schrodinger

__all__ = ["AffineElliptic", "Darcy", "LinearModel", "Model", "PythonModel", "Schrodinger"]
