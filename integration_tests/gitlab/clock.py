"""Times as GitLab keeps them: microseconds inside, milliseconds in JSON; and the server's clock."""

from __future__ import annotations

import re
import time
from calendar import timegm
from datetime import date, timedelta
from functools import lru_cache

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(?:(Z|z|UTC)|([+-])(\d\d):?(\d\d))?)?",
)


def stamp(micros: int) -> str:
    """ISO 8601 in UTC with milliseconds, cut off and not rounded, as GitLab's JSON shows times."""
    seconds, rest = divmod(micros, SECOND)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1000:03d}Z"


def optional_stamp(micros: int | None) -> str | None:
    """:func:`stamp`, or null for a time that was never set."""
    return None if micros is None else stamp(micros)


def day(micros: int) -> str:
    """The date of a moment, in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(micros // SECOND))


def commit_stamp(micros: int, offset_minutes: int = 0) -> str:
    """A time as commits carry it: whole seconds, in the committer's own time zone."""
    local = time.gmtime(micros // SECOND + offset_minutes * 60)
    hours, minutes = divmod(abs(offset_minutes), 60)
    sign = "-" if offset_minutes < 0 else "+"
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.000{sign}{hours:02d}:{minutes:02d}"


@lru_cache(maxsize=4096)  # filters ask for those of a request again and again
def moment(text: str) -> int:
    """Parse a date or a date and time (ISO 8601, any fraction, any offset) into microseconds.

    Raises ValueError for anything else; a ``+`` that was not percent-encoded arrives as a space
    and is refused too.
    """
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        message = f"not a date or time: {text!r}"
        raise ValueError(message)
    year, month, dom, hour, minute, second, fraction, _zulu, sign, off_h, off_m = match.groups()
    date(int(year), int(month), int(dom))
    seconds = timegm(
        (
            int(year),
            int(month),
            int(dom),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
        )
    )
    if sign:
        shift = int(off_h) * 3600 + int(off_m) * 60
        seconds += shift if sign == "-" else -shift
    return seconds * SECOND + int((fraction or "0")[:6].ljust(6, "0"))


def plus_days(micros: int, days: int) -> str:
    """The date so many days after a moment."""
    start = date.fromisoformat(day(micros))
    return (start + timedelta(days=days)).isoformat()


class Clock:
    """The server's clock: the real time plus an offset, or frozen at a moment."""

    def __init__(self) -> None:
        """Start at the real time."""
        self._offset = 0
        self._frozen: int | None = None

    def now(self) -> int:
        """Microseconds since 1970."""
        if self._frozen is not None:
            return self._frozen
        return time.time_ns() // 1000 + self._offset

    def set(self, micros: int, *, frozen: bool = False) -> None:
        """Set the clock; when frozen it stands still until it is set or advanced again."""
        self._offset = micros - time.time_ns() // 1000
        self._frozen = micros if frozen else None

    def advance(self, micros: int) -> None:
        """Move the clock forward (or back, for a negative amount)."""
        self._offset += micros
        if self._frozen is not None:
            self._frozen += micros

    def reset(self) -> None:
        """Return to the real time."""
        self._offset = 0
        self._frozen = None

    def http_date(self) -> str:
        """Now, in the form of the ``Date`` header."""
        return http_date(self.now())


def http_date(micros: int) -> str:
    """A moment in the form of HTTP headers."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(micros // SECOND))
