"""Coverage studies: exact where theory says so, finding out what is broken, and robust."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
import pytest
from m4dl.studies._verdict import Proportion
from problems import Array
from scipy import stats
from studies import LINE, MODEL, NOISE, PRIOR, SETS, make_data

Seed = Callable[[int], int]
MALA = m4dl.MALA(0.3, adapt=False)
QUICK: dict[str, Any] = {"draws": 100, "warmup": 30, "thin": 3, "chains": 2, "progress": False}
LOOSE: dict[str, Any] = {"most_rhat": 3.0, "least_ess": 2.0}  # short chains count as well


def study(**changes: Any) -> m4dl.studies.CoverageStudy:
    options: dict[str, Any] = {
        "make_data": make_data,
        "truth": PRIOR,
        "sizes": 4,
        "sets": {"L2": SETS["L2"], "equal-tailed": SETS["equal-tailed"]},
        "kernel": MALA,
        "replicates": 6,
        "seed": 5,
        **QUICK,
        **LOOSE,
    }
    return m4dl.studies.coverage(**(options | changes))


def test_truths_from_the_prior_are_covered(seed: Seed) -> None:
    """Then coverage is the level exactly. 1,000 replicates, a 99 % binomial interval for each set.

    Eight sets, so one in twelve seeds would see one outside by chance, were they independent: with
    a seed of the nightly run the intervals are wider, and one in 10^4 does.

    The chains' length costs little: S effective draws of a 95 % quantile change coverage by less
    than 1/S = 0.4 %, half a standard error.
    """
    found = study(
        sets=SETS,
        replicates=1000,
        draws=500,
        warmup=100,
        thin=6,
        chains=1,
        seed=seed(1000),
        most_rhat=1.1,
        least_ess=50.0,
    )
    assert len(found.used(4)) >= 995
    for row in found.rows:
        n, k = row.coverage.total, row.coverage.count
        low, high = stats.binom.interval(0.99 if seed(0) == 0 else 1 - 1e-5, n, 0.95)
        assert low <= k <= high, row


def test_a_broken_sampler_is_found_out(seed: Seed) -> None:
    """ULA with h lambda = 1.9 in the stiffest direction: its variance there is 20 times too large.

    The functional is mostly in that direction: its interval over-covers.
    """
    stiffest = np.linalg.eigvalsh(_precision())[-1]
    found = study(
        kernel=m4dl.ULA(1.9 / stiffest),
        replicates=200,
        draws=400,
        warmup=100,
        thin=4,
        seed=seed(1001),
        most_rhat=1.1,
        least_ess=50.0,
    )
    assert found.row("equal-tailed").verdict == "over-covers"
    assert "over-covers" in str(found)


def _precision() -> Array:
    posterior = make_data(np.full(11, 2.0), 4, np.random.default_rng(0))
    white = np.eye(PRIOR.white)
    return posterior.gauss_newton(np.zeros_like(white), white) + white


def test_threads_and_resuming_change_nothing(tmp_path: Path) -> None:
    whole = study(replicates=10, sizes=[4, 8], threads=1)
    assert study(replicates=10, sizes=[4, 8], threads=3).replicates == whole.replicates
    folder = tmp_path / "study"
    calls = 0

    def killed(truth: Array, N: int, rng: np.random.Generator) -> m4dl.Posterior:
        nonlocal calls
        calls += 1
        if calls > 14:
            raise KeyboardInterrupt
        return make_data(truth, N, rng)

    with pytest.raises(KeyboardInterrupt):
        study(make_data=killed, replicates=10, sizes=[4, 8], store=folder, threads=1)
    kept = {file.name for file in folder.glob("*-*.json")}
    assert kept
    again = study(replicates=10, sizes=[4, 8], store=folder)
    assert again.replicates == whole.replicates
    # a finished study makes no data but the first; more replicates extend it
    calls = 13
    study(make_data=killed, replicates=10, sizes=[4, 8], store=folder)
    more = study(replicates=12, sizes=4, store=folder)
    assert [r for r in more.replicates if r.index < 10] == [r for r in whole.replicates if r.N == 4]
    with pytest.raises(ValueError, match="different study: seed was 5, is 6"):
        study(seed=6, store=folder)
    with pytest.raises(ValueError, match="first data was"):
        study(make_data=lambda t, N, rng: make_data(t + 1, N, rng), store=folder)

    # the same data, and another problem
    def changed(**parts: Any) -> Any:
        def make(truth: Array, N: int, rng: np.random.Generator) -> m4dl.Posterior:
            of = make_data(truth, N, rng)
            own = {
                "model": of.model,
                "prior": of.prior,
                "data": of.data,
                "noise": of.noise,
                **parts,
            }
            return m4dl.Posterior(own.pop("model"), own.pop("prior"), **own)

        return make

    others = {
        "noise": m4dl.GaussianNoise(4.0),
        "prior": m4dl.MaternPrior(LINE, std=2.0, length=0.5, smoothness=1.5, mean=2.0),
        "model": m4dl.LinearModel(np.ones((4, 11))),
    }
    for name, other in others.items():
        what = {"model": "potential"}.get(name, name)
        with pytest.raises(ValueError, match=f"different study: .*first {what} was"):
            study(make_data=changed(**{name: other}), store=folder)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(ValueError, match="is not a study"):
        study(store=tmp_path / "other")


def test_models_of_their_own() -> None:
    """A random design: every replicate has its own model; truth fixed; kernel and start made."""

    def designed(truth: Array, N: int, rng: np.random.Generator) -> m4dl.Posterior:
        rows = rng.integers(11, size=N)
        model = m4dl.LinearModel(np.eye(11)[rows])
        data = model(truth) + 0.4 * rng.standard_normal(N)
        return m4dl.Posterior(model, PRIOR, data=data, noise=NOISE)

    truth = np.cos(LINE.coordinates()[:, 0]) + 1.5
    found = study(
        make_data=designed,
        truth=truth,
        sizes=(4, 32, 256),
        kernel=lambda post: m4dl.MALA(0.3 * 4 / post.data.size),
        start=lambda post: np.zeros(post.white),
        replicates=20,
        warmup=200,
    )
    assert {r.N for r in found.replicates} == {4, 32, 256}
    radii = [found.row("L2", N).radius for N in (4, 32, 256)]
    assert radii[0] > radii[1] > radii[2]
    rate = found.contraction("L2", theory=-0.5)
    assert rate.low < rate.rate < rate.high < 0
    assert "theory -0.500" in repr(rate)
    pytest.importorskip("matplotlib")
    for figure in (found.plot_coverage(), found.plot_radius(rate=-0.5), rate.plot()):
        assert figure.axes
    assert json.loads(json.dumps(found.to_dict()))["rows"][0]["set"] == "L2"


def test_contraction_recovers_a_known_rate() -> None:
    from m4dl.studies._study import Contraction

    rng = np.random.default_rng(8)
    errors = {N: 3 * N**-0.4 * np.exp(0.3 * rng.standard_normal(50)) for N in (100, 400, 1600)}
    found = Contraction.of("L2", errors, 0.99, None)
    # log N spans 2.8: the slope's error is 0.3/sqrt(50)/2 = 0.02, five of them
    assert found.rate == pytest.approx(-0.4, abs=0.1)
    assert found.low < -0.4 < found.high
    assert found.misfit > 1e-4


def test_replicates_that_raise_are_reported_and_the_rest_goes_on() -> None:
    def sometimes(truth: Array, N: int, rng: np.random.Generator) -> m4dl.Posterior:
        if rng.integers(3) == 0:
            raise OSError("no such detector")
        return make_data(truth, N, rng)

    found = study(make_data=sometimes, replicates=12)
    assert 0 < len(found.errors) < 12
    first = found.errors[0]
    assert "Traceback" in first.error
    assert "in sometimes" in first.error
    assert f"np.random.default_rng([5, 4, {first.index}])" in str(found)
    assert "no such detector" in str(found)
    assert found.row("L2").coverage.total == 12 - len(found.errors)
    # its random numbers are those that the message says
    rng = np.random.default_rng([5, 4, first.index])
    truth = PRIOR.push(rng.standard_normal(PRIOR.white))
    with pytest.raises(OSError, match="no such detector"):
        sometimes(truth, 4, rng)


def test_unconverged_replicates_are_left_out() -> None:
    found = study(least_ess=100.0, most_rhat=1.05, draws=150, thin=2, replicates=40)
    assert found.unconverged
    assert all(r.ess < 100 or r.rhat > 1.05 for r in found.unconverged)
    assert found.row("L2").coverage.total == 40 - len(found.unconverged)
    assert "not converged and left out" in str(found)


def test_no_converged_replicate_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"none of 6 replicates converged .*take more draws"):
        study(least_ess=1e6)

    def broken(truth: Array, N: int, rng: np.random.Generator) -> m4dl.Posterior:
        raise OSError("no detector at all")

    with pytest.raises(
        RuntimeError, match=r"(?s)at N = 4 all 6 replicates raised; replicate 0.*no detector at all"
    ):
        study(make_data=broken)
    with pytest.raises(RuntimeError, match="truth must have the posterior's 11 values, got 7"):
        study(make_data=lambda _, N, rng: make_data(np.zeros(11), N, rng), truth=np.zeros(7))
    with pytest.raises(RuntimeError, match="needs at least 39 draws, got 20"):
        study(draws=10)


def test_clopper_pearson() -> None:
    """Against its definition: the tails of the binomial at its ends are 2.5 %."""
    found = Proportion.of(93, 100, 0.95)
    assert stats.binom.sf(92, 100, found.low) == pytest.approx(0.025)
    assert stats.binom.cdf(93, 100, found.high) == pytest.approx(0.025)
    assert Proportion.of(0, 10, 0.95).low == 0.0
    assert Proportion.of(10, 10, 0.95).high == 1.0
    assert (Proportion.of(0, 0, 0.95).low, Proportion.of(0, 0, 0.95).high) == (0.0, 1.0)
    verdicts = {
        (80, 100): "under-covers",
        (100, 100): "over-covers",
        (95, 100): "undecided",
        (380, 400): "covers",
    }
    for (k, n), words in verdicts.items():
        # for 100 of 100 the interval begins at 0.964
        assert Proportion.of(k, n, 0.95).verdict(0.95, 0.05) == words


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"level": 1.5}, ValueError, r"level must be in \(0, 1\), got 1.5"),
        ({"confidence": 0.0}, ValueError, "confidence must be in"),
        ({"tolerance": 2.0}, ValueError, "tolerance must be in"),
        ({"make_data": 3}, TypeError, "make_data must be a function, got 3"),
        ({"sizes": []}, ValueError, "sizes must be different numbers"),
        ({"sizes": [4, 4]}, ValueError, r"got \[4, 4\]"),
        ({"sizes": [0]}, ValueError, "sizes must be at least 1, got 0"),
        ({"sets": {}}, ValueError, "sets must be a dict"),
        ({"sets": {"a": 3}}, TypeError, "got 'a': 3"),
        ({"kernel": m4dl.PCN}, TypeError, "kernel must be a kernel"),
        ({"replicates": 0}, ValueError, "replicates must be at least 1, got 0"),
        ({"most_rhat": 1.0}, ValueError, "most_rhat must exceed 1, got 1.0"),
        ({"start": "map"}, ValueError, "start must be one of 'prior', 'mean', got 'map'"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"truth": [np.nan]}, ValueError, "truth must be finite"),
        ({"progress": 1}, TypeError, "progress must be True or False, got 1"),
    ],
)
def test_bad_input(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        study(**changes)


def test_rows_by_name() -> None:
    found = study(sizes=[4, 8])
    with pytest.raises(ValueError, match=r"N must be one of \(4, 8\)"):
        found.row("L2")
    with pytest.raises(ValueError, match="got 'L3' at 4"):
        found.row("L3", 4)
    with pytest.raises(ValueError, match="got 'L3'"):
        found.contraction("L3")
    assert MODEL.outputs == 4
