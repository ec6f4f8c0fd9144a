"""Whether a list ends with a page without rows, to which the page before has led.

Pages by number and by cursor lead on where there are more rows (lib/gitlab/pagination/), so that
the next one is empty only if rows went meanwhile. But a full page of commits always leads on
(lib/api/commits.rb), and so does a full one of branches, tags or files
(lib/gitlab/pagination/gitaly_keyset_pager.rb), and any page that is continued from an id
(lib/gitlab/pagination/keyset/pager.rb). So the last row is asked for again, in a page that would
hold what stands behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from source_gitlab.gitlab.errors import Emptied
from source_gitlab.gitlab.next_page import CURSORS, Query

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_gitlab.gitlab.pagination import Answer

_ROWS = (
    "{url} was answered with an empty page, and has rows behind the page before when it is asked in"
    " another way. A proxy or a cache in front of GitLab may have made it."
)
_LEADS_ON = (
    "{url} was answered with an empty page, and the page before says that there are rows on it. A"
    " proxy or a cache in front of GitLab may have made it."
)


class Led(NamedTuple):
    """A page that leads to another one.

    `query` asks for it, and it has so many `rows`. `last` is the place of its last row in the list,
    from 1 on; None where nobody knows.
    """

    query: Query
    rows: int
    last: int | None


def must_have_ended(fetch: Callable[[Query], Answer], led: Led, empty: Query, url: str) -> None:
    """Let the page that `empty` asks for pass for the end of the list at `url`.

    `led` is the page before. `fetch` gets a page.

    Raises:
        Emptied: the list goes on.
        GitlabError: as `fetch` raises it.
    """
    if CURSORS & empty.keys() and led.rows <= 1:
        return  # nobody asks for pages of one row
    found = _last_row(fetch, led, empty)
    if found is not None:
        answer, known = found
        came = len(answer.data) + len(answer.missed)
        if came > known:
            raise Emptied(_ROWS.format(url=url), url=url)
        if came or not known:
            return
    if fetch(led.query).next is not None:
        raise Emptied(_LEADS_ON.format(url=url), url=url)


def _last_row(
    fetch: Callable[[Query], Answer], led: Led, empty: Query
) -> tuple[Answer, int] | None:
    """A page with the last rows of the list and what is behind it, and how many these rows are.

    They are none where pages are too small to hold both; None where no such page can be asked for.
    """
    for bound, less in (("id_after", -1), ("id_before", 1)):
        if str(empty.get(bound, "")).isdecimal():
            return fetch({**empty, bound: int(empty[bound]) + less}), 1
    if CURSORS & empty.keys():
        shorter = fetch({**led.query, "per_page": led.rows - 1}).next
        return None if shorter is None else (fetch({**shorter, "per_page": led.rows}), 1)
    if led.last is None:
        return None
    # Smaller than the pages that came, for what stands between may cut larger ones.
    size = next((one for one in range(led.rows - 1, 1, -1) if led.last % one), 1)
    number = led.last // size + 1
    known = led.last - (number - 1) * size
    return fetch({**empty, "per_page": size, "page": number}), known
