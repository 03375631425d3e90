"""A user's own function as a forward map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _core
from .._base.callback import Callback
from .._base.validate import flag, integer
from .base import Model


class PythonModel(Model):
    """A forward map given as a Python function (NumPy, JAX, Torch, anything that takes arrays).

    Parameters
    ----------
    forward : callable
        theta (D,) -> y (m,); with ``batched=True`` theta (B, D) -> y (B, m), called once for each
        block of up to 8 chains. It returns real numbers, and rows with a NaN or an infinity mark
        failed solves. It must depend on theta alone, and each row on that row of theta.
    gradient : callable, optional
        (theta, sensitivity) -> G'(theta)* sensitivity, of shape (D,) or (B, D): the vector-Jacobian
        product. MALA and ULA need it. It is not called where ``forward`` failed.
    parameters, outputs : int
        D and m.
    batched : bool

    Notes
    -----
    What the function raises reaches you with its own traceback and a note that names the chain.
    The function runs under the GIL; use ``threads=1`` unless it releases it.

    The first call is made twice, with ``batched=True`` with one row alone the second time. Results
    that differ by more than 1e-4 of the largest entry are refused: a function that mixes rows,
    returns (m, B), draws random numbers or remembers earlier calls would give a wrong posterior.
    No function is called with NaN or infinities.
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
        batched = flag("batched", batched)
        size, count = integer("parameters", parameters, 1), integer("outputs", outputs, 1)
        super().__init__(
            _core.python_model(
                Callback("forward", forward, count, batched),
                None if gradient is None else Callback("gradient", gradient, size, batched),
                parameters=size,
                outputs=count,
                batched=batched,
            )
        )
