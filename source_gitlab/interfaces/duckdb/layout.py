"""What of a file is ours: a schema for our own tables, and the list of the streams' tables.

Everything else in the file is the user's, whatever it is called, and is not touched.
"""

# Identifiers cannot be parameters of a statement; every name below is ours or is `quoted`.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from source_gitlab.config.urls import instance_name
from source_gitlab.interfaces.duckdb.file import HERE, StoreError
from source_gitlab.interfaces.file_layout import (
    FORMAT,
    META,
    REPLACED,
    SCHEMA,
    STATE,
    STREAMS,
)
from source_gitlab.interfaces.sql_text import literal, quoted
from source_gitlab.tables.table import EXTRA

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    import duckdb

__all__ = ["FORMAT", "META", "REPLACED", "SCHEMA", "STATE", "STREAMS"]

KEYLESS: Final = f"{SCHEMA}.keyless"
DELETED: Final = f"{SCHEMA}.deleted_rows"
VERIFIED: Final = f"{SCHEMA}.verified"
_STAGING: Final = "staging_"

_OWN: Final = {
    META: ("name VARCHAR PRIMARY KEY, value VARCHAR", "What this file is"),
    STATE: (
        "stream VARCHAR PRIMARY KEY, state JSON, updated_at TIMESTAMPTZ",
        "How far each stream has been read; written together with the rows that it covers",
    ),
    KEYLESS: (
        "stream VARCHAR, row JSON, PRIMARY KEY (stream, row)",
        "Rows whose key is missing or of another type, so that no table can hold them",
    ),
    DELETED: (
        "stream VARCHAR, key JSON, row JSON, missed_at TIMESTAMPTZ",
        "Rows that GitLab no longer has, with when a read missed them",
    ),
    REPLACED: (
        "stream VARCHAR PRIMARY KEY, replaced_at TIMESTAMPTZ",
        "When a read began that compared the table with all that GitLab has, by GitLab's clock",
    ),
    VERIFIED: (
        "stream VARCHAR PRIMARY KEY, verified_at TIMESTAMPTZ",
        "When the rows of a stream were last counted beside GitLab's, as far as that was due",
    ),
    STREAMS: ("stream VARCHAR PRIMARY KEY", "The tables in main that source-gitlab writes"),
}
# Where format 1 had them.
_OLD: Final = {
    META: "main._source_gitlab_meta",
    STATE: "main._source_gitlab_state",
    KEYLESS: "main._source_gitlab_keyless",
}
_OLD_STAGING: Final = "_staging_"


def staging(stream: str) -> str:
    """The name, within `SCHEMA`, of the table beside a stream's that a replacement is read into."""
    return _STAGING + stream


def claim(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    streams: Collection[str],
    urls: tuple[str | None, str | None],
) -> set[str]:
    """Make the file ours, or find that it is; the streams of which it has a table of ours.

    `urls` are the address of the GitLab that is read, and a former one of the same GitLab. A file
    of format 1 is brought to this format, rows and states as they are.

    Raises:
        StoreError: the file is of a newer layout, belongs to another GitLab, or holds something of
            the user's where we would write.
    """
    columns = _columns(connection)
    if _is_format_1(columns) and (SCHEMA, "meta") not in columns:
        _check_meta(connection, path, urls, _OLD[META])
        _carry_over(connection, columns, streams)
        columns = _columns(connection)
    elif (SCHEMA, "meta") in columns:
        _check_meta(connection, path, urls, META)
    else:
        _check_schema(connection, path)
    own = _recorded(connection) if (SCHEMA, "streams") in columns else set()
    own = {name for name in own if _is_marked(columns, name)}
    _check_names(connection, path, set(streams) - own)
    _create(connection, urls[0])
    for schema, name in columns:
        if schema == SCHEMA and name.startswith(_STAGING):
            connection.execute(f"DROP TABLE {SCHEMA}.{quoted(name)}")
    return own


