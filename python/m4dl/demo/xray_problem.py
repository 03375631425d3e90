"""The problem of the X-ray demo: a smooth so(3) field, its data, the prior and functionals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._base.validate import Array
from ..domains import Disk, TriangleMesh, disk_mesh
from ..models import NonAbelianXRay
from ..noise import GaussianNoise
from ..posterior import Posterior
from ..priors import MaternPrior, VectorPrior, rescale_for
from ..rays import Rays

FINE = 3
"""The data come from a mesh so many times as fine."""
SIGMA = 0.05
SMOOTHNESS, LENGTH = 3.0, 0.2
STD = 1.6
"""Of the Matérn prior before it is rescaled for N."""

BUMPS = (  # component, centre, width, height
    (0, (0.33, 0.25), 0.2, 0.8),
    (0, (-0.35, -0.28), 0.22, -0.6),
    (1, (-0.25, 0.35), 0.2, 0.7),
    (1, (0.3, -0.35), 0.2, -0.8),
    (2, (0.0, -0.1), 0.25, 0.6),
    (2, (0.1, 0.45), 0.17, -0.5),
)


def truth(x: Array) -> Array:
    """Return the true so(3) field at points (P, 2), its components one after the other, (3 P,)."""
    out = np.zeros((3, len(x)))
    for component, centre, width, height in BUMPS:
        square = ((x - np.array(centre)) ** 2).sum(axis=1)
        out[component] += height * np.exp(-square / (2 * width**2))
    return out.ravel()


def exact_data(rays: Rays, rings: int) -> Array:
    """Return the scattering data of the true field, (9 N,), on a mesh of so many rings."""
    mesh = disk_mesh(rings)
    return NonAbelianXRay(rays, mesh)(truth(mesh.points))


def synthetic_data(largest: int, rings: int, seed: int) -> Array:
    """Return noisy data, (9 N,), of the ``largest`` number N of random rays with this seed.

    The first of them are those of fewer rays. ``rings`` are those of the inversion's mesh.
    """
    exact = exact_data(Rays.random(Disk(), largest, seed), FINE * rings)
    return exact + SIGMA * np.random.default_rng(seed).standard_normal(exact.size)


def prior_std(size: int) -> float:
    """Return the prior's standard deviation for N = ``size`` data."""
    return STD * rescale_for(size, SMOOTHNESS + 1.0, 0.0, 2, sigma=SIGMA)


def prior_for(size: int, mesh: TriangleMesh) -> VectorPrior:
    """Return three independent Matérn fields, rescaled for N = ``size`` data."""
    field = MaternPrior(mesh, std=prior_std(size), length=LENGTH, smoothness=SMOOTHNESS)
    return VectorPrior(field, components=3)


def posterior_for(size: int, data: Array, seed: int, mesh: TriangleMesh) -> Posterior:
    """Return the posterior given the first ``size`` of the rays with this seed."""
    model = NonAbelianXRay(Rays.random(Disk(), size, seed), mesh)
    noise = GaussianNoise(SIGMA)
    return Posterior(model, prior_for(size, mesh), data=data[: model.outputs], noise=noise)


def functionals() -> dict[str, tuple[int, Callable[[Array], Array]]]:
    """Return smooth psi, each with the component of the field that it looks at."""

    def bump(x: Array) -> Array:
        _, centre, width, _ = BUMPS[0]
        return np.asarray(np.exp(-((x - np.array(centre)) ** 2).sum(axis=1) / (2 * width**2)))

    def middle(x: Array) -> Array:
        return np.asarray((1 - (x**2).sum(axis=1)) ** 2)

    return {
        "bump of a1": (0, bump),
        "middle of a2": (1, middle),
        "x-moment of a3": (2, lambda x: x[:, 0] * middle(x)),
    }


def weights(mesh: TriangleMesh) -> dict[str, Array]:
    """Return (3 D,) weights of each <theta, psi>, integrals by the rule of the edges' midpoints."""
    points, area = midpoints(mesh)
    out = {}
    for name, (component, psi) in functionals().items():
        value = area[:, None] / 3 * psi(points.reshape(-1, 2)).reshape(-1, 3)
        field = np.zeros((3, len(mesh.points)))
        # a midpoint lies half-way between the two corners that it is not opposite to
        share = (value.sum(axis=1)[:, None] - value) / 2
        np.add.at(field[component], mesh.cells, share)
        out[name] = field.ravel()
    return out


def exact_functionals(rings: int) -> dict[str, float]:
    """Return the <theta, psi> of the true field, by quadrature on a mesh of so many rings."""
    points, area = midpoints(disk_mesh(rings))
    flat, each = points.reshape(-1, 2), np.repeat(area / 3, 3)
    field = truth(flat).reshape(3, -1)
    return {name: float((each * field[c]) @ psi(flat)) for name, (c, psi) in functionals().items()}


def midpoints(mesh: TriangleMesh) -> tuple[Array, Array]:
    """Midpoints (E, 3, 2) of the edges, each opposite to its corner, and areas (E,)."""
    points = mesh.points[mesh.cells]
    return (points.sum(axis=1, keepdims=True) - points) / 2, mesh.cell_measures


def relative_error(theta: Array, mesh: TriangleMesh) -> float:
    """Return ||theta - truth|| / ||truth|| in L2 of the mesh."""
    points, area = midpoints(mesh)
    corners = theta.reshape(3, -1)[:, mesh.cells]
    # linear in a triangle: a midpoint has the mean of two corners
    values = (corners.sum(axis=2, keepdims=True) - corners) / 2
    exact = truth(points.reshape(-1, 2)).reshape(values.shape)
    gap, norm = (float(area @ (f**2).sum(axis=(0, 2))) for f in (values - exact, exact))
    return float(np.sqrt(gap / norm))
