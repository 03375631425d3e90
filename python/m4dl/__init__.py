"""m4dl: Bayesian inversion of partial differential equations, with guarantees one can check."""

from ._bvm import BernsteinVonMises, bvm
from ._compare import Comparison, compare_kernels
from ._core import build_info
from ._delayed import DelayedAcceptance
from ._disk_mesh import disk_mesh
from ._kept_moments import Moments
from ._langevin import LangevinGuarantee, langevin_guarantee
from ._laplace import Laplace, laplace
from ._map import MapEstimate, find_map
from ._ranks import Calibration
from ._refine import refined_metric
from ._study import CoverageStudy
from ._ula_bias import UlaBias, ula_bias
from .calibration import rank_test, sbc
from .coverage import coverage_study
from .domains import Disk, Polygon
from .draws import Draws
from .geodesics import Geodesics
from .kernels import HMC, MALA, PCN, ULA
from .meshes import Grid, TetrahedronMesh, TriangleMesh
from .metrics import DiagonalMetric, LowRankMetric
from .models import (
    AffineElliptic,
    AttenuatedXRay,
    Darcy,
    LinearModel,
    NonAbelianXRay,
    PythonModel,
    Schrodinger,
    XRay,
)
from .posterior import GaussianNoise, Posterior
from .priors import (
    GaussianPrior,
    InterpolatedPrior,
    MaternPrior,
    SeriesPrior,
    SparsePrior,
    VectorPrior,
    contraction_rate,
    rescale_for,
)
from .rays import RayQuadrature, Rays
from .sampling import sample
from .surrogate import LogConcaveSurrogate
from .zernike import ZernikeBasis

__version__: str = build_info()["version"]

__all__ = [
    "HMC",
    "MALA",
    "PCN",
    "ULA",
    "AffineElliptic",
    "AttenuatedXRay",
    "BernsteinVonMises",
    "Calibration",
    "Comparison",
    "CoverageStudy",
    "Darcy",
    "DelayedAcceptance",
    "DiagonalMetric",
    "Disk",
    "Draws",
    "GaussianNoise",
    "GaussianPrior",
    "Geodesics",
    "Grid",
    "InterpolatedPrior",
    "LangevinGuarantee",
    "Laplace",
    "LinearModel",
    "LogConcaveSurrogate",
    "LowRankMetric",
    "MapEstimate",
    "MaternPrior",
    "Moments",
    "NonAbelianXRay",
    "Polygon",
    "Posterior",
    "PythonModel",
    "RayQuadrature",
    "Rays",
    "Schrodinger",
    "SeriesPrior",
    "SparsePrior",
    "TetrahedronMesh",
    "TriangleMesh",
    "UlaBias",
    "VectorPrior",
    "XRay",
    "ZernikeBasis",
    "build_info",
    "bvm",
    "compare_kernels",
    "contraction_rate",
    "coverage_study",
    "disk_mesh",
    "find_map",
    "langevin_guarantee",
    "laplace",
    "rank_test",
    "refined_metric",
    "rescale_for",
    "sample",
    "sbc",
    "ula_bias",
]
