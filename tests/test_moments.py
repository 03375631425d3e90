"""Moments without draws: the same numbers as from the draws, in memory that does not grow."""

from __future__ import annotations

import tracemalloc
from typing import Any

import m4dl
import m4dl.sampling._chunks
import numpy as np
import pytest
from m4dl.sampling._accumulator import MomentAccumulator

SIZE = 5


def posterior(size: int = SIZE) -> m4dl.Posterior:
    rng = np.random.default_rng(3)
    model = m4dl.LinearModel(rng.standard_normal((3, size)))
    prior = m4dl.GaussianPrior(np.linspace(1.0, 2.0, size), np.eye(size))
    return m4dl.Posterior(model, prior, data=np.ones(3), noise=m4dl.GaussianNoise(0.5))


def sample(**options: Any) -> Any:
    settings: dict[str, Any] = {
        "draws": 300,
        "warmup": 50,
        "chains": 3,
        "seed": 11,
        "start": "prior",
        "progress": False,
    }
    size = options.pop("size", SIZE)
    return m4dl.sample(posterior(size), m4dl.PCN(beta=0.3), **(settings | options))


def absorb(draws: np.ndarray, pieces: list[int], batch: int) -> MomentAccumulator:
    out = MomentAccumulator(draws.shape[0], draws.shape[2], batch)
    for piece in np.split(draws, np.cumsum(pieces), axis=1):
        if piece.shape[1]:
            out.update(piece)
    return out


@pytest.mark.parametrize("pieces", [[], [1, 1, 1], [7, 40, 2], [100], [10] * 9])
def test_accumulator_equals_numpy_however_the_draws_are_cut(pieces: list[int]) -> None:
    draws = np.random.default_rng(0).standard_normal((3, 107, 4)) + np.arange(4.0)
    out = absorb(draws, pieces, batch=10)
    np.testing.assert_allclose(out.mean, draws.mean(axis=1), rtol=0, atol=1e-13)
    np.testing.assert_allclose(out.variance(), draws.var(axis=1, ddof=1), rtol=1e-13)
    np.testing.assert_allclose(out.pooled_mean(), draws.mean(axis=(0, 1)), rtol=0, atol=1e-13)
    np.testing.assert_allclose(out.pooled_std(), draws.std(axis=(0, 1), ddof=1), rtol=1e-13)

    # ten complete batches of ten; the last seven draws belong to none
    means = draws[:, :100].reshape(3, 10, 10, 4).mean(axis=2)
    expected = np.sqrt(10 * means.var(axis=(0, 1), ddof=1) / (3 * 107))
    np.testing.assert_allclose(out.mcse(), expected, rtol=1e-12)

    within, between = draws.var(axis=1, ddof=1).mean(axis=0), draws.mean(axis=1).var(axis=0, ddof=1)
    np.testing.assert_allclose(out.rhat(), np.sqrt(106 / 107 + between / within), rtol=1e-12)


def test_accumulator_continues_from_its_state_bit_for_bit() -> None:
    draws = np.random.default_rng(1).standard_normal((2, 90, 3))
    whole = absorb(draws, [30, 30], batch=8)
    half = absorb(draws[:, :60], [30], batch=8)
    resumed = MomentAccumulator(2, 3, 8)
    resumed.restore(half.state())
    resumed.update(draws[:, 60:])
    for name, value in whole.state().items():
        np.testing.assert_array_equal(resumed.state()[name], value)


def test_a_large_mean_does_not_cancel_the_variance() -> None:
    # Rounding the draws themselves near 1e8 moves each by at most 2^-27 = 7.5e-9, uniformly and
    # independently: the variance, about 1, by far less than 1e-8. A sum of squares, 1e16 times
    # the variance, would lose 1e16 * 2^-53 = 1.
    draws = np.random.default_rng(2).standard_normal((1, 1000, 1))
    variance = absorb(draws + 1e8, [100] * 9, batch=10).variance()
    np.testing.assert_allclose(variance, draws.var(axis=1, ddof=1), rtol=1e-8)


def test_mcse_is_calibrated_on_independent_draws() -> None:
    # (a m - 1) mcse^2 m n ~ chi^2 with a m - 1 = 79 degrees of freedom in each of 200 components,
    # so their average has relative standard deviation sqrt(2 / (79 * 200)) = 0.0113. Five of them.
    draws = np.random.default_rng(4).standard_normal((4, 400, 200))
    ratio = np.mean(absorb(draws, [150, 150], batch=20).mcse() ** 2) * 4 * 400
    assert abs(ratio - 1) < 0.057


