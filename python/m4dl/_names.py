"""What parameters are called."""

from __future__ import annotations

from typing import Any

Names = tuple[str, ...] | None
"""A name for each parameter; None where they are the values of a field, or have no names."""


def check_names(names: Any, size: int) -> Names:
    """Return names of ``size`` parameters, all different, as a tuple."""
    if names is None:
        return None
    if isinstance(names, str):
        raise TypeError(f"names must be a sequence of {size} strings, got {names!r:.60}")
    out = tuple(names)
    for name in out:
        if not isinstance(name, str) or not name:
            raise TypeError(f"names must be strings that are not empty, got {name!r:.60}")
        if name == "log_likelihood":
            raise ValueError("no parameter may be called 'log_likelihood', as another row is")
        if out.count(name) > 1:
            raise ValueError(f"names must differ from each other, got {name!r:.60} twice")
    if len(out) != size:
        raise ValueError(f"names must be {size}, one for each parameter, got {len(out)}")
    return out


def parameter_name(names: Names, number: int) -> str:
    """Return what a parameter is called in tables and pictures."""
    return f"theta[{number}]" if names is None else names[number]
