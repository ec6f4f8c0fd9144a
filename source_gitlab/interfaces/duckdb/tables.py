"""The streams' tables: creating them, adding what they lack, and making them anew.

What the user hangs on a table of ours stays and stays valid: indexes are made again where DuckDB
does not let them be, and so are views, for DuckDB before 2.0 takes none whose columns have moved.
"""

# Identifiers cannot be parameters of a statement; every name below goes through `quoted`.
# ruff: noqa: S608

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import duckdb

from source_gitlab.interfaces.duckdb.file import HERE, StoreError
from source_gitlab.interfaces.duckdb_types import column_of
from source_gitlab.interfaces.sql_text import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from source_gitlab.tables.table import StreamTable, TableColumn

log = logging.getLogger("source_gitlab")

MAIN = "main"


def place(table: StreamTable, schema: str = MAIN) -> str:
    """Where a table stands, in SQL."""
    return f"{schema}.{quoted(table.name)}"


def names_of(table: StreamTable) -> str:
    """The columns of a table, as a list in SQL."""
    return ", ".join(quoted(column.name) for column in table.columns)


def upsert_into(table: StreamTable, schema: str = MAIN) -> tuple[str, str]:
    """What goes before and behind a SELECT of all columns, to insert its rows or replace others.

    Columns that are not ours keep their values, and the user's unique indexes decide nothing.
    """
    sets = [
        f"{quoted(column.name)} = excluded.{quoted(column.name)}"
        for column in table.columns
        if column.name not in table.key
    ]
    key = ", ".join(map(quoted, table.key))
    return (
        f"INSERT INTO {place(table, schema)} ({names_of(table)})",
        f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(sets)}",
    )


def create(connection: duckdb.DuckDBPyConnection, table: StreamTable, schema: str = MAIN) -> None:
    """Create a stream's table, with its key and comments."""
    columns = ", ".join(f"{quoted(column.name)} {column.type}" for column in table.columns)
    key = ", ".join(map(quoted, table.key))
    connection.execute(f"CREATE TABLE {place(table, schema)} ({columns}, PRIMARY KEY ({key}))")
    if table.comment:
        connection.execute(f"COMMENT ON TABLE {place(table, schema)} IS {literal(table.comment)}")
    for column in table.columns:
        _comment(connection, place(table, schema), column)


def _comment(connection: duckdb.DuckDBPyConnection, table: str, column: TableColumn) -> None:
    if column.comment:
        connection.execute(
            f"COMMENT ON COLUMN {table}.{quoted(column.name)} IS {literal(column.comment)}"
        )


def columns_of(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[TableColumn, ...]:
    """The columns of a table as the file has them."""
    rows = connection.execute(
        "SELECT column_name, data_type, comment FROM system.main.duckdb_columns() "
        f"WHERE {HERE} AND schema_name = 'main' AND table_name = ? "
        "ORDER BY column_index",
        [name],
    ).fetchall()
    return tuple(column_of(*row) for row in rows)


def evolve(connection: duckdb.DuckDBPyConnection, table: StreamTable) -> tuple[StreamTable, bool]:
    """Add the columns that the schema has gained; the table as it is now, and whether it changed.

    A column whose type the schema has changed keeps the type that the file gave it, because the
    old rows are in it; `rebuild` changes it.
    """
    # DuckDB ignores the letter case of column names.
    old = {column.name.casefold(): column for column in columns_of(connection, table.name)}
    columns = []
    added = False
    for column in table.columns:
        known = old.get(column.name.casefold())
        if known is None:
            connection.execute(
                f"ALTER TABLE {place(table)} ADD COLUMN {quoted(column.name)} {column.type}"
            )
            added = True
        if known is None or known.comment != column.comment:
            _comment(connection, place(table), column)
        columns.append(
            column if known is None else column_of(column.name, known.type, column.comment)
        )
    return replace(table, columns=tuple(columns)), added


def rebuild(
    connection: duckdb.DuckDBPyConnection, old: StreamTable, new: StreamTable, source: str
) -> None:
    """Make a table anew with other types or another key, from the rows of the table `source`.

    The user's columns come along, with their values where the key is the same, and so do the
    user's indexes.
    """
    ours = {column.name.casefold() for column in new.columns}
    own = tuple(c for c in columns_of(connection, old.name) if c.name.casefold() not in ours)
    has_key = key_of(connection, old.name) == new.key
    indexes = connection.execute(
        "SELECT sql FROM system.main.duckdb_indexes() "
        f"WHERE {HERE} "
        "AND schema_name = 'main' AND table_name = ? AND sql IS NOT NULL",
        [old.name],
    ).fetchall()
    kept = replace(new, columns=own)
    if own and has_key:
        key = ", ".join(map(quoted, new.key))
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE _source_gitlab_kept AS "
            f"SELECT {key}, {names_of(kept)} FROM {place(old)}"
        )
    connection.execute(f"DROP TABLE {place(old)}")
    create(connection, replace(new, columns=(*new.columns, *own)))
    select = f"SELECT {names_of(new)} FROM {source}"
    names = names_of(new)
    if own and has_key:
        names += f", {names_of(kept)}"
        select = f"SELECT {names} FROM {source} LEFT JOIN temp._source_gitlab_kept USING ({key})"
    connection.execute(f"INSERT INTO {place(new)} ({names}) {select}")
    for (statement,) in indexes:
        connection.execute(statement)


