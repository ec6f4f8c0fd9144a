"""Rows and the state that covers them, in one DuckDB file, in the same transactions.

A process killed at any moment leaves the file as of the last commit: the rows of a page and the
state that counts them in are both there or both missing. Rows are upserted by key, so what is read
again after such a death replaces itself.

A store belongs to one thread.
"""

# Identifiers cannot be parameters of a statement; every name below goes through `quoted`.
# ruff: noqa: S608

from __future__ import annotations

import logging
import re
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import orjson

from source_gitlab.duckdb import tables
from source_gitlab.duckdb.fitting import Fitter
from source_gitlab.duckdb.loading import Load
from source_gitlab.duckdb.tables import StoreError, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from source_gitlab.duckdb.fitting import Fit, Row
    from source_gitlab.duckdb.types import StreamTable

__all__ = ["Changes", "Store", "StoreError"]

log = logging.getLogger(__name__)

_DATE = re.compile(r"\d{4}-\d\d-\d\d")

_BUFFER_BYTES = 32 << 20
"""Rows of all streams that wait, at most."""

_REMEMBERED_KEYS = 500_000
"""Keys that are remembered, over all tables, to know that a row is new; some 40 MB."""

_LOADED = "_source_gitlab_loaded"


@dataclass(frozen=True)
class Changes:
    """What a replacement did to a table, in rows."""

    new: int
    changed: int
    removed: int

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.removed)


