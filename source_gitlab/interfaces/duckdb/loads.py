"""Rows of all tables that wait to be loaded, and how they come into their tables."""

# Identifiers cannot be parameters of a statement; every name below goes through `quoted`.
# ruff: noqa: S608

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from source_gitlab.interfaces.duckdb import layout, merging, tables
from source_gitlab.interfaces.duckdb.load_buffer import Load
from source_gitlab.interfaces.duckdb_types import castable
from source_gitlab.tables.fitting import Fitter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from collections.abc import Set as AbstractSet

    import duckdb

    from source_gitlab.core.slices import Row
    from source_gitlab.interfaces.duckdb.deletions import Deletions
    from source_gitlab.interfaces.duckdb.transactions import Transactions
    from source_gitlab.interfaces.rows_file import RowsFile
    from source_gitlab.tables.fitting import Fit
    from source_gitlab.tables.table import StreamTable

_BUFFER_BYTES = 16 << 20
"""Rows of all streams that wait, at most."""

_LOADED = "temp._source_gitlab_loaded"


class Loads:
    """What waits for each stream's table, and for the tables that replace some of them.

    `probe` is a connection of its own, because questions about values must not touch the
    transaction, which any error would abort. `warn` is told, once for each column, of values that
    went to `_extra`. A load has `load_bytes` of JSON, and `remembered_keys` are remembered over
    all tables.
    """

    def __init__(  # noqa: PLR0913 -- a file, and how much goes into it at once
        self,
        connection: duckdb.DuckDBPyConnection,
        probe: duckdb.DuckDBPyConnection,
        transactions: Transactions,
        file: RowsFile,
        deletions: Deletions,
        *,
        warn: Callable[[str], None],
        load_bytes: int,
        remembered_keys: int,
    ) -> None:
        """Nothing waits yet."""
        self._connection = connection
        self._probe = probe
        self._transactions = transactions
        self._file = file
        self._deletions = deletions
        self._warn = warn
        self._load_bytes = load_bytes
        self._remembered_keys = remembered_keys
        self._buffered = 0
        self._remembered = 0
        self._fitters: dict[tuple[Any, ...], Fitter] = {}
        self._told: set[str] = set()
        self._fitting = threading.Lock()
        self._written: set[str] = set()
        self.current: dict[str, Load] = {}
        self.replacing: dict[str, Load] = {}

    def add_table(self, stream: str, table: StreamTable, *, rows: int | None) -> None:
        """Load into this table what comes for a stream; it has so many `rows`, or some."""
        load = self.current[stream] = Load(table, full=self._load_bytes)
        load.fresh = False
        if rows is not None:
            load.begin(rows)

    def replace(self, stream: str, table: StreamTable) -> None:
        """Load into a table of our own schema what comes for a stream from now on."""
        self.replacing[stream] = Load(table, layout.SCHEMA, self._load_bytes)

    def give_up(self, stream: str) -> Load | None:
        """End that, and forget what waits for the table; it, if there was one."""
        load = self.replacing.pop(stream, None)
        if load is not None:
            self._buffered -= load.size
        return load

    def fit(self, stream: str, table: StreamTable, rows: list[Row]) -> Fit:
        """Rows as they fit into a table of a stream. Thread-safe."""
        columns = tuple((column.name, column.type) for column in table.columns)
        with self._fitting:
            fitter = self._fitters.get((stream, columns, table.key))
            if fitter is None:
                fitter = Fitter(table, self._castable, partial(self._tell, stream))
                self._fitters[stream, columns, table.key] = fitter
        return fitter.fit(rows)

    def write(self, stream: str, fit: Fit) -> None:
        """Let rows wait; of several with one key the newest comes into the table."""
        load = self.replacing.get(stream) or self.current[stream]
        again = load.again(fit.keys)
        if again:
            repeated, fit = fit.split(again)
            self.flush(load)
            self._add(load, repeated, stream)
            self.flush(load, newest=True)
        self._add(load, fit, stream)

    def flush_all(self) -> None:
        """Load all that waits."""
        for load in self._each():
            self.flush(load)

    def flush(self, load: Load, *, newest: bool = False) -> None:
        """Load what waits; with `newest`, only rows that are no older than those of the table."""
        if not load.size:
            return
        name = load.table.name
        with self._transactions.within():
            self._file.write(load.parts())
            source = load.select_from(self._file.path)
            if newest:
                source += load.no_older
            fresh = load.fresh and not self._deletions.has_marks(name)
            if fresh or self._brings_something(load, source):
                if not fresh:
                    source = f"SELECT {tables.names_of(load.table)} FROM {_LOADED}"
                before, behind = tables.upsert_into(load.table, load.schema)
                self._connection.execute(f"{before} {source} {'' if load.is_new else behind}")
                if not fresh:
                    self._deletions.unmark(load.table, _LOADED)
            self._file.clear()
        self._written.add(name)
        self._buffered -= load.size
        self._remembered += load.clear()
        if self._remembered > self._remembered_keys:
            for each in self._each():
                each.known = None

    def forget_returned(self) -> None:
        """Drop what is kept of deleted rows that were loaded since this was asked last."""
        for name in self._written & self.current.keys():
            self._deletions.forget_returned(self.current[name].table)
        self._written.clear()

    def _add(self, load: Load, fit: Fit, stream: str) -> None:
        if fit.keyless:
            self._keep_keyless(stream, fit.keyless)
        if not fit.body:
            return
        load.add(fit)
        self._buffered += len(fit.body)
        if load.is_full:
            self.flush(load)
        elif self._buffered >= _BUFFER_BYTES:
            self.flush_all()

    def _each(self) -> Iterator[Load]:
        yield from (*self.current.values(), *self.replacing.values())

    def _tell(self, stream: str, message: str) -> None:
        with self._fitting:
            is_told = f"{stream}{message}" in self._told
            self._told.add(f"{stream}{message}")
        if not is_told:
            self._warn(f"{stream}{message}")

    def _castable(self, texts: Collection[str], kind: str) -> AbstractSet[str]:
        with self._fitting, self._transactions.errors():
            return castable(self._probe, texts, kind)

    def _keep_keyless(self, stream: str, rows: list[Row]) -> None:
        self._warn(f"{stream}: {len(rows)} rows without a usable key, kept in {layout.KEYLESS}")
        with self._transactions.within():
            for row in rows:
                self._connection.execute(
                    f"INSERT OR REPLACE INTO {layout.KEYLESS} VALUES (?, ?)",
                    [stream, orjson.dumps(row).decode()],
                )

    def _brings_something(self, load: Load, source: str) -> bool:
        """Load rows into a temporary table, and say whether any of them is new or other.

        Much of what an overlap or a moved parent brings again is the same as before; writing it
        would wear the file and count as a change.
        """
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {_LOADED} AS {source}")
        marks = self._deletions.has_marks(load.table.name)
        added, changed = merging.differences(
            self._connection, load.table, load.table, _LOADED, marks=marks
        )
        load.updated += changed
        return bool(added or changed)
