"""The lists below the rows of another stream: which parents, and what is told of them."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.core.row_key import RowKey
from source_gitlab.core.slices import Page, Place, columns_of, place_of
from source_gitlab.core.walks.changed_rows import found, queries_of
from source_gitlab.core.walks.children import Children, GivenUp, columns_of_parent
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.core.slices import Row
    from source_gitlab.core.walks.reading import Reading
    from source_gitlab.gitlab.errors import Skipped
    from source_gitlab.streams import Stream

LOGGER = logging.getLogger("source_gitlab")


def children(reading: Reading, parents: Iterator[Page]) -> Iterator[Page]:
    """The children of `parents`, as users get them; `parents` are rows as users get them, too.

    Raises:
        GitlabError: as `gitlab.errors` sorts it.
    """
    below = children_of(reading, streams()[reading.stream.parent or ""])
    if reading.stream.moved_by and reading.slice_["since"]:
        yield from below.pages(_moved_by(reading))
    yield from below.pages(parents)
    yield from below.again()


def children_of(reading: Reading, parent: Stream) -> Children:
    """What reads the lists of a stream below the rows of its parent."""
    stream, slice_, shared = reading.stream, reading.slice_, reading.shared
    where = Place(slice_["container"], slice_["id"])

    def skip(row: Row, error: Skipped) -> None:
        place = place_of(row) or where
        is_new = shared.report.skip(stream.name, place, error.reason, str(error))
        if is_new or isinstance(error, GivenUp):
            called = shared.report.called(place)
            LOGGER.warning("%s: skipped a part of %s. %s", stream.name, called, error)

    member = None
    if slice_["container"] == "group" and "group" not in slice_:
        member = "group_id" if parent.containers == ("group",) else "project_id"
    transformer, columns = shared.transformers[stream.name], columns_of(slice_)
    is_group = slice_["container"] == "group"
    members = reading.state.group(slice_["id"]).projects if is_group else set()
    return Children(
        reading.lists,
        shared.prefetcher,
        stream,
        parent,
        lambda rows, row: transformer.transform(rows, columns, row),
        skip,
        reading.state.owed.of(slice_, members, *columns_of_parent(stream)),
        member=member,
        url=reading.of(parent).url,
        childless=partial(shared.child_probe.childless, stream),
        paging=shared.paging(stream),
        columns=shared.raw_columns(stream.name, slice_["stream"]),
    )


def _moved_by(reading: Reading) -> Iterator[Page]:
    """Parents named by the moved rows of another list, each once."""
    stream, slice_ = reading.stream, reading.slice_
    assert stream.moved_by is not None  # noqa: S101 -- the caller looked
    other = reading.of(streams()[stream.moved_by.stream])
    column = stream.moved_by.parent

    key = RowKey((f"{column}.id", f"{column}.group_id"), ((int,), (int,)))
    done: set[int] = set()
    # The list may name parents that lie above the group, or in one that is read on its own.
    covered = reading.state.group(slice_["id"]).projects | {slice_["id"]}
    covered.difference_update(slice_.get("apart", ()))
    since = slice_["since"]
    for rows, _ in (one for seek in queries_of(other) for one in found(other, seek, since)):
        named = [row for row in rows if row.get(column)]
        named = reading.lists.checked(other.url, named, key.checked)
        parents = [{**row[column], "updated_at": row.get("updated_at")} for row in named]
        parents = [one for one in parents if one["group_id"] in covered and one["id"] not in done]
        unique = {parent["id"]: parent for parent in parents}
        done.update(unique)
        yield Page(list(unique.values()))
