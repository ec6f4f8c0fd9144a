"""A replacement comes into its table: what is new, what differs, and what is certainly gone.

Rows change in place, so that everything of the user's that hangs on the table stays valid, and only
what differs is written.
"""

# Identifiers cannot be parameters of a statement; every name below goes through `quoted`.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING

from source_gitlab.interfaces.duckdb import tables
from source_gitlab.interfaces.duckdb.layout import KEYLESS
from source_gitlab.interfaces.duckdb.tables import names_of, place
from source_gitlab.interfaces.sql_text import quoted
from source_gitlab.interfaces.sync_changes import Changes

if TYPE_CHECKING:
    import duckdb

    from source_gitlab.interfaces.sync_changes import Gone
    from source_gitlab.tables.table import StreamTable


def differences(
    connection: duckdb.DuckDBPyConnection, old: StreamTable, new: StreamTable, source: str
) -> tuple[int, int]:
    """How many rows of `source`, which has the columns of `new`, are new and how many differ.

    A table of another shape cannot be compared by value: all the rows that it has too differ.
    """
    join = _join(old, new, source, comparable=_comparable(old, new))
    row = connection.execute(
        "SELECT system.main.count(*) FILTER (o.digest IS NULL), "
        "system.main.count(*) FILTER (o.digest <> n.digest) "
        f"FROM {join}"
    ).fetchone()
    added, changed = row or (0, 0)
    return added, changed


def merge(
    connection: duckdb.DuckDBPyConnection,
    old: StreamTable,
    new: StreamTable,
    source: str,
    gone: Gone | None,
) -> Changes:
    """Bring the rows of `source` into a table of the same shape, and take out what is gone.

    Without `gone`, every row that `source` lacks is.
    """
    added, changed = differences(connection, old, new, source)
    found = connection.execute(
        f"DELETE FROM {place(old)} AS o WHERE {_condition(gone)} "
        f"AND NOT EXISTS (SELECT 1 FROM {source} n WHERE {_same_key(new)})"
    ).fetchone()
    if added or changed:
        before, behind = tables.upsert_into(old)
        join = _join(old, new, source, comparable=True)
        connection.execute(
            f"{before} SELECT {names_of(old)} FROM {source} SEMI JOIN "
            f"(SELECT {_key(new)} FROM {join} WHERE o.digest IS NULL OR o.digest <> n.digest) "
            f"USING ({_key(new)}) {behind}"
        )
    return Changes(added, changed, found[0] if found else 0)


def rebuild(
    connection: duckdb.DuckDBPyConnection,
    old: StreamTable,
    new: StreamTable,
    source: str,
    gone: Gone | None,
) -> Changes:
    """The same for a table whose types or key have changed: it is made anew.

    `source` gets the rows that stay. What they have of a type that has changed is cast, and is
    NULL where it cannot be; those that have no such key go to the rows without one.
    """
    has_key = tables.key_of(connection, old.name) == new.key
    before, read = count(connection, place(old)), count(connection, source)
    added, changed = differences(connection, old, new, source) if has_key else (read, 0)
    types = {column.name: column.type for column in new.columns}
    common = [column.name for column in old.columns if column.name in types]
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
    return Changes(added, changed, before - changed - kept)


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


def _join(old: StreamTable, new: StreamTable, source: str, *, comparable: bool) -> str:
    """The keys and digests of two tables side by side, as `n` and `o`."""
    # When a row was read is no change of it.
    names = [column.name for column in new.columns if column.name != "read_at"]
    values = ", ".join(map(quoted, names))
    digest = f"system.main.hash({values})" if comparable else "system.main.random()"
    key = _key(new)
    return (
        f"(SELECT {key}, {digest} AS digest FROM {source}) n "
        f"LEFT JOIN (SELECT {key}, {digest} AS digest FROM {place(old)}) o USING ({key})"
    )
