"""Packages that m4dl can do without."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def optional(package: str, extra: str) -> ModuleType:
    """Import a package that m4dl can do without, or say how to install it."""
    try:
        return import_module(package)
    except ImportError as error:
        name = package.partition(".")[0]
        raise ImportError(f"this needs {name}: pip install 'm4dl[{extra}]'") from error
