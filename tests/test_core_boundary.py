"""The compiled core refuses what would lead it out of an array, or to divide by nothing.

Python checks arguments first and in a user's words; these are the core's own checks, so that no
forgotten one ends in a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
from gallery import posterior
from m4dl import _core

GRID = _core.Grid([3, 3], [0.0, 0.0], [1.0, 1.0])
POINTS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5, 0.4]])
CELLS = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
MESH = _core.TriangleMesh(POINTS, CELLS)
AT, ONES, FIVE = [[0.5, 0.45]], np.ones(16), np.ones(5)
REST: dict[str, Any] = {
    "link": _core.Link("exp", 0.0),
    "solver": _core.SolverOptions("direct", 1e-8),
}
NONE = np.zeros(0)


def affine(**changes: Any) -> Any:
    """u = 1/c, one unknown."""
    zero = _core.Triplets(1, 1, row=NONE, column=NONE, value=NONE)
    one = _core.Triplets(1, 1, row=[0], column=[0], value=[1.0])
    arguments = {
        "constant": zero, "terms": one, "parameter": [0], "load_terms": zero, "load": [[1.0]],
        "offset": [[0.0]], "observe": one, "coordinates": np.zeros((0, 0)),
    }  # fmt: skip
    return _core.affine_elliptic(**(REST | arguments | changes))


def schrodinger(mesh: Any, boundary: Any, **at: bool) -> Any:
    build = _core.schrodinger_grid if mesh is GRID else _core.schrodinger_simplices
    return build(mesh, AT, boundary=boundary, **at, **REST)


def darcy(mesh: Any, source: Any, boundary: Any, **at: Any) -> Any:
    build = _core.darcy_grid if mesh is GRID else _core.darcy_simplices
    return build(mesh, AT, source=source, boundary=boundary, **at, **REST)


def restored(**numbers: float) -> None:
    """A state whose iteration, adapting, count, evaluations or trajectory is another number."""
    run = m4dl.MALA().start(posterior().core, 2, 1, np.zeros((2, 4)), 1)
    state = run.state()
    for name, value in numbers.items():
        names = ("iteration", "adapting", "count", "evaluations", "trajectory")
        state["run"][0, names.index(name)] = value
    run.restore(state)


CASES: list[tuple[Callable[[], Any], str]] = [
    (lambda: _core.Grid([2], [0.0, 0.0], [1.0]), "as many axes"),
    (lambda: GRID.interpolate([[0.5]]), "points must have 2 columns, got 1"),
    (lambda: MESH.interpolate([[0.5]]), "points must have 2 columns, got 1"),
    (lambda: schrodinger(GRID, FIVE, all_nodes=True), "must have 16 values, got 5"),
    (lambda: schrodinger(MESH, ONES), "must have 5 values, got 16"),
    (lambda: darcy(GRID, FIVE, ONES, blocks=[]), "source must have 16 values"),
    (lambda: darcy(GRID, ONES, FIVE, blocks=[]), "boundary must have 16 values"),
    (lambda: darcy(GRID, ONES, ONES, blocks=[2, 3]), "blocks must cut the cells"),
    (lambda: darcy(GRID, ONES, ONES, blocks=[0, 3]), "blocks must cut the cells"),
    (lambda: darcy(GRID, ONES, ONES, blocks=[3]), "blocks must cut the cells"),
    (lambda: darcy(MESH, ONES, FIVE, on_nodes=True), "source must have 5 values"),
    (lambda: affine(parameter=NONE), "terms must have a parameter each"),
    (lambda: affine(offset=np.zeros((1, 0))), "one offset per right-hand side"),
    (lambda: affine(load=np.ones((2, 1))), "must have 1 loads and 1 offsets, got 2 and 1"),
    (lambda: affine(offset=np.zeros((0, 1))), "must have 1 loads and 1 offsets, got 1 and 0"),
    (lambda: affine(coordinates=np.zeros((2, 2))), "coordinates must have 1 rows, got 2"),
    (
        lambda: _core.Paths(
            first=[0], width=NONE, nodes=4, node=np.zeros((0, 3), int), weight=np.zeros((0, 3))
        ),
        "by one ray at least",
    ),
    (
        lambda: _core.chain_statistics(np.zeros((2, 0, 3)), [("mean", 0.0)], NONE),
        "three axes, none of them 0",
    ),
    (
        lambda: _core.line_transform(
            np.zeros((1, 0)), basis="dct1", to_values=True, outer=0, n=5, inner=1
        ),
        "outer and inner must be positive, got 0 and 1",
    ),
    (lambda: restored(iteration=np.nan), "the state holds a count of nan"),
    (lambda: restored(evaluations=-1.0), "the state holds a count of -1"),
    (lambda: restored(evaluations=1e300), r"the state holds a count of 1e\+300"),
]


@pytest.mark.parametrize(("call", "message"), CASES)
def test_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_no_potential_is_no_run() -> None:
    with pytest.raises(TypeError, match=r"incompatible .* arguments"):
        _core.run(_core.Pcn(beta=0.1), None, metric=None, seed=1, start=np.zeros((2, 4)), threads=1)
    with pytest.raises(TypeError, match=r"incompatible .* arguments"):
        _core.Linearised(None, np.zeros((2, 4)), 1)


def test_no_points_are_in_no_cell() -> None:
    """Bins of no points had no lowest one."""
    node, weight = MESH.interpolate(np.zeros((0, 2)))
    assert node.shape == weight.shape == (0, 3)


def test_points_whose_distance_overflows_find_their_cells() -> None:
    """infinity times 0 is NaN, which is no number of a bin: with width 2e308 there is one bin."""
    far = np.array([[1e308, 0.0], [-1e308, 0.5], [0.5, 0.45]])
    node, weight = MESH.interpolate(far)
    np.testing.assert_array_equal(weight[:2], 0.0)
    np.testing.assert_allclose((weight[2:, :, None] * POINTS[node[2:]]).sum(axis=1), far[2:])
    node, weight = GRID.interpolate(far[2:])
    assert weight.sum() == pytest.approx(1.0)
