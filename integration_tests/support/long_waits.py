"""Waits that a test does not outlast."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from source_gitlab.gitlab.timer import Timer

if TYPE_CHECKING:
    from source_gitlab.gitlab.timer import Condition

# Seconds.
_LONG = 60.0
_HOUR = 3600.0


class LongCondition(threading.Condition):
    """One whose wait of a minute or more is one of an hour."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait; a shorter wait is as long as it says."""
        return super().wait(timeout if timeout is not None and timeout < _LONG else _HOUR)


class LongWaits(Timer):
    """This machine's clock, by which nobody sits out a limit of GitLab's during a test.

    Such a limit is waited for ten minutes at most, and a test has more patience: it would take
    whoever sat one out for one that was let go.
    """

    def condition(self, lock: threading.Lock) -> Condition:
        """One by which a long wait does not end of itself."""
        return LongCondition(lock)
