"""The log-concave surrogate: it is the posterior in its ball, and its formula everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
import pytest
from catalogue import KERNELS
from m4dl.langevin import LogConcaveSurrogate
from m4dl.studies._replicates import with_data
from rows import KernelRow

Seed = Callable[[int], int]
Array = np.ndarray
ZONES = (0.3, 0.49, 0.51, 0.6, 0.7, 0.76, 0.8, 0.85, 0.9, 1.5, 40.0)


def series() -> m4dl.Posterior:
    """A Schroedinger problem in six coefficients."""
    rng = np.random.default_rng(1)
    grid = m4dl.Grid((8, 8))
    model = m4dl.Schrodinger(grid, rng.uniform(size=(40, 2)), at="interior")
    prior = m4dl.SeriesPrior(grid, modes=6, alpha=2.5, std=0.5, mean=1.0, at="interior")
    data = model(prior.draw(1, seed=3)[0]) + 0.02 * rng.standard_normal(40)
    return m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(0.02))


def linear() -> m4dl.Posterior:
    """Gaussian, with a diagonal prior of different variances."""
    rng = np.random.default_rng(2)
    prior = m4dl.GaussianPrior([1.0, -2.0, 0.5], [0.5, 1.0, 2.0])
    model = m4dl.LinearModel(rng.standard_normal((5, 3)))
    return m4dl.Posterior(model, prior, data=rng.standard_normal(5), noise=m4dl.GaussianNoise(0.4))


CENTRE = 0.3 * np.cos(np.arange(6))


def surrogate(**options: Any) -> LogConcaveSurrogate:
    settings: dict[str, Any] = {"centre": CENTRE, "eta": 0.4, "curvature": 50.0}
    return LogConcaveSurrogate(series(), **(settings | options))


def at(s: LogConcaveSurrogate, r: float, count: int = 8, seed: int = 0) -> Array:
    """White noise (count, W) at the distance r, in random directions."""
    u = np.random.default_rng(seed).standard_normal((count, s.white))
    u *= r * s.eta / np.linalg.norm(u, axis=1, keepdims=True)
    return np.asarray(s.centre + u / s.scale)


def test_it_is_the_posterior_in_its_ball() -> None:
    """To the last bit, with values and gradients, and never beyond it."""
    s, original = surrogate(), series()
    for r in (0.0, 0.2, 0.4999):
        xi = at(s, r)
        np.testing.assert_array_equal(s.potential(xi), original.potential(xi))
        for mine, theirs in zip(s.gradient(xi), original.gradient(xi), strict=True):
            np.testing.assert_array_equal(mine, theirs)
        dxi = np.random.default_rng(3).standard_normal(xi.shape)
        np.testing.assert_array_equal(s.gauss_newton(xi, dxi), original.gauss_newton(xi, dxi))
    assert (s.potential(at(s, 0.52)) > original.potential(at(s, 0.52))).all()


def formula(s: LogConcaveSurrogate, xi: Array) -> Array:
    """phi_0 + a (Phi - phi_0) + K eta^2 g; g from its definition, by Gauss-Legendre quadrature."""
    r = np.linalg.norm((xi - s.centre) * s.scale, axis=1) / s.eta
    p = np.clip(1 - (r - 0.75) / 0.125, 0, 1)
    a = p**3 * (10 - 15 * p + 6 * p**2)
    u, weights = np.polynomial.legendre.leggauss(40)
    g = []
    for distance in r:
        # the kink of (t)_+ at u = (r - 5/8) * 8 ends the interval of integration
        top = np.clip((distance - 0.625) * 8, -1.0, 1.0)
        v = -1 + (u + 1) * (top + 1) / 2
        mollifier = 15 / 16 * (1 - v**2) ** 2
        square = np.maximum(distance - v / 8 - 0.625, 0) ** 2
        g.append((weights * mollifier * square).sum() * (top + 1) / 2)
    phi, centre = s.original.potential(xi), s.original.potential(s.centre)
    return np.asarray(centre + a * (phi - centre) + s.curvature * s.eta**2 * np.array(g))


@pytest.mark.parametrize("r", ZONES)
def test_value_gradient_and_curvature(r: float) -> None:
    s = surrogate()
    xi = at(s, r)
    value, gradient = s.gradient(xi)
    np.testing.assert_allclose(value, formula(s, xi), rtol=1e-12)
    np.testing.assert_array_equal(value, s.potential(xi))
    np.testing.assert_allclose(s.distance(xi), r, rtol=1e-12)
    # central differences: relative errors (h/scale)^2 of truncation, 1e-16 Phi/(h |gradient|) of
    # rounding, which is the larger one; a wrong factor is off in the first digits
    h = 1e-5
    moves = np.eye(6) * h
    there, back = xi[:, None] + moves, xi[:, None] - moves
    slope = (s.potential(there) - s.potential(back)) / (2 * h)
    scale = np.abs(gradient).max(axis=1, keepdims=True)
    np.testing.assert_allclose(slope / scale, gradient / scale, atol=2e-6)
    product = s.gauss_newton(np.repeat(xi[:, None], 6, axis=1), np.tile(np.eye(6), (8, 1, 1)))
    np.testing.assert_allclose(product, product.swapaxes(1, 2), atol=1e-9 * np.abs(product).max())
    assert (np.linalg.eigvalsh(product) > -1e-9 * np.abs(product).max()).all()
    if r >= 0.9:  # nothing but the quadratic: Gauss-Newton is the Hessian
        hessian = (s.gradient(there)[1] - s.gradient(back)[1]) / (2 * h)
        np.testing.assert_allclose(product, hessian, atol=1e-6 * np.abs(hessian).max())


def test_every_datum_has_its_offset() -> None:
    """Chains with data of their own: phi_0 is that of the row."""
    s = surrogate()
    data = s.data + 0.02 * np.random.default_rng(4).standard_normal((11, 40))
    xi = np.concatenate([at(s, r, 1) for r in ZONES])
    together = with_data(s, data).gradient(xi)
    for row, x, value, gradient in zip(data, xi, *together, strict=True):
        alone = m4dl.Posterior(s.model, s.prior, data=row, noise=s.noise)
        one = LogConcaveSurrogate(alone, centre=CENTRE, eta=0.4, curvature=50.0)
        np.testing.assert_array_equal(one.potential(x), value)
        np.testing.assert_array_equal(one.gradient(x)[1], gradient)
        assert s.shares(one) == (one.noise is s.noise)
        again = {"centre": CENTRE, "eta": 0.4, "curvature": 51.0}
        assert not s.shares(LogConcaveSurrogate(alone, **again))
        assert not s.shares(alone)
        assert not alone.shares(one)


@pytest.mark.parametrize("row", KERNELS, ids=str)
def test_every_kernel_takes_it(row: KernelRow) -> None:
    """Chains that stay in the ball have the posterior's own bits; others may leave it."""
    original = series()
    options: dict[str, Any] = {"draws": 20, "warmup": 5, "chains": 9, "seed": 4, "start": CENTRE}
    # ULA has to stand the curvature of the narrow one
    kernel = row.kernel(6) if row.exact else row.kernel(6, step_size=1e-4)
    options["progress"] = False
    plain = m4dl.sample(original, kernel, **options)
    wide = LogConcaveSurrogate(original, centre=CENTRE, eta=50.0, curvature=1.0)
    same = m4dl.sample(wide, kernel, **options)
    np.testing.assert_array_equal(same.theta, plain.theta)
    np.testing.assert_array_equal(same.log_likelihood, plain.log_likelihood)
    narrow = LogConcaveSurrogate(original, centre=CENTRE, eta=0.02, curvature=1e4)
    other = m4dl.sample(narrow, kernel, **options)
    assert not np.array_equal(other.theta, plain.theta)
    # what is recorded is -Phi~; xi comes back from theta to rounding, times K
    again = narrow.log_likelihood(other.theta)
    np.testing.assert_allclose(again, other.log_likelihood, rtol=1e-8)


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """A store that is extended has the bits of a run in one piece; another K is another run."""
    pytest.importorskip("zarr")
    options: dict[str, Any] = {
        "warmup": 10,
        "chains": 3,
        "seed": 1,
        "start": at(surrogate(), 0.7, 3),
    }
    kernel, options["progress"] = m4dl.MALA(0.1), False
    whole = m4dl.sample(surrogate(), kernel, draws=40, **options)
    path = tmp_path / "run.zarr"
    m4dl.sample(surrogate(), kernel, draws=15, store=path, **options)
    resumed = m4dl.sample(surrogate(), kernel, draws=40, store=path, **options)
    np.testing.assert_array_equal(resumed.theta[:], whole.theta)
    with pytest.raises(ValueError, match="different run: curvature"):
        m4dl.sample(surrogate(curvature=50.5), kernel, draws=40, store=path, **options)


