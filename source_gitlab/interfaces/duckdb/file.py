"""The DuckDB file itself: its path, how it is opened, and what DuckDB's refusals mean."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from source_gitlab.interfaces.sql_text import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

STORAGE_VERSION: Final = "v1.0.0"
"""The format of new files, which DuckDB 1.1 and later read: 1.0 stumbles over our macros."""

_ROW_GROUP: Final = 8_192
"""Rows that DuckDB compresses at once, and holds in memory until then.

Its own 122,880 issues are half a gigabyte. What is committed with fewer rows than a group has goes
through the write-ahead log, is written twice, and stays in memory until the log is folded into the
file: at 20 pages a second, five seconds bring more than one of these. With half as many, files
of narrow rows are a third larger. A file may have groups of several sizes.
"""

_KEPT_BYTES: Final = 80_000_000

_SETTINGS: Final = {
    # One thread loads rows as fast as two, and leaves the others to those who read.
    "threads": "1",
    # The default, 16 MB, rewrites the half-full end of a table at every other commit; until then
    # what is in the log is in memory as well.
    "checkpoint_threshold": "'64MB'",
    # A group is written when it is full, not when there are five. DuckDB 1.4 does not know it.
    "write_buffer_row_group_count": "1",
    # A checkpoint joins so many pieces of tables that are not full, and holds them in memory
    # meanwhile; the default, 100, is up to half a gigabyte. The next one goes on.
    "max_vacuum_tasks": "2",
}

# What DuckDB says when it cannot open a file, and what that means to the one who asked for it.
_SIGNS: Final = {
    "Could not set lock": "is in use by another process; close it there and run again",
    "being used by another process": "is in use by another process; close it there and run again",
    "already attached": "is in use by this process; close it there and run again",
    "not a valid DuckDB database file": "is not a DuckDB database; choose another file",
    "_scanner": "is not a DuckDB database; choose another file",
    "version number": "was written by another version of DuckDB; upgrade the duckdb package",
    "Permission denied": "cannot be written: permission denied",
    "Read-only": "cannot be written: the file system is read-only",
    "File name too long": "cannot be created: its name is too long; choose another file",
    "No space left": "cannot be written: the disk is full; free some space and run again",
    "File too large": "cannot be written: the disk is full; free some space and run again",
}

_DAMAGED: Final = "is damaged; put a copy in its place, or choose another file"
# The same of a file whose parts do not fit together, whenever that shows.
_BROKEN: Final = {
    "replaying WAL": "cannot be opened: what waits beside it, in its .wal file, is damaged or of "
    "another database; put copies of both in their place, or choose another file",
    "Could not read enough bytes": _DAMAGED,
    "Corrupt database file": _DAMAGED,
    "checksum": _DAMAGED,
    "Failed to deserialize": _DAMAGED,
    "Serialization Error": _DAMAGED,
}

_FULL: Final = ("no space left", "disk is full", "disk quota exceeded", "file too large")

# Databases that are always there, and the schemas of ours: a file of such a name would make
# `main.issues` mean two things.
_TAKEN: Final = frozenset({"memory", "temp", "system", "main", "_source_gitlab", "gitlab_views"})


class StoreError(Exception):
    """The file cannot be used; the message says why and what to do.

    `passes` tells that it can be once something else has ended or made room.
    """

    @property
    def passes(self) -> bool:
        """Whether running again can help."""
        return any(sign in str(self) for sign in ("is in use by", "the disk is full"))


# A function is named in full wherever a macro of the user's could stand before it.
HERE: Final = "database_name = system.main.current_database()"
"""The condition that something is of the file, in SQL."""


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """Open or create the file, with times in UTC, as the database that names without one mean.

    A file keeps the storage version that it has; a new one gets `STORAGE_VERSION`.

    Raises:
        StoreError: the file is no DuckDB database, is in use, or cannot be written.
    """
    try:
        # DuckDB takes names as UTF-8, whatever the locale that Python read the argument in.
        name = os.fsencode(path.absolute()).decode("utf-8")
        is_empty = path.is_file() and not path.stat().st_size
        is_new = is_empty or not path.exists()
    except UnicodeDecodeError as error:
        message = f"{path} cannot be used: DuckDB takes names in UTF-8 only"
        raise StoreError(message) from error
    except OSError as error:
        raise StoreError(reason(path, str(error))) from error
    stem = Path(name).stem
    alias = "gitlab" if stem.casefold() in _TAKEN else stem
    options = [f"ROW_GROUP_SIZE {_ROW_GROUP}"]
    options += [f"STORAGE_VERSION {literal(STORAGE_VERSION)}"] if is_new else []
    # Nothing is fetched from the Internet. What the user has installed may be needed for the file.
    connection = duckdb.connect(config={"autoinstall_known_extensions": False})
    try:
        # Before the file is attached: DuckDB would else make a folder where it was started.
        connection.execute(f"SET temp_directory = {literal(name + '.tmp')}")
        attach = f"ATTACH {literal(name)} AS {quoted(alias)} ({', '.join(options)})"
        try:
            connection.execute(attach)
        except duckdb.IOException as error:
            if not is_empty or "not a valid DuckDB database file" not in str(error):
                raise
            # DuckDB makes a file, and takes none that is empty. It had this one to itself, so no
            # other process is just making it.
            path.unlink()
            connection.execute(attach)
    except (duckdb.Error, OSError) as error:
        connection.close()
        raise StoreError(reason(path, str(error))) from error
    connection.execute(f"USE {quoted(alias)}")
    configure(connection)
    known = connection.execute("SELECT name FROM system.main.duckdb_settings()").fetchall()
    for name, value in _SETTINGS.items():
        if (name,) in known:
            connection.execute(f"SET {name} = {value}")
    return connection


def let_go(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what of the file is kept in memory, if it is much; to be called behind a commit.

    Whatever was written stays there while there is room, up to four fifths of the machine. A lower
    limit for good would end a sync whose indexes or rows need more.
    """
    (used,) = connection.execute(
        "SELECT system.main.sum(memory_usage_bytes) FROM system.main.duckdb_memory()"
    ).fetchall()[0]
    if used > _KEPT_BYTES:
        # It cannot drop more than is not in use, and says so.
        with suppress(duckdb.OutOfMemoryException):
            connection.execute(f"SET memory_limit = '{_KEPT_BYTES // 2}B'")
        connection.execute("RESET memory_limit")


