"""The two reference problems (tests/data/reference_problems), exactly, in the public API."""

from __future__ import annotations

from functools import cache

import m4dl
import numpy as np
import oracles as o
import pytest
import scipy.sparse as sp
from problems import Array, five_point_darcy
from scipy.fft import idctn

GRID = m4dl.Grid((33, 33))  # 32 x 32 interior nodes


def neumann_laplacian(n: int) -> sp.csr_array:
    """-Lap_h on n x n nodes, five points, half-sample reflection; h = 1/(n + 1)."""
    diagonal = np.full(n, 2.0)
    diagonal[[0, -1]] = 1.0
    line = sp.diags_array([-np.ones(n - 1), diagonal, -np.ones(n - 1)], offsets=[-1, 0, 1])
    eye = sp.eye_array(n)
    return (sp.kron(line, eye) + sp.kron(eye, line)).tocsr() * (n + 1) ** 2


@cache
def posterior(name: str) -> m4dl.Posterior:
    """P1 by a built-in model and prior, P2 by matrices of one's own."""
    data = o.load_reference(name).data
    n, s, kappa = int(data["n"]), float(data["s"]), float(data["kappa"])
    if name == "P1":
        model: m4dl.Model = m4dl.Schrodinger(GRID, data["X"], float(data["g"]), at="interior")
        prior: m4dl.Prior = m4dl.MaternPrior(
            GRID,
            std=s,
            length=np.sqrt(8.0) / kappa,
            smoothness=1.0,
            at="interior",
            boundary="neumann",
        )
    else:
        model = five_point_darcy(n, data["idx"])
        a = kappa**2 * sp.eye_array(n * n) + neumann_laplacian(n)
        noise = s * np.sqrt(4.0 * np.pi) * kappa * (n + 1) * sp.eye_array(n * n)
        prior = m4dl.SparsePrior(
            a, noise, coordinates=GRID.coordinates("interior"), domain=GRID, at="interior"
        )
    return m4dl.Posterior(
        model, prior, data=data["y"], noise=m4dl.GaussianNoise(float(data["sigma"]))
    )


def close(value: Array | float, expected: Array | float) -> None:
    """Equal to 1e-10 of the largest entry."""
    scale = np.abs(expected).max()
    np.testing.assert_allclose(value, expected, rtol=0, atol=1e-10 * scale)


@pytest.mark.parametrize("name", ["P1", "P2"])
def test_potential_and_gradient(name: str) -> None:
    reference, ours = o.load_reference(name), posterior(name)
    start = reference.white(reference.data["theta_init"])
    rng = np.random.default_rng(1)
    # xi_init is the same point in cosine coordinates
    cosine = reference.data["xi_init"].reshape(reference.n, reference.n)
    np.testing.assert_allclose(idctn(cosine, norm="ortho").ravel(), start, rtol=0, atol=1e-9)
    for xi in (start, rng.standard_normal(start.size), np.zeros(start.size)):
        close(ours.prior.push(xi), reference.push(xi))
        phi, gradient = reference.gradient(xi)
        close(ours.potential(xi), phi)
        value, slope = ours.gradient(xi)
        close(value, phi)
        close(slope, gradient)
    close(ours.prior.push(start), reference.data["theta_init"])


@pytest.mark.parametrize("name", ["P1", "P2"])
def test_state(name: str) -> None:
    """The data's own solution at theta_true, observed."""
    reference, ours = o.load_reference(name), posterior(name)
    u = reference.data["u_true"].ravel()[reference.idx]
    close(ours.model(reference.data["theta_true"].ravel()), u)


def test_both_priors_are_matern() -> None:
    """P2's factor by hand and P1's MaternPrior are the same map, and pull is its transpose."""
    first, second = posterior("P1").prior, posterior("P2").prior
    xi, dtheta = np.random.default_rng(2).standard_normal((2, 5, first.white))
    close(second.push(xi), first.push(xi))
    close(second.pull(xi, dtheta), first.pull(xi, dtheta))
    close(first.pull(xi, dtheta), np.array([o.load_reference("P1").push(d) for d in dtheta]))
