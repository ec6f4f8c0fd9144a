"""A row of GitLab as users get it: its columns, those that the declaration adds, no secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from source_gitlab.gitlab.errors import Malformed
from source_gitlab.gitlab.raw_rows import RawRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.core.slices import Row
    from source_gitlab.streams import Stream

_NOTHING: dict[str, Any] = {}


class RowTransformer:
    """Shapes the rows of one stream; values keep their type."""

    def __init__(self, stream: Stream) -> None:
        """Split the declared paths once, not once a row."""
        self._drop = [one for one in stream.drop if "." not in one]
        self._drop_inside = [tuple(one.split(".")) for one in stream.drop if "." in one]
        self._add = frozenset(stream.add)
        self._takes = frozenset(stream.takes)
        self._redact = list(stream.redact.items())
        self._keep = stream.where_set
        self._null_as_empty = stream.null_as_empty
        self._from_row: list[tuple[str, str, str | None]] = []
        self._from_lists: list[tuple[str, str, str]] = []
        self._from_context: list[tuple[str, str, str]] = []
        for column, path in stream.add.items():
            start, _, rest = path.partition(".")
            if column in stream.placed:
                continue
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
        """Change the rows in place, and return those that belong to this stream.

        Raises:
            Malformed: they say that they belong to another project than the one asked for.
        """
        self._must_be_of(parent.get("project_id", slice_columns.get("project_id")), rows)
        if self._keep is not None:
            rows = [row for row in rows if row.get(self._keep) is not None]
        context = {"slice": slice_columns, "parent": parent}
        constants = {column: context[kind].get(name) for column, kind, name in self._from_context}
        if self._drop_inside or self._redact or self._null_as_empty:
            self._changed(rows)
        for row in rows:
            for column in self._drop:
                row.pop(column, None)
            if isinstance(row, RawRow):
                row.add(self._added(row.parts(), constants))
            else:
                row.update(self._added(row, constants))
        return rows if not self._takes else [self._taken(row) for row in rows]

    def _added(self, row: Mapping[str, Any], constants: Mapping[str, Any]) -> dict[str, Any]:
        """The columns that a row is given: these constants, and what stands in its objects."""
        added = dict(constants)
        for column, name, inner in self._from_row:
            value = row.get(name)
            if inner is not None:
                value = value.get(inner) if isinstance(value, dict) else None
            added[column] = value
        for column, name, each in self._from_lists:
            listed = row.get(name)
            try:
                added[column] = None if listed is None else [one[each] for one in listed]
            except (KeyError, TypeError):
                added[column] = _each(listed, each)
        return added

    def _must_be_of(self, project: int | None, rows: list[Row]) -> None:
        """Let rows pass that name this project as theirs, or none."""
        if project is None or self._takes:  # which lists what may stand in other projects
            return
        for row in rows:
            own = row.get("project_id", project)
            if own != project and type(own) is int:
                message = (
                    f"GitLab answered with rows of project {own} where those of project {project}"
                    " were asked for. A proxy or a cache in front of it may mix up answers."
                )
                raise Malformed(message)

    def _taken(self, row: Row) -> Row:
        return {name: one for name, one in row.items() if name in self._takes or name in self._add}

    def _changed(self, rows: list[Row]) -> None:
        """Take secrets out of the objects and addresses of rows, and nulls out of keys."""
        for row in rows:
            for column in self._null_as_empty:
                if row.get(column) is None:
                    row[column] = ""
            for path in self._drop_inside:
                _drop(row, path)
            for column, how in self._redact:
                row[column] = redacted(row.get(column), how)


def _drop(value: Any, path: tuple[str, ...]) -> None:
    """Take what stands at the end of the path out of an object, or out of each one of a list."""
    name, *rest = path
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, dict):
            continue
        if rest:
            _drop(one.get(name), tuple(rest))
        else:
            one.pop(name, None)


def redacted(address: Any, how: str) -> str | None:
    """An address without what may be secret in it; `how` is one of `REDACTIONS`.

    What is no address is left out as a whole.
    """
    if not isinstance(address, str):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2]
    if not (parts.scheme and host):
        return None
    origin = f"{parts.scheme}://{host}"
    return origin if how == "host" else f"{origin}{parts.path}"


def _each(listed: Any, name: str) -> list[Any] | None:
    """One value of each object of what should be a list of them, and may be anything."""
    if not isinstance(listed, list):
        return None
    return [one.get(name) for one in listed if isinstance(one, dict)]
