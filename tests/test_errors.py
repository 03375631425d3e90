"""Bad input: the message names the argument and holds what was given. Nothing is ever ignored."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
import scipy.sparse as sp
from m4dl.kernels import DiagonalMetric, LowRankMetric
from m4dl.priors import contraction_rate, rescale_for

GRID = m4dl.Grid((4, 4))
AT = [[0.5, 0.5]]
CROSS = m4dl.TriangleMesh(
    [[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]], [[0, 1, 4], [1, 3, 4], [3, 2, 4], [2, 0, 4]]
)
CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
KUHN = m4dl.TetrahedronMesh.box((2, 2, 2))
INSIDE = [[0.5, 0.5, 0.5]]
EYE2, EYE3 = sp.eye_array(2), sp.eye_array(3)
UPPER = sp.csr_array([[1.0, 2.0], [0.0, 1.0]])
Z2, Z3 = np.zeros(2), np.zeros(3)

Case = tuple[Callable[[], Any], type[Exception], str]
VALUE, TYPE = ValueError, TypeError


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


def sample(kernel: Any, **options: Any) -> Any:
    target = options.pop("posterior", None) or posterior()
    settings = {"draws": 3, "seed": 1, "progress": False}
    return m4dl.sample(target, kernel, **(settings | options))


# fmt: off
MESHES: list[Case] = [
    (lambda: m4dl.Grid(()), VALUE, "cells must be a sequence of one to three integers, got ()"),
    (lambda: m4dl.Grid((1, 2, 3, 4)), VALUE,
     "cells must be a sequence of one to three integers, got (1, 2, 3, 4)"),
    (lambda: m4dl.Grid(4), TYPE, "cells must be a sequence of one to three integers, got 4"),
    (lambda: m4dl.Grid((4.0, 4)), TYPE, "cells[0] must be an integer, got 4.0"),
    (lambda: m4dl.Grid((4, 0)), VALUE, "cells[1] must be at least 1, got 0"),
    (lambda: m4dl.Grid((4, 4), [(0, 1)]), VALUE, "extent must have 2 intervals, got [(0, 1)]"),
    (lambda: m4dl.Grid((4,), 3), TYPE, "extent must be a sequence of (low, high), got 3"),
    (lambda: m4dl.Grid((4,), [3]), VALUE, "extent[0] must be (low, high), got 3"),
    (lambda: m4dl.Grid((4,), [(1, 1)]), VALUE, "extent[0] must have low < high, got (1.0, 1.0)"),
    (lambda: m4dl.Grid((4,), [(0, np.nan)]), VALUE, "extent[0] must be finite, got nan"),
    (lambda: GRID.shape_of("faces"), VALUE,
     "at must be one of 'nodes', 'interior', 'cells', got 'faces'"),
    (lambda: m4dl.TriangleMesh([[0, 0, 0, 0]], [[0, 1, 2]]), VALUE,
     "points must have shape (any, 2), got (1, 4)"),
    (lambda: m4dl.TriangleMesh([[0, 0], [1, 0], [0, np.inf]], [[0, 1, 2]]), VALUE,
     "points must be finite, got inf at index (2, 1) (1 such values)"),
    (lambda: m4dl.TriangleMesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 3]]), VALUE,
     "cells must index the 3 points, got 3 in cell 0"),
    (lambda: m4dl.TriangleMesh([[0, 0], [1, 0], [0, 1]], [[0.0, 1, 2]]), VALUE,
     "cells must be integers of shape (any, 3), got float64 of shape (1, 3)"),
    (lambda: m4dl.TriangleMesh([[0, 0], [1, 0], [2, 0]], [[0, 1, 2]]), VALUE,
     "cells must not be degenerate, got cell 0 of area 0"),
    (lambda: m4dl.TriangleMesh([[0, 0], [1, 0], [0, 1], [5, 5]], [[0, 1, 2]]), VALUE,
     "every point must belong to a cell, point 3 does not"),
    (lambda: m4dl.TriangleMesh.rectangle((2, 2, 2)), VALUE,
     "cells must have 2 entries, got (2, 2, 2)"),
    (lambda: m4dl.TriangleMesh.rectangle((2, 0)), VALUE, "cells[1] must be at least 1, got 0"),
    (lambda: m4dl.TetrahedronMesh(CORNERS[:, :2], [[0, 1, 2, 3]]), VALUE,
     "points must have shape (any, 3), got (4, 2)"),
    (lambda: m4dl.TetrahedronMesh(CORNERS * np.nan, [[0, 1, 2, 3]]), VALUE,
     "points must be finite, got nan at index (0, 0) (12 such values)"),
    (lambda: m4dl.TetrahedronMesh(CORNERS, [[0, 1, 2]]), VALUE,
     "cells must be integers of shape (any, 4), got int64 of shape (1, 3)"),
    (lambda: m4dl.TetrahedronMesh(CORNERS, [[0, 1, 2, 3.0]]), VALUE,
     "cells must be integers of shape (any, 4), got float64 of shape (1, 4)"),
    (lambda: m4dl.TetrahedronMesh(CORNERS, 3), VALUE,
     "cells must be integers of shape (any, 4), got int64 of shape ()"),
    (lambda: m4dl.TetrahedronMesh(CORNERS, [[0, 1, 2, 4]]), VALUE,
     "cells must index the 4 points, got 4 in cell 0"),
    (lambda: m4dl.TetrahedronMesh(CORNERS, [[0, 1, 2, 3], [0, -1, 2, 3]]), VALUE,
     "cells must index the 4 points, got -1 in cell 1"),
    (lambda: m4dl.TetrahedronMesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], [[0, 1, 2, 3]]),
     VALUE, "cells must not be degenerate, got cell 0 of volume 0"),
    (lambda: m4dl.TetrahedronMesh(CORNERS, [[0, 1, 2, 3], [0, 1, 1, 3]]), VALUE,
     "cells must not be degenerate, got cell 1 of volume 0"),
    (lambda: m4dl.TetrahedronMesh(np.vstack([CORNERS, CORNERS[:1]]), [[0, 1, 2, 3]]), VALUE,
     "every point must belong to a cell, point 4 does not"),
    (lambda: m4dl.TetrahedronMesh.box((2, 2)), VALUE, "cells must have 3 entries, got (2, 2)"),
    (lambda: m4dl.TetrahedronMesh.box((2, 2, 2), [(0, 1)]), VALUE,
     "extent must have 3 intervals, got [(0, 1)]"),
    (lambda: KUHN.shape_of("interior"), VALUE, "at must be one of 'nodes', 'cells', got"),
]

MODELS: list[Case] = [
    (lambda: m4dl.Darcy(3, AT), TYPE,
     "mesh must be a Grid, a TriangleMesh or a TetrahedronMesh, got int"),
    (lambda: m4dl.Darcy(GRID, [0.5, 0.5]), VALUE, "points must have shape (any, 2), got (2,)"),
    (lambda: m4dl.Darcy(GRID, [[0.5, 0.5], [0.5, 1.5]]), VALUE,
     "points: row 1 (0.5, 1.5) lies outside the domain"),
    (lambda: m4dl.Schrodinger(CROSS, [[0.5, 0.5], [1.2, 1.0]]), VALUE,
     "points: row 1 (1.2"),
    (lambda: m4dl.Darcy(CROSS, [[-0.1, 0.5]]), VALUE,
     "points: row 0 (-0.1"),
    (lambda: m4dl.Schrodinger(KUHN, [*INSIDE, [0.5, 0.5, 1.01]]), VALUE,
     "points: row 1 (0.5, 0.5, 1.01) lies outside the domain"),
    (lambda: m4dl.Schrodinger(KUHN, AT), VALUE, "points must have shape (any, 3), got (1, 2)"),
    (lambda: m4dl.Schrodinger(KUHN, INSIDE, np.zeros(7)), VALUE,
     "boundary must have shape (27,), got (7,)"),
    (lambda: m4dl.Schrodinger(KUHN, INSIDE, at="interior"), VALUE,
     "at must be one of 'nodes', got 'interior'"),
    (lambda: m4dl.Schrodinger(m4dl.TetrahedronMesh.box((1, 4, 4)), INSIDE), VALUE,
     "the mesh has no node inside the domain"),
    (lambda: m4dl.Darcy(KUHN, INSIDE, blocks=(2, 2, 2)), VALUE,
     "blocks need a Grid, got blocks=(2, 2, 2) with TetrahedronMesh(27 points, 48 cells)"),
    (lambda: m4dl.Darcy(GRID, [[0.5, np.nan]]), VALUE,
     "points must be finite, got nan at index (0, 1) (1 such values)"),
    (lambda: m4dl.Darcy(GRID, np.zeros((0, 2))), VALUE,
     "points must hold at least one point, got none"),
    (lambda: m4dl.Schrodinger(GRID, AT, np.zeros(7)), VALUE,
     "boundary must have shape (25,), got (7,)"),
    (lambda: m4dl.Schrodinger(GRID, AT, lambda x: x[:7, 0]), VALUE,
     "boundary must have shape (25,), got (7,)"),
    (lambda: m4dl.Schrodinger(GRID, AT, np.nan), VALUE, "boundary must be finite, got nan"),
    (lambda: m4dl.Darcy(GRID, AT, np.zeros(3)), VALUE, "source must have shape (25,), got (3,)"),
    (lambda: m4dl.Darcy(GRID, AT, np.inf), VALUE, "source must be finite, got inf"),
    (lambda: m4dl.Schrodinger(GRID, AT, at="cells"), VALUE,
     "at must be one of 'nodes', 'interior', got 'cells'"),
    (lambda: m4dl.Darcy(GRID, AT, at="interior"), VALUE,
     "at must be one of 'nodes', 'cells', got 'interior'"),
    (lambda: m4dl.Darcy(GRID, AT, link="log"), VALUE,
     "link must be one of 'exp', 'identity', 'softplus', got 'log'"),
    (lambda: m4dl.Darcy(GRID, AT, floor=-1), VALUE, "floor must not be negative, got -1.0"),
    (lambda: m4dl.Darcy(GRID, AT, floor=0.1, link="identity"), VALUE,
     "floor has no meaning for link='identity', got 0.1"),
    (lambda: m4dl.Schrodinger(m4dl.Grid((1, 4)), AT), VALUE,
     "grid must have at least 2 cells along each axis, got (1, 4)"),
    (lambda: m4dl.Darcy(GRID, AT, blocks=(3, 2)), VALUE,
     "blocks must divide the cells (4, 4), got (3, 2)"),
    (lambda: m4dl.Darcy(GRID, AT, blocks=(2,)), VALUE,
     "blocks must divide the cells (4, 4), got (2,)"),
    (lambda: m4dl.Darcy(GRID, AT, blocks=2), VALUE, "blocks must divide the cells (4, 4), got 2"),
    (lambda: m4dl.Darcy(GRID, AT, blocks=(2, 2.0)), TYPE, "blocks must be an integer, got 2.0"),
    (lambda: m4dl.Darcy(CROSS, AT, blocks=(2, 2)), VALUE,
     "blocks need a Grid, got blocks=(2, 2) with TriangleMesh(5 points, 4 cells)"),
    (lambda: m4dl.LinearModel(Z3), VALUE, "matrix must have shape (any, any), got (3,)"),
    (lambda: m4dl.LinearModel(np.zeros((0, 3))), VALUE,
     "matrix must not be empty, got shape (0, 3)"),
    (lambda: m4dl.LinearModel(sp.csr_array([[np.inf]])), VALUE, "matrix must be finite, got inf"),
    (lambda: m4dl.PythonModel(3, parameters=1, outputs=1), TYPE,
     "forward must be callable, got int"),
    (lambda: python(gradient=3), TYPE, "gradient must be callable, got int"),
    (lambda: python(batched=1), TYPE, "batched must be True or False, got 1"),
    (lambda: python(parameters=0), VALUE, "parameters must be at least 1, got 0"),
    (lambda: python(outputs=1.5), TYPE, "outputs must be an integer, got 1.5"),
    (lambda: affine(load=np.zeros((2, 2, 2))), VALUE,
     "load must have shape (n,) or (n, R), got (2, 2, 2)"),
    (lambda: affine(observe=EYE3), VALUE, "observe must have shape (any, 2), got (3, 3)"),
    (lambda: affine(observe=sp.csr_array((0, 2))), VALUE,
     "observe must have at least one row, got (0, 2)"),
    (lambda: affine(terms=[EYE2, EYE3]), VALUE, "terms[1] must have shape (2, 2), got (3, 3)"),
    (lambda: affine(terms=[]), VALUE, "terms must hold at least one matrix, got none"),
    (lambda: affine(terms=[UPPER]), VALUE, "terms[0] must be symmetric, got an asymmetry of 2"),
    (lambda: affine(terms=sp.csr_array([[1.0], [2.0], [0.0], [1.0]])), VALUE,
     "terms must be symmetric matrices, got an asymmetry of 2"),
    (lambda: affine(constant=UPPER), VALUE, "constant must be symmetric, got an asymmetry of 2"),
    (lambda: affine(constant=sp.diags_array([np.nan, 1.0])), VALUE,
     "constant must be finite, got nan"),
    (lambda: affine(offset=[1.0]), VALUE, "offset must have shape (2, 1), got (1,)"),
    (lambda: affine(load_terms=EYE2), VALUE, "load_terms must have shape (2, 1), got (2, 2)"),
    (lambda: affine(coordinates=np.zeros((3, 2))), VALUE,
     "coordinates must have shape (2, any), got (3, 2)"),
    (lambda: affine(domain=GRID, at="nodes"), VALUE,
     "domain must have 1 values at 'nodes', as theta has, got 25"),
    (lambda: affine(domain=GRID), VALUE,
     "domain and at belong together, got domain=Grid((4, 4)) and at=None"),
    (lambda: linear()(Z2), VALUE, "theta must have shape (..., 3), got (2,)"),
    (lambda: linear()(0.0), VALUE, "theta must have shape (..., 3), got ()"),
    (lambda: linear()([[0, 0, 0], [0, np.nan, 0]]), VALUE,
     "theta must be finite, got nan at index (1, 1) (1 such values)"),
    (lambda: linear()("abc"), TYPE, "theta must be an array of real numbers, got 'abc'"),
    (lambda: linear().forward(Z3, -1), VALUE, "threads must be at least 0, got -1"),
    (lambda: linear().pull(Z3, Z2), VALUE, "sensitivity must have shape (..., 3), got (2,)"),
    (lambda: linear().push(Z3, Z2), VALUE, "tangent must have shape (..., 3), got (2,)"),
    (lambda: linear().pull(np.zeros((2, 3)), np.zeros((3, 3))), VALUE,
     "theta and sensitivity must have the same batch shape, got (2,), (3,)"),
    (lambda: python().pull(Z3, Z3), VALUE, "this model has no pull (gradient)"),
    (lambda: python().push(Z3, Z3), VALUE, "this model has no push (tangent)"),
]

PRIORS: list[Case] = [
    (lambda: m4dl.MaternPrior(GRID, std=0), VALUE, "std must be positive, got 0.0"),
    (lambda: m4dl.MaternPrior(GRID, std="1"), TYPE, "std must be a number, got '1'"),
    (lambda: m4dl.MaternPrior(GRID, length=-1), VALUE, "length must be positive, got -1.0"),
    (lambda: m4dl.MaternPrior(GRID, smoothness=0), VALUE, "smoothness must be positive, got 0.0"),
    (lambda: m4dl.MaternPrior(CROSS, smoothness=1.5), VALUE,
     "smoothness must be one of 1, 2, 3, ... in 2 dimension(s), got 1.5"),
    (lambda: m4dl.MaternPrior(KUHN, smoothness=1), VALUE,
      "smoothness must be one of 0.5, 1.5, 2.5, ... in 3 dimension(s), got 1"),
    (lambda: m4dl.MaternPrior(KUHN, at="cells", smoothness=0.5), VALUE,
      "at must be one of 'nodes', got 'cells'"),
    (lambda: m4dl.MaternPrior(CROSS, at="cells"), VALUE, "at must be one of 'nodes', got 'cells'"),
    (lambda: m4dl.MaternPrior(GRID, boundary="dirichlet"), VALUE,
     "boundary must be one of 'corrected', 'neumann', got 'dirichlet'"),
    (lambda: m4dl.InterpolatedPrior(GRID, CROSS), TYPE,
     "prior must be a prior on a Grid, got Grid"),
    (lambda: m4dl.InterpolatedPrior(prior(), CROSS), VALUE,
     "prior must live at the nodes of a Grid, got GaussianPrior"),
    (lambda: m4dl.InterpolatedPrior(m4dl.MaternPrior(GRID, at="cells"), CROSS), VALUE,
     "prior must live at the nodes of a Grid, got MaternPrior"),
    (lambda: m4dl.InterpolatedPrior(m4dl.MaternPrior(GRID), KUHN), VALUE,
     "mesh must have dimension 2, as the grid"),
    (lambda: m4dl.InterpolatedPrior(m4dl.MaternPrior(m4dl.Grid((4, 4), [(0, 0.9), (0, 1)])), CROSS),
     VALUE, "mesh: node 1 (1.0, 0.0) lies outside Grid"),
    (lambda: m4dl.MaternPrior(GRID, mean=Z3), VALUE, "mean must have shape (25,), got (3,)"),
    (lambda: m4dl.MaternPrior(GRID, mean=np.nan), VALUE, "mean must be finite, got nan"),
    (lambda: m4dl.MaternPrior((4, 4)), TYPE,
     "mesh must be a Grid, a TriangleMesh or a TetrahedronMesh, got tuple"),
    (lambda: m4dl.MaternPrior(m4dl.Grid((1, 1)), at="interior"), VALUE,
     "mesh must have nodes in its interior, got Grid((1, 1))"),
    (lambda: m4dl.SeriesPrior(GRID, modes=10, alpha=2.0), VALUE,
     "modes must be at most 9 on this mesh, got 10"),
    (lambda: m4dl.SeriesPrior(GRID, modes=2.5, alpha=2.0), TYPE,
     "modes must be an integer, got 2.5"),
    (lambda: m4dl.SeriesPrior(GRID, modes=2, alpha=1.0), VALUE, "alpha must exceed d/2 = 1, got 1"),
    (lambda: m4dl.SeriesPrior(GRID, modes=2, alpha=2.0, std=-1), VALUE,
     "std must be positive, got -1.0"),
    (lambda: m4dl.GaussianPrior(0.0, 1.0), VALUE,
     "mean or cov must be an array, to say how many parameters there are"),
    (lambda: m4dl.GaussianPrior(Z3, np.eye(2)), VALUE, "cov must have shape (3, 3), got (2, 2)"),
    (lambda: m4dl.GaussianPrior(Z3, [1.0, 1.0]), VALUE, "cov must have shape (3,), got (2,)"),
    (lambda: m4dl.GaussianPrior(np.zeros((2, 2)), 1.0), VALUE,
     "mean must have shape (D,) and cov (D,) or (D, D), got (2, 2) and ()"),
    (lambda: m4dl.GaussianPrior(Z2, [[1.0, 0.5], [0.0, 1.0]]), VALUE,
     "cov must be symmetric, got an asymmetry of 0.5"),
    (lambda: m4dl.GaussianPrior(Z2, [[1.0, 2.0], [2.0, 1.0]]), VALUE,
     "cov must be positive definite, its smallest eigenvalue is -1"),
    (lambda: m4dl.GaussianPrior(Z2, [1.0, -1.0]), VALUE, "cov must be positive, got -1.0"),
    (lambda: m4dl.GaussianPrior([0.0, np.nan], 1.0), VALUE,
     "mean must be finite, got nan at index (1,) (1 such values)"),
    (lambda: m4dl.GaussianPrior(np.zeros(0), 1.0), VALUE,
     "mean and cov must not be empty, got no parameters"),
    (lambda: m4dl.GaussianPrior(Z3, 1.0, domain=GRID, at="cells"), VALUE,
     "domain must have 3 values at 'cells', as theta has, got 16"),
    (lambda: m4dl.SparsePrior(np.eye(3)), TYPE, "A must be a square sparse matrix, got ndarray"),
    (lambda: m4dl.SparsePrior(UPPER), VALUE, "A must be symmetric, got an asymmetry of 2"),
    (lambda: m4dl.SparsePrior(sp.csr_array([[1.0, 2.0], [2.0, 1.0]])), VALUE,
     "A must be positive definite"),
    (lambda: m4dl.SparsePrior(EYE2, EYE3), VALUE, "D must have shape (2, any), got (3, 3)"),
    (lambda: m4dl.SparsePrior(EYE2, sp.csr_array((2, 0))), VALUE,
     "D must have at least one column, got shape (2, 0)"),
    (lambda: m4dl.SparsePrior(EYE2, mean=Z3), VALUE, "mean must have shape (2,), got (3,)"),
    (lambda: prior().push(np.zeros(4)), VALUE, "xi must have shape (..., 3), got (4,)"),
    (lambda: prior().pull(Z3, Z2), VALUE, "dtheta must have shape (..., 3), got (2,)"),
    (lambda: prior().tangent(Z3, Z2), VALUE, "dxi must have shape (..., 3), got (2,)"),
    (lambda: prior().pull(np.zeros((2, 3)), Z3), VALUE,
     "xi and dtheta must have the same batch shape, got (2,), ()"),
    (lambda: prior().draw(0, 1), VALUE, "count must be at least 1, got 0"),
    (lambda: prior().draw(1, 2**64), VALUE, "seed must be below 2**64, got 18446744073709551616"),
    (lambda: rescale_for(0, 3.0, 1, 2), VALUE, "N must be positive, got 0.0"),
    (lambda: rescale_for(9, 3.0, -1, 2), VALUE, "kappa must not be negative, got -1.0"),
    (lambda: rescale_for(9, 3.0, 1, 2.5), TYPE, "d must be an integer, got 2.5"),
    (lambda: contraction_rate(3.0, 1, 2, order=3), VALUE,
     "order must be in [-1, 3), got 3"),
    (lambda: contraction_rate(3.0, -1, 2), VALUE, "kappa must not be negative, got -1.0"),
    (lambda: rescale_for(9, 3.0, 1, 2, multiple=0), VALUE,
     "multiple must be positive, got 0.0"),
]

POSTERIORS: list[Case] = [
    (lambda: m4dl.GaussianNoise(0.0), VALUE, "std must be positive, got 0.0"),
    (lambda: m4dl.GaussianNoise([1.0, -2.0]), VALUE, "std must be positive, got -2.0"),
    (lambda: m4dl.GaussianNoise(np.nan), VALUE,
     "std must be finite, got nan at index () (1 such values)"),
    (lambda: m4dl.GaussianNoise(np.ones((2, 2))), VALUE,
     "std must be a number or a vector, got shape (2, 2)"),
    (lambda: posterior(noise=m4dl.GaussianNoise([1.0, 1.0])), VALUE,
     "std must be a number or have shape (3,), got (2,)"),
    (lambda: posterior(noise=1.0), TYPE, "noise must be a m4dl GaussianNoise, got float"),
    (lambda: posterior(model=np.eye(3)), TYPE, "model must be a m4dl Model, got ndarray"),
    (lambda: posterior(prior=np.eye(3)), TYPE, "prior must be a m4dl Prior, got ndarray"),
    (lambda: posterior(prior=prior(4)), VALUE, "prior must have the model's 3 parameters, got 4"),
    (lambda: posterior(data=np.zeros(4)), VALUE, "data must have shape (3,), got (4,)"),
    (lambda: posterior(data=[0.0, np.nan, np.nan]), VALUE,
     "data must be finite, got nan at index (1,) (2 such values)"),
    (lambda: posterior(data=[0.0, 0.0, -np.inf]), VALUE,
     "data must be finite, got -inf at index (2,) (1 such values)"),
    (lambda: posterior().potential(np.zeros(4)), VALUE, "xi must have shape (..., 3), got (4,)"),
    (lambda: posterior().gauss_newton(Z3, Z2), VALUE, "dxi must have shape (..., 3), got (2,)"),
    (lambda: posterior(model=python()).gradient(Z3), VALUE, "PythonModel was given no gradient"),
    (lambda: posterior(model=python(gradient=lambda t, w: w)).gauss_newton(Z3, Z3), VALUE,
     "PythonModel has no tangent"),
]

KERNELS: list[Case] = [
    (lambda: m4dl.PCN(beta=0), VALUE, "beta must be in (0, 1], got 0.0"),
    (lambda: m4dl.PCN(beta=-0.1), VALUE, "beta must be in (0, 1], got -0.1"),
    (lambda: m4dl.PCN(beta=1.5), VALUE, "beta must be in (0, 1], got 1.5"),
    (lambda: m4dl.PCN(beta=np.nan), VALUE, "beta must be finite, got nan"),
    (lambda: m4dl.PCN(target=1.0), VALUE, "target must be in (0, 1), got 1.0"),
    (lambda: m4dl.PCN(adapt="yes"), TYPE, "adapt must be True or False, got 'yes'"),
    (lambda: m4dl.PCN(metric=[1, 2]), TYPE,
     "metric must be a DiagonalMetric, a LowRankMetric, 'learned' or None, got list"),
    (lambda: m4dl.HMC(metric="lerned"), VALUE,
     "metric must be a metric, 'learned' or None, got 'lerned'"),
    (lambda: m4dl.ULA(0.1, metric="learned"), TYPE,
     "metric must be a DiagonalMetric, a LowRankMetric or None, got str"),
    (lambda: m4dl.MALA(step_size=0), VALUE, "step_size must be positive, got 0.0"),
    (lambda: m4dl.MALA(step_size=np.inf), VALUE, "step_size must be finite, got inf"),
    (lambda: m4dl.ULA(step_size=-1), VALUE, "step_size must be positive, got -1.0"),
    (lambda: DiagonalMetric([1.0, 0.0]), VALUE,
     "variance must be positive, got 0.0: the metric is singular or indefinite"),
    (lambda: DiagonalMetric(np.eye(2)), VALUE, "variance must have shape (any,), got (2, 2)"),
    (lambda: sample(m4dl.PCN(metric=DiagonalMetric(np.ones(2)))), VALUE,
     "metric must have shape (3,), got (2,)"),
    (lambda: LowRankMetric(np.eye(2), np.eye(2), [1.0, 1.0]), VALUE,
     "centre must have shape (any,), got (2, 2)"),
    (lambda: LowRankMetric(Z3, np.eye(2), [1.0, 1.0]), VALUE,
     "basis must have shape (3, any), got (2, 2)"),
    (lambda: LowRankMetric(Z3, np.eye(3)[:, :2], [1.0]), VALUE,
     "variance must have shape (2,), got (1,)"),
    (lambda: LowRankMetric(Z3, np.eye(3)[:, :2], [1.0, -0.5]), VALUE,
     "variance must be positive, got -0.5: the metric is singular or indefinite"),
    (lambda: LowRankMetric(Z3, np.ones((3, 2)), [0.5, 0.5]), VALUE,
     "basis must have orthonormal columns, but basis' basis differs from I by 3"),
    (lambda: LowRankMetric(Z3, np.zeros((3, 4)), np.ones(4)), VALUE,
     "basis must have at most 3 columns, got 4"),
    (lambda: sample(m4dl.MALA(metric=LowRankMetric(Z2, np.eye(2), [0.5, 0.5]))), VALUE,
     "metric must have shape (3,), got (2,)"),
    (lambda: m4dl.MALA(4.1, metric=LowRankMetric(Z2, np.eye(2), [0.5, 0.5])), VALUE,
     "step_size must be at most 4 with a LowRankMetric, got 4.1"),
    (lambda: sample(m4dl.MALA(), posterior=posterior(model=python())), VALUE,
     "MALA needs a gradient, and the model has none; use PCN"),
    (lambda: m4dl.HMC(0), VALUE, "step_size must be in (0, 2], got 0.0"),
    (lambda: m4dl.HMC(2.5), VALUE, "step_size must be in (0, 2], got 2.5"),
    (lambda: m4dl.HMC(trajectory=-1), VALUE, "trajectory must be positive, got -1.0"),
    (lambda: m4dl.HMC(target=0), VALUE, "target must be in (0, 1), got 0.0"),
    (lambda: m4dl.HMC(max_steps=0), VALUE, "max_steps must be at least 1, got 0"),
    (lambda: m4dl.HMC(max_steps=8.0), TYPE, "max_steps must be an integer, got 8.0"),
    (lambda: m4dl.HMC(metric=[1]), TYPE,
     "metric must be a DiagonalMetric, a LowRankMetric, 'learned' or None, got list"),
    (lambda: sample(m4dl.HMC(), posterior=posterior(model=python())), VALUE,
     "HMC needs a gradient, and the model has none; use PCN"),
    (lambda: sample(m4dl.ULA(0.1), posterior=posterior(model=python())), VALUE,
     "ULA needs a gradient, and the model has none; use PCN"),
]
# fmt: on

TABLE = MESHES + MODELS + PRIORS + POSTERIORS + KERNELS


@pytest.mark.parametrize(
    ("call", "error", "message"), TABLE, ids=[message for _, _, message in TABLE]
)
def test_messages(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    """``message`` is what the error's text begins with."""
    with pytest.raises(error, match="^" + re.escape(message)):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: m4dl.Grid((4, 4), size=3),
        lambda: m4dl.TriangleMesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], size=3),
        lambda: m4dl.TetrahedronMesh(CORNERS, [[0, 1, 2, 3]], size=3),
        lambda: m4dl.TetrahedronMesh.box((2, 2, 2), size=3),
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
        lambda: DiagonalMetric([1.0], size=3),
        lambda: m4dl.PCN(size=3),
        lambda: m4dl.MALA(size=3),
        lambda: m4dl.ULA(0.1, size=3),
        lambda: rescale_for(1, 3.0, 1, 2, size=3),
        lambda: sample(m4dl.PCN(), size=3),
    ],
)
def test_unknown_options_are_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'size'"):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: m4dl.LinearModel(np.eye(2) * 1j), "matrix must be an array of real numbers"),
        (lambda: posterior(data=[1j, 0.0, 0.0]), "data must be an array of real numbers"),
        (lambda: m4dl.LinearModel(sp.eye_array(2) * 1j), "matrix must hold real numbers"),
    ],
)
def test_complex_numbers_are_refused(call: Callable[[], Any], message: str) -> None:
    """An imaginary part is not dropped in silence."""
    with pytest.raises(TypeError, match=message):
        call()


