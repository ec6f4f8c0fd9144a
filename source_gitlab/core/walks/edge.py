"""Where reading by value has come to, and which rows it brought there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_gitlab.timestamps import instant, plus

if TYPE_CHECKING:
    from source_gitlab.core.row_key import RowKey
    from source_gitlab.core.slices import Row


class Edge:
    """The rows at the end of what was read, which the next page repeats."""

    def __init__(self, key: RowKey) -> None:
        """Nothing was read; `key` tells rows apart."""
        self.through: str | None = None
        self._key = key
        self._versions: set[tuple[Any, ...]] = set()
        self._undated: set[tuple[Any, ...]] = set()

    def fresh(self, rows: list[Row]) -> list[Row]:
        """The rows of the next page that were not in the page before."""
        before = self.through or ""
        dated = dated_end(rows)
        if len(dated) < len(rows) or any(row.get("updated_at") is None for row in dated):
            rows = [row for row in rows if self._is_dated_or_new(row)]
            dated = [row for row in rows if row.get("updated_at") is not None]
            if not dated:
                return rows
        self.through = max(instant(dated[-1]["updated_at"]), before)
        # What is younger than everything that was read cannot have been read.
        fresh = [
            row
            for row in rows
            if row.get("updated_at") is None
            or instant(row["updated_at"]) > before
            or self._version(row) not in self._versions
        ]
        # Windows meet within one millisecond of each other, and a moment ends one later.
        near = plus(self.through, milliseconds=-2)
        kept = {version for version in self._versions if version[-1] >= near}
        for row in reversed(dated):
            updated_at = instant(row["updated_at"])
            if updated_at < near:
                break
            kept.add(self._version(row))
        self._versions = kept
        return fresh

    def _is_dated_or_new(self, row: Row) -> bool:
        if row.get("updated_at") is not None:
            return True
        name = self._key.values(row)
        is_new = name not in self._undated
        self._undated.add(name)
        return is_new

    def _version(self, row: Row) -> tuple[Any, ...]:
        return (*self._key.values(row), instant(row["updated_at"]))


def dated_end(rows: list[Row]) -> list[Row]:
    """The rows up to the last one that has the instant."""
    end = len(rows)
    while end and rows[end - 1].get("updated_at") is None:
        end -= 1
    return rows[:end] if end < len(rows) else rows
