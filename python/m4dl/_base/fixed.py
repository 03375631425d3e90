"""What is fixed once it is made: its arrays are nobody else's, its attributes cannot be set.

The compiled part of an object holds copies of what the object was made of. An attribute that
could still be changed would tell stores, summaries and the user of another problem than the one
that is sampled. So every array that enters an object is copied, unless nobody can write to it, and
every array that an object shows is read-only. Methods return arrays that belong to the caller.

An object that is fixed is its own copy, and pickles: `Fixed` by its attributes, `Rebuilt`, which
has a compiled part, by the arguments of its constructor.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from pickle import PicklingError
from types import FunctionType
from typing import Any, ClassVar, Self

import numpy as np

from . import describe as descriptions
from .own import own, own_argument


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
    _parameters: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls._parameters = tuple(inspect.signature(cls).parameters)
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
        arguments = [own_argument(v) for v in args]
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
                args = tuple(own_argument(v) for v in args)
                options = {name: own_argument(v) for name, v in options.items()}
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
