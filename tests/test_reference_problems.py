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
        model: m4dl.Model = m4dl.Schrodinger(
            GRID, data["X"], float(data["g"]), at="interior", solver="direct"
        )
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


def to_nodes(name: str, xi: Array) -> Array:
    """White noise of ours at the nodes, as the reference has it; P1's are cosine coefficients."""
    if name == "P2":
        return xi
    n = GRID.cells[0] - 1
    return idctn(xi.reshape(*xi.shape[:-1], n, n), axes=(-2, -1), norm="ortho").reshape(xi.shape)


def close(value: Array | float, expected: Array | float) -> None:
    """Equal to 1e-10 of the largest entry."""
    scale = np.abs(expected).max()
    np.testing.assert_allclose(value, expected, rtol=0, atol=1e-10 * scale)


@pytest.mark.parametrize("name", ["P1", "P2"])
def test_potential_and_gradient(name: str) -> None:
    reference, ours = o.load_reference(name), posterior(name)
    # xi_init are cosine coefficients.
    cosine = reference.data["xi_init"].ravel()
    start = cosine if name == "P1" else reference.white(reference.data["theta_init"])
    np.testing.assert_allclose(to_nodes(name, start), to_nodes("P1", cosine), rtol=0, atol=1e-9)
    rng = np.random.default_rng(1)
    for xi in (start, rng.standard_normal(start.size), np.zeros(start.size)):
        close(ours.prior.push(xi), reference.push(to_nodes(name, xi)))
        phi, gradient = reference.gradient(to_nodes(name, xi))
        close(ours.potential(xi), phi)
        value, slope = ours.gradient(xi)
        close(value, phi)
        close(to_nodes(name, slope), gradient)
    close(ours.prior.push(start), reference.data["theta_init"])


@pytest.mark.parametrize("name", ["P1", "P2"])
def test_state(name: str) -> None:
    """The data's own solution at theta_true, observed."""
    reference, ours = o.load_reference(name), posterior(name)
    u = reference.data["u_true"].ravel()[reference.idx]
    close(ours.model(reference.data["theta_true"].ravel()), u)


def test_both_priors_are_matern() -> None:
    """P2's factor by hand and P1's MaternPrior are the same map, up to the coordinates of xi."""
    first, second = posterior("P1").prior, posterior("P2").prior
    xi, dtheta = np.random.default_rng(2).standard_normal((2, 5, first.white))
    close(second.push(to_nodes("P1", xi)), first.push(xi))
    close(second.pull(xi, dtheta), to_nodes("P1", first.pull(xi, dtheta)))
    close(second.pull(xi, dtheta), np.array([o.load_reference("P1").push(d) for d in dtheta]))
