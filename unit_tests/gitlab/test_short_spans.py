"""Lists that GitLab can only give for short spans of time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from source_gitlab.gitlab.errors import ServerError
from source_gitlab.gitlab.page_size import AdaptivePageSize, Stepping
from source_gitlab.gitlab.pagination import Answer
from source_gitlab.timestamps import plus

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMES = [
    "0001-01-01T00:00:00.000Z",
    "1999-12-31T23:59:59.999Z",
    "2005-06-01T00:00:00.000Z",
    "2010-12-31T00:00:00.000Z",
    "2024-01-01T00:00:00.000Z",
    "2024-01-01T00:00:00.500Z",
    "2026-01-01T00:00:00.000Z",
]
QUERY = {"order_by": "updated_at", "sort": "asc", "per_page": 100}


def moment(text: str) -> datetime:
    """A moment of a query."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def walked(broken: frozenset[str], longest: timedelta) -> tuple[list[str], list[Any]]:
    """What is read of a list by value, as a walk reads it, and what is missed."""

    def fetch(query: Mapping[str, Any]) -> Answer:
        low, high = query.get("updated_after"), query.get("updated_before")
        ancient = high is not None and moment(high).year <= 1970
        if not ancient and (not low or not high or moment(high) - moment(low) > longest):
            message = "too long"
            raise ServerError(message)
        rows = [one for one in TIMES if (low or "") <= one <= (high or "9")]
        size, page = int(query["per_page"]), int(query.get("page", 1))
        part = rows[(page - 1) * size : page * size]
        if broken & set(part):
            message = "broken"
            raise ServerError(message)
        more = {"page": page + 1} if page * size < len(rows) else None
        return Answer([{"updated_at": one} for one in part], more, len(rows))

    smaller = AdaptivePageSize()
    found: list[str] = []
    missed: list[Any] = []
    query: dict[str, Any] = dict(QUERY)
    for _ in range(40):
        answer = smaller.rows(fetch, "issues", query, None, whole=False, stepping=Stepping())
        missed += answer.missed
        fresh = [row["updated_at"] for row in answer.data if row["updated_at"] not in found]
        found += fresh
        if answer.next is None:
            return found, missed
        last = found[-1] if answer.data else answer.next["updated_after"]
        if not fresh:
            last = plus(last, milliseconds=1)
        query = {**QUERY, "updated_after": last}
    raise AssertionError(found)


@pytest.mark.parametrize("days", [400, 4_000])
def test_rows_of_any_age_are_read(days: int) -> None:
    """Imported rows keep the times that they had, years before GitLab was there."""
    found, missed = walked(frozenset(), timedelta(days=days))
    assert found == TIMES
    assert not missed


def test_a_broken_row_in_such_a_list_is_stepped_over() -> None:
    """And nothing but that row, which is named."""
    broken = TIMES[3]
    found, missed = walked(frozenset({broken}), timedelta(days=400))
    assert found == [one for one in TIMES if one != broken]
    assert missed
