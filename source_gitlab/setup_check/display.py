"""The setup report for people: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from source_gitlab.setup_check.result import FAILED, NOT_PROBED, PASSED, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from source_gitlab.setup_check.result import Result, Verdict

_WORDS = {PASSED: "ok", WARNING: "warning", FAILED: "FAILED"}
_COLOURS = {PASSED: "green", WARNING: "yellow", FAILED: "bold red"}
_LEAST = 30  # columns for what is said of a stream beside its name
_CLOSING = {
    PASSED: "Everything is ready: a read can start.",
    WARNING: "A read can start; see the warnings above.",
    FAILED: "A read cannot work like this; see what failed above.",
}


def show(result: Result, stream: TextIO) -> None:
    """Write the report to `stream`: with colours when it is a terminal."""
    if stream.isatty():
        _table(result, stream)
    else:
        _lines(result, stream)


def _lines(result: Result, stream: TextIO) -> None:
    steps = [(_WORDS[step.status], step.title, step.message) for step in result.steps]
    verdicts = [(name, found.verdict, found.message) for name, found in result.streams.items()]
    for rows in (steps, verdicts):
        stream.writelines(f"{line}\n" for line in _aligned(rows))
        if rows:
            stream.write("\n")
    stream.write(f"{_closing(result)}\n")


def _aligned(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """The rows as lines, their first two columns as wide as they need to be."""
    first, second = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
    for start, middle, end in rows:
        yield f"{start.ljust(first)}  {middle.ljust(second)}  {end}"


def _table(result: Result, stream: TextIO) -> None:
    # Imported here, because a report in a log needs no terminal library.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    # Text, not markup: a message may quote anything, square brackets included.
    console = Console(file=stream, highlight=False, markup=False)
    steps = Table.grid(padding=(0, 2))
    for step in result.steps:
        colour = _COLOURS[step.status]
        steps.add_row(Text(_WORDS[step.status], colour), Text(step.title), Text(step.message))
    console.print(steps)
    if result.streams:
        console.print()
        for one in _streams(result, console.width):
            console.print(one)
    console.print()
    console.print(Text(_closing(result), _COLOURS[result.status]))


def _streams(result: Result, width: int) -> Iterator[RenderableType]:
    """A table of the streams; in a narrow terminal what is said of one stands below its name."""
    from rich.padding import Padding  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    longest = max(len(name) + len(found.verdict) for name, found in result.streams.items())
    if width - longest < _LEAST:
        for name, found in result.streams.items():
            yield Text.assemble(name, "  ", (found.verdict, _colour(found)))
            yield Padding(Text(found.message, "dim"), (0, 0, 0, 2))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("stream", "verdict", ""):
        table.add_column(heading, no_wrap=heading == "stream", overflow="fold")
    for name, found in result.streams.items():
        colour = _colour(found)
        table.add_row(Text(name), Text(found.verdict, colour), Text(found.message, "dim"))
    yield table


def _colour(found: Verdict) -> str:
    if found.readable:
        return "green"
    return "dim" if found.verdict == NOT_PROBED else "yellow"


def _closing(result: Result) -> str:
    requests = f"{result.requests} request{'' if result.requests == 1 else 's'}"
    return f"{_CLOSING[result.status]} ({requests})"
