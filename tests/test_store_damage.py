"""A damaged store is refused, with the file's name, or gives the draws it would have given."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
import pytest
from damage import DAMAGES, Damage, files, flip, foreign, outcome, remove
from stored import one_at_a_time, same, sample

zarr = pytest.importorskip("zarr", minversion="3")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    one_at_a_time(monkeypatch.setattr, checkpoints=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stores of 40 draws in chunks of 7; the other has another seed, and two runs one seed."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        one_at_a_time(patch.setattr, checkpoints=False)
        sample(store=folder / "draws.zarr")
        sample(store=folder / "moments.zarr", keep="moments")
        sample(store=folder / "other.zarr", seed=6)
    return folder


@pytest.mark.parametrize("keep", ["draws", "moments"])
def test_every_file_with_some_damage(keep: str, made: Path, tmp_path: Path) -> None:
    """All damages to all files are an attack; here each file has two of them."""
    rng, whole, store = np.random.default_rng(1), sample(keep=keep), tmp_path / "run.zarr"
    originals = files(made / f"{keep}.zarr")
    for number, original in enumerate(2 * originals):
        damage = DAMAGES[(number + number // len(originals)) % len(DAMAGES)]
        shutil.copytree(made / f"{keep}.zarr", store)
        file = store / original.relative_to(made / f"{keep}.zarr")
        before = file.read_bytes()
        damage(file, rng)
        found = outcome(store, file, whole, keep=keep)
        # the last chunk is in the checkpoint too, and metadata may differ in spaces
        relied_upon = file.suffix == ".npz" or ("/c/" in str(file) and "5" not in file.parts)
        if relied_upon and (not file.exists() or file.read_bytes() != before):
            assert found == "refused", (file, damage)
        shutil.rmtree(store)


def test_files_of_another_store_of_the_same_shape(made: Path, tmp_path: Path) -> None:
    """Checksums within the files are right there."""
    whole, damage = sample(), foreign(made / "other.zarr")
    for original in files(made / "draws.zarr"):
        store = tmp_path / "run.zarr"
        shutil.copytree(made / "draws.zarr", store)
        file = store / original.relative_to(made / "draws.zarr")
        damage(file, np.random.default_rng(3))
        outcome(store, file, whole)  # "harmless" where the two have the same bytes
        shutil.rmtree(store)


def test_the_state_of_another_run_is_refused(made: Path, tmp_path: Path) -> None:
    store = tmp_path / "run.zarr"
    shutil.copytree(made / "draws.zarr", store)
    shutil.copy(made / "other.zarr" / "checkpoint" / "state.npz", store / "checkpoint")
    with pytest.raises(ValueError, match=r"run.zarr/checkpoint/state.npz belongs to another run"):
        sample(store=store)


@pytest.mark.parametrize("damage", [flip, remove])
def test_draws_that_are_read_late(damage: Damage, made: Path, tmp_path: Path) -> None:
    """A result that is at hand reads its chunks when they are asked for."""
    store = tmp_path / "run.zarr"
    shutil.copytree(made / "draws.zarr", store)
    draws = sample(store=store)
    damage(store / "theta" / "c" / "1" / "2" / "0", np.random.default_rng(4))
    assert np.isfinite(draws.theta[:, :14]).all()
    for read in (lambda: draws.theta[1, 14], draws.mean, draws.std, draws.summary):
        with pytest.raises(ValueError, match=r"run.zarr/theta/c/1/2/0 is damaged"):
            read()


def test_a_run_does_not_go_on_from_damage(made: Path, tmp_path: Path) -> None:
    store = tmp_path / "run.zarr"
    shutil.copytree(made / "draws.zarr", store)
    flip(store / "theta" / "c" / "1" / "2" / "0", np.random.default_rng(5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(m4dl.sampling._drive.Loop, "_advance", None)
        with pytest.raises(ValueError, match=r"run.zarr/theta/c/1/2/0 is damaged"):
            sample(store=store, draws=60)


def test_fewer_draws_than_were_planned_of_a_chunk_that_was_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(Exception):
        pass

    def stop_at_20(store: Any, sections: Any) -> None:
        save(store, sections)
        if int(sections["recorder"]["done"]) == 20:
            raise Stop

    one_at_a_time(monkeypatch.setattr, checkpoints=True)
    save = m4dl.sampling._store.Store.save
    with monkeypatch.context() as patch:
        patch.setattr(m4dl.sampling._store.Store, "save", stop_at_20)
        with pytest.raises(Stop):
            sample(store=tmp_path / "run.zarr")
    same(sample(store=tmp_path / "run.zarr", draws=20), sample(draws=20))


def test_zarr_alone_finds_a_flipped_bit(made: Path, tmp_path: Path) -> None:
    store = tmp_path / "run.zarr"
    shutil.copytree(made / "draws.zarr", store)
    group: Any = zarr.open_group(store, mode="r")
    same_as = np.asarray(sample(store=store).theta[:])
    np.testing.assert_array_equal(group["theta"][:], same_as)
    flip(store / "theta" / "c" / "0" / "0" / "0", np.random.default_rng(6))
    with pytest.raises((ValueError, RuntimeError)):
        group["theta"][:]


def test_an_extension_that_dies_in_the_last_chunk(tmp_path: Path) -> None:
    """The chunk is full of draws that no checkpoint knows of; 17 draws are what they were."""

    class Stop(Exception):
        pass

    def stop(*_: Any) -> None:
        raise Stop

    store = tmp_path / "run.zarr"
    first = sample(store=store, draws=17)
    with pytest.MonkeyPatch.context() as patch:
        write = m4dl.sampling._store.Store.write
        patch.setattr(m4dl.sampling._store.Store, "write", lambda *a: (write(*a), stop()))
        with pytest.raises(Stop):
            sample(store=store, draws=40)
    same(sample(store=store, draws=17), sample(draws=17))
    same(sample(store=store, draws=40), sample(draws=40))
    np.testing.assert_array_equal(first.theta[:], sample(draws=17).theta)


def test_stored_draws_are_for_reading(made: Path) -> None:
    draws = sample(store=made / "draws.zarr")
    with pytest.raises((ValueError, TypeError), match="read"):
        draws.theta[0, 0, 0] = 1.0
