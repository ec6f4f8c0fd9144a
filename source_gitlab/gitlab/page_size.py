"""Asking for less when GitLab cannot give a page: fewer rows at once, then a shorter time.

A page fails for good where its rows are costly to make: the database or the application runs into
its time-out, or one broken row breaks every page that it is on. Smaller pages get everything but
that row. Who is `Stepping` is given the rest of the page, and told what is missing from it.

The price: some requests more for that page, and between the parts of a page that is numbered a
list can shift as it can between pages. Who reads such a list compares its length with what came,
and who reads by value takes a part for a page (`whole=False`) and goes on from its last row, which
cannot lose any.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import requests

from source_gitlab.gitlab.errors import LESS_MAY_DO, ReadError, ServerError
from source_gitlab.gitlab.next_page import CURSORS, numbered
from source_gitlab.gitlab.pagination import Answer, Missed
from source_gitlab.gitlab.short_spans import Spans, is_by_value, span_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from source_gitlab.gitlab.pagination import Query

    Fetch = Callable[[Mapping[str, Any]], Answer]

# The largest size that divides the page and is not above these, one after the other.
_BOUNDS = (20, 5, 1)
# Pages of a size that are taken before a larger one is tried again, at first and at most.
_PATIENCE = 4
_MOST_PATIENCE = 64
_TRYING = -1
# Rows one behind the other that are stepped over. More of them are no broken rows, but a list that
# cannot be read; and who waits in vain for two, or is sent too much, is not better off with ten.
_MOST_IN_A_ROW = 10
_MOST_COSTLY_IN_A_ROW = 2


@dataclass(frozen=True)
class Stepping:
    """How to go on where single rows cannot be had.

    `before` is how many rows stand before the page, of a list that is continued from its last
    row; None: nobody knows. A row that does not come is asked for without the `optional`
    parameters of the query.
    """

    before: int | None = 0
    optional: tuple[str, ...] = ()


@dataclass
class _Known:
    """The size of pages that a list needs, and how many it takes until a larger one is tried.

    `left` is `_TRYING` while the larger one is.
    """

    size: int
    left: int = _PATIENCE
    patience: int = _PATIENCE


class AdaptivePageSize:
    """Gets pages in parts, and remembers which lists need it. Thread-safe."""

    def __init__(self, bounds: tuple[int, ...] = _BOUNDS) -> None:
        """Every list is taken to give whole pages; smaller ones are not above these `bounds`."""
        self._bounds = bounds
        self._known: dict[str, _Known] = {}
        self._spans = Spans()
        self._most: dict[str, int] = {}
        self._lock = threading.Lock()

    def note(self, path: str, query: Mapping[str, Any], most: int | None) -> None:
        """Note how many rows a page of `path` may have, if that is fewer than were asked for.

        The numbers of pages count pages of that size then.
        """
        if most is not None and most < int(query.get("per_page", most)):
            with self._lock:
                self._most[path] = most

    def size(self, path: str, wanted: int) -> int:
        """How many rows to ask `path` for at once, where a page of `wanted` rows is needed."""
        with self._lock:
            known = self._known.get(path)
            if known is None:
                return wanted
            if known.left > 0:
                known.left -= 1
                return min(known.size, wanted)
            known.left = _TRYING
            larger = [size for size in _sizes(wanted, self._bounds) if size > known.size]
            return larger[-1] if larger else wanted

    def is_known(self, path: str) -> bool:
        """Whether `path` did not give a whole page."""
        return path in self._known

    def worked(self, path: str, size: int, wanted: int) -> None:
        """Note that pages of `size` rows, no larger ones, are what `path` gives."""
        with self._lock:
            known = self._known.get(path)
            if size >= wanted:
                self._known.pop(path, None)
            elif known is None:
                self._known[path] = _Known(size)
            elif size != known.size:
                patience = min(2 * known.patience, _MOST_PATIENCE)
                self._known[path] = _Known(size, patience, patience)
            elif known.left == _TRYING:
                known.patience = known.left = min(2 * known.patience, _MOST_PATIENCE)

    def rows(  # noqa: PLR0913 -- a page, how to ask for it, and what to do about what fails
        self,
        fetch: Fetch,
        path: str,
        query: Mapping[str, Any],
        problem: ReadError | None,
        *,
        whole: bool,
        size: int | None = None,
        stepping: Stepping | None = None,
    ) -> Answer:
        """The page that `query` asks for, in parts; if not `whole`, its first rows will do.

        No part is larger than `size`, which `self.size` tells unless it was asked already.

        Raises:
            ServerError or Garbled: `problem`, or that of the smallest part: none of it came.
        """
        asked = int(query.get("per_page", 20))
        wanted = min(asked, self._most.get(path, asked))
        if wanted < asked:
            query = {**query, "per_page": wanted}
        cap = size or self.size(path, wanted)
        by_value = not whole and is_by_value(query)

        def smallest(part: Query) -> Answer:
            return _Page(fetch, part, 1, stepping).first()

        if by_value and self._spans.known(path):
            answer = self._spans.rows(fetch, smallest, path, query)
            if answer is not None:
                return answer
        page = _Page(fetch, query, cap, stepping)
        try:
            answer = page.whole() if whole else page.first()
        except LESS_MAY_DO as error:
            narrow = self._spans.rows(fetch, smallest, path, query) if by_value else None
            if narrow is None:
                raise problem or error from None
            return narrow
        self.worked(path, page.size, wanted)
        return answer


def _sizes(wanted: int, bounds: tuple[int, ...] = _BOUNDS) -> list[int]:
    """The sizes of parts of a page of `wanted` rows, the largest first."""
    sizes = (next(n for n in range(bound, 0, -1) if not wanted % n) for bound in bounds)
    return [size for size in dict.fromkeys(sizes) if size < wanted]


class _Page:
    """One page, part by part; `size` is that of the parts which worked."""

    def __init__(
        self, fetch: Fetch, query: Mapping[str, Any], cap: int, stepping: Stepping | None
    ) -> None:
        self._fetch = fetch
        self._query = query
        self._stepping = stepping
        self._wanted = int(query.get("per_page", 20))
        self._sizes = [size for size in _sizes(self._wanted) if size <= cap] or [1]
        self._base = numbered(query)
        self._cursor: Query | None = None
        self._start: int | None = (int(query.get("page", 1)) - 1) * self._wanted
        if query.get("pagination") == "keyset" or CURSORS & query.keys():
            self._cursor = dict(query)
            self._start = stepping.before if stepping else None
        self._rows: list[Any] = []
        self._total: int | None = None
        self._more = True
        self._thinned = False
        self._missed: list[Missed] = []
        self._in_a_row = 0
        self.size = self._sizes[0]

    def first(self) -> Answer:
        """The first part of the page that can be had, and what was stepped over before it."""
        position = self._start or 0
        for size in self._sizes:
            try:
                answer = self._part(position, size)
            except LESS_MAY_DO as error:
                problem = error
                continue
            self.size = size
            return answer
        found = self._alone(position, problem)
        while found is None:
            position += 1
            try:
                found = self._part(position, 1)
            except LESS_MAY_DO as error:
                found = self._alone(position, error)
        self.size = 1
        self._missed += found.missed
        return replace(found, missed=self._told(found.data))

    def whole(self) -> Answer:
        """Every part of the page that can be had, and what was stepped over in it."""
        start = self._start or 0
        stop = start + self._wanted - start % self._wanted
        try:
            level = self._gather(start, stop, 0)
        except LESS_MAY_DO as error:
            if not self._rows:
                raise
            level = len(self._sizes)
            message = f"What is behind {self._name(start, error)} was left out. {error}"
            self._missed.append(Missed(message, error.url))
        self.size = self._sizes[min(level, len(self._sizes) - 1)]
        following = self._next(stop) if self._more else None
        missed = self._told([])
        return Answer(self._rows, following, self._total, missed, thinned=self._thinned)

    def _gather(self, position: int, stop: int, level: int) -> int:
        """Take the rows up to `stop` in parts no larger than those of `level`; which one worked."""
        while position < stop and self._more:
            size = self._fitting(position, stop, level)
            try:
                answer: Answer | None = self._part(position, size)
            except LESS_MAY_DO as error:
                if size > 1:
                    missed = len(self._missed)
                    smaller = self._sizes.index(size) + 1
                    self._gather(position, position + size, smaller)
                    # One row may have been to blame; else it is parts of this size.
                    level = level if len(self._missed) > missed else smaller
                    position += size
                    continue
                answer = self._alone(position, error)
            if answer is not None:
                self._rows += answer.data
                self._missed += answer.missed
                self._in_a_row = 0
                self._thinned = self._thinned or answer.thinned
                self._total = answer.total if self._total is None else self._total
                self._more = answer.next is not None
                self._cursor = answer.next if self._cursor is not None else None
            position += size
        return level

    def _fitting(self, position: int, stop: int, level: int) -> int:
        """The largest size, from a level of them on, whose pages have one at `position`."""
        for size in self._sizes[level:]:
            if position + size <= stop and (self._cursor is not None or not position % size):
                return size
        return 1

    def _next(self, stop: int) -> Query:
        if self._cursor is not None:
            return {**self._cursor, "per_page": self._wanted}
        return {**self._base, "per_page": self._wanted, "page": stop // self._wanted + 1}

    def _part(self, position: int, size: int) -> Answer:
        return self._fetch({**self._at(position, size), "per_page": size})

    def _at(self, position: int, size: int) -> Query:
        if self._cursor is not None:
            return self._cursor
        part = {name: value for name, value in self._base.items() if name != "page"}
        return {**part, "page": position // size + 1} if position else part

    def _alone(self, position: int, error: ReadError) -> Answer | None:
        """A row without what is optional; None: it was stepped over.

        Raises:
            ServerError or Garbled: `error`, where nobody steps, or too many rows fail.
        """
        if self._stepping is None:
            raise error
        optional = [name for name in self._stepping.optional if name in self._query]
        if optional:
            query = self._at(position, 1)
            slim = {name: value for name, value in query.items() if name not in optional}
            try:
                answer = self._fetch({**slim, "per_page": 1})
            except LESS_MAY_DO as without:
                error = without
            else:
                self._missed += [lacking(row, optional, error) for row in answer.data]
                return answer
        self._in_a_row += 1
        too_many = self._in_a_row > (_MOST_COSTLY_IN_A_ROW if _is_costly(error) else _MOST_IN_A_ROW)
        if too_many or self._start is None:
            raise error
        # A list cannot be continued from a row that does not come, but by number.
        self._cursor = None
        message = f"{self._name(position, error)} was left out. {error}"
        self._missed.append(Missed(message, error.url))
        return None

    def _name(self, position: int, error: ReadError) -> str:
        since = self._query.get("updated_after")
        of_those = f" (of what changed from {since} on)" if since else ""
        behind = f", behind {_called(self._rows[-1])}," if self._rows else ""
        return f"Row {position + 1}{behind} of {error.url}{of_those}"

    def _told(self, behind: list[Any]) -> tuple[Missed, ...]:
        span = span_of(self._query, behind)
        return tuple(replace(one, span=span) if one.holds else one for one in self._missed)


def _is_costly(error: ReadError) -> bool:
    """Whether the answer was late, or too large."""
    late = isinstance(error.__cause__, requests.exceptions.ReadTimeout)
    return late or (isinstance(error, ServerError) and error.status == requests.codes.ok)


def lacking(row: Any, names: Sequence[str], error: ReadError) -> Missed:
    """A row came, but without what these parameters bring, for which there was an `error`."""
    message = f"{_called(row)} of {error.url} came without {' and '.join(names)}. {error}"
    return Missed(message, error.url, reason="partial")


def _called(row: Any) -> str:
    """How people know a row."""
    columns = ("iid", "id", "name", "tag_name", "username") if isinstance(row, Mapping) else ()
    found = ((column, row[column]) for column in columns if row.get(column) is not None)
    return next((f"{column} {value}" for column, value in found), "a row")
