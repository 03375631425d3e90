"""A user's own function as a forward map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _core
from .._validate import integer
from .base import Model


class PythonModel(Model):
    """A forward map given as a Python function (NumPy, JAX, Torch, anything that takes arrays).

    Parameters
    ----------
    forward : callable
        theta (D,) -> y (m,); with ``batched=True`` theta (B, D) -> y (B, m), called once for each
        block of up to 8 chains. Rows of NaN mark failed solves.
    gradient : callable, optional
        (theta, sensitivity) -> G'(theta)* sensitivity, of shape (D,) or (B, D): the vector-Jacobian
        product. MALA and ULA need it.
    parameters, outputs : int
        D and m.
    batched : bool

    Notes
    -----
    What the function raises reaches you with its own traceback and a note that names the chain.
    The function runs under the GIL; use ``threads=1`` unless it releases it.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        gradient: Callable[..., Any] | None = None,
        *,
        parameters: int,
        outputs: int,
        batched: bool = False,
    ):
        for name, function in (("forward", forward), ("gradient", gradient)):
            if not callable(function) and not (name == "gradient" and function is None):
                raise TypeError(f"{name} must be callable, got {type(function).__name__}")
        if not isinstance(batched, bool):
            raise TypeError(f"batched must be True or False, got {batched!r}")
        super().__init__(
            _core.python_model(
                forward,
                gradient,
                integer("parameters", parameters, 1),
                integer("outputs", outputs, 1),
                batched,
            )
        )
