"""Rows of one table that wait to be loaded, and how DuckDB takes them.

Rows travel as JSON in a file (`rows_file`) that DuckDB reads with explicit types. For 4.6 KB rows
that takes half the CPU of handing the same JSON over as a parameter, and a small part of what
`executemany` takes.
"""

# Identifiers cannot be parameters of a statement; every name below goes through `quoted`.
# ruff: noqa: S608

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from source_gitlab.interfaces.duckdb.tables import MAIN, names_of, place
from source_gitlab.interfaces.sql_text import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from source_gitlab.tables.fitting import Fit
    from source_gitlab.tables.table import StreamTable

LOAD_BYTES = 4 << 20
"""Bytes of JSON that are worth one load: enough to make its fixed cost small.

Twice as many save a twentieth of what DuckDB does, for 30 MB of memory.
"""

_LARGEST_ROW = 2 << 20
"""The JSON object that DuckDB's reader accepts at least, in bytes; it reads twice as much at once.

Its default are 16 MB.
"""


@dataclass
class Load:
    """Rows of one table that wait.

    `fresh` tells that the table was empty to begin with, and `known` has the keys that this store
    has loaded since, or is None when they are too many. `updated` counts the rows of the table that
    this store has changed; `before` had it when the store was opened. As much as one load should
    take are `full` bytes.
    """

    table: StreamTable
    schema: str = MAIN
    full: int = LOAD_BYTES
    fresh: bool = True
    known: set[Any] | None = field(default_factory=set)
    updated: int = 0
    before: int = 0
    size: int = 0
    _bodies: list[bytes] = field(default_factory=list)
    _keys: set[Any] = field(default_factory=set)
    _largest: int = 0

    def begin(self, rows: int) -> None:
        """Note how many rows the table has to begin with."""
        self.before, self.fresh = rows, not rows

    @property
    def is_full(self) -> bool:
        """Whether as much waits as one load should take."""
        return self.size >= self.full

    @property
    def is_new(self) -> bool:
        """Whether the table certainly has none of the rows.

        Knowing it is worth some memory: looking for rows to replace doubles the cost of a load.
        """
        return self.fresh and self.known is not None and self.known.isdisjoint(self._keys)

    def again(self, keys: Iterable[Any]) -> set[Any]:
        """Those of the keys of which this store was given a row before, as far as it is known.

        What is loaded at once must not have one of them twice, and the row that was read first
        may be the one that is given last.
        """
        before = self._keys.intersection(keys)
        return before | self.known.intersection(keys) if self.known else before

    def add(self, fit: Fit) -> None:
        """Let more rows wait."""
        self._bodies.append(fit.body)
        self._keys.update(fit.keys)
        self.size += len(fit.body)
        self._largest = max(self._largest, len(fit.body))

    def parts(self) -> list[bytes]:
        """The rows, each a line of JSON, in pieces."""
        return self._bodies

    def select_from(self, path: Path) -> str:
        """The SELECT that reads that file.

        `{...}` in SQL is a call of struct_pack, which a macro of the user's may stand before.
        """
        types = ", ".join(
            f"{quoted(column.name)} := {literal(column.type)}" for column in self.table.columns
        )
        return (
            f"SELECT {names_of(self.table)} FROM "
            f"system.main.read_json({literal(str(path))}, format = 'newline_delimited', "
            f"auto_detect = false, columns = system.main.struct_pack({types}), "
            f"maximum_object_size = {max(_LARGEST_ROW, self._largest + 2)})"
        )

    @property
    def no_older(self) -> str:
        """The condition that no newer version of a row of `select_from` is in the table.

        A row without a cursor is older than one with it.
        """
        cursor = self.table.cursor
        if cursor is None:
            return ""
        same = " AND ".join(f"o.{quoted(name)} = n.{quoted(name)}" for name in self.table.key)
        before, now = f"o.{quoted(cursor)}", f"n.{quoted(cursor)}"
        return (
            f" AS n WHERE NOT EXISTS (SELECT 1 FROM {place(self.table, self.schema)} AS o "
            f"WHERE {same} AND {before} IS NOT NULL AND ({now} IS NULL OR {before} > {now}))"
        )

    def clear(self) -> int:
        """Forget the rows, which are loaded now; how many keys are remembered more than before."""
        more = 0
        if self.known is not None:
            more = -len(self.known)
            self.known |= self._keys
            more += len(self.known)
        self._bodies.clear()
        self._keys.clear()
        self.size = self._largest = 0
        return more
