"""One row per model, prior and kernel: every property is tested on every row.

A row builds its object at a small size and names what it is compared with: an independent NumPy
version (tests/oracles), an order of convergence, a dense covariance. ``rows.py`` says what else a
row may hold.
"""

from __future__ import annotations

from typing import Any

import m4dl
import numpy as np
import oracles as o
import scipy.sparse as sp
from prior_rows import interpolated, matern, matern_simplices, series, series_simplices, vector
from problems import Bent, DenseAffine, Linear
from ray_rows import attenuated, non_abelian, xray
from rows import (
    BOX2,
    BOX3,
    CUBE,
    DISK,
    TILTED,
    DelayedRow,
    KernelRow,
    ModelRow,
    PriorRow,
    affine_five_point,
    affine_mixed,
    darcy,
    darcy_simplices,
    schrodinger,
    schrodinger_simplices,
    simplices,
)

MATRIX = np.random.default_rng(2).standard_normal((4, 5))
_VALUES = np.random.default_rng(3).random((2, 6, 9))
SPARSE = sp.csr_array(np.where(_VALUES[0] < 0.3, _VALUES[1], 0.0))

MODELS = [
    schrodinger(o.Box((9,)), "nodes"),
    schrodinger(o.Box((9,), ((-1.0, 0.5),)), "interior", "softplus", 0.2),
    schrodinger(BOX2, "nodes"),
    schrodinger(BOX2, "interior", "identity", centre=2.0),
    schrodinger(BOX2, "nodes", "softplus"),
    schrodinger(BOX2, "interior", "exp", 0.3),
    schrodinger(BOX3, "nodes", sizes=(4, 8, 12)),
    schrodinger_simplices(DISK),
    schrodinger_simplices(CUBE, sizes=(4, 8, 12)),
    darcy(o.Box((9,)), "cells"),
    darcy(o.Box((9,), ((-1.0, 0.5),)), "nodes", "softplus", 0.2),
    darcy(o.Box((8,)), (4,)),
    darcy(BOX2, "cells"),
    darcy(BOX2, "nodes"),
    darcy(BOX2, "cells", "identity", centre=2.0),
    darcy(o.Box((6, 4), TILTED), (3, 2), "exp", 0.1),
    darcy(BOX3, "cells", sizes=(4, 8, 12)),
    darcy(BOX3, "nodes", sizes=(4, 8, 12)),
    darcy(o.Box((4, 2, 6)), (2, 2, 3), sizes=(4, 8, 16)),
    darcy_simplices(DISK, "cells"),
    darcy_simplices(DISK, "nodes"),
    darcy_simplices(CUBE, "cells", sizes=(4, 8, 12)),
    darcy_simplices(CUBE, "nodes", sizes=(4, 8, 12)),
    affine_five_point(),
    affine_mixed(),
    xray("triangles"),
    xray("grid"),
    attenuated("triangles"),
    attenuated("grid"),
    non_abelian("so(3)", "triangles"),
    non_abelian("su(2)", "triangles"),
    *(non_abelian(f"so({n})", "grid") for n in (2, 3, 4, 5)),
    ModelRow("affine dense", lambda: DenseAffine().model(), DenseAffine),
    ModelRow("linear dense", lambda: m4dl.LinearModel(MATRIX), lambda: Linear(MATRIX), linear=True),
    ModelRow(
        "linear sparse",
        lambda: m4dl.LinearModel(SPARSE),
        lambda: Linear(SPARSE.toarray()),
        linear=True,
    ),
    ModelRow("python", lambda: Bent().model(batched=False), Bent, push=False),
    ModelRow("python batched", lambda: Bent().model(batched=True), Bent, push=False),
]

COVARIANCE = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 0.7]])
PRECISION = sp.csr_array(
    np.array([[4, -1, 0, 0.5], [-1, 3, -1, 0], [0, -1, 5, -2], [0.5, 0, -2, 4.0]])
)
NOISE = sp.csr_array(np.array([[1.0, 0, 2], [0, 1, 0], [0, 0, 3], [1, 1, 0]]))  # 3 noises, 4 values
INVERSE = np.linalg.inv(PRECISION.toarray())

