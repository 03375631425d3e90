"""What ArviZ gets: every group of its schema, with places and names; and that ArviZ can use it."""

from __future__ import annotations

import json
import warnings
from typing import Any

import m4dl
import numpy as np
import pytest
from scipy import stats

xarray = pytest.importorskip("xarray")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # ArviZ's, of its own future
    arviz = pytest.importorskip("arviz")

DRAWS, CHAINS = 200, 4


@pytest.fixture(autouse=True)
def _quiet():
    """Matplotlib draws nowhere; ArviZ's warnings are its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def problem(prior: m4dl.Prior, **options: Any) -> m4dl.Posterior:
    matrix = np.random.default_rng(4).standard_normal((5, prior.parameters))
    noise = m4dl.GaussianNoise(np.linspace(0.5, 1.0, 5))
    model = m4dl.LinearModel(matrix / np.sqrt(prior.parameters), **options)
    return m4dl.Posterior(model, prior, data=np.arange(5.0) / 3, noise=noise)


def run(posterior: m4dl.Posterior, kernel: Any = None, **options: Any) -> m4dl.results.Draws:
    return m4dl.sample(
        posterior,
        kernel or m4dl.HMC(),
        draws=DRAWS,
        warmup=100,
        chains=CHAINS,
        seed=2,
        progress=False,
        **options,
    )


@pytest.fixture(scope="module")
def plain() -> tuple[m4dl.Posterior, m4dl.results.Draws]:
    prior = m4dl.GaussianPrior(np.zeros(3), 1.0, names=["ka", "V", "Km"])
    posterior = problem(prior)
    return posterior, run(posterior)


def test_the_groups_and_what_they_hold(plain):
    posterior, draws = plain
    predictive = np.ones((CHAINS, DRAWS, 5))
    tree = draws.to_datatree(posterior, predictive=predictive)
    groups = {"posterior", "sample_stats", "log_likelihood", "observed_data"}
    assert set(tree.children) == groups | {"posterior_predictive"}
    assert set(draws.to_datatree().children) == {"posterior", "sample_stats"}
    theta = tree["posterior"]["theta"]
    assert theta.dims == ("chain", "draw", "parameter")
    np.testing.assert_array_equal(theta, draws.theta)
    np.testing.assert_array_equal(theta.sel(parameter="V"), draws.theta[:, :, 1])
    found = tree["sample_stats"]
    for name in ("energy", "diverging"):
        np.testing.assert_array_equal(found[name], getattr(draws, name))
    np.testing.assert_array_equal(found["total_log_likelihood"], draws.log_likelihood)
    for name in ("acceptance_rate", "step_size", "failures"):
        known = getattr(draws, name.removesuffix("_rate"))
        np.testing.assert_array_equal(found[name], np.repeat(known[:, None], DRAWS, axis=1))
    assert {v.dims for v in found.data_vars.values()} == {("chain", "draw")}
    np.testing.assert_array_equal(tree["observed_data"]["data"], posterior.data)
    np.testing.assert_array_equal(tree["posterior_predictive"]["data"], predictive)
    attributes = tree["posterior"].attrs
    assert attributes["kernel"] == draws.kernel
    assert attributes["seed"] == 2
    assert json.loads(attributes["build"]) == draws.provenance["build"]
    assert json.loads(attributes["complete"]) is True


def test_the_likelihood_of_each_datum_is_scipys(plain):
    posterior, draws = plain
    found = draws.to_datatree(posterior)["log_likelihood"]["data"]
    law = stats.norm(draws.theta @ posterior.model(np.eye(3)), posterior.noise.std)
    np.testing.assert_allclose(found, law.logpdf(posterior.data), rtol=1e-12, atol=1e-14)


def test_arviz_works_with_it(plain, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.switch_backend("agg")
    posterior, draws = plain
    data = draws.to_arviz(posterior, predictive=draws.predictive(posterior, seed=2))
    kind = "InferenceData" if arviz.__version__.startswith("0.") else "DataTree"
    assert type(data).__name__ == kind
    np.testing.assert_allclose(arviz.ess(data)["theta"], draws.ess(), rtol=1e-10)
    table = arviz.summary(data)
    assert list(table.index) == ["theta[ka]", "theta[V]", "theta[Km]"]
    arviz.plot_energy(data)
    arviz.plot_ppc(data)
    plt.close("all")
    if kind == "InferenceData":
        both = arviz.concat(data, data, dim="draw")
        assert both.posterior.sizes["draw"] == both.sample_stats.sizes["draw"] == 2 * DRAWS


def test_loo_and_waic_are_the_closed_form(plain):
    """Leaving datum i out of a linear Gaussian posterior, its density is Gaussian (Sundararajan,
    Keerthi, Neural Comput. 13 (2001)): mean y_i - a_i / C_ii, variance 1 / C_ii, with C the inverse
    covariance of the data and a = C y.
    """
    posterior, draws = plain
    matrix = posterior.model(np.eye(3)).T
    precision = np.linalg.inv(matrix @ matrix.T + np.diag(posterior.noise.std**2))
    gap = precision @ posterior.data / np.diag(precision)
    exact = stats.norm(0.0, np.diag(precision) ** -0.5).logpdf(gap)
    data = draws.to_arviz(posterior)
    loo = arviz.loo(data, pointwise=True)
    # 800 draws, at least half of them effective: means of p(y_i) have relative errors of a few per
    # cent at Pareto k < 0.5. Five of them have to stay within 0.2.
    np.testing.assert_allclose(np.asarray(loo.loo_i), exact, atol=0.2)
    if hasattr(arviz, "waic"):
        waic = arviz.waic(data)
        assert abs(float(waic.elpd_waic) - exact.sum()) < 0.5


GRID = m4dl.Grid((3, 2), [(0, 3), (1, 2)])
TRIANGLES = m4dl.TriangleMesh.rectangle((3, 2), [(0, 3), (1, 2)])


@pytest.mark.parametrize(
    ("prior", "dims"),
    [
        (m4dl.MaternPrior(GRID), ("x", "y")),
        (m4dl.MaternPrior(GRID, at="cells"), ("x", "y")),
        (m4dl.MaternPrior(m4dl.Grid((2, 2, 2))), ("x", "y", "z")),
        (m4dl.MaternPrior(TRIANGLES), ("node",)),
        (m4dl.VectorPrior(m4dl.MaternPrior(GRID), components=2), ("component", "x", "y")),
        (m4dl.VectorPrior(m4dl.MaternPrior(TRIANGLES), components=2), ("component", "node")),
        (m4dl.GaussianPrior(np.zeros(12), 1.0, domain=TRIANGLES, at="cells"), ("cell",)),
    ],
    ids=repr,
)
def test_fields_have_the_coordinates_of_their_places(prior, dims):
    draws = run(problem(prior), m4dl.PCN())
    theta = draws.to_datatree()["posterior"]["theta"]
    assert theta.dims == ("chain", "draw", *dims)
    # a field that is linear in the coordinates, laid out as theta is
    x = prior.domain.coordinates(prior.at)
    known = np.tile(x @ np.arange(1.0, x.shape[1] + 1), prior.components)
    said = sum((k + 1) * theta.coords[axis] for k, axis in enumerate("xyz"[: x.shape[1]]))
    where = dict.fromkeys(("chain", "draw"), 0)
    laid_out = (said + 0.0 * theta.isel(where)).transpose(*theta.isel(where).dims)
    np.testing.assert_allclose(laid_out.values.ravel(), known, rtol=1e-14)
    np.testing.assert_array_equal(theta.values.reshape(draws.theta.shape), draws.theta)


def test_another_posterior_is_refused(plain):
    posterior, draws = plain
    other = m4dl.Posterior(
        posterior.model, posterior.prior, data=posterior.data + 1, noise=posterior.noise
    )
    with pytest.raises(ValueError, match="posterior must be the one that was sampled: its log-lik"):
        draws.to_datatree(other)
    with pytest.raises(ValueError, match="the posterior must have the 3 parameters of the dr"):
        draws.to_datatree(problem(m4dl.GaussianPrior(np.zeros(4), 1.0)))
    with pytest.raises(TypeError, match="posterior must be a m4dl Posterior, got int"):
        draws.to_datatree(3)
    surrogate = m4dl.langevin.LogConcaveSurrogate(
        posterior, centre=np.zeros(3), eta=1.0, curvature=1.0
    )
    with pytest.raises(TypeError, match="a surrogate has no log density of each datum"):
        draws.to_datatree(surrogate)


@pytest.mark.parametrize("shape", [(CHAINS, DRAWS), (CHAINS, DRAWS, 4), (DRAWS, CHAINS, 5)])
def test_predictive_draws_have_the_shape_of_the_data(plain, shape):
    posterior, draws = plain
    with pytest.raises(ValueError, match=r"predictive must have shape \(4, 200, 5\), got"):
        draws.to_datatree(posterior, predictive=np.ones(shape))


def test_names_of_parameters_go_where_they_are_spoken_of(plain):
    posterior, draws = plain
    summary = draws.summary(functionals={"sum": np.ones(3)})
    assert list(summary.rows) == ["log_likelihood", "sum", "ka", "V", "Km"]
    assert summary.worst["r_hat"].name in summary.rows
    with pytest.raises(ValueError, match="a functional needs a name of its own, got 'V'"):
        draws.summary(functionals={"V": np.ones(3)})
    kept = run(posterior, keep="moments")
    assert list(kept.summary().rows) == ["log_likelihood", "ka", "V", "Km"]
    mesh = m4dl.Grid((3,))
    sparse = m4dl.GaussianPrior(np.zeros(4), 1.0, domain=mesh, at="nodes", names=list("abcd"))
    assert run(problem(sparse)).component(0).names == tuple("abcd")


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ("abc", TypeError, "names must be a sequence of 3 strings, got 'abc'"),
        (["a", "b"], ValueError, "names must be 3, one for each parameter, got 2"),
        (["a", "b", 1], TypeError, "names must be strings that are not empty, got 1"),
        (["a", "b", ""], TypeError, "names must be strings that are not empty, got ''"),
        (["a", "b", "a"], ValueError, "names must differ from each other, got 'a' twice"),
        (["a", "b", "log_likelihood"], ValueError, "no parameter may be called 'log_likelihood'"),
    ],
)
def test_names_are_checked(names, error, message):
    with pytest.raises(error, match=message):
        m4dl.GaussianPrior(np.zeros(3), 1.0, names=names)
