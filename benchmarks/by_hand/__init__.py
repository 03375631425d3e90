"""The competitor: pCN and MALA by hand in NumPy, as fast as an expert would write them.

Posteriors in white space, exp(-phi(xi)) N(0, I): Schroedinger with five-point differences and a
Matern prior, any grid; Darcy with such a prior; the Darcy benchmark of Aristoff and Bangerth; and
the non-Abelian X-ray transform with such a prior on triangles, tuned and plain. Symbolic work is
done once, buffers are kept, one factorisation serves the forward and the adjoint solve; iterations
start from the state before. Nothing here uses m4dl.

CHOLMOD is reached through scikit-sparse, which needs SuiteSparse's headers (Debian:
libsuitesparse-dev).
"""

from .chains import Chain, Target, mala, pcn
from .darcy import Z_HAT, Darcy
from .darcy_field import DarcyField, darcy_problem
from .iterative import Multigrid, SineTransform
from .non_abelian import NonAbelian
from .schrodinger import Schrodinger, problem, schrodinger_cholmod, schrodinger_splu
from .solvers import Banded, Cholmod, Solver, SuperLU, analyze

__all__ = [
    "Z_HAT",
    "Banded",
    "Chain",
    "Cholmod",
    "Darcy",
    "DarcyField",
    "Multigrid",
    "NonAbelian",
    "Schrodinger",
    "SineTransform",
    "Solver",
    "SuperLU",
    "Target",
    "analyze",
    "darcy_problem",
    "mala",
    "pcn",
    "problem",
    "schrodinger_cholmod",
    "schrodinger_splu",
]
