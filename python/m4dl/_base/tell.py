"""Warnings about what is finished: they may not take it along."""

from __future__ import annotations

import contextlib
import sys
import warnings


def tell(message: str, stacklevel: int) -> None:
    """Warn (RuntimeWarning) of something in a result that took long.

    Where warnings are errors (``-W error``) the message goes to stderr: raised, it would be all
    that is left of the result.

    Parameters
    ----------
    message : str
    stacklevel : int
        As for ``warnings.warn``, counted from the caller.
    """
    try:
        warnings.warn(message, RuntimeWarning, stacklevel=stacklevel + 1)
    except RuntimeWarning:
        with contextlib.suppress(Exception):  # no stderr, or a closed one
            print(f"RuntimeWarning: {message}", file=sys.stderr)
