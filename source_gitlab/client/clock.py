"""The server's clock, from the `Date` headers of its answers."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime


class ServerClock:
    """How far the server's clock is ahead of ours.

    A `Date` is cut to whole seconds, so each one says only that the server's time was at least
    that when we had the answer, and less than a second more when we asked. The largest of the
    lower bounds is right within the time between two answers around a tick of the server's clock.
    """

    def __init__(self) -> None:
        """Believe our own clock until something is learned."""
        self._ahead: float | None = None
        self._text = ""
        self._seconds = 0.0

    def now(self) -> float:
        """The server's time in seconds since the epoch; never ahead of it once it is known."""
        return time.time() + (self._ahead or 0.0)

    def learn(self, date: str, asked: float, answered: float) -> None:
        """Take in a `Date` header; the times are ours, in seconds since the epoch."""
        if not date:
            return
        if date != self._text:
            try:
                self._seconds = parsedate_to_datetime(date).timestamp()
            except ValueError:
                return
            self._text = date
        least, most = self._seconds - answered, self._seconds + 1.0 - asked
        if self._ahead is None or not least <= self._ahead <= most:
            # Above the upper bound, one of the two clocks was set meanwhile.
            self._ahead = least
