"""Stores: a run that is killed at any moment goes on to the very numbers of one that is not.

Run as a script, this file is the run that gets killed: it kills itself, at the call that its
arguments name.
"""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import m4dl
import m4dl.sampling._chunks
import m4dl.sampling._drive
import m4dl.sampling._store
import numpy as np
import pytest
from m4dl.sampling._problem import Problem
from stored import FUNCTIONALS, MATRIX, SIZE, at_call, one_at_a_time, same, sample

pytest.importorskip("zarr", minversion="3")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    one_at_a_time(monkeypatch.setattr, checkpoints=True)


OWNERS = {
    "rename": pathlib.Path,  # a new store comes into being
    "_advance": m4dl.sampling._drive.Loop,
    "replace": os,  # a checkpoint, or a file of Zarr's, takes the place of the last one
    "write": m4dl.sampling._store.Store,  # a chunk of draws
    "save": m4dl.sampling._store.Store,
    "close": m4dl.sampling._store_recorder.StoreRecorder,
}


def killed(path: Path, keep: str, checkpoints: bool, name: str, number: int, when: str) -> None:
    """Run in another process until it kills itself."""
    arguments = [str(path), keep, str(int(checkpoints)), name, str(number), when]
    out = subprocess.run(
        [sys.executable, __file__, *arguments], capture_output=True, text=True, check=False
    )
    assert out.returncode == -signal.SIGKILL, out.stderr


