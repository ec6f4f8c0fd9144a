"""How many rows a list has that is too long for GitLab to say so.

GitLab counts up to 10,000 rows for the headers of a page; of a longer list it only tells whether
there is a next page (lib/gitlab/pagination/offset_pagination.rb). Its last page can be found by
halving, which takes some fifteen requests where reading it takes a thousand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_gitlab.core.row_key import ID
from source_gitlab.core.walks.pages import PER_PAGE
from source_gitlab.gitlab.errors import Malformed, OffsetLimit

if TYPE_CHECKING:
    from source_gitlab.gitlab.client import Answer, Client, Query
    from source_gitlab.gitlab.lists import Lists

# GitLab tells the number of rows of every shorter list.
_COUNTED = 10_000
_FIRST_PAGE = _COUNTED // PER_PAGE + 1
# No list has so many.
_MOST_PAGES = 10_000_000


def count_beyond(client: Client, path: str, query: Query) -> int | None:
    """The number of rows of a list that has more than GitLab counts; None when it has not.

    Raises:
        GitlabError: as `client.errors` sorts it; OffsetLimit when it may not be paged so far,
            Malformed when it never ends.
    """
    full, behind = 0, _FIRST_PAGE
    empty: int | None = None
    while empty is None or empty - full > 1:
        answer = _page(client, path, query, behind)
        if answer.data and answer.next is None:
            return (behind - 1) * PER_PAGE + len(answer.data)
        if answer.data or answer.next is not None:
            full = behind
        elif behind == _FIRST_PAGE:
            return None
        else:
            empty = behind
        behind = 2 * full if empty is None else (full + empty) // 2
        if behind > _MOST_PAGES:
            url = f"{client.api_url}/{path}"
            message = f"{url} names a next page again and again, whatever the page."
            raise Malformed(message, url=url)
    return full * PER_PAGE


def has_rows(lists: Lists, path: str, query: Query, number: int) -> bool | None:
    """Whether groups or projects are exactly so many, in one request; None when nobody can tell.

    Raises:
        GitlabError: as `client.errors` sorts it.
    """
    page = max(1, -(-number // PER_PAGE))
    try:
        answer = lists.rows(path, {**query, "per_page": PER_PAGE, "page": page}, ID.checked)
    except OffsetLimit:
        return None
    return answer.next is None and (page - 1) * PER_PAGE + len(answer.data) == number


def _page(client: Client, path: str, query: Query, page: int) -> Answer:
    return client.rows(path, {**query, "per_page": PER_PAGE, "page": page})
