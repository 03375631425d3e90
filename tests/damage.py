"""Damages to the files of a store, and what must come of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from stored import same, sample

Damage = Callable[[Path, np.random.Generator], object]


def flip(file: Path, rng: np.random.Generator) -> None:
    data = bytearray(file.read_bytes())
    data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    file.write_bytes(data)


def garble(file: Path, rng: np.random.Generator) -> None:
    data = bytearray(file.read_bytes())
    at = int(rng.integers(len(data)))
    piece = data[at : at + 16]
    data[at : at + 16] = rng.bytes(len(piece))
    file.write_bytes(data)


def zero(file: Path, rng: np.random.Generator) -> None:
    data = bytearray(file.read_bytes())
    at = int(rng.integers(len(data)))
    data[at : at + 16] = bytes(len(data[at : at + 16]))
    file.write_bytes(data)


def cut(file: Path, rng: np.random.Generator) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: rng.integers(len(data))])


def lengthen(file: Path, rng: np.random.Generator) -> None:
    file.write_bytes(file.read_bytes() + rng.bytes(1 + int(rng.integers(20))))


def remove(file: Path, rng: np.random.Generator) -> None:
    file.unlink()


def exchange(file: Path, rng: np.random.Generator) -> None:
    """With another file of its store."""
    others = files(next(p for p in file.parents if p.suffix == ".zarr"))
    other = others[rng.integers(len(others))]
    mine, yours = file.read_bytes(), other.read_bytes()
    file.write_bytes(yours)
    other.write_bytes(mine)


DAMAGES: tuple[Damage, ...] = (flip, garble, zero, cut, lengthen, remove, exchange)


def files(store: Path) -> list[Path]:
    return sorted(p for p in store.rglob("*") if p.is_file())


def foreign(other: Path) -> Damage:
    """The same file of another store in its place."""

    def swap(file: Path, rng: np.random.Generator) -> None:
        root = next(p for p in file.parents if p.suffix == ".zarr")
        if (theirs := other / file.relative_to(root)).exists():
            shutil.copy(theirs, file)

    return swap


def outcome(store: Path, file: Path, whole: object, **options: object) -> str:
    """What comes of the same call on a damaged store: "refused", or "harmless" if the draws are
    those of a run that nothing happened to. All else fails."""
    known = {str(f.relative_to(store)) for f in [*files(store), file]}
    try:
        found = sample(store=store, **options)
        if hasattr(found, "theta"):
            np.asarray(found.theta[:])
    except ValueError as error:
        said = str(error)
    else:
        same(found, whole)
        return "harmless"
    assert str(store) in said
    assert any(name in said for name in known) or "different run" in said, said
    return "refused"
