"""Priors have the mean and the covariance they promise."""

from __future__ import annotations

from collections.abc import Callable

import m4dl
import numpy as np
import oracles as o
import pytest
from catalogue import PRIORS
from m4dl.domains._fields import stiffness_and_mass
from m4dl.priors import Prior, contraction_rate, rescale_for
from m4dl.priors.sparse import sparse_core, sparse_variance
from problems import Array
from rows import BOX2, BOX3, PriorRow, grid, simplices
from scipy import sparse
from scipy.fft import dctn

CORRECTED = [row for row in PRIORS if "matern" in row.name and "neumann" not in row.name]


def factor(prior: m4dl.Prior) -> Array:
    """The matrix T of the affine map theta = mean + T xi, (D, W)."""
    return (prior.push(np.eye(prior.white)) - prior.push(np.zeros(prior.white))).T


@pytest.mark.parametrize("row", PRIORS, ids=str)
def test_mean_and_covariance(row: PriorRow) -> None:
    prior = row.build()
    expected = np.broadcast_to(row.mean() if callable(row.mean) else row.mean, prior.parameters)
    # An interpolation sums four products of numbers below 2, each rounded; others have it as given.
    np.testing.assert_allclose(
        prior.mean, expected, rtol=0, atol=4e-15 if "inter" in row.name else 0
    )
    np.testing.assert_array_equal(prior.push(np.zeros(prior.white)), prior.mean)
    covariance, t = row.covariance(), factor(prior)
    assert t.shape == (prior.parameters, prior.white)
    # The oracle inverts (kappa^2 M + S)^alpha densely: condition numbers to 1e6, 1e6 eps = 2e-10.
    atol = 1e-9 * np.abs(covariance).max()
    np.testing.assert_allclose(t @ t.T, covariance, rtol=0, atol=atol)
    std = np.sqrt(np.diag(covariance))
    for found in (prior.marginal_std(), Prior.marginal_std(prior)):  # known, and by solves
        np.testing.assert_allclose(found, std, rtol=0, atol=1e-9 * std.max())


@pytest.mark.parametrize("row", CORRECTED, ids=str)
def test_a_corrected_field_has_its_std_everywhere(row: PriorRow) -> None:
    prior = row.build()
    assert isinstance(prior, m4dl.MaternPrior)
    np.testing.assert_allclose(Prior.marginal_std(prior), prior.std, rtol=1e-11)


@pytest.mark.parametrize("row", PRIORS, ids=str)
def test_draws(row: PriorRow, seed: Callable[[int], int]) -> None:
    """Draws are pushed white noise, and their mean and variance are the prior's."""
    prior = row.build()
    base = seed(30)
    draws = prior.draw(2000, base)
    assert draws.shape == (2000, prior.parameters)
    np.testing.assert_array_equal(draws[:3], prior.draw(3, base))
    assert not (draws[:3] == prior.draw(3, base + 1)).all()
    std = prior.marginal_std()
    inside = std > 1e-12  # a series vanishes on the boundary
    z = (draws[:, inside] - prior.mean[inside]) / std[inside]
    # Means have standard error 1/sqrt(n), variances sqrt(2/n): six of them, for up to 200 values
    # (200 * 2e-9).
    assert np.abs(z.mean(axis=0)).max() < 6.0 / np.sqrt(2000)
    assert np.abs((z**2).mean(axis=0) - 1.0).max() < 6.0 * np.sqrt(2.0 / 2000)


def test_docstring_figures() -> None:
    """MaternPrior: 1.41 on an edge, 2.0 in a corner, 1 within one length (smoothness 1)."""
    mesh = m4dl.Grid((64, 64))
    options = {"length": 0.2, "smoothness": 1.0, "boundary": "neumann"}
    std = m4dl.MaternPrior(mesh, **options).marginal_std().reshape(65, 65)
    # Times too high, beside the middle (where the lattice makes it 1.013); one length is 13 cells.
    middle = std[32, 32]
    assert std[0, 32] / middle == pytest.approx(1.41, abs=0.006)
    assert std[0, 0] / middle == pytest.approx(2.0, abs=0.01)
    assert std[13, 32] / middle == pytest.approx(1.0, abs=0.03)
    assert middle == pytest.approx(1.0, abs=0.02)
    assert "1.41 times" in str(m4dl.MaternPrior.__doc__)
    assert "2.0 times in a corner" in " ".join(str(m4dl.MaternPrior.__doc__).split())


