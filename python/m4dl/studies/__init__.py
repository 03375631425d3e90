"""Studies of many posteriors: coverage, calibration, Bernstein-von Mises, kernels compared."""

from ._bvm import BernsteinVonMises, bvm
from ._calibration import rank_test, sbc
from ._compare import Comparison, compare_kernels
from ._contraction import Contraction as Contraction
from ._coverage import coverage
from ._ranks import Calibration
from ._study import CoverageStudy

__all__ = [
    "BernsteinVonMises",
    "Calibration",
    "Comparison",
    "CoverageStudy",
    "bvm",
    "compare_kernels",
    "coverage",
    "rank_test",
    "sbc",
]
