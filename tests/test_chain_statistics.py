"""The compiled diagnostics: orders, transforms, threads and units, beside the plain definition."""

from __future__ import annotations

import numpy as np
import pytest
from m4dl import _core
from m4dl.results import diagnostics
from scipy import stats

SEED = 20261127
WANTED = (
    "mean",
    "std",
    "mcse_mean",
    "mcse_sd",
    "rhat",
    "ess_bulk",
    "ess_mean",
    "ess_batch",
    ("ess_quantile", 0.3),
)


def plain_ess(halves):
    """Geyer's initial monotone sequence over half chains (chain, draw), as the paper writes it."""
    chains, n = halves.shape
    deviations = halves - halves.mean(axis=1, keepdims=True)
    covariance = [
        np.mean(np.sum(deviations[:, : n - t] * deviations[:, t:], 1)) / n for t in range(n)
    ]
    within = covariance[0] * n / (n - 1)
    spread = covariance[0] + halves.mean(axis=1).var(ddof=1)
    rho = 1 - (within - np.array(covariance)) / spread
    rho[0] = 1
    time, least = -1.0, np.inf
    for j in range(max(0, (n - 3) // 2) + 1):
        pair = rho[2 * j] + rho[2 * j + 1]
        if pair <= 0 or j == max(0, (n - 3) // 2):
            time += rho[2 * j] if rho[2 * j] > 0 or (j > 0 and pair >= 0) else 0
            break
        least = min(least, pair)
        time += 2 * least
    return chains * n / max(time, 1 / np.log10(chains * n))


def split(x):
    half = x.shape[1] // 2
    return np.concatenate([x[:, :half], x[:, -half:]])


def normal_scores(x):
    return stats.norm.ppf((stats.rankdata(x).reshape(x.shape) - 0.375) / (x.size + 0.25))


LAWS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "ties": lambda rng, shape: rng.integers(0, 3, shape).astype(float),
    "one far away": lambda rng, shape: np.where(
        rng.random(shape) < 1 / shape[1], 1e250, rng.standard_normal(shape)
    ),
    "Cauchy": lambda rng, shape: rng.standard_cauchy(shape) ** 5,
    "walk": lambda rng, shape: np.cumsum(rng.standard_normal(shape), axis=1),
    "two scales": lambda rng, shape: np.exp(100 * rng.standard_normal(shape)),
}


@pytest.mark.parametrize("draws", [15, 16, 64, 1001])
@pytest.mark.parametrize("law", LAWS)
def test_ranks_and_autocorrelations_are_those_of_the_definition(law, draws):
    # 64 values and more are ordered digit by digit; walks and long chains go through the transform
    x = LAWS[law](np.random.default_rng(SEED), (3, draws, 9))
    bulk, low = diagnostics.ess(x), diagnostics.ess_quantile(x, 0.3)
    for j in range(x.shape[2]):
        halves = split(x[:, :, j])
        assert bulk[j] == pytest.approx(plain_ess(normal_scores(halves)), rel=1e-9)
        quantile = np.quantile(x[:, :, j], 0.3)
        assert low[j] == pytest.approx(plain_ess((halves <= quantile).astype(float)), rel=1e-9)


def found(x, threads=1):
    chains, draws, _ = x.shape
    names = [(name, 0.0) if isinstance(name, str) else name for name in WANTED]
    scores = diagnostics._normal_scores(2 * chains * (draws // 2))
    return _core.chain_statistics(x, names, scores, threads)


def test_threads_neighbours_and_strides_change_no_bit():
    x = np.random.default_rng(SEED).standard_normal((2, 301, 150)).cumsum(axis=1)
    whole = found(x)
    np.testing.assert_array_equal(found(x, threads=3), whole)
    np.testing.assert_array_equal(found(x[:, :, ::-1])[:, ::-1], whole)
    np.testing.assert_array_equal(found(np.asfortranarray(x)), whole)
    for j in (0, 77, 149):
        np.testing.assert_array_equal(found(x[:, :, j : j + 1])[:, 0], whole[:, j])


@pytest.mark.parametrize("unit", [2.0**-700, 2.0**700])
def test_the_unit_of_a_number_changes_no_digit(unit):
    x = np.random.default_rng(SEED).standard_normal((4, 100, 3)) + 5.0
    # a power of two is exact, and squares of these overflow or vanish
    scaled, plain = found(unit * x), found(x)
    for name, here, there in zip(WANTED, scaled, plain, strict=True):
        linear = name in ("mean", "std", "mcse_mean", "mcse_sd")
        np.testing.assert_array_equal(here, unit * there if linear else there, err_msg=str(name))


def test_a_small_spread_on_a_large_mean_keeps_its_digits():
    x = 1e9 + 1e-6 * np.random.default_rng(SEED).standard_normal((4, 200, 2))
    deviation = x - 1e9  # exact: some multiple of 2^-23
    np.testing.assert_allclose(found(x)[1:], found(deviation)[1:], rtol=1e-12)
    np.testing.assert_allclose(found(x)[1], deviation.std(axis=(0, 1), ddof=1), rtol=1e-12)


def test_nan_and_infinity_stay_with_their_number():
    x = np.random.default_rng(SEED).standard_normal((4, 100, 8))
    whole = found(x)
    x[1, 7, 2], x[0, 0, 5] = np.nan, -np.inf
    spoilt = found(x)
    others = [0, 1, 3, 4, 6, 7]
    np.testing.assert_array_equal(spoilt[:, others], whole[:, others])
    assert np.isnan(spoilt[:, 2]).all()
    assert spoilt[0, 5] == -np.inf
    assert np.isfinite(spoilt[[4, 5, 8], 5]).all()  # ranks know minus infinity


def test_unknown_statistics_and_wrong_scores_are_refused():
    x = np.zeros((1, 4, 1))
    with pytest.raises(ValueError, match="unknown statistic median"):
        _core.chain_statistics(x, [("median", 0.0)], np.zeros(7))
    with pytest.raises(ValueError, match="scores must be those of all ranks"):
        _core.chain_statistics(x, [("mean", 0.0)], np.zeros(3))
