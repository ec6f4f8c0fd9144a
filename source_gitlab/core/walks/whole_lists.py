"""Lists that are read from their first row to their last one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.core.row_key import RowKey
from source_gitlab.core.row_validation import of_nobody
from source_gitlab.core.slices import Page, beside
from source_gitlab.core.walks.less_rows import note_less
from source_gitlab.core.walks.pages import read_pages
from source_gitlab.streams import streams
from source_gitlab.timestamps import plus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.core.slices import Row
    from source_gitlab.core.walks.reading import Reading
    from source_gitlab.streams import Stream


def whole(reading: Reading) -> Iterator[Page]:
    """The rows of the slice's list, page by page.

    Raises:
        GitlabError: as `gitlab.errors` sorts it.
    """
    stream, lists, shared = reading.stream, reading.lists, reading.shared
    note_less(reading)
    path, query = reading.address()
    asked = f"{path}?{query}"
    key = RowKey.of(stream)
    seen: set[tuple[object, ...]] = set()
    for bounds in _bounds(reading):
        read = partial(
            read_pages,
            lists,
            shared.prefetcher,
            path,
            {**query, **bounds},
            key,
            twice=stream.incremental,
        )
        found: set[tuple[object, ...]] = set()
        for rows in shared.shared_lists.pages(stream, lists, asked, read):
            if stream.where_set is not None:
                lists.note(*of_nobody(rows, _owners(stream), reading.url))
            if stream.span is not None:
                # Both bounds are inclusive, so that two spans share an instant.
                found |= {key.values(row) for row in rows}
            fresh = [row for row in rows if key.values(row) not in seen] if seen else rows
            yield Page(_within(reading, fresh))
        seen = found


def _bounds(reading: Reading) -> Iterator[dict[str, str]]:
    """The filters of time of each time that the list is read, ascending; the last has no end."""
    stream, since = reading.stream, reading.since
    if stream.span is None or stream.since is None or stream.span.until is None:
        yield {stream.since: since} if stream.since and since else {}
        return
    start = reading.slice_["start"]
    oldest = plus(start, days=-stream.span.kept)
    first = oldest if since is None else max(since, oldest)
    # The last one grows until it is asked for.
    while plus(first, days=stream.span.days - 1) < start:
        then = plus(first, days=stream.span.days)
        yield {stream.since: first, stream.span.until: then}
        first = then
    yield {stream.since: first}


def _owners(stream: Stream) -> list[str]:
    """The columns by which the rows of a list are shared out among streams."""
    return [
        one.where_set for one in streams().values() if one.where_set and one.path == stream.path
    ]


def _within(reading: Reading, rows: list[Row]) -> list[Row]:
    """Without rows of projects that the group's list shows but that are not selected."""
    slice_ = reading.slice_
    rows = beside(reading.stream, slice_, rows)
    group = reading.state.groups.get(slice_["id"]) if slice_["container"] == "group" else None
    if group is None or reading.stream.where_set != "project_id":
        return rows
    return [row for row in rows if row.get("project_id") in group.projects]