@pytest.mark.parametrize("smoothness", [0.7, 1.0, 1.5, 2.0, 3.0])
def test_correlation_at_one_length(smoothness: float) -> None:
    """Far from the boundary the correlation is Matern's: about 0.13 at one length."""
    mesh = m4dl.Grid((128, 128), ((0.0, 4.0), (0.0, 4.0)))
    prior = m4dl.MaternPrior(mesh, length=0.5, smoothness=smoothness, std=2.0)
    middle = np.ravel_multi_index((64, 64), (129, 129))
    row = np.zeros(prior.parameters)
    row[middle] = 1.0
    covariance = prior.push(prior.pull(np.zeros(prior.white), row)).reshape(129, 129)
    correlation = covariance[64, 64:] / 4.0
    exact = o.matern_correlation(np.arange(65) / 32.0, 0.5, smoothness)
    # The lattice spectrum (2 - 2 cos(p h))/h^2 falls short of p^2 by h^2 p^4/12, which moves the
    # covariance by O((kappa h)^2), with a logarithm for smoothness 1 in 2-D; the images at the
    # boundary, four lengths away, add less than 1e-3.
    square = 8.0 * smoothness / 16**2
    atol = 0.25 * square * (1.0 - np.log(square)) + 1e-3
    np.testing.assert_allclose(correlation, exact, rtol=0, atol=atol)
    assert correlation[16] == pytest.approx(0.13, abs=0.02)


@pytest.mark.parametrize(
    ("alpha", "kappa", "d", "exponent"),
    [
        (3.0, 0, 2, 1 / 8),  # X-ray, Monard, Nickl, Paternain: 1/(2 alpha + 2)
        (2.5, 0, 1, 1 / 12),  # Schroedinger, Nickl, Wang: d/(4 alpha + 2 d)
        (4.0, 0, 3, 3 / 22),
        (3.0, 1, 2, 1 / 10),  # divergence form, Giordano, Nickl: d/(4 alpha + 4 + 2 d)
        (3.0, 2, 2, 1 / 12),  # Schroedinger, general theory: d/(4 alpha + 8 + 2 d)
    ],
)
def test_rescale_for(alpha: float, kappa: float, d: int, exponent: float) -> None:
    factor = rescale_for(1000, alpha, kappa, d)
    assert factor == pytest.approx(1000**-exponent, rel=1e-14)
    # twice the exponent, as in some published code; and the noise: N/sigma^2 in place of N
    double = rescale_for(1000, alpha, kappa, d, multiple=2.0)
    assert double == pytest.approx(1000 ** (-2 * exponent), rel=1e-14)
    noisy = rescale_for(1000, alpha, kappa, d, sigma=0.1)
    assert noisy == pytest.approx(100_000**-exponent, rel=1e-14)


def test_rescaling_by_smoothness() -> None:
    """A Matern field of smoothness nu has alpha = nu + d/2, here 3."""
    nu, d = 2.0, 2
    assert rescale_for(200, nu + d / 2, 0, d) == pytest.approx(200 ** (-1 / 8))


