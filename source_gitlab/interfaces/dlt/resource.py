"""A stream as a resource of dlt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import dlt

from source_gitlab.interfaces.dlt.columns import hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa
    from dlt.extract import DltResource

    from source_gitlab.tables.table import StreamTable


def resource(
    table: StreamTable,
    rows: Callable[[], Iterator[pa.RecordBatch]],
    to_keep: Callable[[], Mapping[str, Any]],
    *,
    nested: str = "json",
    table_format: str | None = None,
) -> DltResource:
    """The resource of a stream: its `rows`, and behind them what is `to_keep` in dlt's state."""
    is_plain = table_format == "parquet"

    def generate() -> Iterator[pa.RecordBatch]:
        yield from rows()
        dlt.current.resource_state().update(to_keep())

    made: DltResource = dlt.resource(
        generate,
        name=table.name,
        write_disposition="append" if is_plain else "merge",
        primary_key=list(table.key),
        columns=cast("Any", hints(table, nested=nested)),
        table_format=cast("Any", None if is_plain else table_format),
    )
    return made
