"""Log densities of priors and posteriors, with their constants and their gradients."""

from __future__ import annotations

from typing import Any

import m4dl
import numpy as np
import pytest
from catalogue import MODELS, PRIORS
from m4dl.priors import Prior
from posteriors import posterior_of
from problems import Array
from rows import BOX2, PriorRow, grid
from scipy import integrate, sparse, stats

SPARSE = sparse.diags_array([[-1.0] * 4, [2.5] * 5, [-1.0] * 4], offsets=[-1, 0, 1])


def flat_gaussian(mean: Any, covariance: Array) -> Any:
    """SciPy's law, which has the same densities on subspaces; eigenvalues below 1e-10 are 0."""
    return stats.multivariate_normal(mean, covariance, allow_singular=True)


@pytest.mark.parametrize("row", PRIORS, ids=str)
def test_the_density_is_scipys(row: PriorRow) -> None:
    prior, covariance = row.build(), row.covariance()
    theta = prior.draw(3, 7)
    value, gradient = prior.log_density_gradient(theta)
    # The oracle's covariance has condition numbers to 1e9 or so and errors of 1e-10 of it: its
    # eigenvalues, and what they weigh, are known to 1e-6 at best.
    law = stats.multivariate_normal(prior.mean, covariance, allow_singular=True)
    np.testing.assert_allclose(value, law.logpdf(theta), rtol=1e-5)
    np.testing.assert_array_equal(value, prior.log_density(theta))
    precise = np.linalg.pinv(covariance, rcond=1e-11, hermitian=True)
    exact = -(theta - prior.mean) @ precise
    np.testing.assert_allclose(gradient, exact, rtol=0, atol=1e-4 * np.abs(exact).max())


@pytest.mark.parametrize("row", PRIORS, ids=str)
def test_structure_or_not_the_density_is_the_same(row: PriorRow) -> None:
    """Each prior by its own structure, and by the singular values of its map alone."""
    prior = row.build()
    T = (prior.push(np.eye(prior.white)) - prior.mean).T
    u, s, _ = np.linalg.svd(T, full_matrices=False)
    rank = int((s > 1e-11 * s[0]).sum())
    theta = prior.draw(4, 8)
    xi = (theta - prior.mean) @ u[:, :rank] / s[:rank]
    # a condition number of T, up to 1e5 here, times eps, in each of |xi|^2 = 100 or so
    exact = -0.5 * (xi**2).sum(axis=1) - np.log(s[:rank]).sum() - 0.5 * rank * np.log(2 * np.pi)
    np.testing.assert_allclose(prior.log_density(theta), exact, rtol=1e-8, atol=1e-8)
    generic = Prior._density_factor(prior)
    assert prior._factor.rank == generic.rank == rank
    assert prior._factor.log_volume == pytest.approx(generic.log_volume, rel=1e-9, abs=1e-9)
    # white space: the density of N(0, I)
    noise = np.random.default_rng(1).standard_normal((2, 3, prior.white))
    white, slope = prior.log_density_gradient(noise, space="white")
    np.testing.assert_allclose(white, stats.norm.logpdf(noise).sum(axis=-1), rtol=1e-13)
    np.testing.assert_array_equal(slope, -noise)
    if rank == prior.white:  # the same up to the volume of the map
        there = prior.log_density(prior.push(noise))
        np.testing.assert_allclose(white - there, prior._factor.log_volume, rtol=1e-8, atol=1e-8)


def test_a_prior_that_fills_no_space_has_its_density_on_its_own() -> None:
    prior = m4dl.SeriesPrior(m4dl.Grid((8, 8)), modes=5, alpha=2.0, mean=1.0)
    theta = prior.draw(3, 1)
    theta[1] += 1e-5  # no combination of the modes
    value, gradient = prior.log_density_gradient(theta)
    np.testing.assert_array_equal(np.isfinite(value), [True, False, True])
    assert value[1] == -np.inf
    np.testing.assert_array_equal(np.isnan(gradient).all(axis=1), [False, True, False])
    # gradients stay in the subspace
    inside = prior._factor.project(gradient[[0, 2]])
    np.testing.assert_allclose(inside, gradient[[0, 2]], rtol=0, atol=1e-10 * np.abs(inside).max())


@pytest.mark.parametrize("columns", [1, 3, 5, 9])
def test_a_sparse_factor_may_be_rectangular(columns: int) -> None:
    D = sparse.csr_array(np.random.default_rng(columns).standard_normal((5, columns)))
    prior = m4dl.SparsePrior(SPARSE, D, mean=0.5)
    T = np.linalg.solve(SPARSE.toarray(), D.toarray())
    theta = prior.draw(20, 3)
    law = flat_gaussian(np.full(5, 0.5), T @ T.T)
    np.testing.assert_allclose(prior.log_density(theta), law.logpdf(theta), rtol=1e-10)
    np.testing.assert_allclose(prior.marginal_std(), np.sqrt(np.diag(T @ T.T)), rtol=1e-12)
    off = np.arange(5.0)
    assert (prior.log_density(off) == -np.inf) == (columns < 5)


