"""Refuses declarations that tell rows apart by where they stand, and could lose some by it.

A place is no identity: when a list is read again, another row may stand there. So it may tell rows
apart only where all rows of a list are replaced at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_gitlab.streams.declaration_error import DeclarationError

if TYPE_CHECKING:
    from source_gitlab.streams.model import Span, Stream

POSITION = "list.position"
DAY = "request.day"
_NUMBERED = ("object", "derived", "graphql")
_INNER = ("object", "derived")


def check_places(stream: Stream) -> None:
    """Check the columns that say where in a response a row stands, and the lists inside one.

    Raises:
        DeclarationError: the first thing that is wrong.
    """
    has_lists = "[]" in str(stream.rows)
    if has_lists:
        _check_rows(stream)
    _check_days(stream, stream.span)
    for column, origin in stream.placed.items():
        if origin not in {POSITION, DAY} and not (origin.startswith("above.") and has_lists):
            allowed = f"{POSITION}, or above.column where rows has a list with []"
            raise DeclarationError(stream.name, "add", f"{column}: {origin}", allowed)
        if origin == POSITION and stream.walk not in _NUMBERED:
            allowed = f"nothing from {POSITION}, but with the walks {', '.join(_NUMBERED)}"
            raise DeclarationError(stream.name, "add", f"{column}: {origin}", allowed)
    if stream.kind == "child" and stream.keeps and not stream.list_key:
        allowed = "nothing, but for children whose key has a column above.…: others are replaced"
        raise DeclarationError(stream.name, "keeps", stream.keeps, allowed)
    _check_key(stream)


def _check_days(stream: Stream, span: Span | None) -> None:
    """Check that rows which are the sums of days say of which day they are."""
    sums = span is not None and span.sums
    days = [column for column, origin in stream.placed.items() if origin == DAY]
    if span is not None and sums and (stream.walk != "graphql" or span.days >= span.kept):
        allowed = "sums with graphql only, where GitLab keeps more days than a request may ask for"
        raise DeclarationError(stream.name, "span", span.days, allowed)
    if sums and not set(days) & set(stream.key):
        allowed = f"columns with one among them that is added from {DAY}"
        raise DeclarationError(stream.name, "key", list(stream.key), allowed)
    if days and not sums:
        allowed = f"nothing from {DAY}, but with sums in span"
        raise DeclarationError(stream.name, "add", f"{days[0]}: {DAY}", allowed)


def _check_rows(stream: Stream) -> None:
    """Check that one list in `rows` has objects with lists, and that the key tells them apart."""
    *outer, last = str(stream.rows).split(".")
    lists = [name for name in outer if name.endswith("[]")]
    if stream.walk not in _INNER or len(lists) != 1 or "[]" in last or stream.may_be_hidden:
        allowed = "one list with [] on the way to the rows, with object and derived"
        raise DeclarationError(stream.name, "rows", stream.rows, allowed)
    if not stream.list_key and any(origin == POSITION for origin in _origins(stream)):
        allowed = "beside the place in a list a column above.… that tells the lists apart"
        raise DeclarationError(stream.name, "key", list(stream.key), allowed)


def _check_key(stream: Stream) -> None:
    """Check that a key with a place is one of rows that are replaced at once."""
    if POSITION not in _origins(stream):
        return
    whole = stream.cursor is None or stream.snapshot or bool(stream.owner)
    if not whole or (stream.keeps and not stream.list_key):
        allowed = (
            "no place in a list, but where the whole list is replaced: with refresh, without a"
            " cursor, or below a parent that the path names"
        )
        raise DeclarationError(stream.name, "key", list(stream.key), allowed)


def _origins(stream: Stream) -> list[str]:
    return [stream.placed[column] for column in stream.key if column in stream.placed]
