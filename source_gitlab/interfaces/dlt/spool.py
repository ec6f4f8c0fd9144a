"""Rows on their way to a destination: one of each key, the newest, in a DuckDB file of their own.

The file is made for one sync and removed behind it. It also holds which keys the sync has read, by
which a table that is read anew is compared with what the destination has.

A spool belongs to one thread.
"""

# Identifiers cannot be parameters of a statement; every name below goes through `quoted`.
# ruff: noqa: S608

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import duckdb
import orjson

from source_gitlab.interfaces.dlt.columns import DELETED
from source_gitlab.interfaces.duckdb_types import castable
from source_gitlab.interfaces.rows_file import RowsFile
from source_gitlab.interfaces.sql_text import literal, quoted
from source_gitlab.streams.columns import JSON
from source_gitlab.tables.fitting import Fitter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    import pyarrow as pa

    from source_gitlab.core.slices import Owner, Row
    from source_gitlab.interfaces.sync_changes import Gone
    from source_gitlab.tables.table import StreamTable

_FLUSH_BYTES: Final = 8 << 20
_BUFFER_BYTES: Final = 32 << 20  # rows of all streams that wait in memory, at most
_LARGEST_ROW: Final = 16 << 20  # what DuckDB's reader accepts unless told otherwise, in bytes
_BATCH: Final = 10_000  # rows


@dataclass
class _Waiting:
    """What waits of one stream in memory, as the insides of JSON arrays."""

    bodies: list[bytes] = field(default_factory=list)
    size: int = 0


