"""What parameters are called."""

from __future__ import annotations

from typing import Any

from .validate import sequence, short

Names = tuple[str, ...] | None
"""A name for each parameter; None where they are the values of a field, or have no names."""


def check_names(names: Any, size: int) -> Names:
    """Return names of ``size`` parameters, all different, as a tuple."""
    if names is None:
        return None
    seen: dict[str, None] = {}
    for name in sequence("names", names, f"{size} strings"):
        if not isinstance(name, str) or not name:
            raise TypeError(f"names must be strings that are not empty, got {short(name)}")
        if name == "log_likelihood":
            raise ValueError("no parameter may be called 'log_likelihood', as another row is")
        if name in seen:
            raise ValueError(f"names must differ from each other, got {short(name)} twice")
        seen[str(name)] = None
    if len(seen) != size:
        raise ValueError(f"names must be {size}, one for each parameter, got {len(seen)}")
    return tuple(seen)


def parameter_name(names: Names, number: int) -> str:
    """Return what a parameter is called in tables and pictures."""
    return f"theta[{number}]" if names is None else names[number]
