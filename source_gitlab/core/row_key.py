"""How the rows of one list are told apart: by where their key stands in GitLab's own row.

Rows whose key is not what it should be cannot be told apart: two without an id would pass for one
and the same, and Python takes `true` for 1. So every walk asks `Lists` for rows with the key of the
list, and gets only those that have a proper one. The others are missed, each by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from source_gitlab.gitlab.errors import Malformed
from source_gitlab.gitlab.pagination import Answer, Missed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from source_gitlab.gitlab.pagination import Row
    from source_gitlab.streams import Stream

Types = tuple[type, ...]

# The Python types of keys, by the kind of their column.
_TYPES = {"integer": int, "text": str, "date": str, "time": str}


@dataclass(frozen=True)
class RowKey:
    """The key of a list: where it stands in a row (`Stream.row_key`), and its types.

    `role` is the role below which GitLab leaves it out of the rows.
    """

    paths: tuple[str, ...]
    types: tuple[Types, ...]
    role: str | None = None

    @classmethod
    def of(cls, stream: Stream) -> RowKey:
        """The key of a stream's lists, with the types that its columns have."""
        columns = {stream.origin(column): column for column in stream.key}
        types = tuple(
            (*types_of(stream, columns[path]), *([type(None)] * (path in stream.null_as_empty)))
            for path in stream.row_key
        )
        return cls(stream.row_key, types, stream.key_role)

    def values(self, row: Mapping[str, object]) -> tuple[object, ...]:
        """What tells a row from the others of its list."""
        return key_values(row, self.paths)

    def checked(self, url: str, answer: Answer) -> Answer:
        """A page of the list at `url` without the rows that have no proper key: they are missed."""
        missed: list[Missed] = []
        rows: list[Row] = answer.data
        for path, types in zip(self.paths, self.types, strict=True):
            if all(type(_at(row, path)) in types for row in rows):
                continue
            odd = [row for row in rows if type(_at(row, path)) not in types]
            missed += [missed_key(url, path, types, [row], self.role) for row in odd]
            rows = [row for row in rows if type(_at(row, path)) in types]
        return replace(answer, data=rows, missed=(*answer.missed, *missed)) if missed else answer


def types_of(stream: Stream, column: str) -> Types:
    """The types that the values of a key column may have in Python."""
    return (_TYPES[stream.columns[column].kind],)


ID = RowKey(("id",), ((int,),))
"""The key of any list of groups or projects."""


def id_of(row: Row) -> int:
    """The id of a group or project.

    Raises:
        TypeError: it is no number.
        KeyError: there is none.
    """
    number = row["id"]
    if type(number) is not int:
        message = f"its id is {number!r:.60} instead of a number"
        raise TypeError(message)
    return number


def must_have_id(url: str, row: Row) -> None:
    """Let a row pass that has a proper id.

    Raises:
        Malformed: it has none.
    """
    answer = ID.checked(url, Answer([row], None, None))
    if answer.missed:
        raise Malformed(answer.missed[0].message, url=url)


def key_values(row: Mapping[str, object], paths: Iterable[str]) -> tuple[object, ...]:
    """The values at `paths` (`Stream.row_key`), of which one with dots leads into objects."""
    return tuple(_at(row, path) for path in paths)


def _at(row: Mapping[str, object], path: str) -> object:
    if "." not in path:
        return row.get(path)
    first, *rest = path.split(".")
    value = row.get(first)
    for name in rest:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _of(url: str) -> str:
    """The project or group whose list an address is of, for people who know its number."""
    found = re.search(r"/(project|group)s/(\d+)/", url)
    return f" of {found[1]} {found[2]}" if found else ""


def missed_key(
    url: str, path: str, types: Types, rows: Sequence[Row], role: str | None = None
) -> Missed:
    """What to say of rows that were left out, because their key is not of one of these types."""
    if role and "." not in path and all(path not in row for row in rows):
        message = (
            f"{url} answered with rows{_of(url)} without {path}, by which they are told apart:"
            f" GitLab shows it from the role {role.capitalize()} on. They were left out, and come"
            " once the token's user has that role."
        )
        return Missed(message, url, reason="permission")
    wanted = " or ".join("a number" if kind is int else "a text" for kind in types)
    shown = repr(_at(rows[0], path))[:60]
    more = f" {len(rows)} rows like that were left out." if len(rows) > 1 else " It was left out."
    row = f"a row ({rows[0].get('id')})" if "." in path else "a row"
    message = f"{url} answered with {row} whose {path} is {shown} instead of {wanted}.{more}"
    return Missed(message, url)
