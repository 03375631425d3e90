"""Ctrl-C during a run: the first stops it after the present iteration, the second at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

TOLD = b"\nm4dl: stopping after this iteration; Ctrl-C again stops at once\n"


class Interrupt:
    """Turn Ctrl-C into a flag: it may not fall between an iteration and its record.

    A second one is for the handler that was there before. An iteration may take minutes of compiled
    code, in which no handler of Python's runs: so that the first one is answered, a thread waits
    for what the signal itself writes (``signal.set_wakeup_fd``).
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: Any = None
        self._told = False
        self._listening: tuple[int, int, threading.Thread] | None = None

    def __enter__(self) -> Interrupt:
        # handlers live in the main thread alone, and an ignored SIGINT stays ignored
        if threading.current_thread() is threading.main_thread():
            previous = signal.getsignal(signal.SIGINT)
            if callable(previous):
                self._previous = previous
                self._listen()
                signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous is None:
            return
        signal.signal(signal.SIGINT, self._previous)
        if self._listening is not None:
            read, write, thread = self._listening
            signal.set_wakeup_fd(-1)
            os.close(write)  # which ends the thread
            thread.join()
            os.close(read)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            self._previous(number, frame)
        self.requested = True
        if self._listening is None:
            self._tell()

    def _listen(self) -> None:
        read, write = os.pipe()
        os.set_blocking(write, False)
        if (other := signal.set_wakeup_fd(write, warn_on_full_buffer=False)) != -1:
            signal.set_wakeup_fd(other)  # of an event loop, whose it stays
            os.close(read)
            os.close(write)
            return
        thread = threading.Thread(target=self._wait, args=(read,), daemon=True)
        thread.start()
        self._listening = read, write, thread

    def _wait(self, read: int) -> None:
        while signals := os.read(read, 64):
            if signal.SIGINT in signals:
                self._tell()

    def _tell(self) -> None:
        if self._told or sys.stderr is None:
            return
        self._told = True
        # not through sys.stderr: the signal may have come in the middle of what it writes
        with contextlib.suppress(OSError):  # a terminal that is closed
            os.write(2, TOLD)
