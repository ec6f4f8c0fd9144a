"""What a file says of earlier syncs, read without changing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from source_gitlab.interfaces.duckdb import layout
from source_gitlab.interfaces.duckdb.file import StoreError, connect, reason

if TYPE_CHECKING:
    from pathlib import Path


def streams_in(path: Path) -> frozenset[str]:
    """The streams that a file has a state of; none where there is no file, or nothing in it.

    Raises:
        StoreError: it is no DuckDB database, or is in use.
    """
    if not path.exists():
        return frozenset()
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            names = connection.execute(f"SELECT stream FROM {layout.STATE}").fetchall()  # noqa: S608 -- a constant
    except duckdb.CatalogException:
        return frozenset()
    except duckdb.Error as error:
        raise StoreError(reason(path, str(error))) from error
    return frozenset(name for (name,) in names)


def tables_in(path: Path) -> set[str]:
    """The streams of which a file has a table of ours.

    Raises:
        StoreError: it is no DuckDB database, or is in use.
    """
    connection = connect(path)
    try:
        return layout.ours(connection)
    except duckdb.Error as error:
        raise StoreError(reason(path, str(error))) from error
    finally:
        connection.close()
