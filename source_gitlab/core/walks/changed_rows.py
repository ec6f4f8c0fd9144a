"""Rows of lists that are read by `updated_at`: those that changed since an instant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from source_gitlab.config import SETTLED_MINUTES
from source_gitlab.core.row_key import RowKey
from source_gitlab.core.slices import Page, Slice, beside
from source_gitlab.core.walks.late_rows import DatedSeek, owed, uncounted
from source_gitlab.core.walks.overlap import unknown
from source_gitlab.core.walks.seek import Seek
from source_gitlab.gitlab.errors import ReadError, Skipped
from source_gitlab.streams import streams
from source_gitlab.timestamps import epoch, plus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.core.slices import Row
    from source_gitlab.core.walks.reading import Reading
    from source_gitlab.core.walks.row_counts import Counts
    from source_gitlab.gitlab.pagination import Missed
    from source_gitlab.streams import Stream


def queries_of(reading: Reading) -> tuple[Seek, ...]:
    """The lists of a stream that is read by seeking: one for each declared query."""
    path, query = reading.address()
    stream = reading.stream
    return tuple(
        Seek(
            reading.lists,
            reading.shared.prefetcher,
            path,
            {**query, **extra},
            RowKey.of(stream),
            stream.tie_breaker,
        )
        for extra in stream.queries
    )


def is_opened(stream: Stream) -> bool:
    """Whether a stream's first page may be asked for before its container's id is known.

    Nothing but the container decides what is asked then.
    """
    is_one_list = len(stream.queries) == 1 and not stream.cursor_nullable
    is_everywhere = {"group", "project"} <= set(stream.containers)
    is_plain = not stream.top_level and stream.descendants_since is None
    return (
        stream.kind == "selection"
        and stream.walk == "seek"
        and is_one_list
        and is_everywhere
        and is_plain
    )


def found(
    reading: Reading, seek: Seek, since: str | None
) -> Iterator[tuple[list[Row], str | None]]:
    """What changed since an instant, as far as possible from what another stream asked."""
    walk = seek.newest if reading.stream.cursor_nullable else seek.rows
    for rows, through in reading.shared.changed_rows.rows(seek, since, walk):
        if through:
            reading.shared.client.clock.saw(epoch(through))
        yield rows, through


def changed(reading: Reading) -> Iterator[Page]:
    """The rows that changed since the slice's `since`, without those known.

    With several queries, no single instant tells how far all of them are, so each has its own in
    the position.

    A row that had moved shortly before it was asked for may change again without moving, so it is
    not remembered as known. No request of a read is older than the read's start, whoever made it
    (windows ahead, another stream), however late the answer is looked at.
    """
    stream, slice_, state, shared = reading.stream, reading.slice_, reading.state, reading.shared
    since = slice_["since"] or shared.first
    seeks = queries_of(reading)

    def own(number: int) -> DatedSeek:
        container = "group" if stream.containers == ("group",) else "project"
        slice_of_member = Slice(container=container, id=number)
        return DatedSeek(queries_of(replace(reading, slice_=slice_of_member))[0])

    is_counted = not stream.counts_late_rows
    problem: Missed | None = None
    if not is_counted:
        problem = yield from shared.late_rows.pages(reading, DatedSeek(seeks[0]), own)
        if since is None:
            seeks = tuple(map(shared.late_rows.watched, seeks))
    if reading.opened is not None:
        seeks = (replace(seeks[0], opened=reading.opened),)
    lookback = shared.config.lookback_minutes
    reached = _reached(slice_, since, len(seeks), lookback)
    recent = plus(slice_["start"], minutes=-lookback)
    # Parents are read again that have not changed.
    is_again = slice_.get("sweep") or streams()[slice_["stream"]].recheck
    known = {} if is_again else state.recent_of(slice_)
    for number, seek in enumerate(seeks):
        for rows, through in found(reading, seek, reached[number]):
            # Rows without an instant were read at the start, and are certain up to there only.
            start = min(slice_["start"], shared.started())
            settled = plus(start, minutes=-SETTLED_MINUTES)
            reached[number] = min(through, start) if through else reached[number]
            rows = beside(stream, slice_, rows)  # noqa: PLW2901 -- fewer of them
            fresh, seen = unknown(rows, stream.row_key, recent, settled, known)
            if len(seeks) == 1:
                counts = None if is_counted else _counts(reading, seek)
                is_counted = True
                yield Page(fresh, through=through, seen=seen, counts=counts)
            else:
                yield Page(fresh, position={"through": list(reached)}, seen=seen)
    if not is_counted:
        yield Page([], counts=_counts(reading, seeks[0]))
    # A list that cannot be read at all says so by itself.
    if problem is not None:
        reading.lists.note(problem)


def _counts(reading: Reading, seek: Seek) -> Counts | None:
    """The counts of a list whose first page is read, unless it has been counted before."""
    dated = DatedSeek(seek)
    try:
        return reading.shared.late_rows.first(reading, dated)
    except (ReadError, Skipped) as error:
        seek.client.note(uncounted(dated.listed.url, error))
        return owed(reading.slice_["start"])


def _reached(
    slice_: Slice, since: str | None, queries: int, lookback_minutes: int
) -> list[str | None]:
    """From where on each query is read: where an earlier read of the slice had come to."""
    resumed = slice_.get("position", {}).get("through")
    if not resumed or len(resumed) != queries:
        return [since] * queries
    return [plus(one, minutes=-lookback_minutes) if one else since for one in resumed]
