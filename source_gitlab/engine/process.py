"""How this process keeps its memory while rows are read, and what a signal does meanwhile."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from source_gitlab import interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# From malloc.h of glibc.
_M_ARENA_MAX = -8


@contextmanager
def reading(stop: Callable[[], None]) -> Iterator[None]:
    """In the block, the process is `settle`d, and a signal calls `stop`."""
    before = gc.get_threshold()
    settle()
    try:
        with interrupts.calling(stop):
            yield
    finally:
        gc.set_threshold(*before)


def settle() -> None:
    """Set the process up for reading; call it once, before threads are started."""
    # Trees of rows are freed by their reference counts; the collector would only walk them.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    # Python runs one thread at a time, so a heap for each would save no waiting, and only keep
    # what one has freed from the others: 40 threads would hold nearly half as much memory again.
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 1)