class Spool:
    """Holds rows of the streams whose `tables` are given, in a file in `folder`.

    `warn` is told, once for each column, of values that went to `_extra`.
    """

    def __init__(
        self, folder: Path, tables: Iterable[StreamTable], warn: Callable[[str], None]
    ) -> None:
        """Make the file.

        Raises:
            OSError, duckdb.Error: it cannot be written, as every method may raise them.
        """
        path = folder / "spool.duckdb"
        self._tables = {table.name: table for table in tables}
        self._warn = warn
        self._connection = duckdb.connect(
            str(path), config={"autoinstall_known_extensions": False, "threads": 1}
        )
        self._run("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        self._run("CREATE SCHEMA rows; CREATE SCHEMA keys; CREATE SCHEMA gone")
        self._probe = self._connection.cursor()
        self._file = RowsFile(path)
        self._fitters: dict[str, Fitter] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._owned: dict[str, dict[Owner, list[Row]]] = {}

    def close(self) -> None:
        """Let go of the file."""
        self._probe.close()
        self._connection.close()
        self._file.close()

    def add(self, stream: str, rows: list[Row]) -> None:
        """Let rows wait. Those without a usable key are left out, and that is told."""
        fit = self._fitter(stream).fit(rows)
        if fit.keyless:
            self._warn(f"{stream}: {len(fit.keyless)} rows without a usable key are left out")
        if not fit.body:
            return
        waiting = self._waiting.setdefault(stream, _Waiting())
        waiting.bodies.append(fit.body)
        waiting.size += len(fit.body)
        if waiting.size >= _FLUSH_BYTES:
            self._flush(stream)
        elif sum(one.size for one in self._waiting.values()) >= _BUFFER_BYTES:
            self._flush_all()

    def note(self, stream: str, owner: Owner, rows: list[Row]) -> None:
        """Note that rows are all that an owner has; of one that is read twice, the last time."""
        key = self._tables[stream].key
        kept = [{name: row[name] for name in key if name in row} for row in rows]
        self._fitter(stream)
        self._owned.setdefault(stream, {})[owner] = kept

    def owners(self, stream: str) -> list[Owner]:
        """The owners that were noted since the rows of a stream were taken."""
        return list(self._owned.get(stream, ()))

    def pending(self) -> list[str]:
        """The streams of which rows wait, or keys of rows that are gone, or owners."""
        self._flush_all()
        return [
            name
            for name in self._fitters
            if self._count("rows", name) or self._count("gone", name) or name in self._owned
        ]

    def waiting(self, stream: str) -> int:
        """How many rows of a stream wait, those that are given twice once."""
        if stream not in self._fitters:
            return 0
        self.settle(stream)
        return self._count("rows", stream)

    def settle(self, stream: str) -> None:
        """Keep of each key the newest row, unless a newer one was taken before.

        The newest is the one with the latest cursor, and of equal ones the one that came last.
        """
        self._flush(stream)
        table, rows = self._tables[stream], _place("rows", stream)
        order = f"{quoted(table.cursor)} DESC NULLS LAST, " if table.cursor else ""
        self._run(
            f"DELETE FROM {rows} WHERE rowid IN (SELECT rowid FROM (SELECT rowid, row_number() "
            f"OVER (PARTITION BY {_names(table.key)} ORDER BY {order}rowid DESC) AS n "
            f"FROM {rows}) WHERE n > 1)"
        )
        if table.cursor:
            mine = f"n.{quoted(table.cursor)}"
            self._run(
                f"DELETE FROM {rows} AS n WHERE EXISTS (SELECT 1 FROM {_place('keys', stream)} o "
                f"WHERE {_same(table.key)} AND o.version IS NOT NULL "
                f"AND ({mine} IS NULL OR o.version > {mine}))"
            )

    def compare(self, stream: str, held: Iterable[pa.Table], gone: Gone | None) -> int:
        """Note which rows are gone of those that a destination has; how many.

        `held` are rows of the destination, as far as their columns matter here. Gone is what the
        sync has not read, under the condition.
        """
        self._fitter(stream)
        self._flush(stream)
        key = self._tables[stream].key
        conditions = ["true" if gone is None else gone.condition]
        conditions += [
            f"NOT EXISTS (SELECT 1 FROM {_place(kind, stream)} AS n WHERE {_same(key)})"
            for kind in ("rows", "keys")
        ]
        return self._mark(stream, held, " AND ".join(conditions))

    def compare_owned(self, stream: str, held: Iterable[pa.Table]) -> int:
        """Note which rows their owners have no more; how many of those that a destination has."""
        owned = self._owned.pop(stream)
        table, columns = self._tables[stream], next(iter(owned)).columns
        self._file.write(_owned_parts(owned, table.key))
        self._run(_owned_made(str(self._file.path), table, columns))
        self._file.clear()
        owner = " AND ".join(f"w.w{n} = o.{quoted(name)}" for n, name in enumerate(columns))
        key = " AND ".join(f"w.k{n} = o.{quoted(name)}" for n, name in enumerate(table.key))
        gone = (
            f"EXISTS (SELECT 1 FROM owned AS w WHERE {owner}) "
            f"AND NOT EXISTS (SELECT 1 FROM owned AS w WHERE {key})"
        )
        # What came in an earlier reading of the same owner.
        rows, taken = _place("rows", stream), _place("gone", stream)
        self._run(f"INSERT INTO {taken} SELECT {_names(table.key)} FROM {rows} AS o WHERE {gone}")
        self._run(f"DELETE FROM {rows} AS o WHERE {gone}")
        still = f"NOT EXISTS (SELECT 1 FROM {rows} AS n WHERE {_same(table.key)})"
        return self._mark(stream, held, f"{gone} AND {still}")

    def batches(self, stream: str) -> Iterator[pa.RecordBatch]:
        """The rows of a stream that is settled, and behind them the keys that are gone."""
        if stream not in self._fitters:
            return
        table = self._tables[stream]
        values = ", ".join(
            f"CAST({quoted(one.name)} AS VARCHAR) AS {quoted(one.name)}"
            if one.kind == JSON
            else quoted(one.name)
            for one in table.columns
        )
        none = ", ".join(
            quoted(one.name)
            if one.name in table.key
            else f"CAST(NULL AS {'VARCHAR' if one.kind == JSON else one.type}) {quoted(one.name)}"
            for one in table.columns
        )
        mark = f"AS BOOLEAN) AS {quoted(DELETED)} FROM"
        for kind, columns, is_gone in (("rows", values, "NULL"), ("gone", none, "true")):
            if self._count(kind, stream):
                place = _place(kind, stream)
                distinct = "" if kind == "rows" else "DISTINCT "
                yield from self._arrow(f"SELECT {distinct}{columns}, CAST({is_gone} {mark} {place}")

    def taken(self, stream: str) -> int:
        """Forget the rows of a stream, but not their keys; how many they were."""
        if stream not in self._fitters:
            return 0
        table, rows = self._tables[stream], _place("rows", stream)
        version = quoted(table.cursor) if table.cursor else "NULL"
        count = self._count("rows", stream)
        if count:
            self._run(
                f"INSERT INTO {_place('keys', stream)} "
                f"SELECT {_names(table.key)}, {version} FROM {rows}"
            )
        for kind in ("rows", "gone"):
            self._make(kind, stream)
        return count

    def _mark(self, stream: str, held: Iterable[pa.Table], condition: str) -> int:
        """Add the keys of those of the `held` rows, as `o`, to what is gone; how many."""
        table, count = self._tables[stream], 0
        types = {column.name: column.type for column in table.columns}
        for part in held:
            values = ", ".join(
                f"CAST({quoted(name)} AS {types[name]}) AS {quoted(name)}"
                for name in part.column_names
            )
            self._connection.register("held", part)
            found = self._run(
                f"INSERT INTO {_place('gone', stream)} SELECT {_names(table.key)} "
                f"FROM (SELECT {values} FROM held) AS o WHERE {condition}"
            )
            self._connection.unregister("held")
            count += sum(rows for (rows,) in found)
        return count

    def _run(self, statement: str) -> list[Any]:
        """The rows of a statement, all of them: an open result is in the way of what comes next."""
        return self._connection.execute(statement).fetchall()

    def _arrow(self, query: str) -> Iterator[pa.RecordBatch]:
        # The connection takes no other statement while a result of its own is open.
        with self._connection.cursor() as cursor:
            yield from batches_of(cursor, query, _BATCH)

    def _fitter(self, stream: str) -> Fitter:
        """What fits rows of a stream; with the first call, its tables are made."""
        fitter = self._fitters.get(stream)
        if fitter is None:

            def warn(message: str) -> None:
                self._warn(f"{stream}{message}")

            fitter = Fitter(self._tables[stream], self._castable, warn)
            self._fitters[stream] = fitter
            for kind in ("rows", "keys", "gone"):
                self._make(kind, stream)
        return fitter

    def _make(self, kind: str, stream: str) -> None:
        """Make an empty table, in place of the one that is there."""
        table = self._tables[stream]
        columns = [one for one in table.columns if kind == "rows" or one.name in table.key]
        declared = [f"{quoted(one.name)} {one.type}" for one in columns]
        declared += ["version TIMESTAMPTZ"] if kind == "keys" else []
        self._run(f"CREATE OR REPLACE TABLE {_place(kind, stream)} ({', '.join(declared)})")

    def _castable(self, texts: Collection[str], kind: str) -> AbstractSet[str]:
        return castable(self._probe, texts, kind)

    def _flush_all(self) -> None:
        for stream in list(self._waiting):
            self._flush(stream)

    def _flush(self, stream: str) -> None:
        waiting = self._waiting.pop(stream, None)
        if waiting is None:
            return
        table = self._tables[stream]
        self._file.write(waiting.bodies)
        types = ", ".join(f"{quoted(one.name)}: {literal(one.type)}" for one in table.columns)
        most = max(_LARGEST_ROW, max(map(len, waiting.bodies)) + 2)
        self._run(
            f"INSERT INTO {_place('rows', stream)} SELECT {_names(c.name for c in table.columns)} "
            f"FROM read_json({literal(str(self._file.path))}, "
            f"format = 'newline_delimited', auto_detect = false, columns = {{{types}}}, "
            f"maximum_object_size = {most})"
        )
        self._file.clear()

    def _count(self, kind: str, stream: str) -> int:
        (row,) = self._run(f"SELECT count(*) FROM {_place(kind, stream)}")
        return row[0] if row else 0


def batches_of(
    connection: duckdb.DuckDBPyConnection, query: str, rows: int
) -> Iterator[pa.RecordBatch]:
    """What a query finds, in batches of so many rows."""
    relation = connection.sql(query)
    # DuckDB 1.4 has the older name only, which 2.0 has given up. Both take unknown names for
    # columns.
    name = "to_arrow_reader" if "to_arrow_reader" in dir(relation) else "fetch_record_batch"
    yield from getattr(relation, name)(rows)


def _place(kind: str, stream: str) -> str:
    return f"{quoted(kind)}.{quoted(stream)}"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(quoted, columns))


