"""Lists by `updated_at` of which GitLab answers short spans of time only."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from source_gitlab.gitlab.errors import LESS_MAY_DO
from source_gitlab.gitlab.pagination import Answer, Missed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_gitlab.gitlab.pagination import Query

    Fetch = Callable[[Mapping[str, Any]], Answer]

_CUT = 8
_MOST_CUTS = 1_000
# Spans that are answered before a longer one is tried again.
_STEADY = 8
_SHORTEST = timedelta(seconds=1)
# Imported rows keep the time that they had elsewhere, and some tools write the year 1 for none.
# Before this day there are few or none, so they are asked for at once.
_FIRST_DAY = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EARLIEST = "0001-01-01T00:00:00.000Z"
_DAY = timedelta(days=1)


def is_by_value(query: Mapping[str, Any]) -> bool:
    """Whether this is the first page of a list by `updated_at`, oldest first."""
    ascending = query.get("order_by") == "updated_at" and query.get("sort") == "asc"
    return ascending and "page" not in query


def span_of(query: Mapping[str, Any], behind: list[Any]) -> tuple[str, str] | None:
    """The instants between which rows lie that did not come, before the row `behind` them."""
    low, high = query.get("updated_after", _EARLIEST), query.get("updated_before")
    if is_by_value(query) and behind and isinstance(behind[0], dict):
        high = behind[0].get("updated_at") or high
    known = high and (is_by_value(query) or "updated_before" in query)
    return (str(low), str(high)) if known else None


class Spans:
    """Reads such lists, and remembers how much time each of them is answered for."""

    def __init__(self) -> None:
        """Every list is taken to answer for all time."""
        self._known: dict[str, timedelta] = {}

    def known(self, path: str) -> bool:
        """Whether `path` is known to answer for short spans only."""
        return path in self._known

    def rows(
        self,
        fetch: Fetch,
        smallest: Callable[[Query], Answer],
        path: str,
        query: Mapping[str, Any],
    ) -> Answer | None:
        """The first rows of a list by value; None when not even one second of it can be had.

        `smallest` gets what can be had of a span that cannot be made shorter.
        """
        end = _moment(query.get("updated_before")) or datetime.now(timezone.utc) + _DAY
        low = _moment(query.get("updated_after"))
        missed: tuple[Missed, ...] = ()
        if low is None or low < _FIRST_DAY:
            answer, missed = _oldest(fetch, query)
            low = _FIRST_DAY
            if answer is not None and answer.data:
                return _with_next(query, answer, low, end, answer.missed)
        span = self._known.get(path, (end - low) / _CUT)
        steady = 0
        for _ in range(_MOST_CUTS):
            high = min(low + span, end)
            part = {**query, "updated_after": _text(low), "updated_before": _text(high)}
            try:
                answer = fetch(part)
            except LESS_MAY_DO:
                if span / _CUT >= _SHORTEST:
                    span, steady = span / _CUT, 0
                    continue
                try:
                    answer = smallest(part)
                except LESS_MAY_DO:
                    return None
            self._known[path] = span
            missed += answer.missed
            if answer.data or high >= end:
                return _with_next(query, answer, high, end, missed)
            low, steady = high, steady + 1
            if not steady % _STEADY:
                span *= 2
        return None


def _oldest(fetch: Fetch, query: Mapping[str, Any]) -> tuple[Answer | None, tuple[Missed, ...]]:
    """What lies before the first day, or that it cannot be had."""
    before = _text(_FIRST_DAY)
    low = query.get("updated_after", _EARLIEST)
    try:
        return fetch({**query, "updated_after": low, "updated_before": before}), ()
    except LESS_MAY_DO as error:
        message = f"What changed before {before} was left out. {error}"
        return None, (Missed(message, error.url),)


def _with_next(
    query: Mapping[str, Any],
    answer: Answer,
    high: datetime,
    end: datetime,
    missed: tuple[Missed, ...],
) -> Answer:
    more: Query | None = {**query, "updated_after": _text(high)} if high < end else None
    return Answer(answer.data, answer.next or more, len(answer.data), missed)


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else None


def _text(moment: datetime) -> str:
    return f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
