"""What a role hides without a word, and that it is read once the role shows it.

The names of these tests stand in docs/behaviors.md beside the promises that they hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.clock import SECOND
from integration_tests.support.history_changes import micros
from integration_tests.support.history_world import API, OPEN, READER, SITE, START, SUB, TOP, WEB
from integration_tests.support.small_copies import HOUR, copy

if TYPE_CHECKING:
    from integration_tests.support.copying import Copy

GUEST, PLANNER, REPORTER, OWNER = 10, 15, 20, 50
LISTS = ("issues", "merge_requests", "merge_request_commits")
OTHER = "glpat-of-somebody-else-0002"


def made(it: Copy, table: str, project_id: int, count: int, **columns: Any) -> list[int]:
    """Rows of somebody else, made long ago."""
    when = micros(START - 5 * HOUR * SECOND)
    times = {"created_at": when, "updated_at": when}
    columns = {"author_id": 3, **columns}
    rows: list[int] = it.change(
        "create", table=table, project_id=project_id, count=count, set=columns, **times
    )
    return rows


def role(it: Copy, level: int, *, group_id: int = TOP, user_id: int = READER) -> None:
    """Give a user another role in a group."""
    it.change("remove_member", user_id=user_id, group_id=group_id)
    if level:
        it.change("add_member", user_id=user_id, level=level, group_id=group_id)


def world(level: int, size: int = 100, **settings: Any) -> Copy:
    """A GitLab with rows that a low role hides, where the reader has this role."""
    it = copy(size, **settings)
    role(it, level)
    for project_id in (WEB, API):
        made(it, "issues", project_id, 4, confidential=True)
        for number in made(it, "merge_requests", project_id, 3):
            it.change("push_to_merge_request", id=number)
    it.later(2 * HOUR)
    return it


def held(it: Copy, stream: str) -> set[int]:
    """The ids that the copy holds."""
    return {int(key[-1]) for key in it.tables[stream] if stream in {"issues", "merge_requests"}}


@pytest.mark.parametrize("size", [100, 1])
@pytest.mark.parametrize("hours", [1, 30])
@pytest.mark.parametrize("level", [REPORTER, PLANNER])
def test_a_role_that_is_raised_brings_what_it_hid(level: int, hours: int, size: int) -> None:
    it = world(GUEST, size)
    it.sync(*LISTS)
    hidden = {row.id for row in it.emulator.world.issues if row.facts.get("confidential")}
    assert not hidden & held(it, "issues")
    assert not held(it, "merge_requests")
    it.later(HOUR)
    it.sync(*LISTS)
    role(it, level)
    it.later(hours * HOUR)
    found = it.sync(*LISTS)
    assert it.lacks(*LISTS) == []
    assert hidden <= held(it, "issues")
    assert bool(found["merge_requests"]) == (level == REPORTER)
    for _ in range(2):
        it.later(HOUR)
        assert it.sync(*LISTS) == {name: [] for name in LISTS}


def test_a_role_in_one_project_brings_that_project_alone() -> None:
    it = world(GUEST)
    it.sync(*LISTS)
    it.later(HOUR)
    it.change("add_member", user_id=READER, level=REPORTER, project_id=API)
    found = it.sync(*LISTS)
    assert it.lacks(*LISTS) == []
    assert {row["project_id"] for name in LISTS for row in found[name]} == {API}
    it.later(HOUR)
    it.change("add_member", user_id=READER, level=REPORTER, group_id=SUB)
    it.change("add_member", user_id=READER, level=REPORTER, project_id=WEB)
    assert {row["project_id"] for row in it.sync(*LISTS)["issues"]} == {WEB}
    assert it.lacks(*LISTS) == []


def test_two_roles_of_which_one_is_raised_and_one_lowered_are_told_within_a_day() -> None:
    it = world(GUEST)
    it.change("add_member", user_id=READER, level=REPORTER, project_id=API)
    it.sync(*LISTS)
    it.later(HOUR)
    it.change("remove_member", user_id=READER, project_id=API)
    it.change("add_member", user_id=READER, level=REPORTER, project_id=WEB)
    it.sync(*LISTS)
    it.later(25 * HOUR)
    it.sync(*LISTS)
    assert it.lacks(*LISTS) == []


def test_a_role_that_is_lowered_keeps_what_was_read_and_may_be_raised_again() -> None:
    it = world(OWNER)
    it.sync(*LISTS)
    before = {name: set(it.tables[name]) for name in LISTS}
    role(it, GUEST)
    it.later(HOUR)
    late = made(it, "issues", WEB, 3, confidential=True)
    it.change("update", table="issues", id=late[0], set={"title": "Changed while it was hidden"})
    it.later(HOUR)
    it.sync(*LISTS)
    it.later(HOUR)
    it.sync(*LISTS)
    assert all(before[name] <= set(it.tables[name]) for name in LISTS)
    role(it, REPORTER)
    it.later(HOUR)
    it.sync(*LISTS)
    assert it.lacks(*LISTS) == []


@pytest.mark.parametrize("pages", range(1, 10, 2))
def test_a_read_after_a_role_was_raised_may_be_killed(pages: int) -> None:
    it = world(GUEST, 3)
    it.sync("issues")
    role(it, REPORTER)
    it.later(HOUR)
    it.killed("issues", pages)
    it.later(HOUR)
    it.sync("issues")
    assert it.lacks("issues") == []


@pytest.mark.parametrize("size", [100, 1])
@pytest.mark.parametrize("feature", ["issues", "merge_requests"])
def test_a_feature_for_members_only_that_is_opened_brings_its_rows(feature: str, size: int) -> None:
    it = copy(size, groups_list=["open"])
    made(it, feature, SITE, 4)
    it.change("set_feature", id=SITE, feature=feature, level="private")
    it.later(2 * HOUR)
    it.sync(*LISTS)
    assert SITE not in {row["project_id"] for row in it.tables[feature].values()}
    it.later(HOUR)
    it.change("set_feature", id=SITE, feature=feature, level="enabled")
    it.later(HOUR)
    it.sync(*LISTS)
    assert SITE in {row["project_id"] for row in it.tables[feature].values()}
    assert it.lacks(*LISTS) == []
    it.later(HOUR)
    it.change("set_feature", id=SITE, feature=feature, level="private")
    it.later(HOUR)
    it.sync(*LISTS)
    it.change("add_member", user_id=READER, level=REPORTER, group_id=OPEN)
    it.later(HOUR)
    it.sync(*LISTS)
    assert it.lacks(*LISTS) == []


def test_a_project_that_becomes_public_brings_its_merge_requests() -> None:
    it = world(GUEST)
    it.sync(*LISTS)
    it.later(HOUR)
    it.change("set_visibility", id=WEB, visibility="public")
    it.later(HOUR)
    it.sync(*LISTS)
    assert it.lacks(*LISTS) == []


@pytest.mark.parametrize("projects", [[], [str(WEB), str(API)]])
def test_the_token_of_another_user_brings_everything_once(projects: list[str]) -> None:
    chosen: dict[str, Any] = {"projects_list": projects, "groups_list": []} if projects else {}
    it = world(OWNER, **chosen)
    role(it, GUEST, user_id=2)
    it.emulator.tokens.create(OTHER, 2, ["read_api"], 3_650)
    mine = it.settings
    it.settings = {**mine, "credentials": {"auth_type": "access_token", "access_token": OTHER}}
    it.sync(*LISTS, "deployments")
    it.later(HOUR)
    it.settings = mine
    it.sync(*LISTS, "deployments")
    params = {"groups": "", "projects": ",".join(projects)} if projects else {}
    assert it.lacks(*LISTS, "deployments", **params) == []
    it.later(HOUR)
    assert it.sync(*LISTS, "deployments") == {name: [] for name in (*LISTS, "deployments")}


def test_a_user_who_becomes_an_administrator_reads_everything_once() -> None:
    it = world(GUEST)
    it.sync(*LISTS)
    it.later(HOUR)
    it.change("make_admin", user_id=READER)
    it.sync(*LISTS)
    assert it.lacks(*LISTS) == []
    it.later(HOUR)
    assert it.sync(*LISTS) == {name: [] for name in LISTS}


def test_a_role_that_is_raised_in_a_named_project() -> None:
    it = world(GUEST, groups_list=[], projects_list=[str(WEB), str(API)])
    it.sync(*LISTS)
    it.later(HOUR)
    it.change("add_member", user_id=READER, level=REPORTER, project_id=API)
    found = it.sync(*LISTS)
    assert {row["project_id"] for name in LISTS for row in found[name]} == {API}
    assert it.lacks(*LISTS, groups="", projects=f"{WEB},{API}") == []
    it.later(HOUR)
    assert it.sync(*LISTS) == {name: [] for name in LISTS}
