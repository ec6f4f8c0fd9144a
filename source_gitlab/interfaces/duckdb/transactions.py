"""The transactions of one connection, and errors of DuckDB in words."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import duckdb

from source_gitlab.interfaces.duckdb.file import StoreError, unwritable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Transactions:
    """At most one transaction at a time, which stays open over many statements."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        """None is open."""
        self._connection = connection
        self._path = path
        self._open = False

    @contextmanager
    def within(self) -> Iterator[None]:
        """Open a transaction if none is; it stays open until it is committed.

        Raises:
            StoreError: a statement in the block failed.
        """
        with self.errors():
            if not self._open:
                self._connection.execute("BEGIN")
                self._open = True
            yield

    def commit(self) -> None:
        """Make what was written durable.

        Raises:
            StoreError: that failed, and what was written since the last commit is lost.
        """
        if self._open:
            with self.errors():
                self._connection.execute("COMMIT")
            self._open = False

    def give_up(self) -> None:
        """Forget what was written since the last commit."""
        with suppress(duckdb.Error):  # a transaction that an error ended needs no ROLLBACK
            if self._open:
                self._connection.execute("ROLLBACK")
        self._open = False

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn errors of DuckDB and of the system into a sentence."""
        try:
            yield
        except (duckdb.Error, OSError) as error:
            raise StoreError(unwritable(self._path, str(error))) from error