def main(path: str, keep: str, checkpoints: str, name: str, number: str, when: str) -> None:
    one_at_a_time(setattr, checkpoints == "1")
    at_call(OWNERS[name], name, int(number), when, lambda: os.kill(os.getpid(), signal.SIGKILL))
    sample(store=path, keep=keep)


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("keep", ["draws", "moments"])
def test_killed_again_and_again(keep: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(m4dl.sampling._chunks, "CHUNK_DRAWS", 7)
    path = tmp_path / "run.zarr"
    killed(path, keep, True, "rename", 1, "before")
    assert not path.exists()
    killed(path, keep, True, "_advance", 12, "after")  # in warmup
    killed(path, keep, True, "replace", 6, "before")  # a checkpoint written, not yet in place
    killed(path, keep, True, "_advance", 29, "after")  # in sampling
    if keep == "draws":
        killed(path, keep, True, "write", 1, "before")
        killed(path, keep, True, "write", 1, "after")  # draws on disk that no checkpoint knows of
        killed(path, keep, False, "write", 2, "after")
        killed(path, keep, True, "close", 1, "after")  # all draws on disk, the last checkpoint not
    killed(path, keep, True, "save", 3, "after")
    resumed = sample(store=path, keep=keep)
    same(resumed, sample(keep=keep))
    assert len(resumed.provenance["resumed"]) >= 4
    same(sample(store=path, keep=keep), resumed)


@pytest.mark.parametrize("keep", ["draws", "moments"])
def test_a_store_changes_no_number(keep: str, small: None, tmp_path: Path) -> None:
    out = sample(store=tmp_path / "run.zarr", keep=keep)
    same(out, sample(keep=keep))
    assert out.provenance["seed"] == 5
    assert "resumed" not in out.provenance


def test_draws_stay_on_disk(small: None, tmp_path: Path) -> None:
    import zarr

    out = sample(store=tmp_path / "run.zarr")
    assert isinstance(out.theta.source, zarr.Array)
    assert out.theta.source.chunks == (1, 7, SIZE)
    group: Any = zarr.open_group(tmp_path / "run.zarr", mode="r")
    theta = np.asarray(out.theta)
    np.testing.assert_array_equal(group["theta"][:], theta)
    assert group["theta"].metadata.dimension_names == ("chain", "draw", "parameter")
    assert group.attrs["provenance"] == json.loads(json.dumps(out.provenance))
    np.testing.assert_allclose(out.mean(), theta.mean(axis=(0, 1)), rtol=1e-12)


@pytest.mark.parametrize("keep", ["draws", "moments"])
def test_a_finished_store_is_returned_at_once(
    keep: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sample(store=tmp_path / "run.zarr", keep=keep)
    for owner, name in (
        (m4dl.sampling._drive.Loop, "_advance"),
        (m4dl.sampling._store.Store, "save"),
    ):
        monkeypatch.setattr(owner, name, None)
    again = sample(store=str(tmp_path / "run.zarr"), keep=keep)
    same(again, first)
    assert (again.seconds, again.provenance) == (first.seconds, first.provenance)


@pytest.mark.parametrize("keep", ["draws", "moments"])
@pytest.mark.parametrize("iteration", [10, 25 + 31])
def test_ctrl_c_and_on(
    ctrl_c: None, keep: str, iteration: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_at_a_time(monkeypatch.setattr, checkpoints=False)
    whole = sample(keep=keep)
    path = tmp_path / "run.zarr"
    with monkeypatch.context() as patch:
        # put back what at_call replaces
        patch.setattr(m4dl.sampling._drive.Loop, "_advance", m4dl.sampling._drive.Loop._advance)
        stop = (m4dl.sampling._drive.Loop, "_advance", iteration, "after")
        at_call(*stop, lambda: signal.raise_signal(signal.SIGINT))
        if iteration < 25:
            with pytest.raises(KeyboardInterrupt, match="the store holds a checkpoint"):
                sample(keep=keep, store=path)
        else:
            part = sample(keep=keep, store=path)
            assert (part.complete, part.draws) == (False, 15)
    resumed = sample(keep=keep, store=path)
    same(resumed, whole)
    assert resumed.seconds > 0


def test_more_draws_extend_a_run(small: None, tmp_path: Path) -> None:
    path = tmp_path / "run.zarr"
    for draws in (1, 17, 40):
        same(sample(store=path, draws=draws), sample(draws=draws))
    assert [entry["draws"] for entry in sample(store=path).provenance["resumed"]] == [17, 40]


def test_an_extension_that_dies_leaves_the_finished_draws(tmp_path: Path) -> None:
    """The arrays are longer by then; the old length must not show what was never drawn."""

    class Stop(Exception):
        pass

    def stop(*_: Any) -> None:
        raise Stop

    path = tmp_path / "run.zarr"
    sample(store=path, draws=17)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(m4dl.sampling._drive.Loop, "_advance", stop)
        with pytest.raises(Stop):
            sample(store=path, draws=400)
    again = sample(store=path, draws=17)
    same(again, sample(draws=17))
    same(sample(store=path, draws=40), sample())


def test_fewer_draws_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.zarr"
    sample(store=path)
    with pytest.raises(ValueError, match=r"run.zarr holds 40 draws per chain, more than draws=30"):
        sample(store=path, draws=30)
    same(sample(store=path), sample())


def test_another_number_of_draws_after_a_kill(small: None, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(*_: Any) -> None:
        raise Stop

    path = tmp_path / "run.zarr"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(m4dl.sampling._store.Store, "write", stop)
        with pytest.raises(Stop):
            sample(store=path)
    same(sample(store=path, draws=20), sample(draws=20))


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"data": (1.0, 2.5, 3.0)}, r"data \(1 of 3 .* index \(1,\): stored 2, now 2.5\)\."),
    ({"std": 0.6}, r"noise \(3 of 3 values, the first .*: stored 0.5, now 0.6\)\."),
    ({"mean": 1.1}, r"run: prior\.mean \(stored <5 \w+>, now <5 \w+>\)\."),
    ({"matrix": 1.01 * MATRIX}, r"run: model\.matrix \(stored <3 x 5 \w+>, now <3 x 5 \w+>\)\."),
    ({"beta": 0.31}, r"run: kernel \(stored PCN\(beta=0.3.*, now PCN\(beta=0.31.*\)\)\."),
    (
        {"seed": 6, "start": "mean"},
        r"run: seed \(stored 5, now 6\); start \(stored prior, now mean\); start",
    ),
    ({"chains": 4}, r"run: chains \(stored 3, now 4\); start \(stored shape \(3, 5\)"),
    ({"thin": 3}, r"run: thin \(stored 2, now 3\)\."),
    ({"warmup": 26}, r"run: warmup \(stored 25, now 26\)\."),
    ({"start": "mean"}, r"run: start \(stored prior, now mean\); start \(15 of 15"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_another_problem_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.zarr"
    sample(store=path)
    with pytest.raises(ValueError, match=rf"run.zarr belongs to a different .*{message}"):
        sample(store=path, **change)
    same(sample(store=path), sample())


def nameless(factor: float) -> m4dl.Posterior:
    model = m4dl.PythonModel(lambda theta: factor * theta, parameters=2, outputs=2)
    prior, noise = m4dl.GaussianPrior(np.zeros(2), 1.0), m4dl.GaussianNoise(1.0)
    return m4dl.Posterior(model, prior, data=np.ones(2), noise=noise)


def test_functions_without_a_name_are_told_apart_by_what_they_do(tmp_path: Path) -> None:
    options: dict[str, Any] = {"draws": 5, "seed": 1, "store": tmp_path / "run.zarr"}
    first = m4dl.sample(nameless(1.0), m4dl.PCN(), progress=False, **options)
    again = m4dl.sample(nameless(1.0), m4dl.PCN(), progress=False, **options)
    np.testing.assert_array_equal(first.theta, again.theta)
    with pytest.raises(ValueError, match=r"run: model \(2 of 2 values"):
        m4dl.sample(nameless(1.1), m4dl.PCN(), progress=False, **options)


def test_a_store_without_a_description_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of before are, in which model and prior are known by two values alone."""
    path = tmp_path / "run.zarr"
    sections = Problem.sections
    with monkeypatch.context() as patch:
        patch.setattr(
            Problem, "sections", lambda p: {k: v for k, v in sections(p).items() if k[0] != "d"}
        )
        sample(store=path)
    same(sample(store=path), sample())
    with pytest.raises(ValueError, match=r"run: prior \(10 of 10 values"):
        sample(store=path, mean=1.1)


def test_another_metric_is_refused_though_it_reads_the_same(tmp_path: Path) -> None:
    one, other = (m4dl.kernels.DiagonalMetric([1.0, x, 3.0, 2.0, 2.0]) for x in (1.5, 2.5))
    assert repr(one) == repr(other)
    sample(store=tmp_path / "run.zarr", metric=one)
    with pytest.raises(
        ValueError, match=r"run: metric variance \(1 of 5 .*: stored 1.5, now 2.5\)\."
    ):
        sample(store=tmp_path / "run.zarr", metric=other)


def test_other_moments_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.zarr"
    sample(store=path, keep="moments")
    with pytest.raises(ValueError, match=r"keep .stored moments, now draws"):
        sample(store=path)
    with pytest.raises(ValueError, match=r"run: draws \(stored 40, now 41\)\."):
        sample(store=path, keep="moments", draws=41)
    changes: list[tuple[dict[str, Any], str]] = [
        ({"weights": np.ones(SIZE)}, r"functional 'weights' \(4 of 5 values"),
        ({"square": lambda theta: theta[:, 0]}, r"functional 'square' \(2 of 2 values"),
        (
            {"cube": lambda theta: theta[:, 0]},
            r"functionals \(stored .*'square'\], now .*'cube'\]\)",
        ),
    ]
    for change, message in changes:
        with pytest.raises(ValueError, match=message):
            sample(store=path, keep="moments", functionals=FUNCTIONALS | change)


def test_what_is_not_a_store_is_left_alone(tmp_path: Path) -> None:
    folder, file, empty = tmp_path / "folder", tmp_path / "file", tmp_path / "empty"
    folder.mkdir()
    empty.mkdir()
    for precious in (folder / "zarr.json", file):
        precious.write_text('{"attributes": {}}')
    for path in (folder, file):
        with pytest.raises(ValueError, match=f"{path.name} exists and is not an m4dl store"):
            sample(store=path)
    assert [p.read_text() for p in (folder / "zarr.json", file)] == ['{"attributes": {}}'] * 2
    assert sample(store=empty).complete
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "file", "folder"]


def test_a_later_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(m4dl.sampling._store, "FORMAT", 99)
    sample(store=tmp_path / "run.zarr")
    monkeypatch.undo()
    with pytest.raises(ValueError, match="has store format 99; this m4dl reads 5"):
        sample(store=tmp_path / "run.zarr")


def test_a_store_that_cannot_be_written_names_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"cannot write the store .*file/run.zarr"):
        sample(store=tmp_path / "file" / "run.zarr")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    # a disk that fills up: the checkpoint before it remains good
    path = tmp_path / "run.zarr"
    one_at_a_time(monkeypatch.setattr, checkpoints=True)
    with monkeypatch.context() as patch:
        original, calls = os.fsync, itertools.count()
        patch.setattr(os, "fsync", lambda f: original(f) if next(calls) < 20 else full())
        with pytest.raises(OSError, match=r"cannot write the store .*run.zarr: .*No space left"):
            sample(store=path)
    same(sample(store=path), sample())


def test_a_damaged_checkpoint_says_so(tmp_path: Path) -> None:
    path = tmp_path / "run.zarr"
    sample(store=path)
    state = path / "checkpoint" / "state.npz"
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"state.npz is damaged .*left as it is"):
        sample(store=path)


def test_without_zarr_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError, match=r"pip install 'm4dl\[zarr\]'"):
        sample(store=tmp_path / "run.zarr")
    assert not (tmp_path / "run.zarr").exists()


if __name__ == "__main__":
    main(*sys.argv[1:])
