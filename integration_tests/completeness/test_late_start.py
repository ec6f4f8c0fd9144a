"""Rows with old times that come while a start date hides them, and are wanted later.

The names of these tests stand in docs/behaviors.md beside the promises that they hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.completeness.test_completeness_jobs import imported
from integration_tests.completeness.test_late_rows import DAY, LISTS, SCOPES, bring
from integration_tests.gitlab.clock import SECOND, stamp
from integration_tests.gitlab.mutations import mutate
from integration_tests.support.history_world import API, START, WEB
from integration_tests.support.small_copies import HOUR, copy, create

if TYPE_CHECKING:
    from integration_tests.support.copying import Copy

# Days before the world's first moment.
NONE, LONG_AGO, LATER = None, 60, 2


def read(it: Copy, days: int | None, *names: str) -> None:
    """A sync with a start date so many days before the world's first moment, and a day's wait."""
    it.settings["start_date"] = stamp(START - int(days * DAY) * SECOND) if days else None
    it.sync(*names)
    it.later(DAY)


def wanted(it: Copy, scope: str, *names: str) -> list[str]:
    """What the copy lacks, once no start date is set any more."""
    chosen = SCOPES[scope]
    params = {"groups": ",".join(chosen.get("groups_list", ["top"]))}
    params["projects"] = ",".join(chosen.get("projects_list", []))
    return it.lacks(*names, **params)


@pytest.mark.parametrize("scope", list(SCOPES))
@pytest.mark.parametrize("created", [True, False])
@pytest.mark.parametrize(
    "starts",
    [
        (NONE, LATER, NONE),
        (NONE, LATER, NONE, NONE),
        (NONE, LATER, LATER, NONE),
        (NONE, NONE, LATER, LONG_AGO, NONE),
        (NONE, LATER, NONE, LATER, NONE),
        (LONG_AGO, LATER, LONG_AGO, NONE),
        (LATER, LATER, NONE),
        (LATER, NONE, LATER, NONE),
    ],
)
def test_rows_with_old_times_arrive_in_every_order_of_start_dates(
    starts: tuple[int | None, ...], scope: str, *, created: bool
) -> None:
    """An import comes before each of the syncs but the first and the last."""
    it = copy(**SCOPES[scope])
    names = ["issues", "merge_requests", "merge_request_commits"]
    names += ["epics"] if scope == "group" else []
    read(it, starts[0], *names)
    for days in starts[1:-1]:
        for stream in LISTS[: len(names) - 1 if scope == "group" else 2]:
            bring(it, stream, 40, 3, created=created)
            bring(it, stream, 100, 3, created=created)
        read(it, days, *names)
    read(it, starts[-1], *names)
    it.sync(*names)
    assert wanted(it, scope, *names) == []
    it.later(DAY)
    assert it.sync(*names) == {name: [] for name in names}


def test_a_start_date_that_hid_nothing_that_came_is_taken_back_for_nothing() -> None:
    """Rows that it lets through, deleted ones, and old rows that were there before."""
    it = copy()
    create(it, "issues", WEB, START - 30 * DAY * SECOND, 5)
    create(it, "issues", WEB, START - HOUR * SECOND, 5)
    read(it, NONE, "issues")
    made = bring(it, "issues", 1.5, 4, created=False)
    read(it, LATER, "issues")
    assert set(made) <= {number for (number,) in it.tables["issues"]}
    it.change("delete", table="issues", id=made[0])
    read(it, LATER, "issues")
    it.settings["start_date"] = None
    assert it.sync("issues")["issues"] == []
    assert wanted(it, "group", "issues") == []


def test_a_start_date_hides_what_it_hid_until_it_is_taken_back() -> None:
    it = copy()
    read(it, NONE, "issues")
    old = set(bring(it, "issues", 40, 3))
    for _ in range(3):
        read(it, LATER, "issues")
        assert not old & {number for (number,) in it.tables["issues"]}
    it.settings["start_date"] = None
    assert old <= {row["id"] for row in it.sync("issues")["issues"]}


@pytest.mark.parametrize("pages", range(1, 6))
def test_a_read_that_is_killed_while_a_start_date_hides_rows_loses_none(pages: int) -> None:
    it = copy(5)
    read(it, NONE, "issues")
    bring(it, "issues", 40, 6)
    bring(it, "issues", 1.5, 6)
    it.settings["start_date"] = stamp(START - 2 * DAY * SECOND)
    it.killed("issues", pages)
    it.settings["start_date"] = None
    it.killed("issues", pages)
    it.later(DAY)
    it.sync("issues")
    assert wanted(it, "group", "issues") == []


@pytest.mark.parametrize(
    "starts", [(NONE, LATER, NONE), (NONE, LATER, LONG_AGO, NONE), (LONG_AGO, LATER, NONE, NONE)]
)
def test_jobs_with_old_times_arrive_in_every_order_of_start_dates(
    starts: tuple[int | None, ...],
) -> None:
    it = copy()
    read(it, starts[0], "jobs")
    for days in starts[1:-1]:
        imported(it, 40, 3)
        imported(it, 100, 3)
        read(it, days, "jobs")
    read(it, starts[-1], "jobs")
    it.sync("jobs")
    assert wanted(it, "group", "jobs") == []


def test_jobs_of_the_day_before_a_start_date_arrive_when_it_is_taken_back() -> None:
    """What no pipeline tells of is asked for once a day, and only from the start date on."""
    it = copy()
    it.sync("jobs")
    it.later(HOUR)
    columns: dict[str, Any] = {"project_id": API, "source": "unknown", "jobs": 3}
    mutate(it.emulator, "create_pipeline", columns)
    it.later(HOUR)
    it.sync("jobs")
    it.later(DAY)
    it.settings["start_date"] = stamp(it.emulator.world.clock.now() - 12 * HOUR * SECOND)
    it.sync("jobs")
    it.settings["start_date"] = None
    it.later(DAY)
    it.sync("jobs")
    assert wanted(it, "group", "jobs") == []
