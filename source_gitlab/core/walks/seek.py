"""Lists that can be filtered and ordered by `updated_at`: read by value, never by page number.

Page numbers over a list ordered by `updated_at` lose rows: a row that is updated while we page
moves to the end, and the row behind the page's edge moves into a page that was already read. So we
always ask for page 1 and move `updated_after` to the last value that we saw. That is immune to
updates, deletions and the limit of 50,000 rows, and costs about one repeated row a page.

A long list is read in several windows at once, each of them by value, up to the row with which the
next one starts (windows.py).

Facts that this relies on: both filters include their bound (app/finders/concerns/
updated_at_filter.rb); GitLab stores microseconds and sends milliseconds, cut, not rounded; rows
without `updated_at` come last in ascending and first in descending order (PostgreSQL).
"""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import count, dropwhile, islice
from typing import TYPE_CHECKING, Any

from source_gitlab.core.walks.edge import Edge, dated_end
from source_gitlab.core.walks.pages import read_pages
from source_gitlab.core.walks.third_pages import ThirdPages
from source_gitlab.core.walks.windows import WindowStarts, first_instant
from source_gitlab.gitlab.errors import ReadError
from source_gitlab.gitlab.pagination import Missed
from source_gitlab.timestamps import instant, plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.row_key import RowKey
    from source_gitlab.core.slices import Row
    from source_gitlab.gitlab.client import Answer, Query
    from source_gitlab.gitlab.lists import Lists

_WINDOWS_AHEAD = 16
# A window that turns out to be longer is read on when its turn comes, so that it fills no memory.
_PAGES_OF_A_WINDOW_AHEAD = 8
_MOST_EMPTY_PAGES = 500
# Pages of a window that were asked for by value, behind its first one.
_BEHIND_SECOND = 2
_CIRCULAR = "names a page that was already read as the next one"
_HOLLOW = "names a next page, but sends no rows"
_EMPTY = "says that it has more rows than a page, and sends none"
_REPEATED = "sends the same rows for every page"
_EMPTIED = "was answered with an empty page, and has rows when it is asked in another order"
_DISORDER = "is not in the order that was asked for"
# Enough to see that nothing changed; a longer list of changes is read by seeking.
_NEWEST = 20


@dataclass(frozen=True)
class FirstPage:
    """The first page of a list, and the server's time when it had come."""

    answer: Answer
    came: float


