"""X-ray transforms: exact integrals, groups, exact non-linear data and information."""

from __future__ import annotations

from typing import Any

import m4dl
import numpy as np
import oracles as o
import pytest
from m4dl.models._paths import default_step
from m4dl.rays import Rays
from problems import Array
from rows import simplices
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.ndimage import rotate

UNIT = m4dl.domains.Disk()
SQUARE = m4dl.Grid((12, 10), ((-1.05, 1.1), (-1.1, 1.05)))
DISK = simplices(o.disk_triangulation(6))
ENCLOSING = simplices(o.disk_triangulation(5, 1.3))
RAYS = Rays.random(UNIT, 40, seed=1)
GROUPS = ["so(3)", "su(2)", "so(2)", "so(4)", "so(5)"]


def hat(a: Array) -> Array:
    return np.cross(a, np.eye(3)).T


@pytest.mark.parametrize("field", [SQUARE, ENCLOSING], ids=repr)
def test_linear_fields_are_integrated_exactly(field: Any) -> None:
    """int a + b . x along a chord is its length times the value in its middle."""
    x, middle = field.coordinates("nodes"), RAYS.start + 0.5 * RAYS.length[:, None] * RAYS.direction
    b = np.array([1.3, -0.4])
    exact = RAYS.length * (0.7 + middle @ b)
    # 30 cells a ray, each with a rounding of its end points: 1e2 eps
    np.testing.assert_allclose(m4dl.XRay(RAYS, field)(0.7 + x @ b), exact, rtol=0, atol=3e-14)


@pytest.mark.parametrize("field", [SQUARE, DISK, ENCLOSING], ids=repr)
def test_cut_at_the_cells_the_transform_of_a_rough_field_is_exact(field: Any) -> None:
    """Against short steps, whose error is that of the kinks: h^2/8 times the jumps of the slope."""
    theta = np.random.default_rng(2).standard_normal(field.size_of("nodes"))
    step, cells = 1e-3, 40
    slope = 2.0 * np.abs(theta).max() / 0.1
    fine = m4dl.XRay(RAYS, field, step=step)(theta)
    error = np.abs(m4dl.XRay(RAYS, field)(theta) - fine).max()
    assert error < cells * slope * step**2 / 8.0
    assert np.abs(m4dl.XRay(RAYS, field, step=0.2)(theta) - fine).max() > 10.0 * error


def test_pixels_weigh_as_long_as_the_ray_is_in_them() -> None:
    """Against the slab method, pixel by pixel."""
    matrix = m4dl.XRay(RAYS, SQUARE, at="cells")(np.eye(120)).T
    low = np.array([e[0] for e in SQUARE.extent])
    for k, corner in enumerate(
        np.stack(np.meshgrid(range(12), range(10), indexing="ij"), -1).reshape(-1, 2)
    ):
        box = low + (corner[None] + [[0, 0], [1, 1]]) * np.asarray(SQUARE.spacing)
        ends = (box[:, None] - RAYS.start) / RAYS.direction
        enter = np.maximum(ends.min(axis=0).max(axis=1), 0.0)
        leave = np.minimum(ends.max(axis=0).min(axis=1), RAYS.length)
        np.testing.assert_allclose(matrix[:, k], np.maximum(leave - enter, 0.0), atol=1e-12)


def bumps(x: Array) -> Array:
    out = np.zeros(x.shape[:-1])
    for centre, width, height in (((0.2, 0.1), 0.12, 1.0), ((-0.3, -0.2), 0.15, -0.7)):
        out += height * np.exp(-0.5 * ((x - centre) ** 2).sum(axis=-1) / width**2)
    return out


