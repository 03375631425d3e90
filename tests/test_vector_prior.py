"""Vector-valued fields: what is particular to them; laws and derivatives are in the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
from m4dl.credible import Ball, Band, SupBall

GRID = m4dl.Grid((6, 5))
SIZE = GRID.size_of("nodes")
ONE = m4dl.MaternPrior(GRID, std=1.0, length=0.4, smoothness=1.0)
OTHER = m4dl.SeriesPrior(GRID, modes=5, alpha=2.0, std=0.7, mean=1.0)


def test_components_are_the_fields_mixed_one_after_the_other() -> None:
    mixing = np.array([[1.0, 0.5], [0.0, 2.0], [-1.0, 0.0]])
    prior = m4dl.VectorPrior([ONE, OTHER], mixing)
    assert (prior.components, prior.parameters) == (3, 3 * SIZE)
    assert prior.white == ONE.white + OTHER.white
    xi = np.random.default_rng(1).standard_normal((11, prior.white))
    parts = np.stack([ONE.push(xi[:, : ONE.white]), OTHER.push(xi[:, ONE.white :])], axis=1)
    theta = prior.push(xi).reshape(11, 3, SIZE)
    np.testing.assert_allclose(theta, mixing @ parts, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(prior.mean.reshape(3, SIZE), mixing @ [ONE.mean, OTHER.mean])


def test_a_repeated_prior_is_that_prior_in_each_component() -> None:
    prior = m4dl.VectorPrior(ONE, components=3)
    xi = np.random.default_rng(2).standard_normal((3, ONE.white))
    np.testing.assert_array_equal(prior.push(xi.ravel()).reshape(3, SIZE), ONE.push(xi))
    assert all(p is ONE for p in prior.priors)
    assert (prior.domain, prior.at) == (GRID, "nodes")
    assert repr(prior).startswith("VectorPrior(3 components, 3 x MaternPrior(")


@pytest.mark.parametrize(
    ("build", "error", "match"),
    [
        (lambda: m4dl.VectorPrior(ONE), ValueError, "components must say how often"),
        (lambda: m4dl.VectorPrior(ONE, components=0), ValueError, "at least 1, got 0"),
        (lambda: m4dl.VectorPrior([]), ValueError, "at least one prior, got none"),
        (lambda: m4dl.VectorPrior([ONE], components=2), ValueError, "left out .* got 2"),
        (lambda: m4dl.VectorPrior([ONE, 3]), TypeError, r"priors\[1\] must be a m4dl Prior"),  # type: ignore[list-item]
        (lambda: m4dl.VectorPrior("one"), TypeError, r"priors\[0\] must be a m4dl Prior, got str"),  # type: ignore[arg-type]
        (
            lambda: m4dl.VectorPrior([ONE, m4dl.GaussianPrior(np.zeros(3), 1.0)]),
            ValueError,
            rf"all have {SIZE} parameters, as the first, got 3 for priors\[1\]",
        ),
        (
            lambda: m4dl.VectorPrior([ONE, m4dl.GaussianPrior(np.zeros(SIZE), 1.0)]),
            ValueError,
            r"live on Grid\(\(6, 5\)\) at nodes, as the first, got None at None for priors\[1\]",
        ),
        (
            lambda: m4dl.VectorPrior([m4dl.VectorPrior(ONE, components=2)]),
            ValueError,
            r"priors\[0\] must have one component, got 2",
        ),
        (lambda: m4dl.VectorPrior([ONE, OTHER], np.eye(3)), ValueError, r"shape \(any, 2\), got"),
        (lambda: m4dl.VectorPrior([ONE], np.empty((0, 1))), ValueError, "at least one row"),
        (lambda: m4dl.VectorPrior([ONE], [[np.nan]]), ValueError, "mixing must be finite, got nan"),
    ],
)
def test_refusals(build: Callable[[], Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        build()


class MatrixModel(m4dl.LinearModel):
    """A linear model of vector fields whose data are matrices, and who looks at them."""

    def __init__(self, components: int, places: m4dl.Grid | None):
        super().__init__(np.random.default_rng(3).standard_normal((8, 2 * SIZE)))
        self.domain, self.at = places, None if places is None else "nodes"
        self.components, self.data_shape = components, (2, 2, 2)
        self.seen: Any = None

    def check_data(self, data: Any, noise: Any) -> None:
        self.seen = (data.copy(), noise)
        if (data > 1e6).any():
            raise ValueError("data must be near the group")


NOISE = m4dl.GaussianNoise(0.1)
PAIR = m4dl.VectorPrior(ONE, components=2)


def test_data_may_have_the_shape_of_the_model() -> None:
    model, data = MatrixModel(2, GRID), np.arange(8.0).reshape(2, 2, 2)
    shaped = m4dl.Posterior(model, PAIR, data=data, noise=NOISE)
    np.testing.assert_array_equal(model.seen[0], np.arange(8.0))
    assert model.seen[1] is NOISE
    flat = m4dl.Posterior(model, PAIR, data=np.arange(8.0), noise=NOISE)
    np.testing.assert_array_equal(shaped.data, flat.data)
    with pytest.raises(ValueError, match=r"shape \(8,\) or \(2, 2, 2\), got \(4, 2\)"):
        m4dl.Posterior(model, PAIR, data=data.reshape(4, 2), noise=NOISE)
    with pytest.raises(ValueError, match="near the group"):
        m4dl.Posterior(model, PAIR, data=1e7 + data, noise=NOISE)


def test_components_of_model_and_prior_must_agree() -> None:
    fine = m4dl.Grid((2 * SIZE - 1,))  # as many nodes as the pair has values
    scalar = m4dl.MaternPrior(fine, std=1.0, length=0.4, smoothness=1.0)
    with pytest.raises(ValueError, match="prior must live where"):
        m4dl.Posterior(MatrixModel(2, GRID), scalar, data=np.zeros(8), noise=NOISE)
    wrong = MatrixModel(1, GRID)
    with pytest.raises(ValueError, match=r"as many components as the model, 1, got 2 \(VectorPri"):
        m4dl.Posterior(wrong, PAIR, data=np.zeros(8), noise=NOISE)
    m4dl.Posterior(MatrixModel(1, None), PAIR, data=np.zeros(8), noise=NOISE)


@pytest.fixture(scope="module")
def runs() -> dict[str, Any]:
    posterior = m4dl.Posterior(MatrixModel(2, GRID), PAIR, data=np.ones(8), noise=NOISE)
    return {
        keep: m4dl.sample(posterior, m4dl.PCN(), chains=4, draws=200, warmup=50, seed=4, keep=keep)
        for keep in ("draws", "moments")
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("keep", ["draws", "moments"])
def test_a_component_of_the_draws(runs: dict[str, Any], keep: str) -> None:
    draws = runs[keep]
    assert draws.components == 2
    second = draws.component(1)
    assert (second.components, second.parameters) == (1, SIZE)
    for of in ("mean", "std", "mcse", "rhat"):
        np.testing.assert_array_equal(getattr(second, of)(), getattr(draws, of)()[SIZE:])
    assert len(second.plot_fields().axes) > 0
    for number in (-1, 2):
        with pytest.raises(ValueError, match=f"component must be .* got {number}"):
            draws.component(number)


def test_pictures_and_norms_ask_for_a_component(runs: dict[str, Any]) -> None:
    draws = runs["draws"]
    with pytest.raises(ValueError, match=r"2 components, draw draws\.component\(c\)"):
        draws.plot_fields()
    with pytest.raises(ValueError, match=r"theta has 2 components: take it of draws\.component"):
        Ball().of(draws)
    assert Ball().of(draws.component(0)).radius > 0
    # suprema over all components are sets as good as those of scalar fields
    for kind in (Band(), SupBall()):
        assert kind.of(draws).contains(draws.mean())
