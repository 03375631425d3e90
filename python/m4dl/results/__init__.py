"""What a run returns: draws or moments, their summary, verdict and diagnostics."""

from . import diagnostics as diagnostics
from ._advice import ESS_PER_CHAIN as ESS_PER_CHAIN
from ._advice import RHAT as RHAT
from ._advice import solver_advice as solver_advice
from ._draws import Draws
from ._moments import Moments
from ._record import PER_DRAW as PER_DRAW
from ._record import PerDraw as PerDraw
from ._record import Record as Record
from ._record import per_draw as per_draw
from ._summary import Summary

__all__ = ["Draws", "Moments", "Summary", "diagnostics"]
