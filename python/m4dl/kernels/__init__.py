"""Markov kernels in white space, their metrics, and what warmup learns."""

from ._delayed import DelayedAcceptance
from ._kernels import HMC, MALA, PCN, ULA
from ._kernels import LARGEST_IMPLICIT_STEP as LARGEST_IMPLICIT_STEP
from ._kernels import Kernel as Kernel
from ._kernels import Learned as Learned
from ._kernels import adapted_target as adapted_target
from ._learn import Lessons as Lessons
from ._metrics import LEARNED as LEARNED
from ._metrics import DiagonalMetric, LowRankMetric

__all__ = ["HMC", "MALA", "PCN", "ULA", "DelayedAcceptance", "DiagonalMetric", "LowRankMetric"]
