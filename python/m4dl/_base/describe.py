"""What an object is made of, in a form that can be compared, stored, and made again.

A description is the name of a class and its arguments, canonical: numbers and arrays as they were
checked, functions of coordinates by their values, other objects by descriptions of their own. Its
digest names the object wherever it goes: in a process there is one object a digest, so that what
crosses over shares again what it shared. Functions that are found by a name are described by it;
others, such as lambdas, by a name that belongs to this one function, wherever it travels.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import inspect
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from types import CodeType
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np

from .sparse import is_sparse

FORMAT = 1
"""Of descriptions and pickles. Another number is another meaning of the arguments."""

_FUNCTIONS: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
_OBJECTS: WeakValueDictionary[bytes, Any] = WeakValueDictionary()


def arguments_of(thing: Any) -> dict[str, Any]:
    """Return the arguments of the constructor by name, defaults among them."""
    given = getattr(thing, "__dict__", {}).get("_arguments")
    if given is not None:
        full = inspect.BoundArguments(given.signature, given.arguments.copy())
        full.apply_defaults()
        return dict(full.arguments)
    if dataclasses.is_dataclass(thing):
        return {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing) if f.init}
    return {name: getattr(thing, name) for name in type(thing)._parameters}


def described(value: Any) -> bool:
    """Return whether a value is an object that can be described."""
    return not isinstance(value, type) and hasattr(value, "describe")


def class_name(cls: type) -> str:
    """Return where a class is found: its package, if that hands it on, else its module."""
    package = ".".join(cls.__module__.split(".")[:2])
    handed_on = getattr(sys.modules.get(package), cls.__qualname__, None) is cls
    return f"{package if handed_on else cls.__module__}.{cls.__qualname__}"


def describe(thing: Any) -> dict[str, Any]:
    """Return ``class``, ``format`` and ``arguments`` of an object."""
    cls = type(thing)
    arguments = {name: _written(value) for name, value in arguments_of(thing).items()}
    return {
        "class": class_name(cls),
        "format": FORMAT,
        "arguments": arguments,
    }


def _written(value: Any) -> Any:
    if described(value):
        return describe(value)
    if isinstance(value, list | tuple):
        return [_written(v) for v in value]
    return value.copy() if is_sparse(value) else value


def rebuild(description: Mapping[str, Any]) -> Any:
    """Return the object of a description; the one that is there, if this process has it.

    Raises
    ------
    ValueError
        A description of another format, of an unknown class, or with fields it does not have.
    """
    unknown = set(description) - {"class", "format", "arguments"}
    missing = {"class", "format", "arguments"} - set(description)
    if unknown or missing:
        wrong = f"unknown {sorted(unknown)}" if unknown else f"no {sorted(missing)}"
        raise ValueError(f"a description has class, format and arguments, got one with {wrong}")
    name = description["class"]
    check_format(description["format"], f"description of {name}")
    cls = _class_of(name)
    known = inspect.signature(cls).parameters
    for argument in description["arguments"]:
        if argument not in known:
            raise ValueError(f"{name} has no argument {argument!r}: it has {', '.join(known)}")
    arguments = {key: _read(value) for key, value in description["arguments"].items()}
    return shared(call(cls, known, arguments))


def call(cls: Any, known: Mapping[str, inspect.Parameter], arguments: Mapping[str, Any]) -> Any:
    """Call a constructor by names, but for parameters that have none."""
    places, names = [], {}
    for key, value in arguments.items():
        kind = known[key].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            places.extend(value)
        elif kind is inspect.Parameter.VAR_KEYWORD:
            names.update(value)
        elif kind is inspect.Parameter.POSITIONAL_ONLY:
            places.append(value)
        else:
            names[key] = value
    return cls(*places, **names)


def check_format(number: Any, what: str) -> None:
    """Refuse what another version of m4dl wrote."""
    if number != FORMAT:
        raise ValueError(
            f"this {what} is of format {number}, and this m4dl reads {FORMAT}: make it again, or "
            "take the version of m4dl that wrote it"
        )


def _class_of(name: str) -> Any:
    module, _, cls = str(name).rpartition(".")
    try:
        found = getattr(importlib.import_module(module), cls)
    except (ImportError, AttributeError, ValueError):
        raise ValueError(f"a description is of class {name!r}, which is not there") from None
    if not (isinstance(found, type) and hasattr(found, "describe")):
        raise ValueError(f"{name!r} is no class that can be rebuilt")
    return found


def _read(value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {"class", "format", "arguments"}:
        return rebuild(value)
    if isinstance(value, list | tuple):
        return [_read(v) for v in value]
    return value


def digest(thing: Any) -> bytes:
    """Return 32 bytes that an equal description has too, and no other."""
    state = thing.__dict__
    if "_digest" not in state:
        object.__setattr__(thing, "_digest", _digest(thing))
    found: bytes = state["_digest"]
    return found


def shared(thing: Any) -> Any:
    """Return the object of this description that the process has, ``thing`` if it had none."""
    known = known_as(type(thing), digest(thing))
    if known is None:
        _OBJECTS[digest(thing)] = known = thing
    return known


def known_as(cls: type, name: bytes) -> Any:
    """Return the object of a class and a digest, or None."""
    known = _OBJECTS.get(name)  # a class may have been defined anew, under the same name
    return known if type(known) is cls else None


def _digest(thing: Any) -> bytes:
    out = hashlib.sha256()
    cls = type(thing)
    for part in _encoded([class_name(cls), FORMAT, arguments_of(thing)]):
        out.update(len(part).to_bytes(8, "little"))
        out.update(part)
    return out.digest()


def _encoded(value: Any) -> Iterator[bytes]:
    """Yield bytes, equal for values of equal meaning: 1 is 1.0, a list of numbers an array."""
    if described(value):
        yield b"object"
        yield digest(value)
    elif value is None or isinstance(value, bool | str | bytes | np.bool_):
        yield repr(bool(value) if isinstance(value, np.bool_) else value).encode()
    elif is_sparse(value):
        yield from _encoded_sparse(value)
    elif isinstance(value, Mapping):
        yield b"mapping"
        for key in sorted(value, key=str):
            yield from _encoded(key)
            yield from _encoded(value[key])
    elif isinstance(value, list | tuple) and not _numeric(value):
        yield f"sequence {len(value)}".encode()
        for part in value:
            yield from _encoded(part)
    elif isinstance(value, list | tuple | int | float | complex | np.generic | np.ndarray):
        yield from _encoded_array(np.asarray(value))
    elif callable(value):
        yield name_of(value).encode()
    else:
        yield repr(value).encode()


def _numeric(value: Any) -> bool:
    try:
        return bool(np.asarray(value).dtype.kind in "iufc")
    except (ValueError, TypeError):  # ragged, or of objects
        return False


def _encoded_array(values: Any) -> Iterator[bytes]:
    if values.dtype.kind in "iu":
        exact = values.astype(np.float64)
        if (exact == values).all() and (np.abs(exact) < 2.0**53).all():
            values = exact
    yield f"{values.dtype.str} {values.shape}".encode()
    yield (values + 0 if values.dtype.kind in "fc" else np.asarray(values)).tobytes()  # -0 is 0


def _encoded_sparse(value: Any) -> Iterator[bytes]:
    csr = value.tocsr(copy=True)
    csr.sum_duplicates()
    yield b"sparse"
    yield from _encoded([list(csr.shape), csr.indptr, csr.indices, csr.data])


def named(function: Any) -> bool:
    """Return whether another process finds a function by its name."""
    name = getattr(function, "__qualname__", None)
    return name is not None and "<" not in name


def name_of(function: Callable[..., Any]) -> str:
    """Return the name of a function, or one that this function alone has."""
    if named(function):
        # with its code, for a notebook may define it anew
        code = getattr(function, "__code__", None)
        words = "" if code is None else f" {_code(code)}"
        return f"{getattr(function, '__module__', '')}.{function.__qualname__}{words}"
    try:
        return _FUNCTIONS.setdefault(function, uuid.uuid4().hex)
    except TypeError:  # no weak references to it, or no hash: nobody shares it
        return uuid.uuid4().hex


def _code(code: CodeType) -> str:
    constants = [_code(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    words = repr((code.co_code, constants, code.co_names, code.co_varnames))
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def leaves(thing: Any, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield (name, text) for each argument of an object and of those it is made of.

    Texts are equal where digests are, and short. What no other process could name is left out.
    """
    yield above or "class", type(thing).__qualname__
    for name, value in arguments_of(thing).items():
        place = f"{above}.{name}" if above else name
        parts = value if isinstance(value, tuple) else (value,)
        if described(value):
            yield from leaves(value, place)
        elif any(described(part) for part in parts):
            for k, part in enumerate(parts):
                yield from leaves(part, f"{place}[{k}]")
        elif not any(callable(part) and not named(part) for part in parts):
            yield place, shown(value)


def shown(value: Any) -> str:
    """Return an argument in a few words."""
    if value is None or isinstance(value, bool | str | int | float):
        return repr(value)
    if callable(value):
        return name_of(value)
    words = hashlib.sha256(b"".join(_encoded(value))).hexdigest()[:8]
    shape = getattr(value, "shape", None)
    if shape is None and _numeric(value):
        shape = np.shape(value)
        if np.size(value) <= 6:
            return repr(np.asarray(value).tolist())
    size = "" if shape is None else " x ".join(map(str, shape)) or "number"
    return f"<{size} {words}>"
