"""Schemas, written as a line a field.

A file of `schemas/` maps streams to fields, and `entities.yaml` maps the objects inside rows to
theirs. A field is one text::

    TYPE [-> STREAM.COLUMN] DESCRIPTION

TYPE is one of `TYPES` or an entity, `TYPE[]` a list of such, and `TYPE!` is never null. The arrow
names the column of another stream whose values the field, or each item of the list, holds; `|`
stands between streams of which the row may be in any one, and a column in parentheses is joined by
beside the first (`commits.id(project_id=source_project_id)`). What a description says behind
"Each:" is about one item of a list.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from source_gitlab import yaml_files

if TYPE_CHECKING:
    from collections.abc import Mapping

# `object` is one whose keys are data.
TYPES: Final = ("text", "integer", "number", "boolean", "date", "time", "object")
_COLUMN = r"[a-z_]+\.[a-z_]+(?:\([a-z_=, ]+\))?"
_FIELD = re.compile(
    r"(?P<type>[a-z_0-9]+)(?P<required>!)?(?P<lists>(?:\[\])*)"
    rf"(?: -> (?P<references>{_COLUMN}(?: \| {_COLUMN})*))?(?: (?P<description>\S.*))?"
)


class Field(NamedTuple):
    """One line of a schema: its type, how many lists are around it, and what is said of it.

    `references` are as the line has them: `STREAM.COLUMN` or `STREAM.COLUMN(THEIRS=OURS, ...)`.
    """

    type: str
    lists: int
    required: bool
    references: tuple[str, ...]
    description: str | None


class SchemaError(ValueError):
    """A line of a schema that cannot be understood: where it stands, what was found, what may."""


@cache
def schemas() -> dict[str, Mapping[str, str]]:
    """The lines of every stream: `{stream: {field: line}}`."""
    found: dict[str, Mapping[str, str]] = {}
    for name in yaml_files.names("streams/schemas"):
        found.update(yaml_files.read("streams", "schemas", name))
    return found


@cache
def fields(stream: str) -> dict[str, Field]:
    """The columns of a stream; none where there is no schema of that name.

    Raises:
        SchemaError: a line cannot be understood.
    """
    lines = schemas().get(stream, {})
    return {name: parse(line, f"{stream}.{name}") for name, line in lines.items()}


@cache
def entities() -> dict[str, Mapping[str, str]]:
    """The lines of every object inside rows: `{entity: {field: line}}`."""
    found: dict[str, Mapping[str, str]] = yaml_files.read("streams", "entities.yaml")
    return found


def parse(line: object, where: str) -> Field:
    """One line of a schema; `where` is "stream.column", for the error.

    Raises:
        SchemaError: the line cannot be understood.
    """
    found = _FIELD.fullmatch(line) if isinstance(line, str) else None
    if found is None:
        message = f"{where}: found {line!r}, allowed is TYPE [-> STREAM.COLUMN] DESCRIPTION"
        raise SchemaError(message)
    return Field(
        found["type"],
        len(found["lists"]) // 2,
        found["required"] is not None,
        tuple(filter(None, (found["references"] or "").split(" | "))),
        found["description"],
    )
