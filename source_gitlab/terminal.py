"""What a command writes for people: always printable, and never a traceback about the output."""

from __future__ import annotations

import io
import logging
import os
import re
import shutil
import sys
import textwrap
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NARROWEST: Final = 20
_SPACE: Final = re.compile(r"\s")
_CLOSED: Final = {0: os.O_RDONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}


def printable(text: str) -> str:
    """The text as one line, without what would move a cursor, set a title or turn a line around.

    What GitLab's users type and what proxies answer may hold such characters.
    """
    return "".join(c for c in _SPACE.sub(" ", text) if c.isprintable())


def printable_lines(text: str) -> str:
    """The same of a text of several lines, which stay lines and keep their indentation."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t")


def width_of(stream: TextIO) -> int | None:
    """How many columns a terminal has; None of a file or pipe, whose lines may have any length."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def aligned(
    rows: Sequence[Sequence[str]], room: int | None = None, marks: Sequence[str] = ()
) -> Iterator[str]:
    """Rows of a table as text, the first column to the left and the others to the right.

    The first row has the headings. `marks` stand behind the other rows. Where the table is wider
    than the terminal, what is in a row stands below its first column, each with its heading.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    beside = ["", *marks] if marks else [""] * len(rows)
    lines = []
    for row, mark in zip(rows, beside, strict=True):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([*cells, mark]).rstrip())
    if room is None or max(map(len, lines)) <= room:
        yield from lines
        return
    headings, *others = rows
    for row, mark in zip(others, beside[1:], strict=True):
        yield row[0]
        told = [f"{cell} {heading}" for heading, cell in zip(headings[1:], row[1:], strict=True)]
        yield from wrapped(", ".join(filter(None, [*told, mark])), room, "  ")


def wrapped(text: str, room: int | None, indent: str = "") -> Iterator[str]:
    """A sentence as lines that fit into a terminal; words stay whole, addresses among them."""
    if room is None:
        yield f"{indent}{text}"
        return
    yield from textwrap.wrap(
        text,
        max(room, _NARROWEST),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def prepare() -> None:
    """Make the three standard streams of this process safe to use.

    A stream that is closed gets a file that takes its number, because the next file that is opened
    would get it else, and be written to. What the terminal's encoding lacks is written as escapes.
    """
    for number, flags in _CLOSED.items():
        if not _is_open(number):
            # Standard output cannot be written then, which is told when something is.
            os.dup2(os.open(os.devnull, flags), number)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 -- a number, not a path
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    if isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
        # As with PYTHONUNBUFFERED. What a signal leaves of a write that waited would be lost.
        sys.stdout = open(  # noqa: SIM115
            1, "w", buffering=1, encoding=sys.stdout.encoding, closefd=False
        )
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    # A line of a log that cannot be written is no reason for a traceback beside it.
    logging.raiseExceptions = False


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def say(text: str) -> None:
    """Write one sentence to standard error."""
    with suppress(OSError):  # there is no other place to say it
        sys.stderr.write(f"{printable(text)}\n")
        sys.stderr.flush()


def ended(code: int, *, text: str = "", what: str = "") -> int:
    """Write `text` and what waits to be written, as the last thing of a command; its exit code.

    Standard output that cannot be written makes an exit code of 0 to 1, and `what` says what that
    means.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        give_up_output(error, what)
        return code or 1
    return code


def give_up_output(error: OSError, what: str = "") -> None:
    """Say that standard output cannot be written, and `what` that means; no more goes there.

    Python would else try it again when it ends, and print a traceback.
    """
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    say(f"The output cannot be written: {error.strerror or error}. {what}".rstrip())
