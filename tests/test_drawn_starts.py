"""Chains start where the model has a value, also if it has none in part of the prior."""

from __future__ import annotations

import warnings
from typing import Any

import m4dl
import numpy as np
import pytest
from m4dl import _core
from m4dl._base.streams import Purpose, derived_seed
from m4dl.studies import _replicates as replicates
from scipy import sparse

SIZE = 3


def half(limit: float = 0.0) -> m4dl.Posterior:
    """A model that fails where theta[0] is below the limit."""
    model = m4dl.PythonModel(
        lambda t: np.where(t[0] < limit, np.nan, t),
        parameters=SIZE,
        outputs=SIZE,
        gradient=lambda t, w: w,
    )
    prior = m4dl.GaussianPrior(np.zeros(SIZE), 1.0)
    return m4dl.Posterior(model, prior, data=np.ones(SIZE), noise=m4dl.GaussianNoise(0.5))


def sample(posterior: m4dl.Posterior, kernel: Any = None, **options: Any) -> m4dl.results.Draws:
    settings: dict[str, Any] = {"draws": 5, "chains": 8, "seed": 2, "progress": False}
    with warnings.catch_warnings():  # the chains meet the part that fails, and say so
        warnings.filterwarnings("ignore", "of .* solves per chain, some failed")
        return m4dl.sample(posterior, kernel or m4dl.PCN(0.1), **(settings | options))


@pytest.mark.parametrize("kernel", [m4dl.PCN(0.1), m4dl.MALA(0.1), m4dl.HMC(0.1)], ids=repr)
@pytest.mark.parametrize("start", ["prior", "learn", None])
def test_a_model_that_fails_in_half_of_the_prior_starts(kernel: Any, start: Any) -> None:
    warmup = 0 if start == "prior" else 200
    draws = sample(half(), kernel, start=start, warmup=warmup)
    assert (draws.theta[..., 0] >= 0.0).all()
    first = np.asarray(_core.initial_white_noise(2, 8, SIZE))
    again = int((first[:, 0] < 0.0).sum())
    (note,) = draws.notes
    assert 0 < again < 8
    assert note == (
        f"at {again} of 8 starts the model had no finite value: drawn again from the prior"
    )
    assert "drawn again" in " ".join(str(draws.summary()).split())


def test_a_start_depends_on_seed_and_chain_alone() -> None:
    """PCN with a tiny step stays where it starts: in white noise that is the prior's here."""
    still = m4dl.PCN(1e-9, adapt=False)
    many = sample(half(), still, chains=11, threads=2).theta[:, 0]
    np.testing.assert_array_equal(sample(half(), still, chains=3, threads=1).theta[:, 0], many[:3])
    # each is the first of its own draws that is fine: found here one by one
    seeds = [2, *(derived_seed(Purpose.REDRAWN_STARTS, 2, k) for k in range(1, 20))]
    own = np.stack([np.asarray(_core.initial_white_noise(s, 11, SIZE)) for s in seeds])
    fine = own[..., 0] >= 0.0
    expected = own[fine.argmax(axis=0), np.arange(11)]
    np.testing.assert_allclose(many, expected, atol=1e-7)
    assert (fine.argmax(axis=0) > 1).any()  # some needed more than one


def test_starts_that_are_fine_are_not_touched() -> None:
    untouched = sample(half(-9.0), start="prior")
    assert untouched.notes == ()
    given = np.asarray(_core.initial_white_noise(2, 8, SIZE))
    np.testing.assert_array_equal(sample(half(-9.0), start=given).theta, untouched.theta)


def test_a_coarse_model_that_fails_is_no_start_either() -> None:
    whole, coarse = half(-9.0), half()
    kernel = m4dl.DelayedAcceptance(coarse, m4dl.PCN(0.1), error_model="none")
    draws = sample(whole, kernel, start="prior")
    assert (draws.theta[:, 0, 0] >= 0.0).all()
    assert "drawn again" in draws.notes[0]


def negative() -> m4dl.Posterior:
    """(1 + c) u = 1, solved by Cholesky: no solution where c < -1, and data that do not mind."""
    one = sparse.eye_array(1)
    model = m4dl.AffineElliptic(one, [one], [1.0], one, link="identity")
    prior = m4dl.GaussianPrior([0.0], 1.0)
    return m4dl.Posterior(model, prior, data=[1.0], noise=m4dl.GaussianNoise(100.0))


def test_laplace_starts_and_pilot_runs_are_drawn_again_too() -> None:
    """Of N(0, 1) a share of 16 % lies below -1: among 64 chains some, but with chance 1.5e-5."""
    draws = sample(negative(), chains=64)
    assert draws.provenance["start"] == "laplace"
    assert "drawn again from the Laplace approximation" in draws.notes[0]
    assert draws.theta[..., 0].min() > -1.0
    fit = m4dl.laplace(negative(), rank=1)
    metric = m4dl.modes.refined_metric(fit, seed=1, chains=64, draws=4)
    assert np.isfinite(metric.variance).all()


def test_a_model_that_fails_everywhere_names_chains_and_what_to_do() -> None:
    with pytest.raises(
        ValueError,
        match=r"not finite at the start of chain\(s\) 0, 1, nor at any of 100 draws of the prior: "
        r"the solve fails there; pass start= with white noise where it does not",
    ):
        sample(half(99.0), chains=2)
    # and where one starts is one's own affair
    draws = sample(half(99.0), start=np.full(SIZE, 100.0))
    assert draws.theta[:, 0, 0].min() > 98.0


def test_replicates_in_lanes_are_drawn_again_too() -> None:
    """Chains with data of their own are evaluated all together."""
    one = half()
    sets = [
        m4dl.Posterior(one.model, one.prior, data=np.full(SIZE, y), noise=one.noise)
        for y in (0.5, 1.0)
    ]
    group: list[replicates.Replicate | replicates.Failed] = [
        replicates.Replicate(p, m4dl.PCN(0.1), "prior") for p in sets
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = replicates.sample_group(group, replicates.Plan(5, 0, 1, 4), 1)
    for draws in found:
        assert isinstance(draws, m4dl.results.Draws), draws
        assert draws.theta[..., 0].min() >= 0.0