def test_a_store_knows_the_model_within_the_ball(tmp_path: Path) -> None:
    """Two models that agree at the centre, and of which a surrogate knows nothing far away."""
    pytest.importorskip("zarr")
    prior, noise = m4dl.GaussianPrior([0.0, 0.0], 1.0), m4dl.GaussianNoise(0.1)
    run: dict[str, Any] = {"draws": 5, "seed": 1, "start": "mean", "progress": False}
    first, second = (
        LogConcaveSurrogate(
            m4dl.Posterior(
                m4dl.LinearModel(slope * np.eye(2)), prior, data=[0.0, 0.0], noise=noise
            ),
            centre=[0.0, 0.0],
            eta=0.01,
            curvature=1e4,
        )
        for slope in (1.0, 2.0)
    )
    far = np.array([[3.0, 1.0]])
    np.testing.assert_array_equal(first.potential(far), second.potential(far))
    m4dl.sample(first, m4dl.MALA(1e-5), store=tmp_path / "run.zarr", **run)
    with pytest.raises(ValueError, match=r"different run: posterior\.model\.matrix"):
        m4dl.sample(second, m4dl.MALA(1e-5), store=tmp_path / "run.zarr", **run)


def test_the_default_start_finds_its_mode() -> None:
    """find_map and laplace work on it; in the ball they are the posterior's."""
    original = series()
    found = m4dl.find_map(original)
    s = LogConcaveSurrogate(original, centre=found, eta=0.5, curvature=100.0)
    # from starts outside the ball, too
    mine = m4dl.find_map(s, starts=at(s, 3.0, 4))
    assert mine.converged
    np.testing.assert_allclose(mine.xi, found.xi, atol=2e-5)
    np.testing.assert_array_equal(
        m4dl.laplace(s, at=found).eigenvalues, m4dl.laplace(original, at=found).eigenvalues
    )