def test_series_coefficients() -> None:
    """theta = mean + sum s_k xi_k e_k with e_k orthonormal in L2: s_k is what mode_std says."""
    mesh = m4dl.Grid((24, 20), ((0.0, 2.0), (0.0, 1.0)))
    prior = m4dl.SeriesPrior(mesh, modes=7, alpha=2.0, std=0.7)
    fields = factor(prior)
    mass = o.matern_matrices(o.Box((24, 20), mesh.extent), "nodes")[0]
    # The trapezoid rule is exact for products of sines below the grid's frequency.
    np.testing.assert_allclose(fields.T @ mass @ fields, np.diag(prior.mode_std**2), atol=1e-13)
    np.testing.assert_allclose(prior.mode_std, prior.mode_std[0] * (
        prior.eigenvalues / prior.eigenvalues[0]
    ) ** -1.0)  # fmt: skip
    # std^2 is the mean over the domain of the variance
    variance = (fields**2).sum(axis=1)
    assert mass.diagonal() @ variance / mesh.measure == pytest.approx(0.7**2, rel=1e-12)
    assert (np.diff(prior.eigenvalues) >= 0.0).all()


def test_a_matern_length_beyond_double_precision_is_refused() -> None:
    """At length 1e6 the factor of kappa^2 M + S had lost the standard deviation in the rounding."""
    mesh = simplices(o.disk_triangulation(3, 1.2))
    with pytest.raises(ValueError, match=r"length must be at most \S+ on this mesh, got 1e\+06"):
        m4dl.MaternPrior(mesh, length=1e6)
    # rounding 1e-16 x condition 2.5e10
    std = Prior.marginal_std(m4dl.MaternPrior(mesh, length=1e4))
    np.testing.assert_allclose(std, 1.0, rtol=1e-5)


MANY_NODES = m4dl.TriangleMesh.rectangle((40, 30)), m4dl.TetrahedronMesh.box((9, 8, 10))


@pytest.mark.parametrize("mesh", MANY_NODES, ids=repr)
@pytest.mark.parametrize("power", [0, 1, 2, 3])
def test_variances_from_the_factor(mesh: m4dl.TriangleMesh, power: int) -> None:
    """The diagonal of (A^{-1} M)^k A^{-1} against dense inverses, over many supernodes."""
    stiffness, mass = stiffness_and_mass(mesh)
    A = 30.0 * sparse.diags_array(mass) + stiffness
    inverse = np.linalg.inv(A.toarray())
    dense = np.linalg.matrix_power(inverse * mass, power) @ inverse
    found = sparse_variance(A, mass, power, mesh.points)
    # condition numbers below 1e3
    np.testing.assert_allclose(found, dense.diagonal(), rtol=1e-11)
    bare = sparse_variance(A, mass, power, np.zeros((0, 0)))  # another order of elimination
    np.testing.assert_allclose(bare, found, rtol=1e-11)


def test_variances_of_several_pieces_and_of_one_unknown() -> None:
    """Matrices that fall apart have several roots; M need not be that of the mesh, nor positive."""
    blocks = [np.array([[3.0]]), np.array([[2.0, -1.0], [-1.0, 2.0]]), np.diag([4.0, 5.0])]
    A, mass = sparse.block_diag(blocks), np.array([1.0, 0.0, -2.0, 3.0, 0.5])
    inverse = np.linalg.inv(A.toarray())
    expected = (inverse * mass @ inverse).diagonal()
    found = sparse_variance(A, mass, 1, np.zeros((0, 0)))
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    with pytest.raises(ValueError, match="A must be positive definite"):
        sparse_variance(-A, mass, 1, np.zeros((0, 0)))


@pytest.mark.parametrize("diagonal", [True, False])
def test_std_of_a_sparse_prior(diagonal: bool) -> None:
    rng = np.random.default_rng(3)
    A = sparse.diags_array([np.full(6, 3.0), -np.ones(5), -np.ones(5)], offsets=[0, 1, -1])
    D = np.diag(rng.uniform(0.5, 2.0, 6)) if diagonal else rng.standard_normal((6, 4))
    prior = m4dl.SparsePrior(A, sparse.coo_array(D))
    t = np.linalg.solve(A.toarray(), D)
    np.testing.assert_allclose(prior.marginal_std() ** 2, (t @ t.T).diagonal(), rtol=1e-13)
    bare = np.linalg.inv(A.toarray())
    np.testing.assert_allclose(
        m4dl.SparsePrior(A).marginal_std() ** 2, (bare @ bare).diagonal(), rtol=1e-13
    )