def test_tomography_of_gaussian_bumps() -> None:
    """The Radon transform of a bump is a bump: height sqrt(2 pi) w exp(-(s - n . c)^2/2 w^2)."""
    angles, offsets = np.pi * np.arange(24) / 24, np.linspace(-0.9, 0.9, 31)
    rays = Rays.parallel(UNIT, angles, offsets)
    grid = m4dl.Grid((96, 96), ((-1, 1), (-1, 1)))
    sinogram = m4dl.XRay(rays, grid)(bumps(grid.coordinates("nodes"))).reshape(24, 31)
    exact = np.zeros((24, 31))
    normal = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for centre, width, height in (((0.2, 0.1), 0.12, 1.0), ((-0.3, -0.2), 0.15, -0.7)):
        s = offsets - (normal @ centre)[:, None]
        exact += height * np.sqrt(2 * np.pi) * width * np.exp(-0.5 * s**2 / width**2)
    # Bilinear interpolation errs by h^2/8 (|f_xx| + |f_yy|) <= h^2/8 2/w^2 over a path of 4 w.
    assert np.abs(sinogram - exact).max() < (2 / 96) ** 2 / 8 * 2 / 0.12**2 * 4 * 0.12


def test_tomography_agrees_with_a_projector_that_rotates_the_image() -> None:
    n = 64
    grid = m4dl.Grid((n, n), ((-1, 1), (-1, 1)))
    image = bumps(grid.coordinates("cells")).reshape(n, n)
    offsets = grid.coordinates("cells").reshape(n, n, 2)[:, 0, 0]
    for degrees in (0.0, 30.0, 77.0):
        rays = Rays.parallel(UNIT, [np.deg2rad(degrees)], offsets)
        turned = rotate(image, -degrees, reshape=False, order=3)
        expected = turned.sum(axis=1) * 2 / n
        projected = m4dl.XRay(rays, grid, at="cells")(image.ravel())
        # Pixels are constant in one and splines in the other: an offset of half a pixel changes a
        # sum by h/2 |f'| h per row over a path of 4 w, with random signs.
        assert np.abs(projected - expected).max() < 0.02 * np.abs(expected).max()


@pytest.mark.parametrize("group", GROUPS)
def test_data_are_in_the_group(group: str) -> None:
    model = m4dl.NonAbelianXRay(RAYS, DISK, group=group)
    rng = np.random.default_rng(3)
    c = model.matrices(model(1.2 * rng.standard_normal((8, model.parameters))))
    assert np.isfinite(c).all()
    eye = np.eye(model.n)
    assert np.abs(c @ c.conj().swapaxes(-1, -2) - eye).max() < 1e-12
    assert np.abs(np.linalg.det(c) - 1.0).max() < 1e-12


@pytest.mark.parametrize("group", GROUPS)
def test_matrix_fields_and_coefficients(group: str) -> None:
    model = m4dl.NonAbelianXRay(RAYS, DISK, group=group)
    theta = np.random.default_rng(4).standard_normal((2, model.parameters))
    phi = model.matrix_field(theta)
    np.testing.assert_allclose(phi, -phi.conj().swapaxes(-1, -2), atol=1e-15)
    np.testing.assert_allclose(model.coefficients(phi), theta, rtol=1e-14, atol=1e-14)
    y = model(theta)
    np.testing.assert_array_equal(model.vector(model.matrices(y)), y)
    # a constant field: C = exp(tau Phi)
    constant = np.repeat([0.5, -0.8, 0.3, 0.2, 0.4, -0.1, 0.6, 0.1, -0.3, 0.2], len(DISK.points))
    constant = constant[: model.parameters]
    phi = model.matrix_field(constant)[0]
    expected = np.stack([expm(tau * phi) for tau in RAYS.length])
    np.testing.assert_allclose(model.matrices(model(constant)), expected, atol=1e-13)
    shifted = model.matrix_field(theta)
    shifted[1, 3, 0, 0] += 0.1
    with pytest.raises(ValueError, match=r"field must be in .*\(1, 3\)"):
        model.coefficients(shifted)


def test_su2_covers_so3() -> None:
    """The rotation of a frame: R_ij = Re tr(sigma_i U sigma_j U*)/2."""
    theta = np.random.default_rng(5).standard_normal(3 * len(DISK.points))
    spin = m4dl.NonAbelianXRay(RAYS, DISK, group="su(2)")
    u = spin.matrices(spin(theta))
    sigma = o.PAULI
    adjoint = 0.5 * np.einsum("iab,nbc,jcd,nad->nij", sigma, u, sigma, u.conj()).real
    turn = m4dl.NonAbelianXRay(RAYS, DISK)
    np.testing.assert_allclose(turn.matrices(turn(theta)), adjoint, atol=1e-13)


