"""Tangents and adjoints: transposes of each other, and derivatives of the forward map."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from catalogue import MODELS, PRIORS
from posteriors import posterior_of, posterior_over
from problems import Array
from rows import ModelRow, PriorRow

PUSHED = [row for row in MODELS if row.push]

# <push h, w> = <h, pull w> holds exactly for the factor L L' that both use; what is left is the
# rounding of two pairs of triangular solves and of sums of up to 100 products. Each errs by about
# sqrt(100) eps = 2e-15 of its norm, multiplied by at most the condition number, here below 500.
ADJOINT = 1e-12


@pytest.mark.parametrize("row", PUSHED, ids=str)
def test_push_and_pull_are_adjoint(row: ModelRow) -> None:
    model = row.build()
    theta = row.thetas(model, 11)
    rng = np.random.default_rng(2)
    h = rng.standard_normal((11, model.parameters))
    w = rng.standard_normal((11, model.outputs))
    pushed, pulled = model.push(theta, h), model.pull(theta, w)
    scale = np.linalg.norm(pushed, axis=1) * np.linalg.norm(w, axis=1)
    scale += np.linalg.norm(pulled, axis=1) * np.linalg.norm(h, axis=1)
    assert (np.abs((pushed * w).sum(axis=1) - (h * pulled).sum(axis=1)) <= ADJOINT * scale).all()


def check_taylor(value: Callable[[float], Array], slope: Array, linear: bool = False) -> None:
    """Remainder value(e) - value(0) - e slope of order 2 in e; of a linear map, none."""
    start = value(0.0)
    steps = (2e-2, 1e-2, 5e-3)
    remainders = [np.abs(value(e) - start - e * slope).max() for e in steps]
    if linear:
        # 1e2 roundings of numbers of the size of the values
        assert max(remainders) <= 1e2 * 2.2e-16 * (np.abs(start).max() + np.abs(slope).max())
        return
    for larger, smaller in pairwise(remainders):
        # c e^2 + d e^3 with |d| e <= 0.1 c: the ratio is 4 up to 10 %, the order 2 up to 0.15. A
        # slope that is off by s adds s e: already s = c e/3 moves the order by more.
        assert np.log2(larger / smaller) == pytest.approx(2.0, abs=0.15), remainders


@pytest.mark.parametrize("row", MODELS, ids=str)
def test_taylor(row: ModelRow) -> None:
    model = row.build()
    theta = row.thetas(model, 1, seed=3)[0]
    rng = np.random.default_rng(4)
    h, w = rng.standard_normal(model.parameters), rng.standard_normal(model.outputs)
    if row.push:
        check_taylor(lambda e: model(theta + e * h), model.push(theta, h), row.linear)
    along = np.array([h @ model.pull(theta, w)])
    check_taylor(lambda e: np.array([w @ model(theta + e * h)]), along, row.linear)


@pytest.mark.parametrize("row", MODELS, ids=str)
def test_gradient_of_the_potential(row: ModelRow) -> None:
    posterior = posterior_of(row)
    rng = np.random.default_rng(6)
    xi, h = 0.5 * rng.standard_normal((2, posterior.white))
    phi, gradient = posterior.gradient(xi)
    assert phi == posterior.potential(xi)
    h /= np.linalg.norm(h)

    def along(e: float) -> Array:
        return posterior.potential(xi + e * h)[None]

    check_taylor(along, np.array([gradient @ h]))
    # gradient = T' G' Sigma^{-1} (G - y), by the pieces
    theta = posterior.prior.push(xi)
    residual = (posterior.model(theta) - posterior.data) / posterior.noise.std**2
    pieces = posterior.prior.pull(xi, posterior.model.pull(theta, residual))
    np.testing.assert_allclose(gradient, pieces, rtol=0, atol=1e-13 * np.abs(pieces).max())


@pytest.mark.parametrize("row", PUSHED, ids=str)
def test_gauss_newton(row: ModelRow) -> None:
    """J' Sigma^{-1} J, with J assembled from the tangents."""
    posterior = posterior_of(row)
    size = posterior.white
    xi = 0.5 * np.random.default_rng(7).standard_normal(size)
    eye, here = np.eye(size), np.tile(xi, (size, 1))
    theta = posterior.prior.push(here)
    jacobian = posterior.model.push(theta, posterior.prior.tangent(here, eye)).T
    expected = jacobian.T @ (jacobian / posterior.noise.std[:, None] ** 2)
    product = posterior.gauss_newton(here, eye)
    atol = ADJOINT * np.abs(expected).max()
    np.testing.assert_allclose(product, expected, rtol=0, atol=atol)
    np.testing.assert_allclose(product, product.T, rtol=0, atol=atol)


@pytest.mark.parametrize("row", PRIORS, ids=str)
def test_prior_derivatives(row: PriorRow) -> None:
    """Gaussian priors are affine: the tangent is the difference, and pull its transpose."""
    prior = row.build()
    rng = np.random.default_rng(8)
    xi, dxi = rng.standard_normal((2, 11, prior.white))
    dtheta = rng.standard_normal((11, prior.parameters))
    tangent, pulled = prior.tangent(xi, dxi), prior.pull(xi, dtheta)
    difference = prior.push(xi + dxi) - prior.push(xi)
    scale = np.abs(difference).max() + np.abs(prior.push(xi)).max()
    np.testing.assert_allclose(tangent, difference, rtol=0, atol=1e-13 * scale)
    scales = np.linalg.norm(tangent, axis=1) * np.linalg.norm(dtheta, axis=1)
    scales += np.linalg.norm(pulled, axis=1) * np.linalg.norm(dxi, axis=1)
    gap = np.abs((tangent * dtheta).sum(axis=1) - (dxi * pulled).sum(axis=1))
    assert (gap <= ADJOINT * scales).all()


@pytest.mark.parametrize("row", PRIORS, ids=str)
def test_gradient_through_the_prior(row: PriorRow) -> None:
    """A nonlinear model on two averages of theta, so that every prior is met by a gradient."""
    posterior = posterior_over(row.build())
    xi, h = np.random.default_rng(10).standard_normal((2, posterior.white))
    _, slope = posterior.gradient(xi)
    check_taylor(lambda e: posterior.potential(xi + e * h)[None], np.array([slope @ h]))
