"""How streams hang together: which columns of a row find which row of another stream.

A line of a schema says it behind an arrow: `groups.id`, or several with `|` between them where the
row may be in one of several streams. A stream whose key has more columns is joined by all of them,
so that no row is found twice; the others have the same name on both sides, unless parentheses say
what they are called here (`commits.id(project_id=source_project_id)`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.streams import Stream
    from source_gitlab.streams.columns import Column


@dataclass(frozen=True)
class Reference:
    """A column whose values are another stream's.

    `column` names what is inside objects with dots and what is inside lists with `[]`. `others` are
    the further columns to join by, as pairs (column of the target, top-level column of the row).
    """

    stream: str
    column: str
    target: str
    target_column: str
    others: tuple[tuple[str, str], ...] = ()


def references() -> list[Reference]:
    """Every reference, in the order of the streams.

    Raises:
        ValueError: a schema refers to what is not declared, or to what may be several rows.
    """
    return [
        found
        for stream in streams().values()
        for column in stream.columns.values()
        for found in _below(stream.name, column, column.name)
    ]


def _below(stream: str, column: Column, path: str) -> Iterator[Reference]:
    path += "[]" * column.lists
    for text in column.references:
        yield reference(stream, path, text)
    for inner in column.inner.values():
        yield from _below(stream, inner, f"{path}.{inner.name}")


def reference(stream: str, column: str, text: str) -> Reference:
    """What an arrow of a column of a stream points at.

    Raises:
        ValueError: it refers to what is not declared, or to what may be several rows.
    """
    first, _, more = text.rstrip(")").partition("(")
    target, _, target_column = first.partition(".")
    others = [_pair(part) for part in filter(None, more.split(","))]
    declared = streams().get(target)
    if declared and not others and target_column in declared.key:
        others = [(one, one) for one in declared.key if one != target_column]
    found = Reference(stream, column, target, target_column, tuple(others))
    problem = _problem(found, declared)
    if problem:
        message = f"{stream}.{column} refers to {text}, {problem}"
        raise ValueError(message)
    return found


def _pair(text: str) -> tuple[str, str]:
    theirs, _, ours = text.partition("=")
    return theirs.strip(), ours.strip()


def _problem(found: Reference, target: Stream | None) -> str | None:
    """What is wrong with a reference, if anything."""
    theirs = {found.target_column, *(column for column, _ in found.others)}
    ours = {column for _, column in found.others}
    if target is None or not theirs <= target.columns.keys():
        return "which no schema declares."
    if not ours <= streams()[found.stream].columns.keys():
        return f"but {found.stream} has no such column."
    unique = [set(target.key), *map(set, target.unique)]
    if not any(theirs >= key for key in unique):
        return "which may be several rows: name the other columns of its key."
    return None
