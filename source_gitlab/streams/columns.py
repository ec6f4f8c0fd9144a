"""The columns of a stream, worked out once for all faces.

A face turns kinds into the types of its destination and asks for nothing else: what is declared in
a line of `schemas/` and what the declaration says of the key come together here.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from source_gitlab.streams.schema import TYPES, SchemaError, entities, fields, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from source_gitlab.streams.schema import Field

JSON: Final = "json"
KINDS: Final = ("text", "integer", "number", "boolean", "date", "time", JSON)
"""What a column can hold; `json` is for objects and lists of all sorts, which stay as they came."""

KEY_KINDS: Final = ("text", "integer", "date", "time")
"""What a column of a key can hold: what has one form for each value."""

_OBJECT: Final = "object"  # the type whose keys are data


_NOT_IN_LISTS: Final = "absent in lists"


class Column(NamedTuple):
    """One column of a stream, or one field of an object inside its rows.

    `kind` is one of `KINDS`. `item` is the kind of what stands inside the `lists` lists; without
    lists it is the same. `entity` is the object of `entities.yaml` that it holds, if any.
    `references` are as the line has them: `STREAM.COLUMN` or `STREAM.COLUMN(THEIRS=OURS, ...)`.
    """

    name: str
    kind: str
    nullable: bool
    in_key: bool
    description: str | None
    item: str
    lists: int
    entity: str | None
    references: tuple[str, ...]
    item_description: str | None

    @property
    def inner(self) -> Mapping[str, Column]:
        """The fields of the object that the column, or each item of its lists, holds."""
        return entity_columns(self.entity) if self.entity else {}

    @property
    def in_lists(self) -> bool:
        """Whether GitLab's lists have it, and not only a row that is asked for by itself.

        A line of a schema says so in these words.
        """
        return _NOT_IN_LISTS not in (self.description or "")


def columns(lines: Mapping[str, Field], key: Collection[str], where: str) -> dict[str, Column]:
    """The columns of these lines; `where` is the stream or the entity that they belong to.

    Raises:
        SchemaError: a line names a type that there is not.
    """
    return {name: _column(name, field, name in key, where) for name, field in lines.items()}


def stream_columns(stream: str, key: Collection[str]) -> dict[str, Column]:
    """The columns of a stream; none where there is no schema of that name.

    Raises:
        SchemaError: a line cannot be understood, or names a type that there is not.
    """
    return columns(fields(stream), key, stream)


@cache
def entity_columns(entity: str) -> dict[str, Column]:
    """The fields of an object of `entities.yaml`.

    Raises:
        SchemaError: a line cannot be understood, or names a type that there is not.
    """
    lines = entities()[entity].items()
    return columns({name: parse(line, f"{entity}.{name}") for name, line in lines}, (), entity)


def _column(name: str, field: Field, in_key: bool, where: str) -> Column:  # noqa: FBT001 -- inside
    if field.type in TYPES:
        entity, item = None, JSON if field.type == _OBJECT else field.type
    elif field.type in entities():
        entity, item = field.type, JSON
    else:
        allowed = f"{', '.join(TYPES)} and the entities of entities.yaml"
        message = f"{where}.{name}: found the type {field.type!r}, allowed are {allowed}"
        raise SchemaError(message)
    said, _, each = (field.description or "").partition(" Each: ")
    return Column(
        name,
        JSON if field.lists else item,
        not field.required,
        in_key,
        said or None,
        item,
        field.lists,
        entity,
        field.references,
        each or None,
    )
