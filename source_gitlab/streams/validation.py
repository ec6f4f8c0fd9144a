"""Refuses declarations that are wrong: a wrong one must not be able to lose a row.

A declaration is checked alone, as it is written, and then beside all others, with every default
filled in. Errors say which stream and attribute, what was found, and what is allowed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from source_gitlab.streams.attributes import ATTRIBUTES
from source_gitlab.streams.columns import KEY_KINDS
from source_gitlab.streams.declaration_error import DeclarationError
from source_gitlab.streams.model import READ_AT, Stream
from source_gitlab.streams.places import check_places
from source_gitlab.streams.query_checks import check_names, check_queries, containers_of
from source_gitlab.streams.request_checks import check_requests
from source_gitlab.streams.row_checks import check_rows
from source_gitlab.streams.vocabulary import Paging
from source_gitlab.streams.walks import WALKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from source_gitlab.streams.columns import Column

_NEEDS_WALK: Mapping[str, tuple[str, ...]] = {
    "paging": ("pages", "keyset", "seek", "commits", "jobs", "days"),
    "paged_since": ("pages",),
    "since": ("pages", "keyset", "days", "graphql"),
    "queries": ("seek",),
    "requests": ("object",),
    "cursor_nullable": ("seek",),
    "tie_breaker": ("seek",),
    "refresh": ("pages", "keyset", "commits", "object", "graphql"),
    "counted": ("pages", "seek"),
    "absent": ("object",),
    "nothing": ("pages", "keyset", "object"),
    "denied": ("pages", "keyset", "object"),
    "may_be_hidden": ("object", "derived"),
    "gate": ("jobs",),
    "moves_with": ("seek", "jobs", "days"),
    "rows": ("pages", "object", "derived", "graphql"),
    "query": ("pages", "keyset", "seek", "commits", "jobs", "days", "object"),
    "less_below": ("pages", "keyset", "days", "graphql"),
    "span": ("graphql", "keyset"),
    "global_ids": ("graphql",),
    "probe": ("pages", "keyset"),
    "parts": ("graphql",),
}
_NEEDS_KIND: Mapping[str, tuple[str, ...]] = {
    "containers": ("selection",),
    "group_query": ("selection",),
    "descendants_since": ("selection",),
    "top_level": ("selection", "group"),
    "nothing": ("selection", "group", "project", "instance"),
    "denied": ("selection", "group", "project", "instance"),
    "refresh": ("group", "project", "instance", "child"),
    "since": ("selection", "group", "project", "instance"),
    "less_below": ("selection", "group", "project", "instance"),
    "parts": ("selection", "group", "project", "instance"),
    "keeps": ("group", "project", "instance", "child"),
    "counted": ("selection", "group", "project"),
    "moves_with": ("project",),
    "moved_by": ("child",),
    "sweep": ("child",),
    "only": ("child",),
    "probe": ("child",),
    "empty_when_off": ("selection", "project"),
    "gives": ("selection", "group", "project", "instance", "child"),
}


def check_alone(name: str, written: Mapping[str, Any]) -> None:
    """Check the attributes of a declaration, each by itself and against its kind and walk.

    Raises:
        DeclarationError: the first that is wrong.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise DeclarationError(name, "name", name, "lower-case letters, digits and underscores")
    for attribute, value in written.items():
        if attribute not in ATTRIBUTES:
            raise DeclarationError(name, attribute, value, f"one of {', '.join(ATTRIBUTES)}")
        wanted = ATTRIBUTES[attribute].value
        if not wanted.fits(value):
            raise DeclarationError(name, attribute, value, wanted.allowed)
    if "gives" in written and "item" not in written:
        raise DeclarationError(name, "item", None, "the address of one row, for its children")
    if "may_be_hidden" in written and not isinstance(written.get("rows"), str):
        allowed = "the path of what may be hidden"
        raise DeclarationError(name, "rows", written.get("rows"), allowed)
    if written.get("paging") == Paging.NONE.value:
        _check_whole(name, written)
    kind = written.get("kind", "child" if "parent" in written else "project")
    _check_top_level(name, written, kind)
    _check_kind(name, written, kind, written.get("walk", "pages"))


