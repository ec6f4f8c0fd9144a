"""How one page leads to the next, and which lists would never end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from source_gitlab.gitlab.errors import Emptied, Malformed
from source_gitlab.gitlab.pagination import Answer, pages_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_gitlab.gitlab.pagination import Query


def listed(pages: int, row: Callable[[int], int]) -> Callable[[Query], Answer]:
    """A list of pages of a row each, whose id depends on the page."""

    def fetch(query: Query) -> Answer:
        number = int(query["page"])
        following = {"page": number + 1} if number < pages else None
        return Answer([{"id": row(number)}], following, None)

    return fetch


def test_who_takes_a_page_may_empty_its_rows() -> None:
    """As the command line does; the pages behind it must not look alike because of that."""
    ids: list[Any] = []
    for answer in pages_of(listed(60, lambda number: number), {"page": 1}):
        for row in answer.data:
            ids.append(row["id"])
            row.clear()
    assert ids == list(range(1, 61))


def test_a_list_that_repeats_itself_is_left() -> None:
    """It names a next page again and again, each with the rows of the first."""
    with pytest.raises(Malformed, match="brings nothing new"):
        list(pages_of(listed(10_000, lambda _: 7), {"page": 1}))


@pytest.mark.parametrize("times", [1, 2])
def test_an_empty_page_to_which_the_one_before_has_led(times: int) -> None:
    """It is asked for once more."""
    asked: list[int] = []

    def fetch(query: Query) -> Answer:
        first, size = int(query["cursor"]), int(query["per_page"])
        asked.append(first)
        rows = [{"id": number} for number in range(first, min(first + size, 4))]
        is_emptied = first == 3 and asked.count(3) <= times
        more = {**query, "cursor": first + size} if len(rows) == size else None
        return Answer([] if is_emptied else rows, None if is_emptied else more, None)

    pages = pages_of(fetch, {"cursor": 1, "per_page": 2})
    if times == 1:
        assert [row["id"] for answer in pages for row in answer.data] == [1, 2, 3]
        return
    with pytest.raises(Emptied, match="an empty page"):
        list(pages)


def test_a_next_page_that_was_read_is_an_error() -> None:
    """A circle."""
    circle = Answer([{"id": 1}], {"page": 1}, None)
    with pytest.raises(Malformed, match="already read as the next one"):
        list(pages_of(lambda _: circle, {"page": 1}))


def test_pages_of_hidden_rows_end() -> None:
    """GitLab leaves rows out of pages, but not of five hundred one behind the other."""

    def fetch(query: Query) -> Answer:
        return Answer([], {"page": int(query["page"]) + 1}, None, thinned=True)

    with pytest.raises(Malformed, match="brings nothing new"):
        list(pages_of(fetch, {"page": 1}))
    pages = pages_of(fetch, {"page": 1})
    assert len([next(pages) for _ in range(500)]) == 500
