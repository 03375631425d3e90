"""A functional that is NaN in some draws is said: nothing is judged from the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
import studies
from m4dl import credible
from problems import Array
from test_credible import draws_of

POSTERIOR = m4dl.Posterior(
    m4dl.LinearModel(np.eye(3)),
    m4dl.GaussianPrior(np.zeros(3), 1.0),
    data=np.zeros(3),
    noise=m4dl.GaussianNoise(1.0),
)


def logarithm(theta: Array) -> Array:
    """NaN where theta_0 < 0, half of the draws."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.log(theta[:, 0]))


def pole(theta: Array) -> Array:
    """Infinite where theta_0 < 0."""
    return np.where(theta[:, 0] < 0, -np.inf, theta[:, 0])


def independent() -> m4dl.results.Draws:
    return draws_of(np.random.default_rng(5).standard_normal((4, 500, 3)))


def share(draws: m4dl.results.Draws) -> str:
    below = int((np.asarray(draws.theta)[:, :, 0] < 0).sum())
    return f"in {below:,} of 2,000 draws ({below / 2000:.2%})"


OF_ONE: list[Callable[[Any], Any]] = [
    lambda f: credible.Interval(f),
    lambda f: credible.Interval(f, kind="highest-density"),
    lambda f: credible.Ellipsoid([np.ones(3), f]),
]


@pytest.mark.parametrize("kind", OF_ONE)
@pytest.mark.parametrize(("functional", "word"), [(logarithm, "NaN"), (pole, "infinite")])
def test_sets_of_functionals_refuse_what_is_not_there(
    kind: Any, functional: Any, word: str
) -> None:
    draws = independent()
    message = f"functional {functional.__name__} is {word} {share(draws)}"
    with pytest.raises(ValueError, match=re.escape(message)):
        kind(functional).of(draws, 0.9)


def test_one_missing_value_is_enough() -> None:
    """A quantile of the others would be off by less than anyone sees."""
    theta = np.random.default_rng(6).uniform(1, 2, (4, 500, 3))
    theta[2, 77, 0] = -1.0
    with pytest.raises(ValueError, match=re.escape("NaN in 1 of 2,000 draws (0.05%)")):
        credible.Interval(logarithm).of(draws_of(theta), 0.9)


@pytest.mark.parametrize("kind", [credible.Ball(), credible.SupBall(), credible.Band()])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_sets_of_fields_refuse_fields_that_are_not_there(kind: Any, value: float) -> None:
    theta = np.random.default_rng(7).standard_normal((4, 500, 11))
    theta[1, 3, 4] = value
    with pytest.raises(ValueError, match=r"theta is (NaN|infinite) in 1 of 11 parameters"):
        kind.of(draws_of(theta, m4dl.Grid((10,)), "nodes"), 0.9)


@pytest.mark.parametrize("kind", OF_ONE)
def test_a_truth_without_a_value_is_neither_inside_nor_outside(kind: Any) -> None:
    theta = np.random.default_rng(8).uniform(1, 2, (4, 500, 3))
    region = kind(logarithm).of(draws_of(theta), 0.9)
    with pytest.raises(ValueError, match="functional logarithm is NaN in 1 of 1 fields"):
        region.contains([-1.0, 1.0, 1.0])


def test_intervals_from_moments() -> None:
    run = m4dl.sample(
        POSTERIOR, m4dl.PCN(0.9), draws=200, chains=2, seed=1, start=np.ones(3),
        keep="moments", functionals={"log": logarithm}, progress=False,
    )  # fmt: skip
    with pytest.raises(ValueError, match="functional 'log' is NaN"):
        credible.Interval("log").of(run, 0.9)


def test_coverage_is_not_that_of_the_replicates_where_a_functional_is_defined() -> None:
    """theta is around 2: few draws are below 0, in few replicates."""
    with pytest.raises(ValueError, match="functional logarithm is NaN in") as caught:
        m4dl.studies.coverage(
            studies.make_data, studies.PRIOR, 4, {"log": credible.Interval(logarithm)},
            m4dl.PCN(0.5), replicates=40, draws=500, warmup=100, seed=2, progress=False,
        )  # fmt: skip
    assert "np.random.default_rng([2, 4, " in caught.value.__notes__[0]


class Vague:
    """A kind of set of a user's own, with a radius that is not a number."""

    def of(self, draws: m4dl.results.Draws, level: float = 0.95) -> Any:
        return _Vague(credible.SupBall().of(draws, level))


class _Vague:
    def __init__(self, region: Any) -> None:
        self.radius, self.mcse, self.watched = float("nan"), float("nan"), region.watched
        self.contains, self.distance = lambda theta: False, region.distance


def test_coverage_refuses_sets_without_a_radius() -> None:
    with pytest.raises(ValueError, match=re.escape("sets['vague']: its radius")):
        m4dl.studies.coverage(
            studies.make_data, studies.PRIOR, 4, {"vague": Vague()},
            m4dl.PCN(0.5), replicates=2, draws=200, seed=2, progress=False,
        )  # fmt: skip


@pytest.mark.parametrize("test", [m4dl.studies.sbc, m4dl.studies.rank_test])
def test_ranks_among_what_is_not_there(test: Any) -> None:
    options: dict[str, Any] = {"replicates": 50, "seed": 3, "progress": False}
    if test is m4dl.studies.sbc:
        options |= {"draws": 20}
    with pytest.raises(ValueError, match=r"functionals\['log'\] is NaN in"):
        test(POSTERIOR, m4dl.PCN(0.5), functionals={"log": logarithm}, **options)
    ranked = test(POSTERIOR, m4dl.PCN(0.5), functionals={"pole": pole}, **options)
    assert set(ranked.ranks) == {"log_likelihood", "pole"}  # infinity has a rank


@pytest.mark.parametrize("functional", [logarithm, pole])
def test_kernels_are_not_compared_by_what_is_not_there(functional: Any) -> None:
    options: dict[str, Any] = {"draws": 50, "warmup": 10, "chains": 2, "seed": 4}
    options |= {"functionals": {"log": functional}, "progress": False}
    with pytest.raises(ValueError, match=r"functionals\['log'\] is (NaN|infinite) in"):
        m4dl.studies.compare_kernels(POSTERIOR, [m4dl.PCN(0.9)], **options)
    with pytest.raises(ValueError, match=r"functionals\['log'\] is (NaN|infinite) in"):
        m4dl.langevin.ula_bias(POSTERIOR, m4dl.ULA(0.1), **options)


def test_bvm_says_which_draws_are_not_there() -> None:
    theta = np.random.default_rng(9).standard_normal((4, 500, 3))
    theta[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="functional is NaN in 1 of 2,000 draws"):
        m4dl.studies.bvm(POSTERIOR, np.ones(3), np.zeros(3), draws_of(theta))
