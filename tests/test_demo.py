"""What the demos sample: the right problems, and the same posterior in other coordinates."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import m4dl
import numpy as np
import pytest
from m4dl.demo import Settings, darcy, schrodinger
from m4dl.demo.tuning import information, tune, turn
from m4dl.testing import gaussian_posterior


def test_the_benchmark_is_the_published_one() -> None:
    problem = darcy.benchmark()
    # The data were made with this coefficient on a finer mesh and carry no noise: they agree with
    # the 32 x 32 mesh up to 0.0112. A block or a point at the wrong place costs far more.
    predicted = problem.posterior.model(problem.truth)
    assert np.abs(predicted - problem.posterior.data).max() < 0.012
    truth = np.exp(problem.truth).reshape(8, 8)
    assert truth[1:3, 1:3] == pytest.approx(np.full((2, 2), 0.1))
    assert truth[5:7, 5:7] == pytest.approx(np.full((2, 2), 10.0))
    # In log a the prior is N(4, 2^2), not N(0, 2^2).
    assert (problem.posterior.prior.mean == 4.0).all()
    assert problem.posterior.prior.marginal_std() == pytest.approx(np.full(64, 2.0))


def test_numbers_of_the_benchmark_are_in_the_published_order(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    settings = Settings(
        seed=1, chains=2, draws=6, warmup=40, threads=1, out=tmp_path / "new", quiet=True
    )
    numbers = darcy.run(settings)
    rows = np.genfromtxt(
        Path(m4dl.__file__).parent / "data" / "aristoff_bangerth" / "theta_true.csv",
        delimiter=",",
        names=True,
    )
    assert numbers["truth"] == pytest.approx(rows["theta_true"])
    assert (rows["index"] == rows["block_x"] + 8 * rows["block_y"]).all()
    # The printed table has a row for each y.
    lines = (tmp_path / "new" / "summary.txt").read_text(encoding="utf-8").splitlines()
    at = lines.index("its Monte Carlo standard error")
    table = np.array([[float(cell) for cell in line.split()] for line in lines[at - 9 : at - 1]])
    assert table.ravel() == pytest.approx(np.array(numbers["a"]["mean"]), rel=6e-3)
    written = json.loads((tmp_path / "new" / "results.json").read_text(encoding="utf-8"))
    assert written["a"]["mean"] == numbers["a"]["mean"]


def test_information_of_a_linear_model() -> None:
    rng = np.random.default_rng(5)
    matrix, root = rng.standard_normal((4, 3)), rng.standard_normal((3, 3))
    prior = m4dl.GaussianPrior(np.ones(3), root @ root.T + np.eye(3))
    posterior = m4dl.Posterior(
        m4dl.LinearModel(matrix), prior, data=np.ones(4), noise=m4dl.GaussianNoise(0.5)
    )
    jacobian = matrix @ np.linalg.cholesky(root @ root.T + np.eye(3))
    expected = np.eye(3) + jacobian.T @ jacobian / 0.25
    got = information(posterior, rng.standard_normal((5, 3)))
    # The same at every point: sums of up to five products of numbers below 1e3.
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-11)


def test_a_turned_posterior_is_the_same_one() -> None:
    posterior = darcy.benchmark().posterior
    rng = np.random.default_rng(6)
    basis = np.linalg.qr(rng.standard_normal((64, 64)))[0]
    turned = turn(posterior, basis)
    eta = rng.standard_normal((3, 64))
    # Rounding of theta, 64 eps * |theta| = 1e-13, times the log-likelihood's slope.
    np.testing.assert_allclose(
        turned.prior.push(eta), posterior.prior.push(eta @ basis.T), rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
        turned.potential(eta), posterior.potential(eta @ basis.T), rtol=1e-10
    )


def test_tuned_mala_samples_the_closed_form_posterior(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    matrix, data = rng.standard_normal((5, 3)) * [10.0, 1.0, 0.1], rng.standard_normal(5)
    mean, cov = np.array([1.0, -2.0, 3.0]), np.diag([1.0, 4.0, 0.25]) + 0.2
    posterior = m4dl.Posterior(
        m4dl.LinearModel(matrix),
        m4dl.GaussianPrior(mean, cov),
        data=data,
        noise=m4dl.GaussianNoise(0.5),
    )
    settings = Settings(
        seed=1, chains=8, draws=500, warmup=400, threads=1, out=tmp_path, quiet=True
    )
    tuned, kernel, start = tune(posterior, settings, [11, 12], 100)
    draws = settings.sample(tuned, kernel, draws=500, warmup=200, seed=13, thin=4, start=start)
    exact_mean, exact_cov = gaussian_posterior(matrix, mean, cov, data, 0.5)
    # The metric is the exact covariance, so all directions mix alike, in a few iterations.
    assert draws.ess().min() > 2000
    assert (np.abs(draws.mean() - exact_mean) < 5 * draws.mcse()).all()
    # A variance from S effective draws has the relative standard error (2/S)^(1/2) = 0.032.
    assert draws.std() ** 2 == pytest.approx(exact_cov.diagonal(), rel=0.16)


def test_every_run_of_a_demo_has_a_seed_of_its_own(tmp_path: Path) -> None:
    def seeds(seed: int) -> list[int]:
        return Settings(seed, 1, 4, 40, 0, tmp_path).seeds(4)

    assert seeds(1) == seeds(1)
    assert len({*seeds(1), *seeds(2), *seeds(2**64 - 1)}) == 12


def test_data_of_the_schrodinger_demo() -> None:
    points, data = schrodinger.synthetic_data(3)
    assert points.shape == (800, 2)
    assert schrodinger.posterior_for(points[:200], data[:200]).data.size == 200
    model = m4dl.Schrodinger(schrodinger.GRID, points)
    noise = data - model(schrodinger.truth(schrodinger.GRID.coordinates()))
    # 800 residuals of standard deviation 0.05 and the coarse grid's error, about 0.001: the root
    # mean square has a relative standard error of 1/sqrt(1600) = 0.025.
    assert np.sqrt((noise**2).mean()) == pytest.approx(0.05, rel=0.1)
    # The prior shrinks as the theory says: (N / sigma^2)^{-2/(4*3 + 4*2 + 2*2)}.
    ratio = schrodinger.prior_std(800) / schrodinger.prior_std(200)
    assert ratio == pytest.approx(4 ** (-1 / 12))
    assert schrodinger.weights().sum() == pytest.approx(1.0)


def test_an_interrupted_demo_shows_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    real, calls = m4dl.sample, []

    def second_is_stopped(*args, **options):
        draws = real(*args, **options)
        calls.append(draws)
        # two pilot runs and the run itself, for each N
        return replace(draws, complete=len(calls) != 6)

    monkeypatch.setattr("m4dl.demo.settings.sample", second_is_stopped)
    settings = Settings(seed=1, chains=2, draws=6, warmup=40, threads=1, out=tmp_path, quiet=True)
    numbers = schrodinger.run(settings)
    assert [result["N"] for result in numbers["results"]] == [200, 400]
    assert "N = 400: Incomplete: " in capsys.readouterr().out


def test_an_interrupted_demo_with_too_few_draws_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*args, **options):
        draws = m4dl.sample(*args, **options | {"draws": 2})
        return replace(draws, complete=False)

    monkeypatch.setattr("m4dl.demo.settings.sample", stopped)
    settings = Settings(seed=1, chains=2, draws=6, warmup=40, threads=1, out=tmp_path, quiet=True)
    with pytest.raises(KeyboardInterrupt):
        schrodinger.run(settings)
    assert not list(tmp_path.iterdir())
