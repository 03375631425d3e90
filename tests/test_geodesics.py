"""Geodesics of radial sound speeds: against metrics of constant curvature, where all is known."""

from __future__ import annotations

from typing import Any

import m4dl
import numpy as np
import pytest
from m4dl.rays import Geodesics
from problems import Array

DISK = m4dl.domains.Disk(0.8, (1.0, 2.0))


def sphere(r: Array) -> Array:
    """4 |dx|^2 / (1 + r^2)^2 is the unit sphere, seen by stereographic projection."""
    return (1 + r**2) / 2


def hyperbolic(r: Array) -> Array:
    """4 |dx|^2 / (1 - r^2)^2 is the hyperbolic plane."""
    return (1 - r**2) / 2


def distance(speed: Any, x: Array, y: Array) -> Array:
    x2, y2 = ((x - DISK.centre) ** 2).sum(axis=1), ((y - DISK.centre) ** 2).sum(axis=1)
    gap = np.sqrt(((x - y) ** 2).sum(axis=1))
    if speed is sphere:
        return np.asarray(2 * np.arcsin(gap / np.sqrt((1 + x2) * (1 + y2))))
    return np.asarray(2 * np.arcsinh(gap / np.sqrt((1 - x2) * (1 - y2))))


@pytest.mark.parametrize("derivatives", [False, True], ids=["series", "given"])
@pytest.mark.parametrize("speed", [sphere, hyperbolic])
def test_geodesics_are_shortest_ways(speed: Any, derivatives: bool) -> None:
    """d(start, x(t)) = t: only the geodesic at unit speed does that."""
    sign = 1.0 if speed is sphere else -1.0
    given = (speed, lambda r: sign * r, lambda r: sign) if derivatives else speed
    rays = Geodesics.random(DISK, 60, seed=2, sound_speed=given)
    q = rays.quadrature(0.07)
    ray = np.repeat(np.arange(60), 2 * np.diff(q.first))
    step = np.arange(len(ray)) // 2 - q.first[ray]
    width = np.repeat(q.width, 2)
    time = (step + 0.5 + np.tile([-(3**0.5) / 6, 3**0.5 / 6], len(ray) // 2)) * width
    np.testing.assert_allclose(distance(speed, rays.start[ray], q.points), time, atol=1e-11)
    assert q.inside.all()
    assert DISK.contains(q.points).all()
    ends = rays.path(3)[:, -1]
    np.testing.assert_allclose(np.linalg.norm(ends - DISK.centre, axis=1), 0.8, rtol=1e-11)
    np.testing.assert_allclose(distance(speed, rays.start, ends), rays.length, atol=1e-12)


def test_geodesics_of_a_constant_speed_are_lines() -> None:
    bent = Geodesics.random(DISK, 40, seed=7, sound_speed=lambda r: 2.0 + 0 * r)
    lines = m4dl.rays.Rays.random(DISK, 40, seed=7)
    np.testing.assert_allclose(bent.start, lines.start, atol=1e-14)
    np.testing.assert_allclose(bent.direction, lines.direction, atol=1e-14)
    np.testing.assert_allclose(bent.length, lines.length / 2, rtol=1e-12)
    a, b = bent.quadrature(0.05), lines.quadrature(0.1)
    np.testing.assert_array_equal(a.first, b.first)
    np.testing.assert_allclose(a.points, b.points, atol=1e-12)


def test_angles_and_comparison() -> None:
    beta, alpha = np.array([0.3, -2.0]), np.array([0.9, -0.4])
    rays = Geodesics(DISK, beta, alpha, sound_speed=sphere)
    np.testing.assert_allclose(rays.boundary_angle, beta, rtol=1e-14)
    np.testing.assert_allclose(rays.incidence, alpha, rtol=1e-14)
    assert len(rays) == 2
    assert repr(rays).startswith("Geodesics(2 geodesics of Disk(")
    assert rays == Geodesics(DISK, beta, alpha, sound_speed=sphere)
    assert rays != Geodesics(DISK, beta, -alpha, sound_speed=sphere)


def lens(depth: float, width: float) -> Any:
    return lambda r: np.exp(-depth * np.exp(-(r**2) / (2 * width**2)))


@pytest.mark.parametrize(
    ("speed", "match"),
    [
        # g = r / (1 + 2 r^2) rises up to r = 1 / sqrt(2) = 0.7071
        (lambda r: 1 + 2 * r**2, r"Herglotz' condition d/dr \(r/c\) > 0, .* at r = 0.7075"),
        (lens(1.2, 0.5), "no conjugate points, got one on the geodesic of incidence 0"),
        (lambda r: r**2 - 0.5, "must be positive, got -0.5 at r = 0"),
        (lambda r: 1 + np.abs(r - 0.5), "must be smooth on the disk"),
        (lambda r: 1 + 0.5 * r, "must be smooth on the disk, also at its centre"),
        ((lambda r: 1 + 0.5 * r, lambda r: 0.5, lambda r: 0.0), "must vanish at r = 0, got 0.5"),
        ((sphere, lambda r: 2 * r, lambda r: 2.0), r"sound_speed\[1\] must be the derivative of"),
        ((sphere, lambda r: r, lambda r: 3.0), r"sound_speed\[2\] must be the derivative of"),
        (lambda r: r[:2], r"sound_speed must return shape \(9,\), got \(2,\)"),
    ],
)
def test_sound_speeds_that_are_refused(speed: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Geodesics(m4dl.domains.Disk(), [0.0], [0.1], sound_speed=speed)


def test_a_weak_lens_is_simple() -> None:
    rays = Geodesics(m4dl.domains.Disk(), [0.0], [0.2], sound_speed=lens(0.2, 0.5))
    assert rays.length[0] > 2 * np.cos(0.2)  # c < 1 everywhere


def test_other_refusals() -> None:
    with pytest.raises(TypeError, match="domain must be a m4dl Disk, got str"):
        Geodesics("disk", [0.0], [0.0], sound_speed=sphere)  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"incidence must be in \(-pi/2, pi/2\), got 1.6 for ray 1"
    ):
        Geodesics(DISK, [0.0, 0.0], [0.0, 1.6], sound_speed=sphere)
    with pytest.raises(ValueError, match=r"incidence must have shape \(2,\)"):
        Geodesics(DISK, [0.0, 0.0], [0.0], sound_speed=sphere)
    with pytest.raises(TypeError, match=r"sound_speed must be a function of r, got 1\.0"):
        Geodesics(DISK, [0.0], [0.0], sound_speed=1.0)  # type: ignore[arg-type]
