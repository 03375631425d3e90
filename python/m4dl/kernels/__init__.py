"""Markov kernels in white space, their metrics, and what warmup learns."""

from ._common import Kernel as Kernel
from ._common import Learned as Learned
from ._common import adapted_target as adapted_target
from ._delayed import DelayedAcceptance
from ._hmc import HMC
from ._learn import Lessons as Lessons
from ._mala import LARGEST_IMPLICIT_STEP as LARGEST_IMPLICIT_STEP
from ._mala import MALA
from ._metrics import LEARNED as LEARNED
from ._metrics import DiagonalMetric, LowRankMetric
from ._pcn import PCN
from ._ula import ULA

__all__ = ["HMC", "MALA", "PCN", "ULA", "DelayedAcceptance", "DiagonalMetric", "LowRankMetric"]
