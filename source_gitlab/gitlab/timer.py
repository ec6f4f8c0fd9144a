"""How time passes for those who wait: by this machine's clock, or by another that somebody drives.

Of `now`, only a difference of two moments means anything.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Condition(Protocol):
    """What `threading.Condition` offers to those who wait while they hold its lock."""

    def wait(self, timeout: float) -> object:
        """Let go of the lock until somebody notifies, or for `timeout` seconds, or for less."""

    def notify(self, n: int = 1) -> None:
        """Wake so many of those who wait, at most."""

    def notify_all(self) -> None:
        """Wake all who wait."""


class Timer:
    """This machine's monotonic clock, and waiting by it. Thread-safe."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def epoch(self) -> float:
        """Seconds since the epoch, by the clock that people set."""
        return time.time()

    def condition(self, lock: threading.Lock) -> Condition:
        """A condition of this lock, whose time-outs are by this clock."""
        return threading.Condition(lock)
