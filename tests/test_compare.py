"""Effective draws for the work that was done, and the table of several kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
from m4dl.results import diagnostics
from test_map import linear

Seed = Callable[[int], int]
OPTIONS: dict[str, Any] = {"draws": 300, "warmup": 100, "chains": 8, "seed": 3, "progress": False}


@pytest.mark.parametrize("phi", [0.0, 0.6, 0.9])
def test_batch_means_of_an_autoregression(phi: float, seed: Seed) -> None:
    """x' = phi x + w has the integrated autocorrelation time (1 + phi)/(1 - phi) =: tau.

    800 batches of 100: the estimate's relative error is sqrt(2/800) = 5 %, and it is too large by
    about 2 phi/(1 - phi^2)/100 of itself, the correlation that batches cut off.
    """
    rng = np.random.default_rng(seed(60))
    x = np.empty((8, 10_000))
    x[:, 0] = rng.standard_normal(8) / np.sqrt(1 - phi**2)
    noise = rng.standard_normal(x.shape)
    for k in range(1, x.shape[1]):
        x[:, k] = phi * x[:, k - 1] + noise[:, k]
    exact = x.size * (1 - phi) / (1 + phi)
    bias = 2 * phi / (1 - phi**2) / 100
    assert abs(diagnostics.ess(x, "batch") / exact - 1) < 5 * 0.05 + bias
    # and the two estimators agree
    assert diagnostics.ess(x, "batch") == pytest.approx(diagnostics.ess(x), rel=0.3 + bias)


@pytest.mark.parametrize(
    ("kernel", "solves"),
    [(m4dl.PCN(), 1), (m4dl.MALA(), 2), (m4dl.ULA(0.1), 2), (m4dl.HMC(0.5, 1e9, max_steps=3), 6)],
    ids=repr,
)
def test_solves_are_counted(kernel: Any, solves: int) -> None:
    posterior = linear()[0]
    fixed = {} if isinstance(kernel, m4dl.ULA) else {"warmup": 0}
    draws = m4dl.sample(posterior, kernel, thin=2, **(OPTIONS | fixed))
    assert draws.solves == 600 * solves
    summary = draws.summary()
    worst = summary.worst["ess_bulk"].value
    assert summary.efficiency["per_1000_steps"] == pytest.approx(worst / (8 * 600) * 1000)
    assert summary.efficiency["per_solve"] == pytest.approx(worst / (8 * 600 * solves))
    assert summary.efficiency["per_second"] == pytest.approx(worst / draws.seconds)
    assert "worst ESS" in str(summary)
    assert ("trajectory     1e+09" in str(summary)) == isinstance(kernel, m4dl.HMC)
    assert draws.trajectory == (1e9 if isinstance(kernel, m4dl.HMC) else 0.0)
    moments = m4dl.sample(posterior, kernel, thin=2, keep="moments", **(OPTIONS | fixed))
    assert moments.solves == draws.solves


def test_the_table() -> None:
    posterior = linear()[0]
    kernels = [m4dl.PCN(), m4dl.MALA(), m4dl.PCN(0.01, adapt=False)]
    table = m4dl.studies.compare_kernels(posterior, kernels, **OPTIONS)
    assert list(table.rows) == ["PCN 1", "MALA", "PCN 2"]
    draws = m4dl.sample(posterior, m4dl.MALA(), **OPTIONS)
    np.testing.assert_array_equal(table.draws["MALA"].theta, draws.theta)
    row = table.rows["MALA"]
    sizes = np.append(draws.ess(), diagnostics.ess(draws.log_likelihood))
    assert row["ess"] == sizes.min()
    assert row["per_1000_solves"] == pytest.approx(1000 * sizes.min() / (8 * 600))
    assert row["solves_per_step"] == 2
    assert table.rows["PCN 2"]["ess"] < row["ess"]
    lines = str(table).splitlines()
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1
    assert lines[2].startswith("MALA ")
    assert table.to_dict()["MALA"]["worst"] == row["worst"]


def test_functionals_say_what_is_judged() -> None:
    posterior = linear()[0]
    weights = np.ones(9)
    table = m4dl.studies.compare_kernels(
        posterior, {"mine": m4dl.MALA()}, functionals={"sum": weights}, **OPTIONS
    )
    (row,) = table.rows.values()
    draws = table.draws["mine"]
    sizes = {
        "log_likelihood": diagnostics.ess(draws.log_likelihood),
        "sum": diagnostics.ess(draws.functional(weights)),
    }
    assert row["worst"] == min(sizes, key=lambda name: sizes[name])
    assert row["ess"] == min(sizes.values())


@pytest.mark.parametrize(
    ("kernels", "error", "message"),
    [
        ([], ValueError, "kernels must hold at least one kernel, got none"),
        (m4dl.PCN(), TypeError, "kernels must be a list or a dict of kernels, got PCN"),
        (["pcn"], TypeError, "kernel must be a kernel such as PCN"),
    ],
)
def test_bad_kernels(kernels: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        m4dl.studies.compare_kernels(linear()[0], kernels, **OPTIONS)


def test_the_picture() -> None:
    pytest.importorskip("matplotlib")
    table = m4dl.studies.compare_kernels(linear()[0], [m4dl.PCN(), m4dl.MALA()], **OPTIONS)
    left, right = table.plot().axes
    widths = [patch.get_width() for patch in left.patches]
    assert widths == [row["per_1000_solves"] for row in table.rows.values()]
    assert [label.get_text() for label in left.get_yticklabels()] == list(table.rows)
    assert right.get_xscale() == "log"
