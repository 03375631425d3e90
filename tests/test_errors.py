"""Bad input: the message names the argument and holds what was given. Nothing is ever ignored."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
import scipy.sparse as sp
from problems import Array

GRID = m4dl.Grid((4, 4))
AT = [[0.5, 0.5]]
CROSS = m4dl.TriangleMesh(
    [[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]], [[0, 1, 4], [1, 3, 4], [3, 2, 4], [2, 0, 4]]
)
EYE2, EYE3 = sp.eye_array(2), sp.eye_array(3)
UPPER = sp.csr_array([[1.0, 2.0], [0.0, 1.0]])
Z2, Z3 = np.zeros(2), np.zeros(3)

Case = tuple[Callable[[], Any], type[Exception], str]


def cases(table: list[Case]) -> Any:
    """Parametrise over (call, error, message); a message is what the error's text begins with."""
    return pytest.mark.parametrize(
        ("call", "error", "message"), table, ids=[message for _, _, message in table]
    )


def check(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match="^" + re.escape(message)):
        call()


def affine(**changes: Any) -> m4dl.AffineElliptic:
    options: dict[str, Any] = {"constant": None, "terms": [EYE2], "load": Z2, "observe": EYE2}
    return m4dl.AffineElliptic(**(options | changes))


def linear() -> m4dl.LinearModel:
    return m4dl.LinearModel(np.eye(3))


def prior(size: int = 3) -> m4dl.GaussianPrior:
    return m4dl.GaussianPrior(np.zeros(size), 1.0)


def posterior(**changes: Any) -> m4dl.Posterior:
    options: dict[str, Any] = {
        "model": linear(),
        "prior": prior(),
        "data": Z3,
        "noise": m4dl.GaussianNoise(1.0),
    }
    return m4dl.Posterior(**(options | changes))


def python(forward: Any = lambda t: t, gradient: Any = None, **options: Any) -> m4dl.PythonModel:
    return m4dl.PythonModel(forward, gradient, **({"parameters": 3, "outputs": 3} | options))


MESHES: list[Case] = [
    (
        lambda: m4dl.Grid(()),
        ValueError,
        "cells must be a sequence of one to three integers, got ()",
    ),
    (
        lambda: m4dl.Grid((1, 2, 3, 4)),
        ValueError,
        "cells must be a sequence of one to three integers, got (1, 2, 3, 4)",
    ),
    (lambda: m4dl.Grid(4), ValueError, "cells must be a sequence of one to three integers, got 4"),
    (lambda: m4dl.Grid((4.0, 4)), TypeError, "cells[0] must be an integer, got 4.0"),
    (lambda: m4dl.Grid((4, 0)), ValueError, "cells[1] must be at least 1, got 0"),
    (lambda: m4dl.Grid((4, 4), [(0, 1)]), ValueError, "extent must have 2 intervals, got [(0, 1)]"),
    (lambda: m4dl.Grid((4,), 3), ValueError, "extent must have 1 intervals, got 3"),
    (lambda: m4dl.Grid((4,), [3]), ValueError, "extent[0] must be (low, high), got 3"),
    (
        lambda: m4dl.Grid((4,), [(1, 1)]),
        ValueError,
        "extent[0] must have low < high, got (1.0, 1.0)",
    ),
    (lambda: m4dl.Grid((4,), [(0, np.nan)]), ValueError, "extent[0] must be finite, got nan"),
    (
        lambda: GRID.shape_of("faces"),
        ValueError,
        "at must be one of 'nodes', 'interior', 'cells', got 'faces'",
    ),
    (
        lambda: m4dl.TriangleMesh([[0, 0, 0]], [[0, 1, 2]]),
        ValueError,
        "points must have shape (any, 2), got (1, 3)",
    ),
    (
        lambda: m4dl.TriangleMesh([[0, 0], [1, 0], [0, np.inf]], [[0, 1, 2]]),
        ValueError,
        "points must be finite, got inf at index (2, 1) (1 such values)",
    ),
    (
        lambda: m4dl.TriangleMesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 3]]),
        ValueError,
        "cells must index the 3 points, got 3 in cell 0",
    ),
    (
        lambda: m4dl.TriangleMesh([[0, 0], [1, 0], [0, 1]], [[0.0, 1, 2]]),
        ValueError,
        "cells must be integers of shape (any, 3), got float64 of shape (1, 3)",
    ),
    (
        lambda: m4dl.TriangleMesh([[0, 0], [1, 0], [2, 0]], [[0, 1, 2]]),
        ValueError,
        "cells must not be degenerate, got cell 0 of area 0",
    ),
    (
        lambda: m4dl.TriangleMesh([[0, 0], [1, 0], [0, 1], [5, 5]], [[0, 1, 2]]),
        ValueError,
        "every point must belong to a cell, point 3 does not",
    ),
]


