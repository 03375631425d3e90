"""Zernike polynomials and the singular system of the X-ray transform, against quadrature."""

from __future__ import annotations

from math import factorial

import m4dl
import numpy as np
import pytest
from m4dl.rays import ZernikeBasis
from m4dl.testing import xray_singular_system
from problems import Array

SYSTEM = [(n, k) for n in range(7) for k in range(n + 1)]


def disk_rule(degree: int) -> tuple[Array, Array]:
    """Points and weights on the unit disk, exact for polynomials up to ``degree``: Gauss in r."""
    r, w = np.polynomial.legendre.leggauss(degree + 2)
    r, w = 0.5 * (1 + r), 0.5 * w
    phi = 2 * np.pi * (np.arange(degree + 2) + 0.3) / (degree + 2)
    x = np.stack([np.outer(r, np.cos(phi)), np.outer(r, np.sin(phi))], axis=-1).reshape(-1, 2)
    return x, np.repeat(w * r * 2 * np.pi / (degree + 2), degree + 2)


def test_orthonormal_up_to_degree_40() -> None:
    basis = ZernikeBasis(40)
    assert basis.size == 41 * 42 // 2
    x, w = disk_rule(80)
    z = basis.evaluate(x)
    np.testing.assert_allclose(z.T @ (w[:, None] * z), np.eye(basis.size), atol=1e-12)


