"""What the terminal shows while a sync runs: a few live lines, or a line every few seconds."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from math import inf
from typing import TYPE_CHECKING, Protocol, TextIO

from source_gitlab.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_PLAIN_SECONDS = 5.0
_NAMED = 3  # streams under way that are named
_LONG_WAIT = 2.0  # what is shorter is no news
_MINUTE, _HOUR = 60, 3_600
_SPINNER, _NUMBER, _NARROWEST = 3, 9, 20  # columns


@dataclass(frozen=True)
class Standing:
    """How far a sync is.

    `rows` were read of `streams` streams, of which `ended` have ended, with so many `requests` in
    so many `seconds`. `reading` are the streams under way with their rows. GitLab's rate limit
    holds a request back for `waiting` seconds; `retrying` have failed and wait for their next try.
    """

    rows: int
    requests: int
    ended: int
    streams: int
    seconds: float
    reading: Mapping[str, int] = field(default_factory=dict)
    waiting: float = 0.0
    retrying: int = 0


class Progress(Protocol):
    """Shows how far a sync is."""

    def show(self, standing: Standing) -> None:
        """Show the state of affairs; called often, so it decides itself when to print."""

    def note(self, message: str) -> None:
        """Show a sentence that stays."""

    def close(self) -> None:
        """Leave the terminal as it was found."""


def progress_on(stream: TextIO, *, is_quiet: bool = False) -> Progress:
    """Live lines when `stream` is a terminal, else plain lines; when quiet, sentences alone."""
    if is_quiet:
        return PlainLines(stream, inf)
    return LiveLines(stream) if stream.isatty() else PlainLines(stream)


def _counts(standing: Standing) -> tuple[str, str, str]:
    """How many streams in which time, how many rows, and how many requests."""
    rate = standing.rows / standing.seconds if standing.seconds > 1 else 0
    speed = f" ({rate:,.0f}/s)" if rate >= 1 else ""
    return (
        f"{standing.ended} of {standing.streams} streams in {_clock(standing.seconds)}",
        f"{standing.rows:,} rows{speed}",
        f"{standing.requests:,} requests",
    )


def _reading(standing: Standing) -> Iterator[tuple[str, str]]:
    """Streams under way with their rows, and how many more there are."""
    for name, rows in list(standing.reading.items())[:_NAMED]:
        yield name, f"{rows:,}"
    more = len(standing.reading) - _NAMED
    if more > 0:
        yield f"and {more} more", ""


def _waiting(standing: Standing) -> str:
    """What the sync waits for; "" for nothing in particular."""
    if standing.waiting >= _LONG_WAIT:
        return f"rate limit: {standing.waiting:.0f} s more"
    if standing.retrying:
        what = "a request" if standing.retrying == 1 else f"{standing.retrying} requests"
        return f"{what} failed, trying again"
    return ""


def _clock(seconds: float) -> str:
    whole = int(seconds)
    minutes, rest = divmod(whole, _MINUTE)
    if whole < _HOUR:
        return f"{minutes}:{rest:02}"
    return f"{minutes // _MINUTE}:{minutes % _MINUTE:02}:{rest:02}"


def lines_of(standing: Standing, width: int) -> list[str]:
    """What a terminal shows that is `width` columns wide."""
    lines: list[str] = []
    for part in _counts(standing):
        if lines and len(lines[-1]) + len(part) + 2 <= width:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    names = list(_reading(standing))
    longest = max((len(name) for name, _ in names), default=0)
    longest = min(longest, width - _NUMBER - 4)
    lines += [f"  {name[:longest]:{longest}}  {rows:>{_NUMBER}}".rstrip() for name, rows in names]
    waiting = _waiting(standing)
    return [line[:width] for line in (*lines, waiting) if line]


class PlainLines:
    """At most one line every so many seconds, with the time, for logs."""

    def __init__(self, stream: TextIO, seconds: float = _PLAIN_SECONDS) -> None:
        self._stream = stream
        self._seconds = seconds
        self._due = time.monotonic() + seconds

    def show(self, standing: Standing) -> None:
        """Print a line when the last one is old enough."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + self._seconds
        named = ", ".join(f"{name} ({rows})" if rows else name for name, rows in _reading(standing))
        parts = [", ".join(_counts(standing)), named and f"reading {named}", _waiting(standing)]
        stamp = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.note(f"{stamp} {'; '.join(filter(None, parts))}")

    def note(self, message: str) -> None:
        """Print a sentence at once."""
        with suppress(OSError):  # nobody reads it any more, which is no reason to read no further
            # In one piece, for others write lines as well.
            self._stream.write(f"{printable(message)}\n")
            self._stream.flush()

    def close(self) -> None:
        """Nothing to undo."""


class LiveLines:
    """Lines that change in place, with a spinner; sentences scroll by above them."""

    def __init__(self, stream: TextIO) -> None:
        # Imported here, because a log needs no terminal library.
        from rich.console import Console  # noqa: PLC0415

        self._console = Console(file=stream, highlight=False, markup=False)
        # Spinners of dots are no ASCII.
        has_dots = self._console.encoding.startswith("utf")
        self._status = self._console.status("", spinner="dots" if has_dots else "line")
        self._status.start()

    def show(self, standing: Standing) -> None:
        """Change the lines; they are drawn a few times a second."""
        from rich.text import Text  # noqa: PLC0415

        beside = self._console.width - _SPINNER
        text = "\n".join(lines_of(standing, max(beside, _NARROWEST)))
        self._status.update(Text(text, no_wrap=True))

    def note(self, message: str) -> None:
        """Print a sentence above the lines."""
        self._console.print(printable(message), soft_wrap=True)

    def close(self) -> None:
        """Take the lines away."""
        self._status.stop()