@cases(MESHES)
def test_meshes(call: Any, error: Any, message: str) -> None:
    check(call, error, message)


MODELS: list[Case] = [
    (lambda: m4dl.Darcy(3, AT), TypeError, "mesh must be a Grid or a TriangleMesh, got int"),
    (
        lambda: m4dl.Darcy(GRID, [0.5, 0.5]),
        ValueError,
        "points must have shape (any, 2), got (2,)",
    ),
    (
        lambda: m4dl.Darcy(GRID, [[0.5, 0.5], [0.5, 1.5]]),
        ValueError,
        "points: row 1 (0.5, 1.5) lies outside the domain",
    ),
    (
        lambda: m4dl.Schrodinger(CROSS, [[0.5, 0.5], [1.2, 1.0]]),
        ValueError,
        "points: row 1 (1.2",
    ),
    (lambda: m4dl.Darcy(CROSS, [[-0.1, 0.5]]), ValueError, "points: row 0 (-0.1"),
    (
        lambda: m4dl.Darcy(GRID, [[0.5, np.nan]]),
        ValueError,
        "points must be finite, got nan at index (0, 1) (1 such values)",
    ),
    (
        lambda: m4dl.Darcy(GRID, np.zeros((0, 2))),
        ValueError,
        "points must hold at least one point, got none",
    ),
    (lambda: m4dl.Schrodinger(GRID, AT, np.zeros(7)), ValueError, "boundary must have shape (25"),
    (
        lambda: m4dl.Schrodinger(GRID, AT, lambda x: x[:7, 0]),
        ValueError,
        "boundary must have shape (25",
    ),
    (lambda: m4dl.Schrodinger(GRID, AT, np.nan), ValueError, "boundary must be finite, got nan"),
    (lambda: m4dl.Darcy(GRID, AT, np.zeros(3)), ValueError, "source must have shape (25"),
    (lambda: m4dl.Darcy(GRID, AT, np.inf), ValueError, "source must be finite, got inf"),
    (
        lambda: m4dl.Schrodinger(GRID, AT, at="cells"),
        ValueError,
        "at must be one of 'nodes', 'interior', got 'cells'",
    ),
    (
        lambda: m4dl.Darcy(GRID, AT, at="interior"),
        ValueError,
        "at must be one of 'nodes', 'cells', got 'interior'",
    ),
    (
        lambda: m4dl.Darcy(GRID, AT, link="log"),
        ValueError,
        "link must be one of 'exp', 'identity', 'softplus', got 'log'",
    ),
    (lambda: m4dl.Darcy(GRID, AT, floor=-1), ValueError, "floor must not be negative, got -1.0"),
    (
        lambda: m4dl.Darcy(GRID, AT, floor=0.1, link="identity"),
        ValueError,
        "floor has no meaning for link='identity', got 0.1",
    ),
    (
        lambda: m4dl.Schrodinger(m4dl.Grid((1, 4)), AT),
        ValueError,
        "grid must have at least 2 cells along each axis, got (1, 4)",
    ),
    (
        lambda: m4dl.Darcy(GRID, AT, blocks=(3, 2)),
        ValueError,
        "blocks must divide the cells (4, 4), got (3, 2)",
    ),
    (
        lambda: m4dl.Darcy(GRID, AT, blocks=(2,)),
        ValueError,
        "blocks must divide the cells (4, 4), got (2,)",
    ),
    (
        lambda: m4dl.Darcy(GRID, AT, blocks=2),
        ValueError,
        "blocks must divide the cells (4, 4), got 2",
    ),
    (
        lambda: m4dl.Darcy(GRID, AT, blocks=(2, 2.0)),
        TypeError,
        "blocks must be an integer, got 2.0",
    ),
    (
        lambda: m4dl.Darcy(CROSS, AT, blocks=(2, 2)),
        ValueError,
        "blocks need a Grid, got blocks=(2, 2) with TriangleMesh(5 points, 4 cells)",
    ),
    (lambda: m4dl.LinearModel(Z3), ValueError, "matrix must have shape (any, any), got (3,)"),
    (
        lambda: m4dl.LinearModel(np.zeros((0, 3))),
        ValueError,
        "matrix must not be empty, got shape (0, 3)",
    ),
    (
        lambda: m4dl.LinearModel(sp.csr_array([[np.inf]])),
        ValueError,
        "matrix must be finite, got inf",
    ),
    (
        lambda: m4dl.PythonModel(3, parameters=1, outputs=1),
        TypeError,
        "forward must be callable, got",
    ),
    (lambda: python(gradient=3), TypeError, "gradient must be callable, got int"),
    (lambda: python(batched=1), TypeError, "batched must be True or False, got 1"),
    (lambda: python(parameters=0), ValueError, "parameters must be at least 1, got 0"),
    (lambda: python(outputs=1.5), TypeError, "outputs must be an integer, got 1.5"),
    (
        lambda: affine(load=np.zeros((2, 2, 2))),
        ValueError,
        "load must have shape (n,) or (n, R), got (2, 2, 2)",
    ),
    (lambda: affine(observe=EYE3), ValueError, "observe must have shape (any, 2), got (3, 3)"),
    (
        lambda: affine(observe=sp.csr_array((0, 2))),
        ValueError,
        "observe must have at least one row, got (0, 2)",
    ),
    (lambda: affine(terms=[EYE2, EYE3]), ValueError, "terms[1] must have shape (2, 2), got (3, 3)"),
    (lambda: affine(terms=[]), ValueError, "terms must hold at least one matrix, got none"),
    (
        lambda: affine(terms=[UPPER]),
        ValueError,
        "terms[0] must be symmetric, got an asymmetry of 2",
    ),
    (
        lambda: affine(terms=sp.csr_array([[1.0], [2.0], [0.0], [1.0]])),
        ValueError,
        "terms must be symmetric matrices, got an asymmetry of 2",
    ),
    (
        lambda: affine(constant=UPPER),
        ValueError,
        "constant must be symmetric, got an asymmetry of 2",
    ),
    (
        lambda: affine(constant=sp.diags_array([np.nan, 1.0])),
        ValueError,
        "constant must be finite, got nan",
    ),
    (lambda: affine(offset=[1.0]), ValueError, "offset must have shape (2, 1), got (1,)"),
    (lambda: affine(load_terms=EYE2), ValueError, "load_terms must have shape (2, 1), got (2, 2)"),
    (
        lambda: affine(coordinates=np.zeros((3, 2))),
        ValueError,
        "coordinates must have shape (2, any), got (3, 2)",
    ),
    (
        lambda: affine(domain=GRID, at="nodes"),
        ValueError,
        "domain must have 1 values at 'nodes', as theta has, got 25",
    ),
    (
        lambda: affine(domain=GRID),
        ValueError,
        "domain and at belong together, got domain=Grid((4, 4)) and at=None",
    ),
    (lambda: linear()(Z2), ValueError, "theta must have shape (..., 3), got (2,)"),
    (lambda: linear()(0.0), ValueError, "theta must have shape (..., 3), got ()"),
    (
        lambda: linear()([[0, 0, 0], [0, np.nan, 0]]),
        ValueError,
        "theta must be finite, got nan at index (1, 1) (1 such values)",
    ),
    (lambda: linear()("abc"), TypeError, "theta must be an array of numbers, got 'abc'"),
    (lambda: linear().forward(Z3, -1), ValueError, "threads must be at least 0, got -1"),
    (
        lambda: linear().pull(Z3, Z2),
        ValueError,
        "sensitivity must have shape (..., 3), got (2,)",
    ),
    (lambda: linear().push(Z3, Z2), ValueError, "tangent must have shape (..., 3), got (2,)"),
    (
        lambda: linear().pull(np.zeros((2, 3)), np.zeros((3, 3))),
        ValueError,
        "theta and sensitivity must have the same batch shape, got (2,), (3,)",
    ),
    (lambda: python().pull(Z3, Z3), ValueError, "this model has no pull (gradient)"),
    (lambda: python().push(Z3, Z3), ValueError, "this model has no push (tangent)"),
]


