"""The views that a file gets: those of `source_gitlab.views` whose tables it has.

A view of ours ends its comment with `MARK`. One of the same name without it is the user's, and so
is what the user makes of ours: `CREATE OR REPLACE VIEW` takes the comment away.
"""

# Identifiers cannot be parameters of a statement; every name below is ours or is `quoted`.
# ruff: noqa: S608

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import duckdb

from source_gitlab.interfaces.duckdb import layout
from source_gitlab.interfaces.duckdb.file import HERE
from source_gitlab.interfaces.sql_text import literal, quoted
from source_gitlab.views.catalog import SCHEMA, Renderer, possible

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from source_gitlab.views.catalog import View

MARK: Final = " [source-gitlab]"
_FINGERPRINT: Final = "views"  # in the table of what the file is


def install(
    connection: duckdb.DuckDBPyConnection, warn: Callable[[str], None], *, again: bool = False
) -> None:
    """Make the views that the file can have, and take away those of ours that it cannot have.

    To be called outside a transaction. `warn` is told of each view that is not made, and why: the
    name is taken by something of the user's, or DuckDB refuses the view. Nothing is done when all
    are there as they should be, unless they are to be made `again` because tables were.

    Raises:
        duckdb.Error: the file cannot be read, or a transaction cannot be written.
    """
    tables = _tables(connection)
    wanted = {view.name: (view, sql) for view, sql in _rendered(tables)}
    there = _comments(connection)
    text = repr([(name, sql, _comment(view)) for name, (view, sql) in wanted.items()])
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    ours = {name for name, comment in there.items() if comment and comment.endswith(MARK)}
    foreign = _foreign(wanted, set(there) - ours, warn)
    is_there = set(wanted) - set(foreign) == ours and _fingerprint(connection) == fingerprint
    if is_there and not again:
        return
    for name in sorted(ours - (set(wanted) - foreign)):
        connection.execute(f"DROP VIEW IF EXISTS {SCHEMA}.{quoted(name)}")
    if wanted:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    made = [_make(connection, *wanted[name], warn) for name in wanted if name not in foreign]
    if all(made):
        connection.execute(
            f"INSERT OR REPLACE INTO {layout.META} VALUES (?, ?)", [_FINGERPRINT, fingerprint]
        )


def _foreign(
    wanted: Mapping[str, tuple[View, str]], theirs: Collection[str], warn: Callable[[str], None]
) -> set[str]:
    """The wanted views in whose place is something of the user's, and those that would read it."""
    found: set[str] = set()
    for name, (view, _) in wanted.items():
        reads = [other for other in view.references if other in found]
        if name in theirs:
            warn(
                f"The view {SCHEMA}.{name} is not made: the file has something of that name that "
                "source-gitlab did not make. Rename or drop it to have the view"
            )
        elif reads:
            warn(f"The view {SCHEMA}.{name} is not made: it reads {SCHEMA}.{reads[0]}")
        if name in theirs or reads:
            found.add(name)
    return found


def _rendered(tables: Mapping[str, Collection[str]]) -> list[tuple[View, str]]:
    renderer = Renderer(tables, place="main", schema=SCHEMA)
    return [(view, renderer.sql(view)) for view in possible(tables)]


def _make(
    connection: duckdb.DuckDBPyConnection, view: View, sql: str, warn: Callable[[str], None]
) -> bool:
    """Make a view with its comments, or warn; whether it was made."""
    place = f"{SCHEMA}.{quoted(view.name)}"
    connection.execute("BEGIN TRANSACTION")
    try:
        connection.execute(f"CREATE OR REPLACE VIEW {place} AS {sql}")
        connection.execute(f"COMMENT ON VIEW {place} IS {literal(_comment(view))}")
        for (column,) in connection.execute(
            "SELECT column_name FROM system.main.duckdb_columns() "
            f"WHERE {HERE} AND system.main.lower(schema_name) = ? AND table_name = ?",
            [SCHEMA, view.name],
        ).fetchall():
            connection.execute(
                f"COMMENT ON COLUMN {place}.{quoted(column)} IS {literal(view.columns[column])}"
            )
    except duckdb.Error as error:
        with suppress(duckdb.Error):  # a transaction that an error ended needs none
            connection.execute("ROLLBACK")
        reason = str(error).splitlines()[0]
        warn(f"The view {SCHEMA}.{view.name} is not made: {reason}")
        return False
    # What fails here is the file, and not the view.
    connection.execute("COMMIT")
    return True


def _comment(view: View) -> str:
    return view.description + MARK


def _tables(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The columns of each stream's table that the file has."""
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(
        "SELECT table_name, column_name FROM system.main.duckdb_columns() "
        f"WHERE {HERE} AND schema_name = 'main' "
        f"AND table_name IN (SELECT stream FROM {layout.STREAMS}) ORDER BY column_index"
    ).fetchall():
        found.setdefault(table, []).append(column)
    return found


def _comments(connection: duckdb.DuckDBPyConnection) -> dict[str, str | None]:
    """The comment of each view and table in the schema, by its name."""
    rows = connection.execute(
        "SELECT system.main.lower(view_name), comment FROM system.main.duckdb_views() "
        f"WHERE {HERE} AND system.main.lower(schema_name) = ? AND NOT internal "
        "UNION ALL SELECT system.main.lower(table_name), NULL "
        f"FROM system.main.duckdb_tables() WHERE {HERE} AND system.main.lower(schema_name) = ?",
        [SCHEMA, SCHEMA],
    ).fetchall()
    return dict(rows)


def _fingerprint(connection: duckdb.DuckDBPyConnection) -> str | None:
    row = connection.execute(
        f"SELECT value FROM {layout.META} WHERE name = ?", [_FINGERPRINT]
    ).fetchone()
    return row[0] if row else None
