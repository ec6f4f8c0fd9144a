"""A row of GitLab as users get it: its columns, those that the declaration adds, no secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.core.slices import Row
    from source_gitlab.streams import Stream

_NOTHING: dict[str, Any] = {}


class RowTransformer:
    """Shapes the rows of one stream; values keep their type."""

    def __init__(self, stream: Stream) -> None:
        """Split the declared paths once, not once a row."""
        self._drop = stream.drop
        self._keep = stream.where_set
        self._from_row: list[tuple[str, str, str | None]] = []
        self._from_lists: list[tuple[str, str, str]] = []
        self._from_context: list[tuple[str, str, str]] = []
        for column, path in stream.add.items():
            start, _, rest = path.partition(".")
            if start in {"parent", "slice"}:
                self._from_context.append((column, start, rest))
            elif start.endswith("[]"):
                self._from_lists.append((column, start.removesuffix("[]"), rest))
            else:
                self._from_row.append((column, start, rest or None))

    def transform(
        self,
        rows: list[Row],
        slice_columns: Mapping[str, Any] = _NOTHING,
        parent: Mapping[str, Any] = _NOTHING,
    ) -> list[Row]:
        """Change the rows in place, and return those that belong to this stream."""
        if self._keep is not None:
            rows = [row for row in rows if row.get(self._keep) is not None]
        context = {"slice": slice_columns, "parent": parent}
        constants = [(column, context[kind].get(name)) for column, kind, name in self._from_context]
        for row in rows:
            for column in self._drop:
                row.pop(column, None)
            for column, value in constants:
                row[column] = value
            for column, name, inner in self._from_row:
                value = row.get(name)
                if inner is not None:
                    value = value.get(inner) if isinstance(value, dict) else None
                row[column] = value
            for column, name, each in self._from_lists:
                listed = row.get(name)
                try:
                    row[column] = None if listed is None else [one[each] for one in listed]
                except (KeyError, TypeError):
                    row[column] = _each(listed, each)
        return rows


def _each(listed: Any, name: str) -> list[Any] | None:
    """One value of each object of what should be a list of them, and may be anything."""
    if not isinstance(listed, list):
        return None
    return [one.get(name) for one in listed if isinstance(one, dict)]
