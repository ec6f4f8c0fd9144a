"""A list of GraphQL that goes on from where the read before ended."""

from __future__ import annotations

from integration_tests.support.history_world import API, OUTSIDE, START, TOP, WEB
from integration_tests.support.small_copies import HOUR, copy, create, ids

NAME = "merge_request_metrics"
MANY = 130


def test_only_what_moved_comes_again() -> None:
    """In the group's list, whatever project it is in."""
    it = copy()
    (old,) = create(it, "merge_requests", API, START - HOUR * 10**6)
    it.sync(NAME)
    it.later(2 * HOUR)
    assert it.sync(NAME)[NAME] == []
    it.change("update", table="merge_requests", id=old, set={"title": "Moved"})
    assert ids(it.sync(NAME)[NAME]) == [old]
    assert it.lacks(NAME) == []


def test_what_entered_brings_its_history() -> None:
    """Nothing of it has moved, and the group's list is asked for what moved only."""
    it = copy()
    (old,) = create(it, "merge_requests", OUTSIDE, START - HOUR * 10**6)
    it.sync(NAME)
    it.later(2 * HOUR)
    it.change("move_project", id=OUTSIDE, group_id=TOP)
    assert old in ids(it.sync(NAME)[NAME])
    assert it.lacks(NAME) == []


def test_what_moves_while_pages_are_read_is_not_lost() -> None:
    """It goes to the end of the list, and those behind it move one place forward."""
    it = copy()
    made = create(it, "merge_requests", WEB, START - HOUR * 10**6, MANY)

    def move() -> None:
        it.later(1)
        it.change("update", table="merge_requests", id=made[0], set={"title": "Moved"})

    # The first request counts, and the next one reads the first page.
    it.before("graphql", lambda: it.before("graphql", lambda: it.before("graphql", move)))
    found = ids(it.sync(NAME)[NAME])
    assert set(made) <= set(found)
    assert found.count(made[0]) > 1
    assert it.lacks(NAME) == []


def test_chosen_projects_are_asked_by_themselves() -> None:
    """Outside of every group too."""
    it = copy(groups_list=[], projects_list=[str(WEB), str(OUTSIDE)])
    for project in (WEB, OUTSIDE, API):
        create(it, "merge_requests", project, START - HOUR * 10**6)
    it.sync(NAME)
    assert {row["project_id"] for row in it.tables[NAME].values()} == {WEB, OUTSIDE}
    assert it.lacks(NAME, groups="", projects=f"{WEB},{OUTSIDE}") == []