def test_the_polynomials_are_zernikes() -> None:
    """By their definition as sums of powers, whose terms still cancel little at degree 10."""
    basis = ZernikeBasis(10)
    x = 0.7 * np.random.default_rng(1).standard_normal((50, 2))
    x = x[np.linalg.norm(x, axis=1) <= 1]
    r, phi = np.hypot(*x.T), np.arctan2(x[:, 1], x[:, 0])
    z = basis.evaluate(x)
    for number, (n, m) in enumerate(zip(basis.degree.tolist(), basis.order.tolist(), strict=True)):
        a = abs(m)
        radial = sum(
            (-1) ** s
            * factorial(n - s)
            / (factorial(s) * factorial((n + a) // 2 - s) * factorial((n - a) // 2 - s))
            * r ** (n - 2 * s)
            for s in range((n - a) // 2 + 1)
        )
        wave = np.cos(m * phi) if m >= 0 else np.sin(a * phi)
        norm = np.sqrt((1 if m == 0 else 2) * (n + 1) / np.pi)
        np.testing.assert_allclose(z[:, number], norm * radial * wave, atol=1e-11)
        assert number == n * (n + 1) // 2 + (n + m) // 2


def test_values_at_the_edge_at_degree_40() -> None:
    """R_n^m(1) = 1, so the polynomials there are the trigonometric ones."""
    basis = ZernikeBasis(40)
    angle = np.linspace(0, 6, 7)
    edge = basis.evaluate(np.stack([np.cos(angle), np.sin(angle)], axis=1))
    m = basis.order
    wave = np.where(m >= 0, np.cos(np.outer(angle, m)), np.sin(-np.outer(angle, m)))
    exact = np.sqrt(np.where(m == 0, 1, 2) * (basis.degree + 1) / np.pi) * wave
    np.testing.assert_allclose(edge, exact, atol=1e-12)


def test_coefficients_invert_evaluation() -> None:
    basis = ZernikeBasis(9)
    c = np.random.default_rng(2).standard_normal(basis.size)
    np.testing.assert_allclose(basis.coefficients(lambda x: basis.evaluate(x) @ c), c, atol=1e-13)
    low = ZernikeBasis(4)
    found = low.coefficients(lambda x: basis.evaluate(x) @ c, exact=9)
    np.testing.assert_allclose(found, c[: low.size], atol=1e-13)
    # Parseval for a smooth function: int e^{2x} = pi I_1(2), I_1(2) = sum 1 / (j! (j + 1)!)
    smooth = ZernikeBasis(20).coefficients(lambda x: np.exp(x[:, 0]), exact=40)
    bessel = sum(1 / (factorial(j) * factorial(j + 1)) for j in range(20))
    assert (smooth**2).sum() == pytest.approx(np.pi * bessel, rel=1e-13)


@pytest.mark.parametrize(("n", "k"), [(0, 0), (1, 0), (1, 1), (5, 1), (6, 3), (12, 12), (40, 7)])
def test_line_integrals_in_closed_form(n: int, k: int) -> None:
    system = xray_singular_system(n, k)
    rays = m4dl.rays.Rays.random(m4dl.domains.Disk(), 50, seed=3)
    t, w = np.polynomial.legendre.leggauss(n // 2 + 1)  # exact: degree n along a line
    points = (
        rays.start[:, None]
        + ((0.5 + 0.5 * t) * rays.length[:, None])[..., None] * rays.direction[:, None]
    )
    values = system.field(points.reshape(-1, 2)).reshape(50, -1)
    integral = 0.5 * rays.length * (values @ w)
    closed = system.data(rays.boundary_angle, rays.incidence)
    np.testing.assert_allclose(closed, integral, atol=1e-12)
    assert np.abs(closed).max() > 0.01


def test_singular_values_by_quadrature_over_rays() -> None:
    """<I_0 Z, I_0 Z'> = 4 pi/(n + 1) delta: Gauss in incidence, trapezoid in the boundary angle.

    The integrals along rays are those of Gauss, not the closed form.
    """
    basis = ZernikeBasis(6)
    alpha, weight = np.polynomial.legendre.leggauss(32)
    alpha, weight = 0.5 * np.pi * alpha, 0.5 * np.pi * weight
    beta = 2 * np.pi * np.arange(16) / 16
    source = np.stack([np.cos(beta), np.sin(beta)], axis=1)
    rays = m4dl.rays.Rays.fan(m4dl.domains.Disk(), source, alpha)
    t, w = np.polynomial.legendre.leggauss(4)
    reach = (0.5 + 0.5 * t) * rays.length[:, None]
    points = rays.start[:, None] + reach[..., None] * rays.direction[:, None]
    z = basis.evaluate(points.reshape(-1, 2)).reshape(len(rays), 4, -1)
    data = 0.5 * rays.length[:, None] * np.einsum("rtz,t->rz", z, w)
    measure = np.tile(weight * 2 * np.pi / 16, 16)
    assert measure.sum() == pytest.approx(2 * np.pi**2, rel=1e-13)
    values = [xray_singular_system(n, k).value for n, k in SYSTEM]
    np.testing.assert_allclose(values, np.sqrt(4 * np.pi / (basis.degree + 1)), rtol=1e-15)
    gram = data.T @ (measure[:, None] * data)
    np.testing.assert_allclose(gram, np.diag(np.square(values)), atol=1e-10)


@pytest.mark.parametrize(("n", "k"), [(0, 0), (3, 1), (6, 2), (11, 9)])
def test_the_normal_operator_at_points(n: int, k: int) -> None:
    """I_0* g(x) = int g / cos(incidence) over directions: dx dv = cos d beta d alpha dt."""
    system = xray_singular_system(n, k)
    angle = 2 * np.pi * (np.arange(64) + 0.5) / 64
    v = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for x in ([0.0, 0.0], [0.3, -0.5], [-0.8, 0.1]):
        rays = m4dl.rays.Rays(m4dl.domains.Disk(), np.tile(x, (64, 1)), v)
        data = system.data(rays.boundary_angle, rays.incidence) / np.cos(rays.incidence)
        back = 2 * np.pi / 64 * data.sum()
        assert back == pytest.approx(4 * np.pi / (n + 1) * system.field([x])[0], abs=1e-10)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="degree must be at least 0, got -1"):
        ZernikeBasis(-1)
    with pytest.raises(ValueError, match=r"unit disk, got \(1, 0.1\) in row 1"):
        ZernikeBasis(2).evaluate([[0, 0], [1, 0.1]])
    with pytest.raises(ValueError, match="function must have shape"):
        ZernikeBasis(2).coefficients(lambda x: x)
    with pytest.raises(ValueError, match="k must be at most n = 2, got 3"):
        xray_singular_system(2, 3)
    with pytest.raises(ValueError, match=r"incidence must have shape \(2,\)"):
        xray_singular_system(2, 1).data([0.0, 1.0], [0.0])
    assert repr(ZernikeBasis(3)) == "ZernikeBasis(3)"
    assert ZernikeBasis(3) == ZernikeBasis(3) != ZernikeBasis(4)
