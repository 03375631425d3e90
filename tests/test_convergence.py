"""Observed orders of convergence, against manufactured solutions."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import MODELS
from rows import ModelRow

REFINED = [row for row in MODELS if row.refined is not None]


@pytest.mark.parametrize("row", REFINED, ids=str)
def test_order(row: ModelRow) -> None:
    assert row.refined is not None
    coarse, middle, fine = (row.refined(n) for n in row.sizes)
    order = np.log(middle / fine) / np.log(row.sizes[2] / row.sizes[1])
    # Errors are c h^2 + O(h^4): the next term moves the observed order by O(h^2).
    assert order == pytest.approx(row.order, abs=0.2), (coarse, middle, fine)
    assert coarse > middle > fine


def test_every_row_is_refined() -> None:
    """What cannot be refined has no mesh, or is exact on each."""
    without = {row.name for row in MODELS if row.refined is None}
    exact = {"xray triangles", "xray grid"}
    assert without == exact | {
        "affine dense",
        "linear dense",
        "linear sparse",
        "python",
        "python batched",
    }
