"""Lists that GitLab has in GraphQL, as a walk: of which container, and of which days."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from source_gitlab.core.row_key import key_values
from source_gitlab.core.slices import Page, beside
from source_gitlab.core.walks.connections import Source, read
from source_gitlab.core.walks.less_rows import note_less
from source_gitlab.core.walks.objects import joined, placed
from source_gitlab.timestamps import date_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from source_gitlab.core.walks.reading import Reading
    from source_gitlab.streams import Stream

_DAY = timedelta(days=1)


def pages(reading: Reading) -> Iterator[Page]:
    """The rows of a slice, as `Reading.transformed` takes them."""
    stream, slice_ = reading.stream, reading.slice_
    source = Source.of(stream, slice_["container"], reading.path(), slice_["id"])
    note_less(reading)
    home = stream.add.get("project_id", "project_id")
    number = 0
    for variables in _variables(reading, source):
        for rows in read(reading.lists, source, variables):
            day = variables.get("until")
            placed(stream, joined(stream, rows, source.about), before=number, day=day)
            number += len(rows)
            if not home.startswith("slice.") and "project_id" in stream.columns:
                for row in rows:
                    (row["project_id"],) = key_values(row, [home])
            yield Page(beside(stream, slice_, rows))


def _variables(reading: Reading, source: Source) -> Iterator[dict[str, Any]]:
    """What each request gives beside its container: the time that it is for.

    Days are shared out evenly. No request is for a single day, which GitLab refuses of some figures
    (ee/app/services/dora/aggregate_metrics_service.rb), but for those that are sums of days.
    """
    stream = reading.stream
    if stream.span is None:
        yield {} if stream.since is None else {"since": reading.since}
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