@pytest.mark.parametrize(
    "mixing",
    [
        np.array([[2.0, 0.0], [1.0, -0.5]]),
        np.array([[2.0, 0.3], [1.0, -0.5], [0.2, 0.9]]),  # three components of two fields
        np.array([[2.0, 0.3, 1.0], [1.0, -0.5, 0.4]]),
        np.array([[2.0, 1.0], [4.0, 2.0]]),  # the components are one field
        None,
    ],
    ids=["square", "tall", "wide", "of rank 1", "none"],
)
@pytest.mark.parametrize("kind", ["copies", "different", "series"])
def test_mixtures_of_fields(mixing: Array | None, kind: str) -> None:
    domain = m4dl.Grid((4, 3))
    count = 2 if mixing is None else mixing.shape[1]
    if kind == "copies":
        priors = [m4dl.MaternPrior(domain, smoothness=0.8, length=0.3)] * count
    elif kind == "different":
        priors = [m4dl.MaternPrior(domain, smoothness=0.5 + 0.3 * k) for k in range(count)]
    else:
        priors = [m4dl.SeriesPrior(domain, modes=3, alpha=2.0)] * count
    prior = m4dl.VectorPrior(priors, mixing)
    T = (prior.push(np.eye(prior.white)) - prior.mean).T
    theta = prior.draw(6, 2)
    np.testing.assert_allclose(
        prior.log_density(theta), flat_gaussian(prior.mean, T @ T.T).logpdf(theta), rtol=1e-7
    )
    assert prior._factor.log_volume == pytest.approx(Prior._density_factor(prior).log_volume)


def test_large_fields() -> None:
    """Their volumes from transforms and sparse factors; the noise of white space is the oracle."""
    mesh = m4dl.TriangleMesh.rectangle((60, 60))
    for prior in (
        m4dl.MaternPrior(m4dl.Grid((128, 128)), length=0.2, smoothness=1.5),
        m4dl.MaternPrior(mesh, length=0.3, smoothness=1.0),
        m4dl.MaternPrior(mesh, length=0.3, smoothness=2.0, boundary="neumann"),
    ):
        xi = np.random.default_rng(3).standard_normal((2, prior.white))
        value = prior.log_density(prior.push(xi))
        volume = -0.5 * (xi**2).sum(axis=1) - 0.5 * prior.white * np.log(2 * np.pi) - value
        # one constant for all, to 1e-6 of log densities of thousands
        assert volume[0] == pytest.approx(volume[1], abs=1e-3)
        assert volume[0] == pytest.approx(prior._factor.log_volume, abs=1e-3)
    even = m4dl.MaternPrior(mesh, length=0.3, smoothness=1.0, boundary="neumann")
    # det T T' for T = A^{-1} M^{1/2}: an LU factorisation has the determinant too
    from m4dl.priors.matern import _operator, _unit_std

    A, mass, _ = _operator(mesh, 0.3, 1.0)
    lu = sparse.linalg.splu(A.tocsc())
    exact = 0.5 * np.log(mass).sum() - np.log(np.abs(lu.U.diagonal())).sum()
    exact -= len(mass) * np.log(_unit_std(2, 1.0, even.kappa))
    assert even._factor.log_volume == pytest.approx(exact, rel=1e-11)


@pytest.mark.parametrize(
    "prior",
    [
        m4dl.MaternPrior(m4dl.Grid((64, 64)), length=0.5, smoothness=14.0),
        m4dl.GaussianPrior(np.full(2, 1e10), 1e-10),
    ],
    ids=["smooth", "far from 0"],
)
def test_no_density_where_rounding_decides(prior: m4dl.Prior) -> None:
    theta = prior.draw(2, 1)
    with pytest.raises(ValueError, match=r"theta \(row 0\) does not determine its log density"):
        prior.log_density(theta)
    assert np.isfinite(prior.log_density(np.ones(prior.white), space="white"))
    assert np.isfinite(prior.log_density(prior.mean))  # here nothing is lost


def test_maps_that_cannot_be_decomposed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    smooth = m4dl.MaternPrior(m4dl.Grid((32,)), length=2.0, smoothness=12.0)
    prior = m4dl.InterpolatedPrior(smooth, m4dl.Grid((20,)))
    with pytest.raises(ValueError, match="the rank of this prior cannot be told"):
        prior.log_density(prior.mean)
    monkeypatch.setattr("m4dl.priors._density.LARGEST_MAP", 100)
    with pytest.raises(ValueError, match="InterpolatedPrior takes the 21 x 33 numbers of its map"):
        m4dl.InterpolatedPrior(smooth, m4dl.Grid((20,))).log_density(prior.mean)
    with pytest.raises(ValueError, match="space must be one of 'theta', 'white', got 'xi'"):
        prior.log_density(prior.mean, space="xi")
    with pytest.raises(ValueError, match=r"theta must have shape \(..., 21\), got \(20,\)"):
        prior.log_density(np.zeros(20))


