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
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb
import orjson

from source_gitlab.interfaces.duckdb import file, layout, merging, tables, views
from source_gitlab.interfaces.duckdb.counted import FileCopy, keys_condition
from source_gitlab.interfaces.duckdb.deletions import Deletions
from source_gitlab.interfaces.duckdb.file import StoreError
from source_gitlab.interfaces.duckdb.load_buffer import LOAD_BYTES
from source_gitlab.interfaces.duckdb.loads import Loads
from source_gitlab.interfaces.duckdb.owned import Owned
from source_gitlab.interfaces.duckdb.runs import Runs
from source_gitlab.interfaces.duckdb.transactions import Transactions
from source_gitlab.interfaces.rows_file import RowsFile
from source_gitlab.interfaces.sql_text import quoted
from source_gitlab.interfaces.sync_changes import Changes, Gone
from source_gitlab.tables.fitting import Fit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from typing_extensions import Self

    from source_gitlab.core.slices import Owner, Row
    from source_gitlab.core.verification.search import Key
    from source_gitlab.tables.table import StreamTable

__all__ = ["Changes", "Gone", "Store", "StoreError"]

log = logging.getLogger("source_gitlab")

_KEYS_AT_ONCE = 500


class Store:
    """One DuckDB file with a table for each stream of `schemas`.

    `instance` is the address of the GitLab that the rows come from: a file that holds another one's
    is refused, unless that is the `former` address of this one.
    `warn` is told, once for each column, of values that went to `_extra`. A load has `load_bytes`
    of JSON, and `remembered_keys` are remembered over all tables (some 40 MB), to know that a row
    is new. `deleted` is one of `choices.DELETED`, or None for what the file was told last.

    Raises:
        StoreError: from every method, when the file cannot be used or written. After it only
            `close` may be called; the file is as of the last commit.
    """

    compares: Final = True

    def __init__(  # noqa: PLR0913 -- a file, what goes into it, and how much of it at once
        self,
        path: str | Path,
        schemas: Mapping[str, StreamTable],
        *,
        instance: str | None = None,
        former: str | None = None,
        deleted: str | None = None,
        warn: Callable[[str], None] = log.warning,
        load_bytes: int = LOAD_BYTES,
        remembered_keys: int = 500_000,
    ) -> None:
        self.path = Path(path)
        self._declared = dict(schemas)
        self._warn = warn
        with file.removed_unless_made(self.path):
            self._rows = self._opened()
            self.deletions = Deletions(self._connection, self.path)
            self.runs = Runs(self._connection, self._transactions)
            try:
                actual = self._prepared((instance, former), deleted)
            except BaseException:
                self.close()
                raise
        self._loads = Loads(
            self._connection,
            self._probe,
            self._transactions,
            self._rows,
            self.deletions,
            warn=warn,
            load_bytes=load_bytes,
            remembered_keys=remembered_keys,
        )
        for name, table in actual.items():
            self._loads.add_table(name, table, rows=self._count(name))
        self.owned = Owned()
        self._mended: dict[str, int] = {}

    def _opened(self) -> RowsFile:
        self._connection = file.connect(self.path)
        self._transactions = Transactions(self._connection, self.path)
        # Questions about values must not touch the transaction, which any error would abort.
        self._probe = self._connection.cursor()
        file.configure(self._probe)
        try:
            return RowsFile(self.path)
        except OSError as error:
            self._connection.close()
            raise StoreError(file.reason(self.path, str(error))) from error

    def _prepared(
        self, urls: tuple[str | None, str | None], deleted: str | None
    ) -> dict[str, StreamTable]:
        """Bring the file up to date; each stream's table as the file has it."""
        actual, grown = {}, set()
        with self._transactions.within():
            ours = layout.claim(self._connection, self.path, self._declared, urls)
            self.runs.prepare()
            tables.check_references(self._connection, self.path, self._declared)
            for name, table in self._declared.items():
                if name in ours:
                    actual[name], has_grown = tables.evolve(self._connection, table)
                    grown |= {name} if has_grown else set()
                else:
                    tables.create(self._connection, table)
                    layout.record(self._connection, name)
                    actual[name] = table
            grown |= self.deletions.prepare(ours | self._declared.keys(), deleted)
            self._rekeyed = {
                name
                for name, table in self._declared.items()
                if tables.key_of(self._connection, name) != table.key
            }
        self._transactions.commit()
        self._refresh_views(grown)
        return actual

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def state(self, stream: str) -> dict[str, Any] | None:
        """The state that the last commit of a stream left, None when there is none.

        A stream that `needs_replacing` has none: its rows cannot be added to.
        """
        if stream in self._rekeyed:
            return None
        with self._transactions.errors():
            row = self._connection.execute(
                f"SELECT state FROM {layout.STATE} WHERE stream = ?", [stream]
            ).fetchone()
        if row is None:
            return None
        state: dict[str, Any] = orjson.loads(row[0])
        return state

    def last_commit(self, streams: Collection[str]) -> str | None:
        """When the states of `streams` were written, the oldest: ISO 8601, UTC, whole seconds.

        None when one of them has none.
        """
        with self._transactions.errors():
            return layout.last_commit(self._connection, streams)

    def is_due(self, stream: str, since: str) -> bool:
        """Whether a stream was not replaced as a whole since an instant."""
        with self._transactions.errors():
            return not layout.is_replaced(self._connection, stream, since)

    def needs_replacing(self, stream: str) -> bool:
        """Whether the file's table has another key than the stream has now."""
        return stream in self._rekeyed

    def shaped(self, stream: str, rows: list[Row], *, is_replaced: bool = False) -> Fit:
        """Rows as `write` takes them; they are empty afterwards, whoever holds them. Thread-safe.

        `is_replaced` tells that the stream is being replaced, or will be, when they are written.
        """
        table = self._declared[stream] if is_replaced else self._loads.current[stream].table
        fit = self._loads.fit(stream, table, rows)
        kept = {id(row) for row in fit.keyless}
        for row in rows:
            if id(row) not in kept:
                row.clear()
        return fit

    def write(self, stream: str, rows: list[Row] | Fit, owner: Owner | None = None) -> None:
        """Upsert rows by key, in the open transaction; of several with one key the newest stays.

        With an `owner`, the rows are all that it has: its others leave the table with `commit`.

        The newest is the one with the latest cursor, and of equal ones the last. A row that an
        earlier store wrote is older than any of these: GitLab may be restored from a backup.

        Rows go to the table beside while the stream is being replaced. They may wait in memory, at
        most 16 MB of them, until `commit`.
        """
        load = self._loads.current[stream]
        is_replaced = stream in self._loads.replacing
        if not isinstance(rows, Fit):
            table = self._declared[stream] if is_replaced else load.table
            rows = self._loads.fit(stream, table, rows)
        if owner is not None and not is_replaced and not load.fresh:
            self.owned.note(stream, owner, rows.keys)
        self._loads.write(stream, rows)

    def commit(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Make all that was written durable, and with it these states, by stream."""
        self._loads.flush_all()
        with self._transactions.within():
            loads = self._loads.current
            self.owned.take_out(self._connection, self.deletions, self._rows, loads)
            self._loads.forget_returned()
            self._put_states(states)
        self._transactions.commit()
        with self._transactions.errors():
            file.let_go(self._connection)

    def mend(self, stream: str, missing: list[Row], gone: Collection[Key]) -> int:
        """Bring rows that the table is missing, take out those with the keys `gone`, and commit.

        How many rows have gone.
        """
        if missing:
            table = self._loads.current[stream].table
            self._loads.write(stream, self._loads.fit(stream, table, missing))
            self._loads.flush_all()
        table, removed, keys = self._loads.current[stream].table, 0, list(gone)
        with self._transactions.within():
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                listed = keys_condition(table.key, keys[start : start + _KEYS_AT_ONCE])
                removed += self.deletions.take_out(table, listed)
        self.commit({})
        self._mended[stream] = self._mended.get(stream, 0) + removed
        return removed

    def copy(self) -> FileCopy:
        """What is in the file, to be compared with GitLab."""
        self._loads.flush_all()
        return FileCopy(self._connection, self._transactions, self.deletions)

    def verified(self, stream: str) -> str | None:
        """When what was due was compared last: ISO 8601, UTC; None when it never was."""
        with self._transactions.errors():
            return layout.verified(self._connection, stream)

    def note_verified(self, streams: Collection[str], at: str) -> None:
        """Note that, and commit."""
        with self._transactions.within():
            layout.note_verified(self._connection, streams, at)
        self._transactions.commit()

    def begin_replace(self, stream: str) -> None:
        """Collect what is written to a stream from now on in an empty table beside its own.

        An empty table is written to as it is: there is nothing to compare with.
        """
        self.abandon_replace(stream)
        load, declared = self._loads.current[stream], self._declared[stream]
        if not load.size and not self._count(stream) and self._is_in_shape(stream):
            return
        staged = replace(declared, name=layout.staging(stream))
        with self._transactions.within():
            tables.create(self._connection, staged, layout.SCHEMA)
        self._loads.replace(stream, staged)

    def finish_replace(
        self, stream: str, state: Mapping[str, Any] | None, gone: Gone | None = None, at: str = ""
    ) -> Changes:
        """Bring what was collected into the stream's table, with its state, and commit.

        Rows that were not collected leave the table where they are `gone`; without it, all of them
        do. Without a `state`, that of the last commit stays. `at` is when the read began.
        """
        self._loads.flush_all()
        load, current = self._loads.replacing.get(stream), self._loads.current[stream]
        declared, rebuilt = self._declared[stream], False
        with self._transactions.within():
            if load is None:
                changes = Changes(self._count(stream), 0, 0)
                self.deletions.forget_returned(current.table)
            else:
                source = tables.place(load.table, layout.SCHEMA)
                rebuilt = not self._is_in_shape(stream)
                bring = merging.rebuild if rebuilt else merging.merge
                both = (current.table, declared)
                changes = bring(self._connection, self.deletions, both, source, gone)
                self._connection.execute(f"DROP TABLE {source}")
                table = declared if rebuilt else current.table
                self._loads.add_table(stream, table, rows=None)
            if state is not None:
                self._put_states({stream: state})
                if at:
                    layout.note_replaced(self._connection, stream, at)
        self._loads.give_up(stream)
        self._transactions.commit()
        if rebuilt:
            self._rekeyed.discard(stream)
            self._refresh_views({stream})
        return changes

    def _is_in_shape(self, stream: str) -> bool:
        """Whether the file's table of a stream has the key and the types that the stream has."""
        current, declared = self._loads.current[stream].table, self._declared[stream]
        return stream not in self._rekeyed and merging.is_same_shape(current, declared)

    def abandon_replace(self, stream: str) -> None:
        """Drop the table beside, if there is one; the stream keeps the rows that it had."""
        load = self._loads.give_up(stream)
        if load is not None:
            with self._transactions.within():
                self._connection.execute(f"DROP TABLE {tables.place(load.table, layout.SCHEMA)}")

    def changes(self, stream: str) -> Changes:
        """What was done to the table since the store was opened, but by replacing it."""
        self._loads.flush_all()
        load = self._loads.current[stream]
        removed = self.owned.removed(stream) + self.deletions.below[stream]
        removed += self._mended.get(stream, 0)
        left = 0 if self.deletions.keeps else removed
        return Changes(self._count(stream) - load.before + left, load.updated, removed)

    def counts(self) -> dict[str, int]:
        """Rows in each stream's table, those of the open transaction included."""
        self._loads.flush_all()
        return {name: self._count(name) for name in self._loads.current}

    def checkpoint(self) -> None:
        """Put what is committed into the file itself, so that it can be copied alone.

        Raises:
            StoreError: there is no room for it. What was committed stays in the file beside.
        """
        beside = file.wal_of(self.path)
        try:
            with self._transactions.errors():
                self._connection.execute("CHECKPOINT")
        except StoreError as error:
            message = (
                f"{error}. What was read is kept in {beside}, which belongs to the file: "
                "leave both where they are"
            )
            raise StoreError(message) from error

    def close(self) -> None:
        """Give up what was not committed, and the file. Closing twice does nothing."""
        self._transactions.give_up()
        self._probe.close()
        # Closing folds the write-ahead log into the file; with a full disk it stays beside it.
        with suppress(duckdb.Error):
            self._connection.close()
        self._rows.close()

    def _refresh_views(self, changed: Collection[str]) -> None:
        with self._transactions.errors():
            tables.refresh_views(self._connection, changed)
            views.install(self._connection, self._warn, again=bool(changed))

    def _put_states(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        for stream, state in states.items():
            self._connection.execute(
                f"INSERT OR REPLACE INTO {layout.STATE} VALUES (?, ?, system.main.now())",
                [stream, orjson.dumps(state).decode()],
            )

    def _count(self, stream: str) -> int:
        with self._transactions.errors():
            return merging.count(self._connection, f"{tables.MAIN}.{quoted(stream)}")
