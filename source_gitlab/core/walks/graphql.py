"""Lists that GitLab has in GraphQL, as a walk: of which container, and of which days."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from source_gitlab.core.row_key import key_values
from source_gitlab.core.slices import Page, Slice, beside
from source_gitlab.core.state.progress import key_of
from source_gitlab.core.walks.connection_source import Source
from source_gitlab.core.walks.connections import counted, read
from source_gitlab.core.walks.late_rows import owed, uncounted
from source_gitlab.core.walks.less_rows import note_less
from source_gitlab.core.walks.objects import joined, placed
from source_gitlab.core.walks.row_counts import Listed
from source_gitlab.gitlab.errors import LESS_MAY_DO, ReadError, Skipped
from source_gitlab.gitlab.graphql import address_of
from source_gitlab.gitlab.pagination import Answer
from source_gitlab.streams.queries import variable_of
from source_gitlab.timestamps import date_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from source_gitlab.core.slices import Row
    from source_gitlab.core.walks.reading import Reading
    from source_gitlab.gitlab.pagination import Query
    from source_gitlab.streams import Stream

LOGGER = logging.getLogger("source_gitlab")

_FILTERS = frozenset({"created_after", "created_before", "updated_before"})
# No row of GitLab's is older, and every span that is counted ends earlier than in 9999.
_BEFORE_GITLAB, _NEVER = "1990", "9999"
_DAY = timedelta(days=1)


def pages(reading: Reading) -> Iterator[Page]:
    """The rows of a slice, as `Reading.transformed` takes them."""
    stream, slice_ = reading.stream, reading.slice_
    source = Source.of(stream, slice_["container"], reading.path(), slice_["id"])
    note_less(reading)
    if stream.counts_late_rows:
        yield from _changed(reading, source)
        return
    number = 0
    for variables in _variables(reading, source):
        for rows in _read(reading, source, variables, before=number):
            number += len(rows)
            yield Page(beside(stream, slice_, rows))


def _changed(reading: Reading, source: Source) -> Iterator[Page]:
    """The rows that changed since the slice's `since`, and those that came late.

    The list is counted before it is read: what comes in between is read, and counted as late.
    """
    stream, slice_, state, shared = reading.stream, reading.slice_, reading.state, reading.shared

    def own(number: int) -> _DatedConnection:
        place = replace(reading, slice_=Slice(container="project", id=number))
        return _DatedConnection(place, Source.of(stream, "project", place.path(), number))

    dated = _DatedConnection(reading, source)
    problem = yield from shared.late_rows.pages(reading, dated, own)
    counts = None
    try:
        counts = shared.late_rows.first(reading, dated)
    except (ReadError, Skipped) as error:
        problem = uncounted(dated.listed.url, error)
    if counts is not None:
        yield Page([], counts=counts)
    for rows in dated.rows({}, reading.since):
        yield Page(beside(stream, slice_, rows))
    # A list that cannot be read at all says so by itself.
    if problem is not None:
        reading.lists.note(problem)
        if counts is None and key_of(slice_) not in state.counts:
            yield Page([], counts=owed(slice_["start"]))


@dataclass(frozen=True)
class _DatedConnection:
    """A list that can be counted, and read, by the times of its rows."""

    reading: Reading
    source: Source

    @property
    def listed(self) -> Listed:
        """The list as it is counted."""
        url = f"{address_of(self.reading.lists.api_url)} ({self.source.about})"
        return Listed(url, {}, self._counted)

    def rows(self, query: Query, since: str | None) -> Iterator[list[Row]]:
        """The rows that changed from `since` on and pass the filters, or a GitlabError."""
        return _read(self.reading, self.source, {"since": since, **_filters(query)})

    def _counted(self, query: Query) -> Answer:
        """How many rows pass the filters; none of them comes along."""
        lists = self.reading.lists
        try:
            total = counted(lists, self.source, _filters(query), lists.client.graphql)
        except LESS_MAY_DO as error:
            if query.get("created_before", _NEVER) < _BEFORE_GITLAB:
                raise  # it is not for the number of rows
            # The database counts for as long as it may (app/graphql/types/
            # countable_connection_type.rb): a shorter span can be counted, as where REST tells no
            # total.
            LOGGER.info("%s is counted in smaller parts. %s", self.source.about, error)
            return Answer([{}], None, None)
        return Answer([{}] if total else [], None, total)


def _filters(query: Query) -> dict[str, Any]:
    """The variables for filters of REST, whose names GraphQL writes in its own way."""
    return {variable_of(name): query[name] for name in _FILTERS & query.keys()}


def _read(
    reading: Reading, source: Source, variables: Mapping[str, Any], before: int = 0
) -> Iterator[list[Row]]:
    """The rows of a list, page by page, with what tells where they are; so many came `before`."""
    stream = reading.stream
    home = stream.add.get("project_id", "project_id")
    for rows in read(reading.lists, source, variables):
        day = variables.get("until")
        placed(stream, joined(stream, rows, source.about), before=before, day=day)
        before += len(rows)
        if not home.startswith("slice.") and "project_id" in stream.columns:
            for row in rows:
                (row["project_id"],) = key_values(row, [home])
        yield rows


def _variables(reading: Reading, source: Source) -> Iterator[dict[str, Any]]:
    """What each request gives beside its container: the time that it is for.

    Days are shared out evenly. No request is for a single day, which GitLab refuses of some figures
    (ee/app/services/dora/aggregate_metrics_service.rb), but for those that are sums of days.
    """
    stream = reading.stream
    if stream.span is None:
        yield {}
        return
    last = date_of(reading.slice_["start"])
    first = last - timedelta(days=stream.span.kept)
    if reading.since:
        first = max(first, date_of(reading.since))
    first = min(first, last - _DAY)
    days = (last - first).days + 1
    requests = -(-days // stream.span.days)
    for number in range(requests):
        since = first + number * days // requests * _DAY
        until = first + (number + 1) * days // requests * _DAY - _DAY
        if stream.span.sums:
            yield from _single_days(reading, source, since, until)
        else:
            yield _bounds(stream, since, until)


def _single_days(
    reading: Reading, source: Source, first: date, last: date
) -> Iterator[dict[str, Any]]:
    """Each day that has rows: days whose sums have none have none."""
    variables = _bounds(reading.stream, first, last)
    if first == last:
        yield variables
    elif any(read(reading.lists, source, variables)):
        middle = first + (last - first) // 2
        yield from _single_days(reading, source, first, middle)
        yield from _single_days(reading, source, middle + _DAY, last)


def _bounds(stream: Stream, since: date, until: date) -> dict[str, Any]:
    """The days of a request; GitLab takes no last one where one request is for all."""
    first = {"since": since.isoformat()}
    one = stream.span is not None and stream.span.days >= stream.span.kept
    return first if one else {**first, "until": until.isoformat()}


def of_few_days(stream: Stream, moment: str) -> Mapping[str, Any]:
    """What a request gives that only tries a list."""
    last = date_of(moment)
    return _bounds(stream, last - _DAY, last) if stream.span else {}
