"""What an answer's headers say of the list: how long it is, and how its next page is asked for.

Lists by page number always tell (lib/gitlab/pagination/offset_header_builder.rb): `X-Next-Page` is
there, and empty, on the last page. Lists that are continued from their last row send a `Link` and
nothing else, and on their last page not even that (lib/gitlab/pagination/keyset/header_builder.rb).
A proxy may pass on none of these headers, or some; who reads through it says so (`stripped`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

import requests

from source_gitlab.gitlab.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

Query = dict[str, Any]

# GitLab gives no totals above 10,000, so this is no number of rows.
_MOST_ROWS = 1_000_000
_LONGEST_NUMBER = 9  # digits
# What stands in a query for the row that a page is continued from.
CURSORS = frozenset({"cursor", "page_token", "id_after", "id_before"})
_RELATIONS = frozenset({"next", "prev", "first", "last"})
_PRINTABLE = "".join(map(chr, range(33, 127)))


def total_of(headers: Mapping[str, str]) -> int | None:
    """The number of rows in the whole list, where GitLab says it."""
    total = _number(headers.get("X-Total", ""))
    return total if total is not None and total <= _MOST_ROWS else None


def size_of(headers: Mapping[str, str]) -> int | None:
    """How many rows a page may have, where GitLab says it."""
    return _number(headers.get("X-Per-Page", "")) or None


def is_short(rows: int, headers: Mapping[str, str]) -> bool:
    """Whether a page by number has fewer `rows` than its headers tell of.

    Each page but the last is full, and the last has the rest of the total. That there is a next
    page says less: the first one of branches and of tags tells of a second in any case
    (lib/gitlab/pagination/gitaly_keyset_pager.rb). A row that is deleted between GitLab's count and
    its look at the page can be lacking, once.
    """
    size, page, total = size_of(headers), _number(headers.get("X-Page", "")), total_of(headers)
    if not size or not page:
        return False
    if total is not None:
        return rows < min(size, total - (page - 1) * size)
    return bool(headers.get("X-Next-Page", "").strip()) and rows < size


def is_linked(headers: Mapping[str, str]) -> bool:
    """Whether a link to a page of the list came with it.

    Raises:
        Malformed: the link cannot be understood.
    """
    return bool(_links(headers.get("Link", "")))


def is_told(headers: Mapping[str, str]) -> bool:
    """Whether a header says which page is next, or that none is.

    Raises:
        Malformed: the link cannot be understood.
    """
    return "X-Next-Page" in headers or "X-Next-Cursor" in headers or is_linked(headers)


def next_of(
    data: Any,
    headers: Mapping[str, str],
    query: Mapping[str, Any],
    stripped: Callable[[], bool] = lambda: False,
) -> Query | None:
    """The query of the next page, None behind the last one.

    `stripped` tells whether headers of pages get lost on the way. Then any page with rows may have
    another one behind it, however short it is: what drops headers may cap pages, too.

    Only the query is taken from a link: proxies put hosts into it that are not ours, and the
    token must not go to another one (https://docs.gitlab.com/api/rest/#pagination-link-header).

    Raises:
        Malformed: the number or the link cannot be understood.
    """
    # The link of such a page says the same (offset_header_builder.rb), and takes longer to read.
    number, page = headers.get("X-Next-Page", "").strip(), _number(query.get("page", 1))
    if page is not None and number == str(page + 1):
        # It counts pages of the size that came, which something between may have made smaller.
        asked, came = _number(query.get("per_page", "")), size_of(headers)
        smaller = {"per_page": came} if asked and came and came < asked else {}
        return {**query, "page": number, **smaller}
    links = _links(headers.get("Link", ""))
    if "next" in links:
        return dict(parse_qsl(links["next"], keep_blank_values=True, errors="surrogateescape"))
    if number:
        message = f"GitLab sent {number!r} as the number of the page behind page {page}."
        raise Malformed(message)
    cursor = headers.get("X-Next-Cursor", "").strip()
    if cursor:
        return {**query, "cursor": cursor}
    size = _number(query.get("per_page", ""))
    if not isinstance(data, list) or not size or not page or not data:
        return None
    told = is_told(headers)
    total = total_of(headers)
    if total is not None and not CURSORS & query.keys():
        # GitLab drops rows from pages that it has cut and counted.
        came = page * (size if told else len(data))
        return {**query, "page": page + 1} if came < total else None
    is_last = told or (len(data) < size and not stripped())
    return None if is_last else _behind(data, query, page)


def is_guessed(data: Any, headers: Mapping[str, str], query: Mapping[str, Any]) -> bool:
    """Whether nothing but a short page itself says that there is another one behind it."""
    size = _number(query.get("per_page", ""))
    is_short = isinstance(data, list) and size is not None and len(data) < size
    return is_short and not is_told(headers) and total_of(headers) is None


@lru_cache(maxsize=64)  # several questions are asked of the header of one answer
def _links(header: str) -> Mapping[str, str]:
    """The queries of a Link header by relation, as they stand in it.

    GitLab escapes what is not ASCII, proxies may not; http.client takes such bytes for Latin-1.
    Bytes that are no UTF-8 (in the name of a branch) come through as they are.
    """
    if not header:
        return {}
    text = quote(header.encode("latin-1", "replace"), safe=_PRINTABLE + " ")
    found: dict[str, str] = {}
    try:
        for link in requests.utils.parse_header_links(text):
            relation = link.get("rel", "").lower()
            if relation in _RELATIONS:
                found[relation] = urlsplit(link["url"]).query
    except (ValueError, KeyError):
        message = "GitLab sent a link to the next page that cannot be understood."
        raise Malformed(message) from None
    return found


def _behind(rows: list[Any], query: Mapping[str, Any], page: int) -> Query | None:
    """What to ask for behind a page when no header says it; None where that says it all.

    Who was told of a cursor is told of the next one, too.
    """
    if query.get("pagination") != "keyset":
        return {**query, "page": page + 1}
    if (query.get("order_by"), query.get("sort")) == ("id", "asc"):
        ids = (row.get("id") for row in reversed(rows) if isinstance(row, Mapping))
        number = next((value for value in ids if isinstance(value, int)), None)
        if number is not None:
            return {**query, "id_after": number}
    last = rows[-1] if isinstance(rows[-1], Mapping) else {}
    if query.get("order_by") != "id" and not isinstance(last.get("id"), int):
        name = last.get("name")
        if isinstance(name, str):
            return {**query, "page_token": name}
    return None if "cursor" in query else {**numbered(query), "page": page + 1}


def numbered(query: Mapping[str, Any]) -> Query:
    """The query of the same list by page numbers."""
    left_out = CURSORS | {"pagination"}
    return {name: value for name, value in query.items() if name not in left_out}


def _number(value: Any) -> int | None:
    text = str(value).strip()
    is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    return int(text) if is_number else None
