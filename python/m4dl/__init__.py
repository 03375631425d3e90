"""m4dl: Bayesian inversion of partial differential equations, with guarantees one can check."""

from ._bvm import BernsteinVonMises, bvm
from ._compare import Comparison, compare_kernels
from ._core import build_info
from ._delayed import DelayedAcceptance
from ._laplace import Laplace, laplace
from ._map import MapEstimate, find_map
from ._ranks import Calibration
from ._refine import refined_metric
from ._study import CoverageStudy
from .calibration import rank_test, sbc
from .coverage import coverage_study
from .draws import Draws, Moments
from .kernels import HMC, MALA, PCN, ULA
from .meshes import Grid, TetrahedronMesh, TriangleMesh
from .metrics import DiagonalMetric, LowRankMetric
from .models import AffineElliptic, Darcy, LinearModel, PythonModel, Schrodinger
from .posterior import GaussianNoise, Posterior
from .priors import (
    GaussianPrior,
    InterpolatedPrior,
    MaternPrior,
    SeriesPrior,
    SparsePrior,
    contraction_rate,
    rescale_for,
)
from .sampling import sample

__version__: str = build_info()["version"]

__all__ = [
    "HMC",
    "MALA",
    "PCN",
    "ULA",
    "AffineElliptic",
    "BernsteinVonMises",
    "Calibration",
    "Comparison",
    "CoverageStudy",
    "Darcy",
    "DelayedAcceptance",
    "DiagonalMetric",
    "Draws",
    "GaussianNoise",
    "GaussianPrior",
    "Grid",
    "InterpolatedPrior",
    "Laplace",
    "LinearModel",
    "LowRankMetric",
    "MapEstimate",
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
    "compare_kernels",
    "contraction_rate",
    "coverage_study",
    "find_map",
    "laplace",
    "rank_test",
    "refined_metric",
    "rescale_for",
    "sample",
    "sbc",
]
