"""What DuckDB, in a file or as the place where rows wait, calls the kinds of columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from source_gitlab.streams.columns import JSON
from source_gitlab.tables.table import OTHER, StreamTable, TableColumn

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from collections.abc import Set as AbstractSet

    import duckdb

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
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_KINDS: Final = {name: kind for kind, name in TYPES.items()}


def table_of(stream: Stream) -> StreamTable:
    """The table of a stream."""
    return StreamTable.of(stream, TYPES)


def column_of(name: str, type_: str, comment: str | None = None) -> TableColumn:
    """A column as a file has it, whatever its type."""
    return TableColumn(name, _KINDS.get(type_, OTHER), type_, comment)


def castable(
    probe: duckdb.DuckDBPyConnection, texts: Collection[str], type_: str
) -> AbstractSet[str]:
    """Those of the texts that DuckDB takes for values of a type, in one question.

    `probe` is in no transaction, which an error would abort.
    """
    if type_ == "DATE":
        # DuckDB takes a time for a DATE and drops the hours.
        texts = [text for text in texts if _DATE.fullmatch(text)]
    rows = probe.execute(
        "SELECT t FROM (SELECT unnest(?::VARCHAR[]) AS t) "  # noqa: S608 -- types of columns only
        f"WHERE TRY_CAST(t AS {type_}) IS NOT NULL",
        [list(texts)],
    ).fetchall()
    return {text for (text,) in rows}
