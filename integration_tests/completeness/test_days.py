"""Lists that GitLab filters by whole days, counts to 10,001 and shortens after paging."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from integration_tests.gitlab.clock import stamp
from integration_tests.support.copying import Copy
from integration_tests.support.history_world import WEB, small_world

EVENTS = "project_events"
DAY, HOUR = 86_400, 3_600
# Creating a row costs the same whatever its time is.
LONG = 10_400


def copy(**settings: Any) -> Copy:
    """A copy of the events of one project."""
    return Copy(small_world(Random(3), 100), groups_list=[], projects_list=[str(WEB)], **settings)


def add(it: Copy, count: int, *, days_ago: float = 0) -> None:
    """Events of some time ago."""
    moment = it.emulator.world.clock.now() - int(days_ago * DAY * 1_000_000)
    it.change("create", table=EVENTS, project_id=WEB, count=count, created_at=stamp(moment))


def lacks(it: Copy) -> list[str]:
    """What the copy lacks of the project's events."""
    return it.lacks(EVENTS, groups="", projects=str(WEB))


def asked(it: Copy) -> int:
    """How many pages of events the last read asked for."""
    return sum("/events" in one for one in it.asked)


def test_a_list_longer_than_gitlab_shows_is_cut_into_days() -> None:
    """Nothing of it is lost, and a list that is short is asked for once."""
    it = copy()
    for days in range(1, 41):
        add(it, LONG // 40, days_ago=days)
    it.sync(EVENTS)
    assert lacks(it) == []
    assert len(it.tables[EVENTS]) > LONG
    it.later(HOUR)
    add(it, 3)
    it.later(60)
    assert len(it.sync(EVENTS)[EVENTS]) == 3
    # Two days and a part of a third, in whatever zone.
    assert asked(it) <= 3 * LONG // 40 // 100 + 1
    assert lacks(it) == []


def test_more_in_a_day_than_gitlab_counts() -> None:
    """No link leads to the pages behind it, which answer."""
    it = copy()
    add(it, 5, days_ago=4)
    add(it, LONG, days_ago=2)
    report = it.tried(EVENTS)
    assert report.failed == []
    assert lacks(it) == []
    it.later(HOUR)
    assert it.sync(EVENTS)[EVENTS] == []


def test_a_day_behind_whose_counted_pages_nothing_comes_is_told() -> None:
    """Once: no later read could bring what is missing."""
    it = copy()
    it.emulator.world.settings.counted_only = True
    add(it, LONG, days_ago=2)
    report = it.tried(EVENTS)
    assert [entry.path for entry in report.failed] == ["top/web"]
    assert "if that day has more, they are not read" in report.failed[0].message
    it.later(HOUR)
    assert it.tried(EVENTS).failed == []


def test_days_of_a_time_zone_west_of_utc() -> None:
    """GitLab's days are those of the zone that it is set to."""
    it = copy()
    it.emulator.world.settings.zone_hours = -11
    it.sync(EVENTS)
    for _ in range(12):
        add(it, 3)
        it.later(7 * HOUR)
        it.sync(EVENTS)
    assert lacks(it) == []


@pytest.mark.parametrize("hours", [1, 5, 30])
def test_a_day_that_was_read_in_part_is_read_on(hours: int) -> None:
    """The filter leaves out whole days, so the day of the last read is asked for again."""
    it = copy()
    it.sync(EVENTS)
    for _ in range(6):
        add(it, 2)
        it.later(hours * HOUR)
        assert len(it.sync(EVENTS)[EVENTS]) == 2
    assert lacks(it) == []


def test_a_start_date_holds() -> None:
    """What is older is not read."""
    it = copy(start_date="2026-02-27T00:00:00Z")
    add(it, 2, days_ago=3)
    add(it, 3, days_ago=1)
    rows = it.sync(EVENTS)[EVENTS]
    assert rows
    assert all(row["created_at"] >= "2026-02-27" for row in rows)
