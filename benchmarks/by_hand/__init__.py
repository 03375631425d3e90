"""The competitor: pCN, MALA and HMC by hand in NumPy, as fast as an expert would write them.

Posteriors in white space, exp(-phi(xi)) N(0, I): Schroedinger and Darcy with five-point differences
and a Matern prior, any grid; Darcy with Q1 elements and such a prior; the Darcy benchmark of
Aristoff and Bangerth; and the non-Abelian X-ray transform with such a prior on triangles, tuned and
plain. Symbolic work is done once, buffers are kept, one factorisation serves the forward and the
adjoint solve; iterations start from the state before. Nothing here uses m4dl.

CHOLMOD is reached through scikit-sparse, which needs SuiteSparse's headers (Debian:
libsuitesparse-dev).
"""

from .chains import Chain, Target, mala, pcn
from .darcy import Z_HAT, Darcy
from .darcy_field import DarcyField, darcy_problem
from .five_point import FivePointDarcy
from .hmc import Trajectories, hmc
from .iterative import Multigrid, SineTransform
from .non_abelian import NonAbelian
from .schrodinger import CosinePrior, Schrodinger, problem, schrodinger_cholmod, schrodinger_splu
from .solvers import Banded, Cholmod, Solver, SuperLU, analyze

__all__ = [
    "Z_HAT",
    "Banded",
    "Chain",
    "Cholmod",
    "CosinePrior",
    "Darcy",
    "DarcyField",
    "FivePointDarcy",
    "Multigrid",
    "NonAbelian",
    "Schrodinger",
    "SineTransform",
    "Solver",
    "SuperLU",
    "Target",
    "Trajectories",
    "analyze",
    "darcy_problem",
    "hmc",
    "mala",
    "pcn",
    "problem",
    "schrodinger_cholmod",
    "schrodinger_splu",
]
