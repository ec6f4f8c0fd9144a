"""The DuckDB file that `sync` writes, for who only reads it: opened read-only for each query.

No query can write, reach another file or the network, or change a setting. What a user or a model
has written is one SELECT over what is in the file, or it is refused (`sql_select.py`).
"""

# Every name that stands in a query is ours or is `quoted`.
# ruff: noqa: S608

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import duckdb
import orjson

from source_gitlab.gitlab.cancellation import GLANCE, Bounds, within
from source_gitlab.gitlab.errors import DeadlineExceeded
from source_gitlab.interfaces.file_layout import (
    FORMAT,
    META,
    REPLACED,
    RUNS,
    SCHEMA,
    SKIPS,
    STATE,
    STREAMS,
)
from source_gitlab.interfaces.sql_select import SelectError, check_select
from source_gitlab.interfaces.sql_text import quoted
from source_gitlab.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from source_gitlab.gitlab.cancellation import Deadline

_MEMORY: Final = "1GB"
# https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview
_SETTINGS: Final[dict[str, Any]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "allow_persistent_secrets": "false",
    "memory_limit": _MEMORY,
    "temp_directory": "",
    "threads": "2",
}
# Connections of one process to one file share their settings, which cannot be changed twice.
_ONE_AT_A_TIME: Final = threading.Lock()
_BUSY: Final = ("Could not set lock", "being used by another process", "Conflicting lock")
_OPEN_HERE: Final = ("different configuration", "already attached", "Unique file handle conflict")
_NO_DATABASE: Final = ("not a valid DuckDB database file", "_scanner")
_LONGEST_REASON: Final = 300
_LARGEST: Final = 64 << 20
_BATCH: Final = 64
_SLOW: Final = "The query of the file took longer than it may."


class FileError(Exception):
    """The file cannot be read, or the query is none that it takes; `str(error)` is a sentence."""

    def __init__(self, message: str) -> None:
        """Keep it to one printable line."""
        super().__init__(printable(message))


