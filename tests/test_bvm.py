"""Bernstein-von Mises: closed forms, the limit with its factor |O|, and draws that agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
import scipy.sparse as sp
from m4dl.studies._bvm import reference_variance
from m4dl.studies._limit import efficient_variance
from m4dl.testing import gaussian_posterior
from problems import Array

Seed = Callable[[int], int]


def problem(
    n: int,
    noise: float,
    *,
    length: float = 1.0,
    dim: int = 1,
    at: str = "interior",
    link: str = "exp",
) -> tuple[m4dl.Posterior, Array, Array]:
    """All interior nodes observed; truth; psi = u phi' x first eigenfunction, as an integral."""
    grid = m4dl.Grid((n,) * dim, ((0.0, length),) * dim)
    model = m4dl.Schrodinger(grid, grid.coordinates("interior"), at=at, link=link)
    x = grid.coordinates(at)
    truth = 1.0 + 0.5 * np.prod(np.sin(np.pi * x / length), axis=1)
    prior = m4dl.SeriesPrior(grid, modes=(n - 1) ** dim, alpha=2.0, std=1.0, mean=1.0, at=at)
    data = model(truth) + noise * np.random.default_rng(0).standard_normal(model.outputs)
    posterior = m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(noise))
    u = np.zeros(model.parameters)
    inside = np.ones(len(u), dtype=bool)
    if at == "nodes":
        inside = ((x > 0) & (x < length)).all(axis=1)
    u[inside] = model(truth)
    slope = {"exp": np.exp(truth), "identity": np.ones_like(truth)}[link]
    e = np.prod(np.sin(np.pi * x / length), axis=1)
    return posterior, truth, u * slope * e * (length / n) ** dim


