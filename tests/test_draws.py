"""Draws and Moments: their statistics, their summaries, and what they refuse."""

from __future__ import annotations

import json
import sys
import warnings

import m4dl
import numpy as np
import pytest
from m4dl.results import Draws, diagnostics
from scipy import signal

SEED = 20240607


def chains(count=4, draws=500, size=6, phi=0.5, shift=0.0, seed=SEED):
    """Return AR(1) chains (chain, draw, D), the k-th of them around k * shift."""
    noise = np.random.default_rng(seed).standard_normal((count, draws, size))
    return signal.lfilter([1], [1, -phi], noise, axis=1) + shift * np.arange(count)[:, None, None]


def about(count, **changes):
    """Return the description of a run with ``count`` chains."""
    known = {
        "acceptance": np.full(count, 0.25),
        "step_size": np.full(count, 0.1),
        "failures": np.zeros(count, dtype=int),
        "warmup": 200,
        "thin": 2,
        "seed": 7,
        "kernel": "PCN(beta=0.1)",
        "complete": True,
        "provenance": {"version": "0.1", "build": {"compiler": "GCC 12"}},
        "seconds": 2.0,
    }
    return known | changes


def make(theta, **changes):
    return Draws(theta, theta[:, :, 0] ** 2, **about(len(theta), **changes))


def moments(theta, **changes):
    draws = make(theta)
    mass = {"mean": 1.0, "std": 2.0, "mcse": 0.1, "rhat": 1.001}
    return m4dl.results.Moments(
        mean=theta.mean(axis=1),
        variance=theta.var(axis=1, ddof=1),
        mcse=draws.mcse(),
        rhat=changes.pop("rhat", draws.rhat()),
        functionals=changes.pop("functionals", {"mass": mass}),
        draws=theta.shape[1],
        **about(len(theta), **changes),
    )


def test_statistics_are_those_of_all_chains_together():
    theta = chains() + 1e6
    draws, flat = make(theta), theta.reshape(-1, 6)
    np.testing.assert_allclose(draws.mean(), flat.mean(axis=0), rtol=1e-14)
    # The scatter is 1e-6 of the mean: a sum of squares would lose 12 digits, merging does not.
    np.testing.assert_allclose(draws.std(), flat.std(axis=0, ddof=1), rtol=1e-9)
    np.testing.assert_array_equal(draws.quantile(0.1), np.quantile(flat, 0.1, axis=0))
    np.testing.assert_array_equal(draws.quantile([0, 0.5, 1])[[0, 2]], [flat.min(0), flat.max(0)])
    for kind in ("bulk", "tail", "mean"):
        np.testing.assert_array_equal(draws.ess(kind), diagnostics.ess(theta, kind))
    np.testing.assert_array_equal(draws.rhat(), diagnostics.rhat(theta))
    np.testing.assert_array_equal(draws.mcse(), diagnostics.mcse_mean(theta))


def test_what_is_returned_may_be_changed_without_harm():
    draws = make(chains())
    for method in (draws.mean, draws.std, draws.ess, draws.rhat, draws.mcse):
        first = method()
        first[:] = 0
        assert (method() != 0).all()