def brittle(failure: str) -> tuple[m4dl.Posterior, list[Array]]:
    """theta -> theta, which fails where |theta| > 0.875: with NaN or with an exception."""
    asked: list[Array] = []

    def forward(theta: Array) -> Array:
        asked.append(theta.copy())
        far = np.linalg.norm(theta, axis=1) > 0.875
        if failure == "raise" and far.any():
            raise RuntimeError("outside")
        return np.where(far[:, None], np.nan, theta)

    def gradient(theta: Array, w: Array) -> Array:
        return np.where(np.isnan(forward(theta)), np.nan, w)

    model = m4dl.PythonModel(forward, gradient, parameters=2, outputs=2, batched=True)
    prior = m4dl.GaussianPrior([0.0, 0.0], 4.0)
    data, noise = [0.1, -0.1], m4dl.GaussianNoise(0.1)
    return m4dl.Posterior(model, prior, data=data, noise=noise), asked


@pytest.mark.parametrize("failure", ["nan", "raise"])
def test_a_model_that_fails_outside_does_no_harm(failure: str) -> None:
    posterior, asked = brittle(failure)
    s = LogConcaveSurrogate(posterior, centre=[0.0, 0.0], eta=1.0, curvature=400.0)
    xi = np.array([[0.44, 0.0], [1.0, 0.0], [40.0, 0.0], [0.0, 0.4]])  # theta = 2 xi
    value, gradient = s.gradient(xi)
    r = np.array([2.0, 80.0])
    # g = (r - 5/8)^2 + 1/448 beyond 3/4; phi_0 = (0.1^2 + 0.1^2)/(2 0.1^2) = 1
    np.testing.assert_allclose(value[1:3], 1 + 400 * ((r - 0.625) ** 2 + 1 / 448), rtol=1e-13)
    np.testing.assert_allclose(gradient[1:3, 0], 2 * 400 * 2 * (r - 0.625), rtol=1e-13)
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()
    # chains from far away walk in, and report no failures
    draws = m4dl.sample(
        s,
        m4dl.MALA(1e-4),
        draws=200,
        warmup=300,
        chains=4,
        seed=1,
        start=[3.0, 3.0],
        progress=False,
    )
    assert (draws.failures == 0).all()
    assert np.abs(draws.theta[:, -1]).max() < 1.0
    assert np.linalg.norm(np.concatenate(asked), axis=1).max() < 0.875
    # where the model still counts its failures are failures
    weak = LogConcaveSurrogate(posterior, centre=[0.0, 0.0], eta=1.2, curvature=400.0)
    if failure == "nan":
        assert np.isnan(weak.potential([0.47, 0.0]))
    assert np.isnan(s.core.phi(np.full((1, 2), np.nan))).all()