def test_reference_is_exact_for_a_linear_model(seed: Seed) -> None:
    rng = np.random.default_rng(seed(1200))
    G, root = rng.standard_normal((7, 5)), rng.standard_normal((5, 5))
    cov, std = root @ root.T + np.eye(5), rng.uniform(0.5, 2.0, 7)
    posterior = m4dl.Posterior(
        m4dl.LinearModel(G),
        m4dl.GaussianPrior(np.ones(5), cov),
        data=rng.standard_normal(7),
        noise=m4dl.GaussianNoise(std),
    )
    psi = rng.standard_normal(5)
    _, exact = gaussian_posterior(G, np.ones(5), cov, posterior.data, std)
    assert reference_variance(posterior, psi, np.zeros(5)) == pytest.approx(psi @ exact @ psi)
    draws = m4dl.sample(
        posterior,
        m4dl.MALA(0.1),
        draws=2000,
        warmup=500,
        chains=32,
        seed=seed(1201),
        thin=3,
        progress=False,
    )
    found = m4dl.studies.bvm(posterior, psi, np.zeros(5), draws)
    assert abs(found.ratio - 1) < 5 * found.ratio_error
    assert found.ratio_error < 0.03
    # Gaussian draws: five standard errors each
    assert abs(found.skewness) < 5 * found.moment_errors[0]
    assert abs(found.kurtosis) < 5 * found.moment_errors[1]
    assert found.distance < 5 * 0.6 / np.sqrt(found.ess)
    assert found.limit is None
    assert "no efficient limit is known for LinearModel" in repr(found)


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({}, "interval"),
        ({"length": 2.0}, "|O| = 2"),
        ({"length": 0.5, "at": "nodes"}, "|O| = 1/2, at nodes"),
        ({"link": "identity"}, "identity"),
        ({"length": 2.0, "dim": 2}, "|O| = 4"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_reference_tends_to_the_limit(options: dict[str, Any], label: str) -> None:
    """With psi = u phi' e_1 and ever less noise: psi' (N I*I/(sigma^2 |O|) + C^{-1})^{-1} psi.

    Both are discrete on the same grid, with the same difference Laplacian, and all interior nodes
    are observed: |O|/N is then h^d n^d/(n - 1)^d, so the limit is (n/(n - 1))^d too large. What is
    left is the prior, which vanishes with the noise.
    """
    dim = options.get("dim", 1)
    n = 32 if dim == 1 else 10
    ratios = []
    for noise in (1e-2, 1e-4, 1e-6):
        posterior, truth, psi = problem(n, noise, **options)
        limit, _ = efficient_variance(posterior, psi, truth)
        assert limit is not None
        limit /= (n / (n - 1)) ** dim
        ratios.append(reference_variance(posterior, psi, truth) / limit)
    assert ratios[0] < ratios[1] < 1.0 + 1e-6
    assert ratios[-1] == pytest.approx(1.0, abs=2e-3)


def test_draws_agree_with_reference_and_limit(seed: Seed) -> None:
    """The ratio of the draws is the posterior's own, which lies within 5 % of 1.

    The posterior's own is found by importance sampling from the Gaussian at the mode.
    """
    posterior, truth, psi = problem(24, 2e-4, length=2.0)
    zero = np.zeros(posterior.white)
    xi = zero
    for _ in range(8):  # Gauss-Newton to the mode, for a metric
        _, gradient = posterior.gradient(xi)
        eye = np.eye(xi.size)
        hessian = posterior.gauss_newton(np.tile(xi, (xi.size, 1)), eye) + eye
        xi = xi - np.linalg.solve(hessian, gradient + xi)
    spectrum, basis = np.linalg.eigh(hessian)
    z = np.random.default_rng(seed(1203)).standard_normal((100_000, xi.size))
    x = xi + (z / np.sqrt(spectrum)) @ basis.T
    log_weights = 0.5 * (z**2).sum(axis=1) - 0.5 * (x**2).sum(axis=1) - posterior.potential(x)
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    values = posterior.prior.push(x) @ psi
    variance = weights @ (values - weights @ values) ** 2
    own_ratio = variance / reference_variance(posterior, psi, truth)
    own_error = np.sqrt(2.0 * (weights**2).sum())  # of the variance of a Gaussian
    assert own_error < 0.006
    assert own_ratio == pytest.approx(1.0, abs=0.05)
    columns = posterior.prior.push(basis.T) - posterior.prior.mean
    turned = m4dl.Posterior(
        posterior.model,
        m4dl.SparsePrior(
            sp.eye_array(posterior.parameters), sp.csc_array(columns.T), mean=posterior.prior.mean
        ),
        data=posterior.data,
        noise=posterior.noise,
    )
    draws = m4dl.sample(
        turned,
        m4dl.MALA(0.2, metric=m4dl.kernels.DiagonalMetric(1 / spectrum)),
        draws=2000,
        warmup=300,
        thin=4,
        chains=16,
        seed=seed(1202),
        start=basis.T @ xi,
        progress=False,
    )
    found = m4dl.studies.bvm(turned, psi, truth, draws)
    assert found.ratio_error < 0.05 / 3
    off = 5 * np.hypot(found.ratio_error, own_error)
    assert abs(found.ratio - own_ratio) < off
    assert found.limit_ratio is not None
    assert abs(found.limit_ratio * 24 / 23 - own_ratio) < off  # grids of n and n - 1, as above
    assert abs(found.truth - found.mean) < 5 * found.variance**0.5
    assert "the reference itself is at" in repr(found)
    pytest.importorskip("matplotlib")
    labels = [t.get_text() for t in found.plot().axes[0].get_legend().get_texts()]
    assert any("efficient limit" in label for label in labels)


def some_draws(posterior: m4dl.Posterior) -> m4dl.results.Draws:
    return m4dl.sample(posterior, m4dl.PCN(), draws=20, chains=4, seed=0, progress=False)


def test_where_there_is_no_limit() -> None:
    grid = m4dl.Grid((6, 6))
    prior = m4dl.MaternPrior(grid, length=0.5)
    darcy = m4dl.Darcy(grid, [[0.5, 0.5], [0.3, 0.6]], 1.0, at="nodes")
    post = m4dl.Posterior(darcy, prior, data=[0.1, 0.1], noise=m4dl.GaussianNoise(0.01))
    found = m4dl.studies.bvm(post, np.full(49, 1 / 49), np.zeros(49), some_draws(post))
    assert found.limit is None
    assert found.limit_ratio is None
    assert "divergence form there is none" in repr(found)
    with pytest.raises(ValueError, match="divergence form"):
        found.limit_of()
    # a functional that does not vanish at the boundary, where V_f[w] does
    post, truth, psi = problem(16, 0.1)
    assert efficient_variance(post, np.ones_like(psi), truth)[0] is None
    post, truth, psi = problem(16, 0.1, at="nodes")
    assert "on the boundary" in efficient_variance(post, psi + 1.0, truth)[1]
    noisy = m4dl.Posterior(
        post.model, post.prior, data=post.data, noise=m4dl.GaussianNoise(np.linspace(1, 2, 15))
    )
    assert "one standard deviation" in efficient_variance(noisy, psi, truth)[1]
    mesh = m4dl.TriangleMesh.rectangle((3, 3))
    triangles = m4dl.Schrodinger(mesh, [[0.4, 0.4]])
    post = m4dl.Posterior(
        triangles, m4dl.MaternPrior(mesh), data=[0.9], noise=m4dl.GaussianNoise(0.1)
    )
    assert "on grids only" in efficient_variance(post, np.ones(16), np.zeros(16))[1]


def test_bad_input() -> None:
    posterior, truth, psi = problem(8, 0.1)
    draws = some_draws(posterior)
    with pytest.raises(ValueError, match=r"theta0 must have shape \(7,\), got \(3,\)"):
        m4dl.studies.bvm(posterior, psi, truth[:3], draws)
    with pytest.raises(ValueError, match=r"functional must have shape"):
        m4dl.studies.bvm(posterior, psi[:3], truth, draws)
    with pytest.raises(TypeError, match="draws must be m4dl Draws, got ndarray"):
        m4dl.studies.bvm(posterior, psi, truth, draws.theta)
    with pytest.raises(ValueError, match="constant"):
        m4dl.studies.bvm(posterior, 0 * psi, truth, draws)
    with pytest.raises(ValueError, match="not finite at theta0"):
        m4dl.studies.bvm(posterior, psi, np.full(7, 1e4), draws)
    blind = m4dl.Posterior(
        m4dl.PythonModel(lambda t: t[:2], parameters=7, outputs=2),
        posterior.prior,
        data=[0.0, 0.0],
        noise=posterior.noise,
    )
    with pytest.raises(ValueError, match="PythonModel has no tangent"):
        m4dl.studies.bvm(blind, psi, truth, draws)