def _check_whole(name: str, written: Mapping[str, Any]) -> None:
    """Check that a list which comes whole is read so."""
    if written.get("walk", "pages") != "pages":
        allowed = "nothing, but with the walk pages"
        raise DeclarationError(name, "paging", written["paging"], allowed)
    if "paged_since" in written:
        allowed = "nothing, because no version cuts the list into pages"
        raise DeclarationError(name, "paged_since", written["paged_since"], allowed)


def _check_top_level(name: str, written: Mapping[str, Any], kind: str) -> None:
    if kind == "selection" and "top_level" in written and written.get("containers") != ["group"]:
        found = written.get("containers")
        raise DeclarationError(name, "containers", found, "[group], because projects have no top")


def _check_kind(name: str, written: Mapping[str, Any], kind: str, walk: str) -> None:
    """Check that the walk and all attributes fit the kind, and each other."""
    if (kind == "child") != ("parent" in written):
        raise DeclarationError(name, "parent", written.get("parent"), "a stream, for children only")
    if kind not in WALKS[walk].kinds:
        walks = [one for one, facts in WALKS.items() if kind in facts.kinds]
        allowed = f"for the kind {kind} one of {', '.join(walks)}"
        raise DeclarationError(name, "walk", walk, allowed)
    for attribute in written:
        if walk not in _NEEDS_WALK.get(attribute, (walk,)):
            allowed = f"nothing, but with the walks {', '.join(_NEEDS_WALK[attribute])}"
            raise DeclarationError(name, attribute, written[attribute], allowed)
        if kind not in _NEEDS_KIND.get(attribute, (kind,)):
            allowed = f"nothing, but for the kinds {', '.join(_NEEDS_KIND[attribute])}"
            raise DeclarationError(name, attribute, written[attribute], allowed)


def check_together(built: Mapping[str, Stream]) -> None:
    """Check what streams say of each other, and of the columns of their schemas.

    Raises:
        DeclarationError: the first that is wrong.
    """
    for stream in built.values():
        columns = stream.columns
        if not columns:
            raise DeclarationError(stream.name, "name", stream.name, "a stream with a schema")
        _check_columns(stream, columns)
        check_places(stream)
        check_names(stream)
        check_requests(stream)
        _check_hidden(stream, columns)
        _check_key(stream, columns)
        _check_null_as_empty(stream, columns)
        _check_cursor(stream)
        _check_braces(stream, built)
        _check_address(stream)
        _check_relatives(stream, built)
        check_rows(stream, built)
        if stream.walk == "graphql":
            check_queries(stream, built)
    for stream in built.values():
        _check_counted(stream)


def _check_columns(stream: Stream, columns: Mapping[str, Column]) -> None:
    for column, origin in stream.add.items():
        start, _, rest = origin.partition(".")
        if column not in columns:
            raise _unknown(stream, "add", column, columns)
        if start == "slice":
            parts = ["read_at", "read_on", *(f"{one}_id" for one in containers_of(stream))]
            if rest not in parts:
                allowed = ", ".join(f"slice.{one}" for one in parts)
                raise DeclarationError(stream.name, "add", origin, allowed)
        elif column in stream.placed:
            continue
        elif start != "parent" and start.removesuffix("[]") not in columns:
            raise _unknown(stream, "add", origin, columns)


def _check_hidden(stream: Stream, columns: Mapping[str, Column]) -> None:
    """Check what never leaves, and what decides which rows do."""
    for column in stream.redact:
        if column not in columns or columns[column].kind != "text":
            texts = [one.name for one in columns.values() if one.kind == "text"]
            raise _unknown(stream, "redact", column, texts)
    for column in stream.takes:
        if column not in columns or column in stream.add:
            origin = [one for one in columns if one not in stream.add]
            raise _unknown(stream, "takes", column, origin)
    for column in stream.drop:
        if "." in column:
            _check_inner(stream, column, columns)
        elif column in columns:
            allowed = "columns that the schema does not have, because they never leave"
            raise DeclarationError(stream.name, "drop", column, allowed)
    if stream.parts in columns:
        allowed = "a list that the schema does not have, because columns take its place"
        raise DeclarationError(stream.name, "parts", stream.parts, allowed)
    if stream.where_set is not None and stream.where_set not in columns:
        raise _unknown(stream, "where_set", stream.where_set, columns)


