"""Rows that come late and look old: an import keeps the times of what it brings.

The names of these tests stand in docs/behaviors.md beside the promises that they hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.clock import SECOND, moment, stamp
from integration_tests.support.history_changes import micros
from integration_tests.support.history_world import API, OUTSIDE, OWN, START, SUB, TOP, WEB
from integration_tests.support.small_copies import HOUR, copy, create, ids

if TYPE_CHECKING:
    from integration_tests.support.copying import Copy
    from integration_tests.support.inprocess import HttpAnswer

DAY = 24 * HOUR
LISTS = ("issues", "merge_requests", "epics")
# The same rows, as GraphQL shows them.
GRAPHQL = ("work_items", "merge_request_metrics", "group_work_items")
BOTH = pytest.mark.parametrize("name", ["issues", "work_items"])
SCOPES: dict[str, dict[str, Any]] = {
    "group": {},
    "projects": {"groups_list": [], "projects_list": [str(WEB), str(API)]},
    "membership": {"groups_list": []},
}


def counted(it: Copy) -> list[str]:
    """The requests of the last sync that only count."""
    lists = [address for address in it.asked if "/issues?" in address]
    return [address for address in lists if "per_page=1&" in f"{address}&"]


def bring(it: Copy, stream: str, days: float, count: int, *, created: bool = True) -> list[int]:
    """Rows that come now, and say that they were changed, and perhaps created, long ago."""
    now = it.emulator.world.clock.now()
    old = micros(now - int(days * DAY * SECOND))
    place = {"group_id": SUB} if stream == "epics" else {"project_id": WEB}
    times = {"created_at": old if created else stamp(now), "updated_at": old}
    made: list[int] = it.change("create", table=stream, count=count, **place, **times)
    if stream == "merge_requests":
        for number in made[:2]:
            it.change("push_to_merge_request", id=number)
            it.change("update", table=stream, id=number, set={}, updated_at=old)
    return made


@pytest.mark.parametrize("scope", list(SCOPES))
@pytest.mark.parametrize("created", [True, False])
@pytest.mark.parametrize("days", [400, 3, 1.5])
def test_rows_with_old_times_arrive_with_the_first_read_of_the_next_day(
    scope: str, days: float, *, created: bool
) -> None:
    it = copy(**SCOPES[scope])
    names = ["issues", "merge_requests", "merge_request_commits", *GRAPHQL[:2]]
    names += ["epics", GRAPHQL[2]] if scope == "group" else []
    it.sync(*names)
    it.later(HOUR)
    it.sync(*names)
    for stream in LISTS[: 3 if scope == "group" else 2]:
        bring(it, stream, days, 40, created=created)
    create(it, "issues", WEB, it.emulator.world.clock.now())
    it.later(HOUR)
    it.sync(*names)
    it.later(DAY)
    it.sync(*names)
    params = {"groups": ",".join(it.settings["groups_list"])}
    params["projects"] = ",".join(it.settings.get("projects_list", []))
    assert it.lacks(*names, **params) == []
    it.later(DAY)
    assert it.sync(*names) == {name: [] for name in names}


def test_within_the_day_nothing_is_counted_again() -> None:
    it = copy()
    for _ in range(2):
        it.sync("issues")
        assert counted(it) == []
        it.later(HOUR)
    it.later(DAY)
    it.sync("issues")
    assert len(counted(it)) == 2


@BOTH
def test_deleted_rows_are_no_reason_to_read_anything_again(name: str) -> None:
    it = copy()
    made = create(it, "issues", WEB, START - DAY * SECOND, 30)
    it.later(HOUR)
    it.sync(name)
    it.later(HOUR)
    it.sync(name)
    for number in made[:10]:
        it.change("delete", table="issues", id=number)
    it.later(DAY)
    assert it.sync(name)[name] == []
    bring(it, "issues", 30, 4)
    it.later(DAY)
    it.sync(name)
    assert it.lacks(name) == []


@BOTH
@pytest.mark.parametrize("late", [0, 3])
@pytest.mark.parametrize("how", ["moved", "shown"])
def test_a_member_that_enters_neither_hides_late_rows_nor_counts_as_some(
    how: str, late: int, name: str
) -> None:
    """Whether it enters before the list is counted, or in the read that counts it."""
    for pause in (HOUR, DAY):
        it = copy()
        if how == "shown":
            it.change("hide_project", id=API)
        it.sync(name)
        it.later(pause)
        if how == "shown":
            it.change("show_project", id=API)
        else:
            it.change("move_project", id=OUTSIDE, group_id=TOP)
        bring(it, "issues", 30, late)
        it.later(60)
        it.sync(name)
        it.later(DAY)
        again = it.sync(name)[name]
        assert it.lacks(name) == []
        # What lies in the overlap of the group's own list comes with that, too.
        assert late or all(row["updated_at"] > "2026-03-01T11:50" for row in again)
        it.later(DAY)
        assert it.sync(name)[name] == []


@BOTH
@pytest.mark.parametrize("pages", range(1, 9))
def test_a_read_that_is_killed_among_late_rows_loses_none(pages: int, name: str) -> None:
    it = copy(5)
    it.killed(name, 4)
    bring(it, "issues", 40, 6)
    it.later(DAY)
    it.sync(name)
    bring(it, "issues", 30, 20)
    bring(it, "issues", 30, 20, created=False)
    it.later(DAY)
    it.killed(name, pages)
    it.later(HOUR)
    it.killed(name, pages)
    it.later(DAY)
    it.sync(name)
    assert it.lacks(name) == []


@pytest.mark.parametrize("limit", [0, 3, 20, 10_000])
def test_lists_that_gitlab_does_not_count_as_a_whole(limit: int) -> None:
    it = copy()
    it.emulator.world.settings.count_limit = limit
    for number in range(60):
        create(it, "issues", WEB, START - (100 - number) * HOUR * SECOND)
    it.sync("issues")
    windows = it.states["issues"]["counts"][f"group:{TOP}"]["windows"]
    assert bool(windows) == bool(limit)
    bring(it, "issues", 3, 10)
    it.later(DAY)
    found = it.sync("issues")["issues"]
    if limit:
        assert it.lacks("issues") == []
        assert limit > 60 or len(found) < 60
    else:
        assert len(counted(it)) < 5


@BOTH
def test_rows_from_before_the_start_date_are_not_brought(name: str) -> None:
    it = copy(start_date="2026-02-26T00:00:00Z")
    it.sync(name)
    old = set(bring(it, "issues", 30, 4))
    recent = set(bring(it, "issues", 1.5, 4))
    it.later(DAY)
    it.sync(name)
    held = {number for (number,) in it.tables[name]}
    assert recent <= held
    assert not old & held


@BOTH
def test_of_a_long_list_only_the_part_that_grew_is_read_again(name: str) -> None:
    it = copy(num_workers=4)
    for number in range(60):
        create(it, "issues", WEB, START - (70 - number) * HOUR * SECOND, 100)
    it.later(HOUR)
    it.sync(name)
    it.later(HOUR)
    it.sync(name)
    it.later(DAY)
    assert it.sync(name)[name] == []
    assert len(it.states[name]["counts"][f"group:{TOP}"]["windows"]) >= 3
    bring(it, "issues", 2, 7)
    it.later(DAY)
    assert 7 <= len(it.sync(name)[name]) < 2_600
    assert it.lacks(name) == []


def test_lists_are_counted_as_far_as_the_state_has_room() -> None:
    it = copy(groups_list=[], projects_list=[str(WEB), str(API), str(OWN)])
    it.sync("issues")
    state = it.states["issues"]
    assert set(state["counts"]) == {f"project:{number}" for number in (WEB, API, OWN)}
    state["counts"] = {
        f"project:{number}": {"asked": "2026-03-01T12:00:00.000Z", "windows": [["2026-03-01", 1]]}
        for number in range(1_000, 1_200)
    }
    it.later(HOUR)
    it.sync("issues")
    assert len(it.states["issues"]["counts"]) == 200
    assert counted(it) == []


FAILS: dict[str, tuple[list[str], int]] = {
    "refused": (["WorkItemConnection.count", "MergeRequestConnection.count"], 0),
    "late": ([], -1),
}
EVERY = pytest.mark.parametrize(
    ("name", "table"), [(one, one) for one in LISTS] + [*zip(GRAPHQL, LISTS, strict=True)]
)


def uncounting(_path: str, query: str, answer: HttpAnswer) -> HttpAnswer:
    """What is answered where whatever counts fails, in REST."""
    status, headers, body = answer
    if "per_page=1&" in f"{query}&":
        return 500, headers, b"{}"
    return status, {name: headers[name] for name in headers if name.lower() != "x-total"}, body


def bring_at(it: Copy, table: str, created: float, updated: float) -> list[int]:
    """A row that comes now, and says that it was created and changed so many seconds ago."""
    now = it.emulator.world.clock.now()
    place = {"group_id": SUB} if table == "epics" else {"project_id": WEB}
    times = {
        "created_at": micros(now - int(created * SECOND)),
        "updated_at": micros(now - int(updated * SECOND)),
    }
    made: list[int] = it.change("create", table=table, **place, **times)
    return made


@EVERY
@pytest.mark.parametrize(("created", "updated"), [(175, 150), (10, 190), (170, 190)])
def test_rows_from_between_the_last_count_and_the_watermark(
    name: str, table: str, created: int, updated: int
) -> None:
    """They were in no count, and lie behind the watermark all the same."""
    it = copy()
    it.sync(name)
    for _ in range(3):
        it.later(HOUR)
        place = {"group_id": SUB} if table == "epics" else {"project_id": WEB}
        it.change("create", table=table, **place)
        it.later(HOUR)
        it.sync(name)
    bring_at(it, table, created * 60, updated * 60)
    it.later(HOUR)
    it.sync(name)
    it.later(DAY)
    it.sync(name)
    assert it.lacks(name) == []


@EVERY
@pytest.mark.parametrize("behind", [-0.001, 0, 0.000001, 0.001, 0.9, 1.1])
def test_rows_at_the_bound_of_a_count(name: str, table: str, behind: float) -> None:
    """Whatever GitLab cuts from the time at which they were created."""
    it = copy()
    it.sync(name)
    it.later(DAY)
    it.sync(name)
    counts = it.states[name]["counts"][f"group:{SUB if name == GRAPHQL[2] else TOP}"]
    bound = moment(counts["windows"][-1][0])
    now = it.emulator.world.clock.now()
    bring_at(it, table, (now - bound) / SECOND - behind, 10**7)
    it.later(DAY)
    it.sync(name)
    assert it.lacks(name) == []


@EVERY
@pytest.mark.parametrize("fails", FAILS)
@pytest.mark.parametrize("first", [True, False])
def test_a_list_that_could_not_be_counted_is_counted_by_the_next_read(
    name: str, table: str, fails: str, *, first: bool
) -> None:
    """That it could not is told, and what came late meanwhile is found."""
    it = copy(tries=1)
    if not first:
        it.sync(name)
        bring(it, table, 30, 4)
        it.later(DAY)
    settings, whole = it.emulator.world.settings, it.wire.tamper
    settings.graphql_denies, settings.graphql_counts_up_to = FAILS[fails]
    # The first page of a list tells its number, too; without it, the list is counted by itself.
    it.wire.tamper = uncounting
    report = it.tried(name)
    assert "could not be counted" in str(report.to_json())
    settings.graphql_denies, settings.graphql_counts_up_to = [], 0
    it.wire.tamper = whole
    bring(it, table, 30, 4)
    it.later(HOUR)
    it.sync(name)
    assert it.lacks(name) == []


@BOTH
def test_a_list_of_another_selection_that_could_not_be_counted(name: str) -> None:
    """It goes on from where the group had come to, and was in no count of its own."""
    it = copy(tries=1)
    it.sync(name)
    bring(it, "issues", 30, 4)
    it.later(HOUR)
    it.settings |= {"groups_list": [], "projects_list": [str(WEB)]}
    settings, whole = it.emulator.world.settings, it.wire.tamper
    settings.graphql_denies, _ = FAILS["refused"]
    it.wire.tamper = uncounting
    assert "could not be counted" in str(it.tried(name).to_json())
    settings.graphql_denies = []
    it.wire.tamper = whole
    it.later(HOUR)
    it.sync(name)
    assert it.lacks(name, groups="", projects=str(WEB)) == []


def queries(it: Copy) -> int:
    """The queries of the last sync."""
    return sum("graphql" in address for address in it.asked)


def test_a_connection_is_counted_once_a_day() -> None:
    it = copy()
    name = GRAPHQL[0]
    it.sync(name)
    first = queries(it)
    it.later(HOUR)
    it.sync(name)
    assert queries(it) == first - 1
    it.later(DAY)
    it.sync(name)
    assert queries(it) > first - 1


@pytest.mark.parametrize("most", [10, 30])
def test_connections_that_the_database_does_not_count_as_a_whole(most: int) -> None:
    """Each span that runs into the time-out is counted in halves, and no row is lost by it."""
    it = copy(tries=1)
    for number in range(60):
        create(it, "issues", WEB, START - (100 - number) * HOUR * SECOND)
    it.emulator.world.settings.graphql_counts_up_to = most
    name = GRAPHQL[0]
    it.sync(name)
    assert len(it.states[name]["counts"][f"group:{TOP}"]["windows"]) > 60 / most
    bring(it, "issues", 3, 10)
    it.later(DAY)
    it.sync(name)
    assert it.lacks(name) == []


def test_a_list_that_is_off_is_not_counted() -> None:
    """Its refusal is told once, and what it has is read when it is shown."""
    it = copy(groups_list=[], projects_list=[str(WEB)])
    (old,) = create(it, "merge_requests", WEB, START - DAY * SECOND)
    it.change("set_feature", id=WEB, feature="merge_requests", level="disabled")
    name = GRAPHQL[1]
    assert it.sync(name)[name] == []
    assert not it.states[name].get("counts")
    it.change("set_feature", id=WEB, feature="merge_requests", level="enabled")
    it.later(DAY)
    assert old in ids(it.sync(name)[name])
