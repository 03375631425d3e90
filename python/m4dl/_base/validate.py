"""The boundary: every argument a user passes is checked here, once.

Each message names the argument and holds the offending value.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

LARGEST_COUNT = 2**31 - 1
"""Of anything that is counted: what exceeds it is a mistake, and would never end."""


def array(name: str, value: ArrayLike, shape: Sequence[int | None] | None = None) -> Array:
    """Return ``value`` as a finite, C-contiguous float64 array.

    ``shape`` gives the length of each axis, None for any.
    """
    if np.ma.is_masked(value):
        raise ValueError(f"{name} must have no masked entries, got {short(value)}")
    try:
        raw = np.asarray(value)
    except ValueError as error:  # ragged
        raise TypeError(f"{name} must be an array of numbers, got {short(value)}") from error
    if raw.dtype.kind not in "iuf":  # no strings, complex numbers, booleans, objects
        raise TypeError(f"{name} must be an array of real numbers, got {short(value)}")
    out = np.asarray(raw, dtype=np.float64, order="C")
    if shape is not None:
        fits = out.ndim == len(shape) and all(
            want is None or want == got for want, got in zip(shape, out.shape, strict=True)
        )
        if not fits:
            raise ValueError(f"{name} must have shape {shape_text(shape)}, got {out.shape}")
    bad = ~np.isfinite(out)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} must be finite, got {out[where]} at index {where} "
            f"({int(bad.sum())} such values)"
        )
    return out


def real(name: str, value: Any, kinds: str = "iuf") -> Array:
    """Return ``value`` as float64, with NaN and infinities as they are.

    ``kinds`` are those of NumPy's dtypes: integers and floating-point numbers.
    """
    try:
        raw = np.asarray(value)
    except ValueError as error:  # ragged
        raise TypeError(f"{name} must be real numbers, got {short(value)}") from error
    if raw.dtype.kind not in kinds:
        raise TypeError(f"{name} must be real numbers, got dtype {raw.dtype}")
    return np.asarray(raw, dtype=np.float64)


def shape_of(name: str, value: Any) -> tuple[int, ...]:
    """Return the shape that ``value`` has as an array."""
    try:
        shape = np.shape(value)
    except Exception as error:  # ragged, or of a class of the user's
        raise TypeError(f"{name} must be an array of numbers, got {short(value)}") from error
    if not isinstance(shape, tuple):  # of what only looks like an array
        raise TypeError(f"{name} must be an array of numbers, got {short(value)}")
    return shape


def sequence(name: str, value: Any, of: str) -> list[Any]:
    """Return the entries of a list, a tuple or another sequence ``of`` something, no string."""
    several = isinstance(value, Sequence) or (isinstance(value, np.ndarray) and value.ndim > 0)
    if not several or isinstance(value, str | bytes):
        raise TypeError(f"{name} must be a sequence of {of}, got {short(value)}")
    return list(value)


def path(name: str, value: Any) -> Path:
    """Return ``value`` as a path that has a name."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} must be a path, got {short(value)}")
    text = os.fspath(value)
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a path of text, got {short(text)}")
    if not Path(text).name:
        raise ValueError(f"{name} must name a folder, got {text!r}")
    return Path(text)


def rows(name: str, value: ArrayLike, size: int) -> tuple[Array, tuple[int, ...]]:
    """Return an array (..., size) as the matrix of its rows, (n, size), and its batch shape."""
    x = array(name, value)
    if x.ndim == 0 or x.shape[-1] != size:
        raise ValueError(f"{name} must have shape (..., {size}), got {x.shape}")
    return x.reshape(-1, size), x.shape[:-1]


def rows_with(name: str, value: ArrayLike, size: int, other: str, batch: tuple[int, ...]) -> Array:
    """Return the rows of an array (..., size) whose batch shape must be that of ``other``."""
    x, shape = rows(name, value, size)
    if shape != batch:
        raise ValueError(f"{other} and {name} must have the same batch shape, got {batch}, {shape}")
    return x


def number(name: str, value: Any) -> float:
    """Return ``value`` as a finite float."""
    # float() would drop an imaginary part, read strings and count booleans
    try:
        plain = np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iuf"
        other = isinstance(value, Real | Decimal) and not isinstance(value, bool | np.generic)
        if not (plain or other):
            raise TypeError("no real number")
        out = float(value)
    except OverflowError as error:
        raise ValueError(f"{name} must be finite, got {short(value)}") from error
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a number, got {short(value)}") from error
    if not np.isfinite(out):
        raise ValueError(f"{name} must be finite, got {out}")
    return out


def positive(name: str, value: Any) -> float:
    """Return ``value`` as a positive, finite float."""
    out = number(name, value)
    if out <= 0:
        raise ValueError(f"{name} must be positive, got {out}")
    return out


def interval(name: str, value: Any, low: float, high: float, *, closed_high: bool = False) -> float:
    """Return ``value`` as a float in (low, high), or (low, high] with ``closed_high``."""
    out = number(name, value)
    if not (low < out < high or (closed_high and out == high)):
        raise ValueError(
            f"{name} must be in ({low:g}, {high:g}{']' if closed_high else ')'}, got {out}"
        )
    return out


def integer(name: str, value: Any, minimum: int, maximum: int | None = LARGEST_COUNT) -> int:
    """Return ``value`` as an int in [minimum, maximum]; floats are refused, not rounded."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {short(value)}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {short(int(value))}")
    if maximum is not None and value > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {short(int(value))}")
    return int(value)


def seed_number(value: Any) -> int:
    """Return the argument ``seed``: an int in [0, 2**64)."""
    out = integer("seed", value, 0, None)
    if out >= 2**64:
        raise ValueError(f"seed must be below 2**64, got {short(out)}")
    return out


def flag(name: str, value: Any) -> bool:
    """Return ``value`` if it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {short(value)}")
    return bool(value)


def thread_count(value: Any) -> int:
    """Return the argument ``threads``: 0 (OpenMP's own choice) or a number of threads."""
    return integer("threads", value, 0, maximum=4096)


def choice(name: str, value: Any, options: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``options``."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, options))}, got {short(value)}"
        )
    return value


def shape_text(shape: Sequence[int | None]) -> str:
    """Return a shape as a tuple in words, e.g. ``(any, 2)``."""
    lengths = ["any" if n is None else str(n) for n in shape]
    return f"({lengths[0]},)" if len(lengths) == 1 else f"({', '.join(lengths)})"


def short(value: Any) -> str:
    """Return a value in at most 60 characters, for messages."""
    try:
        text = repr(value)
    except Exception:  # of the user's class, or a number with thousands of digits
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
