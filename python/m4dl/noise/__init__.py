"""What measurements add to a model's outputs."""

from ._gaussian import GaussianNoise

__all__ = ["GaussianNoise"]
