"""What is fixed once it is made: its arrays are nobody else's, its attributes cannot be set.

The compiled part of an object holds copies of what the object was made of. An attribute that
could still be changed would tell stores, summaries and the user of another problem than the one
that is sampled. So every array that enters an object is copied, unless nobody can write to it, and
every array that an object shows is read-only. Methods return arrays that belong to the caller.

An object that is fixed is its own copy, and pickles: `Fixed` by its attributes, `Rebuilt`, which
has a compiled part, by the arguments of its constructor.
"""

from __future__ import annotations

import array as buffers
import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pickle import PicklingError
from types import FunctionType
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from . import describe as descriptions


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


def _own_argument(value: Any) -> Any:
    """As `own`, also for what others make arrays of, sparse matrices and iterators."""
    if sparse.issparse(value):
        try:
            return value.copy()
        except Exception:  # a damaged one: whoever asked for it says what is wrong
            return value
    if isinstance(value, Iterator):  # it can be read once only
        value = tuple(value)
    if type(value) in (list, tuple):
        return own(type(value)(_own_argument(v) for v in value))
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


class Described:
    """An object that is described by the arguments of its constructor: see ``describe.py``."""

    def describe(self) -> dict[str, Any]:
        """Return ``class``, ``format`` and ``arguments``, from which `m4dl.rebuild` makes it."""
        return descriptions.describe(self)

    def digest(self) -> bytes:
        """Return 32 bytes that stand for the class and its arguments."""
        return descriptions.digest(self)


class Fixed(Described):
    """An object whose attributes are set by its constructor alone.

    Classes with an ``__init__`` are closed when the outermost of them ends. Dataclasses are closed
    by ``__post_init__``: one of their own ends with ``super().__post_init__()``. Classes that
    users derive may have attributes of their own.
    """

    _remembers = False  # the arguments, where attributes do not have them

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            setattr(cls, "__init__", _closing(vars(cls)["__init__"]))  # noqa: B010

    def __post_init__(self) -> None:
        if "_making" not in self.__dict__:
            self._close()

    def _close(self, copy: bool = True) -> None:
        state = self.__dict__
        names = state.pop("_named", frozenset(state))
        state.update({name: own(state[name], copy) for name in names if name in state})
        state["_closed"] = names

    def _remember(self, *args: Any) -> None:
        """Be described by these arguments: for what is made past the constructor."""
        arguments = [_own_argument(v) for v in args]
        self.__dict__["_arguments"] = inspect.signature(type(self)).bind(*arguments)

    def _changed(self, **values: Any) -> Self:
        """Return a shallow copy that differs by these attributes."""
        out = object.__new__(type(self))
        out.__dict__.update(self.__dict__, **values)
        return out

    def _guard(self, name: str) -> None:
        closed = self.__dict__.get("_closed")
        if closed is not None and (name in closed or _is_ours(type(self), name)):
            kind = type(self).__name__
            raise AttributeError(
                f"{name} of this {kind} cannot be set: it is fixed once made, make another {kind}"
            )

    def __setattr__(self, name: str, value: Any) -> None:
        self._guard(name)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        self._guard(name)
        object.__delattr__(self, name)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        _need_names(type(self), self.__dict__)
        state = dict(self.__dict__)
        state.pop("_digest", None)
        if (given := state.get("_arguments")) is not None:
            _need_names(type(self), given.arguments)
            state["_arguments"] = given.args, given.kwargs
        state["_named"] = state.pop("_closed")
        state["_format"] = descriptions.FORMAT
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        number = state.pop("_format", None)
        descriptions.check_format(number, f"pickle of {type(self).__name__}")
        if "_arguments" in state:
            args, options = own(state["_arguments"], copy=False)
            state["_arguments"] = inspect.signature(type(self)).bind(*args, **options)
        self.__dict__.update(state)
        self._close(copy=False)


