"""Files that are whole or refused: arrays in an npz with a digest, replaced in one step."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import platform
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

Sections = dict[str, dict[str, Any]]
LEFT = "the store is left as it is, choose another path"


def digest(data: Any) -> str:
    """Return 128 bits that belong to these bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def damaged(path: Path, why: object) -> ValueError:
    """Return the error for a file that is not what was written."""
    return ValueError(f"{path} is damaged ({why}); {LEFT}")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the store in errors of the disk."""
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"cannot write the store {path}: {error}. What it holds is whole: with the disk in "
            "order the same call goes on from there",
        ) from error


def fsync(path: Path) -> None:
    """Bring a file, or the entries of a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of a file; a kill leaves the old or the new one."""
    aside = path.with_name(aside_name(path.name))
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        fsync(path.parent)  # the rename itself


def save(path: Path, sections: Sections) -> str:
    """Replace ``path`` by the arrays, named section/key; return the file's digest.

    One of it and the file's name is the comment that ends the archive, which NumPy and zip tools
    read as ever; its length, two bytes before it, is 0 in what the digests are of.
    """
    arrays = {f"{name}/{key}": v for name, part in sections.items() for key, v in part.items()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # allow_pickle= would be one more array to NumPy before 2.1
    bare = buffer.getvalue()
    comment = _seal(path, bare).encode()
    replace(path, bare[:-2] + len(comment).to_bytes(2, "little") + comment)
    return digest(bare)


def load(path: Path) -> tuple[Sections, str]:
    """Read what :func:`save` wrote, and its digest.

    Raises
    ------
    ValueError
        If one bit of the file differs, or it is missing.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise damaged(path, error) from error
    # the archive as it was without its comment, whose length is the field before it
    size = len(digest(b""))
    bare = data[: -size - 2] + b"\0\0"
    if data[-size - 2 :] != size.to_bytes(2, "little") + _seal(path, bare).encode():
        raise damaged(path, "its digest differs from its contents")
    sections: Sections = {}
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        for name in file.files:
            section, key = name.split("/", 1)
            sections.setdefault(section, {})[key] = file[name]
    return sections, digest(bare)


def _seal(path: Path, bare: bytes) -> str:
    """Digest of a file's contents in its own place: another file of the store is not it."""
    return digest(path.name.encode() + b"\0" + bare)


def aside_name(name: str) -> str:
    """Return the name of a file or folder that takes the place of ``name`` when it is whole."""
    return f".{name}-{platform.node()}-{os.getpid()}-{uuid.uuid4().hex}"


def sweep(path: Path) -> None:
    """Remove what killed processes of this machine left aside of ``path``."""
    if os.name != "posix":
        return  # there is no asking whether a process lives
    prefix = f".{path.name}-{platform.node()}-"
    with contextlib.suppress(OSError):
        for left in path.parent.iterdir():
            number = left.name.removeprefix(prefix).partition("-")[0]
            if not left.name.startswith(prefix) or not number.isdecimal() or _lives(int(number)):
                continue
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
