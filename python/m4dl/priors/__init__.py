"""Priors as maps of white noise: theta = T(xi), xi ~ N(0, I). One prior, one file."""

from ._rescaling import contraction_rate, rescale_for
from .base import Prior
from .gaussian import GaussianPrior
from .interpolated import InterpolatedPrior
from .matern import MaternPrior
from .series import SeriesPrior
from .sparse import SparsePrior
from .vector import VectorPrior

__all__ = [
    "GaussianPrior",
    "InterpolatedPrior",
    "MaternPrior",
    "Prior",
    "SeriesPrior",
    "SparsePrior",
    "VectorPrior",
    "contraction_rate",
    "rescale_for",
]