@cases(MODELS)
def test_models(call: Any, error: Any, message: str) -> None:
    check(call, error, message)


PRIORS: list[Case] = [
    (lambda: m4dl.MaternPrior(GRID, std=0), ValueError, "std must be positive, got 0.0"),
    (lambda: m4dl.MaternPrior(GRID, std="1"), TypeError, "std must be a number, got '1'"),
    (lambda: m4dl.MaternPrior(GRID, length=-1), ValueError, "length must be positive, got -1.0"),
    (
        lambda: m4dl.MaternPrior(GRID, smoothness=1.5),
        ValueError,
        "smoothness must be one of 1, 2, 3, ... in 2 dimension(s), got 1.5",
    ),
    (
        lambda: m4dl.MaternPrior(m4dl.Grid((4,)), smoothness=1),
        ValueError,
        "smoothness must be one of 0.5, 1.5, 2.5, ... in 1 dimension(s), got 1",
    ),
    (
        lambda: m4dl.MaternPrior(CROSS, at="cells"),
        ValueError,
        "at must be one of 'nodes', got 'cells'",
    ),
    (
        lambda: m4dl.MaternPrior(GRID, boundary="dirichlet"),
        ValueError,
        "boundary must be one of 'corrected', 'neumann', got 'dirichlet'",
    ),
    (lambda: m4dl.MaternPrior(GRID, mean=Z3), ValueError, "mean must have shape (25"),
    (lambda: m4dl.MaternPrior(GRID, mean=np.nan), ValueError, "mean must be finite, got nan"),
    (
        lambda: m4dl.MaternPrior((4, 4)),
        TypeError,
        "mesh must be a Grid or a TriangleMesh, got tuple",
    ),
    (
        lambda: m4dl.MaternPrior(m4dl.Grid((1, 1)), at="interior"),
        ValueError,
        "mesh must have nodes in its interior, got Grid((1, 1))",
    ),
    (
        lambda: m4dl.SeriesPrior(GRID, modes=10, alpha=2.0),
        ValueError,
        "modes must be at most 9 on this mesh, got 10",
    ),
    (
        lambda: m4dl.SeriesPrior(GRID, modes=2.5, alpha=2.0),
        TypeError,
        "modes must be an integer, got 2.5",
    ),
    (
        lambda: m4dl.SeriesPrior(GRID, modes=2, alpha=1.0),
        ValueError,
        "alpha must exceed d/2 = 1, got 1",
    ),
    (
        lambda: m4dl.SeriesPrior(GRID, modes=2, alpha=2.0, std=-1),
        ValueError,
        "std must be positive, got -1.0",
    ),
    (
        lambda: m4dl.GaussianPrior(0.0, 1.0),
        ValueError,
        "mean or cov must be an array, to say how many parameters there are",
    ),
    (
        lambda: m4dl.GaussianPrior(Z3, np.eye(2)),
        ValueError,
        "cov must have shape (3, 3), got (2, 2)",
    ),
    (lambda: m4dl.GaussianPrior(Z3, [1.0, 1.0]), ValueError, "cov must have shape (3,), got (2,)"),
    (
        lambda: m4dl.GaussianPrior(np.zeros((2, 2)), 1.0),
        ValueError,
        "mean must have shape (D,) and cov (D,) or (D, D), got (2, 2) and ()",
    ),
    (
        lambda: m4dl.GaussianPrior(Z2, [[1.0, 0.5], [0.0, 1.0]]),
        ValueError,
        "cov must be symmetric, got an asymmetry of 0.5",
    ),
    (
        lambda: m4dl.GaussianPrior(Z2, [[1.0, 2.0], [2.0, 1.0]]),
        ValueError,
        "cov must be positive definite, its smallest eigenvalue is -1",
    ),
    (lambda: m4dl.GaussianPrior(Z2, [1.0, -1.0]), ValueError, "cov must be positive, got -1.0"),
    (
        lambda: m4dl.GaussianPrior([0.0, np.nan], 1.0),
        ValueError,
        "mean must be finite, got nan at index (1,) (1 such values)",
    ),
    (
        lambda: m4dl.GaussianPrior(np.zeros(0), 1.0),
        ValueError,
        "mean and cov must not be empty, got no parameters",
    ),
    (
        lambda: m4dl.GaussianPrior(Z3, 1.0, domain=GRID, at="cells"),
        ValueError,
        "domain must have 3 values at 'cells', as theta has, got 16",
    ),
    (
        lambda: m4dl.SparsePrior(np.eye(3)),
        TypeError,
        "A must be a square sparse matrix, got ndarray",
    ),
    (lambda: m4dl.SparsePrior(UPPER), ValueError, "A must be symmetric, got an asymmetry of 2"),
    (
        lambda: m4dl.SparsePrior(sp.csr_array([[1.0, 2.0], [2.0, 1.0]])),
        ValueError,
        "A must be positive definite",
    ),
    (lambda: m4dl.SparsePrior(EYE2, EYE3), ValueError, "D must have shape (2, any), got (3, 3)"),
    (
        lambda: m4dl.SparsePrior(EYE2, sp.csr_array((2, 0))),
        ValueError,
        "D must have at least one column, got shape (2, 0)",
    ),
    (lambda: m4dl.SparsePrior(EYE2, mean=Z3), ValueError, "mean must have shape (2"),
    (lambda: prior().push(np.zeros(4)), ValueError, "xi must have shape (..., 3), got (4,)"),
    (lambda: prior().pull(Z3, Z2), ValueError, "dtheta must have shape (..., 3), got (2,)"),
    (lambda: prior().tangent(Z3, Z2), ValueError, "dxi must have shape (..., 3), got (2,)"),
    (
        lambda: prior().pull(np.zeros((2, 3)), Z3),
        ValueError,
        "xi and dtheta must have the same batch shape, got (2,), ()",
    ),
    (lambda: prior().draw(0, 1), ValueError, "count must be at least 1, got 0"),
    (
        lambda: prior().draw(1, 2**64),
        ValueError,
        "seed must be below 2**64, got 18446744073709551616",
    ),
    (lambda: m4dl.rescale_for(0, 3.0, 1, 2), ValueError, "N must be positive, got 0.0"),
    (lambda: m4dl.rescale_for(9, 3.0, -1, 2), ValueError, "kappa must not be negative, got -1.0"),
    (lambda: m4dl.rescale_for(9, 3.0, 1, 2.5), TypeError, "d must be an integer, got 2.5"),
    (
        lambda: m4dl.rescale_for(9, 3.0, 1, 2, multiple=0),
        ValueError,
        "multiple must be positive, got 0.0",
    ),
]


