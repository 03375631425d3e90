"""Numbers that are missing are said: no interval, rank or verdict is made of the rest.

A comparison with NaN is false, and a quantile of what is left is one of another law. So whatever
judges a functional looks first whether it is defined in all draws.
"""

from __future__ import annotations

import numpy as np

from .validate import Array


class UndefinedError(ValueError):
    """A functional is NaN, or infinite where that matters, in some draws."""


def defined(name: str, values: Array, where: str = "draws", *, finite: bool = True) -> Array:
    """Return values of a functional if all are defined.

    Parameters
    ----------
    name : str
        Of the functional, for the message.
    values : array
    where : str
        What the values belong to, for the message.
    finite : bool
        Whether infinite ones are refused too. They have ranks, but no mean and no width.

    Raises
    ------
    UndefinedError
        With the shares that are NaN and infinite.
    """
    missing = int(np.isnan(values).sum())
    endless = int(np.isinf(values).sum()) if finite else 0
    if not missing and not endless:
        return values
    found = [
        f"{word} in {count:,} of {values.size:,} {where} ({count / values.size:.2%})"
        for word, count in (("NaN", missing), ("infinite", endless))
        if count
    ]
    raise UndefinedError(
        f"{name} is {' and '.join(found)}, and nothing is said from the rest: define it "
        "everywhere, or ask for the probability that it is defined"
    )
