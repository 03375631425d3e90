"""y = M theta."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from .. import _core
from .._sparse import triplets
from .._validate import array
from .base import Model


class LinearModel(Model):
    """y = M theta, for a dense or sparse matrix M (m, D)."""

    def __init__(self, matrix: Any):
        if 0 in np.shape(matrix):
            raise ValueError(f"matrix must not be empty, got shape {np.shape(matrix)}")
        if sparse.issparse(matrix):
            t = triplets("matrix", matrix, (None, None))
            super().__init__(_core.linear_sparse(*t.shape, t.row, t.column, t.value))
        else:
            super().__init__(_core.linear_dense(array("matrix", matrix, (None, None))))
