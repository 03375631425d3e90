"""Kernels step by step: the geometry of a move, the decision, failures."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import philox
import pytest
from catalogue import DELAYED, KERNELS, MODELS
from posteriors import flat_posterior, posterior_of
from problems import Array, Bent
from rows import KernelRow, gaussian_of, metric_of
from test_map import linear

CHAINS = 11
Seed = Callable[[int], int]


def noise(seed: int, step: int, white: int) -> tuple[Array, Array]:
    """The normals (CHAINS, W) and uniforms (CHAINS,) of one step, in NumPy."""
    chains = range(CHAINS)
    w = np.stack([philox.normals(seed, c, step, white) for c in chains])
    return w, np.array([philox.uniform(seed, c, step) for c in chains])


def advance(run: Any, iterations: int = 1) -> Array:
    """Draws of theta (chains, iterations, D)."""
    theta = np.empty((run.chains, iterations, run.parameters))
    run.advance(iterations, 1, theta, None)
    return theta


def proposal(
    kernel: Any, posterior: m4dl.Posterior, xi: Array, w: Array, u: float
) -> tuple[Array, Array]:
    """The formulas of the literature: proposed xi and the logarithm of the acceptance ratio.

    All in xi, with the density of each proposal written out; a metric is N(m, C). ``u`` is the
    uniform that all chains share.
    """
    m, c, root = gaussian_of(kernel.metric, posterior.white)
    inverse = np.linalg.inv(c)

    def log_target(x: Array) -> Array:
        return np.asarray(-posterior.potential(x) - 0.5 * (x**2).sum(axis=1))

    def square(d: Array) -> Array:
        return np.asarray(((d @ inverse) * d).sum(axis=1))

    if isinstance(kernel, m4dl.PCN):
        there = m + np.sqrt(1.0 - kernel.beta**2) * (xi - m) + kernel.beta * w @ root
        # reversible for N(m, C): that density takes the place of the proposal's
        reference = 0.5 * (square(there - m) - square(xi - m))
        return there, log_target(there) - log_target(xi) + reference

    if isinstance(kernel, m4dl.HMC):
        # in xi with momentum p of covariance C: dxi/dt = p, dp/dt = -(xi - m) - C grad(rest)
        eps = kernel.step_size
        angle = 2.0 * np.arctan(eps / 2.0)

        def force(x: Array) -> Array:
            slope = x + posterior.gradient(x)[1]
            return np.asarray((slope - (x - m) @ inverse) @ c)

        x, p = xi, w @ root
        start = log_target(x) - 0.5 * square(p)
        for _ in range(max(1, round((0.5 + u) * kernel.trajectory / eps))):
            p = p - eps / 2.0 * force(x)
            x, p = (
                m + np.cos(angle) * (x - m) + np.sin(angle) * p,
                np.cos(angle) * p - np.sin(angle) * (x - m),
            )
            p = p - eps / 2.0 * force(x)
        return x, log_target(x) - 0.5 * square(p) - start

    if not isinstance(kernel, m4dl.MALA | m4dl.ULA):
        raise NotImplementedError(f"write the formula of {type(kernel).__name__} here")
    h = kernel.step_size
    implicit = isinstance(kernel.metric, m4dl.kernels.LowRankMetric) and isinstance(
        kernel, m4dl.MALA
    )
    rho = (1.0 - h / 4.0) / (1.0 + h / 4.0)
    variance = 1.0 - rho**2 if implicit else 2.0 * h

    def centre(x: Array) -> Array:
        slope = x + posterior.gradient(x)[1]
        if implicit:  # the gradient of Phi and of what the prior has over N(m, C)
            rest = (slope - (x - m) @ inverse) @ c
            return np.asarray(m + rho * (x - m) - np.sqrt(variance * h) / 2.0 * rest)
        return np.asarray(x - h * slope @ c)

    there = centre(xi) + np.sqrt(variance) * w @ root
    if isinstance(kernel, m4dl.ULA):
        return there, np.zeros(len(xi))
    forth, back = (square(d) / (2.0 * variance) for d in (there - centre(xi), xi - centre(there)))
    return there, log_target(there) - log_target(xi) + forth - back


def white(run: Any, kernel: Any) -> Array:
    """xi (chains, W) of a run's state, which holds the white noise z of the metric."""
    m, _, root = gaussian_of(kernel.metric, run.white)
    return np.asarray(m + np.asarray(run.state()["xi"]) @ root)


