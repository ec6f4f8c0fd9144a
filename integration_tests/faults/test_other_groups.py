"""The list of another group, mixed up on the way with the one that was asked for: not believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from requests import Request

from integration_tests.gitlab.rows import Row
from integration_tests.support.history_world import ELSE, OUTSIDE, READER, START, SUB, TOP, WEB
from integration_tests.support.inprocess import TOKEN, URL, Wire, session
from integration_tests.support.small_copies import copy, create
from source_gitlab.gitlab.errors import GitlabError, ReadError
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from integration_tests.support.copying import Copy
    from integration_tests.support.inprocess import HttpAnswer

# Streams, and the lists of the group by which they are read.
LISTS = {
    "issues": "issues",
    "issue_notes": "issues",
    "merge_requests": "merge_requests",
    "epics": "epics",
    "projects": "projects",
    "groups": "descendant_groups",
    "branches": "projects",
    "group_labels": "descendant_groups",
}
PAGE = 3


def filled() -> Copy:
    """A copy of a group whose lists have some pages; so have those of another group."""
    it = copy(PAGE)
    for table in ("issues", "merge_requests"):
        for project_id in (WEB, OUTSIDE):
            create(it, table, project_id, START - 10**9, 2 * PAGE)
    world = it.emulator.world
    for group_id in (TOP, ELSE):
        it.change("create", table="epics", group_id=group_id, count=2 * PAGE)
        for number in range(1_000 * group_id, 1_000 * group_id + 2 * PAGE):
            facts = {"path": f"below-{number}", "name": f"below-{number}", "visibility": "private"}
            world.groups.add(Row(number, {**facts, "parent_id": group_id}, created=START))
            row = Row(number, {**facts, "creator_id": READER}, created=START, updated=START)
            row.group_id = group_id
            world.projects.add(row)
    world.restructured()
    return it


def mixed_up(it: Copy, end: str, *, from_request: int) -> None:
    """Answer with the list of the group `else` where that of `top` is asked for."""
    beside = Wire(it.emulator)
    asked = 0

    def tamper(path: str, query: str, answer: HttpAnswer) -> HttpAnswer:
        nonlocal asked
        if path != f"/api/v4/groups/{TOP}/{end}":
            return answer
        asked += 1
        if asked < from_request:
            return answer
        url = f"{URL}/api/v4/groups/{ELSE}/{end}?{query}"
        return beside.answered(Request("GET", url, {"PRIVATE-TOKEN": TOKEN}).prepare())

    it.wire.tamper = tamper


@pytest.mark.parametrize("from_request", [1, 2])
@pytest.mark.parametrize("name", LISTS)
def test_its_rows_are_taken_for_nothing(name: str, from_request: int) -> None:
    """The error names both groups, and the next read brings what is right."""
    it = filled()
    mixed_up(it, LISTS[name], from_request=from_request)
    with pytest.raises(GitlabError, match=r"rows of another group \(else[/&]\S+\) .*the group top"):
        it.sync(name)
    it.wire.tamper = lambda _path, _query, answer: answer
    it.sync(name)
    assert it.lacks(name) == []
    wrong = {OUTSIDE, ELSE}
    columns = ("project_id", "group_id") if name not in {"projects", "groups"} else ("id",)
    assert not [row for row in it.tables[name].values() for one in columns if row.get(one) in wrong]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("taken", [False, True])
def test_a_group_that_is_renamed_meanwhile_is_no_other_one(name: str, *, taken: bool) -> None:
    """Its id leads to it, also where another group has taken the path that it had."""
    it = filled()

    def rename() -> None:
        it.change("rename_group", id=TOP, path="renamed")
        if taken:
            it.change("rename_group", id=ELSE, path="top")

    it.before(f"groups/{TOP}/{LISTS[name]}", rename)
    it.sync(name)
    # What was read before it was renamed has the path of then.
    it.sync(name, groups_list=[str(TOP)])
    assert it.lacks(name, groups=str(TOP)) == []
    wrong = {OUTSIDE, ELSE}
    columns = ("project_id", "group_id") if name not in {"projects", "groups"} else ("id",)
    assert not [row for row in it.tables[name].values() for one in columns if row.get(one) in wrong]


def test_what_was_asked_by_a_name_that_another_group_has_taken_is_asked_by_the_id() -> None:
    """A first read asks for the projects while the name is looked up."""
    it = filled()
    beside = Wire(it.emulator)
    asked: list[str] = []

    def tamper(path: str, query: str, answer: HttpAnswer) -> HttpAnswer:
        if not path.endswith("/projects") or "min_access_level" in query:
            return answer
        asked.append(path)
        if path != "/api/v4/groups/top/projects":
            return answer
        url = f"{URL}/api/v4/groups/{ELSE}/projects?{query}"
        request = Request("GET", url, {"PRIVATE-TOKEN": TOKEN}).prepare()
        status, headers, body = beside.answered(request)
        return status, headers, body.replace(b'"else', b'"top')

    it.wire.tamper = tamper
    with session(it.wire, groups_list=["top"], num_workers=6) as opened:
        opened.begin([streams()["issues"]])
        (root,) = opened.inventory.roots().groups
        found = set(opened.inventory.listing(root).projects)
    projects = it.emulator.world.projects
    assert found == {one.id for one in projects if one.group_id in {TOP, SUB}}
    assert asked[0] == "/api/v4/groups/top/projects"


@pytest.mark.parametrize("name", ["work_items", "timelogs", "project_compliance_frameworks"])
def test_graphql_names_a_group_or_project_by_a_path_that_another_one_may_take(name: str) -> None:
    """It is not read in its place, and the next read asks by the new path."""
    it = filled()

    def rename() -> None:
        if streams()[name].kind == "project":
            it.change("rename_project", id=WEB, path="renamed")
            it.change("move_project", id=OUTSIDE, group_id=TOP)
            it.change("rename_project", id=OUTSIDE, path="web")
        else:
            it.change("rename_group", id=TOP, path="renamed")
            it.change("rename_group", id=ELSE, path="top")

    it.before("api/graphql", rename)
    with pytest.raises(ReadError, match=r"of this path is another one now"):
        it.sync(name)
    assert not [row for row in it.tables[name].values() if row.get("project_id") == OUTSIDE]
    it.sync(name, groups_list=[str(TOP)])
    assert it.lacks(name, groups=str(TOP)) == []