def record(connection: duckdb.DuckDBPyConnection, stream: str) -> None:
    """Note that a stream's table has been made, which holds nothing yet.

    A state that is there is of a table that somebody has dropped: its rows have to be read again.
    """
    connection.execute(f"INSERT INTO {STREAMS} VALUES (?) ON CONFLICT DO NOTHING", [stream])
    connection.execute(f"DELETE FROM {STATE} WHERE stream = ?", [stream])
    connection.execute(f"DELETE FROM {REPLACED} WHERE stream = ?", [stream])
    connection.execute(f"DELETE FROM {VERIFIED} WHERE stream = ?", [stream])


def note_replaced(connection: duckdb.DuckDBPyConnection, stream: str, at: str) -> None:
    """Note that a table has been replaced as a whole, by a read that began then."""
    connection.execute(
        f"INSERT OR REPLACE INTO {REPLACED} VALUES (?, CAST(? AS TIMESTAMPTZ))", [stream, at]
    )


def is_replaced(connection: duckdb.DuckDBPyConnection, stream: str, since: str) -> bool:
    """Whether a table was replaced as a whole by a read that began later than that."""
    row = connection.execute(
        f"SELECT replaced_at > CAST(? AS TIMESTAMPTZ) FROM {REPLACED} WHERE stream = ?",
        [since, stream],
    ).fetchone()
    return bool(row and row[0])


def ours(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The streams of which a file has a table of ours; nothing is made in it."""
    columns = _columns(connection)
    found = _recorded(connection) if (SCHEMA, "streams") in columns else set()
    return {name for name in found if _is_marked(columns, name)}


def verified(connection: duckdb.DuckDBPyConnection, stream: str) -> str | None:
    """When a stream was last compared, as `Store.verified`."""
    row = connection.execute(
        "SELECT system.main.strftime(verified_at, '%Y-%m-%dT%H:%M:%S.%gZ') "
        f"FROM {VERIFIED} WHERE stream = ?",
        [stream],
    ).fetchone()
    return str(row[0]) if row and row[0] else None


def note_verified(connection: duckdb.DuckDBPyConnection, streams: Collection[str], at: str) -> None:
    """Note when these streams were compared."""
    for stream in streams:
        connection.execute(
            f"INSERT OR REPLACE INTO {VERIFIED} VALUES (?, CAST(? AS TIMESTAMPTZ))", [stream, at]
        )


def last_commit(connection: duckdb.DuckDBPyConnection, streams: Collection[str]) -> str | None:
    """When the states of `streams` were written, as `Store.last_commit`."""
    row = connection.execute(
        "SELECT system.main.count(*), "
        "system.main.strftime(system.main.min(updated_at), '%Y-%m-%dT%H:%M:%SZ') "
        f"FROM {STATE} WHERE system.main.list_contains(?, stream)",
        [list(streams)],
    ).fetchone()
    count, oldest = row or (0, None)
    return oldest if count == len(streams) else None


def _columns(
    connection: duckdb.DuckDBPyConnection,
) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """The names and types of the columns of each table, by schema and name."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for schema, table, name, kind in connection.execute(
        "SELECT c.schema_name, c.table_name, c.column_name, c.data_type "
        "FROM system.main.duckdb_columns() c "
        "JOIN system.main.duckdb_tables() t USING (table_oid, database_name) "
        f"WHERE c.{HERE} AND NOT c.internal ORDER BY c.column_index"
    ).fetchall():
        found.setdefault((schema, table), []).append((name, kind))
    return found


def _is_format_1(columns: Mapping[tuple[str, str], list[tuple[str, str]]]) -> bool:
    """Whether the file has our own tables where format 1 had them, in the form that they had."""
    names = {
        new: [name for name, _ in columns.get(("main", old.removeprefix("main.")), [])]
        for new, old in _OLD.items()
    }
    return names[META] == ["name", "value"] and names[STATE][:2] == ["stream", "state"]


