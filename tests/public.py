"""What m4dl offers: the names of its packages, by their paths."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import m4dl

PACKAGES = (
    "credible",
    "domains",
    "kernels",
    "langevin",
    "models",
    "modes",
    "noise",
    "plot",
    "priors",
    "rays",
    "results",
    "sampling",
    "studies",
)


def public() -> dict[str, Any]:
    """Return every public name, such as ``priors.MaternPrior``, and what it is."""
    found = {name: getattr(m4dl, name) for name in m4dl.__all__}
    for package in PACKAGES:
        of = import_module(f"m4dl.{package}")
        found |= {f"{package}.{name}": getattr(of, name) for name in of.__all__ if name != "norms"}
    return found