@dataclass(frozen=True)
class Seek:
    """One list to seek through; `key` tells its rows apart.

    `moment` is the order that tells rows of one instant apart, where the list itself does not.
    `told` is given the first page of each walk. `opened` is that page, where it was asked for
    before.
    """

    client: Lists
    prefetcher: Prefetcher
    path: str
    query: Query
    key: RowKey
    moment: Mapping[str, Any] = field(default_factory=dict)
    told: Callable[[FirstPage], None] | None = None
    opened: FirstPage | None = None

    def rows(
        self, since: str | None, *, undated: bool = True
    ) -> Iterator[tuple[list[Row], str | None]]:
        """Rows with `since <= updated_at`, oldest first, each version once.

        A list whose rows do not tell `updated_at`, as in old versions of GitLab, is read page by
        page; with `undated` false such rows are left out. One in front of rows that do tell it
        comes in either case, and is noted in the lists of `client`.

        Yields:
            the rows of a page, and the instant up to which everything is now read.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        opened = self.opened or self.open(since)
        if self.told is not None:
            self.told(opened)
        first = opened.answer
        edge = Edge(self.key)
        if undated and first.data and not dated_end(first.data):
            query = self._query(since)
            for rows in read_pages(self.client, self.prefetcher, self.path, query, self.key):
                yield rows, edge.through
            return
        for rows in self._windows(first, since):
            part = rows if undated else dated_end(rows)
            fresh = edge.fresh(part) if part else []
            if fresh:
                yield fresh, edge.through

    def open(self, since: str | None) -> FirstPage:
        """The first page of the rows with `since <= updated_at`; raises as `rows` does."""
        return FirstPage(self._page(since), self.client.now())

    def newest(self, since: str | None) -> Iterator[tuple[list[Row], str | None]]:
        """The same, for lists in which a row may lack `updated_at`: those rows first.

        A row that lacked it at an earlier read and still does is not sent again, unless nothing
        tells either when it was created.
        """
        query: Query = {**self.query, "order_by": "updated_at", "sort": "desc"}
        query["per_page"] = _NEWEST if since else self._page_size
        answer = self.client.rows(self.path, query, self.key.checked, whole=False)
        empty = [row for row in answer.data if row.get("updated_at") is None]
        changed = [row for row in answer.data if row.get("updated_at") is not None]
        if empty and not changed and answer.next is not None:
            # Rows without the instant have no order among each other, so they cannot be paged.
            by_id = {**self.query, "order_by": "id", "sort": "asc"}
            pages = read_pages(self.client, self.prefetcher, self.path, by_id, self.key)
            empty = [row for rows in pages for row in rows if row.get("updated_at") is None]
        # Behind a row that has the instant, none belongs that lacks it: it may have had it before.
        front = {
            id(row) for row in answer.data[: len(answer.data) - len(_dated_start(answer.data))]
        }
        fresh = [
            row
            for row in empty
            if not since
            or not row.get("created_at")
            or instant(row["created_at"]) >= since
            or (changed and id(row) not in front)
        ]
        if fresh:
            yield fresh, None
        oldest = instant(changed[-1]["updated_at"]) if changed else ""
        if answer.next is None or (since and changed and oldest < since):
            rows = [row for row in changed if not since or instant(row["updated_at"]) >= since]
            if rows:
                yield rows[::-1], instant(rows[0]["updated_at"])
            return
        yield from self.rows(since, undated=False)

    @property
    def _page_size(self) -> int:
        return self.client.tuning.page_size

    def _query(self, since: str | None, until: str | None = None) -> Query:
        query: Query = {**self.query, "order_by": "updated_at", "sort": "asc"}
        if since:
            query["updated_after"] = since
        if until:
            query["updated_before"] = until
        return query

    def _page(self, since: str | None, until: str | None = None) -> Answer:
        query = {**self._query(since, until), "per_page": self._page_size}
        return self.client.rows(self.path, query, self.key.checked, whole=False)

    def _numbered(
        self, since: str | None, number: int, rows: int, behind: str | None = None
    ) -> Answer:
        query = {**self._query(since, _upper(behind)), "per_page": rows, "page": number}
        return self.client.rows(self.path, query, self.key.checked, whole=False)

    def _windows(self, first: Answer, since: str | None) -> Iterator[list[Row]]:
        """The rows of every window in order, page by page."""
        tuning = self.client.tuning
        starts = WindowStarts(self.prefetcher, self._numbered, first, since, tuning)
        hollow = _Hollow()
        alone = self.prefetcher.workers == 1 or first.next is None or first.guessed
        if alone or not starts.are_worth_it(tuning.pages_worth_windows):
            yield from self._window(first, since, None, hollow)
            return

        top = self._top(first)
        thirds = ThirdPages(self.prefetcher, self._numbered, starts, tuning)
        is_plain = all(row.get("updated_at") is not None for row in first.data)
        if is_plain:
            # They need not wait for the windows, which go on from rows that nobody changes.
            yield [row.copy() for row in first.data]

        def tasks() -> Iterator[Callable[[], _Part]]:
            # Windows wait for their starts, and should not do so in threads that starts need.
            all(starts.ask(position) for position in range(1, _WINDOWS_AHEAD + 2))
            for position in count():
                is_last = not starts.ask(position + 1)
                thirds.ask(position, is_last=is_last)
                part = partial(self._part, starts, thirds, since, position, top)
                came = is_plain and not position
                yield partial(part, hollow=hollow, is_last=is_last, came=came)
                if is_last:
                    return

        with closing(self.prefetcher.in_order(tasks(), _WINDOWS_AHEAD)) as parts:
            for position, part in enumerate(parts):
                yield from part.pages
                yield from part.rest
                if part.is_last:
                    return
                starts.forget(position)
                thirds.forget(position)

    def _top(self, answer: Answer) -> list[Any]:
        """What tells the first rows of a page; windows that start alike are one and the same."""
        return [self.key.values(row) for row in answer.data[:3]]

    def _part(  # noqa: PLR0913 -- a window is all of these
        self,
        starts: WindowStarts,
        thirds: ThirdPages,
        since: str | None,
        position: int,
        top: list[Any],
        *,
        hollow: _Hollow,
        is_last: bool,
        came: bool,
    ) -> _Part:
        # Waits for pages that were handed to the pool before this window was, so they are
        # already being fetched: waiting for them cannot fill the pool.
        answer = starts.answer(position)
        behind = None
        if not is_last:
            following = starts.answer(position + 1)
            if top and self._top(following) == top:
                raise self._error(_REPEATED)
            behind = first_instant(following.data)
        if position and behind is not None and behind == first_instant(answer.data):
            # The window before reads this instant to its end.
            return _Part([], iter(()), is_last=False)
        third = partial(thirds.behind, position)
        pages = self._window(answer, None if position else since, _upper(behind), hollow, third)
        if came:
            next(pages, None)
        return _Part(list(islice(pages, _PAGES_OF_A_WINDOW_AHEAD)), pages, is_last=behind is None)

    def _window(
        self,
        answer: Answer,
        after: str | None,
        upper: str | None,
        hollow: _Hollow,
        third: Callable[[str], Answer | None] | None = None,
    ) -> Iterator[list[Row]]:
        """From `answer` on by value, up to `upper`; `after` is the bound it was asked with.

        `third` is the page behind the second one, as `ThirdPages.behind`.
        """
        asked: Query | None = None
        pages = 0
        while True:
            rows, last, behind = self._in_order(answer)
            problem = hollow.problem(asked, answer.next, has_rows=last is not None)
            if rows:
                yield rows
            if answer.next is None:
                by_value = after if asked is None else None
                self._must_have_ended(answer, by_value, upper)
                return
            if problem is not None:
                raise self._error(problem)
            if last is None or behind is not None:
                # GitLab drops rows that the token may not see after it cut the page.
                asked = answer.next
                answer = behind or self.client.rows(self.path, asked, self.key.checked)
                continue
            if upper is not None and last > upper:
                return
            if after is not None and last < after:
                raise self._error(_DISORDER)
            if last == after:
                yield from self._moment(last)
                last = plus(last, milliseconds=1)
            after, asked, pages = last, None, pages + 1
            ahead = third(last) if third is not None and pages == _BEHIND_SECOND else None
            answer = ahead or self._page(after, upper)

    def _in_order(self, answer: Answer) -> tuple[list[Row], str | None, Answer | None]:
        """The rows of a page, the last instant in it, and the page behind it if that has none.

        Rows without the instant come last, and no filter by time shows them. One that stands in
        front of others is out of order: it is noted, and comes in front of the others.
        """
        rows, dated, behind = answer.data, dated_end(answer.data), None
        odd = [row for row in dated if row.get("updated_at") is None]
        if 0 < len(dated) < len(rows) and answer.next is not None:
            behind = self.client.rows(self.path, answer.next, self.key.checked)
            if any(row.get("updated_at") is not None for row in behind.data):
                odd += rows[len(dated) :]
                rows = [*rows[len(dated) :], *dated]
                behind = None
        self._note_undated(odd)
        return rows, instant(dated[-1]["updated_at"]) if dated else None, behind

    def _must_have_ended(self, answer: Answer, after: str | None, upper: str | None) -> None:
        """Let a page, of what changed from `after` on where it was asked for so, pass for the end.

        GitLab counts the rows of an empty list, and a list by value shows its last row again.
        """
        if not answer.data and (answer.total or 0) > self._page_size:
            raise self._error(_EMPTY)
        if not answer.is_bare_end or after is None:
            return
        query = {**self._query(after, upper), "sort": "desc", "per_page": self._page_size}
        if self.client.rows(self.path, query, self.key.checked, whole=False).data:
            raise self._error(_EMPTIED)

    def _moment(self, moment: str) -> Iterator[list[Row]]:
        """Every row of one millisecond that has more rows than a page holds."""
        query: Query = {**self.query, "order_by": "updated_at", "sort": "asc", **self.moment}
        query |= {"updated_after": moment, "updated_before": plus(moment, milliseconds=1)}
        return read_pages(self.client, None, self.path, query, self.key)

    def _note_undated(self, rows: list[Row]) -> None:
        """Note rows without the instant that do not stand at the end, where such rows belong."""
        url = f"{self.client.api_url}/{self.path}"
        for row in rows:
            name = ", ".join(map(str, self.key.values(row)))
            message = f"{url} answered with a row ({name}) without updated_at among rows that"
            message += " have it. It came without that column."
            self.client.note(Missed(message, url, reason="partial"))

    def _error(self, what: str) -> ReadError:
        url = f"{self.client.api_url}/{self.path}"
        return ReadError(f"The list {url} {what}.", url=url)


class _Hollow:
    """How many pages without rows came one behind the other, in all windows of one list.

    Thread-safe.
    """

    def __init__(self) -> None:
        self._pages = 0
        self._lock = threading.Lock()

    def problem(
        self, asked: Query | None, following: Query | None, *, has_rows: bool
    ) -> str | None:
        """Count a page that was `asked` for; what is wrong with going on to the `following` one."""
        with self._lock:
            self._pages = 0 if has_rows else self._pages + 1
            if self._pages > _MOST_EMPTY_PAGES:
                return _HOLLOW
        return _CIRCULAR if not has_rows and asked and following == asked else None


@dataclass(frozen=True)
class _Part:
    """A window: what was read of it ahead of its turn, and the rest."""

    pages: list[list[Row]]
    rest: Iterator[list[Row]]
    is_last: bool


def _upper(behind: str | None) -> str | None:
    """The end of a window behind which another one starts with an instant.

    Rows of the same millisecond may stand on either side of the page's edge.
    """
    return plus(behind, milliseconds=1) if behind else None


def _dated_start(rows: list[Row]) -> list[Row]:
    """The rows from the first one on that has the instant."""
    return list(dropwhile(lambda row: row.get("updated_at") is None, rows))