def _same(key: Iterable[str]) -> str:
    return " AND ".join(f"n.{quoted(name)} = o.{quoted(name)}" for name in key)


def _array(bodies: Iterable[bytes]) -> Iterator[bytes]:
    before = b"["
    for body in bodies:
        yield before
        yield body
        before = b","
    yield b"]"


def _owned_parts(owned: dict[Owner, list[Row]], key: tuple[str, ...]) -> Iterator[bytes]:
    """A JSON array: a row for each owner, and one for each key that it has."""
    return _array(
        orjson.dumps(
            {f"w{n}": value for n, value in enumerate(owner.values)}
            | {f"k{n}": row.get(name) for n, name in enumerate(key)}
        )
        for owner, rows in owned.items()
        for row in ({}, *rows)
    )


def _owned_made(path: str, table: StreamTable, columns: tuple[str, ...]) -> str:
    types = {column.name: column.type for column in table.columns}
    declared = ", ".join(
        f"{start}{n}: {literal(types[name])}"
        for start, names in (("w", columns), ("k", table.key))
        for n, name in enumerate(names)
    )
    return (
        "CREATE OR REPLACE TEMP TABLE owned AS SELECT * FROM "
        f"read_json({literal(path)}, format = 'array', auto_detect = false, "
        f"columns = {{{declared}}})"
    )
