"""Rows that come late into a list that is read by time, and look old: found by counting them.

When, and why, is in row_counts.py. A list is counted before it is read, so that what comes while it
is read is found by the next count; and what was counted is in the state before its rows are, so
that a read that is killed is held to it, too.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from source_gitlab.core.slices import Page
from source_gitlab.core.state.progress import key_of
from source_gitlab.core.walks.row_counts import Counter, Counts, Listed, Window, first_row
from source_gitlab.gitlab.errors import ReadError, Skipped
from source_gitlab.gitlab.pagination import Missed
from source_gitlab.timestamps import at, instant, plus

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from source_gitlab.core.slices import Row, Slice
    from source_gitlab.core.state import StreamState
    from source_gitlab.core.walks.reading import Reading
    from source_gitlab.core.walks.seek import FirstPage, Seek
    from source_gitlab.gitlab.client import Query
    from source_gitlab.gitlab.errors import GitlabError

LOGGER = logging.getLogger("source_gitlab")

# Where more members enter a group at once, its list is counted anew when they have.
_MOST_ENTERING = 20


@dataclass(frozen=True)
class _Part:
    """The rows of a list that were created from `after` to `before`, and the filters for them."""

    after: str | None
    before: str | None
    query: Query


class DatedList(Protocol):
    """A list that can be counted, and read, by the times of its rows."""

    @property
    def listed(self) -> Listed:
        """The list as it is counted."""
        ...

    def rows(self, query: Query, since: str | None) -> Iterator[list[Row]]:
        """The rows that changed from `since` on and pass the filters, or a GitlabError."""
        ...


@dataclass(frozen=True)
class DatedSeek:
    """A list of REST, as one that is dated."""

    seek: Seek

    @property
    def listed(self) -> Listed:
        """The list as it is counted."""
        client, path = self.seek.client.client, self.seek.path
        return Listed(_url(self.seek), self.seek.query, partial(first_row, client, path))

    def rows(self, query: Query, since: str | None) -> Iterator[list[Row]]:
        """The rows that changed from `since` on and pass the filters, or a GitlabError."""
        narrow = replace(self.seek, query={**self.seek.query, **query})
        for rows, _ in narrow.rows(since):
            yield rows


class LateRows:
    """Finds late rows. Thread-safe."""

    def __init__(self, lookback_minutes: int) -> None:
        """Nothing is counted yet."""
        self._counter = Counter()
        self._lookback = lookback_minutes
        self._lock = threading.Lock()
        self._totals: dict[str, tuple[int | None, str]] = {}

    def watched(self, seek: Seek) -> Seek:
        """The same list; how many rows it has is noted when it is walked from its first row on."""

        def note(first: FirstPage) -> None:
            # GitLab tells the time in whole seconds. What is created within this one counts as
            # late, and is read twice.
            until = plus(at(first.came), seconds=1)
            with self._lock:
                self._totals.setdefault(_url(seek), (first.answer.total, until))

        return replace(seek, told=note)

    def first(self, reading: Reading, dated: DatedList) -> Counts | None:
        """The counts of a list, unless it has been counted before.

        Those of a list that is watched are of its first page, which must have been read.

        Raises:
            GitlabError: it could not be counted, as `client.errors` sorts it.
        """
        slice_, state = reading.slice_, reading.state
        if "group" in slice_ or key_of(slice_) in state.counts or state.is_full_of_counts:
            return None
        listed = dated.listed
        with self._lock:
            total, until = self._totals.get(listed.url, (None, ""))
        if total is not None:
            return Counts(slice_["start"], (Window(None, until, total),))
        until = plus(slice_["start"], minutes=-self._lookback)
        return self._counter.first(listed, until, slice_["start"])

    def pages(
        self, reading: Reading, dated: DatedList, of: Callable[[int], DatedList]
    ) -> Generator[Page, None, Missed | None]:
        """Rows that came late since the list was last counted.

        They are looked for by the first read of each day (UTC). Rows that the walk from the
        slice's `since` on brings anyway are left out. `of` makes the own list of a member of the
        group. Rows that may have come late and look older than the start date are passed over: no
        later count will tell of them, so the state no longer says that it goes back further.

        Returns:
            that the list could not be counted; None where it could, or need not.

        Raises:
            GitlabError: late rows are there, and could not be read.
        """
        shared, slice_, state = reading.shared, reading.slice_, reading.state
        if "group" in slice_:
            self._join(dated.listed, slice_, state)
            return None
        start, since, first = slice_["start"], slice_["since"], shared.first
        known = state.counts.get(key_of(slice_))
        if known is None and state.has_counts and not state.is_full_of_counts:
            # The list goes on from where others had come to, by another selection, and what came
            # late into those has not been counted here. A list that could not be asked for once
            # changes no selection.
            known = Counts("") if shared.inventory.roots().complete else None
        if known is None or since is None or not known.is_due(start):
            return None
        entering = (
            state.entering.get(slice_["id"], set()) if slice_["container"] == "group" else set()
        )
        if len(entering) > _MOST_ENTERING:
            return None
        others = tuple(of(number).listed for number in sorted(entering))
        listed = replace(dated.listed, without=others)
        until = plus(start, minutes=-self._lookback)
        parts: list[_Part] = []
        if known.windows:
            # What was created since the last count, and lies behind the watermark, was in no count:
            # what came on time is read again along with what came late.
            last = known.windows[-1].before
            parts.append(_Part(last, None, {"created_after": last, "updated_before": since}))
        counts = None if known.asked else owed(start)
        problem: Missed | None = None
        try:
            counts, grown = self._counter.again(listed, known, until, start)
            parts += [_Part(one.after, one.before, one.query) for one in grown]
            goes_back = state.origin is not None and state.origin.start_date != first
            if first and goes_back and self._hides(listed, parts, min(first, since)):
                shared.entered(reading.stream, state)
        except (ReadError, Skipped) as error:
            # The list is read whether or not it can be counted. The next read counts it again.
            problem = uncounted(listed.url, error)
        for part in parts:
            yield from _late(dated, part, first, since)
        if counts is not None:
            yield Page([], counts=counts)
        return problem

    def _hides(self, listed: Listed, parts: list[_Part], first: str) -> bool:
        """Whether rows of these parts were last changed before the start date."""
        for part in parts:
            until = min(first, str(part.query.get("updated_before", first)))
            if self._counter.has(listed, {**part.query, "updated_before": until}):
                return True
        return False

    def _join(self, listed: Listed, slice_: Slice, state: StreamState) -> None:
        """Count what a member brings into its group, whose counts do not hold it yet."""
        known = state.counts.get(f"group:{slice_['group']}")
        if known is None:
            return
        try:
            state.join(self._counter.rows(listed, known.windows))
        except (ReadError, Skipped) as error:
            # The group then has grown when it is counted next, and is read again.
            LOGGER.info("%s could not be counted. %s", listed.url, error)


def uncounted(url: str, error: GitlabError) -> Missed:
    """What is said of a list that could not be counted."""
    message = f"{url} could not be counted, so rows that came late with old times were not looked"
    return Missed(f"{message} for. The next sync counts it again. {error}", url, reason="partial")


def owed(start: str) -> Counts:
    """Counts of a list that could not be counted by the read of `start`: the next one does it."""
    return Counts(plus(start, days=-1))


def _url(seek: Seek) -> str:
    return f"{seek.client.api_url}/{seek.path}"


def _late(dated: DatedList, part: _Part, first: str | None, since: str) -> Iterator[Page]:
    """Rows of a part of the list that were last changed before `since`."""
    for rows in dated.rows(part.query, first):
        late = [
            row
            for row in rows
            if _is_within(row, part.after, part.before)
            and (row.get("updated_at") is None or instant(row["updated_at"]) < since)
        ]
        if late:
            yield Page(late)


def _is_within(row: Row, low: str | None, high: str | None) -> bool:
    """Whether a row was created in between, or may have been: GraphQL cuts times to seconds."""
    if row.get("created_at") is None:
        return True
    when = instant(row["created_at"])
    return (low is None or plus(low, seconds=-1) <= when) and (
        high is None or when <= plus(high, milliseconds=1)
    )
