"""What is below issues, merge requests and epics: where it is, what tells that it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.plain.tables import all_rows
from integration_tests.support.history_world import START, TOP, WEB
from integration_tests.support.reading import config_for, missing, read
from integration_tests.support.small_copies import copy, create
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

ACME = 10
# The iid of the first epic of the group; no epic has this id yet.
FIRST = 1
DAY = 86_400


def with_crossed_numbers(gitlab: Emulator) -> None:
    """Let a group have an epic whose id is the iid of another one."""
    gitlab.mutate("create", table="epics", group_id=ACME, id=FIRST)
    for number in (FIRST, 401):
        gitlab.mutate("create", table="epic_notes", owner_id=number, set={"body": f"of {number}"})
    rows = {row["id"]: row["iid"] for row in gitlab.get(f"groups/{ACME}/epics").json()}
    assert rows[401] == FIRST
    assert rows[FIRST] != FIRST


@pytest.mark.parametrize("name", ["epic_links", "epic_award_emoji"])
def test_below_an_epic_its_iid_is_asked_for(changing_gitlab: Emulator, name: str) -> None:
    """An id would bring the rows of another epic, or none."""
    with_crossed_numbers(changing_gitlab)
    asked_by_id = changing_gitlab.get(
        f"groups/{ACME}/epics/401/{streams()[name].path.split('/')[-1]}"
    )
    assert asked_by_id.status_code == 404
    reading = read(config_for(changing_gitlab), [name])
    assert reading.rows[name]
    assert missing(changing_gitlab, reading, name) == []
    assert {FIRST, 401} <= {row["epic_id"] for row in reading.rows[name]}


BY_ID = ["epic_notes", "epic_discussions", "epic_label_events", "epic_state_events"]


@pytest.mark.parametrize("name", BY_ID)
def test_notes_and_events_of_an_epic_are_asked_for_by_its_id(
    changing_gitlab: Emulator, name: str
) -> None:
    """An iid would bring those of another epic, or none."""
    with_crossed_numbers(changing_gitlab)
    list_ = streams()[name].path.rpartition("/")[2]
    by_iid = changing_gitlab.get(f"groups/{ACME}/epics/2/{list_}")
    crossed = changing_gitlab.get(f"groups/{ACME}/epics/{FIRST}/{list_}")
    assert (by_iid.status_code, crossed.status_code) == (404, 200)
    reading = read(config_for(changing_gitlab), [name])
    assert missing(changing_gitlab, reading, name) == []
    assert {FIRST, 401} <= {row["epic_id"] for row in reading.rows[name]}
    if name == "epic_notes":
        told = {row["body"]: row["epic_id"] for row in reading.rows[name]}
        assert told["of 401"] == 401
        assert told[f"of {FIRST}"] == FIRST


@pytest.mark.parametrize(
    "name", ["issue_label_events", "merge_request_label_events", "issue_notes"]
)
@pytest.mark.parametrize("hidden", [(0,), (0, 1), (1,)])
def test_pages_without_a_row_are_not_the_end(name: str, hidden: tuple[int, ...]) -> None:
    """GitLab cuts a page first, and then leaves out what may not be seen."""
    it = copy(most_per_page=1)
    table = "issues" if name.startswith("issue") else "merge_requests"
    (number,) = create(it, table, WEB, START)
    made = [it.change("create", table=name, owner_id=number)[0] for _ in range(3)]
    for place in hidden:
        it.change("unreadable", table=name, id=made[place])
    it.sync(name)
    assert it.lacks(name) == []
    assert {key[0] for key in it.tables[name]} >= {made[2]}


REACTIONS = {
    "issue_award_emoji": "issues",
    "merge_request_award_emoji": "merge_requests",
    "epic_award_emoji": "epics",
    "merge_request_note_award_emoji": "merge_request_notes",
    "merge_request_reviewers": "merge_requests",
}


@pytest.mark.parametrize("name", REACTIONS)
def test_what_moves_nothing_is_found_within_a_week(name: str) -> None:
    """A reaction to an old thing, or what somebody thinks of it by now."""
    it = copy(seed=8)
    owner = next(
        row
        for row in all_rows(it.emulator.world, REACTIONS[name])
        if row.project_id == WEB or row.group_id == TOP
    )
    it.later(DAY)
    it.sync(name)
    it.later(DAY)
    it.change("create", table=name, owner_id=owner.id)
    assert it.lacks(name) != []
    it.later(7 * DAY)
    it.sync(name)
    assert it.lacks(name) == []


def test_an_issue_of_another_tracker_is_left_out(changing_gitlab: Emulator) -> None:
    """It has a name where others have their number; each read says so."""
    name = "merge_request_closes_issues"
    before = read(config_for(changing_gitlab), [name]).rows[name]
    entry = changing_gitlab.world(streams=name)[name][0]
    number = entry["parent"]["merge_request_id"]
    change = {"id": "ACME-1", "iid": None}
    changing_gitlab.mutate("update", table=name, id=10 * number + 1, set=change)
    reading = read(config_for(changing_gitlab), [name])
    assert len(reading.rows[name]) == len(before) - 1
    assert number not in {row["merge_request_id"] for row in reading.rows[name]}
    assert any("'ACME-1'" in error for error in reading.errors)
