"""Draws on disk that behave as the array they are: read when they are asked for, in pieces."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from ._slices import is_basic, plan, read

BLOCK = 2**24
"""Numbers that a reduction reads at a time: 128 MiB."""


class StoredArray(NDArrayOperatorsMixin):
    """An array on disk with an ndarray's interface, for reading only.

    Indexing follows NumPy's rules and reads the chunks that hold what is asked for. Sums, means,
    variances and extremes, as methods or as NumPy's functions, are taken piece by piece. All else,
    such as ``reshape`` or ``theta ** 2``, reads the whole array first; it gives what it would give
    in memory.

    Parameters
    ----------
    source : array-like
        With ``shape``, ``dtype`` and slicing, such as a Zarr array.
    """

    def __init__(self, source: Any) -> None:
        self._source = source

    @property
    def source(self) -> Any:
        """What is read from: for draws of a run, the Zarr array."""
        return self._source

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self._source.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        kind: np.dtype[Any] = np.dtype(self._source.dtype)
        return kind

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return any(value in np.asarray(part) for part in self)

    def __getitem__(self, key: Any) -> Any:
        items = key if isinstance(key, tuple) else (key,)
        # NumPy's own opinion of the key, on an array that takes no memory
        wanted = np.broadcast_to(np.zeros((), np.int8), self.shape)[key]
        if any(isinstance(k, bool | np.bool_) for k in items):
            return self._whole()[key]
        basic = all(k is None or k is Ellipsis or is_basic(k) for k in items)
        selection, rest = plan(items, self.shape)
        out = read(self._source, selection)[rest]
        assert np.shape(out) == np.shape(wanted)
        return _sealed(out) if basic else out

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise ValueError("assignment destination is read-only: take a copy, np.array(...), of it")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("an array on disk cannot be had without a copy")
        out = np.asarray(self._source[...], dtype=dtype)
        return out if copy else np.asarray(_sealed(out))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        for out in options.get("out") or ():
            if isinstance(out, StoredArray):
                raise ValueError("output array is read-only")
        return getattr(ufunc, method)(*_loaded(inputs), **_loaded(options))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        name = _BY_PIECES.get(function)
        if name is not None and 1 <= len(args) <= 2 and isinstance(args[0], StoredArray):
            return getattr(args[0], name)(*args[1:], **options)
        if function in (np.shape, np.ndim, np.size) and len(args) == 1 and not options:
            return getattr(args[0], function.__name__)
        return function(*_loaded(args), **_loaded(options))

    def __pow__(self, exponent: Any) -> Any:
        return self._whole() ** exponent  # NumPy 1 squares otherwise than np.power

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._whole(), name)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *dir(np.ndarray)})

    def __repr__(self) -> str:
        return f"StoredArray(shape={self.shape}, dtype={self.dtype}, of {self._source!r})"

    def sum(self, axis: Any = None, **options: Any) -> Any:
        """As ``ndarray.sum``."""
        return self._reduce("sum", np.add, axis, options)

    def max(self, axis: Any = None, **options: Any) -> Any:
        """As ``ndarray.max``."""
        return self._reduce("max", np.maximum, axis, options)

    def min(self, axis: Any = None, **options: Any) -> Any:
        """As ``ndarray.min``."""
        return self._reduce("min", np.minimum, axis, options)

    def mean(self, axis: Any = None, **options: Any) -> Any:
        """As ``ndarray.mean``."""
        if not self._in_pieces(options):
            return self._whole().mean(axis, **options)
        return self.sum(axis, **options) / self._count(axis)

    def var(self, axis: Any = None, *, ddof: float = 0, **options: Any) -> Any:
        """As ``ndarray.var``, in two passes."""
        if not self._in_pieces(options):
            return self._whole().var(axis, ddof=ddof, **options)
        centre = np.asarray(self.mean(axis, keepdims=True))
        along = self._along

        def squares(block: NDArray[Any], at: slice) -> Any:
            c = centre
            if centre.shape[along] > 1:
                c = centre[(slice(None),) * along + (at,)]
            return ((block - c) ** 2).sum(axis=_axes(axis, self.ndim), keepdims=True)

        total = self._fold(squares, np.add, along in _axes(axis, self.ndim))
        degrees = self._count(axis) - ddof
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._shaped(total / max(degrees, 0), axis, options)

    def std(self, axis: Any = None, *, ddof: float = 0, **options: Any) -> Any:
        """As ``ndarray.std``."""
        return np.sqrt(self.var(axis, ddof=ddof, **options))

    @property
    def _along(self) -> int:
        """The axis that pieces are cut from: draws, of which a chunk holds some."""
        return min(1, self.ndim - 1)

    def _whole(self) -> NDArray[Any]:
        return np.asarray(_sealed(np.asarray(self._source[...])))

    def _in_pieces(self, options: dict[str, Any]) -> bool:
        plain = set(options) <= {"keepdims"} and self.dtype.kind == "f"
        return plain and self.ndim > 0 and self.size > BLOCK

    def _count(self, axis: Any) -> int:
        return int(np.prod([self.shape[a] for a in _axes(axis, self.ndim)]))

    def _reduce(self, name: str, join: Any, axis: Any, options: dict[str, Any]) -> Any:
        if not self._in_pieces(options):
            return getattr(self._whole(), name)(axis, **options)
        axes = _axes(axis, self.ndim)

        def of(block: NDArray[Any], _at: slice) -> Any:
            return getattr(block, name)(axis=axes, keepdims=True)

        return self._shaped(self._fold(of, join, self._along in axes), axis, options)

    def _fold(self, of: Callable[[NDArray[Any], slice], Any], join: Any, joined: bool) -> Any:
        """Join what ``of`` returns of successive pieces, with all axes kept."""
        along = self._along
        step = max(1, BLOCK * self.shape[along] // self.size)
        parts: list[Any] = []
        for start in range(0, self.shape[along], step):
            at = slice(start, min(start + step, self.shape[along]))
            part = of(np.asarray(self._source[(slice(None),) * along + (at,)]), at)
            parts = [join(parts[0], part)] if joined and parts else [*parts, part]
        return parts[0] if joined else np.concatenate(parts, axis=along)

    def _shaped(self, values: Any, axis: Any, options: dict[str, Any]) -> Any:
        if options.get("keepdims"):
            return values
        return np.squeeze(values, axis=_axes(axis, self.ndim))[()]


_BY_PIECES: dict[Any, str] = {
    getattr(np, name): method
    for name, method in {
        **{name: name for name in ("sum", "mean", "var", "std", "min", "max")},
        "amin": "min",
        "amax": "max",
    }.items()
}


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    chosen = axis if isinstance(axis, tuple) else (axis,)
    out = tuple(operator.index(a) for a in chosen)
    for a in out:
        if not -ndim <= a < ndim:
            raise np.exceptions.AxisError(a, ndim)
    if len({a % ndim for a in out}) < len(out):
        raise ValueError("duplicate value in 'axis'")
    return tuple(a % ndim for a in out)


def _sealed(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        values.flags.writeable = False
    return values


def _loaded(value: Any) -> Any:
    """Put arrays in the place of stored ones, in lists, tuples and dicts."""
    if isinstance(value, StoredArray):
        return value._whole()
    if type(value) in (list, tuple):
        return type(value)(_loaded(v) for v in value)
    if type(value) is dict:
        return {k: _loaded(v) for k, v in value.items()}
    return value
