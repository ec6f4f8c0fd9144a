"""The columns of a stream as dlt has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from source_gitlab.streams.columns import JSON

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.tables.table import StreamTable

DELETED: Final = "_deleted"
"""The column by which dlt takes a row out of a table; it is never set in a row that is there."""

_TYPES: Final[Mapping[str, str]] = {
    "text": "text",
    "integer": "bigint",
    "number": "double",
    "boolean": "bool",
    "date": "date",
    "time": "timestamp",
    JSON: "json",
}


def hints(table: StreamTable, *, nested: str = "json") -> dict[str, dict[str, Any]]:
    """The columns of a table as dlt wants them; objects and lists have the type `nested`.

    Only the key is never null: of a row that is taken out nothing else is known.
    """
    found: dict[str, dict[str, Any]] = {}
    for column in table.columns:
        type_ = nested if column.kind == JSON else _TYPES[column.kind]
        hint = {"name": column.name, "data_type": type_, "nullable": column.name not in table.key}
        if column.comment:
            hint["description"] = column.comment
        found[column.name] = hint
    found[DELETED] = {"name": DELETED, "data_type": "bool", "nullable": True, "hard_delete": True}
    return found
