"""Rows for priors, with dense covariances computed here and in tests/oracles."""

from __future__ import annotations

from typing import Any

import m4dl
import numpy as np
import oracles as o
import scipy.linalg
from problems import Array
from rows import PriorRow, grid, simplices, simplices_name


def matern(
    box: o.Box, at: str, smoothness: float, std: float = 1.3, length: float = 0.4, **options: Any
) -> PriorRow:
    """``options``: boundary, mean."""
    corrected = options.get("boundary", "corrected") == "corrected"
    mean = options.get("mean", 0.0)
    return PriorRow(
        f"matern {box.dim}d {at} nu={smoothness:g}{'' if corrected else ' neumann'}",
        lambda: m4dl.MaternPrior(
            grid(box), std=std, length=length, smoothness=smoothness, at=at, **options
        ),
        lambda: o.matern_covariance(box, at, std, length, smoothness, corrected),
        (lambda: mean(box.coordinates(at))) if callable(mean) else mean,
    )


def matern_simplices(mesh: o.Triangulation, smoothness: float, boundary: str) -> PriorRow:
    std, length = 0.8, 0.5

    def covariance() -> Array:
        """Inverse of K (M^{-1} K)^{alpha-1} / tau^2, as on grids."""
        mass, stiffness = _p1_matrices(mesh)
        kappa, tau, alpha = o.priors.scale(mesh.dim, std, length, smoothness)
        operator = kappa**2 * np.diag(mass) + stiffness
        inverse = np.linalg.inv(operator)
        out = inverse
        for _ in range(round(alpha) - 1):
            out = inverse @ (mass[:, None] * out)
        out = tau**2 * (out + out.T) / 2.0
        if boundary == "corrected":
            out *= std**2 / np.sqrt(np.outer(np.diag(out), np.diag(out)))
        return out

    return PriorRow(
        f"matern {simplices_name(mesh)} nu={smoothness:g} {boundary}",
        lambda: m4dl.MaternPrior(
            simplices(mesh), std=std, length=length, smoothness=smoothness, boundary=boundary
        ),
        covariance,
    )


def interpolated(box: o.Box, mesh: o.Triangulation) -> PriorRow:
    """P C P' with the covariance C on the grid and the interpolation P, both of the oracles."""
    std, length, smoothness = 1.3, 0.6, 1.4

    def around() -> m4dl.Prior:
        def tilted(x: Array) -> Array:
            return np.asarray(0.3 + x[:, 0])

        return m4dl.MaternPrior(
            grid(box), std=std, length=length, smoothness=smoothness, mean=tilted
        )

    def covariance() -> Array:
        weights = box.interpolation(mesh.points)
        inner = o.matern_covariance(box, "nodes", std, length, smoothness, True)
        return np.asarray(weights @ (weights @ inner).T)

    return PriorRow(
        f"interpolated {simplices_name(mesh)}",
        lambda: m4dl.InterpolatedPrior(around(), simplices(mesh)),
        covariance,
        lambda: 0.3 + mesh.points[:, 0],  # linear functions are interpolated exactly
    )


def _p1_matrices(mesh: o.Triangulation) -> tuple[Array, Array]:
    """Lumped mass (P,) and stiffness (P, P)."""
    stiffness = np.zeros((len(mesh.points),) * 2)
    mass = np.zeros(len(mesh.points))
    stiff = mesh.element_matrices()[0]
    for nodes, measure, local in zip(mesh.cells, mesh.measures, stiff, strict=True):
        mass[nodes] += measure / len(nodes)
        stiffness[np.ix_(nodes, nodes)] += local
    return mass, stiffness


def _series_covariance(
    basis: Array, eigenvalues: Array, alpha: float, std: Any, size: float
) -> Array:
    variance = eigenvalues**-alpha
    if std is not None:
        variance *= std**2 * size / variance.sum()
    return np.asarray((basis * variance) @ basis.T)


def series(
    box: o.Box,
    at: str,
    modes: list[tuple[int, ...]],
    alpha: float,
    std: float | None,
    **options: Any,
) -> PriorRow:
    """``modes``: the wave numbers of the smallest eigenvalues, in any order."""

    def covariance() -> Array:
        size = float(np.prod(box.bounds[:, 1] - box.bounds[:, 0]))
        return _series_covariance(*o.sine_series(box, at, modes), alpha, std, size)

    return PriorRow(
        f"series {box.dim}d {at}{' plain' if std is None else ''}",
        lambda: m4dl.SeriesPrior(
            grid(box), modes=len(modes), alpha=alpha, std=std, at=at, **options
        ),
        covariance,
        options.get("mean", 0.0),
    )


def series_simplices(mesh: o.Triangulation, modes: int) -> PriorRow:
    """The number of modes may not cut an eigenspace in two."""

    def covariance() -> Array:
        mass, stiffness = _p1_matrices(mesh)
        free = np.flatnonzero(~mesh.boundary)
        values, vectors = scipy.linalg.eigh(stiffness[np.ix_(free, free)], np.diag(mass[free]))
        basis = np.zeros((len(mass), modes))
        basis[free] = vectors[:, :modes]
        return _series_covariance(basis, values[:modes], 2.0, 1.5, float(mesh.measures.sum()))

    return PriorRow(
        f"series {simplices_name(mesh)}",
        lambda: m4dl.SeriesPrior(simplices(mesh), modes=modes, alpha=2.0, std=1.5),
        covariance,
    )


def vector(box: o.Box, mixing: Array | None, count: int) -> PriorRow:
    """(A A') kron C for K copies of one Gaussian field of covariance C."""
    std, length, smoothness = 1.3, 0.4, 1.5
    factor = np.eye(count) if mixing is None else mixing

    def covariance() -> Array:
        inner = o.matern_covariance(box, "nodes", std, length, smoothness, True)
        return np.asarray(np.kron(factor @ factor.T, inner))

    def build() -> m4dl.Prior:
        one = m4dl.MaternPrior(
            grid(box), std=std, length=length, smoothness=smoothness, mean=lambda x: 1 + x[:, 0]
        )
        return m4dl.VectorPrior(one, mixing, components=count)

    return PriorRow(
        f"vector {len(factor)}{' mixed' if mixing is not None else ''} of {count} in {box.dim}d",
        build,
        covariance,
        lambda: np.outer(factor.sum(axis=1), 1 + box.coordinates("nodes")[:, 0]).ravel(),
    )
