"""Arrays, lists and dicts that nobody else can change."""

from __future__ import annotations

import array as buffers
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .sparse import is_sparse


def read_only(values: NDArray[Any]) -> NDArray[Any]:
    """Return a view of ``values`` that cannot be written to: what a user's function may look at."""
    view = values.view()
    view.flags.writeable = False
    return view


def own(value: Any, copy: bool = True) -> Any:
    """Return a value that nobody can change, through lists, tuples and dicts.

    Arrays that somebody might write to are copied; with ``copy=False``, for values that have just
    been made, they are made read-only as they are.
    """
    if isinstance(value, np.ndarray):
        if _sealed(value):
            return value
        value = value.copy(order="K") if copy else value
        value.flags.writeable = False
        return value
    if type(value) is tuple:
        return tuple(own(v, copy) for v in value)
    if type(value) is list:
        return FixedList(own(v, copy) for v in value)
    if type(value) is dict:
        return FixedDict((k, own(v, copy)) for k, v in value.items())
    return value


def _sealed(values: NDArray[Any]) -> bool:
    """Whether neither the array nor one that it is a view of can be written to."""
    at: Any = values
    while isinstance(at, np.ndarray):
        if at.flags.writeable:
            return False
        at = at.base
    return True


def own_argument(value: Any) -> Any:
    """As `own`, also for what others make arrays of, sparse matrices and iterators."""
    if is_sparse(value):
        try:
            return value.copy()
        except Exception:  # a damaged one: whoever asked for it says what is wrong
            return value
    if isinstance(value, Iterator):  # it can be read once only
        value = tuple(value)
    if type(value) in (list, tuple):
        return own(type(value)(own_argument(v) for v in value))
    foreign = hasattr(value, "__array__") or hasattr(value, "__array_interface__")
    foreign = foreign and not isinstance(value, np.ndarray | np.generic | type)
    if foreign or isinstance(value, bytearray | memoryview | buffers.array):
        try:
            value = np.array(value)
        except Exception:  # whoever asked for numbers says what is wrong with it
            return value
    return own(value)


def _refuse(self: Any, *_: Any, **__: Any) -> NoReturn:
    kind = "dict" if isinstance(self, dict) else "list"
    raise TypeError(f"this {kind} describes a result and cannot be changed: take {kind}(...) of it")


class FixedList(list[Any]):
    """A list that cannot be changed."""

    def __reduce__(self) -> Any:
        return _thawed, (list(self),)

    def __deepcopy__(self, memo: Any) -> list[Any]:
        return [_loose(v) for v in self]


class FixedDict(dict[Any, Any]):
    """A dict that cannot be changed, and can be written as JSON."""

    def __reduce__(self) -> Any:
        return _thawed, (dict(self),)

    def __deepcopy__(self, memo: Any) -> dict[Any, Any]:
        return {k: _loose(v) for k, v in self.items()}


for _kind, _names in (
    (FixedList, "append extend insert pop remove clear sort reverse __iadd__ __imul__"),
    (FixedDict, "update pop popitem clear setdefault __ior__"),
):
    for _name in (*_names.split(), "__setitem__", "__delitem__"):
        setattr(_kind, _name, _refuse)


def _thawed(value: Any) -> Any:
    """Make a pickled list or dict again, whose arrays came back writable."""
    return own(value, copy=False)


def _loose(value: Any) -> Any:
    """A copy that its owner may change."""
    if isinstance(value, FixedList):
        return [_loose(v) for v in value]
    if isinstance(value, FixedDict):
        return {k: _loose(v) for k, v in value.items()}
    return value.copy() if isinstance(value, np.ndarray) else value