def test_chains_that_disagree_are_seen() -> None:
    draws = np.random.default_rng(5).standard_normal((4, 400, 1))
    apart = draws + np.arange(4.0)[:, None, None]
    together = absorb(draws, [], batch=20)
    out = absorb(apart, [], batch=20)
    # batch means spread by the variance 5/4 * 80/79 of the shifts besides 1/20 of their own
    assert out.mcse()[0] > 4 * together.mcse()[0]
    assert together.rhat()[0] < 1.05
    assert out.rhat()[0] > 1.3


def test_too_few_draws_or_chains_give_nan_not_zero() -> None:
    one = absorb(np.ones((1, 1, 2)), [], batch=1)
    for values in (one.variance()[0], one.pooled_std(), one.mcse(), one.rhat()):
        assert np.isnan(values).all()


def test_moments_are_those_of_the_kept_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(m4dl.sampling._chunks, "CHUNK_DRAWS", 64)  # four chunks and a part of one
    weights = np.arange(1.0, SIZE + 1)
    functionals = {"weights": weights, "square": lambda theta: (theta**2).sum(axis=1)}
    draws = sample()
    moments = sample(keep="moments", functionals=functionals)
    np.testing.assert_allclose(moments.chain_mean, draws.theta.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(moments.chain_variance, draws.theta.var(axis=1, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(moments.mean(), draws.mean(), rtol=1e-12)
    series = {
        "log_likelihood": draws.log_likelihood,
        "weights": draws.theta @ weights,
        "square": (draws.theta**2).sum(axis=2),
    }
    assert list(moments.functionals) == list(series)
    for name, values in series.items():
        out = moments.functionals[name]
        expected = absorb(values[..., None], [], batch=17)  # floor(sqrt(300))
        np.testing.assert_allclose(out["mean"], values.mean(), rtol=1e-12)
        np.testing.assert_allclose(out["std"], values.std(ddof=1), rtol=1e-12)
        np.testing.assert_allclose(out["mcse"], expected.mcse()[0], rtol=1e-11)
        np.testing.assert_allclose(out["rhat"], expected.rhat()[0], rtol=1e-12)
    for name in ("acceptance", "step_size", "failures"):
        np.testing.assert_array_equal(getattr(moments, name), getattr(draws, name))


def test_memory_does_not_grow_with_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(m4dl.sampling._chunks, "CHUNK_DRAWS", 256)
    sample(size=50, chains=2, draws=10, keep="moments")  # what is imported or cached at first use

    def peak(draws: int) -> int:
        tracemalloc.start()
        try:
            sample(size=50, chains=2, draws=draws, keep="moments")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # batches of 316 instead of 31 draws are summed within a chunk: no array has another size
    few, many = peak(1_000), peak(100_000)
    assert many < 1.02 * few
    assert many < 100_000 * 2 * 50 * 8 / 4


@pytest.mark.parametrize(
    ("functionals", "error", "message"),
    [
        ([np.ones(SIZE)], TypeError, "functionals must be a dict"),
        ({"": np.ones(SIZE)}, ValueError, "a functional needs a name .* got ''"),
        ({"log_likelihood": np.ones(SIZE)}, ValueError, "always kept"),
        ({"a": np.ones(4)}, ValueError, r"functionals\['a'\] must have shape \(5,\), got \(4,\)"),
        ({"a": [1, 2, np.nan, 4, 5]}, ValueError, r"functionals\['a'\] must be finite, got nan"),
        (
            {"a": lambda t: t},
            ValueError,
            r"'a'\] must map draws of shape \(n, 5\) to shape \(n,\), got \(3, 5\) for n = 3",
        ),
    ],
)
def test_functionals_are_checked(functionals: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        sample(keep="moments", functionals=functionals)


def test_functionals_belong_to_moments() -> None:
    with pytest.raises(ValueError, match=r"use Draws\.functional"):
        sample(functionals={"a": np.ones(SIZE)})


def test_an_error_in_a_functional_is_the_users_own() -> None:
    calls = iter(range(100))

    def broken(theta: np.ndarray) -> np.ndarray:
        if next(calls):
            raise ZeroDivisionError("mine")
        return theta[:, 0]

    with pytest.raises(ZeroDivisionError, match="mine"):
        sample(keep="moments", functionals={"broken": broken})
