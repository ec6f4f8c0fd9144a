"""A stream's JSON schema as a DuckDB table: columns, their types and their comments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EXTRA = "_extra"
"""The JSON column for what the schema does not know and for values of another type."""

_SCALARS = {"integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "string": "VARCHAR"}
_FORMATS = {"date-time": "TIMESTAMP WITH TIME ZONE", "date": "DATE"}

DEEPEST = 120
"""How deep an answer may be nested whose rows DuckDB's reader takes; it reads 129 levels."""


class KeyColumnError(ValueError):
    """A stream's key names a column that its schema lacks, or one of no scalar type."""


@dataclass(frozen=True)
class Column:
    """One column: its name, its DuckDB type as DuckDB spells it, and its comment."""

    name: str
    type: str
    comment: str | None = None


@dataclass(frozen=True)
class StreamTable:
    """The table of one stream; `columns` are in schema order and end with `_extra`.

    `cursor` is the column, a time, that tells which of two versions of a row is the newer one.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    comment: str | None = None
    cursor: str | None = None

    @classmethod
    def from_schema(
        cls,
        name: str,
        schema: Mapping[str, Any],
        key: Iterable[str],
        comment: str | None = None,
        *,
        cursor: str | None = None,
    ) -> StreamTable:
        """The table for the rows that `schema` (a JSON schema of an object) describes.

        DuckDB's column names ignore letter case, so of two properties that differ in case only
        the second has no column; its values go to `_extra`.

        Raises:
            KeyColumnError: a column of `key` is no scalar property of `schema`.
        """
        key = tuple(key)
        columns: list[Column] = []
        taken = {EXTRA}
        for title, node in schema.get("properties", {}).items():
            if title.casefold() not in taken:
                taken.add(title.casefold())
                columns.append(Column(title, column_type(node), node.get("description")))
        columns.append(Column(EXTRA, "JSON", "Fields without a column, and values of another type"))
        missing = set(key) - {column.name for column in columns if column.type != "JSON"}
        if missing:
            message = f"the key of {name} has no scalar column {', '.join(sorted(missing))}"
            raise KeyColumnError(message)
        return cls(name, tuple(columns), key, comment or schema.get("description"), cursor)


def column_type(node: Mapping[str, Any]) -> str:
    """The narrowest DuckDB type for every value that a property's schema allows.

    Objects, arrays and mixtures become JSON, which keeps each value as it came.
    """
    kinds = _kinds(node)
    if kinds == {"integer", "number"}:
        return "DOUBLE"
    if len(kinds) != 1:
        return "JSON"
    kind = kinds.pop()
    if kind == "string":
        formats = _formats(node)
        return _FORMATS.get(formats.pop(), "VARCHAR") if len(formats) == 1 else "VARCHAR"
    return _SCALARS.get(kind, "JSON")


def _alternatives(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*node.get("anyOf", ()), *node.get("oneOf", ())]


def _kinds(node: Mapping[str, Any]) -> set[str]:
    declared = node.get("type", [])
    kinds = {declared} if isinstance(declared, str) else set(declared)
    for alternative in _alternatives(node):
        kinds |= _kinds(alternative)
    return kinds - {"null"}


def _formats(node: Mapping[str, Any]) -> set[str]:
    formats = {node["format"]} if "format" in node else set()
    for alternative in _alternatives(node):
        if _kinds(alternative):
            formats |= _formats(alternative) or {""}
    return formats
