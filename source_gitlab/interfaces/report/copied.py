"""A file that `sync` has written, opened to read only, and the views that its tables allow.

The views are worked out in memory, so that a file that has none of them, or an older one, is as
good, and ages refer to when the file was written.
"""

# Identifiers cannot be parameters of a statement; every name below is ours or is `_quoted`.
# ruff: noqa: S608

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import duckdb

from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.views.catalog import SCHEMA, Renderer, possible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

_FILE: Final = "copied"
_OWN: Final = f"{_FILE}._source_gitlab"


@dataclass(frozen=True)
class Copied:
    """What a file has: `instance` is the GitLab, `streams` are its tables with their columns.

    `read_at` tells of each stream that was read to its end when its state was written, in ISO 8601;
    `at` is the latest of these moments.
    """

    connection: duckdb.DuckDBPyConnection
    instance: str | None
    streams: Mapping[str, Collection[str]]
    read_at: Mapping[str, str]
    at: str

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.connection.execute(question).fetchall()

    def make(self, views: Collection[str], streams: Collection[str]) -> dict[str, str]:
        """Work out these views with those that they read, and show these tables.

        The reason of each view that DuckDB refuses, for example because somebody changed a column.
        """
        renderer = Renderer(self.streams, place=f"{_FILE}.main", schema=SCHEMA, as_of=self.at)
        there = {view.name: view for view in possible(self.streams)}
        wanted: set[str] = set()
        for view in reversed(there.values()):
            if view.name in views or view.name in wanted:
                wanted |= {view.name, *view.references}
        self.connection.execute(f"CREATE SCHEMA {SCHEMA}")
        refused: dict[str, str] = {}
        for view in there.values():
            if view.name in wanted:
                # A table: each chart asks it for every group and period.
                statement = f"CREATE TABLE {SCHEMA}.{view.name} AS {renderer.sql(view)}"
                try:
                    self.connection.execute(statement)
                except duckdb.Error as error:
                    refused[view.name] = str(error).splitlines()[0]
        for name in streams:
            if name in self.streams:
                table = _quoted(name)
                self.connection.execute(
                    f"CREATE VIEW main.{table} AS SELECT * FROM {_FILE}.main.{table}"
                )
        return refused


@contextmanager
def opened(path: Path) -> Iterator[Copied]:
    """Open a file that `sync` has written.

    Raises:
        UsageError: it is not there, cannot be opened, or is another one.
    """
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "is not there"
        message = f"{path} {what}; name a file that source-gitlab sync has written"
        raise UsageError(message)
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        try:
            place = os.fsencode(path.absolute()).decode("utf-8").replace("'", "''")
            connection.execute(f"ATTACH '{place}' AS {_FILE} (READ_ONLY)")
            connection.execute("SET enable_external_access = false")
            yield _looked_into(connection, path)
        except UnicodeDecodeError as error:
            message = f"{path} cannot be used: DuckDB takes names in UTF-8 only"
            raise UsageError(message) from error
        except duckdb.Error as error:
            said = _reason(path, str(error))
            raise UsageError(said, passes="in use" in said) from error


def _looked_into(connection: duckdb.DuckDBPyConnection, path: Path) -> Copied:
    found: dict[str, list[str]] = {}
    for schema, table, column in connection.execute(
        "SELECT schema_name, table_name, column_name FROM duckdb_columns() "
        f"WHERE database_name = '{_FILE}' AND NOT internal ORDER BY column_index"
    ).fetchall():
        if schema == "main":
            found.setdefault(table, []).append(column)
        elif schema == "_source_gitlab":
            found.setdefault(f"{schema}.{table}", []).append(column)
    if "_source_gitlab.streams" not in found:
        message = f"{path} is not a file that source-gitlab sync has written, or of an old version"
        raise UsageError(message)
    ours = {name for (name,) in connection.execute(f"SELECT stream FROM {_OWN}.streams").fetchall()}
    meta = dict(connection.execute(f"SELECT name, value FROM {_OWN}.meta").fetchall())
    states = connection.execute(
        f"SELECT stream, strftime(updated_at, '%Y-%m-%dT%H:%M:%SZ') FROM {_OWN}.state"
    ).fetchall()
    read_at = {stream: at for stream, at in states if at and stream in ours}
    if not read_at:
        message = f"{path} holds no stream that was read to its end; run source-gitlab sync first"
        raise UsageError(message)
    tables = {name: columns for name, columns in found.items() if name in ours}
    return Copied(connection, meta.get("instance"), tables, read_at, max(read_at.values()))


def _reason(path: Path, message: str) -> str:
    if "Could not set lock" in message or "being used by" in message:
        return f"{path} is in use by another process, such as a sync; run again when that has ended"
    if "not a valid DuckDB" in message:
        return f"{path} is not a DuckDB database; name a file that source-gitlab sync has written"
    return f"{path} cannot be read: {message.splitlines()[0]}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