def test_a_field_in_one_direction_is_linear_tomography() -> None:
    """Phi = f hat(a): C = exp(hat(a) I f), and the derivative along h hat(a) has norm
    |dC|^2 = 2 |a|^2 |I h|^2, whatever f.
    """
    a = np.array([0.6, -0.3, 0.9])
    f, h = np.random.default_rng(6).standard_normal((2, len(DISK.points)))
    linear = m4dl.XRay(RAYS, DISK, step=0.15)
    model = m4dl.NonAbelianXRay(RAYS, DISK, step=0.15)
    theta, direction = np.kron(a, f), np.kron(a, h)
    expected = np.stack([expm(hat(a) * t) for t in linear(f)])
    np.testing.assert_allclose(model.matrices(model(theta)), expected, atol=1e-13)
    moved = model.matrices(model.push(theta, direction))
    np.testing.assert_allclose(
        (moved**2).sum(axis=(1, 2)), 2 * a @ a * linear(h) ** 2, rtol=1e-12, atol=1e-13
    )
    # and the information, J' J = 2 |a|^2 I' I on fields in that direction
    pulled = model.pull(theta, model.push(theta, direction)).reshape(3, -1)
    np.testing.assert_allclose(
        a @ pulled, 2 * (a @ a) * linear.pull(f, linear(h)), rtol=1e-11, atol=1e-12
    )


@pytest.mark.parametrize("group", ["so(3)", "so(4)"])
def test_a_step_that_turns_too_far_has_failed(group: str) -> None:
    model = m4dl.NonAbelianXRay(RAYS, DISK, group=group, step=2.0)
    size = len(DISK.points)
    strong = np.zeros((2, model.parameters))
    strong[1, :size] = 4.0
    y = model(strong)
    assert np.isfinite(y[0]).all()
    assert np.isnan(y[1]).any()
    fine = m4dl.NonAbelianXRay(RAYS, DISK, group=group, step=0.1)
    assert np.isfinite(fine(strong)).all()


def test_attenuation_known_is_attenuation_unknown() -> None:
    psi = 0.3 * np.random.default_rng(7).standard_normal(len(DISK.points))
    f = np.random.default_rng(8).standard_normal(len(DISK.points))
    unknown = m4dl.AttenuatedXRay(RAYS, DISK, link="exp", floor=0.1)
    known = m4dl.AttenuatedXRay(RAYS, DISK, attenuation=0.1 + np.exp(psi))
    np.testing.assert_allclose(unknown(np.concatenate([f, psi])), known(f), rtol=1e-13, atol=1e-14)
    # constant attenuation and source: (1 - exp(-a tau))/a, to the order of the method
    uniform = m4dl.AttenuatedXRay(RAYS, DISK, attenuation=0.8)(np.ones(len(f)))
    step = default_step(DISK)
    exact = (1 - np.exp(-0.8 * RAYS.length)) / 0.8
    assert (
        np.abs(uniform - exact).max() < 2 * (0.8 * step) ** 4 / 4320
    )  # of the quadrature: tau h^4 f^(4)/4320
    function = m4dl.AttenuatedXRay(RAYS, DISK, attenuation=lambda x: np.full(len(x), 0.8))
    np.testing.assert_array_equal(function(f), m4dl.AttenuatedXRay(RAYS, DISK, attenuation=0.8)(f))
    none = m4dl.AttenuatedXRay(RAYS, DISK, attenuation=0.0, step=0.1)
    np.testing.assert_allclose(none(f), m4dl.XRay(RAYS, DISK, step=0.1)(f), rtol=1e-14, atol=1e-15)


