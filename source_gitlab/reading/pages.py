"""Lists that can only be read page by page: all of it, however it shifts while it is read.

A row that is deleted while we page pulls the rows behind it one place forward, so the first of
them falls between two pages. GitLab tells the number of rows with every page of a list of up to
10,000; where that is not the number that a walk saw, the list is walked again, until a walk brings
nothing new. Lists that GitLab continues from the last row (keyset) cannot shift. Branches and tags
are continued from a name, and when the branch of that name is deleted meanwhile, GitLab refuses to
go on (422): then the list is walked again, too.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.client.errors import BadRequest, ReadError
from source_gitlab.client.http import pages_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from source_gitlab.client.http import Answer, Client, Query
    from source_gitlab.reading.ahead import Ahead
    from source_gitlab.reading.slices import Row

PER_PAGE = 100
_MOST_WALKS = 6


def read_pages(  # noqa: PLR0913 -- a list is its address, how to read it, and its key
    client: Client,
    ahead: Ahead | None,
    path: str,
    query: Query,
    key: Sequence[str],
    *,
    twice: bool = False,
    first: Answer | None = None,
) -> Iterator[list[Row]]:
    """Every row of a list once, page by page; `key` are the columns that identify a row in it.

    With `ahead`, the pages of a list whose length GitLab tells are fetched in parallel. Equal
    numbers do not tell of a row deleted and another one added; where that must not be missed,
    because no later read would bring the row, a list of several pages is walked `twice`. `first`
    is the first page, where the caller has asked for it already.

    Raises:
        GitlabError: as `client.errors` sorts it; ReadError also when the list never stands still.
    """
    seen: set[tuple[object, ...]] = set()
    for walk in range(_MOST_WALKS):
        before = len(seen)
        totals: set[int | None] = set()
        walked: set[tuple[object, ...]] = set()
        pages = 0
        numbered = False
        try:
            for answer in _walk(client, ahead, path, query, None if walk else first):
                pages += 1
                totals.add(answer.total)
                numbered = numbered or "page" in (answer.next or {})
                fresh = [row for row in answer.data if _is_new(row, key, seen, walked)]
                if fresh:
                    yield fresh
        except BadRequest:
            if not pages:
                raise
            continue
        if pages == 1 or not numbered or (walk and len(seen) == before):
            return
        if totals == {len(walked)} and not twice:
            return
    message = f"{client.api_url}/{path} changed every time it was read. Try again later."
    raise ReadError(message, url=f"{client.api_url}/{path}")


def _is_new(
    row: Row,
    key: Sequence[str],
    seen: set[tuple[object, ...]],
    walked: set[tuple[object, ...]],
) -> bool:
    identity = tuple(row.get(column) for column in key)
    walked.add(identity)
    if identity in seen:
        return False
    seen.add(identity)
    return True


def _walk(
    client: Client, ahead: Ahead | None, path: str, query: Query, first: Answer | None
) -> Iterator[Answer]:
    first_query = {**query, "per_page": PER_PAGE}
    first = first or client.rows(path, first_query)
    yield first
    if first.next is None:
        return
    if ahead is None or first.total is None or "page" not in first.next:
        yield from pages_of(lambda following: client.rows(path, following), first.next)
        return
    last = -(-first.total // PER_PAGE)

    tasks = (
        partial(client.rows, path, {**first_query, "page": number}) for number in range(2, last + 1)
    )
    answer = first
    for answer in ahead.in_order(tasks, ahead.workers):
        yield answer
    # The list may have grown, or its pages may be shorter than asked.
    if answer.next is not None:
        yield from pages_of(lambda following: client.rows(path, following), answer.next)
