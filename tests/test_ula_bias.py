"""ula_bias against ULA's known law on Gaussian targets: variance 1/(lambda (1 - h lambda/2))."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import m4dl
import numpy as np
import pytest
from m4dl.langevin import ula_bias

Seed = Callable[[int], int]
Array = np.ndarray
LAMBDA, STEP = np.array([2.0, 4.0]), 0.3


def gaussian(*, shift: float = 0.0) -> m4dl.Posterior:
    """N(mean, diag(1/LAMBDA)) in white space; data ``shift`` away from the prior mean."""
    return m4dl.Posterior(
        m4dl.LinearModel(np.eye(2)),
        m4dl.GaussianPrior([0.0, 0.0], 1.0),
        data=[shift, shift],
        noise=m4dl.GaussianNoise((LAMBDA - 1) ** -0.5),
    )


def std(h: float) -> Array:
    return np.asarray((LAMBDA * (1 - h * LAMBDA / 2)) ** -0.5)


OPTIONS: dict[str, Any] = {"draws": 4000, "warmup": 60, "chains": 16, "progress": False}
FUNCTIONALS: dict[str, Any] = {
    "first": [1.0, 0.0],
    "second": [0.0, 1.0],
    "square": lambda theta: (theta**2).sum(axis=1),
}


@cache
def found(step: float, seed: int) -> m4dl.langevin.UlaBias:
    posterior = gaussian()
    return ula_bias(
        posterior, m4dl.ULA(step), functionals=FUNCTIONALS, seed=seed, start="mean", **OPTIONS
    )


def test_both_ways_find_the_bias(seed: Seed) -> None:
    """Within 5 standard errors, of which each is wrong one time in 10^6; 0 would be far outside.

    The exact value of what halving estimates is 2 (value at h - value at h/2).
    """
    bias = found(STEP, seed(1))
    exact = {
        "std_mala": std(STEP) - LAMBDA**-0.5,
        "std_halving": 2 * (std(STEP) - std(STEP / 2)),
        "mean_mala": np.zeros(2),
        "mean_halving": np.zeros(2),
    }
    for key, values in exact.items():
        for name, value in zip(("first", "second"), values, strict=True):
            row = bias.rows[name]
            assert abs(row[key] - value) < 5 * row[f"{key}_error"]
            if "std" in key:
                assert value > 5 * row[f"{key}_error"] > 0
    # the mean of |theta|^2 is the sum of the variances
    row = bias.rows["square"]
    mala = (std(STEP) ** 2 - 1 / LAMBDA).sum()
    halving = 2 * (std(STEP) ** 2 - std(STEP / 2) ** 2).sum()
    assert abs(row["mean_mala"] - mala) < 5 * row["mean_mala_error"]
    assert abs(row["mean_halving"] - halving) < 5 * row["mean_halving_error"]
    assert mala > 10 * row["mean_mala_error"]
    assert row["mean"] == pytest.approx((std(STEP) ** 2).sum(), rel=0.05)
    assert bias.advice[0].startswith("Biased: by ")
    assert not any("not converged" in line for line in bias.advice)


def test_standard_errors_are_of_the_right_size(seed: Seed) -> None:
    """60 short studies: the deviations over their errors have a standard deviation near 1.

    It is that of 120 normals, nearly: outside of [0.7, 1.4] once in 10^5. Errors that forgot one of
    the two runs, or the factor 2 of halving, make it 1.4 to 2.
    """
    exact = {"mean_halving": 0.0, "mean_mala": 0.0}
    deviations: dict[str, list[float]] = {key: [] for key in exact}
    for k in range(60):
        options: dict[str, Any] = {"draws": 200, "warmup": 60, "chains": 8, "progress": False}
        bias = ula_bias(gaussian(), m4dl.ULA(STEP), seed=seed(100 + k), start="mean", **options)
        for key, value in exact.items():
            deviations[key] += [
                (bias.rows[f"theta[{i}]"][key] - value) / bias.rows[f"theta[{i}]"][f"{key}_error"]
                for i in range(2)
            ]
    for values in deviations.values():
        assert 0.7 < np.std(values) < 1.4


def test_a_small_step_has_no_visible_bias(seed: Seed) -> None:
    bias = found(0.004, seed(2))
    # 16 numbers beyond 5 standard errors: one time in 10^5
    for row in bias.rows.values():
        for key in ("mean_halving", "mean_mala", "std_halving", "std_mala"):
            assert abs(row[key]) < 5 * row[f"{key}_error"]


def test_same_start_and_metric_for_all_runs() -> None:
    """By default the Laplace metric, which brings the curvature to 1: the bias is h/4 of a sd."""
    bias = ula_bias(gaussian(shift=1.0), m4dl.ULA(0.2), seed=3, **OPTIONS)
    kernels = [run.kernel for run in bias.draws.values()]
    assert all("LowRankMetric(<rank 2 of 2" in kernel for kernel in kernels)
    assert [kernel.split("(")[0] for kernel in kernels] == ["ULA", "ULA", "MALA"]
    assert "step_size=0.1," in kernels[1]
    assert bias.draws["ULA, half the step"].thin == 2
    assert bias.draws["ULA, half the step"].warmup == 120
    seeds = {run.seed for run in bias.draws.values()}
    assert len(seeds) == 3
    for i in range(2):
        row = bias.rows[f"theta[{i}]"]
        exact = LAMBDA[i] ** -0.5 * ((1 - 0.1) ** -0.5 - 1)
        assert abs(row["std_mala"] - exact) < 5 * row["std_mala_error"]
    metric = m4dl.kernels.DiagonalMetric([0.5, 0.25])
    own = ula_bias(gaussian(), m4dl.ULA(0.2, metric=metric), seed=3, **OPTIONS)
    assert all(repr(metric) in run.kernel for run in own.draws.values())
    assert own.mala_acceptance > 0.4


def test_report() -> None:
    posterior = gaussian()
    bias = found(STEP, 1)
    text = str(bias)
    assert text.startswith(
        "Bias of ULA with step size 0.3, in per cent of the chain's standard dev"
    )
    assert "mean, halving" in text
    assert list(bias.to_dict()) == ["log_likelihood", *FUNCTIONALS]
    # more parameters than rows: the likelihood, and those with the largest bias
    many = m4dl.Posterior(
        m4dl.LinearModel(np.eye(30)),
        m4dl.GaussianPrior(np.zeros(30), 1.0),
        data=np.zeros(30),
        noise=m4dl.GaussianNoise(np.r_[0.6, np.full(29, 9.0)]),
    )
    options: dict[str, Any] = {"draws": 500, "seed": 1, "start": "mean", "progress": False}
    text = str(ula_bias(many, m4dl.ULA(0.3), **options))
    assert text.splitlines()[3].startswith("log_likelihood")
    assert text.splitlines()[4].startswith("theta[0] ")
    assert "... and 21 more with smaller biases" in text
    # short runs say that their errors are not reliable
    options |= {"draws": 20, "warmup": 0}
    assert "ULA has not converged" in str(ula_bias(posterior, m4dl.ULA(0.01), **options))


@pytest.mark.parametrize("keep", ["draws", "moments"])
def test_a_summary_of_ula_says_that_it_is_biased(keep: Any) -> None:
    options: dict[str, Any] = {"draws": 50, "warmup": 10, "seed": 1, "progress": False}
    text = str(m4dl.sample(gaussian(), m4dl.ULA(0.1), keep=keep, **options).summary())
    assert "ula_bias estimates it" in " ".join(text.split())
    other = str(m4dl.sample(gaussian(), m4dl.MALA(0.1), keep=keep, **options).summary())
    assert "ula_bias" not in other


def test_a_chain_that_diverges_is_told() -> None:
    """h lambda > 2: there is no law."""
    options: dict[str, Any] = {"draws": 300, "warmup": 10, "seed": 1, "progress": False}
    bias = ula_bias(gaussian(), m4dl.ULA(0.6), start="mean", **options)
    assert any(line.startswith("ULA has not converged") for line in bias.advice)


def test_it_works_on_a_surrogate() -> None:
    plan = m4dl.langevin.guarantee(gaussian(), step_size=1e-4)
    options: dict[str, Any] = {"draws": 50, "warmup": 10, "seed": 1, "progress": False}
    bias = ula_bias(plan.posterior, plan.kernel, start=plan.start, **options)
    assert all("DiagonalMetric" in run.kernel for run in bias.draws.values())


def test_bad_arguments() -> None:
    options: dict[str, Any] = {"draws": 10, "seed": 1, "progress": False}
    with pytest.raises(TypeError, match=r"kernel must be a ULA, got MALA\(step_size=0.1"):
        ula_bias(gaussian(), m4dl.MALA(0.1), **options)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="posterior must be a m4dl Posterior"):
        ula_bias(None, m4dl.ULA(0.1), **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="draws must be at least 1, got 0"):
        ula_bias(gaussian(), m4dl.ULA(0.1), **(options | {"draws": 0}))
    with pytest.raises(ValueError, match="chains must be at least 1, got 0"):
        ula_bias(gaussian(), m4dl.ULA(0.1), chains=0, **options)
    blind = m4dl.PythonModel(lambda theta: theta, parameters=2, outputs=2)
    posterior = m4dl.Posterior(
        blind, gaussian().prior, data=[0.0, 0.0], noise=m4dl.GaussianNoise(1.0)
    )
    with pytest.raises(ValueError, match="ULA needs a gradient"):
        ula_bias(posterior, m4dl.ULA(0.1), **options)
