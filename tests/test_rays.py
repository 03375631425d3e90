"""Plane domains and rays: against chords in closed form, areas, and integrals of polynomials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
from m4dl.domains import Disk, Polygon
from m4dl.rays import Rays
from problems import Array

DISK = Disk(1.7, (0.4, -0.3))
SQUARE = Polygon([[0, 0], [0, 1], [1, 1], [1, 0]])  # clockwise
ELL = Polygon([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]])


def flower(s: Array) -> Array:
    angle = 2 * np.pi * s
    return np.asarray((1 + 0.35 * np.cos(5 * angle))[:, None] * unit(angle))


def unit(angle: Array) -> Array:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


FLOWER = Polygon.from_curve(flower, 240)
DOMAINS = [DISK, SQUARE, ELL, FLOWER]


def winding_number(vertices: Array, points: Array) -> Array:
    """Total turn of the vertices as seen from each point, in full turns."""
    z = (vertices[None] - points[:, None]) @ np.array([1, 1j])
    turns = np.angle(np.roll(z, -1, axis=1) / z).sum(axis=1) / (2 * np.pi)
    return np.asarray(turns.round())


@pytest.mark.parametrize("domain", [SQUARE, ELL, FLOWER], ids=repr)
def test_a_polygon_contains_the_points_it_winds_around(domain: Polygon) -> None:
    points = np.random.default_rng(1).uniform(-1.5, 2.5, (2000, 2))
    inside = winding_number(domain.vertices, points) == 1
    np.testing.assert_array_equal(domain.contains(points), inside)
    assert 100 < inside.sum() < 1900
    assert domain.contains(domain.vertices).all()  # closed


def test_perimeters_and_areas() -> None:
    assert pytest.approx(2 * np.pi * 1.7) == DISK.perimeter
    assert (SQUARE.area, SQUARE.perimeter) == (1.0, 4.0)
    assert (ELL.area, ELL.perimeter) == (3.0, 8.0)
    # 1/2 int r^2 = pi (1 + 0.35^2 / 2); the polygon is off by O(n^-2)
    assert pytest.approx(np.pi * (1 + 0.35**2 / 2), rel=1e-2) == FLOWER.area


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_boundary_by_arclength_with_inward_normals(
    domain: Disk | Polygon,
) -> None:
    points, normals = domain.boundary((np.arange(1000) + 0.5) / 1000)
    small = 1e-6 * domain.diameter
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, rtol=1e-14)
    assert domain.contains(points).all()
    assert domain.contains(points + small * normals).all()
    assert not domain.contains(points - small * normals).any()
    # Chords are as long as the way, but where they cut a corner.
    gaps = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    assert np.median(gaps) == pytest.approx(domain.perimeter / 1000, rel=1e-2)
    assert gaps.max() <= domain.perimeter / 1000 * (1 + 1e-12)


def test_chords_of_a_disk_in_closed_form() -> None:
    rays = Rays.random(DISK, 500, seed=3)
    toward = unit(rays.boundary_angle + np.pi + rays.incidence)
    np.testing.assert_allclose(rays.direction, toward, atol=1e-14)
    np.testing.assert_allclose(rays.length, 3.4 * np.cos(rays.incidence), atol=1e-14)
    for end in rays.path(2).transpose(1, 0, 2):
        np.testing.assert_allclose(np.linalg.norm(end - DISK.centre, axis=1), 1.7, rtol=1e-14)


def test_a_line_is_cut_to_the_domain_from_wherever_it_is_given() -> None:
    for start in ([-5.0, 0.5], [0.3, 0.5], [7.0, 0.5]):
        rays = Rays(SQUARE, [start], [[4.0, 0.0]])
        np.testing.assert_allclose(rays.start, [[0.0, 0.5]], atol=1e-14)
        np.testing.assert_allclose(rays.direction, [[1.0, 0.0]])
        np.testing.assert_allclose(rays.length, [1.0], rtol=1e-14)
    back = Rays.through(SQUARE, [[2.0, 1.0]], [[1.0, 0.5]])
    np.testing.assert_allclose(back.start, [[1.0, 0.5]], atol=1e-14)
    np.testing.assert_allclose(back.path(3)[0, 2], [0.0, 0.0], atol=1e-14)


@pytest.mark.parametrize("angle", [0.0, 0.3, 2.5])
@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_parallel_chords_add_up_to_the_area(domain: Disk | Polygon, angle: float) -> None:
    """Cavalieri, with the parts of lines outside a non-convex domain left out."""
    vertices = domain.boundary(np.arange(20_000) / 20_000)[0] - domain.centre
    reach = vertices @ unit(np.array(angle))
    count = 400
    width = np.ptp(reach) / count
    offsets = reach.min() + width * (np.arange(count) + 0.5)
    rays = Rays.parallel(domain, [angle], offsets)
    q = rays.quadrature(domain.diameter / 500)
    total = width * (0.5 * np.repeat(q.width, 2) * q.inside).sum()
    area = np.pi * 1.7**2 if isinstance(domain, Disk) else domain.area
    # midpoint rule in the offset, and steps cut by the boundary: both below 1 part in 500
    assert total == pytest.approx(area, rel=2e-3)


def test_parallel_beams_are_those_of_tomography() -> None:
    angles, offsets = np.array([0.0, 0.7]), np.array([-0.2, 0.1, 0.5])
    rays = Rays.parallel(DISK, angles, offsets)
    normals = unit(np.repeat(angles, 3))
    for point in rays.path(3).transpose(1, 0, 2):
        distance = ((point - DISK.centre) * normals).sum(axis=1)
        np.testing.assert_allclose(distance, np.tile(offsets, 2), atol=1e-14)
    np.testing.assert_allclose(rays.direction, unit(np.repeat(angles, 3) + np.pi / 2), atol=1e-14)


def test_fans_turn_from_the_centre() -> None:
    angles = np.array([-0.4, 0.0, 0.3])
    sources = DISK.boundary(np.array([0.1, 0.6]))[0]
    rays = Rays.fan(DISK, sources, angles)
    np.testing.assert_allclose(rays.start, np.repeat(sources, 3, axis=0), atol=1e-14)
    np.testing.assert_allclose(rays.incidence, np.tile(angles, 2), atol=1e-14)
    outside = Rays.fan(SQUARE, [[-1.0, 0.5]], [0.0])
    np.testing.assert_allclose(outside.start, [[0.0, 0.5]], atol=1e-15)


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_gauss_points_lie_in_order_and_integrate_cubics_exactly(
    domain: Disk | Polygon,
) -> None:
    rays = Rays.random(domain, 60, seed=4)
    step = 0.15
    q = rays.quadrature(step)
    steps = np.diff(q.first)
    np.testing.assert_allclose(np.add.reduceat(q.width, q.first[:-1]), rays.length, rtol=1e-14)
    assert q.width.max() <= step
    if domain in (DISK, SQUARE):  # convex: equal steps
        np.testing.assert_array_equal(steps, np.maximum(1, np.ceil(rays.length / step)))
        np.testing.assert_allclose(q.width, np.repeat(rays.length / steps, steps), rtol=1e-14)
    ray = np.repeat(np.arange(60), 2 * steps)
    time = ((q.points - rays.start[ray]) * rays.direction[ray]).sum(axis=1)
    apart = q.points - rays.start[ray] - time[:, None] * rays.direction[ray]
    np.testing.assert_allclose(apart, 0.0, atol=1e-14)
    assert (np.diff(time)[np.diff(ray) == 0] > 0).all()
    # int t^3 = tau^4 / 4: the two-point rule is exact to degree 3
    integral = np.bincount(ray, 0.5 * np.repeat(q.width, 2) * time**3)
    np.testing.assert_allclose(integral, rays.length**4 / 4, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(q.inside, domain.contains(q.points))
    assert q.inside.all() == (domain in (DISK, SQUARE))


def test_a_step_that_divides_the_length_is_not_cut_once_more() -> None:
    rays = Rays(Disk(), [[0.0, 0.0]], [[1.0, 0.3]])
    np.testing.assert_array_equal(rays.quadrature(2.0 / 7.0).first, [0, 7])
    np.testing.assert_array_equal(rays.quadrature(50.0).first, [0, 1])


def test_random_rays_have_the_law_of_the_papers(seed: Callable[[int], int]) -> None:
    """Boundary angle and incidence uniform and independent: mass 2 pi^2 on the unit disk.

    cos and sin of the angles have the variances below; 8 means at 5 standard errors fail with
    probability 5e-6.
    """
    rays = Rays.random(Disk(), 4000, seed=seed(11))
    beta, alpha = rays.boundary_angle, rays.incidence
    c, s = np.cos(beta), np.sin(beta)
    centred = np.cos(alpha) - 2 / np.pi
    spread = np.sqrt(0.5 - 4 / np.pi**2)
    for values, std in (
        (c, 0.5**0.5),
        (s, 0.5**0.5),
        (2 * c * s, 0.5**0.5),
        (centred, spread),
        (np.sin(alpha), 0.5**0.5),
        (np.sin(2 * alpha), 0.5**0.5),
        (c * np.sin(alpha), 0.5),
        (s * centred, spread * 0.5**0.5),
    ):
        assert abs(values.mean()) < 5 * std / 4000**0.5


def test_random_rays_are_nested_and_a_function_of_the_seed() -> None:
    many, few = (Rays.random(ELL, n, seed=5) for n in (40, 15))
    np.testing.assert_array_equal(many.start[:15], few.start)
    np.testing.assert_array_equal(many.direction[:15], few.direction)
    assert few == Rays.random(ELL, 15, seed=5)
    assert hash(few) == hash(Rays.random(ELL, 15, seed=5))
    assert few != Rays.random(ELL, 15, seed=6)
    assert repr(few) == "Rays(15 lines of Polygon(6 vertices))"
    assert repr(Rays.random(DISK, 2, seed=0)).endswith("Disk(radius=1.7, centre=(0.4, -0.3)))")


def test_random_rays_of_a_convex_domain_see_all_of_it(seed: Callable[[int], int]) -> None:
    """Santalo: the mean of tau cos(incidence) over (arclength, angle) is 2 area / perimeter.

    On the unit square tau cos is at most 1.5, so its standard deviation is below 0.75; 6 standard
    errors fail with probability 2e-9.
    """
    rays = Rays.random(SQUARE, 20_000, seed=seed(12))
    x, y = rays.start.T
    vertical = np.minimum(abs(x), abs(x - 1)) < np.minimum(abs(y), abs(y - 1))
    cosine = np.abs(np.where(vertical, rays.direction[:, 0], rays.direction[:, 1]))
    assert (rays.length * cosine).mean() == pytest.approx(0.5, abs=6 * 0.75 / 20_000**0.5)


@pytest.mark.parametrize(
    ("build", "error", "match"),
    [
        (lambda: Disk(0.0), ValueError, "radius must be positive, got 0.0"),
        (lambda: Disk(1.0, (1, 2, 3)), ValueError, r"centre must have shape \(2,\)"),
        (
            lambda: Polygon([[0, 0], [1, 0]]),
            ValueError,
            "at least three points, got 2",
        ),
        (
            lambda: Polygon([[0, 0], [1, 0], [1, 0], [0, 1]]),
            ValueError,
            "1 and 2 must differ",
        ),
        (
            lambda: Polygon([[0, 0], [1, 1], [1, 0], [0, 1]]),
            ValueError,
            "edges 0 and 2 meet",
        ),
        (
            lambda: Polygon([[0, 0], [2, 0], [2, 2], [1, 0], [0, 2]]),
            ValueError,
            "0 and 2",
        ),
        (
            lambda: Polygon([[0, 0], [2, 0], [1, 0]]),
            ValueError,
            "turns back at vertex 1",
        ),
        (
            lambda: Polygon.from_curve(flower, 2),
            ValueError,
            "n must be at least 3, got 2",
        ),
        (
            lambda: Rays("disk", [[0, 0]], [[1, 0]]),
            TypeError,
            "domain must be a m4dl Disk",
        ),  # type: ignore[arg-type]
        (
            lambda: Rays(DISK, [[0, 0], [9, 9]], [[1, 0], [0, 1]]),
            ValueError,
            r"start: ray 1 misses Disk\(.*the line through \(9, 9\) along \(0, 1\) \(1 such",
        ),
        (
            lambda: Rays(DISK, [[0, 0]], [[0, 0]]),
            ValueError,
            "must not be zero.*for ray 0",
        ),
        (
            lambda: Rays(DISK, [[0, 0]], [[1, 0]] * 2),
            ValueError,
            r"shape \(1, 2\), as start",
        ),
        (lambda: Rays(DISK, np.empty((0, 2)), np.empty((0, 2))), ValueError, "got none"),
        (lambda: Rays(DISK, [[0, np.nan]], [[1, 0]]), ValueError, "start must be finite"),
        # touching two corners of the L from outside
        (lambda: Rays.through(ELL, [[3, 0]], [[0, 3]]), ValueError, "a: ray 0 misses"),
        (lambda: Rays.through(ELL, [[3, 0]], [[3, 0]]), ValueError, "twice for ray 0"),
        (
            lambda: Rays.parallel(DISK, [0.0], [0, 1.7]),
            ValueError,
            "offsets: ray 1 misses",
        ),
        (
            lambda: Rays.fan(DISK, [[5.0, 0]], [0.0, 2.0]),
            ValueError,
            "angles: ray 1 misses",
        ),
        (lambda: Rays.fan(DISK, [[0.4, -0.3]], [0.0]), ValueError, "centre, got row 0"),
        (
            lambda: Rays.random(DISK, 0, seed=1),
            ValueError,
            "count must be at least 1, got 0",
        ),
        (
            lambda: Rays.random(ELL, 3, seed=1).incidence,
            ValueError,
            "incidence is defined",
        ),
        (
            lambda: Rays.random(DISK, 3, seed=1).quadrature(0.0),
            ValueError,
            "step must be pos",
        ),
        (
            lambda: Rays.random(DISK, 3, seed=1).quadrature(1e-9),
            ValueError,
            "step must give",
        ),
        (lambda: m4dl.domains.disk_mesh(0), ValueError, "rings must be at least 1, got 0"),
        (
            lambda: m4dl.domains.disk_mesh(3, radius=-1.0),
            ValueError,
            "radius must be positive, got -1.0",
        ),
    ],
)
def test_refusals(build: Callable[[], Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        build()


@pytest.mark.parametrize("rings", [1, 2, 17])
def test_the_mesh_of_a_disk(rings: int) -> None:
    mesh = m4dl.domains.disk_mesh(rings, 1.7, (0.4, -0.3))
    count = 1 + 3 * rings * (rings + 1)
    assert (len(mesh.points), len(mesh.cells)) == (count, 6 * rings**2)
    np.testing.assert_array_equal(mesh.boundary, np.arange(count - 6 * rings, count))
    corners = 6 * rings
    exact = 0.5 * corners * 1.7**2 * np.sin(2 * np.pi / corners)
    a, b, c = mesh.points[mesh.cells].transpose(1, 0, 2)
    signed = 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    assert (signed > 0).all()
    assert signed.sum() == pytest.approx(exact, rel=1e-13)  # no gaps, no overlaps
    assert signed.max() < 1.7 * signed.min()
    radii = np.linalg.norm(mesh.points - (0.4, -0.3), axis=1)
    ring = np.repeat(np.arange(rings + 1), [1, *(6 * k for k in range(1, rings + 1))])
    np.testing.assert_allclose(radii, 1.7 * ring / rings, atol=1e-14)


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_rays_are_cut_at_given_times_and_at_the_boundary(
    domain: Disk | Polygon,
) -> None:
    rays = Rays.random(domain, 20, seed=6)
    ray = np.repeat(np.arange(20), 5)
    time = rays.length[ray] * np.tile([-0.1, 0.25, 0.25, 0.7, 1.5], 20)
    q = rays.cut(ray, time)
    own = np.isfinite(domain.crossings(rays.start, rays.direction)).sum(axis=1) - 2
    np.testing.assert_array_equal(np.diff(q.first), 3 + own)  # two cuts, and where the hull is left
    np.testing.assert_allclose(np.add.reduceat(q.width, q.first[:-1]), rays.length, rtol=1e-14)
    middle = q.points.reshape(-1, 2, 2).mean(axis=1)
    both = q.inside.reshape(-1, 2)
    np.testing.assert_array_equal(both[:, 0], both[:, 1])  # a step is inside or outside
    np.testing.assert_array_equal(both[:, 0], domain.contains(middle))