@cases(PRIORS)
def test_priors(call: Any, error: Any, message: str) -> None:
    check(call, error, message)


POSTERIORS: list[Case] = [
    (lambda: m4dl.GaussianNoise(0.0), ValueError, "std must be positive, got 0.0"),
    (lambda: m4dl.GaussianNoise([1.0, -2.0]), ValueError, "std must be positive, got -2.0"),
    (lambda: m4dl.GaussianNoise(np.nan), ValueError, "std must be finite, got nan"),
    (
        lambda: m4dl.GaussianNoise(np.ones((2, 2))),
        ValueError,
        "std must be a number or a vector, got shape (2, 2)",
    ),
    (
        lambda: posterior(noise=m4dl.GaussianNoise([1.0, 1.0])),
        ValueError,
        "std must be a number or have shape (3,), got (2,)",
    ),
    (lambda: posterior(noise=1.0), TypeError, "noise must be a m4dl GaussianNoise, got float"),
    (lambda: posterior(model=np.eye(3)), TypeError, "model must be a m4dl Model, got ndarray"),
    (lambda: posterior(prior=np.eye(3)), TypeError, "prior must be a m4dl Prior, got ndarray"),
    (
        lambda: posterior(prior=prior(4)),
        ValueError,
        "prior must have the model's 3 parameters, got 4",
    ),
    (lambda: posterior(data=np.zeros(4)), ValueError, "data must have shape (3"),
    (
        lambda: posterior(data=[0.0, np.nan, np.nan]),
        ValueError,
        "data must be finite, got nan at index (1,) (2 such values)",
    ),
    (
        lambda: posterior(data=[0.0, 0.0, -np.inf]),
        ValueError,
        "data must be finite, got -inf at index (2,) (1 such values)",
    ),
    (
        lambda: posterior().potential(np.zeros(4)),
        ValueError,
        "xi must have shape (..., 3), got (4,)",
    ),
    (
        lambda: posterior().gauss_newton(Z3, Z2),
        ValueError,
        "dxi must have shape (..., 3), got (2,)",
    ),
    (
        lambda: posterior(model=python()).gradient(Z3),
        ValueError,
        "PythonModel was given no gradient",
    ),
    (
        lambda: posterior(model=python(gradient=lambda t, w: w)).gauss_newton(Z3, Z3),
        ValueError,
        "PythonModel has no tangent",
    ),
]


