"""Tables in DuckDB from a few lines, as those in which streams describe their columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from source_gitlab.interfaces.duckdb_types import TYPES
from source_gitlab.streams.columns import columns
from source_gitlab.streams.schema import parse
from source_gitlab.tables.table import StreamTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def stream_table(
    name: str,
    lines: Mapping[str, str],
    key: Sequence[str],
    *,
    comment: str | None = None,
    cursor: str | None = None,
) -> StreamTable:
    """The table of a stream with these columns: `{"id": "integer! It's the key."}`."""
    fields = {column: parse(line, f"{name}.{column}") for column, line in lines.items()}
    found = columns(fields, key, name).values()
    table = StreamTable.of_columns(name, found, key, TYPES, cursor=cursor)
    return replace(table, comment=comment)
