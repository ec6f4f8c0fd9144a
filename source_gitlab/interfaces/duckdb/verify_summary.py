"""What a look at a file found, in words and one table, and as JSON."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.terminal import aligned, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from source_gitlab.interfaces.duckdb.verifying import Counted, Found, Result

_HEADER: Final = ("stream", "counted", "in GitLab", "in file", "missing", "gone")
_WIDTH: Final = 80
_NAMED: Final = 3
_EXAMPLES: Final = 10  # places with differences, or without numbers, that are told in full


def summary(
    result: Result, others: Mapping[str, str], path: Path, room: int | None = None
) -> Iterator[str]:
    """The lines that end a look: the table, what differs where, what was not compared, the verdict.

    `others` are the streams that are not counted, with the reason; `room` the columns of the
    terminal, if it is one.
    """
    yield from _table(result, room)
    yield ""
    for line in _sentences(result, others, path):
        yield from wrapped(line, room) if room and room < _WIDTH else [line]


def _sentences(result: Result, others: Mapping[str, str], path: Path) -> Iterator[str]:
    for number, one in enumerate(_told(result)):
        if number == _EXAMPLES:
            yield "… and more; --format json has all of it."
            break
        yield from textwrap.wrap(one, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    yield from _not_compared(result, others)
    yield from textwrap.wrap(_verdict(result, path), _WIDTH, break_on_hyphens=False)


def to_json(result: Result, others: Mapping[str, str]) -> dict[str, Any]:
    """All of it as JSON: `whole`, `windows`, `differences`, `not_compared`, `not_counted`."""
    return {
        "whole": not (result.differs or result.is_unsure),
        "repaired": result.differs and result.is_mended,
        "requests": result.requests,
        "windows": [asdict(one) for one in result.counted],
        "differences": [asdict(one) for one in result.found],
        "not_compared": [asdict(one) for one in result.left],
        "not_counted": dict(others),
    }


def _table(result: Result, room: int | None) -> Iterator[str]:
    by_stream: defaultdict[str, list[Counted]] = defaultdict(list)
    for one in result.counted:
        by_stream[one.stream].append(one)
    rows = []
    for stream, counted in by_stream.items():
        missing, gone = result.of(stream)
        mine = sum(one.mine for one in counted)
        # What GitLab does not count as a whole was compared in parts.
        known = all(one.theirs is not None for one in counted)
        theirs = sum(one.theirs or 0 for one in counted) if known else mine + missing - gone
        numbers = (len(counted), theirs, mine, missing, gone)
        rows.append((stream, *(f"{number:,}" for number in numbers)))
    yield from aligned([_HEADER, *rows], room)


def _told(result: Result) -> Iterator[str]:
    for one in result.found:
        parts = []
        if one.missing:
            parts.append(f"{len(one.missing):,} missing")
        if one.gone:
            parts.append(f"{len(one.gone):,} gone")
        parts += dict.fromkeys(one.unsure)
        yield f"{one.stream} of {one.place}, {_when(one)}: {', '.join(parts)}"


def _when(one: Found) -> str:
    if one.before is None:
        return "of any time"
    end = one.before.removesuffix("Z")[:16].replace("T", " ")
    start = (one.after or "").removesuffix("Z")[:16].replace("T", " ")
    return f"created {start} to {end}" if start else f"created before {end}"


def _not_compared(result: Result, others: Mapping[str, str]) -> Iterator[str]:
    alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for one in result.left:
        alike[one.stream, one.why].append(one.place)
    for (stream, why), places in alike.items():
        named = ", ".join(places[:_NAMED])
        if len(places) > _NAMED:
            named += f" and {len(places) - _NAMED:,} more"
        text = f"Not compared: {stream} of {named}. {why}"
        yield from textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for stream, why in others.items():
        reasons[why].append(stream)
    for why, names in reasons.items():
        text = f"Not counted: {', '.join(names)}. {why}"
        if len(names) > _EXAMPLES:
            text = f"Not counted: {len(names)} streams. {why}"
        yield from textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _verdict(result: Result, path: Path) -> str:
    cost = f"{len(result.counted):,} windows, {result.requests:,} requests"
    missing = sum(len(one.missing) for one in result.found)
    gone = sum(len(one.gone) for one in result.found)
    if not result.differs:
        said = "nothing is missing and nothing is gone" if result.counted else "nothing was counted"
        if result.is_unsure:
            said = "nothing is missing; what is gone could not be found out everywhere"
        return f"{path}: {said}; {cost}."
    if result.is_mended:
        return (
            f"{path}: {missing:,} rows were missing and have been read, {gone:,} were gone and have"
            f" left their tables; {cost}."
        )
    return (
        f"{path}: {missing:,} rows are missing, and {gone:,} are gone from GitLab; {cost}. Run it"
        " again with --repair."
    )
