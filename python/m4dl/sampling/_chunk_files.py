"""Chunks on disk, compared with what was written at every reading. Imports zarr."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import LocalStore

from .._base.files import damaged, digest, load


class ChunkFiles(LocalStore):
    """A folder whose chunks are read only if they are, to the bit, the ones that were written.

    Zarr takes a chunk without a file for one of fill values, and a checksum within the file cannot
    tell it from the same chunk of another store. So the digests of the files are kept apart.

    Parameters
    ----------
    root : path
    read_only : bool
    files : dict of str to str
        Digest of each chunk's file, by its key. What is written enters it.
    """

    def __init__(
        self, root: Path | str, *, read_only: bool = False, files: dict[str, str] | None = None
    ) -> None:
        # absolute, for draws are read long after, and somebody may have changed the folder
        super().__init__(Path(root).absolute(), read_only=read_only)
        self.files = {} if files is None else files

    def with_read_only(self, read_only: bool = False) -> ChunkFiles:
        return type(self)(self.root, read_only=read_only, files=self.files)

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        if not _is_chunk(key):
            return await super().get(key, prototype, byte_range)
        found = await super().get(key, default_buffer_prototype())
        self._compare(key, found)
        return found if byte_range is None else await super().get(key, prototype, byte_range)

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def set(self, key: str, value: Buffer) -> None:
        if _is_chunk(key):
            self.files[key] = digest(value.as_numpy_array())
        await super().set(key, value)

    # ways around the two above, which later versions of zarr take where a store has them
    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        if _is_chunk(key):
            self.check([key])
        return super().get_sync(key, prototype=prototype, byte_range=byte_range)

    def set_sync(self, key: str, value: Buffer) -> None:
        if _is_chunk(key):
            self.files[key] = digest(value.as_numpy_array())
        super().set_sync(key, value)

    def check(self, keys: Iterable[str], read: bool = True) -> None:
        """Raise for the first of these chunks that is missing or, if ``read``, differs."""
        for key in keys:
            try:
                found = (self.root / key).read_bytes() if read else (self.root / key).stat()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                found = None
            self._compare(key, found, read)

    def _compare(self, key: str, found: Any, read: bool = True) -> None:
        if found is None:
            raise damaged(self.root / key, "the file is missing")
        if not read:
            return
        data = found.as_numpy_array() if isinstance(found, Buffer) else found
        have = digest(data)
        if have == self.files.get(key):
            return
        # a run that was extended since has filled the chunk up
        self.files.update(recorded(self.root))
        if have != self.files.get(key):
            raise damaged(self.root / key, "its bytes are not those that were written")


def recorded(root: Path) -> dict[str, str]:
    """Return the digests of chunks in the last checkpoint."""
    sections, _ = load(root / "checkpoint" / "state.npz")
    files: dict[str, str] = json.loads(str(sections["store"]["files"]))
    return files


def _is_chunk(key: str) -> bool:
    return "/c/" in key
