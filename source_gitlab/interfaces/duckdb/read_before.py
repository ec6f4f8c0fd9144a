"""What a file says of earlier syncs, read without changing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import orjson

from source_gitlab.core.state import StreamState
from source_gitlab.interfaces.duckdb import layout
from source_gitlab.interfaces.duckdb.file import StoreError, connect, reason
from source_gitlab.interfaces.syncing import is_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from source_gitlab.streams import Stream


def states_in(
    path: Path, streams: Iterable[Stream], now: str
) -> tuple[dict[str, StreamState], frozenset[str]]:
    """The states from which a sync at `now` would read, of streams that were read before.

    Those of the second part are read as a whole, from an empty state. Both are empty where there is
    no file, or nothing in it.

    Raises:
        StoreError: it is no DuckDB database, or is in use.
        StateError: a state is none.
    """
    if not path.exists():
        return {}, frozenset()
    try:
        with duckdb.connect(str(path), read_only=True) as connection:

            def is_due(stream: str, since: str) -> bool:
                return not layout.is_replaced(connection, stream, since)

            rows = connection.execute(f"SELECT stream, state FROM {layout.STATE}").fetchall()  # noqa: S608 -- a constant
            found = {name: orjson.loads(state) for name, state in rows}
            known = [one for one in streams if one.name in found]
            whole = frozenset(one.name for one in known if is_whole(one, is_due=is_due, now=now))
    except duckdb.CatalogException:
        return {}, frozenset()
    except duckdb.Error as error:
        raise StoreError(reason(path, str(error))) from error
    states = {
        one.name: StreamState() if one.name in whole else StreamState.load(found[one.name], one)
        for one in known
    }
    return states, whole


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