def key_of(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[str, ...]:
    """The primary key that the file gave a table, in order; () without one."""
    row = connection.execute(
        "SELECT constraint_column_names FROM system.main.duckdb_constraints() "
        f"WHERE {HERE} AND schema_name = 'main' "
        "AND table_name = ? AND constraint_type = 'PRIMARY KEY'",
        [table],
    ).fetchone()
    return tuple(row[0]) if row else ()


def check_references(
    connection: duckdb.DuckDBPyConnection, path: Path, streams: Collection[str]
) -> None:
    """Refuse a file in which a foreign key holds rows of ours.

    Raises:
        StoreError: DuckDB neither changes nor removes a row that a foreign key points to.
    """
    row = connection.execute(
        "SELECT table_name, referenced_table FROM system.main.duckdb_constraints() "
        f"WHERE {HERE} AND constraint_type = 'FOREIGN KEY' "
        "AND system.main.list_contains(?, referenced_table) ORDER BY ALL",
        [sorted(streams)],
    ).fetchone()
    if row:
        message = (
            f"The table {row[0]} in {path} has a foreign key to {row[1]}, and DuckDB changes no "
            f"row that a foreign key points to; make {row[0]} again without it"
        )
        raise StoreError(message)


def refresh_views(connection: duckdb.DuckDBPyConnection, changed: Collection[str]) -> None:
    """Make the user's views on these tables again, and the views on those, in their order.

    To be called outside a transaction: a view that DuckDB does not take (it may read a file that
    is elsewhere today) stays as it was.
    """
    affected = {name.casefold() for name in changed}
    for schema, name, comment, statement in connection.execute(
        "SELECT schema_name, view_name, comment, sql FROM system.main.duckdb_views() "
        f"WHERE {HERE} AND NOT internal AND NOT temporary "
        "ORDER BY view_oid"
    ).fetchall():
        words = {word.casefold() for word in re.findall(r"\w+", statement)}
        if not words & affected:
            continue
        affected.add(name.casefold())
        view = f"{quoted(schema)}.{quoted(name)}"
        again = re.sub(r"^CREATE VIEW\b", "CREATE OR REPLACE VIEW", statement)
        with _left_alone(view):
            with _schema(connection, schema):
                connection.execute(again)
            if comment:
                connection.execute(f"COMMENT ON VIEW {view} IS {literal(comment)}")


@contextmanager
def _left_alone(view: str) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        log.info("the view %s was not made again: %s", view, error)


@contextmanager
def _schema(connection: duckdb.DuckDBPyConnection, schema: str) -> Iterator[None]:
    """Names in the block mean what they meant in this schema."""
    row = connection.execute("SELECT system.main.current_database()").fetchone()
    database = quoted(row[0]) if row else ""
    connection.execute(f"USE {database}.{quoted(schema)}")
    try:
        yield
    finally:
        connection.execute(f"USE {database}.{MAIN}")