@pytest.mark.parametrize("row", KERNELS, ids=str)
def test_one_step_by_hand(row: KernelRow) -> None:
    """From known states, with the core's own random numbers: the same proposals and decisions."""
    loose = posterior_of(MODELS[2])
    posterior = m4dl.Posterior(
        loose.model, loose.prior, data=loose.data, noise=m4dl.GaussianNoise(0.05)
    )
    size = posterior.white
    options = row.sized(0.1 if row.gradient else 0.5)
    if row.name == "mala low rank" or row.across:  # what is exact up to Psi needs larger ones
        options["step_size"] = 1.0
    if row.target is not None:
        options["adapt"] = False
    kernel = row.kernel(size, **options)
    xi = 0.5 * np.random.default_rng(1).standard_normal((CHAINS, size))
    run = kernel.start(posterior.core, CHAINS, 12, xi, 1)
    accepted, probability = 0, np.zeros(CHAINS)
    for step in range(12):
        w, u = noise(12, step, size)
        shared = philox.uniform(12, 0, step, philox.TRAJECTORY)
        there, log_ratio = proposal(kernel, posterior, xi, w, shared)
        accept = np.log(u) < log_ratio
        xi = np.where(accept[:, None], there, xi)
        accepted += int(accept.sum())
        probability += np.exp(np.minimum(log_ratio, 0.0))
        # Potentials of order 10 agree to 1e-13, and each step adds to that.
        theta = advance(run)[:, 0]
        np.testing.assert_allclose(theta, posterior.prior.push(xi), rtol=0, atol=1e-11)
    np.testing.assert_allclose(white(run, kernel), xi, rtol=0, atol=1e-11)
    np.testing.assert_allclose(run.report()["accepted"], probability, rtol=1e-9)
    if row.exact:  # both decisions occurred
        assert 5 < accepted < 12 * CHAINS - 5


def test_pcn_without_data_is_the_prior(seed: Seed) -> None:
    """Acceptance exactly 1; AR(1) in white space; the prior's mean and covariance."""
    posterior, beta, base = flat_posterior(), 0.6, seed(80)
    draws = m4dl.sample(
        posterior,
        m4dl.PCN(beta=beta, adapt=False),
        draws=1000,
        chains=96,
        seed=base,
        start="prior",
        progress=False,
    )
    assert (draws.acceptance == 1.0).all()
    assert (draws.failures == 0).all()
    white = np.linalg.solve(
        np.linalg.cholesky([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 0.7]]),
        draws.theta[0].T - 2.0,
    ).T
    xi = philox.normals(base, 0, 0, 3, philox.START)
    for step in range(1000):
        xi = np.sqrt(1.0 - beta**2) * xi + beta * philox.normals(base, 0, step, 3)
        if step < 5 or step > 990:
            np.testing.assert_allclose(white[step], xi, rtol=0, atol=1e-12)
    # Starting from the prior it is stationary: chain means and second moments are replicates.
    offset = draws.theta - 2.0
    first = offset.mean(axis=1)
    second = (offset**2).mean(axis=1) - [2.0, 1.0, 0.7]
    for x in (first, second):
        assert (np.abs(x.mean(axis=0)) < 5.0 * x.std(axis=0, ddof=1) / np.sqrt(96)).all()


def test_beta_one_draws_from_the_prior() -> None:
    """Each draw is a push of fresh white noise."""
    posterior = flat_posterior()
    draws = m4dl.sample(
        posterior,
        m4dl.PCN(beta=1.0, adapt=False),
        draws=20,
        chains=3,
        seed=5,
        start="prior",
        progress=False,
    )
    fresh = np.array([[philox.normals(5, c, k, 3) for k in range(20)] for c in range(3)])
    np.testing.assert_allclose(draws.theta, posterior.prior.push(fresh), rtol=0, atol=1e-12)


def test_where_a_run_starts() -> None:
    """ "prior" is white noise of the chain's own, "mean" none.

    It is not that of prior.draw with the same seed: a truth drawn there is no place to start.
    """
    posterior, tiny = flat_posterior(), m4dl.PCN(beta=1e-8, adapt=False)
    options: dict[str, Any] = {"draws": 1, "chains": 3, "seed": 9, "progress": False}
    first = m4dl.sample(posterior, tiny, start="prior", **options).theta[:, 0]
    white = m4dl._core.initial_white_noise(9, 3, posterior.white)
    np.testing.assert_allclose(first, posterior.prior.push(white), rtol=0, atol=1e-6)
    assert (np.abs(first - posterior.prior.draw(3, 9)) > 1e-3).all()
    first = m4dl.sample(posterior, tiny, start="mean", **options).theta[:, 0]
    np.testing.assert_allclose(first, 2.0, rtol=0, atol=1e-6)


