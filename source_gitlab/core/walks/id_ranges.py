"""Lists of projects that are too long for GitLab to count: read by ranges of ids, several at once.

By page number such a list is read one page after the other, and nothing tells of a row that fell
between two of them. A range of ids cannot shift. GitLab filters lists of projects by `id_after` and
`id_before`, which are both exclusive (`project_finder_params` in lib/api/helpers.rb, which groups
use too: lib/api/groups.rb). It says so of the list of all projects only
(https://docs.gitlab.com/api/projects/#list-all-projects), so what comes is checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.core.row_key import ID
from source_gitlab.core.walks.pages import PER_PAGE
from source_gitlab.gitlab.errors import Emptied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.slices import Row
    from source_gitlab.gitlab.client import Answer, Query
    from source_gitlab.gitlab.lists import Asking


_WORTH_TWO = 2  # pages
_EMPTIED = (
    "{url} was answered with an empty page, and has rows when pages are smaller. A proxy or a cache"
    " in front of GitLab may have made it."
)


class BoundsIgnored(Exception):
    """Rows came whose ids are not in the range that was asked for."""


@dataclass(frozen=True)
class _Range:
    """The ids between two others; `query` asks for a page of them."""

    after: int
    before: int
    query: Query


@dataclass(frozen=True)
class _Page:
    """A page of a range, whose rows begin with the lowest ids of it."""

    range: _Range
    answer: Answer

    @property
    def last(self) -> int:
        """The highest id that came; where none did, the one before the range."""
        rows = self.answer.data
        return int(rows[-1]["id"]) if rows else self.range.after

    def rest(self, *, halved: bool) -> list[_Range]:
        """What of the range did not come; `halved` where that seems to be more than a page.

        Ids may lie so that a half is empty. So each page that came leads to two requests at most.
        """
        if self.answer.next is None:
            return []
        after, before = self.last, self.range.before
        if after == self.range.after:
            return [_Range(after, before, self.answer.next)]
        came = len(self.answer.data) / (after - self.range.after)
        pages = came * (before - after) / PER_PAGE
        if not halved or pages < _WORTH_TWO:
            return [_range(self.range.query, after, before)]
        middle = (after + before) // 2
        return [
            _range(self.range.query, after, middle + 1),
            _range(self.range.query, middle, before),
        ]


def read_ranges(
    lists: Asking, prefetcher: Prefetcher, path: str, query: Query, first: Answer
) -> Iterator[list[Row]]:
    """Every row of a list of projects behind its first page, page by page, in no order of pages.

    `query` orders by id, ascending, and `first` is the first page, which has rows and a next page.

    Raises:
        BoundsIgnored: GitLab does not know the bounds. Some rows may have come.
        Emptied: a page came without rows and headers, and has some.
        GitlabError: as `client.errors` sorts it.
    """
    ask = partial(_ask, lists, path)
    whole = {**query, "per_page": PER_PAGE}
    newest = lists.rows(path, {**whole, "sort": "desc", "per_page": 1}, ID.checked).data
    last = int(first.data[-1]["id"])
    highest = max((int(row["id"]) for row in newest), default=last)
    start = _Page(_Range(0, highest + 1, whole), first)

    def further(page: _Page, idle: int) -> list[Callable[[], _Page]]:
        return [partial(ask, each) for each in page.rest(halved=idle > 0)]

    tasks = further(start, prefetcher.workers - 1)
    for page in prefetcher.as_they_come(tasks, further):
        if page.answer.data:
            yield page.answer.data


def _range(query: Query, after: int, before: int) -> _Range:
    """The range of these bounds, from its first page on."""
    asked = {name: value for name, value in query.items() if name != "page"}
    return _Range(after, before, {**asked, "id_after": after, "id_before": before})


def _ask(lists: Asking, path: str, wanted: _Range) -> _Page:
    answer = lists.rows(path, wanted.query, ID.checked)
    # GitLab counts the rows of a range, also where there are none.
    if answer.is_bare_end:
        again = lists.rows(path, {**wanted.query, "per_page": PER_PAGE - 1}, ID.checked)
        if again.data:
            url = f"{lists.api_url}/{path}"
            raise Emptied(_EMPTIED.format(url=url), url=url)
    ids = [row["id"] for row in answer.data]
    if any(not wanted.after < number < wanted.before for number in ids) or ids != sorted(ids):
        raise BoundsIgnored
    return _Page(wanted, answer)
