"""The engine of studies: data sets side by side in the lanes of one block."""

from __future__ import annotations

from typing import Any

import m4dl
import numpy as np
import pytest
from catalogue import DELAYED, KERNELS
from m4dl.results import Draws
from m4dl.studies import _replicates as r
from rows import KernelRow

GRID = m4dl.Grid((6,))
MODEL = m4dl.Schrodinger(GRID, [[0.3], [0.7]])
PRIOR = m4dl.MaternPrior(GRID, length=0.5, smoothness=1.0)
NOISE = m4dl.GaussianNoise(0.05)


def posterior(k: int, model: Any = MODEL) -> m4dl.Posterior:
    return m4dl.Posterior(model, PRIOR, data=[0.9 - 0.02 * k, 0.8 + 0.01 * k], noise=NOISE)


@pytest.mark.parametrize("row", [*KERNELS, *DELAYED], ids=str)
def test_chains_have_data_of_their_own(row: KernelRow) -> None:
    """Chain c of a run over many data sets is, to the bit, chain c of the run over its own.

    A kernel that adapts to all chains together would see other chains there: it does not adapt.
    """
    options: dict[str, Any] = {"draws": 20, "warmup": 10, "seed": 3, "progress": False}
    options["start"] = "prior"
    kernel = row.kernel(PRIOR.white, **({"adapt": False} if row.across else {}))
    sets = [posterior(k) for k in range(11)]
    together = m4dl.sample(r.stack(sets, 1), kernel, chains=11, **options)
    for c in (0, 5, 10):
        alone = m4dl.sample(sets[c], kernel, chains=11, **options)
        np.testing.assert_array_equal(together.theta[c], alone.theta[c])
        np.testing.assert_array_equal(together.log_likelihood[c], alone.log_likelihood[c])


def test_the_core_counts_the_data_sets() -> None:
    core = r.stack([posterior(0), posterior(1)], 2).core
    with pytest.raises(ValueError, match="there are data for 4 chains, got 3"):
        core.phi(np.zeros((3, PRIOR.white)))
    with pytest.raises(ValueError, match="there are data for 4 chains, got 8"):
        m4dl.PCN().start(core, 8, 1, np.zeros((8, PRIOR.white)), 1)
    white = np.random.default_rng(0).standard_normal((4, PRIOR.white))
    expected = np.concatenate([posterior(k).potential(white[2 * k : 2 * k + 2]) for k in (0, 1)])
    np.testing.assert_array_equal(core.phi(white), expected)


def replicates(sets: list[m4dl.Posterior]) -> list[r.Replicate | r.Failed]:
    return [r.Replicate(p, m4dl.PCN(), "prior") for p in sets]


def test_a_group_fills_lanes() -> None:
    plan = r.Plan(draws=30, warmup=10, thin=2, chains=4)
    assert plan.group == 2
    assert r.Plan(1, 0, 1, 3).group == 8
    group = replicates([posterior(0), posterior(1)])
    first, second = r.sample_group(group, plan, 7, 200, 0)
    # one that fails leaves the draws of its neighbour as they are
    failed, same = r.sample_group([r.Failed("no data"), group[1]], plan, 7, 200, 0)
    assert isinstance(first, Draws)
    assert isinstance(second, Draws)
    assert second.theta.shape == (4, 30, 7)
    assert failed == r.Failed("no data")
    other = same if isinstance(same, r.Failed) else same.theta
    # alone it makes its draws under a seed of its own
    assert isinstance(same, Draws), other
    assert second.acceptance.shape == (4,)


def test_a_replicate_at_fault_stops_no_other() -> None:
    """A start that is not finite in one of them makes the common run raise."""
    start = np.full(PRIOR.white, 1e4)  # exp overflows
    sets = [posterior(0), posterior(1)]
    group: list[r.Replicate | r.Failed] = [
        r.Replicate(sets[0], m4dl.PCN(), np.zeros(PRIOR.white)),
        r.Replicate(sets[1], m4dl.PCN(), start),
    ]
    good, bad = r.sample_group(group, r.Plan(30, 10, 1, 4), 7)
    assert isinstance(good, Draws)
    assert isinstance(bad, r.Failed)
    assert "not finite at the start" in bad.error
    assert "Traceback" in bad.error


def test_jobs_come_back_in_order() -> None:
    assert list(r.in_threads(range(20), lambda k: k * k, 3)) == [(k, k * k) for k in range(20)]