@pytest.mark.parametrize("row", [*KERNELS, *DELAYED], ids=str)
def test_failed_solves_are_rejected_and_counted(row: KernelRow) -> None:
    """A half space where the model gives NaN: never entered, and every attempt counted."""
    bent, seen = Bent(), []

    def forward(theta: Array) -> Array:
        bad = theta[:, 0] > 0.3
        seen.append(bad)
        return np.where(bad[:, None], np.nan, bent.forward(theta))

    model = m4dl.PythonModel(forward, bent.gradient, parameters=2, outputs=3, batched=True)
    posterior = m4dl.Posterior(
        model, m4dl.GaussianPrior(np.zeros(2), 1.0), data=np.zeros(3), noise=m4dl.GaussianNoise(1.0)
    )
    run = row.kernel(2).start(posterior.core, 5, 3, np.full((5, 2), -0.2), 1)
    seen.clear()
    theta = advance(run, 200)
    attempts = np.array(seen).sum(axis=0)
    assert (attempts > 0).all()
    np.testing.assert_array_equal(run.report()["failures"], attempts)
    assert (theta[..., 0] <= 0.3).all()
    assert np.isfinite(run.state()["phi"]).all()


@pytest.mark.parametrize("row", [row for row in KERNELS if row.gradient], ids=str)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_a_failure(row: KernelRow, value: float) -> None:
    bent = Bent()

    def gradient(theta: Array, w: Array) -> Array:
        out = bent.gradient(theta, w)
        out[theta[:, 0] > 0.3, 1] = value
        return out

    model = m4dl.PythonModel(bent.forward, gradient, parameters=2, outputs=3, batched=True)
    posterior = m4dl.Posterior(
        model, m4dl.GaussianPrior(np.zeros(2), 1.0), data=np.zeros(3), noise=m4dl.GaussianNoise(1.0)
    )
    run = row.kernel(2).start(posterior.core, 5, 3, np.full((5, 2), -0.2), 1)
    theta = advance(run, 200)
    assert (run.report()["failures"] > 0).all()
    assert (theta[..., 0] <= 0.3).all()
    assert np.isfinite(run.state()["gradient"]).all()


