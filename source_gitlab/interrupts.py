"""Ctrl-C, SIGTERM and SIGHUP: what each moment of a command makes of them.

A SIGHUP that whoever started the process has it ignore, as `nohup` does, stays ignored.
"""

from __future__ import annotations

import atexit
import os
import signal
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

    def handle(_number: int, _frame: object) -> NoReturn:
        leave_at_once()
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


def _leave(_number: int, _frame: object) -> NoReturn:
    with suppress(OSError):  # the terminal may be gone, which is what SIGHUP tells
        os.write(2, (_SHOW_CURSOR if os.isatty(2) else b"") + b"Interrupted.\n")
    os._exit(INTERRUPTED)
