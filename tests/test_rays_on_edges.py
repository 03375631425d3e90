"""Rays along edges, through corners and along the lines of pixels: the domains are closed."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import m4dl
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from m4dl.domains import Disk
from m4dl.rays import Rays
from problems import Array

SQUARE = [(0, 0), (1, 0), (1, 1), (0, 1)]
Pair = tuple[int, int]


def cross(a: tuple[Fraction, Fraction] | Pair, b: tuple[Fraction, Fraction] | Pair) -> Fraction:
    return Fraction(a[0] * b[1] - a[1] * b[0])


def holds(vertices: list[Pair], x: tuple[Fraction, Fraction]) -> bool:
    """Whether the closed polygon holds a point, in exact arithmetic."""
    odd = False
    for (ax, ay), (bx, by) in zip(vertices, vertices[1:] + vertices[:1], strict=True):
        side = cross((bx - ax, by - ay), (x[0] - ax, x[1] - ay))
        within = min(ax, bx) <= x[0] <= max(ax, bx) and min(ay, by) <= x[1] <= max(ay, by)
        if side == 0 and within:
            return True
        if (ay > x[1]) != (by > x[1]) and (side > 0) == (by > ay):
            odd = not odd
    return odd


def pieces(vertices: list[Pair], start: Pair, direction: Pair) -> list[tuple[Fraction, Fraction]]:
    """Where a line lies in the closed polygon, in units of its direction: exact, point by point."""
    cuts = set()
    for (ax, ay), (bx, by) in zip(vertices, vertices[1:] + vertices[:1], strict=True):
        edge, apart = (bx - ax, by - ay), (ax - start[0], ay - start[1])
        over = cross(direction, edge)
        if over != 0:
            if 0 <= cross(apart, direction) / over <= 1:
                cuts.add(cross(apart, edge) / over)
        elif cross(apart, direction) == 0:
            axis = 0 if direction[0] else 1
            cuts |= {Fraction(v[axis] - start[axis], direction[axis]) for v in ((ax, ay), (bx, by))}
    ordered = sorted(cuts)
    out: list[tuple[Fraction, Fraction]] = []
    for a, b in pairwise(ordered):
        middle = (a + b) / 2
        x = tuple(s + middle * v for s, v in zip(start, direction, strict=True))
        if holds(vertices, x):  # type: ignore[arg-type]
            out = [*out[:-1], (out[-1][0], b)] if out and out[-1][1] == a else [*out, (a, b)]
    return out


lattice = st.tuples(st.integers(-3, 3), st.integers(-3, 3))


@st.composite
def stars(draw: st.DrawFn) -> list[Pair]:
    """Corners on the lattice around the origin, one in each direction: often not convex."""
    corners = draw(st.lists(lattice.filter(any), min_size=3, max_size=9))
    nearest = {round(np.arctan2(y, x), 9): (x, y) for x, y in corners}
    vertices = [nearest[angle] for angle in sorted(nearest)]
    turns = [cross(a, b) for a, b in zip(vertices, vertices[1:] + vertices[:1], strict=True)]
    assume(len(vertices) >= 3 and all(turn > 0 for turn in turns))
    return vertices


@settings(max_examples=300, deadline=None, derandomize=True)
@given(stars(), lattice, lattice.filter(any), st.booleans(), st.sampled_from([0.0, 1e3]))
def test_a_line_has_what_it_shares_with_the_closed_polygon(
    vertices: list[Pair], start: Pair, direction: Pair, turned: bool, away: float
) -> None:
    """Against exact arithmetic, with corners and edges on the line; also turned, and far away."""
    expected = pieces(vertices, start, direction)
    c, s = np.cos(0.7), np.sin(0.7)
    turn = np.array([[c, s], [-s, c]]) if turned else np.eye(2)
    domain = m4dl.domains.Polygon(np.array(vertices, dtype=float) @ turn + away)
    x, v = np.array([start], dtype=float) @ turn + away, np.array([direction], dtype=float) @ turn
    if not expected:
        with pytest.raises(ValueError, match="misses"):
            Rays(domain, x, v)
        return
    rays = Rays(domain, x, v)
    unit = float(np.hypot(*direction))
    begin, end = float(expected[0][0]) * unit, float(expected[-1][1]) * unit
    np.testing.assert_allclose(rays.length, end - begin, atol=1e-9)
    np.testing.assert_allclose(rays.start, x + begin * v / unit, atol=1e-9)
    # The parts inside, of each ray and of its way back.
    own = unit * float(sum(b - a for a, b in expected))
    for family in (rays, Rays(domain, x, -v)):
        q = family.quadrature(0.5)
        assert 0.5 * (np.repeat(q.width, 2) * q.inside).sum() == pytest.approx(own, abs=1e-9)


@pytest.mark.parametrize("side", range(4))
@pytest.mark.parametrize("sense", [1.0, -1.0])
def test_every_side_of_a_square_is_a_ray_of_length_one(side: int, sense: float) -> None:
    a, b = np.array([SQUARE[side]], dtype=float), np.array([SQUARE[(side + 1) % 4]], dtype=float)
    for vertices in (SQUARE, SQUARE[::-1]):
        rays = Rays(m4dl.domains.Polygon(vertices), 0.5 * (a + b), sense * (b - a))
        np.testing.assert_array_equal(rays.length, [1.0])
        np.testing.assert_array_equal(rays.start, a if sense > 0 else b)


@pytest.mark.parametrize(
    "disk",
    [Disk(), Disk(1.7, (0.4, -0.3)), Disk(2e4, (3, 5e6))],
)
def test_no_tangent_is_a_ray_of_a_disk(disk: Disk) -> None:
    """The chord of a line at 1 - e of the radius is sqrt(8 e) of it: rounding would decide."""
    for angle in np.linspace(0.0, 6.0, 50):
        for side in (-1.0, 1.0):
            with pytest.raises(ValueError, match="misses"):
                Rays.parallel(disk, [angle], [side * disk.radius])
            inside = Rays.parallel(disk, [angle], [side * (1 - 1e-6) * disk.radius])
            # The distance from the centre is rounded to 2e-16 (|x|/r + 1), below 1e-13 here.
            chord = 2 * disk.radius * np.sqrt(2e-6 - 1e-12)
            np.testing.assert_allclose(inside.length, chord, rtol=1e-6)


@pytest.mark.parametrize("n", [3, 7, 10])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("low", [0.0, -0.2, 1e4])
def test_a_ray_between_two_rows_of_pixels_has_half_of_each(n: int, axis: int, low: float) -> None:
    """Which one it had was left to the rounding of its coordinate."""
    field: Array = np.random.default_rng(0).standard_normal((n, n))
    grid = m4dl.Grid((n, n), [(low, low + 1)] * 2)
    lines = low + np.arange(n + 1) / n
    start, along = np.full((n + 1, 2), low + 0.5), np.zeros((n + 1, 2))
    start[:, axis], along[:, 1 - axis] = lines, 1.0
    domain = m4dl.domains.Polygon(low + np.array(SQUARE))
    mean = field.mean(axis=1 - axis)
    expected = np.concatenate([mean[:1], 0.5 * (mean[1:] + mean[:-1]), mean[-1:]])
    for sense in (1.0, -1.0):
        model = m4dl.XRay(Rays(domain, start, sense * along), grid, at="cells")
        np.testing.assert_allclose(model(field.ravel()), expected, atol=1e-11)
        # and a ray just beside the line has the row that it is in
        beside = start.copy()
        beside[1:-1, axis] += 1e-6
        model = m4dl.XRay(Rays(domain, beside, sense * along), grid, at="cells")
        np.testing.assert_allclose(model(field.ravel())[1:-1], mean[1:], atol=1e-11)