def test_fields_end_where_a_non_convex_domain_does() -> None:
    """A ray over a notch: only what lies in the domain counts."""
    notched = m4dl.domains.Polygon(
        [[0, 0], [1, 0], [1, 1], [0.7, 1], [0.7, 0.4], [0.4, 0.4], [0.4, 1], [0, 1]]
    )
    ray = Rays(notched, [[0.0, 0.8]], [[1.0, 0.0]])
    grid = m4dl.Grid((7, 7))
    assert m4dl.XRay(ray, grid)(np.ones(64)) == pytest.approx(0.7, abs=1e-14)
    model = m4dl.NonAbelianXRay(ray, grid)
    constant = np.repeat([0.0, 0.0, 1.0], 64)
    turned = expm(0.7 * hat(np.array([0.0, 0.0, 1.0])))
    np.testing.assert_allclose(model.matrices(model(constant))[0], turned, atol=1e-14)


def test_geodesics_against_the_coupled_equations() -> None:
    """Hamilton's equations with W' = -Phi(x) W from the entry: C = W(tau)^{-1}."""
    angle, incidence = np.array([0.3, 2.0, 4.0]), np.array([0.0, -0.7, 1.2])

    def speed(r: Array) -> Array:
        return np.asarray(1.0 + 0.3 * r**2)

    rays = m4dl.rays.Geodesics(UNIT, angle, incidence, sound_speed=speed)
    a = np.array([0.8, -0.5, 0.4])

    def field(x: Array) -> Array:
        return np.stack([a[0] * x[..., 0], a[1] * x[..., 1], a[2] * (1.0 + x[..., 0])], axis=-1)

    def slope(t: float, state: Array) -> Array:
        x, k, w = state[:2], state[2:4], state[4:].reshape(3, 3)
        c = speed(np.hypot(*x))
        # H = c^2 |k|^2/2; c' r/|r| = 0.6 x
        return np.concatenate([c**2 * k, -c * 0.6 * x * (k @ k), (-hat(field(x)) @ w).ravel()])

    exact = []
    for start, v, tau in zip(rays.start, rays.direction, rays.length, strict=True):
        state = np.concatenate([start, v / speed(np.hypot(*start)), np.eye(3).ravel()])
        end = solve_ivp(slope, (0.0, tau), state, "DOP853", rtol=1e-12, atol=1e-13)
        exact.append(end.y[4:, -1].reshape(3, 3).T)
    nodes = ENCLOSING.points
    theta = field(nodes).T.ravel()  # linear: interpolation is exact
    errors = []
    for step in (0.2, 0.1, 0.05):
        model = m4dl.NonAbelianXRay(rays, ENCLOSING, step=step)
        errors.append(np.abs(model.matrices(model(theta)) - exact).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.3)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(4.0, abs=0.2)
    with pytest.raises(ValueError, match="step must be given for rays that are not straight"):
        m4dl.XRay(rays, ENCLOSING)
    # travel times are the integrals of 1
    times = m4dl.XRay(rays, ENCLOSING, step=0.1)(np.ones(len(nodes)))
    np.testing.assert_allclose(times, rays.length, rtol=1e-13)


@pytest.mark.parametrize("group", ["so(3)", "su(2)"])
@pytest.mark.parametrize("fraction", [1e-9, 0.3, 0.9, 0.999, 1.001])
def test_one_step_turns_by_up_to_half_a_circle(group: str, fraction: float) -> None:
    """A constant field in a single step: the exponential itself, and NaN beyond pi."""
    ray = Rays(UNIT, [[0.0, 0.2]], [[1.0, 0.5]])
    model = m4dl.NonAbelianXRay(ray, ENCLOSING, group=group, step=3.0)
    axis = np.array([2.0, -1.0, 0.5]) / np.sqrt(5.25)
    a = fraction * np.pi / ray.length[0] * axis
    theta = np.repeat(a, len(ENCLOSING.points))
    y = model(theta)
    if fraction > 1.0:
        assert np.isnan(y).all()
    else:
        expected = expm(ray.length[0] * model.matrix_field(theta)[0])
        # the rational function's angle is off by 3e-15 at most; entries by some roundings more
        np.testing.assert_allclose(model.matrices(y)[0], expected, rtol=0, atol=2e-14)
