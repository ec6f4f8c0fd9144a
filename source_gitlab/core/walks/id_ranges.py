"""Lists of projects that are too long for GitLab to count: read by ranges of ids, several at once.

By page number such a list is read one page after the other, and nothing tells of a row that fell
between two of them. A range of ids cannot shift. GitLab filters lists of projects by `id_after` and
`id_before`, which are both exclusive (`project_finder_params` in lib/api/helpers.rb, which groups
use too: lib/api/groups.rb). It says so of the list of all projects only
(https://docs.gitlab.com/api/projects/#list-all-projects), so what comes is checked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.core.row_key import ID
from source_gitlab.core.walks.pages import PER_PAGE
from source_gitlab.gitlab.errors import Emptied, Malformed, ReadError, Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.slices import Row
    from source_gitlab.gitlab.client import Answer, Query
    from source_gitlab.gitlab.lists import Asking

_WORTH_TWO = 2  # pages
_PROXY = "A proxy or a cache in front of GitLab may have made it."
_EMPTIED = (
    "{url} was answered with an empty page, and has rows when it is asked in another way. " + _PROXY
)
_FEWER = "{url} was answered with {came} rows of the {total} that it counts. " + _PROXY
_ENDS_EARLY = "{url} ends before the row {highest}, which it has when it is asked from its end. "
_NO_MORE = (
    "{error} The first page of the same list came, so that it is not the list that is refused."
)


class BoundsIgnored(Exception):
    """Rows came whose ids are not in the range that was asked for, or not in order."""


@dataclass(frozen=True)
class _Range:
    """The ids between two others, of which the second may be infinity."""

    after: int
    before: float


@dataclass(frozen=True)
class _Page:
    """The first page of a range: its rows, their highest id, and whether more may follow.

    Whoever takes the rows may change them.
    """

    range: _Range
    rows: list[Row]
    last: int
    leads_on: bool


def _parts(wanted: _Range, last: int, came: int, *, halved: bool) -> list[_Range]:
    """What of a range is behind its first rows; `halved` where that seems to be more than a page.

    So many rows `came`, of which `last` is the highest id. Ids may lie so that a half is empty. So
    each page that came leads to two requests at most.
    """
    pages = came / (last - wanted.after) * (wanted.before - last) / PER_PAGE
    if not halved or not _WORTH_TWO <= pages < math.inf:
        return [_Range(last, wanted.before)]
    middle = (last + int(wanted.before)) // 2
    return [_Range(last, middle + 1), _Range(middle, wanted.before)]


class Ranges:
    """Reads every row of a list of projects behind its first page.

    `query` orders by id, ascending, and `first` is the first page, which has rows.

    Raises:
        BoundsIgnored: `first` is in another order.
    """

    def __init__(self, lists: Asking, path: str, query: Query, first: Answer) -> None:
        """Ask nothing yet."""
        self._lists = lists
        self._path = path
        self._url = f"{lists.api_url}/{path}"
        self._query: Query = {**query, "per_page": PER_PAGE}
        # Whoever takes the rows of the first page may change them.
        self._before = _ids(first)

    def pages(self, prefetcher: Prefetcher) -> Iterator[list[Row]]:
        """The rows page by page, in no order of pages.

        Raises:
            BoundsIgnored: GitLab does not know the bounds. Some rows may have come.
            GitlabError: as `client.errors` sorts it; Emptied and Malformed also where pages lack
                rows, ReadError where one is refused.
        """
        last, highest = self._before[-1], self._highest()
        # The end of the list is where no row follows, and not where the highest one is said to be.
        end = _Range(max(last, highest - 1), math.inf)
        found = last

        def further(page: _Page, idle: int) -> list[Callable[[], _Page]]:
            if not page.leads_on:
                return []
            parts = _parts(page.range, page.last, len(page.rows), halved=idle > 0)
            return [partial(self._ask, each) for each in parts]

        ranges = [end]
        if last < end.after:
            whole = _Range(0, end.after + 1)
            ranges += _parts(whole, last, len(self._before), halved=prefetcher.workers > 1)
        tasks = [partial(self._ask, each) for each in ranges]
        for page in prefetcher.as_they_come(tasks, further):
            found = max(found, page.last)
            if page.rows:
                yield page.rows
        if found < highest and self._highest() >= highest:
            message = f"{_ENDS_EARLY.format(url=self._url, highest=highest)}{_PROXY}"
            raise Emptied(message, url=self._url)

    def _highest(self) -> int:
        """The highest id of the list, as far as GitLab tells."""
        query = {**self._query, "sort": "desc", "per_page": 1}
        rows = self._lists.rows(self._path, query, ID.checked).data
        return max((int(row["id"]) for row in rows), default=0)

    def _ask(self, wanted: _Range) -> _Page:
        answer = self._answer(wanted)
        ids = _ids(answer)
        if any(not wanted.after < number < wanted.before for number in ids):
            raise BoundsIgnored
        # GitLab counts a range that ends. What drops headers may cap pages, too.
        leads_on = bool(ids) and (answer.next is not None or answer.total is None)
        return _Page(wanted, answer.data, ids[-1] if ids else wanted.after, leads_on=leads_on)

    def _answer(self, wanted: _Range) -> Answer:
        """The first page of a range; one with fewer rows than it counts is asked for twice."""
        answer = self._page(wanted, PER_PAGE)
        if not answer.data and not answer.missed:
            self._must_be_empty(wanted)
        if not _lacks(answer):
            return answer
        # A cache that has the one may not have the other.
        again = self._page(wanted, PER_PAGE - 1)
        if not again.data or _lacks(again):
            message = _FEWER.format(url=self._url, came=len(again.data), total=again.total)
            raise Malformed(message, url=self._url)
        return again

    def _must_be_empty(self, wanted: _Range) -> None:
        """Let a range pass for empty: what follows the row before it lies behind it.

        The highest row does, so that something follows, unless that was deleted meanwhile.
        """
        following = self._page(_Range(wanted.after, math.inf), 1).data
        if following:
            is_empty = int(following[0]["id"]) >= wanted.before
        else:
            is_empty = wanted.before == math.inf or self._highest() < wanted.before
        if not is_empty:
            raise Emptied(_EMPTIED.format(url=self._url), url=self._url)

    def _page(self, wanted: _Range, size: int) -> Answer:
        query = {**self._query, "id_after": wanted.after, "per_page": size}
        if wanted.before < math.inf:
            query["id_before"] = wanted.before
        try:
            return self._lists.rows(self._path, query, ID.checked)
        except Skipped as error:
            message = _NO_MORE.format(error=error)
            raise ReadError(message, url=error.url, status=error.status) from error


def _lacks(answer: Answer) -> bool:
    """Whether the last page of a range has fewer rows than the range."""
    came = len(answer.data) + len(answer.missed)
    return answer.next is None and answer.total is not None and came < answer.total


def _ids(answer: Answer) -> list[int]:
    ids = [int(row["id"]) for row in answer.data]
    if ids != sorted(set(ids)):
        raise BoundsIgnored
    return ids
