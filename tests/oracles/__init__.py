"""Slow, obvious, independent NumPy versions of what the compiled core computes.

Nothing here imports m4dl: a test that compares the two compares two programs. Single states only,
plain loops or one einsum, dense where dense is short. Fields are flattened in C order with x slow,
as everywhere in the project.
"""

from .benchmark import AristoffBangerth
from .elliptic import (
    LINKS,
    DarcyGrid,
    DarcyP1,
    Elliptic,
    Link,
    SchrodingerGrid,
    SchrodingerP1,
)
from .exact import (
    darcy_disk,
    darcy_disk_radial,
    darcy_interval,
    manufactured_darcy,
    manufactured_schrodinger,
    schrodinger_disk,
    schrodinger_interval,
)
from .feynman_kac import feynman_kac
from .gaussian import linear_posterior, ula_covariance
from .meshes import Box, Triangulation, cube_triangulation, disk_triangulation, square_triangulation
from .priors import (
    matern_correlation,
    matern_covariance,
    matern_map,
    matern_matrices,
    sine_series,
)
from .rays import PAULI, Attenuated, LineIntegrals, Lines, Scattering, generators
from .reference import ReferenceDarcy, ReferenceSchrodinger, load_reference
from .regression import exact_ridge_slope, relevance_slope, ridge_slopes

__all__ = [
    "LINKS",
    "PAULI",
    "AristoffBangerth",
    "Attenuated",
    "Box",
    "DarcyGrid",
    "DarcyP1",
    "Elliptic",
    "LineIntegrals",
    "Lines",
    "Link",
    "ReferenceDarcy",
    "ReferenceSchrodinger",
    "Scattering",
    "SchrodingerGrid",
    "SchrodingerP1",
    "Triangulation",
    "cube_triangulation",
    "darcy_disk",
    "darcy_disk_radial",
    "darcy_interval",
    "disk_triangulation",
    "exact_ridge_slope",
    "feynman_kac",
    "generators",
    "linear_posterior",
    "load_reference",
    "manufactured_darcy",
    "manufactured_schrodinger",
    "matern_correlation",
    "matern_covariance",
    "matern_map",
    "matern_matrices",
    "relevance_slope",
    "ridge_slopes",
    "schrodinger_disk",
    "schrodinger_interval",
    "sine_series",
    "square_triangulation",
    "ula_covariance",
]
