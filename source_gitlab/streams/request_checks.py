"""Refuses declarations whose requests name no place, or would bring half a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_gitlab.streams.declaration_error import DeclarationError
from source_gitlab.streams.model import OF_SLICE, PATH_OF_SLICE

if TYPE_CHECKING:
    from source_gitlab.streams.model import Stream

_OF_EACH = ("group", "project")
_WALKS = ("pages", "keyset", "object")
# By these, a response says that nothing is there, and a row without its part would be half of one.
_WITHOUT_ROWS = ("absent", "nothing", "may_be_hidden")


def check_requests(stream: Stream) -> None:
    """Check what a request names, and which columns several requests for one row bring.

    Raises:
        DeclarationError: the first thing that is wrong.
    """
    _check_place(stream)
    if stream.requests:
        _check_answers(stream)
        _check_columns(stream)


def _check_place(stream: Stream) -> None:
    """Check that each group or project is asked for its own rows."""
    of_slice = {
        name: value
        for name, value in stream.query.items()
        if isinstance(value, str) and value.startswith(OF_SLICE)
    }
    known = [PATH_OF_SLICE, f"{OF_SLICE}{stream.kind}_id"]
    for name, value in of_slice.items():
        if stream.kind not in _OF_EACH or stream.walk not in _WALKS:
            allowed = (
                f"nothing of the slice, but for the kinds {', '.join(_OF_EACH)} with the walks"
                f" {', '.join(_WALKS)}"
            )
            raise DeclarationError(stream.name, "query", {name: value}, allowed)
        if value not in known:
            raise DeclarationError(stream.name, "query", {name: value}, " or ".join(known))
    if of_slice and stream.counted:
        allowed = "nothing, where the query names the group or project"
        raise DeclarationError(stream.name, "counted", stream.counted, allowed)
    if stream.path.startswith("/") and stream.kind in {*_OF_EACH, "selection"} and not of_slice:
        allowed = (
            "a path below the group or project, or a query that names it by"
            f" {PATH_OF_SLICE}, {' or '.join(f'{OF_SLICE}{one}_id' for one in _OF_EACH)}"
        )
        raise DeclarationError(stream.name, "path", stream.path, allowed)


def _check_answers(stream: Stream) -> None:
    """Check that each of several responses is a part of one row, and there with the others."""
    if stream.rows is not None and not stream.is_one_inside:
        allowed = "the path of one object with {}, because a request brings a column of one row"
        raise DeclarationError(stream.name, "rows", stream.rows, allowed)
    for attribute in _WITHOUT_ROWS:
        found = getattr(stream, attribute)
        if found:
            allowed = "nothing, because a row comes of all of its requests or not at all"
            raise DeclarationError(stream.name, attribute, found, allowed)


def _check_columns(stream: Stream) -> None:
    """Check that one request, or what is added, brings each column."""
    for column in stream.requests:
        if column not in stream.columns or column in stream.add:
            theirs = [one for one in stream.columns if one not in stream.add]
            allowed = f"one of the columns that are not added: {', '.join(theirs) or 'none'}"
            raise DeclarationError(stream.name, "requests", column, allowed)
        if column in stream.key:
            allowed = "columns that are added: what one request brings is no key of the others"
            raise DeclarationError(stream.name, "key", list(stream.key), allowed)
    for column in stream.columns:
        if column not in stream.requests and column not in stream.add:
            allowed = f"a request for {column}, which nothing else brings"
            raise DeclarationError(stream.name, "requests", list(stream.requests), allowed)
