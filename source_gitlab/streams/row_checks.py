"""Refuses declarations by which rows would be lost, pass for one another, or come without end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from source_gitlab.streams.declaration_error import DeclarationError
from source_gitlab.streams.model import RowsOfMap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.streams.model import Stream

_REFRESHED = ("pages", "keyset", "object", "graphql")
_CONTAINERS = ("project_id", "group_id")
# What JSON has for the kinds of columns by whose values parents are chosen.
_VALUES: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "boolean": (bool,),
}


def check_rows(stream: Stream, built: Mapping[str, Stream]) -> None:
    """Check what tells rows apart, what lets them pass, and what has them read again.

    Raises:
        DeclarationError: the first that is wrong.
    """
    _check_refresh(stream)
    _check_key(stream)
    _check_passing(stream)
    _check_map(stream)
    _check_addresses(stream)
    if stream.parent:
        _check_only(stream, "only", stream.only, built[stream.parent])
        _check_probe(stream, built[stream.parent])


def _check_refresh(stream: Stream) -> None:
    """Check that a list which takes no filter of time says when it is read again."""
    told = (stream.refresh, stream.since, stream.span)
    if stream.kind in {"group", "project"} and stream.walk in _REFRESHED and not any(told):
        allowed = (
            "one of activity, touch, daily, weekly, because a list without a filter of time is"
            f" else asked of every {stream.kind} in every read"
        )
        raise DeclarationError(stream.name, "refresh", None, allowed)


def _check_key(stream: Stream) -> None:
    """Check that the key of a row stays what it is, and is of one row."""
    unsteady = {one for one in stream.key if stream.add.get(one) == "slice.read_at"}
    if stream.kind == "child" and stream.cursor in stream.key:
        unsteady.add(str(stream.cursor))
    if unsteady:
        allowed = "columns that a later read of the same row leaves as they are"
        raise DeclarationError(stream.name, "key", list(stream.key), allowed)
    for column in stream.redact:
        if column in stream.key or any(column in unique for unique in stream.unique):
            allowed = "columns that identify no row: two addresses may be one without their secrets"
            raise DeclarationError(stream.name, "redact", column, allowed)
    dated = any(stream.columns[one].kind == "date" for one in stream.key)
    if stream.keeps and stream.kind != "child" and not dated:
        allowed = "columns with a date among them, because rows of other days stay"
        raise DeclarationError(stream.name, "key", list(stream.key), allowed)


def _check_passing(stream: Stream) -> None:
    """Check that rows are let pass by what GitLab's own row has, with what the stream needs."""
    if stream.where_set in stream.add:
        allowed = "a column of GitLab's own row, for rows pass before columns are added"
        raise DeclarationError(stream.name, "where_set", stream.where_set, allowed)
    needed = [*stream.key, *filter(None, [stream.cursor, stream.where_set])]
    for column in needed if stream.takes else ():
        if column not in stream.takes and column not in stream.add:
            allowed = f"a list that has {column}, which the stream goes by"
            raise DeclarationError(stream.name, "takes", list(stream.takes), allowed)


def _check_map(stream: Stream) -> None:
    """Check that rows of a map are told apart by its names, and have both columns."""
    if not isinstance(stream.rows, RowsOfMap):
        return
    for column in (stream.rows.key, stream.rows.value):
        if column not in stream.columns:
            allowed = f"one of the columns {', '.join(stream.columns)}"
            raise DeclarationError(stream.name, "rows", column, allowed)
    if stream.rows.key not in stream.key:
        allowed = f"columns with {stream.rows.key} among them: two names may have one value"
        raise DeclarationError(stream.name, "key", list(stream.key), allowed)


def _check_addresses(stream: Stream) -> None:
    """Check that rows, and the lists below them, have addresses of their own."""
    named = set(re.findall(r"{(\w+)}", stream.item or ""))
    if stream.item is not None and not named - {*_CONTAINERS}:
        allowed = "an address with a column in braces that tells one row from the others"
        raise DeclarationError(stream.name, "item", stream.item, allowed)
    is_asked = stream.walk not in {"derived", "graphql"}
    if stream.kind == "child" and is_asked and not {*stream.braces} - {*_CONTAINERS}:
        allowed = "an address with a column of the parent in braces, beside its group or project"
        raise DeclarationError(stream.name, "path", stream.path, allowed)


def _check_only(stream: Stream, attribute: str, chosen: Mapping[str, Any], parent: Stream) -> None:
    """Check that parents may have the values by which they are chosen."""
    for name, values in chosen.items():
        column = parent.columns[name]
        if values is True:
            continue
        types: tuple[Any, ...] = _VALUES.get(column.kind, ())
        if any(type(one) not in types for one in values):
            allowed = f"true, or values that a column of the type {column.kind} may have"
            raise DeclarationError(stream.name, attribute, {name: values}, allowed)


def _check_probe(stream: Stream, parent: Stream) -> None:
    """Check that GraphQL can name a parent, and that what it shows is of that one."""
    if stream.probe is None:
        return
    for column in (stream.probe.by, *stream.probe.of):
        if column not in parent.columns:
            allowed = f"one of the columns {', '.join(parent.columns)}"
            raise DeclarationError(stream.name, "probe", column, allowed)
    if parent.kind != "project" or parent.key != ("id",) or "project_id" not in parent.columns:
        allowed = "nothing, but below lists of each project whose rows have an id of their own"
        raise DeclarationError(stream.name, "probe", stream.probe.field, allowed)
    _check_only(stream, "probe", stream.probe.of, parent)
