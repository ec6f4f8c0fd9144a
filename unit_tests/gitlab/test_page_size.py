"""In which smaller pages a list is asked for when GitLab cannot give a whole one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from source_gitlab.gitlab.errors import ServerError
from source_gitlab.gitlab.page_size import AdaptivePageSize
from source_gitlab.gitlab.pagination import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.mark.parametrize(
    ("wanted", "works", "again"),
    [(100, 5, [5, 1]), (96, 4, [4, 1]), (100, 1, [1]), (98, 2, [2, 1])],
)
def test_each_size_is_tried_once(wanted: int, works: int, again: list[int]) -> None:
    """Each divides the page, so that its place is the same, and what is known to work is first."""
    asked: list[int] = []
    most = works

    def fetch(query: Mapping[str, Any]) -> Answer:
        asked.append(int(query["per_page"]))
        if asked[-1] > most:
            message = "too slow"
            raise ServerError(message)
        return Answer([], None, None)

    smaller, query = AdaptivePageSize(), {"per_page": wanted, "page": 3}
    smaller.rows(fetch, "groups/1/issues", query, None, whole=False)
    assert asked[-1] == works
    assert asked == sorted(set(asked), reverse=True)
    assert not any(wanted % size for size in asked)
    asked.clear()
    most = 0
    with pytest.raises(ServerError):
        smaller.rows(fetch, "groups/1/issues", query, None, whole=False)
    assert asked == again


def test_pages_that_are_smaller_than_asked_are_counted_by_their_size() -> None:
    """The second of them begins behind so many rows as came, whatever was asked for."""
    rows = [{"id": number} for number in range(20)]

    def fetch(query: Mapping[str, Any]) -> Answer:
        size = min(int(query["per_page"]), 6)
        start = (int(query.get("page", 1)) - 1) * size
        if size == 6:
            message = "too slow"
            raise ServerError(message)
        page = rows[start : start + size]
        return Answer(page, {**query, "page": start // size + 2}, None)

    sizes, query = AdaptivePageSize(), {"per_page": 100, "page": 2}
    sizes.note("groups/1/labels", query, 6)
    answer = sizes.rows(fetch, "groups/1/labels", query, None, whole=True)
    assert answer.data == rows[6:12]
    assert answer.next == {"per_page": 6, "page": 3}
