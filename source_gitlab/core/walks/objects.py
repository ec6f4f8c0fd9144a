"""One object, and rows inside responses: under a key, or made from names and values.

What is no object, or lacks what the rows stand under, is an error: taken for an object without
rows, it would empty a table, or hide rows for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from source_gitlab.core.row_key import RowKey
from source_gitlab.core.slices import Page
from source_gitlab.gitlab.errors import Malformed
from source_gitlab.gitlab.pagination import not_what_was_asked
from source_gitlab.streams import RowsOfMap
from source_gitlab.streams.columns import JSON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.core.slices import Row
    from source_gitlab.core.walks.reading import Reading
    from source_gitlab.gitlab.lists import AskingObjects
    from source_gitlab.streams import Stream

# What may stand in an object for a column of each kind. Anything may be json.
_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "integer": ((int,), "a number"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    **dict.fromkeys(("text", "date", "time"), ((str,), "a text")),
}
# What an object that holds rows of its parent's has of that parent.
_NUMBERS = ("id", "iid")
EACH = "[]"  # behind the name of a list, each object of which has rows


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
    if stream.requests:
        return [_of_requests(stream, lists, path, query, known)]
    data = lists.value(path, query, known=known)
    if data is None and stream.absent:
        return []
    return rows_in(stream, data, f"{lists.api_url}/{path}")


def _of_requests(
    stream: Stream,
    lists: AskingObjects,
    path: str,
    query: Mapping[str, Any],
    known: Mapping[str, int],
) -> Row:
    """The row to which each request brings one column, once all of them have come.

    Raises:
        GitlabError: one of them did not come; Malformed also where its object lacks the column.
    """
    row: Row = {}
    for column, below in stream.requests.items():
        url = f"{lists.api_url}/{path}/{below}"
        (found,) = rows_in(stream, lists.value(f"{path}/{below}", query, known=known), url)
        row[column] = _fitting(stream, column, _at(found, (column,), url), url, column)
    return row


def rows_in(stream: Stream, data: Any, url: str) -> list[Row]:
    """The rows of a stream inside what GitLab answered, or inside a parent's row.

    Raises:
        Malformed: there is something else where the rows should be.
    """
    if isinstance(stream.rows, RowsOfMap):
        return _of_map(stream, stream.rows, _object(data, url), url)
    if stream.rows is None:
        return [_object(data, url)]
    path = stream.rows_path
    each = next((n for n, name in enumerate(path) if name.endswith(EACH)), None)
    if each is not None:
        lists = (*path[:each], path[each].removesuffix(EACH))
        above = _objects(_at(data, lists, url), url, ".".join(lists))
        return _of_lists(stream, above, path[each + 1 :], url)
    try:
        inner = _at(data, path, url)
    except _LacksError:
        if stream.may_be_hidden:
            return []
        raise
    if stream.is_one_inside:
        return [_object(inner, url, ".".join(path))]
    return placed(stream, _objects(inner, url, ".".join(path)))


def placed(
    stream: Stream,
    rows: list[Row],
    above: Row | None = None,
    before: int = 0,
    day: str | None = None,
) -> list[Row]:
    """Rows of one list, with the columns that say where they stand.

    `above` is the object that has the list, `before` the number of rows that came before, and
    `day` the one that was asked for.
    """
    for column, origin in stream.placed.items():
        if origin == "list.position":
            for position, row in enumerate(rows, before + 1):
                row[column] = position
        else:
            is_day = origin == "request.day"
            value = day if is_day else (above or {}).get(origin.removeprefix("above."))
            for row in rows:
                row[column] = value
    return rows


def joined(stream: Stream, rows: list[Row], about: str) -> list[Row]:
    """Rows with the columns that stand in the objects of a list in them, in place of that list.

    `about` says for people what the rows are of.

    Raises:
        Malformed: it is no list of objects, or two of them have one column.
    """
    if stream.parts is None:
        return rows
    for row in rows:
        found = row.pop(stream.parts, None)
        for part in _objects([] if found is None else found, about, stream.parts):
            twice = sorted(part.keys() & row.keys())
            if twice:
                message = f"{about}: {row.get('id')} came with two values for {twice[0]}."
                raise Malformed(message, url=about)
            row.update(part)
    return rows


def by_name(stream: Stream, objects: list[Row], url: str) -> list[Row]:
    """The rows of the lists in the objects of some objects; null in place of one has none.

    Raises:
        Malformed: there is something else where the rows should be.
    """
    lists = stream.by_name
    assert lists is not None  # noqa: S101 -- the declaration was checked
    found: list[Row] = []
    for one in objects:
        for name, inner in one.items():
            if inner is None:
                continue
            rows = _objects(_at(inner, lists.inner, url), url, ".".join((name, *lists.inner)))
            found += placed(stream, [{lists.column: name, **row} for row in rows])
    return found


def _of_lists(stream: Stream, above: list[Row], names: tuple[str, ...], url: str) -> list[Row]:
    """The rows of the lists inside some objects.

    Lists of objects that the key does not tell apart count as one: places go on in the next.
    """
    found: list[Row] = []
    counts: dict[str, int] = {}
    fields = [stream.placed[column].removeprefix("above.") for column in stream.list_key]
    for one in above:
        rows = _objects(_at(one, names, url), url, ".".join(names))
        told = repr([one.get(name) for name in fields])
        found += placed(stream, rows, one, counts.get(told, 0))
        counts[told] = counts.get(told, 0) + len(rows)
    return found


class _LacksError(Malformed):
    """An object lacks what the rows stand under."""


def _at(data: Any, names: tuple[str, ...], url: str) -> Any:
    """What stands at the end of a path inside an object.

    Raises:
        Malformed: there is no object on the way, or it lacks the next name.
    """
    inner, inside = data, ""
    for name in names:
        above = _object(inner, url, inside)
        inside = f"{inside}.{name}".lstrip(".")
        if name not in above:
            message = f"{url} answered with an object without {inside}."
            raise _LacksError(message, url=url)
        inner = above[name]
    return inner


def _objects(data: Any, url: str, inside: str) -> list[Row]:
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise not_what_was_asked(url, "a list of objects", data, inside)
    return data


def are_hidden(stream: Stream, data: Row) -> bool:
    """Whether an object lacks what the rows of a stream stand under."""
    inner: Any = data
    for name in stream.rows_path:
        if not isinstance(inner, Mapping) or name not in inner:
            return True
        inner = inner[name]
    return False


def _of_map(stream: Stream, columns: RowsOfMap, data: Row, url: str) -> list[Row]:
    return [
        {columns.key: name, columns.value: _fitting(stream, columns.value, one, url, name)}
        for name, one in data.items()
    ]


def _fitting(stream: Stream, column: str, value: Any, url: str, inside: str) -> Any:
    """The value of a column, which stands under the name `inside` in an object.

    Raises:
        Malformed: the column may hold no such value, or it is null and not json.
    """
    known = stream.columns.get(column)
    types, wanted = _KINDS.get(known.kind if known else JSON, (None, ""))
    if types and type(value) not in types:
        raise not_what_was_asked(url, wanted, value, inside)
    return value


def _object(data: Any, url: str, inside: str = "") -> Row:
    if not isinstance(data, dict):
        raise not_what_was_asked(url, "an object", data, inside)
    return data
