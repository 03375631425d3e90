"""Sets given by functionals: intervals of one, ellipsoids of several."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from .._base.callback import functional_values
from .._base.defined import defined
from .._base.validate import Array

if TYPE_CHECKING:
    pass


def label_of(functional: Any) -> str:
    """A name that tells functionals apart, as a stored study must."""
    if isinstance(functional, str):
        return repr(functional)
    if callable(functional):
        return str(getattr(functional, "__qualname__", type(functional).__name__))
    return f"<{functional.size} weights, {hashlib.sha256(functional.tobytes()).hexdigest()[:8]}>"


def value_of(functional: Any, fields: Array) -> Array:
    flat = fields.reshape(-1, fields.shape[-1])
    values = functional_values("functional", functional, flat).reshape(fields.shape[:-1])
    if not callable(functional):
        return values
    return defined(f"functional {label_of(functional)}", values, "fields", finite=False)
