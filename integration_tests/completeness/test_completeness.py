"""Each rule that keeps rows from being lost, against the emulated GitLab, one test for each way.

The names of these tests stand in docs/behaviors.md beside the promises that they hold.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.clock import MINUTE, SECOND
from integration_tests.support.copying import Copy
from integration_tests.support.histories import INCREMENTAL
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
    small_world,
)

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3_600
OF_PROJECTS = ("issues", "merge_requests", "merge_request_commits", "project_milestones")


def copy(most_per_page: int = 100, seed: int = 1, **settings: Any) -> Copy:
    """A copy of a small GitLab; equal seeds make equal worlds."""
    return Copy(small_world(Random(seed), most_per_page), **settings)


def create(it: Copy, table: str, project_id: int, when: int, count: int = 1) -> list[int]:
    """Rows that were created and updated at one moment, in microseconds."""
    times = {"created_at": micros(when), "updated_at": micros(when)}
    made: list[int] = it.change("create", table=table, project_id=project_id, count=count, **times)
    return made


def ids(rows: list[dict[str, Any]]) -> list[int]:
    """The ids of rows, in order."""
    return sorted(row["id"] for row in rows)


# Seek


@pytest.mark.parametrize("stream", ["issues", "merge_requests", "deployments", "pipelines"])
@pytest.mark.parametrize("count", [150, 350])
def test_one_moment_may_hold_more_rows_than_a_page(stream: str, count: int) -> None:
    it = copy()
    create(it, stream, WEB, START - HOUR * SECOND, count)
    create(it, stream, WEB, START - HOUR * SECOND + 1_700, 3)
    found = it.sync(stream)[stream]
    assert it.lacks(stream) == []
    assert len(ids(found)) == len(set(ids(found)))


def test_rows_a_microsecond_apart_lie_on_both_sides_of_a_page() -> None:
    it = copy()
    for number in range(250):
        create(it, "issues", WEB, START - HOUR * SECOND + number * 7)
    it.sync("issues")
    assert it.lacks("issues") == []


def test_rows_that_change_while_they_are_read_push_no_other_row_out() -> None:
    it = copy()
    made = create(it, "issues", WEB, START - HOUR * SECOND)
    for number in range(1, 320):
        made += create(it, "issues", WEB, START - HOUR * SECOND + number * SECOND)

    def change() -> None:
        for number in made[:40]:
            it.change("update", table="issues", id=number, set={"title": "Moved"})

    it.before("issues?", lambda: it.before("updated_after", change))
    it.sync("issues")
    assert it.lacks("issues") == []


@pytest.mark.parametrize(("workers", "size", "count"), [(1, 20, 90), (4, 2, 230)])
def test_more_rows_of_one_moment_than_gitlab_counts(workers: int, size: int, count: int) -> None:
    it = copy(size, num_workers=workers)
    it.emulator.world.settings.count_limit = 50
    create(it, "issues", WEB, START - 2 * HOUR * SECOND, count)
    create(it, "issues", WEB, START - HOUR * SECOND, 5)
    it.sync("issues")
    assert it.lacks("issues") == []


# Windows


def long_list(workers: int, rows: int = 1_600) -> Copy:
    """A copy of a GitLab with many issues, three at each second."""
    it = copy(num_workers=workers)
    for number in range(rows):
        create(it, "issues", WEB, START - 2 * HOUR * SECOND + (number - number % 3) * SECOND)
    return it


def test_a_long_list_is_read_in_windows_at_once() -> None:
    it = long_list(4)
    it.sync("issues")
    pages = {one.partition("&page=")[2] for one in it.asked if "&page=" in one}
    assert {"4", "7", "10", "13", "16"} <= pages
    assert it.lacks("issues") == []


def test_windows_cost_no_request_more_than_reading_in_one_go() -> None:
    """Each ends with the row that the next one starts with, four rows a page before it had to."""
    it = copy(num_workers=4)
    for number in range(2_000):
        create(it, "issues", WEB, START - 2 * HOUR * SECOND + number * SECOND)
    rows = it.sync("issues")["issues"]
    assert len({row["id"] for row in rows}) == len(rows)
    lists = [one for one in it.asked if "/issues?" in one]
    assert len(lists) == -(-len(rows) // 96)


@pytest.mark.parametrize("rows", [1_600, 9 * 96, 9 * 96 + 1])
def test_page_numbers_are_counted_anew_before_they_get_high(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("source_gitlab.core.walks.windows._WINDOWS_FROM_ROOT", 3)
    it = long_list(4, rows)
    it.emulator.world.settings.count_limit = 500
    made = sorted(it.emulator.world.issues.rows)

    def change() -> None:
        for number in made[50:rows:200]:
            it.change("update", table="issues", id=number, set={"title": "Moved"})

    it.before("&page=4", change)
    found = it.sync("issues")["issues"]
    assert it.lacks("issues") == []
    assert len({(row["id"], row["updated_at"]) for row in found}) == len(found)
    assert max(int(one.partition("&page=")[2] or 1) for one in it.asked if "/issues" in one) == 10


def test_an_instant_with_more_rows_than_all_numbered_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("source_gitlab.core.walks.windows._WINDOWS_FROM_ROOT", 2)
    it = copy(num_workers=4)
    it.emulator.world.settings.count_limit = 500
    create(it, "issues", WEB, START - 2 * HOUR * SECOND, 1_500)
    create(it, "issues", WEB, START - HOUR * SECOND, 900)
    it.sync("issues")
    assert it.lacks("issues") == []


def test_windows_lose_nothing_that_changes_meanwhile() -> None:
    it = long_list(4)
    made = sorted(it.emulator.world.issues.rows)

    def change() -> None:
        for number in made[100:1_400:9]:
            it.change("update", table="issues", id=number, set={"title": "Moved"})
        for number in made[105:1_400:50]:
            it.change("delete", table="issues", id=number)

    it.before("&page=13", change)
    it.sync("issues")
    assert it.lacks("issues") == []


def test_a_killed_read_goes_on_inside_the_windows() -> None:
    it = long_list(4, rows=4_000)
    it.killed("issues", 34)
    through = it.states["issues"]["groups"][str(TOP)]["through"]
    rest = it.sync("issues")["issues"]
    assert it.lacks("issues") == []
    assert len(rest) < 2_800
    assert min(row["updated_at"] for row in rest) >= through[:14]


# Overlap


def test_rows_of_a_slow_transaction_arrive_and_no_row_arrives_twice() -> None:
    it = copy()
    create(it, "issues", WEB, START - 125 * SECOND)
    it.sync("issues")
    late = create(it, "issues", WEB, START - 8 * MINUTE)
    it.later(60)
    assert ids(it.sync("issues")["issues"]) == late
    assert it.sync("issues")["issues"] == []


def test_a_child_that_does_not_move_its_parent_arrives() -> None:
    it = copy()
    it.sync("pipeline_trigger_jobs")
    it.later(HOUR)
    parent = it.change("create_pipeline", project_id=WEB)["id"]
    it.later(20)
    it.sync("pipeline_trigger_jobs")
    it.later(20)
    made = {"name": "late", "stage": "test", "status": "created", "user_id": READER}
    columns = {**made, "pipeline_id": parent, "queued_duration": 0.5}
    it.change("create", table="bridges", project_id=WEB, row_id=9_000, set=columns)
    it.later(900)
    assert ids(it.sync("pipeline_trigger_jobs")["pipeline_trigger_jobs"]) == [9_000]
    it.later(900)
    assert it.sync("pipeline_trigger_jobs")["pipeline_trigger_jobs"] == []


# Newcomers


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
    it.sync(*INCREMENTAL)
    it.later(2 * HOUR)
    it.change("rename_project", id=WEB, path="web-2")
    it.change("move_project", id=API, group_id=TOP)
    it.later(60)
    assert it.sync(*INCREMENTAL) == {name: [] for name in INCREMENTAL}


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


# Archived projects


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
