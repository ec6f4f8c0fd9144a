"""What the terminal shows while a sync runs: one live line, or a plain line every few seconds."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TextIO

from source_gitlab.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN_SECONDS = 5.0
_NAMED = 3  # streams under way that the line names


class Progress(Protocol):
    """Shows how far a sync is."""

    def show(
        self, *, rows: int, requests: int, ended: int, streams: int, reading: Sequence[str]
    ) -> None:
        """Show the state of affairs; called often, so it decides itself when to print."""

    def note(self, message: str) -> None:
        """Show a sentence that stays."""

    def close(self) -> None:
        """Leave the terminal as it was found."""


def progress_on(stream: TextIO) -> Progress:
    """A live line when `stream` is a terminal, else plain lines."""
    return LiveLine(stream) if stream.isatty() else PlainLines(stream)


def _line(rows: int, requests: int, ended: int, streams: int, reading: Sequence[str]) -> str:
    counts = f"{ended} of {streams} streams, {rows:,} rows, {requests:,} requests"
    if not reading:
        return counts
    more = f" and {len(reading) - _NAMED} more" if len(reading) > _NAMED else ""
    return f"{counts}; reading {', '.join(reading[:_NAMED])}{more}"


class PlainLines:
    """At most one line every five seconds, for logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._due = time.monotonic() + _PLAIN_SECONDS

    def show(
        self, *, rows: int, requests: int, ended: int, streams: int, reading: Sequence[str]
    ) -> None:
        """Print a line when the last one is five seconds old."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _PLAIN_SECONDS
            self.note(_line(rows, requests, ended, streams, reading))

    def note(self, message: str) -> None:
        """Print a sentence at once."""
        with suppress(OSError):  # nobody reads it any more, which is no reason to read no further
            print(printable(message), file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing to undo."""


class LiveLine:
    """One line that changes in place, with a spinner; sentences scroll by above it."""

    def __init__(self, stream: TextIO) -> None:
        # Imported here, because a log needs no terminal library.
        from rich.console import Console  # noqa: PLC0415

        self._console = Console(file=stream, highlight=False, markup=False)
        # Spinners of dots are no ASCII.
        has_dots = self._console.encoding.startswith("utf")
        self._status = self._console.status("", spinner="dots" if has_dots else "line")
        self._status.start()

    def show(
        self, *, rows: int, requests: int, ended: int, streams: int, reading: Sequence[str]
    ) -> None:
        """Change the line; it is drawn a few times a second."""
        self._status.update(_line(rows, requests, ended, streams, reading))

    def note(self, message: str) -> None:
        """Print a sentence above the line."""
        self._console.print(printable(message), soft_wrap=True)

    def close(self) -> None:
        """Take the line away."""
        self._status.stop()
