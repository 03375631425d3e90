"""An object of every public class: rows of the catalogue, and the results of small runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import m4dl
import numpy as np
from catalogue import DELAYED, KERNELS, MODELS, PRIORS
from m4dl import credible
from m4dl.domains import norms
from posteriors import posterior_of
from problems import Array


def speed(r: Array) -> Array:
    """A sound speed with a simple metric."""
    return np.asarray(np.exp(0.2 * np.exp(-((r / 0.5) ** 2))))


def squared(theta: Array) -> Array:
    """A functional (n, D) -> (n,)."""
    return np.asarray((theta**2).sum(axis=1))


@cache
def posterior() -> m4dl.Posterior:
    """Linear and Gaussian, on the nodes of a small grid: all results can be had from it."""
    grid = m4dl.Grid((3,))
    model = m4dl.LinearModel(np.random.default_rng(2).standard_normal((3, 4)))
    prior = m4dl.GaussianPrior(np.zeros(4), np.array([1.0, 0.8, 1.2, 0.5]), domain=grid, at="nodes")
    noise = m4dl.GaussianNoise(np.array([0.5, 0.6, 0.7]))
    return m4dl.Posterior(model, prior, data=np.array([0.3, -0.2, 0.5]), noise=noise)


def make_data(truth: Array, N: int, rng: np.random.Generator) -> m4dl.Posterior:
    """N times as much information as in the posterior above."""
    of = posterior()
    std = of.noise.std / N**0.5
    data = of.model(truth) + std * rng.standard_normal(3)
    return m4dl.Posterior(of.model, of.prior, data=data, noise=m4dl.GaussianNoise(std))


@cache
def draws() -> m4dl.results.Draws:
    return m4dl.sample(
        posterior(), m4dl.HMC(), draws=300, warmup=100, chains=2, seed=3, progress=False
    )


@cache
def moments() -> m4dl.results.Moments:
    return m4dl.sample(
        posterior(),
        m4dl.PCN(),
        draws=200,
        warmup=100,
        seed=3,
        keep="moments",
        functionals={"first": np.eye(4)[0], "squared": squared},
        progress=False,
    )


KINDS = {
    "ball": credible.Ball(),
    "H^-1 ball": credible.Ball(-1.0),
    "sup ball": credible.SupBall(),
    "band": credible.Band(),
    "interval of a function": credible.Interval(squared),
    "interval": credible.Interval(np.array([1.0, 0.0, 0.0, 2.0])),
    "ellipsoid": credible.Ellipsoid([np.eye(4)[0], np.eye(4)[1]]),
}


@cache
def study() -> m4dl.studies.CoverageStudy:
    return m4dl.studies.coverage(
        make_data,
        posterior().prior,
        [1, 2],
        {"ball": KINDS["ball"], "interval": KINDS["interval"]},
        m4dl.PCN(0.6),
        replicates=8,
        draws=400,
        warmup=50,
        seed=1,
        most_rhat=1.5,
        least_ess=5,
        progress=False,
    )


def _parts() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Everything else, by name."""
    disk = m4dl.domains.Disk(1.0, np.array([0.1, 0.2]))
    angles = np.linspace(0.0, 1.0, 4)
    yield "disk", lambda: m4dl.domains.Disk(2.0, np.array([1.0, -1.0]))
    yield "polygon", lambda: m4dl.domains.Polygon(np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]]))
    yield "grid", lambda: m4dl.Grid(np.array([3, 2]), np.array([[0.0, 1.0], [0.0, 2.0]]))
    yield "triangles", lambda: m4dl.TriangleMesh(*_square())
    yield "tetrahedra", lambda: m4dl.TetrahedronMesh.box((1, 2, 1))
    yield "zernike", lambda: m4dl.rays.ZernikeBasis(3)
    yield (
        "rays",
        lambda: m4dl.rays.Rays(disk, np.zeros((3, 2)), np.array([[1.0, 0], [0, 1], [1, 1]])),
    )
    yield "random rays", lambda: m4dl.rays.Rays.random(disk, 5, seed=1)
    yield (
        "geodesics",
        lambda: m4dl.rays.Geodesics(disk, angles.copy(), 0.5 * angles, sound_speed=speed),
    )
    yield "quadrature", lambda: m4dl.rays.Rays.random(disk, 5, seed=1).quadrature(0.3)
    yield "norm", lambda: norms.SobolevNorm(m4dl.TriangleMesh(*_square()), "nodes", -1.0)
    yield "sup norm", norms.SupNorm
    yield "noise", lambda: m4dl.GaussianNoise(np.array([1.0, 2.0]))
    yield "diagonal metric", lambda: m4dl.kernels.DiagonalMetric(np.array([1.0, 2.0]))
    yield (
        "low-rank metric",
        lambda: m4dl.kernels.LowRankMetric(np.zeros(2), np.eye(2)[:, :1], np.ones(1)),
    )
    yield "posterior", posterior
    yield (
        "surrogate",
        lambda: m4dl.langevin.LogConcaveSurrogate(
            posterior(), centre=np.full(4, 0.1), eta=2.0, curvature=1.0
        ),
    )
    yield "map", lambda: m4dl.find_map(posterior(), starts=np.zeros((2, 4)))
    yield "laplace", lambda: m4dl.laplace(posterior(), at=np.full(4, 0.1))
    yield "langevin", lambda: m4dl.langevin.guarantee(posterior())
    yield "draws", draws
    yield "moments", moments
    yield "summary", lambda: draws().summary(functionals={"squared": squared})
    yield "study", study
    yield "contraction", lambda: study().contraction("ball")
    yield (
        "calibration",
        lambda: m4dl.studies.rank_test(
            posterior(), m4dl.PCN(0.5), replicates=50, seed=1, progress=False
        ),
    )
    yield "bvm", lambda: m4dl.studies.bvm(posterior(), np.ones(4), np.zeros(4), draws())
    yield (
        "comparison",
        lambda: m4dl.studies.compare_kernels(
            posterior(), [m4dl.PCN(), m4dl.MALA()], draws=50, warmup=20, seed=1, progress=False
        ),
    )
    yield (
        "ula bias",
        lambda: m4dl.langevin.ula_bias(
            posterior(), m4dl.ULA(0.1), draws=50, warmup=20, seed=1, progress=False
        ),
    )
    for name, kind in KINDS.items():
        yield f"{name}, kind", lambda kind=kind: kind
        yield name, lambda kind=kind: kind.of(draws(), 0.9)


def _square() -> tuple[Array, Array]:
    points = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5, 0.4]])
    return points, np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])


GALLERY: dict[str, Callable[[], Any]] = {
    **{f"model: {row}": row.build for row in MODELS},
    **{f"prior: {row}": row.build for row in PRIORS},
    **{f"kernel: {row}": lambda row=row: row.kernel(4) for row in [*KERNELS, *DELAYED]},
    **{f"posterior: {row}": lambda row=row: posterior_of(row) for row in MODELS[::9]},
    **dict(_parts()),
}
