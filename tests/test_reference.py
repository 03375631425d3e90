"""The state at which the frozen factor is taken, and how it is carried to the state of a chain.

The equation in divergence form on triangles under a wide prior: coefficients differ by factors of a
thousand, so that an unscaled factor takes some 50 iterations at states of the posterior.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import m4dl
import numpy as np
import pytest
from problems import Array
from scipy import sparse
from test_lanes import advance, check_chains

MESH = m4dl.TriangleMesh.rectangle((20, 20))
POINTS = np.random.default_rng(0).uniform(0.05, 0.95, (40, 2))
PRIOR = m4dl.MaternPrior(MESH, std=1.0, length=0.3, mean=1.0)


def posterior(solver: str = "frozen") -> m4dl.Posterior:
    """Noise of 2 %, data from a draw of the prior."""
    exact = m4dl.Darcy(MESH, POINTS, 10.0, solver="direct")
    y = exact(PRIOR.draw(1, seed=7)[0])
    sigma = 0.02 * float(np.sqrt(np.mean(y**2)))
    data = y + sigma * np.random.default_rng(1).standard_normal(y.size)
    model = m4dl.Darcy(MESH, POINTS, 10.0, solver=solver)
    return m4dl.Posterior(model, PRIOR, data=data, noise=m4dl.GaussianNoise(sigma))


def start(chains: int, seed: int = 3, threads: int = 1, solver: str = "frozen") -> Any:
    p = posterior(solver)
    xi0 = 0.3 * np.random.default_rng(seed).standard_normal((chains, p.white))
    return m4dl.MALA(step_size=1e-5).start(p.core, chains, seed, xi0, threads)


@pytest.mark.parametrize("solver", ["frozen", "aggregation"])
def test_contrast_costs_no_iterations(solver: str) -> None:
    """Scaled by the diagonals, a factor serves smooth conductivities whatever their range."""
    model = m4dl.Darcy(MESH, POINTS, solver=solver)
    x = np.asarray(MESH.points)
    gentle, steep = (np.sin(3.0 * x[:, 0]) * factor for factor in (0.1, 4.0))
    few, many = model.iterations([gentle, steep])
    assert many <= few + 8
    constant = model.iterations([np.full(len(x), 5.0), np.zeros(len(x))])
    assert constant[0] == constant[1]


@pytest.mark.parametrize("solver", ["frozen", "aggregation"])
def test_the_mean_of_the_prior(solver: str) -> None:
    """A posterior takes the factor there: fewer steps where potentials are strong."""
    model = m4dl.Schrodinger(MESH, POINTS, solver=solver)
    prior = m4dl.MaternPrior(MESH, std=0.5, length=0.3, mean=6.0)
    noise = m4dl.GaussianNoise(1.0)
    p = m4dl.Posterior(model, prior, data=np.zeros(len(POINTS)), noise=noise)
    run = m4dl.PCN(0.1).start(p.core, 8, 1, np.zeros((8, p.white)), 1)
    theta, _ = advance(run, 30)
    assert run.report()["solver_iterations"].mean() < 0.75 * model.iterations(theta[:, -1]).mean()
    assert (start(8, solver="direct").report()["solver_iterations"] == 0).all()


def test_as_direct() -> None:
    """What a run records is the direct solver's value, to the tolerance."""
    run = start(3)
    theta, log_likelihood = advance(run, 20)
    exact = posterior("direct").log_likelihood(theta)
    # d Phi = r . dy / sigma, with r of order 10^2 on the way in and dy of 1e-8 |y| = 50 e-8 sigma
    np.testing.assert_allclose(log_likelihood, exact, rtol=1e-6, atol=1e-3)


def test_chains() -> None:
    """No chain sees another through the reference, nor the threads."""
    check_chains(posterior(), m4dl.MALA(step_size=1e-5))


def test_pieces_and_checkpoints() -> None:
    whole, cut = start(11), start(11)
    theta, _ = advance(whole, 12)
    first, _ = advance(cut, 5)
    other = start(11, threads=2)
    other.advance(2)
    other.restore(cut.state())
    second, _ = advance(other, 7)
    np.testing.assert_array_equal(np.concatenate([first, second], axis=1), theta)


def test_a_store_goes_on(tmp_path: Path) -> None:
    options: dict[str, Any] = {"warmup": 6, "chains": 3, "seed": 2, "progress": False}
    kernel = m4dl.MALA(step_size=1e-5)
    whole = m4dl.sample(posterior(), kernel, draws=9, **options)
    m4dl.sample(posterior(), kernel, draws=4, store=tmp_path / "run", **options)
    resumed = m4dl.sample(posterior(), kernel, draws=9, store=tmp_path / "run", **options)
    np.testing.assert_array_equal(resumed.theta, whole.theta)


@pytest.mark.parametrize("of", ["potential", "gradient"])
def test_a_run_leaves_the_posterior_alone(of: str) -> None:
    """Batches are pure functions, with the factor at the prior's mean whatever ran before."""
    p = posterior()
    xi = 0.5 * np.random.default_rng(4).standard_normal((2, p.white))

    def values() -> tuple[Array, ...]:
        out = getattr(p, of)(xi)
        return out if isinstance(out, tuple) else (out,)

    before = values()
    m4dl.sample(p, m4dl.MALA(step_size=1e-5), draws=2, chains=2, seed=1, progress=False)
    for a, b in zip(before, values(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_factor_at_the_mean() -> None:
    """The matrix is not positive definite at the prior's mean: the factor at theta = 0 stays."""
    one = np.ones((1, 1))
    model = m4dl.AffineElliptic(
        one, terms=[one], load=[1.0], observe=one, link="identity", solver="frozen"
    )
    prior = m4dl.GaussianPrior([-3.0], 4.0)
    p = m4dl.Posterior(model, prior, data=[0.5], noise=m4dl.GaussianNoise(0.1))
    np.testing.assert_allclose(p.potential([[2.0]]), 0.5 * (0.5 - 0.5) ** 2 / 0.01, atol=1e-12)


def test_nothing_to_aggregate() -> None:
    """A diagonal matrix has no coarse level; smoothing solves it."""
    n = 500
    rng = np.random.default_rng(0)
    terms = sparse.csr_array((np.ones(n), (np.arange(n) * (n + 1), np.arange(n))), shape=(n * n, n))
    load = rng.standard_normal(n)
    model = m4dl.AffineElliptic(
        sparse.eye_array(n), terms, load, sparse.eye_array(n), solver="aggregation"
    )
    theta = rng.standard_normal((3, n))
    np.testing.assert_allclose(model(theta), load / (1.0 + np.exp(theta)), rtol=1e-6)
