"""A run from its start to its last draw: the loop, recorders, and stores."""

from ._problem import Problem as Problem
from ._sample import sample
from ._start import prepare as prepare

__all__ = ["sample"]
