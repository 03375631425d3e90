"""The published setting of the non-Abelian transform, and its relatives on the same rays.

Monard, Nickl, Paternain, Comm. Pure Appl. Math. 74 (2021), numerical illustration: a field of three
components on about 900 vertices, N = 800 rays, a Matern prior, pCN with delta = 2.5e-5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import scipy.sparse as sp
from harness import Array
from m4dl.models._paths import default_step

RAYS, SIGMA, STD, LENGTH = 800, 0.05, 1.0, 0.2
BETA = float(np.sqrt(2.0 * 2.5e-5))
MESH = m4dl.domains.disk_mesh(17)
FAMILY = m4dl.rays.Rays.random(m4dl.domains.Disk(), RAYS, seed=1)
STEP = default_step(MESH)
STEPS = len(FAMILY.quadrature(STEP).width)
"""Of all rays."""

TRANSFORMS: dict[str, Callable[[], m4dl.Model]] = {
    "so(3)": lambda: m4dl.NonAbelianXRay(FAMILY, MESH, step=STEP),
    "su(2)": lambda: m4dl.NonAbelianXRay(FAMILY, MESH, group="su(2)", step=STEP),
    "so(4)": lambda: m4dl.NonAbelianXRay(FAMILY, MESH, group="so(4)", step=STEP),
    "attenuated, unknown attenuation": lambda: m4dl.AttenuatedXRay(FAMILY, MESH, step=STEP),
    "linear": lambda: m4dl.XRay(FAMILY, MESH, step=STEP),
}


def truth(components: int = 3) -> Array:
    """Bumps, (components D,)."""
    places = ((0.3, 0.0, 2.0), (-0.3, 0.2, -1.6), (0.0, -0.4, 1.0))
    x = MESH.points
    bumps = [s * np.exp(-((x - (a, b)) ** 2).sum(axis=1) / 0.1) for a, b, s in places]
    return np.concatenate([bumps[k % 3] for k in range(components)])


def observations(model: m4dl.Model) -> Array:
    """Data of the truth, with noise, (m,)."""
    exact = model.forward(truth(model.parameters // len(MESH.points)), threads=1)
    return np.asarray(exact + SIGMA * np.random.default_rng(2).standard_normal(exact.shape))


def published() -> m4dl.Posterior:
    """N = 800 rotations, three independent Matern fields."""
    model = TRANSFORMS["so(3)"]()
    field = m4dl.MaternPrior(MESH, std=STD, length=LENGTH, smoothness=3)
    return m4dl.Posterior(
        model,
        m4dl.VectorPrior(field, components=3),
        data=observations(model),
        noise=m4dl.GaussianNoise(SIGMA),
    )


def for_hand(posterior: m4dl.Posterior) -> dict[str, Any]:
    """What the package ``by_hand`` wants to know."""
    return {
        "points": MESH.points, "cells": MESH.cells, "step": STEP,
        "start": FAMILY.start, "direction": FAMILY.direction, "length": FAMILY.length,
        "y": np.reshape(posterior.data, (-1, 3, 3)), "sigma": SIGMA,
        "std": STD, "length_scale": LENGTH,
    }  # fmt: skip


def beside_nothing(model: m4dl.Model) -> tuple[m4dl.Posterior, m4dl.Posterior]:
    """White noise about the truth with this model, and with one that costs nothing."""
    size = model.parameters
    prior = m4dl.GaussianPrior(truth(size // len(MESH.points)), 1e-3)
    nothing = m4dl.LinearModel(sp.csr_array(([1.0], ([0], [0])), shape=(1, size)))
    return (
        m4dl.Posterior(model, prior, data=observations(model), noise=m4dl.GaussianNoise(SIGMA)),
        m4dl.Posterior(nothing, prior, data=[0.0], noise=m4dl.GaussianNoise(1.0)),
    )


def flops() -> dict[str, int]:
    """Additions and multiplications of a ray-step in so(3) for one chain, from the formulas."""
    point = 3 * (3 + 2)  # three components, of three corners each
    cross = 6 + 3
    magnus = (3 + 3) + cross + (3 + 3)  # h/2 (a + b) + c h^2 (b x a), constants known
    pade = (3 + 2) + 2 * 5 + 2 * 4 + 3  # |w|^2, two polynomials, a factor on w
    quaternion = 16 + 12
    return {
        "field at two points": 2 * point,
        "Magnus": magnus,
        "exponential": pade,
        "product of quaternions": quaternion,
    }


MATRIX_PRODUCT = 27 + 18
"""Of two 3 x 3 matrices: what the transform would be counted in by hand."""
