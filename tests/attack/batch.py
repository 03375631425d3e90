"""One batch of calls in a process of its own: ``python batch.py SEED COUNT LOG``, or with PART
and ``each`` for SEED and COUNT one part of all calls with one argument replaced.

Each call is written to LOG before it is made, so that a crash or a hang has a name. What is wrong
with a call is printed as one line of JSON.
"""

from __future__ import annotations

import ast
import contextlib
import faulthandler
import io
import json
import linecache
import os
import re
import resource
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import hypothesis  # noqa: E402
import m4dl  # noqa: E402
import numpy as np  # noqa: E402
from calls import Call, calls  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from values import VALUES, WRONG  # noqa: E402

PARTS = 8
SECONDS = 60
"""For one call, all of which take milliseconds when their arguments are right."""
MEMORY = 6 * 2**30
"""Bytes: what is asked for beyond them is refused by the system, not granted and swapped."""
PACKAGE = str(Path(m4dl.__file__).parent)

PLAIN = (ValueError, TypeError, RuntimeError, OSError, MemoryError)
"""What the documentation names. RuntimeError: every solve fails. KeyError and the like are not."""

FOREIGN = re.compile(
    r"incompatible function arguments|argument types are supported|std::|basic_string|vector::"
    r"|Eigen|_core|pybind|could not broadcast|cannot reshape|out of bounds|inhomogeneous|ufunc"
    r"|setting an array element|unhashable|has no attribute|not subscriptable"
    r"|object is not iterable|not callable|unsupported operand|cannot be interpreted"
    r"|invalid literal|could not convert|negative dimensions|cannot convert|not supported between"
    r"|truth value|has no len|buffer is too small|Casting"
)
"""Words of NumPy, SciPy, Python and of the binding layer, which say nothing to a user."""


@cache
def raises(file: str) -> list[tuple[int, int]]:
    """The lines of a file's ``raise`` statements."""
    tree = ast.parse("".join(linecache.getlines(file)))
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Raise)]
    return [(n.lineno, n.end_lineno or n.lineno) for n in found]


def complaint(error: BaseException) -> str | None:
    """Say what is wrong with an error, if anything is."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    try:
        text = str(error)
    except Exception:
        return None if type(error).__module__ == "values" else "its text cannot be had"
    said = f"{type(error).__name__}: {text[:200]} ({where})"
    if Path(last.filename).parent == HERE:  # a hostile object's own error has come through
        return None if "hostile" in text or isinstance(error, PLAIN) else said
    if isinstance(error, MemoryError) and "std::" not in text:
        return None
    # what follows is a user's own traceback
    if not isinstance(error, PLAIN) or FOREIGN.search(text.partition("Traceback")[0]):
        return said
    if not last.filename.startswith(PACKAGE):
        return f"not the package's own words: {said}"
    inside = any(a <= (last.lineno or 0) <= b for a, b in raises(last.filename))
    compiled = "core" in (last.line or "")
    return None if inside or compiled else f"not the package's own words: {said}"


def numbers(result: Any, depth: int = 2) -> Iterator[np.ndarray]:
    """All arrays of floats in a result, in the attributes of its own classes too."""
    if isinstance(result, float | np.floating | np.ndarray):
        values = np.asarray(result)
        if values.dtype.kind == "f":
            yield values
    elif isinstance(result, tuple | list) and depth:
        for one in result:
            yield from numbers(one, depth - 1)
    elif type(result).__module__.startswith("m4dl.") and depth:
        for name in ("theta", "log_likelihood", "xi", "mean", "eigenvalues", "radius", "points"):
            with contextlib.suppress(Exception):
                yield from numbers(getattr(result, name), depth - 1)


def attempt(name: str, call: Call, changed: dict[str, str]) -> str | None:
    """Make a call with some arguments replaced by named values; say what is wrong."""
    arguments = dict(call.arguments) | {key: VALUES[value]() for key, value in changed.items()}
    try:
        with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = call.function(**arguments)
    except BaseException as error:
        said = complaint(error)
        return said if changed else said or f"right arguments are refused: {error}"
    if not changed and not all(np.isfinite(x).all() for x in numbers(result)):
        return "right arguments give what is not finite"
    for key, value in changed.items():
        if len(changed) == 1 and value in WRONG and value not in call.takes.get(key, ()):
            return f"taken without a word, returned {type(result).__name__}"
    return None


def batch(seed: int, count: int, log: Path) -> list[dict[str, Any]]:
    """Make ``count`` calls; return the complaints, each once."""
    registry = calls()
    found: dict[tuple[str, ...], dict[str, Any]] = {}

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.data())
    def attack(data: Any) -> None:
        name = data.draw(st.sampled_from(sorted(registry)))
        call = registry[name]
        keys = data.draw(st.lists(st.sampled_from(sorted(call.arguments)), max_size=2, unique=True))
        changed = {key: data.draw(st.sampled_from(sorted(VALUES))) for key in keys}
        log.write_text(json.dumps({"call": name, "changed": changed}))
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            said = attempt(name, call, changed)
        finally:
            faulthandler.cancel_dump_traceback_later()
        if said is not None:
            key = (name, *sorted(changed), said[:60])
            found.setdefault(key, {"call": name, "changed": changed, "said": said})

    attack()
    return list(found.values())


def each(part: int, log: Path) -> list[dict[str, Any]]:
    """Replace each argument by each value, in one of ``PARTS`` of the calls."""
    out = []
    for name, call in sorted(calls().items())[part::PARTS]:
        for key, value in product(sorted(call.arguments), sorted(VALUES)):
            log.write_text(json.dumps({"call": name, "changed": {key: value}}))
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            said = attempt(name, call, {key: value})
            faulthandler.cancel_dump_traceback_later()
            if said is not None:
                out.append({"call": name, "changed": {key: value}, "said": said})
    return out


def main() -> None:
    seed, log = int(sys.argv[1]), Path(sys.argv[3]).resolve()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # where stores go
        found = each(seed, log) if sys.argv[2] == "each" else batch(seed, int(sys.argv[2]), log)
        for one in found:
            print(json.dumps(one), flush=True)
        os.chdir("/")


if __name__ == "__main__":
    main()
