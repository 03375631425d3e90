"""A singular value decomposition that does not fail."""

from __future__ import annotations

import numpy as np

from .._base.validate import Array


def thin_svd(matrix: Array) -> tuple[Array, Array, Array]:
    """Return u (n, k), singular values (k,) from the largest on, and v' (k, m), k = min(n, m).

    Divide and conquer now and then finds no root of its secular equation, where many singular
    values are zero: draws of chains that rest have rows in common. QR iteration, a few times as
    slow, then does.
    """
    from scipy import linalg

    try:
        return np.linalg.svd(matrix, full_matrices=False)
    except np.linalg.LinAlgError:
        u, s, v = linalg.svd(matrix, full_matrices=False, lapack_driver="gesvd")
        return u, s, v
