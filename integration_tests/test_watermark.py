"""When a row counts as known, and where a watermark stands.

The names of these tests stand in docs/behaviors.md beside the promises that they hold.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from integration_tests.copying import Copy
from integration_tests.gitlab.clock import SECOND
from integration_tests.history_changes import micros
from integration_tests.history_world import START, WEB, small_world

CHANGES: list[dict[str, Any]] = [
    {"labels": ["bug", "late"]},
    {"assignee_ids": [2]},
    {"time_spent": 7_200},
    {"user_notes_count": 3},
]


def copy(most_per_page: int = 100, seed: int = 1, **settings: Any) -> Copy:
    """A copy of a small GitLab; equal seeds make equal worlds."""
    return Copy(small_world(Random(seed), most_per_page), **settings)


def create(it: Copy, table: str, project_id: int, when: int, count: int = 1) -> list[int]:
    """Rows that were created and updated at one moment, in microseconds."""
    times = {"created_at": micros(when), "updated_at": micros(when)}
    made: list[int] = it.change("create", table=table, project_id=project_id, count=count, **times)
    return made


# The second change of a minute


@pytest.mark.parametrize("lookback", [2, 10])
@pytest.mark.parametrize("table", ["issues", "merge_requests"])
@pytest.mark.parametrize("columns", CHANGES, ids=lambda one: next(iter(one)))
def test_the_second_change_of_a_minute_arrives(
    table: str, columns: dict[str, Any], lookback: int
) -> None:
    """It moves no `updated_at`, so the version that was read before looks the same."""
    it = copy(lookback_minutes=lookback)
    it.sync(table)
    it.later(3_600)
    (number,) = create(it, table, WEB, START + 3_600 * SECOND)
    it.later(20)
    assert [row["id"] for row in it.sync(table)[table]] == [number]
    it.later(20)
    assert it.change("touch", table=table, id=number, set=columns)["moved"] is False
    it.later(400)
    it.sync(table)
    assert it.lacks(table) == []
    it.later(400)
    assert it.sync(table)[table] == []


def test_a_page_that_waits_is_as_old_as_its_request() -> None:
    """Windows are asked for ahead of their turn; their rows may change until it comes."""
    it = copy(num_workers=4)
    made = [
        create(it, "issues", WEB, START - 50 * SECOND + 10_000 * number)[0] for number in range(900)
    ]

    def pass_by() -> None:
        for number in made[-300:]:
            it.change("touch", table="issues", id=number, set={"labels": ["late"]})
        it.later(900)

    it.before("page=7", lambda: it.before("updated_after", pass_by))
    it.sync("issues")
    it.later(60)
    it.sync("issues")
    assert it.lacks("issues") == []


def test_rows_that_rest_are_not_brought_again() -> None:
    """What moved more than two minutes before the read began is as it was, or moves again."""
    it = copy()
    create(it, "issues", WEB, START - 150 * SECOND, 3)
    assert it.sync("issues")["issues"]
    it.later(60)
    assert it.sync("issues")["issues"] == []
