"""Rows of transforms along rays."""

from __future__ import annotations

from typing import Any

import m4dl
import numpy as np
import oracles as o
from problems import Array
from rows import ModelRow, grid, simplices

MESH = o.disk_triangulation(2, 1.2)
BOX = o.Box((3, 2), ((-1.1, 1.0), (-1.0, 1.2)))
CIRCLE = m4dl.domains.Disk(0.8, (-0.05, 0.1))  # within both
STEP = 0.4

RAYS = m4dl.rays.Rays.random(CIRCLE, 3, seed=3)
FIELDS: dict[str, tuple[Any, Any]] = {
    "triangles": (lambda: simplices(MESH), MESH.interpolation),
    "grid": (lambda: grid(BOX), BOX.interpolation),
}


def lines(kind: type[o.Lines], field: str, step: float = STEP, **options: Any) -> Any:
    """The oracle of these rays."""
    interpolation = FIELDS[field][1]
    return kind(RAYS.start, RAYS.direction, RAYS.length, step, interpolation, **options)


def xray(field: str) -> ModelRow:
    """With a short step the oracle, too, integrates within single cells nearly everywhere."""
    return ModelRow(
        f"xray {field}",
        lambda: m4dl.XRay(RAYS, FIELDS[field][0](), step=STEP),
        lambda: lines(o.LineIntegrals, field),
        linear=True,
    )


def smooth(components: int) -> Array:
    """Coefficients of polynomials of degree 5."""
    size = m4dl.rays.ZernikeBasis(5).size
    return np.asarray(0.4 * np.random.default_rng(4).standard_normal(components * size))


def error_with(n: int, build: Any, oracle: Any, components: int) -> float:
    """Greatest error of polynomials of degree 5, in steps of at most 1/n."""
    basis, theta = m4dl.rays.ZernikeBasis(5), smooth(components)

    def value(x: Array) -> Array:
        return np.asarray(theta.reshape(components, -1) @ basis.evaluate(x[None])[0])

    expected = np.concatenate([oracle.exact(value, ray) for ray in range(len(RAYS))])
    return float(np.abs(build(basis, 1.0 / n)(theta) - expected).max())


def attenuated(field: str) -> ModelRow:
    def build(space: Any, step: float) -> m4dl.Model:
        return m4dl.AttenuatedXRay(RAYS, space, step=step)

    return ModelRow(
        f"attenuated xray {field}",
        lambda: build(FIELDS[field][0](), STEP),
        lambda: lines(o.Attenuated, field),
        refined=lambda n: error_with(n, build, lines(o.Attenuated, field), 2),
        order=4.0,
    )


def non_abelian(group: str, field: str) -> ModelRow:
    components = len(o.generators(group))

    def build(space: Any, step: float) -> m4dl.Model:
        return m4dl.NonAbelianXRay(RAYS, space, group=group, step=step)

    def oracle() -> Any:
        return lines(o.Scattering, field, components=components, group=group)

    return ModelRow(
        f"non-abelian xray {group} {field}",
        lambda: build(FIELDS[field][0](), STEP),
        oracle,
        refined=lambda n: error_with(n, build, oracle(), components),
        order=4.0,
    )