def _is_marked(columns: Mapping[tuple[str, str], list[tuple[str, str]]], name: str) -> bool:
    """Whether a table has the column that each of ours has and hardly any other."""
    return (EXTRA, "JSON") in columns.get(("main", name), [])


def _recorded(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in connection.execute(f"SELECT stream FROM {STREAMS}").fetchall()}


def _create(connection: duckdb.DuckDBPyConnection, instance: str | None) -> None:
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    for name, (columns, comment) in _OWN.items():
        connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
        connection.execute(f"COMMENT ON TABLE {name} IS {literal(comment)}")
    known = {"format": str(FORMAT), "instance": instance}
    for name, value in known.items():
        if value is not None:
            connection.execute(f"INSERT OR REPLACE INTO {META} VALUES (?, ?)", [name, value])


def _check_meta(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    urls: tuple[str | None, str | None],
    table: str,
) -> None:
    meta = dict(connection.execute(f"SELECT name, value FROM {table}").fetchall())
    if int(meta.get("format", FORMAT)) > FORMAT:
        message = f"{path} was written by a newer source-gitlab; upgrade this one"
        raise StoreError(message)
    same = {instance_name(url) for url in urls if url is not None}
    if same and "instance" in meta and instance_name(meta["instance"]) not in same:
        message = (
            f"{path} holds data of {meta['instance']}, not of {urls[0]}; "
            "choose another file. If it is the same GitLab under a new address, set "
            f"former_api_url to {meta['instance']} in the configuration file"
        )
        raise StoreError(message)


def _check_schema(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    row = connection.execute(
        "SELECT system.main.count(*) FROM system.main.duckdb_schemas() "
        f"WHERE {HERE} AND system.main.lower(schema_name) = ?",
        [SCHEMA],
    ).fetchone()
    if row and row[0]:
        message = (
            f"{path} has a schema {SCHEMA} that source-gitlab did not write; rename it, or choose "
            "another file"
        )
        raise StoreError(message)


def _check_names(connection: duckdb.DuckDBPyConnection, path: Path, wanted: set[str]) -> None:
    """Refuse a file in which something of the user's has the name of a table to be made."""
    for kind, source in (
        ("table", "system.main.duckdb_tables()"),
        ("view", "system.main.duckdb_views()"),
    ):
        found = connection.execute(
            f"SELECT {kind}_name FROM {source} WHERE {HERE} "
            f"AND schema_name = 'main' AND NOT internal "
            f"AND system.main.list_contains(?, system.main.lower({kind}_name)) "
            "ORDER BY 1",
            [sorted(wanted)],
        ).fetchone()
        if found:
            message = (
                f"{path} has a {kind} {found[0]} that source-gitlab did not write; rename it, "
                "leave its stream out with --select, or choose another file"
            )
            raise StoreError(message)


def _carry_over(
    connection: duckdb.DuckDBPyConnection,
    columns: Mapping[tuple[str, str], list[tuple[str, str]]],
    streams: Collection[str],
) -> None:
    """Move our tables of format 1 into the schema."""
    _create(connection, None)
    for new, old in _OLD.items():
        if tuple(old.split(".")) in columns:
            connection.execute(f"INSERT OR REPLACE INTO {new} SELECT * FROM {old}")
            connection.execute(f"DROP TABLE {old}")
    connection.execute(f"UPDATE {META} SET value = '{FORMAT}' WHERE name = 'format'")
    # Format 1 did not note which tables it had made: each has a state once it was read.
    ours = {name for name in streams if _is_marked(columns, name)}
    for name in ours:
        connection.execute(f"INSERT INTO {STREAMS} VALUES (?)", [name])
    for schema, name in columns:
        stream = name.removeprefix(_OLD_STAGING)
        left = schema == "main" and stream != name and stream in streams
        if left and (EXTRA, "JSON") in columns[schema, name]:
            connection.execute(f"DROP TABLE main.{quoted(name)}")
