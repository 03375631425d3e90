"""The most probable fields, and the Gaussian there."""

from ._drawn_starts import DrawnStarts as DrawnStarts
from ._laplace import Laplace, laplace
from ._map import MapEstimate, find_map
from ._map import need_tangent as need_tangent
from ._refine import refined_metric

__all__ = ["Laplace", "MapEstimate", "find_map", "laplace", "refined_metric"]
