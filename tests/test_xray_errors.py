"""Transforms along rays refuse what they cannot use, and say which argument it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import oracles as o
import pytest
from rows import simplices

UNIT = m4dl.domains.Disk()
RAYS = m4dl.rays.Rays.random(UNIT, 20, seed=1)
DISK = simplices(o.disk_triangulation(4))
SMALL = simplices(o.disk_triangulation(4, 0.5))
SO3 = m4dl.NonAbelianXRay(RAYS, DISK)

CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: m4dl.XRay("lines", DISK), TypeError, "rays must be .* got str"),
    (lambda: m4dl.XRay(RAYS, "disk"), TypeError, "field must be .* got 'disk'"),
    (lambda: m4dl.XRay(RAYS, m4dl.Grid((4, 4, 4))), TypeError, "field must be a Grid in the plane"),
    (lambda: m4dl.XRay(RAYS, DISK, at="cells"), ValueError, "at must be .* got 'cells'"),
    (lambda: m4dl.XRay(RAYS, DISK, step=0.0), ValueError, "step must be positive, got 0"),
    (lambda: m4dl.XRay(RAYS, SMALL), ValueError, r"rays must lie in the field's TriangleMesh"),
    (lambda: m4dl.XRay(RAYS, m4dl.Grid((4, 4))), ValueError, r"rays must lie in the field's Grid"),
    (lambda: m4dl.NonAbelianXRay(RAYS, DISK, group="so(6)"), ValueError, r"group .* got 'so\(6\)'"),
    (lambda: m4dl.NonAbelianXRay(RAYS, DISK, group=3), ValueError, "group .* got 3"),
    (lambda: m4dl.NonAbelianXRay(RAYS, DISK, step=-1), ValueError, "step must be positive, got -1"),
    (
        lambda: m4dl.AttenuatedXRay(RAYS, DISK, attenuation=1.0, link="exp"),
        ValueError,
        "link and floor belong to an unknown attenuation, got link='exp'",
    ),
    (lambda: m4dl.AttenuatedXRay(RAYS, DISK, link="log"), ValueError, "link must be .* got 'log'"),
    (lambda: m4dl.AttenuatedXRay(RAYS, DISK, floor=-1.0), ValueError, "floor .* got -1"),
    (lambda: m4dl.AttenuatedXRay(RAYS, DISK, attenuation=[1.0]), ValueError, "attenuation must"),
    (lambda: m4dl.AttenuatedXRay(RAYS, DISK, attenuation=np.nan), ValueError, "attenuation must"),
    (lambda: SO3.matrix_field(np.ones(4)), ValueError, r"theta must have shape .* got \(4,\)"),
    (lambda: SO3.coefficients(np.ones((3, 3))), ValueError, "field must have shape"),
    (lambda: SO3.coefficients(np.ones((61, 3, 3))), ValueError, r"field must be in so\(3\)"),
    (lambda: SO3.vector(np.ones((20, 2, 2))), ValueError, "matrices must have shape"),
]


@pytest.mark.parametrize(("call", "kind", "message"), CASES)
def test_refused(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


def posterior(group: str, data: Any, std: float = 0.05) -> m4dl.Posterior:
    model = m4dl.NonAbelianXRay(RAYS, DISK, group=group)
    prior = m4dl.GaussianPrior(np.zeros(model.parameters), 1.0)
    return m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(std))


@pytest.mark.parametrize("group", ["so(3)", "su(2)", "so(4)"])
def test_data_outside_the_group_are_refused(group: str) -> None:
    """Data with noise pass, in the shape of matrices too; those of one ray doubled do not."""
    model = m4dl.NonAbelianXRay(RAYS, DISK, group=group)
    rng = np.random.default_rng(2)
    clean = model(rng.standard_normal(model.parameters))
    noisy = clean + 0.05 * rng.standard_normal(model.outputs)
    posterior(group, noisy)
    posterior(group, noisy.reshape(model.data_shape))
    wrong = noisy.reshape(len(RAYS), -1).copy()
    wrong[7] *= 2.0
    with pytest.raises(ValueError, match=r"data must lie in the group .* ray 7 is"):
        posterior(group, wrong.ravel())
    # noise of twice the size: no ray alone is far enough, all together are
    with pytest.raises(ValueError, match="data must lie in the group"):
        posterior(group, clean + 0.3 * rng.standard_normal(model.outputs))
    mirrored = noisy.reshape(len(RAYS), -1).copy()
    if group == "so(3)":  # a reflection is orthogonal, but no rotation
        mirrored[3] *= -1.0
        with pytest.raises(ValueError, match=r"data must lie in the group .* ray 3"):
            posterior(group, mirrored.ravel())
