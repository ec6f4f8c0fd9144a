"""Answers, and how one page of a list leads to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import requests

from source_gitlab.client.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Row = dict[str, Any]
Query = dict[str, Any]

# GitLab gives no totals above 10,000, so this is no number of rows.
_MOST_ROWS = 1_000_000
# Pages of rows that were all deleted or hidden meanwhile, and pages that shifted onto one another,
# come now and then; so many of them never do.
_MOST_EMPTY = 500
_MOST_REPEATED = 20
_CIRCULAR = "names a page that was already read as the next one"
_BARREN = "names a next page again and again, but brings nothing new"


@dataclass(frozen=True)
class Answer:
    """One answer of GitLab.

    `next` is the query of the next page, or None on the last; `total` is the number of rows in
    the whole list where GitLab says it (it does not above 10,000 rows).
    """

    data: Any
    next: Query | None
    total: int | None


def answer_of(data: Any, headers: Mapping[str, str], query: Mapping[str, Any]) -> Answer:
    """An answer with what its headers say of the list."""
    total = headers.get("X-Total", "")
    count = int(total) if total.isascii() and total.isdigit() and len(total) < 10 else None  # noqa: PLR2004
    if count is not None and count > _MOST_ROWS:
        count = None
    return Answer(data, _next(headers, query), count)


def _next(headers: Mapping[str, str], query: Mapping[str, Any]) -> Query | None:
    """The query of the next page.

    Only the query is taken from the link: proxies put hosts into it that are not ours, and the
    token must not go to another one (https://docs.gitlab.com/api/rest/#pagination-link-header).
    """
    try:
        for link in requests.utils.parse_header_links(headers.get("Link", "")):
            if link.get("rel") == "next":
                return dict(parse_qsl(urlsplit(link["url"]).query, keep_blank_values=True))
    except (ValueError, KeyError):
        message = "GitLab sent a link to the next page that cannot be understood."
        raise Malformed(message) from None
    number = headers.get("X-Next-Page", "")
    return {**query, "page": number} if number else None


def text_of(value: Any) -> str:
    """A value as a query has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def pages_of(fetch: Callable[[Query], Answer], query: Query) -> Iterator[Answer]:
    """Every page of a list, one after the other, as far as GitLab says that there is a next one.

    Raises:
        Malformed: the list would never end: its next page is one that was already asked for, or
            its pages keep repeating or being empty.
    """
    asked: set[tuple[tuple[str, str], ...]] = set()
    firsts: set[int] = set()
    empty = repeated = 0
    following: Query | None = query
    while following is not None:
        identity = tuple(sorted((key, text_of(value)) for key, value in following.items()))
        if identity in asked:
            raise _endless(_CIRCULAR, query)
        asked.add(identity)
        answer = fetch(following)
        if answer.data:
            first = hash(orjson.dumps(answer.data[0]))
            repeated += first in firsts
            firsts.add(first)
            empty = 0
        else:
            empty += 1
        yield answer
        if empty > _MOST_EMPTY or repeated > _MOST_REPEATED:
            raise _endless(_BARREN, query)
        following = answer.next


def _endless(what: str, query: Query) -> Malformed:
    asked = "&".join(f"{key}={text_of(value)}" for key, value in query.items())
    return Malformed(f"GitLab {what} (in a list asked for with {asked}).")