def test_masked_entries_are_refused() -> None:
    """A masked array is how missing measurements come; its hidden values are not data."""
    hidden = np.ma.array([0.1, 999.0, 0.2], mask=[False, True, False])
    with pytest.raises(ValueError, match="data must have no masked entries"):
        posterior(data=hidden)


def test_kernels_read_the_same_however_their_numbers_are_given() -> None:
    """A store compares kernels by their repr."""
    assert repr(m4dl.PCN(np.float32(0.5))) == repr(m4dl.PCN(0.5))
    assert repr(m4dl.PCN(1)) == repr(m4dl.PCN(1.0))
    assert repr(m4dl.MALA(np.float64(0.5), target=np.float64(0.5))) == repr(
        m4dl.MALA(0.5, target=0.5)
    )
    assert repr(m4dl.ULA(1)) == repr(m4dl.ULA(1.0))


def test_too_many_of_something() -> None:
    with pytest.raises(ValueError, match="threads must be at most 4096, got 5000"):
        sample(m4dl.PCN(), threads=5000)
    with pytest.raises(ValueError, match=r"cells must give at most 2\*\*31 nodes"):
        m4dl.Grid((10**10, 10**10))
    with pytest.raises(ValueError, match="noise is too small"):
        posterior(noise=m4dl.GaussianNoise(1e-200))
