"""A replacement comes into its table: what is new, what differs, and what is certainly gone.

Rows change in place, so that everything of the user's that hangs on the table stays valid, and only
what differs is written.
"""

# Identifiers cannot be parameters of a statement; every name below goes through `quoted`.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING

from source_gitlab.interfaces.duckdb import tables
from source_gitlab.interfaces.duckdb.deletions import DELETED_AT
from source_gitlab.interfaces.duckdb.layout import KEYLESS
from source_gitlab.interfaces.duckdb.tables import names_of, place
from source_gitlab.interfaces.sql_text import quoted
from source_gitlab.interfaces.sync_changes import NOTHING, Changes

if TYPE_CHECKING:
    import duckdb

    from source_gitlab.interfaces.duckdb.deletions import Deletions
    from source_gitlab.interfaces.sync_changes import Gone
    from source_gitlab.tables.table import StreamTable


def differences(
    connection: duckdb.DuckDBPyConnection,
    old: StreamTable,
    new: StreamTable,
    source: str,
    *,
    marks: bool = False,
) -> tuple[int, int]:
    """How many rows of `source`, which has the columns of `new`, are new and how many differ.

    A table of another shape cannot be compared by value: all the rows that it has too differ. With
    `marks`, so do those that have been marked as gone.
    """
    join = _join(old, new, source, comparable=_comparable(old, new), marks=marks)
    row = connection.execute(
        "SELECT system.main.count(*) FILTER (o.digest IS NULL), "
        "system.main.count(*) FILTER (o.digest <> n.digest) "
        f"FROM {join}"
    ).fetchone()
    added, changed = row or (0, 0)
    return added, changed


def merge(
    connection: duckdb.DuckDBPyConnection,
    deletions: Deletions,
    tables_: tuple[StreamTable, StreamTable],
    source: str,
    gone: Gone | None,
) -> Changes:
    """Bring the rows of `source` into a table of the same shape, and take out what is gone.

    Without `gone`, every row that `source` lacks is.
    """
    old, new = tables_
    marks = deletions.has_marks(old.name)
    added, changed = 0, 0
    if count(connection, source):
        # It looks at the whole table, which is much where nothing was read.
        added, changed = differences(connection, old, new, source, marks=marks)
    deletions.unmark(old, source)
    removed = deletions.take_out(
        old,
        f"({_condition(gone)}) AND NOT EXISTS (SELECT 1 FROM {source} n WHERE {_same_key(new)})",
    )
    if added or changed:
        before, behind = tables.upsert_into(old)
        join = _join(old, new, source, comparable=True, marks=marks)
        connection.execute(
            f"{before} SELECT {names_of(old)} FROM {source} SEMI JOIN "
            f"(SELECT {_key(new)} FROM {join} WHERE o.digest IS NULL OR o.digest <> n.digest) "
            f"USING ({_key(new)}) {behind}"
        )
    deletions.forget_returned(old)
    return Changes(added, changed, removed)


def rebuild(
    connection: duckdb.DuckDBPyConnection,
    deletions: Deletions,
    tables_: tuple[StreamTable, StreamTable],
    source: str,
    gone: Gone | None,
) -> Changes:
    """The same for a table whose types or key have changed: it is made anew.

    `source` gets the rows that stay. What they have of a type that has changed is cast, and is
    NULL where it cannot be; those that have no such key go to the rows without one.
    """
    old, new = tables_
    has_key = tables.key_of(connection, old.name) == new.key
    before, read = count(connection, place(old)), count(connection, source)
    added, changed = differences(connection, old, new, source) if has_key else (read, 0)
    types = {column.name: column.type for column in new.columns}
    common = [column.name for column in old.columns if column.name in types]
    marked: int | None = None
    if set(new.key) <= set(common):
        missed = (
            f"({_condition(gone)}) AND NOT EXISTS (SELECT 1 FROM {source} n WHERE {_cast(new)})"
        )
        if deletions.keeps:
            marked = deletions.note_gone(old, new, source, missed)
            gone = NOTHING
        else:
            deletions.take_out(old, missed)
    if gone is not None and set(new.key) <= set(common):
        values = ", ".join(f"TRY_CAST(o.{quoted(name)} AS {types[name]})" for name in common)
        keyed = " AND ".join(
            f"TRY_CAST(o.{quoted(name)} AS {types[name]}) IS NOT NULL" for name in new.key
        )
        connection.execute(
            f"INSERT INTO {source} ({', '.join(map(quoted, common))}) SELECT {values} "
            f"FROM {place(old)} o WHERE ({_condition(gone)}) IS NOT TRUE AND {keyed} "
            "ON CONFLICT DO NOTHING"
        )
        every = ", ".join(
            f"{quoted(column.name)} := o.{quoted(column.name)}"
            for column in tables.columns_of(connection, old.name)
        )
        whole = f"system.main.to_json(system.main.struct_pack({every}))"
        connection.execute(
            f"INSERT INTO {KEYLESS} SELECT ?, {whole} FROM {place(old)} o "
            f"WHERE ({_condition(gone)}) IS NOT TRUE AND NOT ({keyed}) ON CONFLICT DO NOTHING",
            [old.name],
        )
    kept = count(connection, source) - read
    tables.rebuild(connection, old, new, source)
    if marked is not None:
        deletions.mark_noted(new)
    deletions.forget_returned(new)
    return Changes(added, changed, before - changed - kept if marked is None else marked)


def is_same_shape(old: StreamTable, new: StreamTable) -> bool:
    """Whether rows of `new` fit into `old` as they are; the order of columns does not matter."""
    return _comparable(old, new)


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """The rows of a table, given as it stands in SQL."""
    row = connection.execute(f"SELECT system.main.count(*) FROM {table}").fetchone()
    return row[0] if row else 0


def _comparable(old: StreamTable, new: StreamTable) -> bool:
    types = {column.name: column.type for column in old.columns}
    return all(types.get(column.name) == column.type for column in new.columns)


def _condition(gone: Gone | None) -> str:
    return "true" if gone is None else gone.condition


def _key(table: StreamTable) -> str:
    return ", ".join(map(quoted, table.key))


def _same_key(table: StreamTable) -> str:
    return " AND ".join(f"n.{quoted(name)} = o.{quoted(name)}" for name in table.key)


def _cast(table: StreamTable) -> str:
    """That a row of a table of other types has the key of a row `n`."""
    types = {column.name: column.type for column in table.columns}
    return " AND ".join(
        f"n.{quoted(name)} = TRY_CAST(o.{quoted(name)} AS {types[name]})" for name in table.key
    )


def _join(
    old: StreamTable, new: StreamTable, source: str, *, comparable: bool, marks: bool = False
) -> str:
    """The keys and digests of two tables side by side, as `n` and `o`."""
    # When a row was read is no change of it.
    names = [column.name for column in new.columns if column.name != "read_at"]
    values = ", ".join(map(quoted, names))
    digest = f"system.main.hash({values})" if comparable else "system.main.random()"
    before = digest
    if comparable and marks:
        before = f"system.main.hash({values}, o.{DELETED_AT} IS NOT NULL)"
        digest = f"system.main.hash({values}, false)"
    key = _key(new)
    return (
        f"(SELECT {key}, {digest} AS digest FROM {source}) n "
        f"LEFT JOIN (SELECT {key}, {before} AS digest FROM {place(old)} o) o USING ({key})"
    )
