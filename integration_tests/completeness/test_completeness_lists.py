"""Each rule about single kinds of lists, and about states: pipelines, jobs, commits, pages, kills.

The names of these tests stand in docs/behaviors.md beside the promises that they hold.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.clock import SECOND, moment
from integration_tests.support.histories import INCREMENTAL
from integration_tests.support.history_world import API, EMPTY, START, TOP, WEB
from integration_tests.support.progress import advance
from integration_tests.support.small_copies import HOUR, copy, create, ids
from source_gitlab.core.slices import Page, Slice
from source_gitlab.core.state import StreamState
from source_gitlab.gitlab.tuning import Tuning
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from integration_tests.support.copying import Copy

CI = ("pipelines", "pipelines_extended", "jobs", "pipeline_trigger_jobs")
MINUTES = 60


# Pipelines and jobs


def test_child_pipelines_are_read() -> None:
    it = copy()
    parent = it.change("create_pipeline", project_id=WEB)["id"]
    child = it.change("create_pipeline", project_id=WEB, parent_id=parent)["id"]
    it.sync(*CI)
    assert {parent, child} <= {key[0] for key in it.tables["pipelines"]}
    assert it.lacks(*CI) == []


def test_pipelines_that_streams_share_are_not_lost_where_memory_is_short() -> None:
    it = copy()
    it.tuning = Tuning(shared_rows=3)
    for project in (WEB, API):
        for _ in range(2):
            it.change("create_pipeline", project_id=project, jobs=1)
    names = ("pipelines", "pipelines_extended", "pipeline_trigger_jobs", "jobs")
    it.sync(*names)
    assert it.lacks(*names) == []
    assert sum(it.asked.count(one) > 1 for one in it.asked if "/pipelines?" in one)


def test_pipelines_that_nothing_touched_fill_more_than_a_page() -> None:
    it = copy(5)
    for number in range(23):
        it.change("create_pipeline", project_id=WEB, jobs=number % 2)
    for row in list(it.emulator.world.pipelines)[-20:]:
        row.updated = None
        it.emulator.world.pipelines.changed(row)
    it.sync(*CI)
    assert it.lacks(*CI) == []


@pytest.mark.parametrize("op", ["finish_job", "retry_job"])
def test_jobs_that_change_after_they_were_read_are_read_again(op: str) -> None:
    it = copy()
    old = it.change("create_pipeline", project_id=WEB, jobs=3)
    it.later(5 * HOUR)
    young = it.change("create_pipeline", project_id=WEB, jobs=2)
    it.sync(*CI)
    it.later(2 * HOUR)
    it.change(op, id=old["jobs"][1])
    it.later(60)
    it.change(op, id=young["jobs"][0])
    it.sync(*CI)
    assert it.lacks(*CI) == []
    for _ in range(2):
        it.later(HOUR)
        last = it.sync(*CI)
    assert last == {name: [] for name in CI}


def test_jobs_made_between_a_kill_and_the_next_one_arrive() -> None:
    it = copy(2)
    for _ in range(6):
        it.change("create_pipeline", project_id=WEB, jobs=3)
    it.killed("jobs", 2)
    it.later(HOUR)
    it.change("create_pipeline", project_id=WEB, jobs=1)
    it.later(HOUR)
    it.killed("jobs", 2)
    it.later(HOUR)
    it.sync("jobs")
    assert it.lacks("jobs") == []


def test_a_pipeline_of_a_slow_transaction_arrives_although_the_read_was_killed() -> None:
    it = copy(3)
    for number in range(12):
        create(it, "pipelines", WEB, START - (3_000 - 60 * number) * SECOND)
    it.killed("pipelines", 4)
    reached = it.states["pipelines"]["positions"][f"project:{WEB}"]["through"][0]
    late = moment(reached) - 5 * MINUTES * SECOND
    create(it, "pipelines", WEB, late - 7)
    it.sync("pipelines")
    assert it.lacks("pipelines") == []


# Commits


@pytest.fixture(params=["default", "all"])
def pushed(request: pytest.FixtureRequest) -> Copy:
    """A copy that has the commits so far, of the default branch or of all."""
    it = copy(7, commit_refs=request.param)
    it.change("push_commits", project_id=WEB, branch="main", count=20)
    it.change("push_commits", project_id=WEB, branch="feature", start="main", count=3)
    it.sync("commits")
    it.later(2 * HOUR)
    return it


def missing_commits(it: Copy) -> set[str]:
    """The commits of the followed branches that the copy lacks."""
    repository = it.emulator.world.repository(WEB)
    everything = it.settings["commit_refs"] == "all"
    heads = [b.sha for b in repository.branches.values() if everything or b.name == "main"]
    return repository.reachable(heads) - {sha for number, sha in it.tables["commits"]}


def test_commits_that_are_pushed_late_arrive(pushed: Copy) -> None:
    long_ago = {"committed_at": "2019-05-01T00:00:00Z", "project_id": WEB}
    pushed.change("push_commits", branch="main", count=12, **long_ago)
    pushed.change("push_commits", branch="feature", count=2, **long_ago)
    assert len(pushed.sync("commits")["commits"]) >= 12
    assert missing_commits(pushed) == set()
    pushed.later(HOUR)
    assert pushed.sync("commits")["commits"] == []


@pytest.mark.parametrize("answer", ["404", "400", "empty"])
@pytest.mark.parametrize("count", [0, 1, 9])
def test_a_rewritten_branch_is_read_also_when_its_old_head_is_garbage(
    pushed: Copy, answer: str, count: int
) -> None:
    pushed.emulator.world.settings.unknown_ref = answer
    branch = {"project_id": WEB, "branch": "main"}
    pushed.change("delete_branch", project_id=WEB, branch="feature")
    pushed.change("force_push", **branch, back=11, count=count)
    pushed.change("collect_garbage", project_id=WEB)
    pushed.sync("commits")
    assert missing_commits(pushed) == set()
    pushed.change("push_commits", **branch, count=3)
    pushed.change("force_push", **branch, back=1, count=1)
    pushed.sync("commits")
    assert missing_commits(pushed) == set()


@pytest.mark.parametrize("answer", ["404", "400", "empty"])
def test_a_branch_that_is_rewritten_after_a_kill(answer: str) -> None:
    it = copy(3, commit_refs="default")
    it.emulator.world.settings.unknown_ref = answer
    branch = {"project_id": WEB, "branch": "main"}
    it.change("push_commits", **branch, count=20)
    it.killed("commits", 3)
    it.change("force_push", **branch, back=15, count=2)
    it.change("collect_garbage", project_id=WEB)
    for _ in range(2):
        it.sync("commits")
    assert missing_commits(it) == set()


def test_branches_come_and_go(pushed: Copy) -> None:
    pushed.change("delete_branch", project_id=WEB, branch="feature")
    pushed.change("push_commits", project_id=WEB, branch="topic", start="main", count=9)
    pushed.sync("commits")
    assert missing_commits(pushed) == set()
    pushed.change("push_commits", project_id=WEB, branch="feature", start="main", count=2)
    pushed.sync("commits")
    assert missing_commits(pushed) == set()
    assert ("topic" in reached(pushed)) == (pushed.settings["commit_refs"] == "all")


def reached(it: Copy) -> dict[str, str]:
    """The heads of a project in the last state, by branch."""
    return StreamState.load(it.states["commits"]).heads.of(WEB)


def new_commits(it: Copy) -> set[str]:
    """What a sync brings of a project; with all branches, the default one comes twice."""
    return {row["id"] for row in it.sync("commits")["commits"] if row["project_id"] == WEB}


@pytest.mark.parametrize("answer", ["404", "400", "empty"])
def test_a_head_that_begins_like_another_commit(pushed: Copy, answer: str) -> None:
    pushed.emulator.world.settings.unknown_ref = answer
    twin = reached(pushed)[""] + "0" * 28
    pushed.change("push_commits", project_id=WEB, branch="feature", sha=twin)
    head = pushed.change("push_commits", project_id=WEB, branch="main", count=2)[1]
    pushed.sync("commits")
    assert any(f"ref_name={head}" in one for one in pushed.asked), "the whole branch is read"
    assert missing_commits(pushed) == set()
    pushed.change("push_commits", project_id=WEB, branch="main", count=3)
    assert len(new_commits(pushed)) == 3
    assert missing_commits(pushed) == set()


def test_a_tag_may_be_called_like_the_first_digits_of_a_head(pushed: Copy) -> None:
    tag = reached(pushed)[""]
    pushed.change("push_commits", project_id=WEB, branch="main", count=4)
    pushed.change("create_tag", project_id=WEB, tag=tag, start="main")
    pushed.change("push_commits", project_id=WEB, branch="main", count=1)
    assert len(new_commits(pushed)) == 5
    assert missing_commits(pushed) == set()


def test_a_repository_with_sha_256(pushed: Copy) -> None:
    branch = {"project_id": WEB, "branch": "main"}
    pushed.change("push_commits", **branch, sha="5eed" * 16)
    assert new_commits(pushed) == {"5eed" * 16}
    pushed.change("push_commits", **branch, sha="feed" * 16)
    assert new_commits(pushed) == {"feed" * 16}
    assert new_commits(pushed) == set()


def test_a_state_with_whole_heads_is_taken_over(pushed: Copy) -> None:
    repository = pushed.emulator.world.repository(WEB)
    named = {one.name: one.sha for one in repository.branches.values()}
    heads = {"": named["main"], **(named if pushed.settings["commit_refs"] == "all" else {})}
    pushed.states["commits"]["heads"] = {str(WEB): heads}
    pushed.change("push_commits", project_id=WEB, branch="main", count=2)
    assert len(new_commits(pushed)) == 2


# Pages


def test_lists_are_continued_from_the_last_row_where_gitlab_can() -> None:
    it = copy(2, groups_list=[])
    for name in ("b1", "b2", "b3"):
        it.change("create_branch", project_id=WEB, branch=name)
        it.change("create_tag", project_id=WEB, tag=name)
    it.sync("branches", "tags", "jobs", "projects")
    assert it.lacks("branches", "tags", "jobs", "projects") == []
    for part in (f"{WEB}/repository/branches", f"{WEB}/repository/tags", f"{WEB}/jobs"):
        asked = [one for one in it.asked if one.startswith(f"projects/{part}")]
        assert asked
        assert not [one for one in asked if "&page=" in one]
    mine = [one for one in it.asked if one.startswith("projects?")]
    assert mine
    assert all("pagination=keyset" in one for one in mine)


def test_a_branch_that_is_deleted_between_two_pages_stops_nothing() -> None:
    it = copy(2)
    for number in range(7):
        it.change("create_branch", project_id=WEB, branch=f"b{number}")
    for name in ("b3", "b4"):
        gone = {"project_id": WEB, "branch": name}
        it.before(f"page_token={name}", partial(it.change, "delete_branch", **gone))
    it.sync("branches", "commits")
    assert not it.ahead_of
    assert it.lacks("branches", "commits") == []


def test_groups_with_more_projects_than_may_be_numbered_are_read() -> None:
    it = copy(2)
    for number in (105, 104):
        it.change("move_project", id=number, group_id=TOP)
    settings = it.emulator.world.settings
    settings.offset_limit = 4
    settings.count_limit = 4
    names = ("projects", "branches", *INCREMENTAL)
    it.sync(*names)
    assert it.lacks(*set(names) - {"epic_issues"}) == []


def test_lists_without_totals_are_read_to_their_end() -> None:
    it = copy(2)
    it.emulator.world.settings.count_limit = 1
    it.sync(*streams())
    assert it.lacks(*streams()) == []


@pytest.mark.parametrize("every", [1, 2, 7])
def test_pages_may_be_short_or_empty(every: int) -> None:
    """Where GitLab leaves rows out of pages that it has cut; a page of other lists may be short."""
    it = copy(5)
    for table in ("merge_requests", "issues"):
        made = create(it, table, WEB, START - HOUR * SECOND, 60)
        for number in made[5 : 40 : max(every, 2)]:
            it.change("unreadable", table=table, id=number)
    notes = it.change("create", table="issue_notes", owner_id=made[-1], count=60)
    for number in notes[5:40:every]:
        it.change("unreadable", table="issue_notes", id=number)
    names = ("issues", "merge_requests", "issue_notes")
    it.sync(*names)
    assert it.lacks(*names) == []


@pytest.mark.parametrize("added", [False, True])
@pytest.mark.parametrize("stream", ["project_milestones", "releases"])
def test_numbered_lists_may_shift_while_they_are_read(stream: str, *, added: bool) -> None:
    it = copy(3)
    table = stream.removeprefix("project_")
    made = create(it, table, WEB, START - 2 * HOUR * SECOND, 14)

    def shift() -> None:
        it.change("delete", table=table, id=made[2 if table == "releases" else -2])
        if added:
            create(it, table, WEB, START, 1)

    it.before("page=3", shift)
    it.sync(stream)
    assert it.lacks(stream) == []


# State


def test_a_watermark_is_never_later_than_the_start_of_its_read() -> None:
    state = StreamState()
    early, late = "2026-03-01T12:00:00.000Z", "2026-03-01T13:00:00.000Z"
    slice_ = Slice(stream="issues", container="group", id=TOP, since=None, start=early, deep=True)
    state.cover(TOP, set(), 0, early)
    advance(state, slice_, Page([], through=late))
    assert state.groups[TOP].through == early


@pytest.mark.parametrize("name", INCREMENTAL)
def test_a_read_that_is_killed_at_any_page_loses_nothing(name: str) -> None:
    for pages in range(1, 60, 3 if name != "commits" else 5):
        it = copy(3, commit_refs="all")
        it.killed(name, pages)
        is_last = it.pages_read < pages
        it.later(20 * MINUTES)
        it.change("finish_job", id=next(iter(it.emulator.world.jobs.rows)))
        it.killed(name, 2)
        it.later(20 * MINUTES)
        it.sync(name)
        assert it.lacks(name) == [], pages
        if is_last:
            break


def test_a_killed_read_repeats_five_thousand_rows_at_most() -> None:
    it = copy()
    for number in range(11_000):
        create(it, "issues", WEB, START - 9 * HOUR * SECOND + number * SECOND)
    for pages in (49, 74, 101):
        it.states.clear()
        it.tables.clear()
        it.killed("issues", pages, seldom=True)
        held = len(it.tables["issues"])
        rest = it.sync("issues")["issues"]
        repeated = pages * 100 + len(rest) - len(it.tables["issues"])
        assert held > pages * 100 - 5_000
        assert repeated <= 5_100
        assert it.lacks("issues") == []


def airbytes(*cursors: tuple[int, str]) -> dict[str, Any]:
    """A state as Airbyte's connector writes it."""
    states = [
        {"partition": {"id": number, "parent_slice": {}}, "cursor": {"updated_at": cursor}}
        for number, cursor in cursors
    ]
    return {"use_global_cursor": False, "states": states, "state": {}, "parent_state": {}}


def test_a_state_of_airbytes_connector_is_taken_over() -> None:
    it = copy()
    old = create(it, "issues", WEB, START - 400 * HOUR * SECOND)
    new = create(it, "issues", WEB, START - HOUR * SECOND)
    entered = create(it, "issues", EMPTY, START - 400 * HOUR * SECOND)
    day = "2026-03-01T00:00:00Z"
    it.states["issues"] = airbytes((WEB, day), (API, day))
    found = set(ids(it.sync("issues")["issues"]))
    assert {*new, *entered} <= found
    assert not found & set(old)
    assert it.states["issues"]["groups"][str(TOP)]["projects"]
    assert it.sync("issues")["issues"] == []
