"""m4dl: Bayesian inversion of partial differential equations, with guarantees one can check.

The names here are those of a first hour; each package holds what belongs to its subject, and is
loaded when it is first asked for.
"""

from importlib import import_module
from types import ModuleType

from ._base.describe import rebuild
from ._core import build_info
from .domains import Grid, TetrahedronMesh, TriangleMesh
from .kernels import HMC, MALA, PCN, ULA, DelayedAcceptance
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
from .modes import find_map, laplace
from .noise import GaussianNoise
from .posterior import Posterior
from .priors import (
    GaussianPrior,
    InterpolatedPrior,
    MaternPrior,
    SeriesPrior,
    SparsePrior,
    VectorPrior,
)
from .sampling import sample

__version__: str = build_info()["version"]

_PACKAGES = ("credible", "demo", "langevin", "plot", "studies", "testing")

__all__ = [
    "HMC",
    "MALA",
    "PCN",
    "ULA",
    "AffineElliptic",
    "AttenuatedXRay",
    "Darcy",
    "DelayedAcceptance",
    "GaussianNoise",
    "GaussianPrior",
    "Grid",
    "InterpolatedPrior",
    "LinearModel",
    "MaternPrior",
    "NonAbelianXRay",
    "Posterior",
    "PythonModel",
    "Schrodinger",
    "SeriesPrior",
    "SparsePrior",
    "TetrahedronMesh",
    "TriangleMesh",
    "VectorPrior",
    "XRay",
    "build_info",
    "find_map",
    "laplace",
    "rebuild",
    "sample",
]


def __getattr__(name: str) -> ModuleType:
    """Load a package on its first use: ``scipy.stats`` alone takes half a second."""
    if name in _PACKAGES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PACKAGES})
