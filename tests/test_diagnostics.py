"""R-hat, effective sample sizes, standard errors: against ArviZ, and against exactly known laws."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest
from m4dl.results import diagnostics
from scipy import integrate, signal, special, stats

SEED = 20240607


def ar1(phi, shape, rng):
    """Return stationary AR(1) chains (chain, draw, D) with unit variance."""
    noise = rng.standard_normal(shape)
    noise[:, 1:] *= np.sqrt(1 - phi**2)
    return signal.lfilter([1], [1, -phi], noise, axis=1)


def metropolis(shape, rng):
    """Return chains that repeat their last draw with probability 0.7."""
    x = rng.standard_normal(shape)
    for t in range(1, shape[1]):
        stay = rng.random((shape[0], shape[2])) < 0.7
        x[:, t][stay] = x[:, t - 1][stay]
    return x


INPUTS = {
    "independent": lambda shape, rng: rng.standard_normal(shape),
    "slow": lambda shape, rng: ar1(0.95, shape, rng),
    "antithetic": lambda shape, rng: ar1(-0.7, shape, rng),
    "alternating": lambda shape, rng: ar1(-0.999, shape, rng),
    "discrete": lambda shape, rng: np.floor(2 * ar1(0.6, shape, rng)),
    "heavy tails": lambda shape, rng: rng.standard_cauchy(shape),
    "constant": lambda shape, rng: np.full(shape, 3.3),
    "stuck": lambda shape, rng: np.tile(
        rng.standard_normal((shape[0], 1, shape[2])), (shape[1], 1)
    ),
    "disagreeing": lambda shape, rng: (
        rng.standard_normal(shape) + 3 * np.arange(shape[0])[:, None, None]
    ),
    "Metropolis": metropolis,
}


OF_QUANTILES = ("tail", "quantile", "mcse quantile")


def arviz_says(x):
    """Return ArviZ's numbers for draws (chain, draw), for 0.x as for 1.x."""
    # ArviZ warns of its own future, of NaN and of constant chains.
    logging.getLogger("arviz").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz

        return {
            "rhat": arviz.rhat(x, method="rank"),
            "bulk": arviz.ess(x, method="bulk"),
            "tail": arviz.ess(x, method="tail", prob=(0.05, 0.95)),
            "mean": arviz.ess(x, method="mean"),
            "quantile": arviz.ess(x, method="quantile", prob=0.3),
            "mcse mean": arviz.mcse(x, method="mean"),
            "mcse sd": arviz.mcse(x, method="sd"),
            "mcse quantile": arviz.mcse(x, method="quantile", prob=0.3),
        }


def m4dl_says(x):
    return {
        "rhat": diagnostics.rhat(x),
        "bulk": diagnostics.ess(x, "bulk"),
        "tail": diagnostics.ess(x, "tail"),
        "mean": diagnostics.ess(x, "mean"),
        "quantile": diagnostics.ess_quantile(x, 0.3),
        "mcse mean": diagnostics.mcse_mean(x),
        "mcse sd": diagnostics.mcse_sd(x),
        "mcse quantile": diagnostics.mcse_quantile(x, 0.3),
    }


@pytest.mark.parametrize("draws", [3, 4, 7, 8, 11, 50, 501])
@pytest.mark.parametrize("chains", [2, 4, 10])
@pytest.mark.parametrize("kind", INPUTS)
def test_the_numbers_are_those_of_arviz(kind, chains, draws):
    old = pytest.importorskip("arviz").__version__.startswith("0.")
    x = INPUTS[kind]((chains, draws, 3), np.random.default_rng(SEED))
    ours = m4dl_says(x)
    for j in range(x.shape[2]):
        for name, expected in arviz_says(x[:, :, j]).items():
            if kind == "stuck" and name == "mcse sd":
                continue  # variance of squares that are equal but for rounding: noise in both
            if old and kind in ("stuck", "Metropolis") and name in OF_QUANTILES:
                continue  # ArviZ 0.x may round a quantile below repeated draws: see that test
            # Deviations of equal draws from their mean: zero here, rounding in ArviZ.
            if draws >= 4 and kind == "constant" and name in ("mcse mean", "mcse sd"):
                assert ours[name][j] == 0
                assert np.isnan(expected) or expected < 1e-15
                continue
            if draws >= 4 and kind == "stuck" and name == "rhat":
                assert ours[name][j] == np.inf
                assert expected > 1e14
                continue
            np.testing.assert_allclose(ours[name][j], expected, rtol=1e-10, err_msg=name)