def _check_inner(stream: Stream, path: str, columns: Mapping[str, Column]) -> None:
    """Check a secret inside an object: the objects are there, and the secret is no field."""
    *outer, secret = path.split(".")
    inside = columns
    for name in outer:
        if name not in inside:
            raise _unknown(stream, "drop", path, inside)
        inside = inside[name].inner
    if secret in inside:
        allowed = "fields that the schema does not have, because they never leave"
        raise DeclarationError(stream.name, "drop", path, allowed)


def _check_key(stream: Stream, columns: Mapping[str, Column]) -> None:
    for column in stream.key:
        if column not in columns:
            raise _unknown(stream, "key", column, columns)
        if columns[column].kind not in KEY_KINDS:
            allowed = f"columns of the types {', '.join(KEY_KINDS)}"
            raise DeclarationError(stream.name, "key", column, allowed)
        if columns[column].nullable:
            allowed = "columns that the schema marks with !"
            raise DeclarationError(stream.name, "key", column, allowed)
    for column in (column for unique in stream.unique for column in unique):
        if column not in columns:
            raise _unknown(stream, "unique", column, columns)
    dated = [one for one in stream.key if stream.add.get(one) == "slice.read_on"]
    if dated and not stream.keeps:
        allowed = "true, because the key has the day of the read"
        raise DeclarationError(stream.name, "keeps", None, allowed)
    if any("[]" in path for path in stream.row_key):
        allowed = "columns of which a row has one value each"
        raise DeclarationError(stream.name, "key", list(stream.key), allowed)
    if not stream.row_key and not _is_one_object(stream):
        allowed = "at least one column that differs between the rows of one list"
        raise DeclarationError(stream.name, "key", list(stream.key), allowed)


def _check_null_as_empty(stream: Stream, columns: Mapping[str, Column]) -> None:
    own = [one for one in stream.row_key if one in columns and columns[one].kind == "text"]
    for column in stream.null_as_empty:
        if column not in own:
            allowed = f"texts of the key that stand in GitLab's own row: {', '.join(own) or 'none'}"
            raise DeclarationError(stream.name, "null_as_empty", column, allowed)


def _is_one_object(stream: Stream) -> bool:
    """Whether a response is one row; without pages and days, GraphQL may have one object there."""
    if stream.walk == "graphql":
        is_list = str(stream.rows).endswith("nodes") or stream.by_name is not None
        return not is_list and stream.span is None
    return stream.walk == "object" and (stream.rows is None or stream.is_one_inside)


def _check_cursor(stream: Stream) -> None:
    if stream.cursor is None:
        return
    if stream.cursor not in stream.columns:
        raise _unknown(stream, "cursor", stream.cursor, stream.columns)
    origin = stream.add.get(stream.cursor, "")
    if stream.kind == "child":
        reread = stream.moved_by is not None or stream.refresh is not None
        moved = origin.startswith("parent.") or (stream.cursor == READ_AT and reread)
        allowed = "a column that the parent gives, or read_at with moved_by or refresh"
    elif stream.cursor == READ_AT:
        moved, allowed = origin == "slice.read_at", "read_at, for a refreshed list"
    elif WALKS[stream.walk].cursor:
        wanted = WALKS[stream.walk].cursor
        moved, allowed = stream.cursor == wanted, f"{wanted}, in whose order {stream.walk} reads"
    else:
        moved = any((stream.since, stream.refresh, stream.span))
        allowed = "a cursor that something moves: a walk, since, refresh or a parent"
    if not moved:
        raise DeclarationError(stream.name, "cursor", stream.cursor, allowed)


def _check_counted(stream: Stream) -> None:
    """Check that the rows of a list can be told apart from those of others, and counted."""
    if stream.counted is None:
        return
    if stream.counted == "created_at":
        created = stream.columns.get("created_at")
        if created is None or created.kind != "time" or stream.item is None:
            allowed = "nothing, but for streams with a time created_at and an item"
            raise DeclarationError(stream.name, "counted", stream.counted, allowed)
    if stream.rows is not None or stream.distinct or stream.cursor is None or stream.snapshot:
        allowed = "nothing, where each row is GitLab's own and reads do not tell what is gone"
        raise DeclarationError(stream.name, "counted", stream.counted, allowed)


