"""A run on disk: draws streamed to Zarr, and checkpoints from which a killed run goes on.

A store is a Zarr group ``run.zarr`` with the arrays ``theta`` and ``log_likelihood`` and a group
``checkpoint``, whose folder holds ``problem.npz`` (what was sampled) and ``state.npz`` (where the
run stands). Two rules make a kill harmless at any instant. The folder and its checkpoints are
written aside and renamed. And draws are written in whole chunks; those of a chunk that is not full
are part of the checkpoint, so no chunk that it relies on is touched again.

A third makes damage harmless: whatever is read is compared with a digest. A checkpoint has its own,
those of the files of all chunks, and that of the problem it belongs to; the problem has those of
Zarr's metadata, in which the number of draws alone may change.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .._base.files import (
    LEFT,
    Sections,
    aside_name,
    damaged,
    digest,
    fsync,
    load,
    replace,
    save,
    sweep,
    writing,
)
from .._base.validate import Array
from ..results import PER_DRAW, PerDraw
from ._chunks import chunk_length
from ._problem import Problem

FORMAT = 5


class Store:
    """The folder of a run: made if it is not there, refused if it belongs to another run.

    Parameters
    ----------
    path : path-like
        The folder. Nothing but an m4dl store is ever opened, and nothing is ever deleted.
    problem : Problem
        What is to be sampled.
    shape : tuple of int or None
        (chains, draws, D) of the arrays of draws; None to keep no draws (moments live in the
        checkpoint).
    provenance : dict
        Saved with a new store.

    Attributes
    ----------
    provenance : dict
        That of the session which made the store.
    resumed : list of dict
        That of every later session. Saved with each checkpoint.
    theta, log_likelihood : zarr.Array
        The draws (chains, draws, D) and (chains, draws), if draws are kept.

    Raises
    ------
    ImportError
        Without zarr.
    ValueError
        If the path holds something else, a damaged store or a different run; the message says what
        differs.
    OSError
        If the store cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        problem: Problem,
        shape: tuple[int, int, int] | None,
        provenance: dict[str, Any],
    ) -> None:
        _zarr()
        self.path = Path(path)
        self.resumed: list[dict[str, Any]] = []
        self._state = self.path / "checkpoint" / "state.npz"
        sweep(self.path)
        sweep(self._state)
        with writing(self.path):
            empty = not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir()))
        if empty:
            with writing(self.path):
                self._create(problem, shape, provenance)
        self.provenance = self._identify()
        sections, self._problem = load(self.path / "checkpoint" / "problem.npz")
        if different := problem.differences(Problem.from_sections(sections)):
            raise ValueError(
                f"the store {self.path} belongs to a different run: {'; '.join(different)}. "
                "It is left as it is; choose another path"
            )
        self._metadata: dict[str, str] = json.loads(str(sections["store"]["metadata"]))
        for name in self._metadata:
            self._read_metadata(name)
        from ._chunk_files import ChunkFiles

        self._files = ChunkFiles(self.path)
        self._synced: dict[str, str] = {}

    def _create(
        self, problem: Problem, shape: tuple[int, int, int] | None, provenance: dict[str, Any]
    ) -> None:
        """Build the store aside and rename it: a kill leaves nothing, or a whole store."""
        aside = self.path.with_name(aside_name(self.path.name))
        try:
            aside.mkdir(parents=True)
            attributes = {"m4dl_format": FORMAT, "provenance": provenance}
            group = _zarr().open_group(aside, mode="w", zarr_format=3, attributes=attributes)
            group.create_group("checkpoint")
            if shape is not None:
                _create_arrays(group, shape)
            found = sorted(aside.rglob("zarr.json"))
            metadata = {f.relative_to(aside).as_posix(): _fixed_part(f.read_text()) for f in found}
            about = {"store": {"metadata": np.array(json.dumps(metadata))}}
            bound = save(aside / "checkpoint" / "problem.npz", {**problem.sections(), **about})
            # a checkpoint from the beginning: one that is missing was there
            save(aside / "checkpoint" / "state.npz", _own(bound, [], {}))
            aside.rename(self.path)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise

    def _identify(self) -> dict[str, Any]:
        file = self.path / "zarr.json"
        try:
            attributes = json.loads(file.read_text())["attributes"]
            found, provenance = attributes["m4dl_format"], attributes["provenance"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            if (self.path / "checkpoint" / "problem.npz").exists():
                raise damaged(file, error) from error
            raise ValueError(
                f"{self.path} exists and is not an m4dl store; it is left as it is, "
                "choose another path"
            ) from error
        if found != FORMAT:
            raise ValueError(f"{self.path} has store format {found}; this m4dl reads {FORMAT}")
        return dict(provenance)

    def _read_metadata(self, name: str) -> dict[str, Any]:
        """Return Zarr's description of the store or an array, if it is the one it was made with."""
        file = self.path / name
        try:
            text = file.read_text()
            same = _fixed_part(text) == self._metadata[name]
        except (OSError, ValueError) as error:
            raise damaged(file, error) from error
        if not same:
            raise damaged(file, "it is not the one the store was made with")
        return dict(json.loads(text))

    @property
    def length(self) -> int:
        """Number of draws in a chunk."""
        grid = self._read_metadata("theta/zarr.json")["chunk_grid"]
        return int(grid["configuration"]["chunk_shape"][1])

    def load(self) -> Sections | None:
        """Return the last checkpoint; None if there is none yet."""
        sections, _ = load(self._state)
        own = sections.pop("store")
        if str(own["problem"]) != self._problem:
            raise ValueError(f"{self._state} belongs to another run; {LEFT}")
        self.resumed = json.loads(str(own["resumed"]))
        self._files.files = json.loads(str(own["files"]))
        self._synced = dict(self._files.files)
        return sections or None

    def save(self, sections: Sections) -> None:
        """Write a checkpoint, after what it relies on has reached the disk."""
        files = dict(self._files.files)
        with writing(self.path):
            for key, value in files.items():
                if self._synced.get(key) != value:
                    fsync(self.path / key)
            save(self._state, {**sections, **_own(self._problem, self.resumed, files)})
        self._synced = files

    def resize(self, draws: int) -> None:
        """Give the arrays room for so many draws, if they have not; no chunk is touched."""
        for name in self._metadata:
            metadata = self._read_metadata(name)
            if metadata["node_type"] == "array" and metadata["shape"][1] != draws:
                metadata["shape"][1] = draws
                with writing(self.path):
                    replace(self.path / name, json.dumps(metadata, indent=2).encode())
        self.theta, self.of_draws = self._arrays(read_only=False)

    def _arrays(self, read_only: bool) -> tuple[Any, dict[str, Any]]:
        files = self._files.with_read_only(read_only)
        group = _zarr().open_group(files, mode="r" if read_only else "r+")
        return group["theta"], {name: group[name] for name in PER_DRAW}

    def write(self, theta: Array, of_draws: PerDraw, start: int) -> None:
        """Write the chunk of draws, (chains, n, D) and (chains, n), that begins at ``start``.

        It ends the array, or is full: so Zarr never reads what was there.
        """
        stop = start + theta.shape[1]
        with writing(self.path):
            self.theta[:, start:stop] = theta
            for name, array in self.of_draws.items():
                array[:, start:stop] = of_draws[name]

    def check(self, chunks: range, read: bool) -> None:
        """Refuse the store if a file of these chunks is missing or, if ``read``, damaged."""
        self._files.check(self._keys(chunks), read)

    def holds(self, chunk: int) -> bool:
        """Tell whether a chunk is on disk as the last checkpoint has it."""
        try:
            self.check(range(chunk, chunk + 1), read=True)
        except ValueError:
            return False
        return True

    def _keys(self, chunks: range) -> Iterator[str]:
        for array in (self.theta, *self.of_draws.values()):
            rest = ["0"] * (array.ndim - 2)
            for chunk in chunks:
                for chain in range(-(-array.shape[0] // array.chunks[0])):
                    yield "/".join([array.path, "c", str(chain), str(chunk), *rest])

    def result(self) -> tuple[Any, dict[str, Any]]:
        """Return the draws, on disk and for reading only, and what is kept of each."""
        theta, of_draws = self._arrays(read_only=True)
        return theta, {name: np.asarray(array[:]) for name, array in of_draws.items()}


def stored_problem(path: str | os.PathLike[str]) -> Problem | None:
    """Return what the store at ``path`` samples; None if there is no store, or none that reads."""
    file = Path(path) / "checkpoint" / "problem.npz"
    try:
        return Problem.from_sections(load(file)[0]) if file.exists() else None
    except (ValueError, KeyError):
        return None  # Store says what is wrong with it


def _zarr() -> Any:
    try:
        import zarr
    except ImportError as error:
        raise ImportError("store= needs zarr: pip install 'm4dl[zarr]'") from error
    return zarr


def _create_arrays(group: Any, shape: tuple[int, int, int]) -> None:
    codecs = _zarr().codecs
    chains, _, size = shape
    length = chunk_length(chains, size)
    names = ("chain", "draw", "parameter")
    common: dict[str, Any] = {
        "dtype": "float64",
        "fill_value": np.nan,
        # the checksum is for those who read without m4dl
        "compressors": (codecs.ZstdCodec(), codecs.Crc32cCodec()),
        "config": {"write_empty_chunks": True},
    }
    group.create_array(
        "theta", shape=shape, chunks=(1, length, size), dimension_names=names, **common
    )
    for name, kind in PER_DRAW.items():
        group.create_array(
            name,
            shape=shape[:2],
            chunks=(chains, length),
            dimension_names=names[:2],
            # chunks of nothing but the fill value are not written, so it is no value
            **(common if kind is np.float64 else {**common, "dtype": "uint8", "fill_value": 255}),
        )


def _own(problem: str, resumed: list[dict[str, Any]], files: dict[str, str]) -> Sections:
    """What a checkpoint says of its store."""
    own = {"problem": problem, "resumed": json.dumps(resumed), "files": json.dumps(files)}
    return {"store": {name: np.array(text) for name, text in own.items()}}


def _fixed_part(text: str) -> str:
    """Return a digest of Zarr's metadata, whatever the number of draws."""
    metadata = json.loads(text)
    if isinstance(metadata, dict) and metadata.get("node_type") == "array":
        try:
            metadata["shape"][1] = 0
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError("no shape of draws in it") from error
    return digest(json.dumps(metadata, sort_keys=True).encode())
