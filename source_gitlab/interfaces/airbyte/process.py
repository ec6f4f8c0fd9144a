"""How this process keeps its memory: trees of rows, made and freed by one thread after another."""

from __future__ import annotations

import ctypes
import gc
import sys

# From malloc.h of glibc.
_M_ARENA_MAX = -8


def settle() -> None:
    """Set the process up for reading; call it once, before threads are started."""
    # Trees of rows are freed by their reference counts; the collector would only walk them.
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 20, 100)
    # Python runs one thread at a time, so a heap for each would save no waiting, and only keep
    # what one has freed from the others: 40 threads would hold nearly half as much memory again.
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 1)
