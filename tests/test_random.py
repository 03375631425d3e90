"""Random numbers: Philox's published vectors, Box-Muller, and independence of all counters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import philox
import pytest
from m4dl import _core
from scipy import stats

# Random123, file kat_vectors: philox 4x32 10.
VECTORS = [
    ("00000000 " * 4, "00000000 " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a88 85a308d3 13198a2e 03707344",  # the digits of pi
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def integers(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "expected"), VECTORS)
def test_known_answers(counter: str, key: str, expected: str) -> None:
    assert list(_core.philox4x32(integers(counter), integers(key))) == integers(expected)
    ours = philox.philox(np.array(integers(counter), dtype=np.uint64), np.array(integers(key)))
    assert ours.tolist() == integers(expected)


@pytest.mark.parametrize(
    ("seed", "chain", "step"),
    [(0, 0, 0), (1, 8, 3), (2**64 - 1, 16, 2**32 - 1), (7, 2**32 - 8, 2**32 + 5), (3, 0, 2**55)],
)
def test_normals_are_box_and_muller(seed: int, chain: int, step: int) -> None:
    for count in (1, 4, 7, 1001):
        ours = _core.normals(seed, chain, step, count)
        assert ours.shape == (count, 8)
        expected = [philox.normals(seed, chain + lane, step, count) for lane in range(8)]
        # truncated series: 5e-13 in the log, 4e-13 in the cosine times a radius below 7.5
        np.testing.assert_allclose(ours, np.array(expected).T, rtol=0, atol=5e-12)


def test_starts_have_a_stream_of_their_own() -> None:
    start = _core.initial_white_noise(9, 11, 13)
    expected = [philox.normals(9, chain, 0, 13, philox.START) for chain in range(11)]
    np.testing.assert_allclose(start, expected, rtol=0, atol=5e-12)


def test_moments_and_distribution(seed: Callable[[int], int]) -> None:
    z = np.concatenate(
        [_core.normals(seed(40), 0, step, 25_000).ravel() for step in range(5)]
    )  # 10^6
    # The mean of z^k has standard error sqrt((E z^2k - (E z^k)^2)/n); 5 of them fail once in 10^6.
    moments = {1: (0.0, 1.0), 2: (1.0, 2.0), 3: (0.0, 15.0), 4: (3.0, 96.0), 6: (15.0, 10170.0)}
    for power, (mean, variance) in moments.items():
        assert abs((z**power).mean() - mean) < 5.0 * np.sqrt(variance / z.size), power
    assert stats.kstest(z, "norm").pvalue > 1e-5
    # no atoms: of 40 bits of radius and 24 of angle, few can coincide among 10^6
    assert np.unique(z).size > 0.99 * z.size


def test_tails(seed: Callable[[int], int]) -> None:
    """The number beyond 4 among 8 10^6: Poisson, mean 507, so 5 standard errors are 113."""
    count = sum(
        int((np.abs(_core.normals(seed(41), 0, step, 100_000)) > 4.0).sum()) for step in range(10)
    )
    mean = 8e6 * 2.0 * stats.norm.sf(4.0)
    assert abs(count - mean) < 5.0 * np.sqrt(mean)


def test_independence(seed: Callable[[int], int]) -> None:
    """Correlations between chains, steps, components and streams, and of squares, are noise."""
    base = seed(42)
    count = 50_000
    here, there = (_core.normals(base, 0, step, count) for step in (0, 1))
    beyond = _core.normals(base, 8, 0, count)
    other = _core.normals(base + 1, 0, 0, count)
    start = _core.initial_white_noise(base, 1, count)[0]
    pairs = {
        "chains": (here[:, 0], here[:, 1]),
        "blocks": (here[:, 0], beyond[:, 0]),
        "steps": (here[:, 0], there[:, 0]),
        "seeds": (here[:, 0], other[:, 0]),
        "streams": (here[:, 0], start),
        "sine and cosine": (here[::2, 0], here[1::2, 0]),
        "neighbours": (here[:-2, 0], here[2:, 0]),
    }
    for name, (a, b) in pairs.items():
        # products of independent normals have variance 1, of their centred squares 4
        assert abs((a * b).mean()) < 5.0 / np.sqrt(a.size), name
        assert abs(((a**2 - 1) * (b**2 - 1)).mean()) < 6.0 * 2.0 / np.sqrt(a.size), name
    correlation = np.corrcoef(here.T)[np.triu_indices(8, 1)]
    assert np.abs(correlation).max() < 5.0 / np.sqrt(count)


def test_a_number_depends_on_its_counter_alone() -> None:
    """Not on how many are asked for, nor on the lane."""
    long, short = _core.normals(5, 0, 2, 100), _core.normals(5, 0, 2, 9)
    np.testing.assert_array_equal(long[:9], short)
    np.testing.assert_array_equal(
        _core.normals(5, 3, 2, 20)[:, :5], _core.normals(5, 0, 2, 20)[:, 3:]
    )
