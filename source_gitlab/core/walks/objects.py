"""One object, and rows inside responses: under a key, or made from names and values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_gitlab.core.row_key import RowKey
from source_gitlab.core.slices import Page
from source_gitlab.gitlab.errors import Malformed
from source_gitlab.streams import RowsOfMap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_gitlab.core.slices import Row
    from source_gitlab.core.walks.reading import Reading
    from source_gitlab.gitlab.lists import AskingObjects
    from source_gitlab.streams import Stream

# What an object that holds rows of its parent's has of that parent.
_NUMBERS = ("id", "iid")


def object_of(reading: Reading) -> Iterator[Page]:
    """The object of a slice, or the rows inside it.

    Raises:
        GitlabError: as `gitlab.errors` sorts it.
    """
    path, query = reading.address()
    rows = asked(reading.stream, reading.lists, path, query)
    key = RowKey.of(reading.stream)
    yield Page(reading.lists.checked(f"{reading.lists.api_url}/{path}", rows, key.checked))


def asked(
    stream: Stream,
    lists: AskingObjects,
    path: str,
    query: Mapping[str, Any],
    parent: Row | None = None,
) -> list[Row]:
    """The rows in the object at `path`; none where GitLab says that there is no object.

    `parent` is the row that it is below. Where rows are inside the object, it is about that row.

    Raises:
        GitlabError: as `gitlab.errors` sorts it; Malformed also when it is about another one.
    """
    about = (parent or {}) if isinstance(stream.rows, str) else {}
    known = {name: about[name] for name in _NUMBERS if type(about.get(name)) is int}
    data = lists.value(path, query, known=known)
    if data is None and stream.absent:
        return []
    return rows_in(stream, data, f"{lists.api_url}/{path}")


def rows_in(stream: Stream, data: Any, url: str) -> list[Row]:
    """The rows of a stream inside what GitLab answered, or inside a parent's row.

    Raises:
        Malformed: there is something else where the rows should be.
    """
    if isinstance(stream.rows, RowsOfMap):
        return [
            {stream.rows.key: name, stream.rows.value: one}
            for name, one in _object(data, url).items()
        ]
    if stream.rows is None:
        return [_object(data, url)]
    inner: Any = data
    for name in stream.rows.split("."):
        inner = _object(inner, url).get(name)
        if inner is None:
            return []
    if not isinstance(inner, list) or not all(isinstance(row, dict) for row in inner):
        message = f"{url} answered with something else than a list of objects in {stream.rows}."
        raise Malformed(message, url=url)
    return inner


def _object(data: Any, url: str) -> Row:
    if not isinstance(data, dict):
        message = f"{url} answered with {type(data).__name__} in place of an object."
        raise Malformed(message, url=url)
    return data
