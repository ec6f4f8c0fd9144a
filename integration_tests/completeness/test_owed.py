"""Parents whose children did not come: the state moves past them, and they are asked for again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.histories import INCREMENTAL
from integration_tests.support.history_world import ELSE, TOP, WEB
from integration_tests.support.small_copies import HOUR, copy
from source_gitlab.core.state import StateError, StreamState
from source_gitlab.core.state.owed_parents import MOST, MOST_REFUSALS

if TYPE_CHECKING:
    from integration_tests.support.copying import Copy
    from integration_tests.support.inprocess import HttpAnswer

NOT_FOUND = 404, {"content-type": "application/json"}, b'{"message":"404 Not found"}'
FORBIDDEN = 403, {"content-type": "application/json"}, b'{"message":"403 Forbidden"}'
BROKEN = 500, {"content-type": "application/json"}, b'{"message":"500 Internal Server Error"}'

# Streams that are read below a parent: its table, and where its children are.
BELOW = {
    "merge_request_commits": ("merge_requests", "/projects/{}/merge_requests/{}/commits"),
    "pipelines_extended": ("pipelines", "/projects/{}/pipelines/{}"),
    "pipeline_trigger_jobs": ("pipelines", "/projects/{}/pipelines/{}/bridges"),
    "epic_issues": ("epics", "/groups/{}/epics/{}/issues"),
}
SELECTIONS: list[dict[str, list[str]]] = [
    {"groups_list": ["top"]},
    {"groups_list": [], "projects_list": [str(WEB)]},
]


@dataclass
class Struck:
    """What answers for certain addresses; `asked` are those that were asked for."""

    answer: HttpAnswer
    ends: tuple[str, ...]
    asked: list[str] = field(default_factory=list)

    def __call__(self, path: str, _query: str, answer: HttpAnswer) -> HttpAnswer:
        """The answer as it arrives."""
        if not path.endswith(self.ends):
            return answer
        self.asked.append(path)
        return self.answer


def untouched(_path: str, _query: str, answer: HttpAnswer) -> HttpAnswer:
    """An answer as GitLab gave it."""
    return answer


def filled(name: str, **settings: Any) -> tuple[Copy, str]:
    """A copy of a GitLab in which one parent of a stream has children, and where these are."""
    it = copy(**settings)
    table, place = BELOW[name]
    it.later(HOUR)
    it.sync(name)
    row = next(row for row in it.tables[name].values() if row.get("project_id", WEB) == WEB)
    if name == "epic_issues":
        address = place.format(row["group_id"], row["epic_iid"])
    elif table == "merge_requests":
        address = place.format(WEB, row["merge_request_iid"])
    else:
        address = place.format(WEB, row.get("pipeline_id") or row["id"])
    it.tables.clear()
    it.states.clear()
    it.later(HOUR)
    return it, address


def move(it: Copy, address: str) -> None:
    """Touch the merge request whose commits are at `address`."""
    iid = int(address.split("/")[-2])
    rows = it.emulator.world.merge_requests.of_project(WEB)
    it.change("touch", table="merge_requests", id=next(row.id for row in rows if row.iid == iid))


def owed(it: Copy, name: str) -> list[list[Any]]:
    """The parents that a state says are owed."""
    parents: list[list[Any]] = it.states[name].get("owed", {}).get("parents", [])
    return parents


@pytest.mark.parametrize("name", BELOW)
@pytest.mark.parametrize("answer", [NOT_FOUND, BROKEN], ids=["404", "500"])
def test_a_parent_whose_children_did_not_come_once(name: str, answer: HttpAnswer) -> None:
    """They come with the next read, although the parent did not move."""
    it, address = filled(name)
    it.wire.tamper = Struck(answer, (address,))
    report = it.tried(name)
    lost = it.lacks(name)
    assert lost
    assert any(address in one.message for one in [*report.skipped, *report.failed])
    assert bool(report.failed) == (answer is BROKEN)
    assert len(owed(it, name)) == 1
    it.wire.tamper = untouched
    it.later(HOUR)
    it.sync(name)
    assert not it.lacks(name)
    assert not owed(it, name)


@pytest.mark.parametrize("selection", SELECTIONS)
def test_the_state_moves_past_a_parent_that_fails_for_ever(selection: dict[str, Any]) -> None:
    """What lies behind it is not read again; each read tells of it and asks for it."""
    name = "merge_request_commits"
    it, address = filled(name, **selection)
    struck = it.wire.tamper = Struck(BROKEN, (address,))
    whole = len(it.sync("merge_requests")["merge_requests"])
    it.tried(name)
    for _ in range(MOST_REFUSALS + 2):
        it.later(HOUR)
        struck.asked.clear()
        report = it.tried(name)
        assert address in report.failed[0].message
        assert struck.asked
        children = {one.partition("?")[0] for one in it.asked if "/commits?" in one}
        assert len(children) == 1 < whole
    it.later(HOUR)
    it.wire.tamper = untouched
    it.sync(name)
    assert not it.lacks(name, projects=",".join(selection.get("projects_list", [])))
    assert not owed(it, name)


@pytest.mark.parametrize("answer", [NOT_FOUND, FORBIDDEN], ids=["404", "403"])
def test_a_parent_that_is_refused_for_long_is_given_up(answer: HttpAnswer) -> None:
    """It is told so, and not asked for again until it moves; then it is."""
    name = "merge_request_commits"
    it, address = filled(name)
    struck = it.wire.tamper = Struck(answer, (address,))
    for number in range(1, MOST_REFUSALS):
        it.tried(name)
        assert [one[-1] for one in owed(it, name)] == [number]
        it.later(HOUR)
    report = it.tried(name)
    assert not owed(it, name)
    assert not report.failed
    assert any("not asked for until it changes" in one.message for one in report.skipped)
    it.later(HOUR)
    struck.asked.clear()
    report = it.tried(name)
    assert not struck.asked
    assert not report.skipped
    it.wire.tamper = untouched
    move(it, address)
    it.later(HOUR)
    it.sync(name)
    assert not it.lacks(name)


def test_a_parent_that_is_deleted_is_asked_for_once_more() -> None:
    """GitLab says of itself that it is gone, so it is no longer owed."""
    name = "merge_request_commits"
    it, address = filled(name)
    it.wire.tamper = Struck(NOT_FOUND, (address, address.removesuffix("/commits")))
    it.tried(name)
    assert len(owed(it, name)) == 1
    it.later(HOUR)
    it.tried(name)
    assert not owed(it, name)


def test_a_parent_that_fails_and_moves_is_asked_for_once_a_read() -> None:
    name = "merge_request_commits"
    it, address = filled(name)
    it.wire.tamper = Struck(BROKEN, (address,))
    it.tried(name)
    it.wire.tamper = untouched
    move(it, address)
    it.later(HOUR)
    it.sync(name)
    assert len([one for one in it.asked if address.removeprefix("/") in f"{one}"]) == 1
    assert not it.lacks(name)
    assert not owed(it, name)


def test_what_is_owed_survives_kills_and_other_selections() -> None:
    """It is asked for by whoever reads the project next, by itself or as a part of its group."""
    name = "merge_request_commits"
    it, address = filled(name)
    it.wire.tamper = Struck(BROKEN, (address,))
    it.tried(name)
    it.wire.tamper = untouched
    it.later(HOUR)
    it.killed(name, 1)
    it.later(HOUR)
    it.sync(name, groups_list=["open"])
    assert len(owed(it, name)) == 1
    it.later(HOUR)
    it.sync(name, groups_list=[], projects_list=[str(WEB)])
    assert not owed(it, name)
    it.later(HOUR)
    it.sync(name)
    assert not it.lacks(name)


def test_a_project_that_leaves_owes_nothing_and_comes_back_whole() -> None:
    name = "merge_request_commits"
    it, address = filled(name)
    it.wire.tamper = Struck(BROKEN, (address,))
    it.tried(name)
    it.wire.tamper = untouched
    it.change("move_project", id=WEB, group_id=ELSE)
    for _ in range(2):
        it.later(HOUR)
        it.sync(name)
    assert not owed(it, name)
    it.change("move_project", id=WEB, group_id=TOP)
    it.later(HOUR)
    it.sync(name)
    assert not it.lacks(name)


@pytest.mark.parametrize("answer", [NOT_FOUND, FORBIDDEN, BROKEN], ids=["404", "403", "500"])
def test_a_pipeline_whose_jobs_do_not_come(answer: HttpAnswer) -> None:
    """The jobs of all others come, the new ones too; its own when they can."""
    it = copy()
    it.later(HOUR)
    it.sync("jobs")
    pipelines = it.emulator.world.pipelines.of_project(WEB)[:2]
    for one in pipelines:
        (job, *_) = (job for job in it.emulator.world.jobs if job.facts["pipeline_id"] == one.id)
        it.change("retry_job", id=job.id)
    new = it.change("create_pipeline", project_id=WEB, jobs=2)["jobs"]
    it.later(HOUR)
    address = f"/projects/{WEB}/pipelines/{pipelines[0].id}/jobs"
    it.wire.tamper = Struck(answer, (address,))
    report = it.tried("jobs")
    assert any(address in one.message for one in [*report.skipped, *report.failed])
    assert {(number,) for number in new} <= it.tables["jobs"].keys()
    assert len(owed(it, "jobs")) == 1
    it.wire.tamper = untouched
    it.later(HOUR)
    it.sync("jobs")
    assert not it.lacks("jobs")
    assert not owed(it, "jobs")


def test_more_parents_than_a_state_remembers() -> None:
    """It is told, and the state of their slice does not move."""
    name = "merge_request_commits"
    it, address = filled(name)
    full = [[WEB, -number, None, 0] for number in range(1, MOST + 1)]
    columns = ["project_id", "iid", "updated_at"]
    it.sync(name)
    moved = it.states[name]["groups"]["10"]["through"]
    it.states[name]["owed"] = {"columns": columns, "parents": full}
    move(it, address)
    it.later(HOUR)
    it.wire.tamper = Struck(NOT_FOUND, ("/commits",))
    report = it.tried(name)
    assert "1,000 others" in report.failed[0].message
    assert it.states[name]["groups"]["10"]["through"] == moved


def test_many_parents_that_fail_cost_each_read_a_few_requests() -> None:
    """Those that were not asked for are the first of the next read."""
    name = "merge_request_commits"
    it, _ = filled(name)
    it.sync(name)
    rows = [*it.tables[name].values()]
    parents = list({(row["project_id"], row["merge_request_iid"]): None for row in rows})
    entries = [[*parent, None, 0] for parent in parents]
    assert len(entries) > 12
    it.states[name]["owed"] = {
        "columns": ["project_id", "iid", "updated_at"],
        "parents": entries,
    }
    it.later(HOUR)
    struck = it.wire.tamper = Struck(BROKEN, ("/commits",))
    it.tried(name)
    first = set(struck.asked)
    assert len(first) == 6
    assert len(owed(it, name)) == len(entries)
    it.later(HOUR)
    struck.asked.clear()
    it.tried(name)
    # One of them told that it was enough, and stayed where it stood.
    assert len(first & set(struck.asked)) == 1


def test_a_state_names_what_is_owed_only_when_something_is() -> None:
    for name in INCREMENTAL:
        it = copy()
        it.sync(name)
        assert "owed" not in it.states[name]


@pytest.mark.parametrize(
    "raw",
    [
        {"parents": [[1, 2, None, 0]]},
        {"columns": ["project_id", "iid"], "parents": [[1, 2, None, 0]]},
        {"columns": ["project_id", "iid", "updated_at"], "parents": [[1, {}, None, 0]]},
        {"columns": ["project_id", "iid", "updated_at"], "parents": [[1, 2, None, "x"]]},
        {"columns": [], "parents": [[]]},
        [1],
    ],
)
def test_what_no_state_holds_is_refused(raw: Any) -> None:
    with pytest.raises(StateError):
        StreamState.load({"version": 1, "owed": raw})