def test_a_nan_draw_makes_its_parameter_nan_and_no_other():
    pytest.importorskip("arviz")
    x = np.random.default_rng(SEED).standard_normal((4, 100, 3))
    whole = m4dl_says(x)
    x[2, 5, 1] = np.nan
    for name, values in m4dl_says(x).items():
        assert np.isnan([values[1], arviz_says(x[:, :, 1])[name]]).all(), name
        np.testing.assert_array_equal(values[[0, 2]], whole[name][[0, 2]])


def quantile_autocorrelation_time(phi, p):
    """Return the autocorrelation time of the indicator of lying below the p quantile of an AR(1).

    The indicators of two unit normals with correlation r, both below q, have the covariance
    int_0^r exp(-q^2 / (1 + s)) / (2 pi sqrt(1 - s^2)) ds (Plackett, Biometrika 1954).
    """
    q = special.ndtri(p)

    def slope(s):
        return np.exp(-(q**2) / (1 + s)) / (2 * np.pi * np.sqrt(1 - s**2))

    lags = phi ** np.arange(1, 1 + np.ceil(np.log(1e-10) / np.log(max(abs(phi), 1e-10))))
    return 1 + 2 * sum(integrate.quad(slope, 0, r)[0] for r in lags) / (p * (1 - p))


@pytest.mark.parametrize("phi", [0.9, 0.5, 0.0, -0.5])
def test_ar1_chains_have_their_known_autocorrelation_time(phi):
    chains, draws, size = 4, 10_000, 100
    total = chains * draws
    x = ar1(phi, (chains, draws, size), np.random.default_rng(SEED))
    times = {
        "mean": (diagnostics.ess(x, "mean"), (1 + phi) / (1 - phi)),
        # Normal scores of draws from N(0, 1) are the draws themselves, up to O(1 / sqrt(total)).
        "bulk": (diagnostics.ess(x, "bulk"), (1 + phi) / (1 - phi)),
        "quantile": (diagnostics.ess_quantile(x, 0.05), quantile_autocorrelation_time(phi, 0.05)),
    }
    # An estimated autocorrelation is off by sd = sqrt(sum rho^2 / S), and that sum over all lags is
    # (1 + phi^2) / (1 - phi^2) (Bartlett). The time sums lags until rho sinks below sd, at about
    # M = log(sd) / log|phi|, so it has the relative variance 2 (2 M + 1) / S (Sokal, window M); and
    # the last few lags, which are kept for being positive, add a bias of some 3 sd. Averaging over
    # parameters divides the standard deviation by sqrt(size); 5 of them are allowed.
    sd = np.sqrt((1 + phi**2) / (1 - phi**2) / total)
    window = 2 + (np.log(sd) / np.log(abs(phi)) if phi else 0)
    for name, (size_found, time) in times.items():
        tolerance = 5 * np.sqrt(2 * (2 * window + 1) / total / size) + 3 * sd / time
        assert tolerance < 0.1
        assert abs(np.mean(size_found) * time / total - 1) < tolerance, name


def test_the_error_of_the_mean_is_what_means_of_many_runs_scatter_by():
    # 400 parameters are 400 independent runs, and their means scatter by the error that each run
    # reports. The scatter of 400 numbers is known to 1/sqrt(800) = 3.5 %, the mean of the reported
    # errors much better; 5 standard deviations are allowed.
    x = ar1(0.8, (4, 2000, 400), np.random.default_rng(SEED))
    scatter = x.mean(axis=(0, 1)).std()
    assert abs(scatter / diagnostics.mcse_mean(x).mean() - 1) < 0.18
    assert abs(x.std(axis=(0, 1)).std() / diagnostics.mcse_sd(x).mean() - 1) < 0.18
    medians = np.median(x, axis=(0, 1)).std()
    assert abs(medians / diagnostics.mcse_quantile(x, 0.5).mean() - 1) < 0.18