@cases(POSTERIORS)
def test_posteriors(call: Any, error: Any, message: str) -> None:
    check(call, error, message)


def sample(kernel: Any, **options: Any) -> Any:
    target = options.pop("posterior", None) or posterior()
    settings = {"draws": 3, "seed": 1, "progress": False}
    return m4dl.sample(target, kernel, **(settings | options))


KERNELS: list[Case] = [
    (lambda: m4dl.PCN(beta=0), ValueError, "beta must be in (0, 1], got 0.0"),
    (lambda: m4dl.PCN(beta=-0.1), ValueError, "beta must be in (0, 1], got -0.1"),
    (lambda: m4dl.PCN(beta=1.5), ValueError, "beta must be in (0, 1], got 1.5"),
    (lambda: m4dl.PCN(beta=np.nan), ValueError, "beta must be finite, got nan"),
    (lambda: m4dl.PCN(target=1.0), ValueError, "target must be in (0, 1), got 1.0"),
    (lambda: m4dl.PCN(adapt="yes"), TypeError, "adapt must be True or False, got 'yes'"),
    (
        lambda: m4dl.PCN(metric=[1, 2]),
        TypeError,
        "metric must be a DiagonalMetric or None, got list",
    ),
    (lambda: m4dl.MALA(step_size=0), ValueError, "step_size must be positive, got 0.0"),
    (lambda: m4dl.MALA(step_size=np.inf), ValueError, "step_size must be finite, got inf"),
    (lambda: m4dl.ULA(step_size=-1), ValueError, "step_size must be positive, got -1.0"),
    (lambda: m4dl.DiagonalMetric([1.0, 0.0]), ValueError, "variance must be positive, got 0.0"),
    (
        lambda: m4dl.DiagonalMetric(np.eye(2)),
        ValueError,
        "variance must have shape (any), got (2, 2)",
    ),
    (
        lambda: sample(m4dl.PCN(metric=m4dl.DiagonalMetric(np.ones(2)))),
        ValueError,
        "metric must have shape (3",
    ),
    (
        lambda: sample(m4dl.MALA(), posterior=posterior(model=python())),
        ValueError,
        "MALA needs a gradient, and the model has none; use PCN",
    ),
    (
        lambda: sample(m4dl.ULA(0.1), posterior=posterior(model=python())),
        ValueError,
        "ULA needs a gradient, and the model has none; use PCN",
    ),
]


