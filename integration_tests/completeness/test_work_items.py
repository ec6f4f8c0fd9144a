"""Work items of projects, and those of groups, which stand in one list in GitLab."""

from __future__ import annotations

from integration_tests.gitlab.present.planning import EPICS_APART
from integration_tests.support.history_world import API, OUTSIDE, START, TOP, WEB
from integration_tests.support.small_copies import HOUR, copy, create, ids

PROJECTS, GROUPS = "work_items", "group_work_items"
LONG_AGO = START - HOUR * 10**6


def test_only_what_moved_comes_again() -> None:
    """An issue under its own number, and an epic under the one that it has as a work item."""
    it = copy()
    (issue,) = create(it, "issues", API, LONG_AGO)
    epic = it.change("create", table="epics", group_id=TOP)[0]
    it.later(2 * HOUR)
    found = it.sync(PROJECTS, GROUPS)
    assert issue in ids(found[PROJECTS])
    assert epic + EPICS_APART in ids(found[GROUPS])
    it.later(2 * HOUR)
    assert it.sync(PROJECTS, GROUPS) == {PROJECTS: [], GROUPS: []}

    it.change("update", table="issues", id=issue, set={"title": "Moved"})
    it.change("update", table="epics", id=epic, set={"title": "Moved"})
    found = it.sync(PROJECTS, GROUPS)
    assert ids(found[PROJECTS]) == [issue]
    assert ids(found[GROUPS]) == [epic + EPICS_APART]
    assert it.lacks(PROJECTS, GROUPS) == []


def test_those_of_groups_are_not_among_those_of_projects() -> None:
    """Though the list of a group has both, what an issue hangs under is told."""
    it = copy()
    (issue,) = create(it, "issues", WEB, LONG_AGO)
    epic = it.change("create", table="epics", group_id=TOP)[0]
    it.change("link_epic_issue", epic_id=epic, issue_id=issue)
    found = it.sync(PROJECTS, GROUPS)
    assert all(row["project_id"] for row in found[PROJECTS])
    assert {row["group_id"] for row in found[GROUPS]} >= {TOP}
    (row,) = (row for row in found[PROJECTS] if row["id"] == issue)
    assert (row["parent_id"], row["type_name"]) == (epic + EPICS_APART, "Issue")
    assert "widgets" not in row


def test_what_entered_brings_its_history() -> None:
    """A project that was moved, and the other groups of a selection that grew."""
    it = copy()
    (old,) = create(it, "issues", OUTSIDE, LONG_AGO)
    it.sync(PROJECTS)
    it.later(2 * HOUR)
    it.change("move_project", id=OUTSIDE, group_id=TOP)
    assert old in ids(it.sync(PROJECTS)[PROJECTS])
    assert it.lacks(PROJECTS) == []

    below = next(one for one in it.emulator.world.groups if one.facts["parent_id"] == TOP)
    few = copy(groups_list=[str(below.id)])
    epic = few.change("create", table="epics", group_id=TOP)[0] + EPICS_APART
    assert epic not in ids(few.sync(GROUPS)[GROUPS])
    few.later(2 * HOUR)
    assert epic in ids(few.sync(GROUPS, groups_list=[str(TOP)])[GROUPS])
    assert few.lacks(GROUPS, groups=str(TOP)) == []


def test_an_older_gitlab_is_said_once() -> None:
    """It has no such list, which is no failure."""
    it = copy()
    it.emulator.world.settings.graphql_lacks = ["Group.workItems"]
    assert it.sync(PROJECTS, GROUPS) == {PROJECTS: [], GROUPS: []}