def test_rhat_of_shifted_chains_is_the_limit_of_its_definition():
    # Half of the chains from N(0, 1), half from N(1, 1). The scores z = Phi^-1(F(x)), F the mean of
    # both distribution functions, have means +-m and variance v in the two groups, by quadrature;
    # then R-hat^2 -> 1 + B/v, B = 4 m^2 / 3 the variance of (-m, -m, m, m) with divisor 3.
    def score(x):
        return special.ndtri((special.ndtr(x) + special.ndtr(x - 1)) / 2)

    def moment(power):
        return integrate.quad(lambda x: score(x) ** power * stats.norm.pdf(x), -7, 8)[0]

    mean, square = moment(1), moment(2)
    limit = np.sqrt(1 + 4 * mean**2 / 3 / (square - mean**2))
    n = 40_000
    x = np.random.default_rng(SEED).standard_normal((2, n)) + np.array([[0.0], [1.0]])
    # Four means of n/2 draws: 2 m has the error sqrt(2 / n), and dR/d(2m) = 2 m / (3 R v) < 1/2.
    assert abs(diagnostics.rhat(x) - limit) < 5 * 0.5 * np.sqrt(2 / n)
    assert limit > 1.1


def test_rhat_sees_chains_of_equal_mean_and_unequal_spread():
    x = np.random.default_rng(SEED).standard_normal((4, 1000, 2))
    x[2:, :, 1] *= 2
    agreeing, spread = diagnostics.rhat(x)
    assert agreeing < 1.01 < 1.05 < spread


def plain_rhat(x):
    """Return R-hat of draws (chain, draw) written as in the paper: slow and obvious."""
    half = x.shape[1] // 2
    parts = np.array([part for chain in x for part in (chain[:half], chain[-half:])])

    def of(values):
        ranks = stats.rankdata(values).reshape(values.shape)
        z = stats.norm.ppf((ranks - 3 / 8) / (values.size + 1 / 4))
        within = np.mean([np.var(chain, ddof=1) for chain in z])
        between = half * np.var([np.mean(chain) for chain in z], ddof=1)
        return np.sqrt(((half - 1) / half * within + between / half) / within)

    return max(of(parts), of(np.abs(parts - np.median(parts))))


@pytest.mark.parametrize("draws", [4, 5, 100, 101])
def test_one_chain_is_judged_by_its_halves(draws):
    x = ar1(0.5, (1, draws, 3), np.random.default_rng(SEED))
    expected = [plain_rhat(x[:, :, j]) for j in range(3)]
    np.testing.assert_allclose(diagnostics.rhat(x), expected, rtol=1e-12)
    drifting = np.arange(draws) + np.zeros((1, 1))
    assert diagnostics.rhat(drifting) > 1.5


def test_repeated_draws_count_as_below_their_quantile():
    # A chain stuck at its minimum for 8 % of its draws. The 5 % quantile is that minimum, and its
    # indicator is 1 exactly there, whatever the rounding of the interpolation between equal draws.
    x = np.random.default_rng(SEED).random((4, 500, 50)) + np.linspace(0.1, 0.9, 50)
    x[1, 200:360] = x.min(axis=(0, 1))
    indicator = (x == x.min(axis=(0, 1))).astype(float)
    expected = diagnostics.ess(indicator, "mean")
    np.testing.assert_array_equal(diagnostics.ess_quantile(x, 0.05), expected)
    np.testing.assert_array_equal(diagnostics.ess(x, "tail"), expected)
    assert (expected < 20).all()


def test_the_unit_of_a_parameter_does_not_matter():
    x = ar1(0.8, (4, 200, 3), np.random.default_rng(SEED))
    tiny = 2.0**-80
    for name, values in m4dl_says(x).items():
        unit = tiny if name.startswith("mcse") else 1
        np.testing.assert_allclose(m4dl_says(tiny * x)[name], unit * values, rtol=1e-12)