def test_white_noise_of_fields() -> None:
    s = surrogate()
    xi = np.random.default_rng(5).standard_normal((2, 3, 6))
    np.testing.assert_allclose(s.white_of(s.prior.push(xi)), xi, atol=1e-12)
    with pytest.raises(ValueError, match="theta must be a field of the prior, but row 0 differs"):
        s.log_likelihood(np.arange(49.0))


def test_scale_makes_coordinates_of_any_prior() -> None:
    prior = m4dl.MaternPrior(m4dl.Grid((3, 3)))
    original = m4dl.Posterior(
        m4dl.LinearModel(np.ones((1, 16))), prior, data=[0.3], noise=m4dl.GaussianNoise(0.5)
    )
    scale = np.linspace(1.0, 2.0, 16)
    s = LogConcaveSurrogate(original, centre=np.zeros(16), eta=1.0, curvature=9.0, scale=scale)
    xi = np.eye(16)[3]
    assert s.distance(xi) == pytest.approx(scale[3])
    np.testing.assert_allclose(s.potential(xi[None]), formula(s, xi[None]), rtol=1e-12)


GAUSS = m4dl.GaussianPrior([0.0, 0.0], [[1.0, 0.2], [0.2, 1.0]])
BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"eta": 0.0}, ValueError, "eta must be positive, got 0.0"),
    ({"eta": np.nan}, ValueError, "eta must be finite, got nan"),
    ({"curvature": -1.0}, ValueError, "curvature must be positive, got -1.0"),
    ({"curvature": 0.0}, ValueError, "curvature must be positive, got 0.0"),
    ({"centre": np.zeros(5)}, ValueError, r"centre must have shape \(6,\), got \(5,\)"),
    ({"centre": [np.inf] * 6}, ValueError, "centre must be finite, got inf"),
    ({"scale": np.ones(5)}, ValueError, r"scale must have shape \(6,\), got \(5,\)"),
    ({"scale": [1, 1, 1, 0, 1, 1.0]}, ValueError, "scale must be positive, got 0.0"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD, ids=lambda v: str(v)[:40])
def test_bad_arguments(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        surrogate(**options)


def test_bad_posteriors() -> None:
    options: dict[str, Any] = {"centre": [0.0, 0.0], "eta": 1.0, "curvature": 1.0}
    noise = m4dl.GaussianNoise(1.0)
    dense = m4dl.Posterior(m4dl.LinearModel(np.eye(2)), GAUSS, data=[0.0, 0.0], noise=noise)
    with pytest.raises(ValueError, match="series coordinates, a SeriesPrior or a GaussianPrior"):
        LogConcaveSurrogate(dense, **options)
    LogConcaveSurrogate(dense, **options, scale=[1.0, 1.0])
    with pytest.raises(TypeError, match="must be a plain Posterior, got a LogConcaveSurrogate"):
        LogConcaveSurrogate(surrogate(), **options)
    with pytest.raises(TypeError, match="must be a m4dl Posterior, got int"):
        LogConcaveSurrogate(3, **options)  # type: ignore[arg-type]
    darcy = m4dl.Darcy(m4dl.Grid((2, 2)), [[0.5, 0.5]], at="cells", link="identity")
    plain = m4dl.GaussianPrior([1.0, 1.0], 1.0)
    cells = m4dl.GaussianPrior(np.ones(4), 1.0)
    failing = m4dl.Posterior(darcy, cells, data=[0.0], noise=noise)
    with pytest.raises(ValueError, match="potential is not finite at the centre"):
        LogConcaveSurrogate(failing, **(options | {"centre": np.full(4, -9.0)}))
    # without a gradient it is for pCN
    blind = m4dl.PythonModel(lambda theta: theta, parameters=2, outputs=2)
    s = LogConcaveSurrogate(m4dl.Posterior(blind, plain, data=[0.0, 0.0], noise=noise), **options)
    run: dict[str, Any] = {"draws": 5, "seed": 1, "progress": False}
    assert m4dl.sample(s, m4dl.PCN(), **run).complete
    with pytest.raises(ValueError, match="ULA needs a gradient"):
        m4dl.sample(s, m4dl.ULA(0.1), **run)
