"""The server's clock, from the `Date` headers of its answers.

A `Date` is the time of whichever machine answered: one of several nodes, or a proxy. One of them
may be wrong, and so may ours. Where an estimate is enough (limits), the last one counts. Watermarks
must not be later than any clock by which GitLab stamps rows, so they follow the earliest clock.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime

# Clocks that differ by less are one clock: answers are slow, and a `Date` is cut to its second.
_AGREEING = 60.0
_DAY = 86_400.0
# A clock of ours that is further behind was never set, as in containers without one.
_UNSET = 2 * _DAY
# Where GitLab tells no time, ours may be this much ahead of it.
_MARGIN = 900.0
# Only the earliest clocks count.
_MOST_CLOCKS = 16


@dataclass
class _Clock:
    """A clock that some answers agree on, in seconds ahead of ours."""

    ahead: float
    answers: int = 1


class ServerClock:
    """How far the server's clocks are ahead of ours. Thread-safe.

    A `Date` is cut to whole seconds, so each one says only that the server's time was at least
    that when we had the answer, and less than a second more when we asked. For `now`, the largest
    of the lower bounds is right within the time between two answers around a tick of the clock.
    """

    def __init__(self) -> None:
        """Believe our own clock until something is learned."""
        self._ahead: float | None = None
        self._text = ""
        self._seconds = 0.0
        self._clocks: list[_Clock] = []
        self._newest: float | None = None
        self._known = float("-inf")
        self._lock = threading.Lock()

    def now(self) -> float:
        """The time by the server's last answer, in seconds since the epoch."""
        return time.time() + (self._ahead or 0.0)

    @property
    def is_sure(self) -> bool:
        """Whether two clocks agree: those of two answers, or of one answer and ours."""
        with self._lock:
            return bool(self._agreed())

    @property
    def is_silent(self) -> bool:
        """Whether no answer has told a time."""
        with self._lock:
            return not self._clocks

    def reached(self, ours: float) -> float:
        """A time that every clock of the server had reached when our own clock showed `ours`.

        The earliest counts of the clocks that two answers, or one and our own, agree on, and one
        that a single answer told is believed if it is up to a day earlier: a node that answers
        seldom. Ours counts when it is earlier than all by less than two days. Where there is no
        `Date` at all it is ours less a margin, and not later than the newest row, but not before
        what earlier reads came up to.
        """
        with self._lock:
            if self._clocks:
                return ours + self._earliest()
            return max(min(ours - _MARGIN, self._newest or ours), self._known)

    def behind(self) -> float:
        """By how many seconds our clock is behind all others, where that moves watermarks."""
        with self._lock:
            earliest = min((clock.ahead for clock in self._agreed()), default=0.0)
            return earliest if _AGREEING < earliest <= _UNSET else 0.0

    def saw(self, newest: float) -> None:
        """Note the time of a change that GitLab told, in seconds since the epoch."""
        with self._lock:
            self._newest = max(newest, self._newest or newest)

    def knew(self, instant: float) -> None:
        """Note a time that every clock had reached in an earlier read, in seconds since the epoch.

        One that ours has not reached, or passed long ago, is no such time: a clock was wrong, or is
        now.
        """
        if 0.0 <= time.time() - instant <= _UNSET:
            with self._lock:
                self._known = max(instant, self._known)

    def learn(self, date: str, asked: float, answered: float) -> None:
        """Take in a `Date` header; the times are ours, in seconds since the epoch."""
        if not date:
            return
        with self._lock:
            if date != self._text:
                try:
                    moment = parsedate_to_datetime(date)
                    self._seconds = moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp()
                except (ValueError, OverflowError):
                    return
                self._text = date
            least, most = self._seconds - answered, self._seconds + 1.0 - asked
            if self._ahead is None or not least <= self._ahead <= most:
                # Above the upper bound, one of the two clocks was set meanwhile.
                self._ahead = least
            self._note(least)

    def _note(self, ahead: float) -> None:
        for clock in self._clocks:
            if abs(clock.ahead - ahead) <= _AGREEING:
                clock.ahead = min(clock.ahead, ahead)
                clock.answers += 1
                return
        self._clocks.append(_Clock(ahead))
        if len(self._clocks) > _MOST_CLOCKS:
            self._clocks.remove(max(self._clocks, key=lambda clock: clock.ahead))

    def _agreed(self) -> list[_Clock]:
        return [one for one in self._clocks if one.answers > 1 or abs(one.ahead) <= _AGREEING]

    def _earliest(self) -> float:
        agreed = self._agreed()
        if not agreed:
            return min(0.0, *(clock.ahead for clock in self._clocks))
        sure = min(clock.ahead for clock in agreed)
        earliest = min(clock.ahead for clock in self._clocks if clock.ahead >= sure - _DAY)
        return min(earliest, 0.0) if earliest <= _UNSET else earliest
