"""Moments as text: UTC with milliseconds and a Z, so that they compare as strings."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pendulum

_DIFFERENCE_SECONDS = 60
_LENGTH = len("2026-01-31T12:00:00.000Z")
_DAY_LENGTH = len("2026-01-31")


def instant(text: str) -> str:
    """A timestamp of GitLab in the one form that compares as text.

    GitLab sends milliseconds, cut from the microseconds it stores, in the time zone that its
    administrator set.

    Raises:
        ValueError: the text is no timestamp.
    """
    if len(text) == _LENGTH and text[-1] == "Z" and text[19] == ".":
        return text
    moment = pendulum.parse(text)
    if not isinstance(moment, pendulum.DateTime):
        message = f"{text!r} is no timestamp"
        raise ValueError(message)  # noqa: TRY004 -- the value is wrong, not its type
    return _text(moment)


def is_instant(value: object) -> bool:
    """Whether this is a timestamp that `instant` takes and that can be reckoned with."""
    if not isinstance(value, str):
        return False
    try:
        # Every row of a list is asked this; `epoch` would take four times as long.
        datetime.fromisoformat(instant(value)[:-1])
    except (ValueError, OverflowError):
        return False
    return True


def at(epoch: float) -> str:
    """Seconds since the epoch as an instant."""
    return _text(datetime.fromtimestamp(epoch, tz=timezone.utc))


def epoch(text: str) -> float:
    """An instant as seconds since the epoch."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def day(text: str) -> str:
    """The day of an instant, in UTC: `2026-01-31`."""
    return text[:_DAY_LENGTH]


def date_of(text: str) -> date:
    """The same as a date."""
    return date.fromisoformat(day(text))


def plus(text: str, **delta: float) -> str:
    """An instant moved by a `timedelta(**delta)`, not beyond the years 1 and 9999."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    try:
        return _text(moment + timedelta(**delta))
    except OverflowError:
        # Some tools write the year 1 where they know no time.
        return text


def between(low: str, high: str) -> str:
    """The instant in the middle of two."""
    first, last = (datetime.fromisoformat(one.replace("Z", "+00:00")) for one in (low, high))
    return _text(first + (last - first) / 2)


def seconds_ahead(text: str, now: str) -> float:
    """By how many seconds an instant lies in the future; 0.0 for what clocks may well differ by."""
    if text <= now:
        return 0.0
    seconds = epoch(text) - epoch(now)
    return seconds if seconds > _DIFFERENCE_SECONDS else 0.0


def _text(moment: datetime) -> str:
    utc = moment.astimezone(timezone.utc)
    # strftime writes the year 1 with one digit.
    return f"{utc.year:04}-{utc:%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def in_words(seconds: float) -> str:
    """A length of time, rounded down, for people."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
