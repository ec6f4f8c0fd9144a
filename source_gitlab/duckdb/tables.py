"""The DuckDB file itself: opening it, its tables, and bringing an older file up to date."""

# Identifiers cannot be parameters of a statement; every name below goes through `quoted`.
# ruff: noqa: S608

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import duckdb

from source_gitlab.addresses import instance_name
from source_gitlab.duckdb.types import Column, StreamTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1
"""The layout that this version writes; a file of a greater one is refused."""

META = "_source_gitlab_meta"
STATE = "_source_gitlab_state"
KEYLESS = "_source_gitlab_keyless"
STAGING = "_staging_"

_OWN = {
    META: ("name VARCHAR PRIMARY KEY, value VARCHAR", "What this file is"),
    STATE: (
        "stream VARCHAR PRIMARY KEY, state JSON, updated_at TIMESTAMPTZ",
        "How far each stream has been read; written together with the rows that it covers",
    ),
    KEYLESS: (
        "stream VARCHAR, row JSON, PRIMARY KEY (stream, row)",
        "Rows whose key is missing or of another type, so that no table can hold them",
    ),
}


# What DuckDB says when it cannot open a file, and what that means to the one who asked for it.
_SIGNS = {
    "Could not set lock": "is in use by another process; close it there and run again",
    "being used by another process": "is in use by another process; close it there and run again",
    "not a valid DuckDB database file": "is not a DuckDB database; choose another file with --to",
    "version number": "was written by another version of DuckDB; upgrade the duckdb package",
    "Permission denied": "cannot be written: permission denied",
    "Read-only": "cannot be written: the file system is read-only",
}


class StoreError(Exception):
    """The file cannot be used; the message says why and what to do."""


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal, where DuckDB takes no parameter."""
    return "'" + text.replace("'", "''") + "'"


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """Open or create the file, with times in UTC.

    Raises:
        StoreError: the file is no DuckDB database, is in use, or cannot be written.
    """
    try:
        connection = duckdb.connect(str(path))
    except duckdb.Error as error:
        raise StoreError(_reason(path, str(error))) from error
    connection.execute("SET TimeZone = 'UTC'")
    # One thread loads a JSON array as fast as two, and leaves the others to those who read.
    connection.execute("SET threads = 1")
    # The default, 16 MB, rewrites the half-full end of a table at every other commit.
    connection.execute("SET checkpoint_threshold = '256MB'")
    return connection


def _reason(path: Path, message: str) -> str:
    for sign, reason in _SIGNS.items():
        if sign.casefold() in message.casefold():
            return f"{path} {reason}"
    if path.is_dir():
        return f"{path} is a directory; name a file with --to"
    if not path.parent.is_dir():
        return f"{path} cannot be created: there is no directory {path.parent}"
    return f"{path} cannot be opened: {message.splitlines()[0]}"


def prepare(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    tables: Mapping[str, StreamTable],
    instance: str | None,
    former: str | None = None,
) -> dict[str, StreamTable]:
    """Create what the file lacks; answer each table as the file has it.

    A column that the schema has gained is added. A column whose type the schema has changed keeps
    the type that the file gave it, because the old rows are in it; `--full-refresh` rebuilds it.

    Raises:
        StoreError: the file is of a newer layout, belongs to another GitLab, or holds a table of
            the same name that is not ours.
    """
    present = _present(connection)
    _claim(connection, path, set(present), set(tables), (instance, former))
    for name in present:
        if name.startswith(STAGING):
            connection.execute(f"DROP TABLE {quoted(name)}")
    actual = {}
    for name, table in tables.items():
        if name in present:
            actual[name] = _evolve(connection, table, present[name])
        else:
            create(connection, table)
            actual[name] = table
    return actual


def _claim(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    present: set[str],
    wanted: set[str],
    urls: tuple[str | None, str | None],
) -> None:
    if META not in present:
        foreign = sorted(present & wanted)
        if foreign:
            message = (
                f"{path} has a table {foreign[0]} that source-gitlab did not write; "
                "choose another file with --to"
            )
            raise StoreError(message)
    for name, (columns, comment) in _OWN.items():
        if name not in present:
            connection.execute(f"CREATE TABLE {name} ({columns})")
            connection.execute(f"COMMENT ON TABLE {name} IS {literal(comment)}")
    meta = dict(connection.execute(f"SELECT name, value FROM {META}").fetchall())
    if int(meta.get("format", FORMAT)) > FORMAT:
        message = f"{path} was written by a newer source-gitlab; upgrade this one"
        raise StoreError(message)
    instance = urls[0]
    same = {instance_name(url) for url in urls if url is not None}
    if same and "instance" in meta and instance_name(meta["instance"]) not in same:
        message = (
            f"{path} holds data of {meta['instance']}, not of {instance}; "
            "choose another file with --to. If it is the same GitLab under a new address, set "
            f"former_api_url to {meta['instance']} in the configuration file"
        )
        raise StoreError(message)
    known = {"format": str(FORMAT), "instance": instance}
    for name, value in known.items():
        if value is not None and meta.get(name) != value:
            connection.execute(f"INSERT OR REPLACE INTO {META} VALUES (?, ?)", [name, value])


def _present(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Column]]:
    """The tables of the file, by name, with their columns."""
    rows = connection.execute(
        "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() "
        "WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal "
        "ORDER BY table_name, column_index"
    ).fetchall()
    present: dict[str, list[Column]] = {}
    for table, *column in rows:
        present.setdefault(table, []).append(Column(*column))
    return present


def create(connection: duckdb.DuckDBPyConnection, table: StreamTable) -> None:
    """Create a stream's table, with its key and comments."""
    columns = ", ".join(f"{quoted(column.name)} {column.type}" for column in table.columns)
    key = ", ".join(map(quoted, table.key))
    connection.execute(f"CREATE TABLE {quoted(table.name)} ({columns}, PRIMARY KEY ({key}))")
    if table.comment:
        connection.execute(f"COMMENT ON TABLE {quoted(table.name)} IS {literal(table.comment)}")
    for column in table.columns:
        _comment(connection, table.name, column)


def _comment(connection: duckdb.DuckDBPyConnection, table: str, column: Column) -> None:
    if column.comment:
        connection.execute(
            f"COMMENT ON COLUMN {quoted(table)}.{quoted(column.name)} IS {literal(column.comment)}"
        )


def _evolve(
    connection: duckdb.DuckDBPyConnection, table: StreamTable, present: list[Column]
) -> StreamTable:
    # DuckDB ignores the letter case of column names.
    old = {column.name.casefold(): column for column in present}
    columns = []
    for column in table.columns:
        known = old.get(column.name.casefold())
        if known is None:
            connection.execute(
                f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(column.name)} {column.type}"
            )
        if known is None or known.comment != column.comment:
            _comment(connection, table.name, column)
        columns.append(column if known is None else replace(column, type=known.type))
    return replace(table, columns=tuple(columns))


def key_of(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[str, ...]:
    """The primary key that the file gave a table, in order; () without one."""
    row = connection.execute(
        "SELECT constraint_column_names FROM duckdb_constraints() "
        "WHERE database_name = current_database() AND schema_name = 'main' "
        "AND table_name = ? AND constraint_type = 'PRIMARY KEY'",
        [table],
    ).fetchone()
    return tuple(row[0]) if row else ()
