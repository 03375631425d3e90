"""Draws on disk are the array that they are in memory, and are read in pieces."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import m4dl
import numpy as np
import pytest
from gallery import posterior
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from m4dl.results import Draws, _stored_array
from m4dl.results._stored_array import StoredArray

zarr = pytest.importorskip("zarr")

SHAPE = (3, 20, 4)
VALUES = np.random.default_rng(3).standard_normal(SHAPE)


class Sliced:
    """Stands for arrays of other packages: shape, dtype and slices, no more."""

    shape, dtype = SHAPE, VALUES.dtype

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        assert all(k is Ellipsis or (isinstance(k, slice) and (k.step or 1) > 0) for k in keys)
        return VALUES[key]


def in_zarr() -> Any:
    out = zarr.create_array(zarr.storage.MemoryStore(), data=VALUES, chunks=(1, 6, 4))
    return out


SOURCES = {"zarr": in_zarr(), "sliced": Sliced()}


@pytest.fixture(params=SOURCES)
def stored(request: pytest.FixtureRequest) -> StoredArray:
    return StoredArray(SOURCES[request.param])


MASK = VALUES[:, :, 0] > 0
KEYS: list[Any] = [
    0,
    -1,
    np.int64(1),
    np.array(2),
    (),
    ...,
    None,
    slice(None),
    (slice(None), slice(3, 9)),
    (slice(None), slice(None, None, 7), 2),
    (slice(None, None, -1), slice(15, 2, -3)),
    (0, ..., 1),
    (..., -1),
    (None, 1, None, slice(2), None),
    (slice(5, 2),),
    (1, 2, 3),
    [0, 2],
    [],
    ([2, 0, 0], slice(None), [3, 1, 1]),
    (0, slice(None), [3, 1]),
    (slice(None), [1, 19, 4, -3], 1),
    (slice(None), np.array([[0, 5], [17, -1]])),
    (np.ix_([0, 2], [1, 18, 3], [0])),
    MASK,
    (MASK, 2),
    VALUES > 1,
    (slice(None), MASK[0]),
    np.zeros(3, dtype=bool),
    True,
    (None, False),
]


@pytest.mark.parametrize("key", KEYS, ids=lambda k: repr(k)[:40])
def test_keys_mean_what_they_mean_to_numpy(stored: StoredArray, key: Any) -> None:
    found, known = stored[key], VALUES[key]
    np.testing.assert_array_equal(found, known, strict=True)
    assert type(found) is type(known)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_any_key(data: st.DataObject) -> None:
    basic = arrays.basic_indices(SHAPE, allow_newaxis=True, allow_ellipsis=True)
    key = data.draw(basic | arrays.integer_array_indices(SHAPE))
    for source in SOURCES.values():
        np.testing.assert_array_equal(StoredArray(source)[key], VALUES[key], strict=True)


@pytest.mark.parametrize(
    "key", [3, (0, 20), [0, 3], 1.0, "x", (0, 0, 0, 0), MASK[:, :5], (..., ...)]
)
def test_wrong_keys_fail_as_numpys(stored: StoredArray, key: Any) -> None:
    with pytest.raises(IndexError) as numpys:
        VALUES[key]
    with pytest.raises(IndexError) as ours:
        stored[key]
    assert str(ours.value) == str(numpys.value)


AXES: list[Any] = [None, 0, 1, -1, (0, 1), (1, 2), (0, 2), (0, 1, 2), ()]


@pytest.mark.parametrize("name", ["sum", "mean", "var", "std", "min", "max"])
@pytest.mark.parametrize("axis", AXES)
def test_reductions(monkeypatch, stored: StoredArray, name: str, axis: Any) -> None:
    """In memory at once they are NumPy's to the bit, and to rounding in pieces of 3 draws."""
    for block in (2**20, 3 * 3 * 4):
        monkeypatch.setattr(_stored_array, "BLOCK", block)
        for options in ({}, {"keepdims": True}, *([{"ddof": 1}] if name in ("var", "std") else [])):
            with warnings.catch_warnings(action="ignore"):
                known = getattr(VALUES, name)(axis=axis, **options)
                found = getattr(stored, name)(axis=axis, **options)
                function = getattr(np, name)(stored, axis=axis, **options)
            assert np.shape(found) == np.shape(known)
            np.testing.assert_array_equal(found, function)
            exact = block > VALUES.size or name in ("min", "max")
            np.testing.assert_allclose(found, known, rtol=0 if exact else 1e-13, atol=1e-15)
    with pytest.raises(np.exceptions.AxisError):
        getattr(stored, name)(axis=3)


