"""Rows that GitLab has no more: the Flow capture ends their documents, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.expected import expected_rows
from integration_tests.gitlab.faults import Fault
from integration_tests.gitlab.launch import Emulator
from integration_tests.interfaces.test_flow import config_of, expected, keys
from integration_tests.support.flow_capture import FlowCapture
from integration_tests.support.flow_process import discover, fresh, read_once
from integration_tests.support.history_world import API, WEB
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.support.flow_runtime import Collection

DAY = 86_400
WHOLE = ("environments", "freeze_periods", "registry_repositories", "pipeline_triggers")
NOTES = "merge_request_notes"


@pytest.fixture(scope="module")
def lab() -> Iterator[Emulator]:
    """An emulated GitLab that these tests change."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def changing(lab: Emulator) -> Iterator[Emulator]:
    """The same, as it was at first, with a time of its own."""
    lab.reset()
    lab.in_its_own_time()
    yield lab
    lab.faults([])


@pytest.fixture(scope="module")
def collections(lab: Emulator) -> dict[str, Collection]:
    """What discovery gives."""
    return discover(config_of(lab))


def remove(gitlab: Emulator, stream: str, number: int = 0) -> dict[str, Any]:
    """Take a row of a stream away; what it was."""
    entry = gitlab.world(streams=stream, groups="acme")[stream][number]
    row = {**entry["row"], **entry["parent"]}
    gitlab.mutate("delete", table=stream, id=row["id"])
    return row


def counted(it: FlowCapture, name: str) -> set[tuple[Any, ...]]:
    """The keys of the rows that the small world has of a stream."""
    world = expected_rows(it.emulator, {"streams": name, "groups": "top"})
    rows = [{**one["row"], **one["parent"]} for one in world[name]]
    return {tuple(row[column] for column in streams()[name].key) for row in rows}


@pytest.mark.parametrize("name", WHOLE)
def test_rows_of_whole_lists_leave(name: str) -> None:
    """Once everything was read again, which it is each day, or each week."""
    it = FlowCapture(7, [name])
    for _ in range(2):
        it.change("create", table=name, project_id=API)
    it.capture()
    before = counted(it, name)
    assert keys(it.runtime)[name] == before
    first = it.runtime.documents
    it.change("delete", table=name, id=max(before)[-1])
    it.later(8 * DAY)
    it.capture()
    assert it.runtime.deletions == it.runtime.documents - first == 1
    assert keys(it.runtime)[name] == counted(it, name) < before


def test_what_is_refused_or_fails_stays() -> None:
    """A list that cannot be read tells nothing of its rows, and those of others leave."""
    it = FlowCapture(7, ["environments"])
    it.capture()
    before = counted(it, "environments")
    assert len(before) > 1
    for (number,) in before:
        it.change("delete", table="environments", id=number)
    rules = it.emulator.faults.rules
    for status in (403, 500):
        rules[:] = [Fault("status", status=status, path=f"/projects/{WEB}/environments$")]
        it.later(2 * DAY)
        it.capture()
        held = it.runtime.tables()["environments"]
        assert {row["project_id"] for row in held.values()} == {WEB}
    rules.clear()
    it.later(2 * DAY)
    it.capture()
    assert keys(it.runtime)["environments"] == set()


def test_children_leave_with_a_change_of_their_parent(
    changing: Emulator, collections: dict[str, Collection]
) -> None:
    """Also the last one; those of other parents stay, and what has not changed does not come."""
    runtime = fresh(collections, [NOTES])
    read_once(runtime, config_of(changing))
    changing.clock(advance=600)
    gone = remove(changing, NOTES)
    mine = [
        one["row"]["id"]
        for one in changing.world(streams=NOTES, groups="acme")[NOTES]
        if one["parent"]["merge_request_id"] == gone["merge_request_id"]
    ]
    for note in mine:
        changing.mutate("delete", table=NOTES, id=note)
    parent = gone["merge_request_id"]
    changing.mutate("update", table="merge_requests", id=parent, set={"title": "Other"})
    before = runtime.documents
    read_once(runtime, config_of(changing))
    assert runtime.documents - before == runtime.deletions == 1 + len(mine) > 1
    assert keys(runtime) == expected(changing, NOTES)


def test_children_that_are_refused_stay(
    changing: Emulator, collections: dict[str, Collection]
) -> None:
    """Whatever their parent does."""
    runtime = fresh(collections, [NOTES])
    read_once(runtime, config_of(changing))
    changing.clock(advance=600)
    before, gone = keys(runtime), remove(changing, NOTES)
    parent = gone["merge_request_id"]
    changing.mutate("update", table="merge_requests", id=parent, set={"title": "Other"})
    changing.faults([{"kind": "status", "status": 403, "path": "/notes$"}])
    read_once(runtime, config_of(changing))
    assert keys(runtime) == before
    assert runtime.deletions == 0


def test_what_comes_back_as_it_was_is_written_again() -> None:
    """Killed at any message of the read that found it gone, it is there in the end."""
    kills = 0
    for kill in range(1, 100):
        it = FlowCapture(7, ("branches", "project_labels", "issues"))
        it.change("create_branch", project_id=WEB, branch="again")
        it.capture()
        whole = it.runtime.tables()["branches"].keys()
        it.change("delete_branch", project_id=WEB, branch="again")
        it.later(DAY)
        it.capture(kill=kill)
        kills += it.was_killed
        is_whole = not it.was_killed
        it.change("create_branch", project_id=WEB, branch="again")
        it.later(DAY)
        it.capture()
        assert it.runtime.tables()["branches"].keys() == whole
        if is_whole:
            break
    assert 3 < kills < 90


def test_a_ledger_without_room_loses_nothing() -> None:
    """Rows that it cannot hold come with each read of everything, and stay when they are gone."""
    it = FlowCapture(7, ("branches", "tags", "environments"), room=100)
    it.capture()
    first = it.runtime.documents
    it.later(DAY)
    it.capture()
    assert first < it.runtime.documents < 2 * first
    assert it.runtime.deletions == 0
