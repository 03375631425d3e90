"""Calibration: right samplers pass, broken ones are found out, in one call each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
import studies
from catalogue import KERNELS
from m4dl.studies import Calibration
from rows import KernelRow

Seed = Callable[[int], int]
POSTERIOR = studies.posterior()
EXACT = [row for row in KERNELS if row.exact]
STIFFEST = 3.69  # largest eigenvalue of the precision in white space; see test_stiffest
GRID = m4dl.Grid((3,), ((0.0, 3.0),))
BENT = m4dl.Posterior(
    m4dl.Schrodinger(GRID, [[1.0], [1.8]], at="interior"),
    m4dl.MaternPrior(GRID, std=1.5, length=2.0, smoothness=0.5, at="interior", mean=-1.0),
    data=[0.5, 0.5],
    noise=m4dl.GaussianNoise(0.1),
)


def sbc(kernel: Any, posterior: m4dl.Posterior = POSTERIOR, **changes: Any) -> Calibration:
    options: dict[str, Any] = {
        "replicates": 1000,
        "draws": 63,
        "warmup": 200,
        "thin": 15,
        "seed": 3,
        "progress": False,
    }
    return m4dl.studies.sbc(posterior, kernel, **(options | changes))


def rank_test(kernel: Any, posterior: m4dl.Posterior = POSTERIOR, **changes: Any) -> Calibration:
    options: dict[str, Any] = {"replicates": 3000, "seed": 4, "progress": False}
    return m4dl.studies.rank_test(posterior, kernel, **(options | changes))


def precision() -> Any:
    white = np.eye(POSTERIOR.white)
    return POSTERIOR.gauss_newton(np.zeros_like(white), white) + white


def test_stiffest() -> None:
    assert np.linalg.eigvalsh(precision())[-1] == pytest.approx(STIFFEST, rel=0.02)


def test_sbc_passes_a_right_sampler(seed: Seed) -> None:
    """p < 1e-4 happens to a right one once in 10^4 seeds."""
    found = sbc(m4dl.MALA(0.3), seed=seed(1100))
    assert found.calibrated, found
    assert found.ess > 0.5 * 63
    assert not found.advice
    assert "no evidence against" in repr(found)


def test_sbc_finds_out_a_broken_sampler(seed: Seed) -> None:
    """ULA with h lambda = 1.6: its variance is five times too large in one direction."""
    found = sbc(m4dl.ULA(1.6 / STIFFEST), seed=seed(1101))
    assert not found.calibrated, found
    assert found.p_value < 1e-10
    assert "the sampler is wrong" in repr(found)
    # the truth is in the middle of draws that are too wide: ranks are too
    name = min(found.p_values, key=lambda k: found.p_values[k])
    assert found.p_values["log_likelihood"] < 1e-10
    assert name in found.ranks


@pytest.mark.parametrize("row", EXACT, ids=str)
def test_rank_test_passes_exact_kernels(row: KernelRow, seed: Seed) -> None:
    options = row.sized(0.05 if row.gradient else 0.5)
    kernel = row.kernel(BENT.white, adapt=False, **options)
    found = rank_test(kernel, BENT, seed=seed(1102))
    assert found.calibrated, found
    assert found.levels == 16


def test_rank_test_finds_out_a_broken_kernel(seed: Seed) -> None:
    assert rank_test(m4dl.ULA(1.6 / STIFFEST), seed=seed(1103)).p_value < 1e-10


def test_threads_change_nothing() -> None:
    one, three = (sbc(m4dl.PCN(), replicates=300, draws=15, threads=k) for k in (1, 3))
    for name, ranks in one.ranks.items():
        np.testing.assert_array_equal(ranks, three.ranks[name])


def test_advice_and_pictures(tmp_path: Any) -> None:
    found = sbc(m4dl.PCN(0.1, adapt=False), replicates=200, draws=50, thin=1, warmup=0)
    assert "not those of independent draws" in repr(found)
    chosen = rank_test(
        m4dl.PCN(0.5), replicates=100, functionals={"psi": studies.PSI, "max": lambda t: t.max(1)}
    )
    assert list(chosen.ranks) == ["log_likelihood", "psi", "max"]
    pytest.importorskip("matplotlib")
    found.plot().savefig(tmp_path / "sbc.png")


def test_bands_hold_their_level(seed: Seed) -> None:
    """All bars of uniform ranks lie in the band with 90 %, at least; it is not much wider."""
    rng = np.random.default_rng(seed(1104))
    inside = 0
    for _ in range(400):
        c = Calibration("none", {"a": rng.integers(64, size=500)}, 64, 0.9)
        inside += bool(((c.low <= c.counts["a"]) & (c.counts["a"] <= c.high)).all())
    # 5 standard errors of 0.015 below; Bonferroni and whole numbers leave less than 6 % unused
    assert 0.9 - 0.075 < inside / 400 < 0.99


def test_uneven_bins_expect_their_share() -> None:
    c = Calibration("none", {"a": np.arange(2300) % 23}, 23, 0.95)
    assert c.expected.size == 20
    assert c.expected.sum() == pytest.approx(2300)
    assert c.p_values["a"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sbc(m4dl.PCN), TypeError, "kernel must be a kernel"),
        (lambda: sbc(m4dl.PCN(), replicates=10), ValueError, "replicates must be at least 50, got"),
        (lambda: sbc(m4dl.PCN(), confidence=1.0), ValueError, "confidence must be in"),
        (lambda: sbc(m4dl.PCN(), start="map"), ValueError, "start must be one of"),
        (lambda: sbc(m4dl.PCN(), seed=-1), ValueError, "seed must be at least 0, got -1"),
        (lambda: sbc(m4dl.PCN(), progress=2), TypeError, "progress must be"),
        (lambda: rank_test(m4dl.PCN(), length=1), ValueError, "length must be at least 2, got 1"),
        (
            lambda: sbc(m4dl.PCN(), functionals={"a": np.ones(3)}),
            ValueError,
            r"functionals\['a'\] must have shape \(11,\)",
        ),
        (lambda: sbc(m4dl.PCN(), posterior=3), TypeError, "posterior must be a m4dl Posterior"),
    ],
)
def test_bad_input(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_model_that_fails_says_where() -> None:
    def fails(theta: Any) -> Any:
        return np.where(theta[:, :1] > 3, np.nan, theta[:, :1])

    posterior = m4dl.Posterior(
        m4dl.PythonModel(fails, parameters=11, outputs=1, batched=True),
        studies.PRIOR,
        data=[2.0],
        noise=m4dl.GaussianNoise(0.4),
    )
    with pytest.raises(ValueError, match=r"not finite at the draw of the prior of replicate \d+"):
        sbc(m4dl.PCN(), posterior=posterior)
