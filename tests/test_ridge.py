"""Slopes from Gram matrices against singular values, and against rational numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import oracles as o
import pytest
from m4dl.kernels import _ridge, _svd
from problems import Array

EPS = np.finfo(float).eps
Data = tuple[Array, Array]


def made(
    chains: int, n: int, white: int, outputs: int = 5, decay: float = 0.0, noise: float = 0.1
) -> Data:
    """Predictions of a linear model whose slopes fall like k^-decay, and noise."""
    rng = np.random.default_rng(chains + n + white)
    slope = rng.standard_normal((outputs, white)) * np.arange(1, white + 1) ** -decay
    x = rng.standard_normal((chains, n, white))
    return x, x @ slope.T + noise * rng.standard_normal((chains, n, outputs))


def resting() -> Data:
    """Chains that hardly move: two or three places each, and one that stands."""
    x, y = made(6, 20, 150, decay=1.0)
    stay = np.sort(np.random.default_rng(0).integers(0, 3, (6, 20)), axis=1)
    stay[2] = 0
    return np.take_along_axis(x, stay[:, :, None], axis=1), np.take_along_axis(
        y, stay[:, :, None], axis=1
    )


def far() -> Data:
    """Chains around places of their own, far apart beside how far they wander."""
    x, y = made(4, 15, 90, decay=1.0)
    return x + 100.0 * np.arange(4.0)[:, None, None], y - 1e3 * np.arange(4.0)[:, None, None]


def narrow() -> Data:
    """Draws in a space of seven dimensions, and components that never move."""
    x, y = made(4, 25, 7, noise=0.0)
    rng = np.random.default_rng(1)
    inside = x @ rng.standard_normal((7, 60))
    inside[:, :, 10:20] = 0.3
    return inside, y


def tiny() -> Data:
    x, y = made(4, 12, 40)
    return 1e-9 * x, 1e9 * y


CASES: dict[str, Callable[[], Data]] = {
    "more white noises than draws": lambda: made(4, 25, 300, decay=1.5, noise=0.02),
    "steep": lambda: made(8, 10, 200, decay=3.0, noise=1e-3),
    "more draws": lambda: made(4, 60, 30),
    "more draws than white noises, not in a half": lambda: made(4, 15, 40),
    "as many": lambda: made(2, 20, 40),
    "three chains": lambda: made(3, 20, 50),
    "three chains, one half is taller": lambda: made(3, 20, 30),
    "one component": lambda: made(4, 9, 1),
    "one output": lambda: made(4, 9, 30, outputs=1),
    "more outputs than draws": lambda: made(2, 8, 30, outputs=50),
    "two draws of two chains": lambda: made(2, 2, 10),
    "no noise": lambda: made(4, 20, 30, noise=0.0),
    "only noise": lambda: made(4, 20, 30, decay=20.0, noise=10.0),
    "resting": resting,
    "far apart": far,
    "narrow": narrow,
    "tiny": tiny,
}


@pytest.mark.parametrize("name", CASES)
def test_the_slopes_are_those_of_singular_values(name: str) -> None:
    """Every choice of a ridge too, for another one moves slopes by far more than 1e-12."""
    x, y = CASES[name]()
    exact = o.relevance_slope(x, y, _ridge.RIDGES, _ridge.PASSES)
    found = _ridge.fitted_slope(x, y)
    assert np.linalg.norm(exact) > 0.0
    assert np.linalg.norm(found - exact) <= 1e-12 * np.linalg.norm(exact)


def test_a_single_chain_is_cut_in_two() -> None:
    x, y = made(1, 41, 60, decay=1.0)
    halves = [np.stack([v[0, :20], v[0, 21:]]) for v in (x, y)]
    exact = o.relevance_slope(halves[0], halves[1], _ridge.RIDGES, _ridge.PASSES)
    found = _ridge.fitted_slope(x, y)
    assert np.linalg.norm(found - exact) <= 1e-12 * np.linalg.norm(exact)


@pytest.mark.parametrize("decay", [0.0, 2.0, 4.0, 8.0])
@pytest.mark.parametrize("ridge", [1e-12, 1e-8, 1e-4, 1e-3, 1.0])
def test_small_singular_values_keep_their_digits(decay: float, ridge: float) -> None:
    """Rounding moves singular values by eps of the largest, and the slope by that over the smallest
    that the ridge lets pass, its root: the Gram matrix alone would have lost the square of it."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((8, 12)) * np.arange(1, 13) ** -decay
    x -= x.mean(axis=0)
    y = x @ rng.standard_normal((12, 2))
    gram = x @ x.T
    exact = o.exact_ridge_slope(x, y, ridge * float(np.linalg.eigvalsh(gram)[-1]))
    found = _ridge._ridge_slope(x, y, gram, ridge)
    bound = 10.0 * EPS / np.sqrt(ridge) if ridge < _ridge.PLAIN else EPS / ridge
    assert np.linalg.norm(found - exact) <= max(bound, 10.0 * EPS) * np.linalg.norm(exact)
    direct = o.ridge_slopes(x, y, [ridge])[0]
    assert np.linalg.norm(direct - exact) <= 100.0 * EPS / np.sqrt(ridge) * np.linalg.norm(exact)


def test_many_draws_of_few_places_leave_a_positive_definite_matrix() -> None:
    """At the smallest ridge, with nine of ten eigenvalues zero up to rounding."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((60, 700))[rng.integers(0, 60, 600)]
    y = x @ rng.standard_normal((700, 3))
    found = _ridge._ridge_slope(x, y, x @ x.T, _ridge.RIDGES[0])
    exact = o.ridge_slopes(x, y, _ridge.RIDGES[:1])[0]
    assert np.linalg.norm(found - exact) <= 1e-12 * np.linalg.norm(exact)


@pytest.mark.parametrize("chains", [1, 2, 5])
def test_what_does_not_vary_has_no_slope(chains: int) -> None:
    """One draw, draws of one place, predictions that are constant."""
    x, y = made(chains, 12, 20)
    for draws, predictions in (
        (x[:, :1], y[:, :1]),
        (np.broadcast_to(x[:, :1], x.shape), np.broadcast_to(y[:, :1], y.shape)),
        (np.broadcast_to(x[:, :1], x.shape), y),
        (x, np.ones_like(y)),
        (np.zeros_like(x), np.zeros_like(y)),
    ):
        found = _ridge.fitted_slope(draws, predictions)
        assert found.shape == (5, 20)
        np.testing.assert_array_equal(found, 0.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite(bad: float) -> None:
    x, y = made(4, 6, 10)
    with pytest.raises(ValueError, match=r"draws must be finite, got (nan|inf) at index"):
        _ridge.fitted_slope(np.where(x == x[1, 2, 3], bad, x), y)
    with pytest.raises(ValueError, match=r"predictions must be finite, got (nan|inf) at index"):
        _ridge.fitted_slope(x, np.where(y == y[1, 2, 3], bad, y))


def test_where_divide_and_conquer_fails_qr_iteration_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = resting()[0][0]
    fast = _svd.thin_svd(x)

    def fail(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError("SVD did not converge")

    monkeypatch.setattr(np.linalg, "svd", fail)
    u, s, v = _svd.thin_svd(x)
    assert [a.shape for a in (u, s, v)] == [a.shape for a in fast]
    np.testing.assert_allclose(s, fast[1], rtol=0.0, atol=1e-12 * s[0])
    np.testing.assert_allclose(u * s @ v, x, rtol=0.0, atol=1e-12 * s[0])
    with pytest.raises(ValueError, match="infs or NaNs"):
        _svd.thin_svd(np.full((2, 3), np.nan))
