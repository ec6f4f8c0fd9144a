"""What a destination has: columns of the rows of its tables, wherever it keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from source_gitlab.interfaces.dlt.columns import DELETED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from dlt import Pipeline

_CHUNK: Final = 50_000  # rows
_TOGETHER: Final = 500  # values that one query names
_MOST: Final = 20_000  # values above which all rows are cheaper


def seen(pipeline: Pipeline, stream: str) -> bool:
    """Whether a pipeline has written rows to the table of a stream."""
    if not pipeline.schema_names:
        return False
    schema = pipeline.default_schema
    name = schema.naming.normalize_table_identifier(stream)
    return name in {table["name"] for table in schema.data_tables(seen_data_only=True)}


def rows(
    pipeline: Pipeline,
    stream: str,
    columns: Sequence[str],
    wanted: Mapping[str, Sequence[Any]] | None = None,
) -> Iterator[pa.Table]:
    """These columns of a table, of at least the rows that have the `wanted` values in theirs.

    Raises:
        Exception: whatever the destination's own client raises.
    """
    if not seen(pipeline, stream):
        return
    naming = pipeline.default_schema.naming
    name = naming.normalize_table_identifier(stream)
    theirs = [naming.normalize_identifier(column) for column in columns]
    table_format = pipeline.default_schema.get_table(name).get("table_format")
    if table_format == "delta":
        parts = _delta(pipeline, name, theirs)
    elif table_format == "iceberg":
        parts = _iceberg(pipeline, name, theirs)
    else:
        parts = _queried(
            pipeline, name, theirs, wanted or {}, dict(zip(columns, theirs, strict=True))
        )
    for part in parts:
        yield part.rename_columns(list(columns))


def _queried(
    pipeline: Pipeline,
    table: str,
    columns: Sequence[str],
    wanted: Mapping[str, Sequence[Any]],
    names: Mapping[str, str],
) -> Iterator[pa.Table]:
    import pyarrow as pa  # noqa: PLC0415

    with pipeline.sql_client() as client:
        place = client.make_qualified_table_name(table)
        listed = ", ".join(map(client.escape_column_name, columns))
        query = f"SELECT {listed} FROM {place}"  # noqa: S608 -- names that dlt has escaped
        for condition, values in _conditions(wanted):
            where = ""
            if values:
                marks = ", ".join(["%s"] * len(values))
                where = f" WHERE {client.escape_column_name(names[condition])} IN ({marks})"
            with client.execute_query(query + where, *values) as cursor:
                for chunk in cursor.iter_fetch(_CHUNK):
                    each = zip(*chunk, strict=True)
                    yield pa.table(dict(zip(columns, map(list, each), strict=True)))


def _conditions(wanted: Mapping[str, Sequence[Any]]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Columns with the values to ask for at once; no values mean every row.

    One column is enough to ask for little: whoever takes the rows looks at all columns.
    """
    few = {name: list(dict.fromkeys(values)) for name, values in wanted.items()}
    name = max(few, key=lambda one: len(few[one]), default="")
    if not name or len(few[name]) > _MOST:
        yield "", ()
        return
    for start in range(0, len(few[name]), _TOGETHER):
        yield name, few[name][start : start + _TOGETHER]


def _delta(pipeline: Pipeline, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    import pyarrow as pa  # noqa: PLC0415
    from dlt.common.libs.deltalake import get_delta_tables  # noqa: PLC0415

    dataset = get_delta_tables(pipeline, table)[table].to_pyarrow_dataset()
    for batch in dataset.to_batches(columns=list(columns)):
        yield pa.Table.from_batches([batch])


def _iceberg(pipeline: Pipeline, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    import pyarrow as pa  # noqa: PLC0415
    from dlt.common.libs.pyiceberg import get_iceberg_tables  # noqa: PLC0415

    # dlt marks rows there instead of taking them out.
    there = get_iceberg_tables(pipeline, table)[table].scan(f"{DELETED} is null")
    for batch in there.select(*columns).to_arrow_batch_reader():
        yield pa.Table.from_batches([batch])