def test_ula_in_series_coordinates(seed: Seed) -> None:
    """The metric s_k^-2 makes it the papers' algorithm in the coefficients theta_k = s_k xi_k."""
    mesh = m4dl.Grid((8, 8))
    prior = m4dl.SeriesPrior(mesh, modes=6, alpha=2.0, std=None)
    model = m4dl.Schrodinger(mesh, [[0.3, 0.4], [0.6, 0.7]])
    posterior = m4dl.Posterior(model, prior, data=[0.9, 0.9], noise=m4dl.GaussianNoise(0.1))
    s, h, base = prior.mode_std, 1e-5, seed(82)
    xi = np.random.default_rng(3).standard_normal(6)
    kernel = m4dl.ULA(step_size=h, metric=m4dl.kernels.DiagonalMetric(s**-2.0))
    run = kernel.start(posterior.core, 1, base, xi[None], 1)
    run.advance(1)
    # theta' = theta + h grad log pi(theta) + sqrt(2 h) w, grad_theta = grad_xi / s
    coefficients = s * xi
    gradient = posterior.gradient(xi)[1] / s + coefficients / s**2
    w = philox.normals(base, 0, 0, 6)
    expected = coefficients - h * gradient + np.sqrt(2.0 * h) * w
    np.testing.assert_allclose(s * white(run, kernel)[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("row", [*KERNELS, *DELAYED], ids=str)
def test_kernels_are_values(row: KernelRow) -> None:
    """Frozen, equal when their options are, and a canonical repr that names all options."""
    kernel, twin = row.kernel(4), row.kernel(4)
    assert kernel == twin
    assert repr(kernel) == repr(twin)
    assert hash(kernel) == hash(twin)
    with pytest.raises(AttributeError):
        kernel.metric = None
    for option in dataclasses.fields(kernel):
        assert f"{option.name}=" in repr(kernel)


def linear_with_metric(kind: str) -> tuple[m4dl.Posterior, Any]:
    """A linear Gaussian posterior, and the metric that is its law in white space."""
    posterior, _, _ = linear(4, 12)
    fit = m4dl.laplace(posterior, 4, at=m4dl.find_map(posterior, tolerance=1e-10))
    return posterior, fit.metric


@pytest.mark.parametrize("build", [m4dl.PCN, m4dl.MALA, m4dl.HMC])
def test_the_exact_metric_accepts_always(build: Any) -> None:
    """Psi is constant then: pCN around the mean, infinity-MALA and HMC need no correction."""
    posterior, metric = linear_with_metric("exact")
    for step in (0.3, 1.0):
        kernel = build(step, metric=metric, adapt=False)
        run = kernel.start(posterior.core, 8, 2, np.zeros((8, 12)), 1)
        run.advance(100)
        # potentials of order 100 change by rounding alone, and the MAP is exact to 1e-10
        np.testing.assert_allclose(run.report()["accepted"] / 100, 1.0, atol=1e-8)


def test_beta_one_draws_from_the_metric() -> None:
    """With the exact metric: independent draws of the posterior, m + C^{1/2} w."""
    posterior, metric = linear_with_metric("exact")
    kernel = m4dl.PCN(1.0, metric=metric, adapt=False)
    run = kernel.start(posterior.core, 3, 5, np.zeros((3, 12)), 1)
    m, _, root = gaussian_of(metric, 12)
    for step in range(3):
        run.advance(1)
        w = np.stack([philox.normals(5, c, step, 12) for c in range(3)])
        np.testing.assert_allclose(white(run, kernel), m + w @ root, rtol=0, atol=1e-12)


def test_infinity_mala_does_not_shrink_with_the_dimension() -> None:
    """More white noise that the data do not see: the acceptance at one step size stays.

    Phi = |xi_1 - 2|^2/2 in the first component; the others add nothing to the change of energy.
    """
    acceptance = []
    for size in (1, 4000):
        row = np.zeros((1, size))
        row[0, 0] = 1.0
        posterior = m4dl.Posterior(
            m4dl.LinearModel(row),
            m4dl.GaussianPrior(np.zeros(size), 1.0),
            data=[2.0],
            noise=m4dl.GaussianNoise(1.0),
        )
        metric = m4dl.kernels.LowRankMetric(np.zeros(size), np.zeros((size, 0)), [])
        run = m4dl.MALA(1.0, metric=metric, adapt=False).start(
            posterior.core, 8, 2, np.zeros((8, size)), 1
        )
        run.advance(200)
        acceptance.append(run.report()["accepted"] / 200)
    # the noise of the first component, and the uniforms, are the same numbers
    np.testing.assert_allclose(acceptance[1], acceptance[0], atol=1e-9)
    assert 0.7 < acceptance[0].mean() < 0.95


def test_metrics_of_many_rows_and_columns() -> None:
    """Panels of 256 rows and tiles of 8 columns, with a rest of each: the same xi."""
    size, rank = 600, 21
    rng = np.random.default_rng(5)
    basis = np.linalg.qr(rng.standard_normal((size, rank)))[0]
    metric = m4dl.kernels.LowRankMetric(rng.standard_normal(size), basis, 0.1 + rng.random(rank))
    posterior = m4dl.Posterior(
        m4dl.LinearModel(np.zeros((1, size))),
        m4dl.GaussianPrior(np.zeros(size), 1.0),
        data=[0.0],
        noise=m4dl.GaussianNoise(1.0),
    )
    xi = rng.standard_normal((3, size))
    run = m4dl.PCN(1e-9, metric=metric, adapt=False).start(posterior.core, 3, 5, xi, 1)
    np.testing.assert_allclose(white(run, m4dl.PCN(metric=metric)), xi, atol=1e-12)
    np.testing.assert_allclose(advance(run)[:, 0], xi, atol=1e-7)


def test_the_energy_error_is_of_second_order() -> None:
    """n steps of size e with n e fixed: -log of the acceptance falls like e^2.

    A trajectory that would need more than ``max_steps`` has just so many.
    """
    posterior = posterior_of(MODELS[2])
    xi = 0.3 * np.random.default_rng(1).standard_normal((64, posterior.white))
    errors = []
    for halvings in range(4):
        kernel = m4dl.HMC(0.1 / 2**halvings, 1e6, max_steps=5 * 2**halvings, adapt=False)
        run = kernel.start(posterior.core, 64, 3, xi, 1)  # the same momenta each time
        run.advance(1)
        errors.append(-np.log(run.report()["accepted"]))
    # where the energy rises throughout; the next terms are e^2 as large: 1 % at the first halving
    # of e = 0.1 for curvatures of order 1, up to their size here
    up = np.min(errors, axis=0) > 1e-8
    assert up.sum() > 10
    orders = [np.log2(np.median(a[up] / b[up])) for a, b in itertools.pairwise(errors)]
    np.testing.assert_allclose(orders[-1], 2.0, atol=0.1)
    assert abs(orders[-1] - 2.0) <= abs(orders[0] - 2.0) + 0.02


def test_hmc_of_one_step_is_infinity_mala() -> None:
    """With h = e^2 the same proposals and decisions, up to the rounding of e = sqrt(h)."""
    posterior = posterior_of(MODELS[2])
    metric = metric_of("low rank", posterior.white)
    xi = 0.3 * np.random.default_rng(1).standard_normal((9, posterior.white))
    hmc = m4dl.HMC(0.5, 1e-3, metric=metric, adapt=False)
    mala = m4dl.MALA(0.25, metric=metric, adapt=False)
    one, other = (advance(k.start(posterior.core, 9, 3, xi, 1), 20) for k in (hmc, mala))
    np.testing.assert_allclose(one, other, atol=1e-10)
