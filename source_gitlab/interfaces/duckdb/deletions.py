"""Rows that GitLab no longer has: out of their tables and kept, or left there with a mark.

Either they stand in a table of our own, with when they were missed, or in their own table, whose
column `_deleted_at` has that instant. What stands below such a row is gone with it: nobody can ask
for the notes of an issue that is deleted. A row that comes back loses its entry or its mark.
"""

# Identifiers cannot be parameters of a statement; every name below goes through `quoted`.
# ruff: noqa: S608

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from source_gitlab.interfaces.duckdb.choices import KEEP, MOVE
from source_gitlab.interfaces.duckdb.file import StoreError
from source_gitlab.interfaces.duckdb.layout import DELETED, META
from source_gitlab.interfaces.duckdb.tables import columns_of, key_of, place
from source_gitlab.interfaces.sql_text import literal, quoted
from source_gitlab.streams import streams
from source_gitlab.tables.table import StreamTable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    import duckdb

DELETED_AT: Final = "_deleted_at"
_TYPE: Final = "TIMESTAMP WITH TIME ZONE"
_COMMENT: Final = "When a read missed the row, which GitLab no longer has; NULL of those it has"
_GONE: Final = "temp._source_gitlab_gone"
_SETTING: Final = "deleted"


class Deletions:
    """Takes rows out of the tables of one file, in the open transaction.

    `at` is when rows count as missed: an instant, or None for now. `below` counts, by stream, the
    rows that went because what they stood below did.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        """Of a file whose tables are not prepared yet."""
        self._connection = connection
        self._path = path
        self._ours: set[str] = set()
        self._kept: set[str] = set()
        self._marked: set[str] = set()
        self.keeps = False
        self.at: str | None = None
        self.below: defaultdict[str, int] = defaultdict(int)

    def prepare(self, ours: Collection[str], choice: str | None) -> set[str]:
        """Let the tables `ours` be as `choice` asks, without one as the file was told last.

        What an earlier choice has marked moves when rows are to move; what it has moved stays
        where it is. Which tables have got a column.

        Raises:
            StoreError: a table has a column of the user's that is called as ours.
        """
        self._ours = set(ours)
        self._kept = {
            name
            for (name,) in self._connection.execute(
                f"SELECT DISTINCT stream FROM {DELETED}"
            ).fetchall()
        }
        self.keeps = self._chosen(choice) == KEEP
        grown = set()
        for name in sorted(self._ours):
            kind = self._kind(name)
            if kind == _TYPE and self._has_marks(name):
                self._marked.add(name)
            if self.keeps and kind is None:
                self._add_column(name)
                grown.add(name)
            elif self.keeps and kind != _TYPE:
                message = (
                    f"The table {name} in {self._path} has a column {DELETED_AT} that source-gitlab"
                    " did not make; rename it, or leave out --deleted keep"
                )
                raise StoreError(message)
        if not self.keeps:
            for name in sorted(self._marked):
                self._move(self._table(name), f"o.{DELETED_AT} IS NOT NULL", f"o.{DELETED_AT}")
            self._marked.clear()
        return grown

    def take_out(self, table: StreamTable, condition: str) -> int:
        """Take out the rows of a table, `o` in the condition, and what stands below them.

        How many rows of the table itself have gone: one that has a mark already goes no more.
        """
        return self._take_out(table.name, condition, 0)

    def unmark(self, table: StreamTable, source: str) -> None:
        """Take the marks from the rows whose keys are in `source`."""
        if table.name in self._marked:
            same = " AND ".join(f"n.{quoted(one)} = o.{quoted(one)}" for one in table.key)
            self._connection.execute(
                f"UPDATE {place(table)} AS o SET {DELETED_AT} = NULL "
                f"WHERE o.{DELETED_AT} IS NOT NULL "
                f"AND EXISTS (SELECT 1 FROM {source} n WHERE {same})"
            )

    def has_marks(self, name: str) -> bool:
        """Whether a table may have rows with a mark."""
        return name in self._marked

    def forget_returned(self, table: StreamTable) -> None:
        """Drop what is kept of rows that are in their table again."""
        if table.name not in self._kept:
            return
        types = {column.name: column.type for column in table.columns}
        same = " AND ".join(
            f"o.{quoted(one)} = TRY_CAST({_text('d.row', one)} AS {types[one]})"
            for one in table.key
        )
        self._connection.execute(
            f"DELETE FROM {DELETED} AS d WHERE d.stream = ? "
            f"AND EXISTS (SELECT 1 FROM {place(table)} o WHERE {same})",
            [table.name],
        )

    def standing(self, name: str) -> str:
        """The condition that a row of a table, `o`, is one that GitLab has."""
        return f"o.{DELETED_AT} IS NULL" if name in self._marked else "true"

    def note_gone(self, old: StreamTable, new: StreamTable, source: str, condition: str) -> int:
        """Before a table is made anew from `source`: mark what is gone, and remember all marks.

        How many rows have gone. The old table has the columns of the new key.
        """
        removed = self._take_out(old.name, condition, 0)
        types = {column.name: column.type for column in new.columns}
        keys = ", ".join(
            f"TRY_CAST(o.{quoted(one)} AS {types[one]}) AS {quoted(one)}" for one in new.key
        )
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_GONE}_marks AS SELECT * FROM (SELECT {keys}, "
            f"o.{DELETED_AT} FROM {place(old)} o WHERE o.{DELETED_AT} IS NOT NULL) "
            f"ANTI JOIN {source} USING ({', '.join(map(quoted, new.key))})"
        )
        return removed

    def mark_noted(self, table: StreamTable) -> None:
        """Behind that: give those rows of the new table their marks again."""
        if self._kind(table.name) is None:
            self._add_column(table.name)
        self._connection.execute(f"UPDATE {place(table)} SET {DELETED_AT} = NULL")
        same = " AND ".join(f"g.{quoted(one)} = o.{quoted(one)}" for one in table.key)
        self._connection.execute(
            f"UPDATE {place(table)} AS o SET {DELETED_AT} = g.{DELETED_AT} "
            f"FROM {_GONE}_marks AS g WHERE {same}"
        )

    def _take_out(self, name: str, condition: str, depth: int) -> int:
        table = self._table(name)
        if self.keeps:
            condition = f"({condition}) AND o.{DELETED_AT} IS NULL"
        gone = f"{_GONE}_{depth}"
        below = list(self._below(name, {column.name for column in table.columns}))
        wanted = dict.fromkeys([*table.key, *(one for _, pairs in below for _, one in pairs)])
        columns = ", ".join(f"o.{quoted(one)}" for one in wanted)
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {gone} AS SELECT {columns} FROM {place(table)} o "
            f"WHERE {condition}"
        )
        row = self._connection.execute(f"SELECT system.main.count(*) FROM {gone}").fetchone()
        if not row or not row[0]:
            return 0
        same = " AND ".join(f"g.{quoted(one)} = o.{quoted(one)}" for one in table.key)
        listed = f"EXISTS (SELECT 1 FROM {gone} g WHERE {same})"
        if self.keeps:
            self._marked.add(name)
            self._connection.execute(
                f"UPDATE {place(table)} AS o SET {DELETED_AT} = {self._instant} WHERE {listed}"
            )
        else:
            self._move(table, listed, self._instant)
        for child, pairs in below:
            owned = " AND ".join(f"g.{quoted(one)} = o.{quoted(own)}" for own, one in pairs)
            orphaned = f"EXISTS (SELECT 1 FROM {gone} g WHERE {owned})"
            self.below[child] += self._take_out(child, orphaned, depth + 1)
        return int(row[0])

    def _move(self, table: StreamTable, condition: str, at: str) -> None:
        names = [column.name for column in table.columns if column.name != DELETED_AT]
        self._connection.execute(
            f"INSERT INTO {DELETED} SELECT ?, {_object(table.key)}, {_object(names)}, {at} "
            f"FROM {place(table)} o WHERE {condition}",
            [table.name],
        )
        self._connection.execute(f"DELETE FROM {place(table)} AS o WHERE {condition}")
        self._kept.add(table.name)

    def _below(
        self, name: str, columns: Collection[str]
    ) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """The tables whose rows stand below those of a table, with pairs of columns to join by."""
        for child in streams().values():
            if child.name not in self._ours:
                continue
            owner = child.owner if child.parent == name else {}
            if child.gate == name:
                owner = child.gate_owner
            if not owner:
                continue
            own = {column.name for column in columns_of(self._connection, child.name)}
            if owner.keys() <= own and set(owner.values()) <= set(columns):
                yield child.name, list(owner.items())

    def _table(self, name: str) -> StreamTable:
        """A table as the file has it, with columns of the user's."""
        found = columns_of(self._connection, name)
        return StreamTable(name, found, key_of(self._connection, name))

    def _kind(self, name: str) -> str | None:
        """The type of the column of marks; None where the table has none."""
        columns = columns_of(self._connection, name)
        return next((one.type for one in columns if one.name.casefold() == DELETED_AT), None)

    def _has_marks(self, name: str) -> bool:
        row = self._connection.execute(
            f"SELECT 1 FROM main.{quoted(name)} WHERE {DELETED_AT} IS NOT NULL LIMIT 1"
        ).fetchone()
        return row is not None

    def _add_column(self, name: str) -> None:
        table = f"main.{quoted(name)}"
        self._connection.execute(f"ALTER TABLE {table} ADD COLUMN {DELETED_AT} {_TYPE}")
        self._connection.execute(f"COMMENT ON COLUMN {table}.{DELETED_AT} IS {literal(_COMMENT)}")

    def _chosen(self, choice: str | None) -> str:
        if choice is not None:
            self._connection.execute(
                f"INSERT OR REPLACE INTO {META} VALUES (?, ?)", [_SETTING, choice]
            )
            return choice
        row = self._connection.execute(
            f"SELECT value FROM {META} WHERE name = ?", [_SETTING]
        ).fetchone()
        return str(row[0]) if row else MOVE

    @property
    def _instant(self) -> str:
        return f"TIMESTAMPTZ {literal(self.at)}" if self.at else "system.main.now()"


def _object(names: Collection[str]) -> str:
    """These columns of `o` as a JSON object."""
    packed = ", ".join(f"{quoted(one)} := o.{quoted(one)}" for one in names)
    return f"system.main.to_json(system.main.struct_pack({packed}))"


def _text(document: str, name: str) -> str:
    """A member of a JSON object as text."""
    escaped = name.replace('"', '\\"')
    path = literal(f'$."{escaped}"')
    return f"system.main.json_extract_string({document}, {path})"