def _constant(value: Any) -> Any:
    """The number that all values of an array are, or the array."""
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.size > 1:
        first = value[:1]
        if (value == first).all() and not np.signbit(value).any():  # so that its bits are all equal
            return first[0]
    return value


class Rebuilt(Fixed):
    """An object with a compiled part, which a pickle makes again from the same arguments.

    Results of long set-ups, or of LAPACK, whose last bits depend on the machine, travel with it:
    the constructor asks for them by `_keep`.
    """

    _arguments: inspect.BoundArguments
    _remembers = True

    def _keep(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what ``make`` returns, or returned where the object was made first."""
        kept: dict[str, Any] = self.__dict__.setdefault("_kept", {})
        if name not in kept:
            kept[name] = own(make(), copy=False)
        return kept[name]

    def _argue(self, **values: Any) -> None:
        """Describe and pickle these values for arguments, such as a function's at the nodes."""
        known = self._arguments.signature.parameters  # of the outermost constructor
        given = {k: _constant(own(v)) for k, v in values.items() if k in known}
        self._arguments.arguments.update(given)

    def kept(self) -> dict[str, Any]:
        """Return what a pickle is to hold besides the arguments."""
        return dict(self.__dict__.get("_kept", {}))

    def __reduce__(self) -> Any:
        given = self._arguments
        _need_names(type(self), given.arguments)
        descriptions.shared(self)
        name = descriptions.FORMAT, self.digest()
        return _rebuild, (type(self), name, given.args, dict(given.kwargs), self.kept())


def _rebuild(
    cls: type[Rebuilt],
    name: tuple[int, bytes],
    args: Any,
    options: dict[str, Any],
    kept: dict[str, Any],
) -> Any:
    descriptions.check_format(name[0], f"pickle of {cls.__name__}")
    known = descriptions.known_as(cls, name[1])
    if known is not None:
        return known
    out = object.__new__(cls)
    out.__dict__["_digest"] = name[1]
    out.__dict__["_kept"] = {name: own(value, copy=False) for name, value in kept.items()}
    out.__init__(*own(args, copy=False), **own(options, copy=False))  # type: ignore[misc]
    return descriptions.shared(out)


def _need_names(cls: type, values: Mapping[str, Any]) -> None:
    """Refuse functions that a pickle cannot name, unless one that takes their code is at work."""
    if any(m.endswith("cloudpickle") or m == "dill" for m in sys.modules):
        return
    for name, value in values.items():
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, FunctionType) and "<" in part.__qualname__:
                raise PicklingError(
                    f"{cls.__name__} cannot be pickled: its {name.strip('_')} is found by no name, "
                    f"got {part.__qualname__}; define it at the top of a module, or pickle with "
                    "cloudpickle"
                )


def _closing(init: Callable[..., None]) -> Callable[..., None]:
    """The constructor ``init``, which takes arguments of its own and closes what it has made.

    A user's may set anything; what it adds to an object is the user's, and stays open.
    """
    signature = inspect.signature(init)
    signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    ours = _in_package(init.__module__)

    @functools.wraps(init)
    def fixing(self: Any, *args: Any, **options: Any) -> None:
        state = self.__dict__
        outermost = "_making" not in state
        if outermost:
            state["_making"] = True
            if self._remembers:
                args = tuple(_own_argument(v) for v in args)
                options = {name: _own_argument(v) for name, v in options.items()}
                with contextlib.suppress(TypeError):  # Python says it better
                    state["_arguments"] = signature.bind(*args, **options)
        init(self, *args, **options)
        if ours:
            state["_named"] = frozenset(state)
        if outermost:
            del state["_making"]
            self._close()

    return fixing


def _in_package(module: str) -> bool:
    return module.partition(".")[0] == __name__.partition(".")[0]


def _is_ours(cls: type, name: str) -> bool:
    """Whether this package gives a class the attribute; its own classes take no other."""
    ours = [c for c in cls.__mro__ if _in_package(c.__module__)]
    return cls in ours or any(name in vars(c) for c in ours)
