"""Lists that can only be read page by page: all of it, however it shifts while it is read.

A row that is deleted while we page pulls the rows behind it one place forward, so the first of
them falls between two pages. GitLab tells the number of rows with every page of a list of up to
10,000; where that is not the number that a walk saw, the list is walked again, until a walk brings
nothing new. A row that is deleted between GitLab's count and its look at the page can leave the
page empty, once. Lists that GitLab continues from the last row (keyset) cannot shift. Branches and
tags are continued from a name, and when the branch of that name is deleted meanwhile, GitLab
refuses to go on (422): then the list is walked again, too.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.gitlab.client import pages_of
from source_gitlab.gitlab.errors import BadRequest, Malformed, ReadError
from source_gitlab.streams.vocabulary import Paging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.row_key import RowKey
    from source_gitlab.core.slices import Row
    from source_gitlab.gitlab.client import Answer, Query
    from source_gitlab.gitlab.lists import Asking

PER_PAGE = 100
_MOST_WALKS = 6
# Pages that cannot be those of one list may come while it shifts; twice, they are wrong.
_UNSOUND_WALKS = 2
# Of some lists (`Paging.SHORT`) GitLab drops rows that the token may not see from pages that it has
# cut and counted. So many at the end of a list are no such rows; of other lists, none is.
_TOO_MANY_HIDDEN = 20


def read_pages(  # noqa: PLR0913 -- a list is its address, how to read it, and its key
    client: Asking,
    prefetcher: Prefetcher | None,
    path: str,
    query: Query,
    key: RowKey,
    *,
    twice: bool = False,
    first: Answer | None = None,
) -> Iterator[list[Row]]:
    """Every row of a list once, page by page; `key` tells its rows apart.

    With `prefetcher`, the pages of a list whose length GitLab tells are fetched in parallel. Equal
    numbers do not tell of a row deleted and another one added; where that must not be missed,
    because no later read would bring the row, a list of several pages is walked `twice`. `first`
    is the first page, where the caller has asked for it already.

    Raises:
        GitlabError: as `client.errors` sorts it; ReadError also when the list never stands still.
    """
    page = partial(client.rows, path, sound=key.checked)
    whole, url = {**query, "per_page": PER_PAGE}, f"{client.api_url}/{path}"
    seen: set[tuple[object, ...]] = set()
    unsound = 0
    for number in range(_MOST_WALKS):
        before = len(seen)
        walk = _Walk(client.paging)
        try:
            for answer in _walk(page, prefetcher, whole, url, None if number else first):
                fresh = [row for row in answer.data if _is_new(row, key, seen, walk.rows)]
                walk.add(answer)
                if fresh:
                    yield fresh
        except BadRequest:
            if not walk.pages:
                raise
            continue
        problem = walk.problem()
        unsound += problem is not None
        if problem is not None:
            if unsound < _UNSOUND_WALKS:
                continue
            message = f"{url} {problem}. What came of it is not all."
            raise Malformed(message, url=url)
        is_settled = number and len(seen) == before and not walk.repeats
        if walk.pages == 1 or not walk.numbered or is_settled:
            return
        # What was stepped over is counted, too, and a second walk would not bring it.
        if walk.missed or (walk.totals == {len(walk.rows)} and not twice):
            return
    message = f"{url} changed every time it was read. Try again later."
    raise ReadError(message, url=url)


class _Walk:
    """What one walk over the pages of a list saw; `rows` are the identities of its rows."""

    def __init__(self, paging: Paging) -> None:
        self._may_hide = paging is Paging.SHORT
        self.rows: set[tuple[object, ...]] = set()
        self.totals: set[int | None] = set()
        self.pages = self.missed = self._came = 0
        self.numbered = self._bare = False
        self._first = self._with_rows = 0
        self._gap: tuple[int, int] | None = None

    def add(self, answer: Answer) -> None:
        """Take in a page whose rows are in `rows` already."""
        self.pages += 1
        self._came += len(answer.data)
        self.totals.add(answer.total)
        self.missed += len(answer.missed)
        self.numbered = self.numbered or "page" in (answer.next or {})
        if answer.data:
            self._with_rows += 1
            self._gap = None if self._may_hide else self._gap
        elif not answer.missed:
            self._note_empty(is_counted=answer.total is not None)
        if self.pages == 1:
            self._first = len(self.rows)

    def _note_empty(self, *, is_counted: bool) -> None:
        """Note a page without rows, of a list that has as many as any page of it says."""
        if not is_counted:
            self._bare = True
            return
        total = max(total for total in self.totals if total is not None)
        lacking = total - len(self.rows) - self.missed
        if self.pages > 1 and lacking >= (_TOO_MANY_HIDDEN if self._may_hide else 1):
            self._gap = self._gap or (total, len(self.rows))

    @property
    def repeats(self) -> bool:
        """Whether rows came again in place of others that GitLab has counted."""
        return self._came > len(self.rows) and self._lacking > 0

    @property
    def _lacking(self) -> int:
        totals = [total for total in self.totals if total is not None]
        return min(totals) - len(self.rows) - self.missed if totals else 0

    def problem(self) -> str | None:
        """Why these pages are not those of a list, if they are not."""
        if self._with_rows > 1 and 1 < len(self.rows) == self._first:
            return "sends the same rows for every page"
        if self.repeats and self._lacking >= _TOO_MANY_HIDDEN:
            return f"sends rows again in place of {self._lacking} others"
        # GitLab tells the number with every page of a list, or with none.
        if self._bare and self._lacking > 0:
            return (
                f"sends a page without rows and without headers, and lacks {self._lacking} rows"
                " that other pages count"
            )
        if self._gap is not None:
            total, before = self._gap
            return f"says that it has {total} rows, and sends empty pages behind {before}"
        return None


def _is_new(
    row: Row,
    key: RowKey,
    seen: set[tuple[object, ...]],
    walked: set[tuple[object, ...]],
) -> bool:
    identity = key.values(row)
    walked.add(identity)
    if identity in seen:
        return False
    seen.add(identity)
    return True


def _walk(
    page: Callable[[Query], Answer],
    prefetcher: Prefetcher | None,
    query: Query,
    url: str,
    first: Answer | None,
) -> Iterator[Answer]:
    first = first or page(query)
    if prefetcher is None or first.total is None or "page" not in (first.next or {}):
        yield from pages_of(page, query, url, first)
        return
    yield first
    last = -(-first.total // PER_PAGE)

    tasks = (partial(page, {**query, "page": number}) for number in range(2, last + 1))
    answer = first
    for answer in prefetcher.in_order(tasks, prefetcher.workers):
        yield answer
    # The list may have grown, or its pages may be shorter than asked.
    if answer.next is not None:
        yield from pages_of(page, answer.next, url)