@pytest.mark.parametrize("length", [1e-9, 1e9])
def test_a_matern_field_on_a_grid_may_have_any_length(length: float) -> None:
    """Nothing is factored there: neither white noise nor a constant loses a digit."""
    prior = m4dl.MaternPrior(m4dl.Grid((16, 16)), length=length, smoothness=2.0)
    np.testing.assert_allclose(Prior.marginal_std(prior), 1.0, rtol=1e-13)


@pytest.mark.parametrize("at", ["nodes", "interior", "cells"])
@pytest.mark.parametrize("box", [o.Box((30,), ((-1.0, 0.5),)), BOX2, BOX3], ids=str)
@pytest.mark.parametrize("alpha", [2, 3, 4])
def test_a_sparse_factor_gives_the_same_law(box: o.Box, at: str, alpha: int) -> None:
    """Fast transforms, and (A^{-1} M)^{q-1} A^{-1} M^{1/2} xi or (A^{-1} M)^q L^{-T} xi."""
    std, length, nu = 1.3, 0.4, alpha - box.dim / 2
    prior = m4dl.MaternPrior(
        grid(box), std=std, length=length, smoothness=nu, at=at, boundary="neumann"
    )
    mass, stiffness = (sparse.csr_array(x) for x in o.matern_matrices(box, at))
    kappa, tau, _ = o.priors.scale(box.dim, std, length, nu)
    n = prior.parameters
    odd = alpha % 2 == 1
    core = sparse_core(
        kappa**2 * mass + stiffness,
        None if odd else sparse.diags_array(np.sqrt(mass.diagonal())),
        mass.diagonal(), alpha // 2 - (not odd), np.full(n, tau), np.zeros(n),
        box.coordinates(at),
    )  # fmt: skip
    expected = factor(m4dl.priors.Prior(core, np.zeros(n)))
    t = factor(prior)
    covariance = expected @ expected.T
    # condition numbers to 1e4
    np.testing.assert_allclose(t @ t.T, covariance, rtol=0, atol=1e-12 * covariance.max())


@pytest.mark.parametrize("at", ["nodes", "interior", "cells"])
def test_white_noise_on_a_grid_is_the_cosine_transform(at: str) -> None:
    """xi_k belongs to the wave number k: the first is the mean, and scipy has the same basis."""
    prior = m4dl.MaternPrior(m4dl.Grid((6, 9)), at=at, boundary="neumann", smoothness=0.7)
    shape = prior.domain.shape_of(at)
    weights = [np.ones(n) for n in shape]
    kind = 2
    if at == "nodes":
        kind = 1
        for w in weights:
            w[[0, -1]] = 0.5
    fields = factor(prior).T.reshape(-1, *shape) * np.sqrt(np.multiply.outer(*weights))
    modes = np.stack([dctn(f, kind, norm="ortho").ravel() for f in fields])
    std = modes.diagonal()
    np.testing.assert_allclose(modes, np.diag(std), rtol=0, atol=1e-13 * std[0])
    assert (std > 0.0).all()
    assert std.argmax() == 0


def test_contraction_rate() -> None:
    """With the rescaled prior the forward error is N^{-(alpha + kappa)/(2 alpha + 2 kappa + d)}."""
    assert contraction_rate(2.0, 1, 1) == pytest.approx(-2 / 7)
    assert contraction_rate(2.0, 1, 1, order=-1) == pytest.approx(-3 / 7)
    # N^{-1/2} for functionals is approached by ever weaker norms of ever smoother maps
    assert contraction_rate(2.0, 500.0, 1, order=-500) == pytest.approx(-0.5, abs=1e-3)
    # sqrt(N) delta_N is the factor that rescale_for divides by
    delta = 1000 ** contraction_rate(2.0, 1.0, 2, order=-1)
    assert rescale_for(1000, 2.0, 1.0, 2) == pytest.approx(1 / (np.sqrt(1000) * delta))
