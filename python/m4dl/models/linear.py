"""y = M theta."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._base.sparse import is_sparse, triplets
from .._base.validate import array
from .base import Model


class LinearModel(Model):
    """y = M theta, for a dense or sparse matrix M (m, D)."""

    def __init__(self, matrix: Any):
        if is_sparse(matrix):
            t = triplets("matrix", matrix, (None, None))
            _not_empty(t.shape)
            super().__init__(_core.linear_sparse(t.core))
        else:
            dense = array("matrix", matrix, (None, None))
            _not_empty(dense.shape)
            super().__init__(_core.linear_dense(dense))


def _not_empty(shape: tuple[int, ...]) -> None:
    if 0 in shape:
        raise ValueError(f"matrix must not be empty, got shape {shape}")
