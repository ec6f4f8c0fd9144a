"""When a row counts as known, and where a watermark stands.

The names of these tests stand in docs/behaviors.md beside the promises that they hold.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from integration_tests.gitlab.clock import SECOND
from integration_tests.support.history_changes import micros
from integration_tests.support.history_world import (
    ELSE,
    OPEN,
    OUTSIDE,
    START,
    TOP,
    WEB,
)
from integration_tests.support.inprocess import session
from integration_tests.support.small_copies import copy, create
from source_gitlab.core.state import StreamState
from source_gitlab.streams import streams

CHANGES: list[dict[str, Any]] = [
    {"labels": ["bug", "late"]},
    {"assignee_ids": [2]},
    {"time_spent": 7_200},
    {"user_notes_count": 3},
]


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


# Two versions in one read


def test_a_row_comes_from_one_slice_of_a_read_only() -> None:
    """Slices are read at once: what two of them bring may come in either order."""
    it = copy()
    names = ("issues", "merge_requests", "project_milestones", "merge_request_commits")
    it.sync(*names)
    it.change("move_project", id=OUTSIDE, group_id=TOP)
    for table in ("issues", "merge_requests", "milestones"):
        create(it, table, OUTSIDE, START + 30 * SECOND, 3)
    it.later(60)
    with session(it.wire, **it.settings) as opened:
        for name in names:
            stream, state = streams()[name], StreamState.load(it.states[name])
            found = Counter(
                tuple(row[column] for column in stream.key)
                for slice_ in opened.plan(stream, state)
                for page in opened.read(stream, slice_, state)
                for row in page.rows
            )
            assert set(found.values()) == {1}, name
            it.states[name] = state.to_json()
    it.tables.clear()
    it.states.clear()
    it.sync(*names)
    assert it.lacks(*names) == []


def test_a_subgroup_that_enters_with_one_below_it_brings_each_epic_once() -> None:
    it = copy()
    world = it.emulator.world
    world.groups[OPEN].learn(parent_id=ELSE)
    world.restructured()
    names = ("epics", "group_milestones")
    it.sync(*names)
    it.later(3_600)
    world.groups[ELSE].learn(parent_id=TOP)
    world.restructured()
    for group_id in (ELSE, OPEN):
        it.change("create", table="epics", group_id=group_id)
        it.change("create", table="milestones", group_id=group_id)
    found = it.sync(*names)
    assert it.lacks(*names) == []
    for name in names:
        brought = [row["id"] for row in found[name]]
        assert sorted(set(brought)) == sorted(brought)
        assert {ELSE, OPEN} <= {row["group_id"] for row in found[name]}


# Cursors


def test_the_cursor_of_a_release_grows_when_its_date_is_put_back() -> None:
    """A destination that keeps the version with the latest cursor would keep the old one."""
    it = copy()
    (number,) = create(it, "releases", WEB, START - 50 * SECOND)
    tag = f"r{number}"
    (first,) = [row for row in it.sync("releases")["releases"] if row["tag_name"] == tag]
    it.later(900)
    it.change("update", table="releases", id=number, set={"released_at": "2020-01-01T00:00:00Z"})
    (second,) = [row for row in it.sync("releases")["releases"] if row["tag_name"] == tag]
    assert second["released_at"] < first["released_at"]
    assert cursor_of("releases", second) > cursor_of("releases", first)


def test_the_cursor_of_an_issue_of_an_epic_grows() -> None:
    """An epic is read because one of its issues changed, and again because another one had."""
    it = copy()
    world = it.emulator.world
    epic_id, first = next((o.facts["epic_id"], o.facts["issue_id"]) for o in world.epic_issues)
    (second,) = create(it, "issues", WEB, START - 3_000 * SECOND)
    it.change("link_epic_issue", epic_id=epic_id, issue_id=second)
    it.later(7_200)
    it.sync("epic_issues")
    it.later(600)
    it.change("update", table="issues", id=first, set={"title": "Later"})
    before = {row["id"]: row for row in it.sync("epic_issues")["epic_issues"]}
    it.later(60)
    it.change("update", table="issues", id=first, set={"title": "Latest"})
    slow = micros(START + 7_500 * SECOND)
    it.change("update", table="issues", id=second, set={"title": "Slow"}, updated_at=slow)
    after = {row["id"]: row for row in it.sync("epic_issues")["epic_issues"]}
    assert after[first]["title"] == "Latest"
    assert cursor_of("epic_issues", after[first]) > cursor_of("epic_issues", before[first])


def cursor_of(stream: str, row: dict[str, Any]) -> str:
    """The value by which a destination tells which version of a row is the latest."""
    return str(row[streams()[stream].cursor or ""])
