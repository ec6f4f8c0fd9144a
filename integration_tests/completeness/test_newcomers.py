"""Projects that enter a scope, or are away for a while, lose no history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.clock import SECOND
from integration_tests.support.histories import INCREMENTAL, comes_again
from integration_tests.support.history_changes import micros
from integration_tests.support.history_world import (
    API,
    ELSE,
    GUARDED,
    OPEN,
    OUTSIDE,
    READER,
    SITE,
    START,
    SUB,
    TOP,
    WEB,
)
from integration_tests.support.small_copies import HOUR, copy, create
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration_tests.support.copying import Copy


OF_PROJECTS = ("issues", "merge_requests", "merge_request_commits", "project_milestones")


def entering(it: Copy, how: str) -> Callable[[], object]:
    """Keep a project out of scope; what lets it in."""
    if how == "moved":
        return lambda: it.change("move_project", id=OUTSIDE, group_id=SUB)
    if how == "shown":
        it.change("hide_project", id=API)
        return lambda: it.change("show_project", id=API)
    if how == "joined":
        it.settings["groups_list"] = ["top", "open"]
        it.change("remove_member", user_id=READER, project_id=GUARDED)
        return lambda: it.change("add_member", user_id=READER, level=30, project_id=GUARDED)
    for feature in ("issues", "merge_requests"):
        it.change("set_feature", id=WEB, feature=feature, level="disabled")
    return lambda: [
        it.change("set_feature", id=WEB, feature=feature, level="enabled")
        for feature in ("issues", "merge_requests")
    ]


@pytest.mark.parametrize(
    ("how", "size"),
    [(how, size) for how in ("moved", "shown", "switched on") for size in (100, 3)]
    + [("joined", 100)],
)
def test_the_whole_history_of_a_newcomer_arrives_once(how: str, size: int) -> None:
    it = copy(size)
    enter = entering(it, how)
    it.sync(*OF_PROJECTS)
    it.later(2 * HOUR)
    enter()
    it.later(60)
    found = it.sync(*OF_PROJECTS)
    assert it.lacks(*OF_PROJECTS) == []
    assert all(found[name] for name in ("issues", "merge_requests"))
    for name in ("issues", "merge_requests", "project_milestones"):
        # What lies in the overlap of the group's own list comes with that, too.
        old = [row["id"] for row in found[name] if row["updated_at"] < "2026-03-01T11:50"]
        assert len(old) == len(set(old))
    for _ in range(2):
        it.later(2 * HOUR)
        last = it.sync(*OF_PROJECTS)
    assert last == {name: [] for name in OF_PROJECTS}


def test_a_project_that_enters_a_large_group_without_a_trace_arrives_within_a_day() -> None:
    it = copy(1, groups_list=["open"])
    it.change("move_project", id=OUTSIDE, group_id=OPEN)
    it.change("set_visibility", id=OUTSIDE, visibility="public")
    it.change("remove_member", user_id=READER, project_id=GUARDED)
    it.later(5 * HOUR)
    it.sync(*OF_PROJECTS)
    it.later(2 * HOUR)
    it.change("hide_project", id=SITE)
    it.change("add_member", user_id=READER, level=30, project_id=GUARDED)
    it.sync(*OF_PROJECTS)
    it.later(25 * HOUR)
    it.sync(*OF_PROJECTS)
    assert it.lacks(*OF_PROJECTS) == []


def test_a_newcomer_keeps_what_a_killed_read_brought() -> None:
    it = copy()
    it.sync("issues")
    create(it, "issues", OUTSIDE, START - 9 * HOUR * SECOND, 50)
    it.change("move_project", id=OUTSIDE, group_id=TOP)
    it.killed("issues", 2)
    it.sync("issues")
    assert it.lacks("issues") == []


def test_a_subgroup_that_enters_brings_its_epics_and_milestones() -> None:
    it = copy()
    world = it.emulator.world
    for table in ("epics", "milestones"):
        it.change("create", table=table, group_id=ELSE, created_at=micros(START - HOUR * SECOND))
    it.sync("epics", "epic_issues", "group_milestones")
    it.later(2 * HOUR)
    world.groups[ELSE].learn(parent_id=TOP)
    world.restructured()
    it.sync("epics", "epic_issues", "group_milestones")
    assert it.lacks("epics", "epic_issues", "group_milestones") == []


def test_a_renamed_or_transferred_project_keeps_its_state() -> None:
    it = copy()
    it.later(2 * HOUR)
    names = [name for name in INCREMENTAL if not comes_again(streams()[name])]
    it.sync(*names)
    it.later(2 * HOUR)
    it.change("rename_project", id=WEB, path="web-2")
    it.change("move_project", id=API, group_id=TOP)
    it.later(60)
    assert it.sync(*names) == {name: [] for name in names}


@pytest.mark.parametrize(("size", "busy"), [(100, True), (3, True), (100, False)])
@pytest.mark.parametrize(
    ("op", "args", "back", "undo"),
    [
        ("hide_project", {}, "show_project", {}),
        ("move_project", {"group_id": ELSE}, "move_project", {"group_id": TOP}),
        (
            "set_feature",
            {"feature": "issues", "level": "disabled"},
            "set_feature",
            {"feature": "issues", "level": "enabled"},
        ),
    ],
)
def test_a_project_that_is_away_while_its_group_is_read_is_read_again(  # noqa: PLR0913
    *, op: str, args: dict[str, Any], back: str, undo: dict[str, Any], size: int, busy: bool
) -> None:
    it = copy(size)
    it.sync("issues")
    it.later(HOUR)
    create(it, "issues", WEB, START + 1_800 * SECOND)
    if busy:
        create(it, "issues", API, START + 1_800 * SECOND)
    it.before("groups/10/issues", lambda: it.change(op, id=WEB, **args))
    it.sync("issues")
    it.change(back, id=WEB, **undo)
    it.later(HOUR)
    it.sync("issues")
    assert it.lacks("issues") == []


@pytest.mark.parametrize("pages", [20, 30])
def test_a_project_that_is_away_when_a_long_read_is_killed_is_read_again(pages: int) -> None:
    it = copy(3)
    for number in range(60):
        for project_id in (WEB, API):
            create(it, "issues", project_id, START - (9_000 - 60 * number) * SECOND)
    it.before("groups/10/issues", lambda: it.change("hide_project", id=WEB))
    it.killed("issues", pages)
    it.change("show_project", id=WEB)
    it.sync("issues")
    assert it.lacks("issues") == []


@pytest.mark.parametrize("before_the_look", [True, False])
def test_a_project_that_is_away_while_the_children_of_its_rows_are_read(
    *, before_the_look: bool
) -> None:
    it = copy()
    for number in create(it, "merge_requests", WEB, START, 3):
        it.change("push_to_merge_request", id=number)
    it.later(200)

    def show() -> None:
        it.change("show_project", id=WEB)

    def hide() -> None:
        it.change("hide_project", id=WEB)
        if before_the_look:
            it.before("groups/10/projects", show)

    it.before(f"projects/{WEB}/merge_requests", hide)
    it.sync("merge_request_commits")
    if not before_the_look:
        show()
    it.later(60)
    it.sync("merge_request_commits")
    assert it.lacks("merge_request_commits") == []


def test_a_project_whose_issues_are_switched_off_while_it_is_read_alone() -> None:
    it = copy(groups_list=[], projects_list=[str(WEB)])
    create(it, "issues", WEB, START - HOUR * SECOND, 3)
    off = {"id": WEB, "feature": "issues"}
    it.before(f"{WEB}/issues", lambda: it.change("set_feature", **off, level="disabled"))
    it.sync("issues")
    it.change("set_feature", **off, level="enabled")
    it.sync("issues")
    assert it.lacks("issues", groups="", projects=str(WEB)) == []


def test_a_feature_that_was_off_for_long_brings_what_changed_before() -> None:
    it = copy()
    names = ("pipelines", "jobs", "pipeline_trigger_jobs", "deployments")
    it.sync(*names)
    it.change("create_pipeline", project_id=WEB)
    for feature in ("builds", "environments"):
        it.change("set_feature", id=WEB, feature=feature, level="disabled")
    for _ in range(3):
        it.later(30 * HOUR)
        it.sync(*names)
    for feature in ("builds", "environments"):
        it.change("set_feature", id=WEB, feature=feature, level="enabled")
    it.sync(*names)
    assert it.lacks(*names) == []


@pytest.mark.parametrize("archived", [True, False])
def test_archived_projects_are_read_unless_told_otherwise(*, archived: bool) -> None:
    it = copy(include_archived=archived)
    it.change("archive", id=WEB)
    it.sync(*INCREMENTAL)
    params = {} if archived else {"archived": "false"}
    assert it.lacks(*set(INCREMENTAL) - {"epic_issues"}, **params) == []
    held = {row["project_id"] for row in it.tables["issues"].values()}
    assert (WEB in held) == archived
    it.change("archive", id=WEB, archived=False)
    it.later(60)
    it.sync(*INCREMENTAL)
    assert it.lacks(*INCREMENTAL) == []