@cases(KERNELS)
def test_kernels(call: Any, error: Any, message: str) -> None:
    check(call, error, message)


@pytest.mark.parametrize(
    "call",
    [
        lambda: m4dl.Grid((4, 4), size=3),
        lambda: m4dl.TriangleMesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], size=3),
        lambda: m4dl.Darcy(GRID, AT, size=3),
        lambda: m4dl.Schrodinger(GRID, AT, size=3),
        lambda: affine(size=3),
        lambda: m4dl.LinearModel(np.eye(3), size=3),
        lambda: python(size=3),
        lambda: m4dl.MaternPrior(GRID, size=3),
        lambda: m4dl.SeriesPrior(GRID, modes=2, alpha=2.0, size=3),
        lambda: m4dl.GaussianPrior(Z3, 1.0, size=3),
        lambda: m4dl.SparsePrior(EYE2, size=3),
        lambda: m4dl.GaussianNoise(1.0, size=3),
        lambda: posterior(size=3),
        lambda: m4dl.DiagonalMetric([1.0], size=3),
        lambda: m4dl.PCN(size=3),
        lambda: m4dl.MALA(size=3),
        lambda: m4dl.ULA(0.1, size=3),
        lambda: m4dl.rescale_for(1, 3.0, 1, 2, size=3),
        lambda: sample(m4dl.PCN(), size=3),
    ],
)
def test_unknown_options_are_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'size'"):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: m4dl.LinearModel(np.eye(2) * 1j), "matrix must be an array of numbers"),
        (lambda: posterior(data=[1j, 0.0, 0.0]), "data must be an array of numbers"),
        (lambda: m4dl.LinearModel(sp.eye_array(2) * 1j), "matrix must hold real numbers"),
    ],
)
def test_complex_numbers_are_refused(call: Callable[[], Any], message: str) -> None:
    """An imaginary part is not dropped in silence."""
    with pytest.raises(TypeError, match=message):
        call()