def test_infinite_draws_spoil_only_what_needs_a_mean():
    x = np.random.default_rng(SEED).standard_normal((4, 200))
    x[1, 3] = -np.inf
    assert np.isfinite([diagnostics.rhat(x), diagnostics.ess(x), diagnostics.ess(x, "tail")]).all()
    assert np.isnan([diagnostics.ess(x, "mean"), diagnostics.mcse_mean(x)]).all()


def test_a_single_quantity_gives_numbers():
    x = np.random.default_rng(SEED).standard_normal((4, 100))
    for name, value in m4dl_says(x).items():
        assert np.ndim(value) == 0
        assert value == m4dl_says(x[:, :, None])[name][0]
    assert set(diagnostics.summarise(x)) == {
        "mean", "std", "mcse_mean", "ess_bulk", "ess_batch", "ess_tail", "ess_far", "rhat",
    }  # fmt: skip


def test_the_summary_is_made_of_the_single_diagnostics():
    x = ar1(0.5, (3, 101, 7), np.random.default_rng(SEED))
    summary = diagnostics.summarise(x)
    np.testing.assert_allclose(summary["mean"], x.mean(axis=(0, 1)), rtol=0, atol=1e-15)
    np.testing.assert_allclose(summary["std"], x.std(axis=(0, 1), ddof=1), rtol=1e-14)
    np.testing.assert_array_equal(summary["mcse_mean"], diagnostics.mcse_mean(x))
    np.testing.assert_array_equal(summary["ess_bulk"], diagnostics.ess(x))
    np.testing.assert_array_equal(summary["ess_batch"], diagnostics.ess(x, "batch"))
    np.testing.assert_array_equal(summary["ess_tail"], diagnostics.ess(x, "tail"))
    np.testing.assert_array_equal(summary["rhat"], diagnostics.rhat(x))


def test_one_draw_has_a_mean_and_nothing_else():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summary = diagnostics.summarise(np.ones((1, 1, 2)))
    assert summary.pop("mean").tolist() == [1, 1]
    assert np.isnan(list(summary.values())).all()


class Stored:
    """Draws on disk: they may be sliced, and it is noted how much is taken at a time."""

    def __init__(self, x):
        self.x, self.shape, self.taken = x, x.shape, []

    def __getitem__(self, key):
        out = self.x[key]
        self.taken.append(out.size)
        return out


@pytest.mark.parametrize("columns", [1, 2, 7])
def test_memory_is_bounded_and_chunks_change_nothing(monkeypatch, columns):
    x = ar1(0.5, (4, 50, 23), np.random.default_rng(SEED))
    whole = m4dl_says(x)
    monkeypatch.setattr(diagnostics, "_SLAB", 4 * 50 * 3 * columns)
    stored = Stored(x)
    for name, values in m4dl_says(stored).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-13, err_msg=name)
    assert max(stored.taken) == min(23, 3 * columns) * 4 * 50


@pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
def test_other_types_are_taken_as_double_precision(dtype):
    x = (3 * np.random.default_rng(SEED).standard_normal((4, 60, 2))).astype(dtype)
    assert diagnostics.ess(x).tolist() == diagnostics.ess(x.astype(float)).tolist()


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4, 5), (0, 10, 2), (2, 0), (2, 10, 0)])
def test_draws_of_another_shape_are_refused(shape):
    with pytest.raises(
        ValueError, match=r"draws must have shape .*none of them 0, got \("
    ) as error:
        diagnostics.rhat(np.ones(shape))
    assert str(error.value).endswith(f"got {shape}")


def test_unknown_options_are_refused():
    x = np.ones((2, 10))
    with pytest.raises(
        ValueError, match="kind must be one of 'bulk', 'tail', 'mean', 'batch', got 'median'"
    ):
        diagnostics.ess(x, "median")
    with pytest.raises(ValueError, match=r"p must be in \(0, 1\), got 1.0"):
        diagnostics.ess_quantile(x, 1.0)
    with pytest.raises(ValueError, match=r"p must be in \(0, 1\), got -0.5"):
        diagnostics.mcse_quantile(x, -0.5)
