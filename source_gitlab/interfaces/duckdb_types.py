"""What DuckDB, in a file or as the place where rows wait, calls the kinds of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from source_gitlab.streams.columns import JSON
from source_gitlab.tables.table import OTHER, StreamTable, TableColumn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.streams import Stream

TYPES: Final[Mapping[str, str]] = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIMESTAMP WITH TIME ZONE",
    JSON: "JSON",
}
_KINDS: Final = {name: kind for kind, name in TYPES.items()}


def table_of(stream: Stream) -> StreamTable:
    """The table of a stream."""
    return StreamTable.of(stream, TYPES)


def column_of(name: str, type_: str, comment: str | None = None) -> TableColumn:
    """A column as a file has it, whatever its type."""
    return TableColumn(name, _KINDS.get(type_, OTHER), type_, comment)
