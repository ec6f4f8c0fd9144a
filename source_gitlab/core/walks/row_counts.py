"""How many rows a list has, to find those that came late and look old.

An import through the API, from Jira or by moving issues keeps the times of what it brings. In a
list that is read from a watermark on, such rows never show up. But the number of rows that were
created before some instant only ever shrinks, by deletion; where it grew since the last count,
something came late. So the list is counted once a day, in windows over the time of creation, and a
window that grew is read again. Rows created since the last count that say they were changed before
the last read, which no count holds, are asked for by themselves.

GitLab counts no further than 10,000 (https://docs.gitlab.com/api/rest/#pagination-response-headers),
so windows are made small enough. Both filters of `created_at` include their bound (app/finders/
concerns/created_at_filter.rb). In GraphQL it counts on, for as long as its database lets it
(app/graphql/types/countable_connection_type.rb).
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from source_gitlab.core.state.parts import moment, number
from source_gitlab.gitlab.errors import Malformed
from source_gitlab.gitlab.page_size import Stepping
from source_gitlab.timestamps import between, day, instant, is_instant, plus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from source_gitlab.gitlab.client import Answer, Client, Query

LOGGER = logging.getLogger("source_gitlab")

# What one late row makes us read again, once a list has been counted twice.
_MOST_ROWS = 2_500
# GitLab counts no further.
_COUNTED = 10_000
# A state stays small: some forty bytes for each.
_MOST_WINDOWS = 64
_SHORTEST_MINUTES = 1
_BESIDE = 20
# From where on windows are cut in halves, when the oldest row does not tell.
_EARLY = "1970-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class Window:
    """So many `rows` were created from `after` (None: from the first) up to `before`."""

    after: str | None
    before: str
    rows: int

    @property
    def query(self) -> Query:
        """The filters that a list takes for it."""
        after: Query = {"created_after": self.after} if self.after else {}
        return {**after, "created_before": self.before}


@dataclass(frozen=True)
class Counts:
    """What one list held when it was `asked`, in windows one behind the other.

    No window: the list cannot be counted.
    """

    asked: str
    windows: tuple[Window, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows that is together."""
        return sum(one.rows for one in self.windows)

    def to_json(self) -> dict[str, Any]:
        """The counts as JSON: `windows` are ends with numbers, from the first row on."""
        return {"asked": self.asked, "windows": [[one.before, one.rows] for one in self.windows]}

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> Counts:
        """The counts that `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it did not.
        """
        windows: list[Window] = []
        after = None
        for before, rows in raw["windows"]:
            windows.append(Window(after, moment(before), number(rows)))
            after = windows[-1].before
        return cls(moment(raw["asked"]), tuple(windows))

    def is_due(self, start: str) -> bool:
        """Whether the read that began at `start` is the first of its day (UTC)."""
        return day(self.asked) < day(start)

    def plus(self, rows: Sequence[int]) -> Counts:
        """The same with so many more rows in each window."""
        if len(rows) != len(self.windows):
            return self
        more = zip(self.windows, rows, strict=True)
        windows = (Window(one.after, one.before, one.rows + new) for one, new in more)
        return Counts(self.asked, tuple(windows))


@dataclass(frozen=True)
class Listed:
    """A list to count; the rows that it shares with those it is `without` do not count.

    `url` tells it from others, `query` are filters of its own. `page` is given filters, and answers
    with how many rows they let through (the total) and with one of them, or raises a GitlabError.
    """

    url: str
    query: Query
    page: Callable[[Query], Answer]
    without: tuple[Listed, ...] = ()


def first_row(client: Client, path: str, query: Query) -> Answer:
    """The first row of a list of REST, beside which GitLab tells how many there are.

    Raises:
        GitlabError: as `client.errors` sorts it.
    """
    stepping = Stepping()
    asked = {**query, "per_page": 1}
    try:
        return client.rows(path, asked, whole=False, stepping=stepping)
    except Malformed:
        # A row that is no object can be told from a list of none by those beside it.
        return client.rows(path, {**asked, "per_page": _BESIDE}, whole=False, stepping=stepping)


