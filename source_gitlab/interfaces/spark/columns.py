"""The columns of a stream as Spark has them, and rows as Arrow batches of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
import pyarrow as pa

from source_gitlab.streams.columns import JSON
from source_gitlab.tables.fitting import Fitter
from source_gitlab.tables.table import EXTRA, StreamTable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from source_gitlab.streams import Stream

PROGRESS: Final = "_progress"
"""The column of rows that are no rows of GitLab's, but tell how far the read has come."""

_TYPES: Final[Mapping[str, str]] = {
    "text": "STRING",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIMESTAMP",
    JSON: "STRING",
}
_ARROW: Final[Mapping[str, Any]] = {
    "STRING": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}


def table_of(stream: Stream) -> StreamTable:
    """The table of a stream; objects and lists are JSON as text."""
    return StreamTable.of(stream, _TYPES)


def schema_of(table: StreamTable) -> str:
    """The columns in Spark's words: those of the table, then that of progress.

    None of them is said to be never null: rows of progress have nothing in the others.
    """
    columns = [*((column.name, column.type) for column in table.columns), (PROGRESS, "STRING")]
    return ", ".join(f"`{name}` {type_}" for name, type_ in columns)


class Batches:
    """Makes Arrow batches of rows of one table."""

    def __init__(self, table: StreamTable) -> None:
        """Start with no row."""
        self._table = table
        self._schema = pa.schema(
            [
                *(pa.field(column.name, _ARROW[column.type]) for column in table.columns),
                pa.field(PROGRESS, pa.string()),
            ]
        )
        self._fitter = Fitter(table, _castable, lambda _: None)

    def of(self, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        """A page; a value that its column cannot hold is in the column for the rest."""
        fit = self._fitter.fit(rows)
        fitted = map(orjson.loads, fit.body.splitlines())
        # Spark needs no key, so a row without a usable one is kept too.
        return self._batch([*fitted, *({EXTRA: row} for row in fit.keyless)])

    def progress(self, told: Mapping[str, Any]) -> pa.RecordBatch:
        """A row that tells how far the read has come."""
        return self._batch([{PROGRESS: orjson.dumps(told).decode()}])

    def _batch(self, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        kinds = {column.name: column.kind for column in self._table.columns}
        return pa.RecordBatch.from_arrays(
            [
                _array((row.get(one.name) for row in rows), kinds.get(one.name, "text"), one.type)
                for one in self._schema
            ],
            schema=self._schema,
        )


def _array(values: Iterable[Any], kind: str, type_: Any) -> pa.Array:
    if kind == JSON:
        values = (None if value is None else orjson.dumps(value).decode() for value in values)
    if kind in {"time", "date"}:
        return pa.array(list(values), pa.string()).cast(type_)
    return pa.array(list(values), type_)


def _castable(_texts: Collection[str], _type: str) -> AbstractSet[str]:
    """Nobody is asked about dates of other forms: they are kept as they are, with the rest."""
    return frozenset()
