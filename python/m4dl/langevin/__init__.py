"""Langevin sampling with guarantees: the surrogate, its constants, the bias of ULA."""

from ._bounds import LangevinGuarantee
from ._guarantee import guarantee
from ._surrogate import LogConcaveSurrogate
from ._ula_bias import UlaBias, ula_bias

__all__ = ["LangevinGuarantee", "LogConcaveSurrogate", "UlaBias", "guarantee", "ula_bias"]
