"""Rows that are lost to whoever trusts what a list seems to say of its changes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from integration_tests.gitlab.clock import SECOND, stamp
from integration_tests.support.history_world import READER, SUB, TOP, WEB
from integration_tests.support.small_copies import copy, ids
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from integration_tests.support.copying import Copy

DAY = 86_400
EVENTS = 130
LABEL_EVENTS = ("issue_label_events", "merge_request_label_events")


def spend(it: Copy, days_ago: int) -> int:
    """Enter time that was spent some days ago; the number of the entry."""
    (issue, *_) = it.emulator.world.issues.of_project(WEB)
    spent_at = it.emulator.world.clock.now() - days_ago * DAY * SECOND
    facts = {"issue_id": issue.id, "spent_at": spent_at, "time_spent": 900, "user_id": READER}
    (made,) = it.change("create", table="timelogs", project_id=WEB, set=facts)
    return int(made)


def test_time_that_is_entered_late_is_read() -> None:
    """GitLab filters by the day of the work: a reader that goes on from the last one misses it."""
    it = copy()
    today = spend(it, 0)
    assert ids(it.sync("timelogs")["timelogs"]) == [today]
    it.later(DAY)
    late = spend(it, 40)
    assert late in ids(it.sync("timelogs")["timelogs"])
    assert it.lacks("timelogs") == []


def test_an_old_vulnerability_that_is_dismissed_is_read() -> None:
    """It stays behind all that were found later, and no filter tells that it has changed."""
    it = copy()
    for number in range(4):
        facts = {"number": number, "state": "DETECTED", "issue_ids": []}
        it.change("create", table="vulnerabilities", project_id=WEB, set=facts)
        it.later(DAY)
    first, *_, last = ids(it.sync("vulnerabilities")["vulnerabilities"])
    it.later(DAY)
    it.change("update", table="vulnerabilities", id=first, set={"state": "DISMISSED"})
    it.sync("vulnerabilities")
    states = {row["id"]: row["state"] for row in it.tables["vulnerabilities"].values()}
    assert (states[first], states[last]) == ("DISMISSED", "DETECTED")


@pytest.mark.parametrize("name", LABEL_EVENTS)
def test_a_short_page_of_label_events_is_not_the_last_one(name: str) -> None:
    """GitLab takes out what may not be seen when it has cut a page, so any page may be short."""
    it = copy()
    table = str(streams()[name].parent)
    (owner, *_) = it.emulator.world.table(table).of_project(WEB)
    made: list[int] = []
    for _ in range(EVENTS):
        made += it.change("create", table=name, owner_id=owner.id)
    hidden = made[:5]
    for one in hidden:
        it.change("unreadable", table=name, id=one)
    found = ids(it.sync(name)[name])
    pages = [one for one in it.asked if f"{table}/{owner.iid}/resource_label_events" in one]
    assert len(pages) > 1
    assert set(made) - set(found) == set(hidden)
    assert it.lacks(name) == []


def test_each_group_is_asked_for_its_runners() -> None:
    """A group's list has the runners of the groups above it, and none of those below."""
    it = copy()
    (above,) = it.change("create", table="group_runners", owner_id=TOP)
    (below,) = it.change("create", table="group_runners", owner_id=SUB)
    it.sync("group_runners")
    places = {
        one: {g for g, id_ in it.tables["group_runners"] if id_ == one} for one in (above, below)
    }
    assert places == {above: {TOP, SUB}, below: {SUB}}
    assert it.lacks("group_runners") == []


def test_a_span_of_the_audit_log_has_an_end() -> None:
    """GitLab shows 30 days at most, so a request for more would bring the last of them only."""
    it = copy()
    it.change("make_admin", user_id=READER)
    now = it.emulator.world.clock.now()
    old = [stamp(now - days * DAY * SECOND) for days in (400, 200, 61, 60, 30, 1)]
    made = [
        it.change("create", table="instance_audit_events", created_at=one, updated_at=one)[0]
        for one in old
    ]
    found = ids(it.sync("instance_audit_events")["instance_audit_events"])
    assert set(made) <= set(found)
    assert len(found) == len(set(found))
    it.later(45 * DAY)
    (new,) = it.change("create", table="instance_audit_events")
    again = ids(it.sync("instance_audit_events")["instance_audit_events"])
    assert again == [new]
    # An empty one is asked for by number, too.
    spans = {parse_qs(one)["created_after"][0] for one in it.asked if "audit_events" in one}
    assert len(spans) == 2
    assert it.lacks("instance_audit_events") == []


def test_what_happened_where_two_spans_meet_comes_once() -> None:
    """Both bounds are inclusive, so that both spans show it."""
    it, name = copy(), "instance_audit_events"
    it.change("make_admin", user_id=READER)
    it.sync(name)
    where = [parse_qs(one.partition("?")[2]) for one in it.asked if "created_before" in one][-1]
    (meeting,) = where["created_before"]
    (made,) = it.change("create", table=name, created_at=meeting, updated_at=meeting)
    it.states.clear()
    assert ids(it.sync(name)[name]).count(made) == 1
