"""The typed model of a declared stream, with every default filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from source_gitlab.streams.columns import stream_columns
from source_gitlab.streams.json_schema import json_schema
from source_gitlab.streams.vocabulary import Paging

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.streams.columns import Column
    from source_gitlab.streams.json_schema import Schema

READ_AT = "read_at"
OF_SLICE = "slice."  # before what a column or a parameter has of the slice
PATH_OF_SLICE = "slice.path"
_ONE = "{}"  # behind the path to one object in place of a list
_NOTHING: Mapping[str, Any] = {}
# What a group's lists of the inventory are called (https://docs.gitlab.com/api/groups/).
_OF_GROUP = {"groups": "descendant_groups", "projects": "projects"}


@dataclass(frozen=True)
class RowsOfMap:
    """Rows from the names and values of an object: the columns `key` and `value`."""

    key: str
    value: str


@dataclass(frozen=True)
class RowsByName:
    """Rows from the lists in the objects of an object, whose names become the column `column`.

    `outer` leads from the response to the object of objects, and `inner` from each to its list.
    """

    outer: tuple[str, ...]
    column: str
    inner: tuple[str, ...]


@dataclass(frozen=True)
class Span:
    """How many days one request may ask for, and how many GitLab keeps.

    `until` is the filter that takes the upper bound, of a list that is no figures by day. With
    `sums`, rows sum up all days of their request.
    """

    days: int
    kept: int
    until: str | None = None
    sums: bool = False


@dataclass(frozen=True)
class MovedBy:
    """A second list whose moved rows make a parent worth reading again.

    `stream` is the list; `parent` is the column of its rows that holds the parent object.
    """

    stream: str
    parent: str


@dataclass(frozen=True)
class Probe:
    """What GraphQL shows of many parents at once, so that those without rows need not be asked.

    `field` of a project is a parent, found by the column `by`, which is the name of the argument,
    too. It tells of parents whose columns have the values of `of`. `rows` is a list in it without
    which the parent has no rows, and `proof` one that is there where the first may be looked at.
    """

    field: str
    by: str
    of: Mapping[str, Any]
    rows: str
    proof: str


@dataclass(frozen=True)
class Refresh:
    """When an incremental read reads a list again that takes no filter of time.

    `signal` is one of `REFRESHES`; `path` and `query` are those of the group's list for "list".
    """

    signal: str
    path: str = ""
    query: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stream:
    """One declared stream, with every default filled in; `ATTRIBUTES` explains each attribute.

    `path` of a child is below /api/v4, with the parent's columns in {braces}. `area` is the file of
    `declared/` that has it. `brings_every_parent` is false of a child some of whose parents an
    incremental read passes over, though its list is one that is `refreshed`.
    """

    name: str
    kind: str
    path: str
    key: tuple[str, ...]
    doc: str
    walk: str = "pages"
    cursor: str | None = None
    paging: Paging = Paging.FULL
    paged_since: tuple[int, int] | None = None
    unique: tuple[tuple[str, ...], ...] = ()
    since: str | None = None
    containers: tuple[str, ...] = ("group", "project")
    query: Mapping[str, Any] = field(default_factory=dict)
    group_query: Mapping[str, Any] = field(default_factory=dict)
    queries: tuple[Mapping[str, Any], ...] = ({},)
    requests: Mapping[str, str] = field(default_factory=dict)
    cursor_nullable: bool = False
    tie_breaker: Mapping[str, Any] = field(default_factory=dict)
    empty_when_off: bool = False
    descendants_since: tuple[int, int] | None = None
    top_level: bool = False
    add: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    redact: Mapping[str, str] = field(default_factory=dict)
    null_as_empty: tuple[str, ...] = ()
    counted: str | None = None
    keeps: bool = False
    where_set: str | None = None
    rows: str | RowsOfMap | None = None
    parts: str | None = None
    may_be_hidden: bool = False
    absent: bool = False
    nothing: str | None = None
    denied: int | None = None
    gate: str | None = None
    moves_with: str | None = None
    parent: str | None = None
    item: str | None = None
    gives: Mapping[str, str] = field(default_factory=dict)
    moved_by: MovedBy | None = None
    sweep: bool = False
    recheck: int | None = None
    only: Mapping[str, Any] = field(default_factory=dict)
    probe: Probe | None = None
    refresh: Refresh | None = None
    feature: str | None = None
    tier: str = "free"
    role: str = "guest"
    optional: tuple[str, ...] = ()
    key_role: str | None = None
    span: Span | None = None
    global_ids: Mapping[str, str] = field(default_factory=dict)
    less_below: str | None = None
    where: str | None = None
    since_version: tuple[int, int] | None = None
    distinct: bool = False
    selected: bool = True
    area: str = ""
    brings_every_parent: bool = True

    @property
    def incremental(self) -> bool:
        """Whether a later read can start from the state of an earlier one."""
        return self.cursor is not None

    @property
    def snapshot(self) -> bool:
        """Whether a slice always brings all that there is, so that what it lacks is gone."""
        return (
            self.refresh is not None
            and self.brings_every_parent
            and self.since is None
            and not self.keeps
            and self.walk in {"pages", "keyset", "object", "graphql"}
        )

    @property
    def counts_late_rows(self) -> bool:
        """Whether its lists are counted, to find rows that came late with old times."""
        if self.walk == "graphql":
            return self.since is not None
        return self.walk == "seek" and self.kind == "selection"

    @property
    def requests_each(self) -> int:
        """How many requests one place or parent takes, where no list has a second page."""
        return len(self.requests) or len(self.queries)

    @cached_property
    def rows_path(self) -> tuple[str, ...]:
        """The names that lead to the rows inside a response, where they are not its own names."""
        return tuple(str(self.rows).removesuffix(_ONE).split("."))

    @property
    def is_one_inside(self) -> bool:
        """Whether that path leads to one object, which is a row, and not to a list."""
        return isinstance(self.rows, str) and self.rows.endswith(_ONE)

    @cached_property
    def by_name(self) -> RowsByName | None:
        """Where lists are that stand in objects by name."""
        path = self.rows_path
        named = (n for n, name in enumerate(path) if name.startswith("{"))
        at = next(named, None)
        return None if at is None else RowsByName(path[:at], path[at].strip(_ONE), path[at + 1 :])

    @cached_property
    def row_key(self) -> tuple[str, ...]:
        """Where the key stands in GitLab's own row, as paths with dots.

        Without what comes from the slice or the parent: that is the same in all rows of a list.
        What comes of where a row stands is put into it, as its column, where it is taken out of the
        response.
        """
        origins = map(self.origin, self.key)
        return tuple(one for one in origins if not one.startswith(("slice.", "parent.")))

    def origin(self, column: str) -> str:
        """Where the value of a column stands in a row as it is taken out of a response."""
        return column if column in self.placed else self.add.get(column, column)

    @cached_property
    def placed(self) -> Mapping[str, str]:
        """The columns that say where in a response a row stands, and their origins.

        `list.position` is its place in its list, from 1 on; `above.name` is the field `name` of the
        object that has the list, and `request.day` the day that was asked for.
        """
        placed = ("list.", "above.", "request.")
        return {column: one for column, one in self.add.items() if one.startswith(placed)}

    @cached_property
    def list_key(self) -> tuple[str, ...]:
        """The columns of the key that tell the lists of one response apart, with `[]` in `rows`."""
        return tuple(one for one in self.key if self.placed.get(one, "").startswith("above."))

    @cached_property
    def owner(self) -> Mapping[str, str]:
        """The columns by which a child's rows name their parent, and the parent's columns.

        Those that stand in the path name it, with those of the key, for what the path names may
        stand in two lists; where no request is made, all that it gives but times.
        Empty where no column names it, and where rows stay that the parent has no more.
        """
        given = {
            column: origin.removeprefix("parent.")
            for column, origin in self.add.items()
            if origin.startswith("parent.") and column != self.cursor
        }
        is_free = self.walk == "derived"
        named = {column: one for column, one in given.items() if is_free or one in self.braces}
        if is_free and not self.keeps:
            return named
        # Of rows that stay, only the lists inside a response are replaced as a whole.
        if (self.keeps and not self.list_key) or set(named.values()) != set(self.braces):
            return {}
        return {column: one for column, one in given.items() if column in {*named, *self.key}}

    @cached_property
    def gate_owner(self) -> Mapping[str, str]:
        """The columns by which rows name the row of the gate that they belong to, and its columns.

        Empty without a gate.
        """
        target = f"{self.gate}.id"
        return {one.name: "id" for one in self.columns.values() if target in one.references}

    @cached_property
    def braces(self) -> tuple[str, ...]:
        """The columns of the parent that the path needs."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    def address(
        self, container: str = "", number: int | str = 0, parent: Mapping[str, Any] = _NOTHING
    ) -> str:
        """Where the list of one slice is, below /api/v4.

        `container` and `number` are those of the slice, or the name of its container in addresses
        instead of the number. `parent` is the row of a child's parent.
        Without a parent's row, its columns stay in braces. A slice of the inventory is of a group,
        or of the projects that were chosen beside groups, with the number 0. What each of several
        `requests` adds is not in it.

        Raises:
            KeyError: the parent's row lacks a column of the path.
        """
        if self.kind == "child":
            return self.path.format_map(_Quoted(parent)) if parent else self.path
        if self.kind == "inventory":
            return f"groups/{number}/{_OF_GROUP[self.walk]}" if number else self.walk
        if self.path.startswith("/"):
            return self.path.removeprefix("/")
        below = f"{container}s/{number}" if container in {"group", "project"} else ""
        return "/".join(filter(None, [below, self.path]))

    def addresses(
        self, container: str = "", number: int | str = 0, parent: Mapping[str, Any] = _NOTHING
    ) -> list[str]:
        """Where the requests for one slice or parent go: to its list, or each to its part of a row.

        Arguments and errors are those of `address`.
        """
        address = self.address(container, number, parent)
        return [f"{address}/{below}" for below in self.requests.values()] or [address]

    @property
    def is_named_by_path(self) -> bool:
        """Whether the query names the group or project of a slice by its full path."""
        return PATH_OF_SLICE in self.query.values()

    def parameters(self, container: str, number: int, path: str = "") -> dict[str, Any]:
        """The query of every request for a slice, with what it says of the slice filled in.

        `container` and `number` are those of the slice. `path` is the full path of the group or
        project, without which nothing can be asked for where `is_named_by_path`.
        """
        of_slice = {PATH_OF_SLICE: path, f"{OF_SLICE}{container}_id": number}
        query = {**self.query, **(self.group_query if container == "group" else {})}
        return {
            name: of_slice.get(value, value) if isinstance(value, str) else value
            for name, value in query.items()
        }

    def address_of(self, row: Mapping[str, Any]) -> str:
        """Where one row of this stream is, below /api/v4; "" where that is not declared.

        Raises:
            KeyError: the row lacks a column of the address.
        """
        return (self.item or "").format_map(_Quoted(row))

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """The columns of a row, in the order of the schema's lines.

        Raises:
            SchemaError: a line cannot be understood, or names a type that there is not.
        """
        return stream_columns(self.name, self.key)

    @cached_property
    def schema(self) -> Schema:
        """The JSON schema (draft 7) of one row, as the catalog shows it."""
        return json_schema(self.columns.values())


class _Quoted:
    """The values of a row as parts of a path."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row

    def __getitem__(self, name: str) -> str:
        return quote(str(self._row[name]), safe="")
