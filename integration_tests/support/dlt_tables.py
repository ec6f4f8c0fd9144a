"""What destinations of dlt hold, read with their own clients, in the form of GitLab's JSON."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq
from deltalake import DeltaTable

from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from integration_tests.support.postgres import Postgres

Row = dict[str, Any]
Key = tuple[Any, ...]


def in_duckdb(path: Path, stream: str, dataset: str = "gitlab") -> dict[Key, Row]:
    """The rows of a table in a DuckDB file, by key."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        known = connection.execute(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?",
            [dataset, stream],
        ).fetchone()
        if known is None:
            return {}
        found = connection.execute(f'SELECT * FROM "{dataset}"."{stream}"')  # noqa: S608 -- ours
        names = [one[0] for one in found.description or ()]
        return _by_key(stream, _rows(names, found.fetchall()))


def in_parquet(folder: Path, stream: str, dataset: str = "gitlab") -> dict[Key, Row]:
    """The rows of a table of Parquet files, which whoever reads all files of a folder sees."""
    rows: list[Row] = []
    for file in sorted((folder / dataset / stream).glob("*.parquet")):
        rows += pq.ParquetFile(file).read().to_pylist()
    return _by_key(stream, rows)


def in_delta(folder: Path, stream: str, dataset: str = "gitlab") -> dict[Key, Row]:
    """The rows of a Delta table."""
    place = folder / dataset / stream
    if not place.is_dir():
        return {}
    return _by_key(stream, DeltaTable(str(place)).to_pyarrow_table().to_pylist())


def in_postgres(
    postgres: Postgres, database: str, stream: str, dataset: str = "gitlab"
) -> dict[Key, Row]:
    """The rows of a table in a database."""
    where = f"table_schema = '{dataset}' AND table_name = '{stream}'"
    known = postgres.query(f"SELECT 1 FROM information_schema.tables WHERE {where}", database)  # noqa: S608 -- ours
    if known == [[""]] or not known:
        return {}
    query = f'SELECT row_to_json(t) FROM "{dataset}"."{stream}" t'  # noqa: S608 -- ours
    lines = [line[0] for line in postgres.query(f"SET timezone = 'UTC'; {query}", database)]
    return _by_key(stream, [json.loads(line) for line in lines if line])


def _rows(names: Sequence[str], found: Iterable[tuple[Any, ...]]) -> Iterator[Row]:
    for row in found:
        yield dict(zip(names, row, strict=True))


def _by_key(stream: str, rows: Iterable[Row]) -> dict[Key, Row]:
    """Rows by key.

    Raises:
        AssertionError: two rows have one key, or one is marked as gone.
    """
    found: dict[Key, Row] = {}
    for row in rows:
        assert not row.pop("_deleted", None), (stream, row)
        shown = {name: _plain(stream, name, value) for name, value in row.items()}
        key = tuple(shown[name] for name in streams()[stream].key)
        assert key not in found, f"{stream} has {key} twice"
        found[key] = shown
    return found


def _plain(stream: str, name: str, value: Any) -> Any:
    column = streams()[stream].columns.get(name)
    kind = "json" if column is None else column.kind
    if value is None:
        return None
    if kind == "json":
        return json.loads(value) if isinstance(value, str) else value
    if kind == "time":
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        text = moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value
