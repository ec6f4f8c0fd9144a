"""Ctrl-C, SIGTERM and SIGHUP: what each moment of a command makes of them.

A SIGHUP that whoever started the process has it ignore, as `nohup` does, stays ignored.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INTERRUPTED: Final = 130
"""The exit code of a command that was interrupted, as shells have it for Ctrl-C."""

_SHOW_CURSOR: Final = b"\r\x1b[?25h"
_NUMBERS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class _Work:
    """What is under way and must not be left half done, and whether a signal waits for its end."""

    def __init__(self) -> None:
        # A handler of signals runs in the middle of whatever the main thread does, this included.
        self._lock = threading.RLock()
        self._under_way = 0
        self._is_waited_for = False

    def begin(self) -> None:
        """Count one more."""
        with self._lock:
            self._under_way += 1

    def end(self) -> bool:
        """Count one less; whether a signal waited for that."""
        with self._lock:
            self._under_way -= 1
            return self._is_waited_for and not self._under_way

    def postpones(self) -> bool:
        """Whether a signal has to wait; the second one does not."""
        with self._lock:
            if not self._under_way or self._is_waited_for:
                return False
            self._is_waited_for = True
            return True


_WORK: Final = _Work()


@contextmanager
def undivided() -> Iterator[None]:
    """In the block, in any thread, a signal that would end the process waits for the block's end.

    The second one ends it all the same.
    """
    _WORK.begin()
    try:
        yield
    finally:
        if _WORK.end():
            _end()


def leave_at_once() -> None:
    """Let a signal end this process with one word and nothing else, from now on.

    For the time in which nothing is begun. An exception would come out of whatever is imported at
    that moment, and much of that takes it for a fault of its own.
    """
    for number in _heeded():
        signal.signal(number, _leave)
    _ignore_at_the_end()


@cache
def _ignore_at_the_end() -> None:
    # What is registered first is called last.
    atexit.register(_leave_to_the_end)


def _leave_to_the_end() -> None:
    """Ignore signals from here on: what is left takes no time, and the exit code is known.

    Python gives signals their default meaning back while it ends, with which one of them would
    end the process with its own status in place of that code.
    """
    for number in _heeded():
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def calling(stop: Callable[[], None]) -> Iterator[None]:
    """The first signal in the block calls `stop`, the second one ends the process at once."""

    def handle(_number: int, _frame: object) -> None:
        leave_at_once()
        stop()

    with _handled(handle):
        yield


@contextmanager
def raising() -> Iterator[None]:
    """The first signal in the block raises KeyboardInterrupt, the second ends the process at once.

    For what has to leave a terminal as it was, while it waits for somebody to type.
    """

    def handle(_number: int, _frame: object) -> None:
        leave_at_once()
        if not _WORK.postpones():
            raise KeyboardInterrupt

    with _handled(handle):
        yield


@contextmanager
def _handled(handle: Callable[[int, Any], object]) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in _heeded()}
    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _heeded() -> list[int]:
    hangup = getattr(signal, "SIGHUP", None)
    return [
        number
        for number in _NUMBERS
        if number != hangup or signal.getsignal(number) is not signal.SIG_IGN
    ]


def _leave(_number: int, _frame: object) -> None:
    if not _WORK.postpones():
        _end()


def _end() -> NoReturn:
    with suppress(OSError):  # the terminal may be gone, which is what SIGHUP tells
        os.write(2, (_SHOW_CURSOR if os.isatty(2) else b"") + b"Interrupted.\n")
    os._exit(INTERRUPTED)
