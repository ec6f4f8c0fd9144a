"""Lists that GitLab filters by whole days, and counts to 10,000 rows only.

The events of a project are such a list (app/finders/events_finder.rb). `after` and `before` leave
out all of the day that they name. GitLab takes rows that the token may not see out of a page after
it was cut, so pages are short or empty, and no count tells whether all rows came. It counts to
10,001, and no link leads on there; newer versions send no count of 10,000 or more
(lib/gitlab/pagination/offset_pagination.rb). So a longer list is cut into spans of days, until each
is shorter; rows are told apart by their key, whatever their order.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from source_gitlab.core.row_key import RowKey
from source_gitlab.core.slices import Page
from source_gitlab.core.walks.less_rows import note_less
from source_gitlab.gitlab.errors import ReadError
from source_gitlab.gitlab.pagination import Missed, pages_of
from source_gitlab.timestamps import date_of, instant

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from source_gitlab.core.slices import Row
    from source_gitlab.core.walks.reading import Reading
    from source_gitlab.gitlab.pagination import Answer, Query

PER_PAGE = 100
_MOST_COUNTED = 10_000
_MOST_WALKS = 5
# So many pages one behind the other, of which the token may see nothing, are taken for the end.
_MOST_EMPTY = 10
# GitLab is younger.
_FIRST_DAY = date(2011, 1, 1)
_DAY = timedelta(days=1)


def days(reading: Reading) -> Iterator[Page]:
    """The rows of the slice's list from the instant on from which it is read.

    Raises:
        GitlabError: as `gitlab.errors` sorts it; ReadError also when rows are deleted all the time.
    """
    note_less(reading)
    since = reading.since
    # GitLab's days are those of the time zone that it is set to, which may be west of UTC.
    first = date_of(since) - _DAY if since else _FIRST_DAY
    # GitLab's clock may be a little ahead of the one that the slice was planned by.
    last = date_of(reading.slice_["start"]) + _DAY
    column = reading.stream.cursor or ""
    for rows in _Days(reading).span(first, max(first, last), is_last=True):
        fresh = [row for row in rows if not since or _moment(row, column) >= since]
        if fresh:
            yield Page(fresh)


def _moment(row: Row, column: str) -> str:
    return instant(row[column]) if row.get(column) else "9999"


class _Days:
    """Reads spans of days of one list."""

    def __init__(self, reading: Reading) -> None:
        self._lists = reading.lists
        self._path, self._query = reading.address()
        self._url = f"{reading.lists.api_url}/{self._path}"
        self._after = reading.stream.since or ""
        self._key = RowKey.of(reading.stream)
        self._seen: set[tuple[object, ...]] = set()

    def span(self, first: date, last: date, *, is_last: bool) -> Iterator[list[Row]]:
        """The rows of the days from `first` to `last`, and all later ones with `is_last`."""
        query: Query = {**self._query, "per_page": PER_PAGE}
        if first > _FIRST_DAY:
            query[self._after] = (first - _DAY).isoformat()
        if not is_last:
            query["before"] = (last + _DAY).isoformat()
        answer = self._page(query)
        is_long = answer.total is None or answer.total > _MOST_COUNTED
        if is_long and answer.next is not None and first < last:
            middle = first + (last - first) // 2
            yield from self.span(first, middle, is_last=False)
            yield from self.span(middle + _DAY, last, is_last=is_last)
            return
        pages = yield from self._whole(query, answer)
        if is_long and pages >= _MOST_COUNTED // PER_PAGE:
            yield from self._behind(query, pages + 1, first)

    def _whole(self, query: Query, first: Answer) -> Generator[list[Row], None, int]:
        """All pages, and all again while rows were deleted: those behind them moved forward.

        How many pages there are.
        """
        answer: Answer | None = first
        for _ in range(_MOST_WALKS):
            pages, most, last = 0, 0, 0
            for one in pages_of(self._page, query, self._url, answer):
                pages, last = pages + 1, one.total or 0
                most = max(most, last)
                fresh = [row for row in one.data if self._is_new(row)]
                if fresh:
                    yield fresh
            if last >= most or not last:
                return pages
            answer = None
        message = f"{self._url} lost rows every time it was read. Try again later."
        raise ReadError(message, url=self._url)

    def _behind(self, query: Query, page: int, day: date) -> Iterator[list[Row]]:
        """The pages of a single day behind those that GitLab counts.

        Pages are cut in the database, and only the count is bounded, so that these answer; nothing
        leads there, and nothing tells which one is the last. Where none brings a row, they may be
        refused in silence: that is told once, for no later read could bring them.
        """
        empty, came = 0, False
        while empty < _MOST_EMPTY:
            answer = self._page({**query, "page": page})
            fresh = [row for row in answer.data if self._is_new(row)]
            empty = 0 if fresh else empty + 1
            page += 1
            if fresh:
                came = True
                yield fresh
        if not came:
            message = (
                f"{self._url} counts no more than {_MOST_COUNTED:,} rows, and gave none behind"
                f" those of {day.isoformat()}: if that day has more, they are not read."
            )
            self._lists.note(Missed(message, self._url, remembered=True))

    def _page(self, query: Query) -> Answer:
        return self._lists.rows(self._path, query, self._key.checked)

    def _is_new(self, row: Row) -> bool:
        values = self._key.values(row)
        if values in self._seen:
            return False
        self._seen.add(values)
        return True
