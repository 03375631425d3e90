"""m4dl: Bayesian inversion of partial differential equations, with guarantees one can check."""

from ._bvm import BernsteinVonMises, bvm
from ._core import build_info
from ._ranks import Calibration
from ._study import CoverageStudy
from .calibration import rank_test, sbc
from .coverage import coverage_study
from .draws import Draws, Moments
from .kernels import MALA, PCN, ULA, DiagonalMetric
from .meshes import Grid, TetrahedronMesh, TriangleMesh
from .models import AffineElliptic, Darcy, LinearModel, PythonModel, Schrodinger
from .posterior import GaussianNoise, Posterior
from .priors import (
    GaussianPrior,
    MaternPrior,
    SeriesPrior,
    SparsePrior,
    contraction_rate,
    rescale_for,
)
from .sampling import sample

__version__: str = build_info()["version"]

__all__ = [
    "MALA",
    "PCN",
    "ULA",
    "AffineElliptic",
    "BernsteinVonMises",
    "Calibration",
    "CoverageStudy",
    "Darcy",
    "DiagonalMetric",
    "Draws",
    "GaussianNoise",
    "GaussianPrior",
    "Grid",
    "LinearModel",
    "MaternPrior",
    "Moments",
    "Posterior",
    "PythonModel",
    "Schrodinger",
    "SeriesPrior",
    "SparsePrior",
    "TetrahedronMesh",
    "TriangleMesh",
    "build_info",
    "bvm",
    "contraction_rate",
    "coverage_study",
    "rank_test",
    "rescale_for",
    "sample",
    "sbc",
]