def _check_braces(stream: Stream, built: Mapping[str, Stream]) -> None:
    parent = built.get(stream.parent or "")
    columns = parent.columns if parent else {}
    for brace in stream.braces:
        if brace not in columns:
            raise _unknown(stream, "path", f"{{{brace}}}", columns)
    for column, origin in stream.add.items():
        start, _, rest = origin.partition(".")
        if start == "parent" and rest not in columns:
            raise _unknown(stream, "add", f"{column}: {origin}", columns)
    for column in stream.only.keys() - columns.keys():
        raise _unknown(stream, "only", column, columns)


def _check_address(stream: Stream) -> None:
    """Check what children get of a row, and the address of one."""
    for brace in re.findall(r"{(\w+)}", stream.item or ""):
        if brace not in stream.columns:
            raise _unknown(stream, "item", f"{{{brace}}}", stream.columns)
    for given in stream.gives.values():
        if given not in stream.columns:
            raise _unknown(stream, "gives", given, stream.columns)


def _check_relatives(stream: Stream, built: Mapping[str, Stream]) -> None:
    if stream.parent:
        if stream.walk != "derived" and not WALKS[built[stream.parent].walk].can_be_parent:
            parents = [one.name for one in built.values() if WALKS[one.walk].can_be_parent]
            allowed = f"a stream whose walk can be a parent: {', '.join(parents)}"
            raise DeclarationError(stream.name, "parent", stream.parent, allowed)
        if not built[stream.parent].item and stream.walk != "derived":
            raise DeclarationError(stream.parent, "item", None, "the address of one row")
        if stream.walk == "derived" and not isinstance(stream.rows, str):
            allowed = "the path of the list inside the parent's row"
            raise DeclarationError(stream.name, "rows", None, allowed)
    if stream.walk == "days" and stream.since is None:
        raise DeclarationError(stream.name, "since", None, "the filter that takes a day")
    if stream.gate is not None or stream.walk == "jobs":
        gates = [one.name for one in built.values() if one.walk == "seek" and one.kind == "project"]
        if stream.gate not in gates:
            allowed = f"one of {', '.join(gates)}"
            raise DeclarationError(stream.name, "gate", stream.gate, allowed)
    _check_span(stream)
    _check_again(stream, built)
    _check_moved_by(stream, built)


def _check_span(stream: Stream) -> None:
    """Check that the bounds of days have their filters, where no query has them."""
    if stream.span is None:
        return
    if (stream.walk == "keyset") != (stream.span.until is not None):
        allowed = "the filter that takes the upper bound, with keyset only"
        raise DeclarationError(stream.name, "span.until", stream.span.until, allowed)
    if stream.walk == "keyset" and stream.since is None:
        allowed = "the filter that takes the lower bound, beside span"
        raise DeclarationError(stream.name, "since", None, allowed)


def _check_moved_by(stream: Stream, built: Mapping[str, Stream]) -> None:
    if stream.moved_by:
        lists = [one.name for one in built.values() if one.walk == "seek"]
        if stream.moved_by.stream not in lists:
            raise DeclarationError(
                stream.name, "moved_by", stream.moved_by.stream, f"one of {', '.join(lists)}"
            )
        columns = built[stream.moved_by.stream].columns
        if stream.moved_by.parent not in columns:
            raise _unknown(stream, "moved_by", stream.moved_by.parent, columns)


def _check_again(stream: Stream, built: Mapping[str, Stream]) -> None:
    """Check that parents which have not changed can be read again."""
    if stream.recheck and stream.kind != "child" and not stream.span:
        allowed = "nothing, but for children and with span"
        raise DeclarationError(stream.name, "recheck", stream.recheck, allowed)
    if stream.sweep or (stream.recheck and stream.kind == "child"):
        root = stream
        while root.parent:
            root = built[root.parent]
        if root.walk != "seek":
            attribute = "sweep" if stream.sweep else "recheck"
            allowed = "nothing, but below parents that are read by seek"
            raise DeclarationError(stream.name, attribute, getattr(stream, attribute), allowed)


def _unknown(
    stream: Stream, attribute: str, found: object, columns: Iterable[str]
) -> DeclarationError:
    shown = ", ".join(columns) or "no column at all"
    return DeclarationError(stream.name, attribute, found, f"one of the columns {shown}")
