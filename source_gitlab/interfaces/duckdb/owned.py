"""Rows that left a list which was read as a whole: children that their parent has no more."""

# Identifiers cannot be parameters of a statement; every name below goes through `quoted`.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from source_gitlab.interfaces.sql_text import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import duckdb

    from source_gitlab.core.slices import Owner
    from source_gitlab.interfaces.duckdb.deletions import Deletions
    from source_gitlab.interfaces.duckdb.load_buffer import Load
    from source_gitlab.interfaces.rows_file import RowsFile
    from source_gitlab.tables.table import StreamTable

_OWNED: Final = "temp._source_gitlab_owned"


class Owned:
    """What was read of owners since the last commit; of one that was read twice, the last time."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[Owner, list[Any]]] = {}
        self._removed: dict[str, int] = {}

    def note(self, stream: str, owner: Owner, keys: list[Any]) -> None:
        """Note that the rows with these keys are all that an owner has."""
        self._kept.setdefault(stream, {})[owner] = keys

    def removed(self, stream: str) -> int:
        """How many rows have left the table of a stream."""
        return self._removed.get(stream, 0)

    def take_out(
        self,
        connection: duckdb.DuckDBPyConnection,
        deletions: Deletions,
        file: RowsFile,
        loads: Mapping[str, Load],
    ) -> None:
        """Take the other rows of these owners out of the tables, which hold what was read."""
        for stream, kept in self._kept.items():
            table = loads[stream].table
            columns = next(iter(kept)).columns
            file.write(_parts(kept, table.key))
            connection.execute(_made(str(file.path), table, columns))
            same = " AND ".join(f"w.w{n} = o.{quoted(name)}" for n, name in enumerate(columns))
            key = " AND ".join(f"w.k{n} = o.{quoted(name)}" for n, name in enumerate(table.key))
            removed = deletions.take_out(
                table,
                f"EXISTS (SELECT 1 FROM {_OWNED} AS w WHERE {same}) "
                f"AND NOT EXISTS (SELECT 1 FROM {_OWNED} AS w WHERE {key})",
            )
            file.clear()
            self._removed[stream] = self.removed(stream) + removed
        self._kept.clear()


def _parts(kept: dict[Owner, list[Any]], key: tuple[str, ...]) -> Iterator[bytes]:
    """A JSON array: a row for each owner, and one for each key that it has."""
    before = b"["
    for owner, keys in kept.items():
        values: dict[str, Any] = {f"w{n}": value for n, value in enumerate(owner.values)}
        for one in ((None,) * len(key), *(keys if len(key) > 1 else ((one,) for one in keys))):
            yield before
            yield orjson.dumps(values | {f"k{n}": value for n, value in enumerate(one)})
            before = b","
    yield b"]"


def _made(path: str, table: StreamTable, columns: tuple[str, ...]) -> str:
    types = {column.name: column.type for column in table.columns}
    declared = ", ".join(
        f"{start}{n} := {literal(types[name])}"
        for start, names in (("w", columns), ("k", table.key))
        for n, name in enumerate(names)
    )
    return (
        f"CREATE OR REPLACE TEMP TABLE {_OWNED} AS SELECT * FROM "
        f"system.main.read_json({literal(path)}, format = 'array', auto_detect = false, "
        f"columns = system.main.struct_pack({declared}))"
    )