@contextmanager
def removed_unless_made(path: Path) -> Iterator[None]:
    """Remove what this block made of a file that a full disk has no room for: nothing opens it."""
    was_there = path.exists()
    try:
        yield
    except StoreError as error:
        # One that is in use by now was made by somebody else meanwhile.
        if not was_there and "the disk is full" in str(error):
            for one in (path, wal_of(path)):
                with suppress(OSError):
                    one.unlink()
        raise


def configure(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection or a cursor what every one of them needs by itself."""
    connection.execute("SET TimeZone = 'UTC'")
    # DuckDB draws it on the standard output, which is the command's own.
    connection.execute("SET enable_progress_bar = false")


def reason(path: Path, message: str) -> str:
    """What a refusal of DuckDB or of the system to open `path` means."""
    for sign, meaning in (_SIGNS | _BROKEN).items():
        if sign.casefold() in message.casefold():
            return f"{path} {meaning}"
    if path.is_dir():
        return f"{path} is a directory; name a file"
    if not path.parent.is_dir():
        return f"{path} cannot be created: there is no directory {path.parent}"
    return f"{path} cannot be opened: {message.splitlines()[0]}"


def unwritable(path: Path, message: str) -> str:
    """What an error of DuckDB or of the system means that came while `path` was written."""
    if any(sign in message.casefold() for sign in _FULL):
        return f"{path} cannot be written: the disk is full; free some space and run again"
    if "constraint" in message.casefold():
        # DuckDB's own message shows what is in the row.
        return (
            f"{path} cannot be written: a unique index or a column of yours in one of the tables "
            "refuses what GitLab has; drop that index or column and run again"
        )
    for sign, meaning in _BROKEN.items():
        if sign.casefold() in message.casefold():
            return f"{path} {meaning}"
    if "permission denied" in message.casefold():
        return (
            f"{path} cannot be written: permission denied. DuckDB needs to write {path.name} and "
            f"{wal_of(path).name}, both in {path.parent}"
        )
    return f"{path} cannot be written: {message.splitlines()[0]}"


def wal_of(path: Path) -> Path:
    """Where DuckDB keeps what is committed and not yet in the file."""
    return path.with_name(f"{path.name}.wal")