def test_pieces_are_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reduction holds more than a block, and the whole is never read."""
    read: list[int] = []

    class Watched(Sliced):
        def __getitem__(self, key: Any) -> Any:
            out = super().__getitem__(key)
            read.append(out.size)
            return out

    monkeypatch.setattr(_stored_array, "BLOCK", 3 * 4 * 4)
    stored = StoredArray(Watched())
    for name in ("sum", "mean", "std", "max"):
        getattr(stored, name)(axis=(0, 1))
    assert max(read) <= 3 * 4 * 4
    read.clear()
    assert stored[1, 4:6].shape == (2, 4)
    assert read == [8]


def test_what_an_ndarray_can_do(stored: StoredArray) -> None:
    for of in (
        lambda x: x**2,
        lambda x: 1 - x / 3 + abs(x),
        lambda x: x @ np.ones(4),
        lambda x: np.ones(20) @ x,
        lambda x: x > 0,
        lambda x: x.reshape(-1, 4),
        lambda x: x.T,
        lambda x: np.exp(x),
        lambda x: np.add.reduce(x, axis=1),
        lambda x: np.quantile(x, [0.1, 0.9], axis=(0, 1)),
        lambda x: np.concatenate([x, x], axis=1),
        lambda x: np.stack([x, 2 * x]),
        lambda x: np.where(x > 0, x, 0.0),
        lambda x: np.einsum("cdk,k->cd", x, np.ones(4)),
        lambda x: x.astype(np.float32),
        lambda x: x.ravel(),
        lambda x: x.argmax(axis=1),
        lambda x: np.argsort(x, axis=1),
        lambda x: x.cumsum(axis=1),
        lambda x: np.asarray(x),
        lambda x: np.array(x, dtype=np.float32),
        lambda x: np.swapaxes(x, 0, 1),
        lambda x: np.array(x.tolist()),
        lambda x: np.mean(x, 1, np.float32),
        lambda x: list(x)[1],
        lambda x: len(x) + x.ndim + x.size + x.nbytes + np.size(x) + np.ndim(x),
        lambda x: np.shape(x) + x.shape,
        lambda x: VALUES[0, 0, 0] in x,
        lambda x: float("inf") in x,
    ):
        np.testing.assert_array_equal(of(stored), of(VALUES), strict=True)
    into = np.empty(SHAPE)
    np.negative(stored, out=into)
    np.testing.assert_array_equal(into, -VALUES)
    assert stored.dtype == VALUES.dtype
    with pytest.raises(AttributeError, match="'StoredArray' object has no attribute 'chunks'"):
        stored.chunks  # noqa: B018
    assert stored.source.shape == SHAPE
    assert repr(stored).startswith("StoredArray(shape=(3, 20, 4), dtype=float64, of ")


def test_nothing_can_be_written(stored: StoredArray) -> None:
    for write in (
        lambda x: x.__setitem__(0, 1.0),
        lambda x: np.negative(VALUES, out=x),
        lambda x: x.sort(axis=1),
        lambda x: x.fill(0.0),
        lambda x: x[0].__setitem__(0, 1.0),
        lambda x: x[0, 1:3].__iadd__(1.0),
        lambda x: np.asarray(x).__setitem__(0, 1.0),
        lambda x: np.copyto(x, 0.0),
    ):
        with pytest.raises(ValueError, match="read-only"):
            write(stored)
    np.testing.assert_array_equal(stored, VALUES)
    mine = np.array(stored)  # copies, and what advanced indexing returns, are the caller's
    mine[0] = stored[[0]][0] = 1.0
    with pytest.raises(ValueError, match="cannot be had without a copy"):
        stored.__array__(copy=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Draws, Draws]:
    options = {"draws": 300, "warmup": 50, "chains": 3, "seed": 1, "progress": False}
    folder = tmp_path_factory.mktemp("store") / "run"
    return (
        m4dl.sample(posterior(), m4dl.HMC(), store=folder, **options),
        m4dl.sample(posterior(), m4dl.HMC(), **options),
    )


def test_draws_of_a_store_and_of_memory_are_alike(runs) -> None:
    disk, memory = runs
    for of in (
        lambda d: d.theta.mean(axis=(0, 1)),
        lambda d: (d.theta**2).reshape(-1, 4),
        lambda d: d.theta[:, ::50, [0, 2]],
        lambda d: d.theta.std(axis=1, ddof=1),
        lambda d: d.theta[..., 0] * d.theta[..., 1],
        lambda d: posterior().model(d.theta),
        lambda d: d.quantile(0.1),
        lambda d: d.component(0).theta,
    ):
        np.testing.assert_array_equal(of(disk), of(memory), strict=True)
    with pytest.raises(ValueError, match="read-only"):
        disk.theta[0, 0] = 1.0
    assert disk.theta is copy.deepcopy(disk).theta
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(disk)).theta, memory.theta)


def test_only_the_chunks_that_are_needed_are_read(runs, monkeypatch) -> None:
    from m4dl.sampling._chunk_files import ChunkFiles

    disk, _ = runs
    seen: list[str] = []
    get = ChunkFiles._compare

    def compare(self: Any, key: str, *rest: Any) -> Any:
        seen.append(key)
        return get(self, key, *rest)

    monkeypatch.setattr(ChunkFiles, "_compare", compare)
    assert disk.theta.shape == (3, 300, 4)
    assert seen == []
    disk.theta[1, 20:30]
    assert seen == ["theta/c/1/0/0"]
    seen.clear()
    disk.theta[[0, 2], 5]
    assert sorted(seen) == ["theta/c/0/0/0", "theta/c/2/0/0"]


def test_draws_of_complex_numbers_are_refused() -> None:
    about = {
        "acceptance": [0.5], "step_size": [0.1], "failures": [0], "warmup": 0, "thin": 1, "seed": 0,
        "kernel": "k", "complete": True, "provenance": {}, "seconds": 1.0,
    }  # fmt: skip
    for theta, kind in (
        (np.ones((1, 4, 2)) * 1j, "complex128"),
        (np.ones((1, 4, 2), bool), "bool"),
    ):
        with pytest.raises(TypeError, match=f"theta must be real numbers, got dtype {kind}"):
            Draws(theta, np.zeros((1, 4)), **about)
    made = Draws(np.ones((1, 4, 2)).tolist(), np.zeros((1, 4)), **about)
    assert made.theta.shape == (1, 4, 2)