class Counter:
    """Counts lists, each window of one at most once a read. Thread-safe."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self._lock = threading.Lock()
        self._known: dict[bytes, Answer] = {}

    def first(self, listed: Listed, until: str, asked: str) -> Counts:
        """Count what was created up to `until`, in as few windows as will do.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        return Counts(asked, tuple(self._split(listed, None, until, _COUNTED)))

    def again(
        self, listed: Listed, known: Counts, until: str, asked: str
    ) -> tuple[Counts, list[Window]]:
        """Count again, and on up to `until`; the counts, and the windows that grew.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        now = [self._window(listed, one.after, one.before) for one in known.windows]
        counted = [one for one in now if one is not None]
        if not known.windows:
            # What came since it could not be counted is among all the others.
            counts = self.first(listed, until, asked)
            return counts, list(counts.windows)
        if len(counted) < len(now):
            counts = self.first(listed, until, asked)
            if self._oldest(listed, None, until) is None:
                # Totals are missing from this answer on. What grew meanwhile shows by the old ones.
                return replace(known, asked=asked), []
            # Too many rows came for GitLab to count them.
            pairs = zip(known.windows, now, strict=True)
            return counts, [old for old, new in pairs if new is None or new.rows > old.rows]
        both = zip(known.windows, counted, strict=True)
        grown = [new for old, new in both if new.rows > old.rows]
        last = counted[-1]
        if last.before < until:
            longer = self._window(listed, last.after, until)
            if longer is not None:
                counted[-1] = longer
            else:
                counted += self._split(listed, last.before, until, _COUNTED)
        for place in reversed(range(len(counted))):
            one = counted[place]
            if one.rows > _MOST_ROWS:
                parts = self._split(listed, one.after, one.before, _MOST_ROWS)
                if parts and len(counted) + len(parts) <= _MOST_WINDOWS:
                    counted[place : place + 1] = parts
        return Counts(asked, tuple(counted)), grown

    def rows(self, listed: Listed, windows: Sequence[Window]) -> list[int]:
        """How many rows of a list lie in these windows; 0 where GitLab does not tell.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        found = (self._window(listed, one.after, one.before) for one in windows)
        return [one.rows if one is not None else 0 for one in found]

    def has(self, listed: Listed, query: Query) -> bool:
        """Whether a list has rows that these filters let through.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        answer = self._ask(listed, query)
        return bool(answer.data or answer.missed or answer.total)

    def _split(self, listed: Listed, after: str | None, until: str, most: int) -> list[Window]:
        """Windows from `after` to `until` of `most` rows; none where that takes too many."""
        whole = self._window(listed, after, until)
        if whole is not None and whole.rows <= most:
            return [whole]
        oldest = self._oldest(listed, after, until)
        if oldest is None:
            return []
        windows: list[Window] = []
        waiting = [(after, until)]
        while waiting:
            low, high = waiting.pop()
            found = self._window(listed, low, high)
            first = max(low or "", oldest)
            is_short = plus(first, minutes=_SHORTEST_MINUTES) >= high
            if found is not None and (found.rows <= most or is_short):
                windows.append(found)
            elif is_short or len(windows) + len(waiting) >= _MOST_WINDOWS:
                LOGGER.warning(
                    "%s is too long to be counted: old rows may come unseen.", listed.url
                )
                return []
            else:
                middle = between(first, high)
                waiting += [(middle, high), (low, middle)]
        return windows

    def _oldest(self, listed: Listed, after: str | None, until: str) -> str | None:
        """When the oldest row of a span was created; None where GitLab counts nothing at all."""
        query = {**Window(after, until, 0).query, "order_by": "created_at", "sort": "asc"}
        answer = self._ask(listed, query)
        if not answer.data:
            return None
        created = answer.data[0].get("created_at")
        oldest = instant(created) if is_instant(created) else _EARLY
        one = self._window(listed, after, plus(oldest, milliseconds=1))
        return oldest if one is not None else None

    def _window(self, listed: Listed, after: str | None, before: str) -> Window | None:
        """One window, counted; None where GitLab does not tell."""
        answer = self._ask(listed, Window(after, before, 0).query)
        if answer.total is None:
            return None
        others = (self._window(one, after, before) for one in listed.without)
        less = sum(one.rows for one in others if one is not None)
        return Window(after, before, answer.total - less)

    def _ask(self, listed: Listed, query: Query) -> Answer:
        asked = {**listed.query, **query}
        name = orjson.dumps([listed.url, sorted(asked.items())], default=str)
        with self._lock:
            known = self._known.get(name)
        if known is None:
            # How many rows there are is told beside any of them, so one that is broken takes
            # nothing away.
            known = listed.page(asked)
            with self._lock:
                self._known[name] = known
        return known
