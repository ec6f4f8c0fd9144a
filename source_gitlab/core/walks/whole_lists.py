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
    if stream.since and reading.since:
        query = {**query, stream.since: reading.since}
    read = partial(
        read_pages,
        lists,
        shared.prefetcher,
        path,
        query,
        RowKey.of(stream),
        twice=stream.incremental,
    )
    for rows in shared.shared_lists.pages(stream, lists, path, read):
        if stream.where_set is not None:
            lists.note(*of_nobody(rows, _owners(stream), reading.url))
        yield Page(_within(reading, rows))


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