def raising(chain: int) -> Callable[[Array], Array]:
    """Works, until the first component is that of the given chain's start."""

    def solve_the_equation(theta: Array) -> Array:
        if (theta[..., 0] == chain).any():
            raise ZeroDivisionError("no bread left")
        return theta

    return solve_the_equation


@pytest.mark.parametrize(
    ("batched", "note"),
    [
        (False, "raised by the model's forward function for chain 9"),
        (True, "raised by the model's forward function for chains 8 to 10"),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_python_model_that_raises(batched: bool, note: str, threads: int) -> None:
    """Its own exception with its own traceback, and a note that names the chain."""
    start = np.zeros((11, 3))
    start[:, 0] = np.arange(11)
    target = posterior(model=python(raising(9), batched=batched))
    with pytest.raises(ZeroDivisionError, match="no bread left") as caught:
        sample(m4dl.PCN(), posterior=target, chains=11, start=start, threads=threads)
    assert caught.value.__notes__ == [note]
    assert caught.traceback[-1].name == "solve_the_equation"


def test_a_python_model_that_raises_later_on() -> None:
    """After some iterations, in the gradient; the run then refuses to go on half done."""
    calls = []

    def gradient(theta: Array, w: Array) -> Array:
        calls.append(theta)
        if len(calls) == 20:
            raise KeyError("lost")
        return w

    target = posterior(model=python(gradient=gradient))
    run = m4dl.MALA(step_size=0.1).start(target.core, 2, 1, np.zeros((2, 3)), 1)
    state = run.state()
    with pytest.raises(KeyError, match="lost") as caught:
        run.advance(100)
    assert caught.value.__notes__ == ["raised by the model's gradient function for chain 1"]
    with pytest.raises(ValueError, match="stopped in the middle of a step: restore a state first"):
        run.advance(1)
    run.restore(state)
    run.advance(5)
    assert run.iteration == 5


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (python(lambda t: t[:2]), "forward must return shape (3,), got (2,)"),
        (python(lambda t: t[0], batched=True), "forward must return shape (1, 3), got (3,)"),
        (python(lambda t: None), "forward must return shape (3,), got ()"),
    ],
)
def test_a_python_model_of_the_wrong_shape(model: m4dl.PythonModel, message: str) -> None:
    check(lambda: model(Z3), ValueError, message)
    check(lambda: posterior(model=model).potential(Z3), ValueError, message)


def test_a_gradient_of_the_wrong_shape() -> None:
    model = python(gradient=lambda t, w: w[:1])
    check(lambda: model.pull(Z3, Z3), ValueError, "gradient must return shape (3,), got (1,)")


def test_a_python_model_that_returns_no_numbers() -> None:
    with pytest.raises(ValueError, match="could not convert string to float: 'abc'") as caught:
        python(lambda t: "abc")(Z3)
    assert caught.value.__notes__ == ["raised by the model's forward function for chain 0"]


@pytest.mark.parametrize("kernel", [m4dl.PCN(), m4dl.MALA(), m4dl.ULA(0.1)])
def test_a_start_that_is_not_finite(kernel: Any) -> None:
    model = python(lambda t: np.where(t > 2.0, np.nan, t), lambda t, w: w)
    start = np.zeros((4, 3))
    start[[1, 3], 0] = 5.0
    check(
        lambda: sample(kernel, posterior=posterior(model=model), start=start),
        ValueError,
        "the potential is not finite at the start of chain 1, 3: ",
    )


@pytest.mark.parametrize("kernel", [m4dl.MALA(), m4dl.ULA(0.1)])
def test_a_gradient_that_is_not_finite_at_the_start(kernel: Any) -> None:
    model = python(gradient=lambda t, w: np.full(3, np.inf))
    check(
        lambda: sample(kernel, posterior=posterior(model=model), chains=2),
        ValueError,
        "the potential is not finite at the start of chain 0, 1: ",
    )