def test_draws_on_disk_give_the_numbers_of_draws_in_memory(tmp_path, monkeypatch):
    zarr = pytest.importorskip("zarr")
    theta = chains(draws=101, size=5)
    stored = zarr.create_array(tmp_path / "theta.zarr", data=theta, chunks=(4, 10, 5))
    # So small that both ways of reading, by draws and by parameters, take several pieces.
    monkeypatch.setattr("m4dl.results._draws._BLOCK", 4 * 5 * 7)
    monkeypatch.setattr(diagnostics, "_SLAB", 4 * 101 * 2)
    disk = Draws(stored, theta[:, :, 0], **about(4))
    memory = Draws(theta, theta[:, :, 0], **about(4))
    np.testing.assert_allclose(disk.mean(), theta.mean(axis=(0, 1)), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(disk.std(), theta.std(axis=(0, 1), ddof=1), rtol=1e-12)
    np.testing.assert_array_equal(disk.quantile([0.2, 0.7]), memory.quantile([0.2, 0.7]))
    np.testing.assert_allclose(disk.ess(), memory.ess(), rtol=1e-12)
    weights = np.arange(5.0)
    np.testing.assert_allclose(disk.functional(weights), theta @ weights, rtol=1e-12)
    assert str(disk.summary()) == str(memory.summary())


def test_functionals_of_each_draw():
    theta = chains()
    draws, weights = make(theta), np.linspace(-1, 1, 6)
    np.testing.assert_allclose(draws.functional(weights), theta @ weights, rtol=1e-13)
    largest = draws.functional(lambda x: x.max(axis=1))
    np.testing.assert_array_equal(largest, theta.max(axis=2))
    with pytest.raises(ValueError, match=r"functional must have shape \(6,\), got \(5,\)"):
        draws.functional(np.ones(5))
    message = r"functional must map draws of shape \(n, 6\) to shape \(n,\), got \(\) for n = 2000"
    with pytest.raises(ValueError, match=message):
        draws.functional(np.max)


@pytest.mark.parametrize(
    ("p", "message"),
    [
        (1.5, r"p must be in \[0, 1\], got 1.5"),
        ([0.5, -0.1], r"p must be in \[0, 1\], got -0.1"),
        (np.nan, "p must be finite, got nan"),
        ([[0.5]], r"p must be a number or a sequence of numbers, got shape \(1, 1\)"),
        ([], r"p must be a number or a sequence of numbers, got shape \(0,\)"),
        (0.0001, "the 0.0001 quantile needs 10000 draws, got 2000"),
        ("half", "p must be an array of real numbers, got 'half'"),
    ],
)
def test_quantiles_refuse(p, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(chains()).quantile(p)


def test_moments_agree_with_the_draws_they_come_from():
    theta = chains(shift=0.5)
    draws, kept = make(theta), moments(theta)
    np.testing.assert_allclose(kept.mean(), draws.mean(), rtol=1e-13)
    # Within and between chains: as far as is known, their shift belongs to the posterior.
    np.testing.assert_allclose(kept.std(), draws.std(), rtol=1e-13)
    np.testing.assert_array_equal(kept.rhat(), draws.rhat())
    np.testing.assert_array_equal(kept.mcse(), draws.mcse())
    assert kept.functionals["mass"]["std"] == 2.0
    assert (kept.chains, kept.draws, kept.parameters) == (4, 500, 6)


@pytest.mark.parametrize(
    "name",
    [
        "theta",
        "log_likelihood",
        "quantile",
        "ess",
        "functional",
        "to_datatree",
        "to_arviz",
        "predictive",
    ],
)
def test_moments_say_how_to_keep_draws(name):
    kept = moments(chains())
    with pytest.raises(
        AttributeError, match=f"Moments has no '{name}', the draws were not kept: .*keep=\"draws\""
    ):
        getattr(kept, name)
    assert not hasattr(kept, name)


def test_moments_have_no_other_surprises():
    with pytest.raises(AttributeError, match="'Moments' object has no attribute 'median'"):
        moments(chains()).median()


def test_repr_is_short_and_shouts_if_the_run_is_incomplete():
    assert repr(make(chains())) == (
        "Draws(4 chains x 500 draws x 6 parameters, PCN(beta=0.1), seed=7, warmup=200, thin=2)"
    )
    assert repr(moments(chains(), complete=False)) == (
        "Moments(4 chains x 500 draws x 6 parameters, PCN(beta=0.1), seed=7, warmup=200, thin=2, "
        "INCOMPLETE)"
    )


def test_the_summary_of_a_good_run():
    draws = make(chains(draws=4000))
    summary = draws.summary(functionals={"sum": np.ones(6)})
    assert summary.converged
    assert list(summary.rows) == ["log_likelihood", "sum", *(f"theta[{i}]" for i in range(6))]
    assert summary.rows["theta[2]"]["ess_tail"] == draws.ess("tail")[2]
    assert summary.rows["sum"]["mean"] == pytest.approx(draws.mean().sum())
    lines = str(summary).splitlines()
    assert lines[0] == "4 chains x 4,000 draws of 6 parameters (thin 2, warmup 200), complete"
    assert lines[1] == "PCN(beta=0.1), seed 7, 2 s, 8,000 draws/s in all chains"
    assert lines[2] == "acceptance     0.250  0.250  0.250  0.250"
    columns = ["mean", "std", "mcse", "ess_bulk", "ess_batch", "ess_tail", "r_hat"]
    assert lines[7].split() == columns
    assert lines[5].startswith("worst ESS      ")
    assert lines[-1] == "Converged, as far as R-hat (at most 1.01) and ESS (at least 400) can tell."
    assert max(map(len, lines)) <= 100
    assert repr(summary) == str(summary)


def test_the_summary_of_chains_that_disagree():
    theta = chains(draws=4000)
    theta[1, :, 4] += 3
    summary = make(theta, complete=False).summary()
    worst = summary.worst["r_hat"]
    assert (worst.name, worst.value) == ("theta[4]", make(theta).rhat()[4])
    assert not summary.converged
    first = summary.advice[0]
    assert first.startswith(f"Not converged: R-hat is {worst.value:.3f} at theta[4] (at most 1.01")
    assert "INCOMPLETE" in str(summary).splitlines()[0]
    assert any(line.startswith("Incomplete: the run was stopped early") for line in summary.advice)


def test_the_summary_of_a_run_that_is_too_short():
    draws = make(chains(draws=300, phi=0.9))
    summary = draws.summary()
    kind, least = min(
        ((k, v) for k, v in summary.worst.items() if k != "r_hat"), key=lambda item: item[1].value
    )
    assert least.value == min(draws.ess().min(), draws.ess("tail").min())
    advice = f"Not converged: {kind} is {least.value:.0f} at {least.name} (at least 400 wanted, 100"
    assert any(line.startswith(advice) for line in summary.advice)


@pytest.mark.parametrize(
    ("theta", "changes", "advice"),
    [
        (chains(draws=3), {}, "Not converged: 3 draws a chain are too few to judge."),
        (np.full((4, 50, 3), 0.3), {}, "Not converged: nothing moved, all draws are equal."),
        (chains(), {"failures": [0, 2000, 34, 0]}, "Failed solves, counted as rejections: 2,034."),
        (
            chains(),
            {"acceptance": [0.2, 0.001, 0.2, 0.2]},
            "Chain 1 accepts 0.10% of its proposals: take smaller steps.",
        ),
        (
            chains(count=1),
            {},
            "One chain cannot tell of another mode that it never visited: run 4 or more.",
        ),
    ],
)
def test_the_summary_remarks_upon(theta, changes, advice):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert advice in make(theta, **changes).summary().advice


def test_fixed_boundary_values_are_not_held_against_a_run():
    theta = chains(draws=4000)
    theta[:, :, [0, 5]] = 0.3
    draws = Draws(theta, theta[:, :, 1], **about(4))
    summary = draws.summary(max_rows=4)
    assert summary.converged
    assert "Constant, and left out of R-hat: 2 of 6 parameters." in summary.advice
    assert {"theta[0]", "theta[5]"}.isdisjoint(summary.rows)


def test_of_many_parameters_the_worst_are_shown_first():
    theta = chains(count=2, draws=20, size=100_000, phi=0.0)
    theta[:, :, 77_777] += [[0.0], [9.0]]
    summary = make(theta).summary(max_rows=3)
    assert len(summary.rows) == 4
    assert list(summary.rows)[1] == "theta[77777]"
    assert "... and 99,997 more with better diagnostics" in str(summary)
    with pytest.raises(ValueError, match="max_rows must be at least 0, got -1"):
        make(theta[:, :, :2]).summary(max_rows=-1)


def test_the_summary_of_moments():
    theta = chains(shift=0.5)
    kept = moments(theta)
    summary = kept.summary(max_rows=2)
    assert next(iter(summary.rows)) == "mass"
    assert summary.rows["mass"] == pytest.approx(
        {"mean": 1, "std": 2, "mcse": 0.1, "ess": 400, "r_hat": 1.001}
    )
    assert summary.worst["r_hat"].value == kept.rhat().max()
    assert not summary.converged
    alone = moments(chains(count=1), rhat=np.full(6, np.nan), functionals={})
    assert "Not judged: R-hat is undefined; it needs several chains." in alone.summary().advice


def test_the_summary_as_a_dict_is_json():
    theta = chains()
    theta[:, :, 3] = 1.0
    found = make(theta).summary().to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["run"]["failures"] == [0, 0, 0, 0]
    assert found["run"]["draws_per_second"] == 1000
    assert found["rows"]["theta[3]"]["r_hat"] is None
    assert found["worst"]["ess_bulk"]["value"] > 0


def test_many_chains_are_summarised_by_their_range():
    rates = np.linspace(0.1, 0.5, 40)
    text = str(make(chains(count=40, draws=50), acceptance=rates).summary())
    assert "acceptance     0.100 to 0.500 over 40 chains" in text


@pytest.mark.parametrize(("package", "method"), [("xarray", "to_datatree"), ("arviz", "to_arviz")])
def test_a_missing_package_is_named_with_its_extra(monkeypatch, package, method):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"this needs {package}: pip install 'm4dl\[arviz\]'"):
        getattr(make(chains()), method)()


@pytest.mark.parametrize(
    ("theta", "log_likelihood", "changes", "message"),
    [
        (np.ones((4, 9)), np.ones((4, 9)), {}, r"theta must have shape .*, got \(4, 9\)"),
        (np.ones((4, 0, 2)), np.ones((4, 0)), {}, r"none of them 0, got \(4, 0, 2\)"),
        (
            np.ones((4, 9, 2)),
            np.ones((9, 4)),
            {},
            r"log_likelihood must have shape \(4, 9\), got \(9, 4\)",
        ),
        (
            np.ones((4, 9, 2)),
            np.ones((4, 9)),
            {"acceptance": [0.2]},
            r"acceptance must have shape \(4,\), got \(1,\)",
        ),
        (
            np.ones((4, 9, 2)),
            np.ones((4, 9)),
            {"step_size": [0.1, np.nan, 0.1, 0.1]},
            "step_size must be finite, got nan",
        ),
    ],
)
def test_draws_refuse(theta, log_likelihood, changes, message):
    with pytest.raises(ValueError, match=message):
        Draws(theta, log_likelihood, **about(4, **changes))


def test_moments_refuse():
    good = {
        "mean": np.ones((4, 3)),
        "variance": np.ones((4, 3)),
        "mcse": np.ones(3),
        "rhat": np.ones(3),
        "functionals": {},
        "draws": 10,
    }
    m4dl.results.Moments(**good, **about(4))
    for name, value, message in [
        ("mean", np.ones(3), r"mean must have shape \(chain, D\), none of them 0, got \(3,\)"),
        ("variance", np.ones((3, 4)), r"variance must have shape \(4, 3\), got \(3, 4\)"),
        ("mcse", np.ones(4), r"mcse must have shape \(3,\), got \(4,\)"),
        ("draws", 0, "draws must be at least 1, got 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            m4dl.results.Moments(**(good | {name: value}), **about(4))


def test_a_functional_cannot_change_the_draws():
    rng = np.random.default_rng(0)
    draws = make(rng.standard_normal((2, 10, 3)))
    with pytest.raises(ValueError, match="read-only"):
        draws.functional(lambda theta: np.exp(theta, out=theta).sum(axis=1))