def test_a_posterior_integrates_to_the_evidence() -> None:
    """In both spaces: the integral over theta is p(y), known for a linear model."""
    prior = m4dl.GaussianPrior([0.3], [4.0])
    noise = m4dl.GaussianNoise([0.5, 0.7])
    model = m4dl.LinearModel([[1.0], [-0.4]])
    posterior = m4dl.Posterior(model, prior, data=[1.0, 0.2], noise=noise)
    matrix = np.array([[1.0], [-0.4]])
    covariance = 4.0 * matrix @ matrix.T + np.diag(noise.std**2)
    evidence = stats.multivariate_normal(matrix[:, 0] * 0.3, covariance).pdf(posterior.data)
    for space in ("theta", "white"):
        total, _ = integrate.quad(
            lambda t, space=space: np.exp(posterior.log_density([t], space=space)), -30, 30,
            epsabs=1e-13, limit=200,
        )  # fmt: skip
        assert total == pytest.approx(evidence, rel=1e-9)


@pytest.mark.parametrize("row", MODELS[::7], ids=str)
def test_posteriors_of_all_kinds(row: Any) -> None:
    """Sums of SciPy's densities; gradients by central differences."""
    posterior = posterior_of(row)
    theta = posterior.prior.draw(2, 4)
    law = stats.norm(posterior.model(theta), posterior.noise.std)
    T = (posterior.prior.push(np.eye(posterior.white)) - posterior.prior.mean).T
    prior = stats.multivariate_normal(posterior.prior.mean, T @ T.T, allow_singular=True)
    exact = law.logpdf(posterior.data).sum(axis=1) + prior.logpdf(theta)
    found = posterior.log_density(theta)
    np.testing.assert_allclose(found, exact, rtol=1e-8)
    xi = np.linalg.solve(T, (theta - posterior.prior.mean).T).T
    white = posterior.log_density(xi, space="white")
    _, volume = np.linalg.slogdet(T)
    # solves may stop 1e-8 apart, and theta is not the same to the last bit
    np.testing.assert_allclose(white - volume, found, rtol=1e-6, atol=1e-6)
    if not posterior.model.has_pull:
        return
    for x, space in ((theta, "theta"), (xi, "white")):
        value, gradient = posterior.log_density_gradient(x, space=space)
        np.testing.assert_allclose(value, posterior.log_density(x, space=space), rtol=1e-8)
        along = np.random.default_rng(2).standard_normal(x.shape)
        step = 1e-4
        ends = [posterior.log_density(x + t * along, space=space) for t in (-step, step)]
        slope = (ends[1] - ends[0]) / (2 * step)
        # differences: step^2 times a third derivative, and solves known to 1e-9 over the step
        size = np.linalg.norm(gradient, axis=1) * np.linalg.norm(along, axis=1)
        assert (np.abs((gradient * along).sum(axis=1) - slope) <= 1e-4 * size).all()


def test_a_failed_solve_is_nan_and_other_rows_are_as_they_are() -> None:
    model = m4dl.PythonModel(
        lambda t: np.sqrt(t), lambda t, w: w / (2 * np.sqrt(t)), parameters=1, outputs=1
    )
    prior = m4dl.GaussianPrior([1.0], 1.0)
    posterior = m4dl.Posterior(model, prior, data=[1.0], noise=m4dl.GaussianNoise(1.0))
    with np.errstate(invalid="ignore"):
        value, gradient = posterior.log_density_gradient([[4.0], [-1.0]])
    np.testing.assert_allclose(value[0], -0.5 - 0.5 * 9 - np.log(2 * np.pi))
    np.testing.assert_allclose(gradient[0], -0.25 - 3.0)
    assert np.isnan([value[1], gradient[1, 0]]).all()
    assert posterior.log_density([4.0]).shape == ()
    no = m4dl.Posterior(
        m4dl.PythonModel(np.sqrt, parameters=1, outputs=1),
        prior, data=[1.0], noise=m4dl.GaussianNoise(1.0),
    )  # fmt: skip
    for space in ("theta", "white"):
        with pytest.raises(ValueError, match="PythonModel was given no gradient"):
            no.log_density_gradient([4.0], space=space)


def test_the_surrogate_has_its_own() -> None:
    prior = m4dl.SeriesPrior(grid(BOX2), modes=4, alpha=2.0)
    matrix = np.random.default_rng(0).standard_normal((3, prior.parameters)) / 5
    posterior = m4dl.Posterior(
        m4dl.LinearModel(matrix), prior, data=np.ones(3), noise=m4dl.GaussianNoise(0.5)
    )
    surrogate = m4dl.langevin.LogConcaveSurrogate(
        posterior, centre=np.zeros(4), eta=1.0, curvature=2.0
    )
    near, far = 0.1 * np.ones(4), 4.0 * np.ones(4)
    for xi, same in ((near, True), (far, False)):
        theta = prior.push(xi)
        value, gradient = surrogate.log_density_gradient(theta)
        volume = prior._factor.log_volume
        white, slope = surrogate.log_density_gradient(xi, space="white")
        assert value == pytest.approx(white - volume, rel=1e-10)
        # T' of the gradient in theta is the one in xi
        np.testing.assert_allclose(prior.pull(xi, gradient), slope, rtol=1e-9, atol=1e-9)
        assert (abs(value - posterior.log_density(theta)) < 1e-10) == same
