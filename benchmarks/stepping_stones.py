"""Ratios of integrals from draws of several densities that overlap, with the error of the ratio.

Draws of densities q_j = B_j/Z_j, j = 1 ... K, N_j of each, stand for draws of their mixture, and
the integral of A is the sum of A/D over all draws, D = sum_j N_j B_j/Z_j. The Z_j are those for
which this holds of the B_j themselves (A. Kong, P. McCullagh, X. Meng, D. Nicolae, Z. Tan, J. R.
Stat. Soc. B 65 (2003); M. Shirts, J. Chodera, J. Chem. Phys. 129 (2008): multistate Bennett
ratios).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from harness import Array
from scipy.special import logsumexp

NEWTON = 100


@dataclass(frozen=True)
class Ratio:
    """The log of a ratio, and what each draw adds to its error."""

    log: float
    influence: Array
    """(n,); the estimate is the truth plus its sum, to first order. Its mean in each density is not
    zero, the sum of all is."""


def ratio(log_b: Array, state: Array, above: Array, below: Array) -> Ratio:
    """Log of the integral of exp(above) over that of exp(below), from draws of K densities.

    log_b (K, n): logs of the B_j at all draws; state (n,): which density a draw is of; above, below
    (n,).
    """
    count = np.bincount(state, minlength=len(log_b)).astype(float)
    z = np.zeros(len(log_b))
    for _ in range(NEWTON):
        part = _parts(log_b, z, count)
        # sum_n part_jn = N_j for all j; z_0 = 0 is fixed
        gap = part.sum(axis=1) - count
        slope = part @ part.T - np.diag(part.sum(axis=1))
        step = np.linalg.solve(slope[1:, 1:], -gap[1:])
        z[1:] += np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-10:
            break
    else:
        raise ArithmeticError(f"the integrals did not converge: last step {np.abs(step).max():.2g}")
    part = _parts(log_b, z, count)
    mixture = logsumexp(log_b + (np.log(count) - z)[:, None], axis=0)
    ends = [x - mixture for x in (above, below)]
    totals = [logsumexp(x) for x in ends]
    share = np.exp(ends[0] - totals[0]) - np.exp(ends[1] - totals[1])
    # d log(ratio)/dz = share @ part.T, and z moves by -slope^-1 times the sum of part
    slope = part @ part.T - np.diag(part.sum(axis=1))
    lever = np.linalg.solve(slope[1:, 1:].T, (part @ share)[1:])
    return Ratio(float(totals[0] - totals[1]), share - lever @ part[1:])


def _parts(log_b: Array, z: Array, count: Array) -> Array:
    """N_j B_j/Z_j over the sum of these, (K, n)."""
    terms = log_b + (np.log(count) - z)[:, None]
    return np.asarray(np.exp(terms - logsumexp(terms, axis=0)))
