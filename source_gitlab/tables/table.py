"""The table of a stream: a typed column for each declared one, and `_extra` for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from source_gitlab.streams.columns import JSON

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from source_gitlab.streams import Stream
    from source_gitlab.streams.columns import Column

EXTRA: Final = "_extra"
"""The JSON column for what the schema does not know and for values of another type."""

OTHER: Final = "other"
"""The kind of a column whose type in the destination is none that the face gives."""


class KeyColumnError(ValueError):
    """A stream's key names a column that it lacks, or one of no scalar type."""


@dataclass(frozen=True)
class TableColumn:
    """One column of a table.

    `kind` is one of `streams.columns.KINDS`, or `OTHER`; `type` is what the destination calls it.
    """

    name: str
    kind: str
    type: str
    comment: str | None = None


@dataclass(frozen=True)
class StreamTable:
    """The table of one stream; `columns` end with those that no list fills, and `_extra`.

    `cursor` is the column, a time, that tells which of two versions of a row is the newer one.
    """

    name: str
    columns: tuple[TableColumn, ...]
    key: tuple[str, ...]
    comment: str | None = None
    cursor: str | None = None

    @classmethod
    def of(cls, stream: Stream, types: Mapping[str, str]) -> StreamTable:
        """The table of a declared stream; `types` names the face's type of each kind.

        Columns that no list fills, which are empty in every row, are the last ones.

        Raises:
            KeyColumnError: a column of the key is no scalar column.
        """
        columns = sorted(stream.columns.values(), key=lambda column: not column.in_lists)
        return cls.of_columns(stream.name, columns, stream.key, types, cursor=stream.cursor)

    @classmethod
    def of_columns(
        cls,
        name: str,
        columns: Iterable[Column],
        key: Iterable[str],
        types: Mapping[str, str],
        *,
        cursor: str | None = None,
    ) -> StreamTable:
        """The table of these columns.

        Most destinations ignore letter case in names, so of two columns that differ in case only
        the second has no place in the table; its values go to `_extra`.

        Raises:
            KeyColumnError: a column of `key` is no scalar column.
        """
        key = tuple(key)
        found: list[TableColumn] = []
        taken = {EXTRA}
        for column in columns:
            if column.name.casefold() not in taken:
                taken.add(column.name.casefold())
                kind = column.kind
                found.append(TableColumn(column.name, kind, types[kind], column.description))
        missing = set(key) - {column.name for column in found if column.kind != JSON}
        if missing:
            message = f"the key of {name} has no scalar column {', '.join(sorted(missing))}"
            raise KeyColumnError(message)
        rest = "Fields without a column, and values of another type"
        found.append(TableColumn(EXTRA, JSON, types[JSON], rest))
        return cls(name, tuple(found), key, cursor=cursor)
