"""Progress bars that never end what they show: a terminal may close before a long run is over."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from tqdm import tqdm

PATIENCE = 2.0
"""Seconds before a bar shows for work that is short as a rule."""


class Bar:
    """tqdm's bar on stderr; whatever it raises (a closed terminal, a full disk) is the end of it.

    Parameters
    ----------
    shown : bool
    options
        Of ``tqdm.tqdm``.
    """

    def __init__(self, shown: bool, **options: Any) -> None:
        self._bar: Any = None
        if shown and sys.stderr is not None:
            with contextlib.suppress(Exception):
                # a log is written to less often than a terminal
                often = getattr(sys.stderr, "isatty", bool)()
                self._bar = tqdm(file=sys.stderr, mininterval=0.1 if often else 10.0, **options)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._call("close")

    def update(self, count: int) -> None:
        """Count so many more."""
        self._call("update", count)

    def describe(self, phase: str, state: str) -> None:
        """Say what is done, before the bar, and how it goes, after it; from the next update on."""
        self._call("set_description_str", phase, False)
        self._call("set_postfix_str", state, False)

    def _call(self, name: str, *arguments: Any) -> None:
        if self._bar is None:
            return
        try:
            getattr(self._bar, name)(*arguments)
        except Exception:
            self._bar.disable = True  # or it tries again when it is collected
            self._bar = None