@dataclass(frozen=True)
class Found:
    """What a query brings: rows of JSON values in the order of `columns`; `more` are left out."""

    columns: tuple[str, ...]
    rows: list[list[Any]]
    more: bool = False

    def objects(self) -> list[dict[str, Any]]:
        """The rows with their columns' names."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class FileReader:
    """Reads one file, one query at a time in a process. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Open nothing yet; the file may come later."""
        self.path = path

    def select(self, sql: str, *, most: int, deadline: Deadline) -> Found:
        """What a SELECT of somebody else's brings, at most so many rows.

        Raises:
            FileError: it is no SELECT over the file, fails, or the file cannot be read.
            Cancelled, DeadlineExceeded: it took too long, or was given up.
        """
        with self._opened(deadline) as connection:
            try:
                check_select(connection, sql)
            except SelectError as error:
                raise FileError(str(error)) from None
            return self._found(connection, sql, (), most, deadline)

    def query(self, sql: str, values: Sequence[Any], *, most: int, deadline: Deadline) -> Found:
        """The same of a query of ours, with values for its parameters."""
        with self._opened(deadline) as connection:
            return self._found(connection, sql, values, most, deadline)

    def tables(self, deadline: Deadline) -> dict[str, dict[str, str]]:
        """The columns with their types of each stream that is in the file, by name.

        Raises:
            FileError: the file cannot be read, or is none that `sync` has written.
            Cancelled, DeadlineExceeded: it took too long, or was given up.
        """
        with self._opened(deadline) as connection:
            here, _ = self._check_ours(connection, deadline)
            columns = (
                "SELECT table_name, column_name, data_type FROM system.main.duckdb_columns() "
                "WHERE database_name = system.main.current_database() AND schema_name = 'main' "
                f"AND table_name IN (SELECT stream FROM {here}.{STREAMS}) "
                "ORDER BY table_name, column_index"
            )
            found: dict[str, dict[str, str]] = {}
            for table, column, type_ in self._found(connection, columns, (), -1, deadline).rows:
                found.setdefault(table, {})[column] = type_
            return found

    def counts(self, streams: Sequence[str], deadline: Deadline) -> dict[str, int]:
        """How many rows each of these tables has; raises as `tables` does."""
        if not streams:
            return {}
        parts = [
            f"SELECT {index} AS place, system.main.count(*) FROM {quoted(name)}"
            for index, name in enumerate(streams)
        ]
        found = self.query(" UNION ALL ".join(parts), (), most=-1, deadline=deadline)
        return {streams[place]: count for place, count in found.rows}

    def freshness(self, deadline: Deadline) -> dict[str, Any]:
        """Which GitLab the file is of, and when each stream was last brought up to date.

        `streams` have `updated_at`, when rows or a state were last written, and `complete_at`,
        when a read began that compared the table with all that GitLab has; both RFC 3339 or None.
        `last_sync` tells how the last one ended, with `outcome` None of one that was killed, and
        `not_read` counts, by stream and reason, the places that it did not read; both are missing
        in files of before.
        """
        with self._opened(deadline) as connection:
            here, meta = self._check_ours(connection, deadline)
            sql = (
                f"SELECT stream, s.updated_at, r.replaced_at FROM {here}.{STREAMS} "
                f"LEFT JOIN {here}.{STATE} s USING (stream) "
                f"LEFT JOIN {here}.{REPLACED} r USING (stream) ORDER BY 1"
            )
            found = self._found(connection, sql, (), -1, deadline)
            last = self._last_sync(connection, here, deadline)
        streams = {
            name: {"updated_at": updated, "complete_at": whole}
            for name, updated, whole in found.rows
        }
        times = [one["updated_at"] or one["complete_at"] for one in streams.values()]
        known = sorted(filter(None, times))
        return {
            "instance": meta.get("instance"),
            "oldest": known[0] if known else None,
            "newest": known[-1] if known else None,
            **last,
            "streams": streams,
        }

    def _last_sync(
        self, connection: duckdb.DuckDBPyConnection, here: str, deadline: Deadline
    ) -> dict[str, Any]:
        """How the last sync ended, and what it did not read."""
        there = (
            "SELECT system.main.count(*) FROM system.main.duckdb_tables() WHERE schema_name = ? "
            "AND table_name IN ('runs', 'skips')"
        )
        if self._found(connection, there, [SCHEMA], -1, deadline).rows[0][0] != len((RUNS, SKIPS)):
            return {}
        sql = (
            "SELECT id, started_at, ended_at, outcome, problem "
            f"FROM {here}.{RUNS} ORDER BY id DESC LIMIT 1"
        )
        runs = self._found(connection, sql, (), -1, deadline).objects()
        if not runs:
            return {}
        sql = (
            f"SELECT stream, reason, system.main.count(*) AS places FROM {here}.{SKIPS} "
            "WHERE run_id = ? GROUP BY ALL ORDER BY ALL"
        )
        skips = self._found(connection, sql, [runs[0].pop("id")], -1, deadline)
        return {"last_sync": runs[0], "not_read": skips.objects()}

    def _check_ours(
        self, connection: duckdb.DuckDBPyConnection, deadline: Deadline
    ) -> tuple[str, dict[str, str]]:
        """What the file is called in SQL, and what it says of itself.

        A file may be called like one of its schemas, which its name tells apart.

        Raises:
            FileError: it is none of ours.
        """
        schemas = (
            "SELECT system.main.count(*) FROM system.main.duckdb_tables() WHERE schema_name = ? "
            "AND table_name IN ('meta', 'state', 'streams', 'replaced')"
        )
        count = self._found(connection, schemas, [SCHEMA], -1, deadline).rows[0][0]
        if count != len((META, STATE, STREAMS, REPLACED)):
            message = f"{self.path} is no file that source-gitlab sync has written."
            raise FileError(message)
        named = self._found(connection, "SELECT current_database()", (), -1, deadline)
        here = quoted(named.rows[0][0])
        sql = f"SELECT name, value FROM {here}.{META}"
        rows = self._found(connection, sql, (), -1, deadline).rows
        meta: dict[str, str] = dict(rows)
        if int(meta.get("format", FORMAT)) > FORMAT:
            message = f"{self.path} was written by a newer source-gitlab; upgrade this one."
            raise FileError(message)
        return here, meta

    @contextmanager
    def _opened(self, deadline: Deadline) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            with self._connected(deadline) as connection:
                yield connection
        except DeadlineExceeded:
            raise DeadlineExceeded(_SLOW) from None

    @contextmanager
    def _connected(self, deadline: Deadline) -> Iterator[duckdb.DuckDBPyConnection]:
        # Whoever waits for its turn ends with its own deadline.
        with within(deadline), Bounds().holding(_ONE_AT_A_TIME):
            deadline.check()
            if not self.path.is_file():
                message = f"There is no file {self.path}. `source-gitlab sync --to` writes it."
                raise FileError(message)
            try:
                connection = duckdb.connect(str(self.path), read_only=True, config=_SETTINGS)
            except duckdb.Error as error:
                raise FileError(self._unopened(str(error))) from error
            try:
                connection.execute("SET TimeZone = 'UTC'")
                connection.execute("SET enable_progress_bar = false")
                connection.execute("SET lock_configuration = true")
                yield connection
            finally:
                connection.close()

    def _unopened(self, reason: str) -> str:
        if any(sign in reason for sign in _BUSY):
            return (
                f"{self.path} is being written, as by a sync. DuckDB lets nobody read a file "
                "meanwhile: ask again when that has ended."
            )
        if any(sign in reason for sign in _OPEN_HERE):
            return f"{self.path} is open in this program in another way. Close it there first."
        if any(sign in reason for sign in _NO_DATABASE):
            return f"{self.path} is not a DuckDB database."
        return f"{self.path} cannot be opened: {_short(reason)}"

    def _found(
        self,
        connection: duckdb.DuckDBPyConnection,
        sql: str,
        values: Sequence[Any],
        most: int,
        deadline: Deadline,
    ) -> Found:
        """Run one query; `most` of -1 takes all rows."""
        with _ending(connection, deadline):
            try:
                cursor = connection.execute(sql, values)
                described = cursor.description or []
                rows = cursor.fetchall() if most < 0 else _fetched(cursor, most + 1)
            except duckdb.Error as error:
                deadline.check()
                message = f"The query failed: {_short(str(error))}"
                if isinstance(error, duckdb.OutOfMemoryException):
                    message = f"The query needs more than {_MEMORY} of memory, which it may not."
                raise FileError(message) from error
            except RecursionError:
                message = "The query is nested too deeply."
                raise FileError(message) from None
        deadline.check()
        types = [str(one[1]) for one in described]
        shown = [
            [as_json(value, kind) for value, kind in zip(row, types, strict=True)]
            for row in (rows if most < 0 else rows[:most])
        ]
        columns = _told_apart([str(one[0]) for one in described])
        return Found(columns, shown, len(rows) > len(shown))


@contextmanager
def _ending(connection: duckdb.DuckDBPyConnection, deadline: Deadline) -> Iterator[None]:
    """In the block, a query of the connection ends with the deadline."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(max(0.0, min(deadline.left, GLANCE))):
            if deadline.is_over():
                connection.interrupt()

    watcher = threading.Thread(target=watch, name="query-deadline", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _fetched(cursor: duckdb.DuckDBPyConnection, most: int) -> list[tuple[Any, ...]]:
    """At most so many rows.

    Raises:
        FileError: their texts are larger than an answer can be.
    """
    rows: list[tuple[Any, ...]] = []
    size = 0
    while len(rows) < most:
        some = cursor.fetchmany(min(_BATCH, most - len(rows)))
        if not some:
            break
        rows += some
        size += sum(len(value) for row in some for value in row if isinstance(value, (str, bytes)))
        if size > _LARGEST:
            message = (
                f"The rows have more than {_LARGEST >> 20} MB of text. Ask for fewer of them, or "
                "for some columns."
            )
            raise FileError(message)
    return rows


def _told_apart(names: list[str]) -> tuple[str, ...]:
    """The names of columns, of which a second one of the same name gets a number."""
    found: dict[str, None] = {}
    for name in names:
        unique, number = name, 2
        while unique in found:
            unique, number = f"{name}_{number}", number + 1
        found[unique] = None
    return tuple(found)


def _short(reason: str) -> str:
    """What DuckDB says, without the excerpts of the query that it draws below."""
    text = reason.partition("\n\nLINE ")[0].replace("\n", " ").strip()
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"


def as_json(value: Any, kind: str = "") -> Any:  # noqa: PLR0911 -- one for each type
    """A value of DuckDB's as JSON: instants as RFC 3339 in UTC, JSON columns as what they hold."""
    if kind == "JSON" and isinstance(value, str):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    if isinstance(value, datetime):
        moment = value if value.tzinfo is None else value.astimezone(timezone.utc)
        return moment.isoformat().replace("+00:00", "Z")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (list, tuple)):
        return [as_json(one) for one in value]
    if isinstance(value, dict):
        return {str(name): as_json(one) for name, one in value.items()}
    if isinstance(value, (bytes, bytearray)):
        return f"({len(value)} bytes)"
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