class Store:
    """One DuckDB file with a table for each stream of `schemas`.

    `instance` is the address of the GitLab that the rows come from: a file that holds another one's
    is refused, unless that is the `former` address of this one.
    `warn` is told, once for each column, of values that went to `_extra`.

    Raises:
        StoreError: from every method, when the file cannot be used or written. After it only
            `close` may be called; the file is as of the last commit.
    """

    def __init__(
        self,
        path: str | Path,
        schemas: Mapping[str, StreamTable],
        *,
        instance: str | None = None,
        former: str | None = None,
        warn: Callable[[str], None] = log.warning,
    ) -> None:
        self.path = Path(path)
        self._declared = dict(schemas)
        self._warn = warn
        self._open = False
        self._buffered = 0
        self._remembered = 0
        self._connection = tables.connect(self.path)
        # Questions about values must not touch the transaction, which any error would abort.
        self._probe = self._connection.cursor()
        self._probe.execute("SET TimeZone = 'UTC'")
        with self._errors():
            self._folder = tempfile.TemporaryDirectory(prefix="source-gitlab-")
        self._file = Path(self._folder.name) / "rows.json"
        try:
            with self._transaction():
                actual = tables.prepare(self._connection, self.path, schemas, instance, former)
                self._rekeyed = {
                    name
                    for name, table in schemas.items()
                    if tables.key_of(self._connection, name) != table.key
                }
            self._end("COMMIT")
        except BaseException:
            self.close()
            raise
        self._loads = {name: self._load(table, name) for name, table in actual.items()}
        for name, load in self._loads.items():
            load.fresh = self._count(name) == 0
        self._replacing: dict[str, Load] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def state(self, stream: str) -> dict[str, Any] | None:
        """The state that the last commit of a stream left, None when there is none.

        A stream that `needs_replacing` has none: its rows cannot be added to.
        """
        if stream in self._rekeyed:
            return None
        with self._errors():
            row = self._connection.execute(
                f"SELECT state FROM {tables.STATE} WHERE stream = ?", [stream]
            ).fetchone()
        if row is None:
            return None
        state: dict[str, Any] = orjson.loads(row[0])
        return state

    def last_commit(self, streams: Collection[str]) -> str | None:
        """When the states of `streams` were written, the oldest: ISO 8601, UTC, whole seconds.

        None when one of them has none.
        """
        with self._errors():
            row = self._connection.execute(
                "SELECT count(*), strftime(min(updated_at), '%Y-%m-%dT%H:%M:%SZ') "
                f"FROM {tables.STATE} WHERE list_contains(?, stream)",
                [list(streams)],
            ).fetchone()
        count, oldest = row or (0, None)
        return oldest if count == len(streams) else None

    def needs_replacing(self, stream: str) -> bool:
        """Whether the file's table has another key than the stream has now."""
        return stream in self._rekeyed

    def write(self, stream: str, rows: list[Row]) -> None:
        """Upsert rows by key, in the open transaction; of several with one key the newest stays.

        The newest is the one with the latest cursor, and of equal ones the last. A row that an
        earlier store wrote is older than any of these: GitLab may be restored from a backup.

        Rows go to the side table while the stream is being replaced. They may wait in memory, at
        most 32 MB of them, until `commit`.
        """
        if not rows:
            return
        load = self._replacing.get(stream) or self._loads[stream]
        fit = load.fitter.fit(rows)
        again = load.again(fit.keys)
        if again:
            repeated, rows = load.fitter.split(rows, again)
            self._flush(load)
            self._add(load, load.fitter.fit(repeated), stream)
            self._flush(load, newest=True)
            if not rows:
                return
            fit = load.fitter.fit(rows)
        self._add(load, fit, stream)

    def _add(self, load: Load, fit: Fit, stream: str) -> None:
        if fit.keyless:
            self._keep_keyless(stream, fit.keyless)
        if not fit.body:
            return
        load.add(fit)
        self._buffered += len(fit.body)
        if load.is_full:
            self._flush(load)
        elif self._buffered >= _BUFFER_BYTES:
            self._flush_all()

    def commit(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Make all that was written durable, and with it these states, by stream."""
        self._flush_all()
        with self._transaction():
            self._put_states(states)
        self._end("COMMIT")

    def begin_replace(self, stream: str) -> None:
        """Collect what is written to a stream from now on in an empty side table."""
        self.abandon_replace(stream)
        staging = replace(self._declared[stream], name=tables.STAGING + stream)
        with self._transaction():
            tables.create(self._connection, staging)
        self._replacing[stream] = self._load(staging, stream)

    def finish_replace(self, stream: str, state: Mapping[str, Any]) -> Changes:
        """Put the side table in the place of the stream's, with its state, and commit.

        A table of which nothing changed is left as it is.
        """
        load = self._replacing[stream]
        self._flush_all()
        old, new = quoted(stream), quoted(load.table.name)
        with self._transaction():
            changes = self._compare(self._loads[stream].table, load.table)
            same_columns = self._loads[stream].table.columns == load.table.columns
            if changes or not same_columns or stream in self._rekeyed:
                self._connection.execute(f"DROP TABLE {old}")
                self._connection.execute(f"ALTER TABLE {new} RENAME TO {old}")
                self._loads[stream] = self._load(self._declared[stream], stream)
                self._loads[stream].fresh = False
                self._rekeyed.discard(stream)
            else:
                self._connection.execute(f"DROP TABLE {new}")
            self._put_states({stream: state})
        del self._replacing[stream]
        self._end("COMMIT")
        return changes

    def abandon_replace(self, stream: str) -> None:
        """Drop the side table, if there is one; the stream keeps the rows that it had."""
        load = self._replacing.pop(stream, None)
        if load is not None:
            self._buffered -= load.size
            with self._transaction():
                self._connection.execute(f"DROP TABLE {quoted(load.table.name)}")

    def updated(self, stream: str) -> int:
        """Rows that were in the table and now have other values, because of `write`."""
        self._flush_all()
        return self._loads[stream].updated

    def counts(self) -> dict[str, int]:
        """Rows in each stream's table, those of the open transaction included."""
        self._flush_all()
        return {name: self._count(name) for name in self._loads}

    def close(self) -> None:
        """Give up what was not committed, and the file. Closing twice does nothing."""
        with suppress(duckdb.Error):  # a transaction that an error ended needs no ROLLBACK
            if self._open:
                self._connection.execute("ROLLBACK")
        self._open = False
        self._probe.close()
        # Closing folds the write-ahead log into the file; with a full disk it stays beside it.
        with suppress(duckdb.Error):
            self._connection.close()
        self._folder.cleanup()

    def _load(self, table: StreamTable, stream: str) -> Load:
        def warn(message: str) -> None:
            self._warn(f"{stream}{message}")

        return Load(table, Fitter(table, self._castable, warn))

    def _castable(self, text: str, kind: str) -> bool:
        # DuckDB takes a time for a DATE and drops the hours.
        if kind == "DATE" and not _DATE.fullmatch(text):
            return False
        with self._errors():
            row = self._probe.execute(
                f"SELECT TRY_CAST(? AS {kind}) IS NOT NULL", [text]
            ).fetchone()
        return bool(row and row[0])

    def _keep_keyless(self, stream: str, rows: list[Row]) -> None:
        self._warn(f"{stream}: {len(rows)} rows without a usable key, kept in {tables.KEYLESS}")
        with self._transaction():
            for row in rows:
                self._connection.execute(
                    f"INSERT OR REPLACE INTO {tables.KEYLESS} VALUES (?, ?)",
                    [stream, orjson.dumps(row).decode()],
                )

    def _each_load(self) -> Iterator[Load]:
        yield from (*self._loads.values(), *self._replacing.values())

    def _flush_all(self) -> None:
        for load in self._each_load():
            self._flush(load)

    def _flush(self, load: Load, *, newest: bool = False) -> None:
        """Load what waits; with `newest`, only rows that are no older than those of the table."""
        if not load.size:
            return
        with self._transaction():
            load.write_to(self._file)
            source = load.select_from(self._file)
            if newest:
                source += load.no_older
            if load.fresh or self._brings_something(load, source):
                source = source if load.fresh else f"SELECT {load.names} FROM {_LOADED}"
                verb = "INSERT" if load.is_new else "INSERT OR REPLACE"
                self._connection.execute(
                    f"{verb} INTO {quoted(load.table.name)} ({load.names}) {source}"
                )
        self._buffered -= load.size
        self._remembered += load.clear()
        if self._remembered > _REMEMBERED_KEYS:
            for each in self._each_load():
                each.known = None

    def _brings_something(self, load: Load, source: str) -> bool:
        """Load rows into a temporary table, and say whether any of them is new or other.

        Much of what an overlap or a moved parent brings again is the same as before; writing it
        would wear the file and count as a change.
        """
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {_LOADED} AS {source}")
        changes = self._compare(load.table, replace(load.table, name=_LOADED))
        load.updated += changes.changed
        return bool(changes.new or changes.changed)

    def _put_states(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        for stream, state in states.items():
            self._connection.execute(
                f"INSERT OR REPLACE INTO {tables.STATE} VALUES (?, ?, now())",
                [stream, orjson.dumps(state).decode()],
            )

    def _compare(self, old: StreamTable, new: StreamTable) -> Changes:
        """Count how the rows of `new` differ from those of `old`.

        A table of another shape cannot be compared by value: all its rows count as changed.
        """
        before, after = self._count(old.name), self._count(new.name)
        old_types = {column.name: column.type for column in old.columns}
        if old.name in self._rekeyed:
            return Changes(after, 0, before)
        comparable = all(old_types.get(c.name) == c.type for c in new.columns)
        # When a row was read is no change of it.
        names = [column.name for column in new.columns if column.name != "read_at"]
        values = ", ".join(map(quoted, names))
        key = ", ".join(map(quoted, new.key))
        digest = f"hash({values})" if comparable else "random()"
        row = self._connection.execute(
            f"SELECT count(*) FILTER (o.digest IS NULL), count(*) FILTER (o.digest <> n.digest) "
            f"FROM (SELECT {key}, {digest} AS digest FROM {quoted(new.name)}) n "
            f"LEFT JOIN (SELECT {key}, {digest} AS digest FROM {quoted(old.name)}) o USING ({key})"
        ).fetchone()
        added, changed = row or (0, 0)
        return Changes(added, changed, before - (after - added))

    def _count(self, table: str) -> int:
        with self._errors():
            row = self._connection.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()
        return row[0] if row else 0

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Open a transaction if none is; it stays open until `_end`."""
        with self._errors():
            if not self._open:
                self._connection.execute("BEGIN")
                self._open = True
            yield

    def _end(self, how: str) -> None:
        if self._open:
            with self._errors():
                self._connection.execute(how)
            self._open = False

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, OSError) as error:
            raise StoreError(self._reason(str(error))) from error

    def _reason(self, message: str) -> str:
        if "No space left" in message or "disk is full" in message.lower():
            return f"{self.path} cannot be written: the disk is full; free some space and run again"
        return f"{self.path} cannot be written: {message.splitlines()[0]}"