PRIORS = [
    matern(o.Box((20,)), "nodes", 0.5),
    matern(o.Box((20,), ((-1.0, 0.5),)), "cells", 1.5, boundary="neumann"),
    matern(BOX2, "nodes", 1.0, mean=2.0),
    matern(BOX2, "interior", 2.0, mean=lambda x: x[:, 0] - x[:, 1]),
    matern(BOX2, "cells", 3.0),
    matern(BOX2, "nodes", 2.0, boundary="neumann"),
    matern(BOX2, "interior", 1.0, boundary="neumann"),
    matern(o.Box((20,)), "cells", 0.8),
    matern(BOX2, "nodes", 0.7),
    matern(BOX2, "interior", 1.5),
    matern(BOX2, "cells", 1.5, boundary="neumann"),
    matern(BOX3, "nodes", 0.5),
    matern(BOX3, "cells", 1.5),
    matern(BOX3, "interior", 1.2, boundary="neumann"),
    matern_simplices(DISK, 1, "corrected"),
    matern_simplices(DISK, 2, "neumann"),
    matern_simplices(CUBE, 0.5, "corrected"),
    matern_simplices(CUBE, 1.5, "neumann"),
    series(o.Box((9,)), "nodes", [(1,), (2,), (3,), (4,)], 1.0, 1.3),
    series(BOX2, "interior", [(1, 1), (1, 2), (2, 1), (1, 3), (2, 2)], 2.0, None, mean=1.0),
    series(BOX2, "cells", [(1, 1), (1, 2)], 1.5, 0.4),
    series(BOX3, "nodes", [(1, 1, 1), (1, 1, 2), (1, 2, 1), (2, 1, 1)], 2.5, 1.0),
    series_simplices(DISK, 6),
    series_simplices(CUBE, 5),
    PriorRow(
        "gaussian dense",
        lambda: m4dl.GaussianPrior([1.0, -2.0, 0.5], COVARIANCE),
        lambda: COVARIANCE,
        lambda: np.array([1.0, -2.0, 0.5]),
    ),
    PriorRow(
        "gaussian diagonal",
        lambda: m4dl.GaussianPrior(4.0, [4.0, 1.0, 0.25]),
        lambda: np.diag([4.0, 1.0, 0.25]),
        4.0,
    ),
    PriorRow(
        "gaussian one variance",
        lambda: m4dl.GaussianPrior(np.arange(3.0), 4.0),
        lambda: 4.0 * np.eye(3),
        lambda: np.arange(3.0),
    ),
    PriorRow(
        "sparse",
        lambda: m4dl.SparsePrior(PRECISION, NOISE, mean=[1.0, 2.0, 3.0, 4.0]),
        lambda: INVERSE @ NOISE.toarray() @ NOISE.toarray().T @ INVERSE,
        lambda: np.arange(1.0, 5.0),
    ),
    PriorRow("sparse plain", lambda: m4dl.SparsePrior(PRECISION), lambda: INVERSE @ INVERSE),
    vector(BOX2, None, 3),
    vector(o.Box((9,)), np.array([[1.0, 0.0, 0.0], [0.5, -1.0, 0.25]]), 3),
    interpolated(o.Box((9, 8), ((-1.5, 1.3), (-1.2, 1.4))), DISK),
    PriorRow(
        "sparse on a mesh",
        lambda: m4dl.SparsePrior(
            sp.diags_array(np.arange(1.0, 38.0)),
            coordinates=DISK.points,
            domain=simplices(DISK),
            at="nodes",
        ),
        lambda: np.diag(np.arange(1.0, 38.0) ** -2.0),
    ),
]

METRICS = (None, "diagonal", "low rank")


def kernel_rows(name: str, build: Any, **options: Any) -> list[KernelRow]:
    """One kernel with each metric."""
    return [
        KernelRow(f"{name} {metric}" if metric else name, build, metric=metric, **options)
        for metric in METRICS
    ]


KERNELS = [
    *kernel_rows("pcn", m4dl.PCN, gradient=False, target=0.25, options={"beta": 0.4}),
    *kernel_rows("mala", m4dl.MALA, gradient=True, target=0.57, options={"step_size": 0.1}),
    *kernel_rows(
        "hmc",
        m4dl.HMC,
        gradient=True,
        target=0.8,
        across=True,
        options={"step_size": 0.3, "trajectory": 0.9},
    ),
    *kernel_rows("ula", m4dl.ULA, gradient=True, exact=False, options={"step_size": 0.1}),
]

# Those that have a coarse posterior beside the fine one.
DELAYED = [
    DelayedRow("delayed pcn", m4dl.PCN, gradient=False, options={"beta": 0.4}),
    DelayedRow(
        "delayed mala low rank",
        m4dl.MALA,
        gradient=True,
        metric="low rank",
        options={"step_size": 0.1},
    ),
]
