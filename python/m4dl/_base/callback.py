"""What users' functions return: one converter, and a trial that rows are functions of themselves.

A batched function that returns its transpose, mixes its rows or draws random numbers may have the
right shape, and then gives a wrong posterior. So the first time that it sees several rows, one of
them is given to it alone as well, and the two results must agree. A function of one row is called
twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .own import read_only
from .validate import Array, array

Functional = Callable[[Array], ArrayLike]

AGREE = 1e-4
"""Relative to the largest entry: above what single precision loses in sums of another order."""


def numbers(name: str, value: Any, shape: tuple[int, ...], kinds: str = "iuf") -> Array:
    """Return what the function ``name`` returned as float64 of this shape; NaN is its own affair.

    ``kinds`` are those of NumPy's dtypes: real numbers, no booleans.
    """
    if np.ma.is_masked(value):
        raise ValueError(f"{name} must return no masked entries")
    try:
        raw = np.asarray(value)
    except ValueError as error:  # ragged
        raise TypeError(f"{name} must return an array of real numbers") from error
    if raw.dtype.kind not in kinds:
        raise TypeError(f"{name} must return real numbers, got dtype {raw.dtype}")
    if raw.shape != shape:
        raise ValueError(f"{name} must return shape {shape}, got {raw.shape}")
    return np.asarray(raw, dtype=np.float64, order="C")


def called(name: str, function: Callable[..., Any], *inputs: Array) -> Any:
    """Return what a user's function returns; say which one does not take what it is given."""
    try:
        return function(*inputs)
    except TypeError as error:
        trace = error.__traceback__
        if trace is not None and trace.tb_next is not None:  # it was at work
            raise
        raise TypeError(f"{name} must be a function of {len(inputs)} array(s): {error}") from error


class Callback:
    """A user's function as compiled code calls it, on (D,) or, batched, (B, D).

    Parameters
    ----------
    name : str
        What messages call it.
    function : callable
    size : int
        Of what it returns for one row.
    batched : bool
    """

    def __init__(self, name: str, function: Callable[..., Any], size: int, batched: bool):
        self._name, self._function, self._size, self._batched = name, function, size, batched
        self._tried = 0  # with how many rows: 1, or 2 for several

    def __call__(self, *inputs: Array) -> Array:
        several = min(len(inputs[0]), 2) if self._batched else 1
        if several <= self._tried:
            return self._values(inputs)
        last = [x[-1:].copy() if self._batched else x.copy() for x in inputs]  # it may change them
        out = self._values(inputs)
        row = out[-1:] if self._batched else out
        if np.isfinite(row).all():
            _agree(self._name, row, self._values(last), several > 1)
            self._tried = several
        return out

    def _values(self, inputs: Any) -> Array:
        rows = (len(inputs[0]),) if self._batched else ()
        return numbers(self._name, self._function(*inputs), (*rows, self._size))


def functional_values(
    name: str, of: ArrayLike | Functional, fields: Array, trial: bool = False
) -> Array:
    """Return a functional, weights (D,) or a user's function, of fields (n, D): (n,).

    The function sees them read-only. Its booleans count as 0 and 1: the mean of an indicator is a
    probability. A ``trial`` gives it the last field alone as well.
    """
    count, size = fields.shape
    if not callable(of):
        # einsum rather than BLAS, whose sums may depend on the number of its threads
        return np.asarray(np.einsum("nd,d->n", fields, array(name, of, (size,))))

    def value(rows: Array) -> Array:
        returned = called(name, of, read_only(rows))
        if np.shape(returned) != (len(rows),):
            raise ValueError(
                f"{name} must map draws of shape (n, {size}) to shape (n,), "
                f"got {np.shape(returned)} for n = {len(rows)}"
            )
        return numbers(name, returned, (len(rows),), "iufb")

    out = value(fields)
    if trial and count > 1 and np.isfinite(out[-1]):
        _agree(name, out[-1:], value(fields[-1:]), several=True)
    return out


def check_functionals(
    functionals: Mapping[str, ArrayLike | Functional], fields: Array
) -> dict[str, Array | Functional]:
    """Check functionals on ``fields`` (n, D); return them with weights as arrays."""
    if not isinstance(functionals, Mapping):
        raise TypeError(
            f"functionals must be a dict of names to weights or functions, got {functionals!r:.60}"
        )
    out: dict[str, Array | Functional] = {}
    for name, of in functionals.items():
        if not isinstance(name, str) or not name or name == "log_likelihood":
            raise ValueError(
                f"a functional needs a name other than 'log_likelihood' (always kept), got {name!r}"
            )
        label = f"functionals[{name!r}]"
        if callable(of):
            functional_values(label, of, fields, trial=True)
            out[name] = of
        else:
            out[name] = array(label, of, (fields.shape[1],)).copy()
    return out


def _agree(name: str, found: Array, again: Array, several: bool) -> None:
    gap = np.abs(found - again)
    scale = max(np.abs(found).max(initial=0.0), np.abs(again).max(initial=0.0))
    if gap.max(initial=0.0) <= AGREE * scale:  # False for NaN
        return
    i = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
    one, other = found.flat[i], again.flat[i]
    if several:
        raise ValueError(
            f"{name} must give each row what it gives this row alone, got {one:.6g} among others "
            f"and {other:.6g} alone: it mixes rows, or draws random numbers"
        )
    raise ValueError(
        f"{name} must depend on its arguments alone, got {one:.6g} and then {other:.6g} from the "
        "same: it draws random numbers, or remembers earlier calls"
    )
