"""Sums of squares in any unit: neither 1e-200 nor 1e200 is lost."""

from __future__ import annotations

import numpy as np

from .validate import Array


def column_norms(x: Array) -> Array:
    """Return the Euclidean norms (n,) of the columns of x (m, n)."""
    top = np.abs(x).max(axis=0, initial=0.0)
    unit = np.where((top > 0) & np.isfinite(top), top, 1.0)
    return np.asarray(unit * np.linalg.norm(x / unit, axis=0))
