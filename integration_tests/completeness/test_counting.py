"""Lists of which GitLab cannot tell, for a while, how many rows they have.

The names of these tests stand in docs/behaviors.md beside the promises that they hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.completeness.test_late_rows import DAY, SCOPES, bring
from integration_tests.gitlab.clock import SECOND
from integration_tests.gitlab.faults import Fault
from integration_tests.support.history_reading import taken
from integration_tests.support.history_world import START, TOP, WEB
from integration_tests.support.inprocess import session
from integration_tests.support.small_copies import HOUR, copy, create
from source_gitlab.core.state import StreamState
from source_gitlab.gitlab.errors import ReadError
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from integration_tests.support.copying import Copy

ODD_ROWS: dict[str, dict[str, Any]] = {
    "an error": {"kind": "broken_row"},
    "no object": {"kind": "replaced_row", "body": None},
    "without a time": {"kind": "absent", "column": "created_at"},
    "with an odd time": {"kind": "raw_text", "column": "created_at", "text": '"yesterday"'},
    "too deep": {"kind": "deep_row", "column": "labels", "size": 2_000},
}
TOTALS = {"x-total": "", "x-total-pages": ""}


def counts(it: Copy) -> Any:
    """What the state says of how many rows the list has."""
    return it.states["issues"]["counts"][f"group:{TOP}"]


def troubled(it: Copy, *faults: Fault) -> list[str]:
    """Read the issues while something is wrong; the sentences that tell of it."""
    it.emulator.faults.rules += faults
    stream, state = streams()["issues"], StreamState.load(it.states.get("issues"))
    with session(it.wire, **it.settings) as opened:
        (slice_,) = opened.plan(stream, state)
        try:
            for page in opened.read(stream, slice_, state):
                it.tables["issues"] |= {(row["id"],): row for row in taken(page)}
        except ReadError:
            assert opened.report.failed
        told = [entry.message for entry in opened.report.failed + opened.report.skipped]
    it.states["issues"] = state.to_json()
    it.emulator.faults.rules.clear()
    return told


@pytest.mark.parametrize("late", [4, 30])
@pytest.mark.parametrize("name", list(ODD_ROWS))
def test_a_row_that_cannot_be_had_does_not_keep_the_others_from_being_counted(
    name: str, late: int
) -> None:
    """GitLab tells the number beside one row of a list, which may be that one."""
    it = copy()
    it.emulator.world.settings.count_limit = 40
    for number in range(30):
        create(it, "issues", WEB, START - (40 + number) * DAY * SECOND)
    it.sync("issues")
    shown = {project.id for project in it.emulator.world.projects_below(TOP)}
    rows = [row for row in it.emulator.world.table("issues") if row.project_id in shown]
    times = [row.created or 0 for row in rows]
    broken = {"id": [row.id for row in rows if (row.created or 0) in {min(times), max(times)}]}
    made = bring(it, "issues", 3, late)
    it.later(DAY)
    known = counts(it)
    told = troubled(it, Fault(row=broken, **ODD_ROWS[name]))
    assert set(made) <= {number for (number,) in it.tables["issues"]}
    if name == "without a time":
        # Which is no reason to leave a row out.
        assert told == []
        return
    assert any("left out" in text for text in told)
    assert counts(it) == known
    it.later(DAY)
    it.sync("issues")
    assert counts(it)["asked"] > known["asked"]
    assert it.lacks("issues") == []


@pytest.mark.parametrize("status", [500, 502, 403])
def test_a_list_that_cannot_be_counted_is_reported_and_counted_by_the_next_read(
    status: int,
) -> None:
    it = copy()
    it.sync("issues")
    made = bring(it, "issues", 30, 4)
    it.later(DAY)
    known = counts(it)
    counting = Fault("status", status=status, path=f"/groups/{TOP}/issues", query={"per_page": "1"})
    told = troubled(it, counting)
    assert len([text for text in told if "could not be counted" in text]) == 1
    assert counts(it) == known
    assert made[0] in {row["id"] for row in it.sync("issues")["issues"]}
    assert it.lacks("issues") == []


def test_a_list_that_could_not_be_counted_at_first_is_read_again_when_it_can() -> None:
    it = copy()
    it.emulator.world.settings.count_limit = 10
    create(it, "issues", WEB, START - DAY * SECOND, 20)
    counting = Fault("status", path=f"/groups/{TOP}/issues", query={"per_page": "1"})
    assert any("could not be counted" in text for text in troubled(it, counting))
    bring(it, "issues", 30, 4)
    it.later(DAY)
    it.sync("issues")
    assert it.lacks("issues") == []
    it.later(DAY)
    assert it.sync("issues")["issues"] == []


@pytest.mark.parametrize("skip", [0, 1, 2])
def test_totals_that_are_missing_for_a_day_hide_no_late_row(skip: int) -> None:
    """A proxy drops them, from the first request of the list on, or a later one."""
    it = copy()
    it.emulator.world.settings.count_limit = 40
    for number in range(60):
        create(it, "issues", WEB, START - (40 + number) * DAY * SECOND)
    it.sync("issues")
    known = counts(it)["windows"]
    bring(it, "issues", 50, 4)
    it.later(DAY)
    assert troubled(it, Fault("no_headers", path="/issues", headers=TOTALS, skip=skip)) == []
    assert counts(it)["windows"] in (known, [])
    bring(it, "issues", 60, 4)
    it.later(DAY)
    it.sync("issues")
    assert it.lacks("issues") == []
    it.later(DAY)
    assert it.sync("issues")["issues"] == []


def test_a_part_that_grew_is_read_also_where_another_became_too_long() -> None:
    it = copy()
    it.emulator.world.settings.count_limit = 40
    for number in range(60):
        create(it, "issues", WEB, START - (40 + number) * DAY * SECOND)
    it.sync("issues")
    assert len(counts(it)["windows"]) > 1
    bring(it, "issues", 95, 50)
    bring(it, "issues", 45, 4)
    it.later(DAY)
    it.sync("issues")
    assert it.lacks("issues") == []


@pytest.mark.parametrize(("before", "after"), [("projects", "group"), ("group", "projects")])
def test_late_rows_arrive_although_the_selection_changed_meanwhile(before: str, after: str) -> None:
    it = copy(**SCOPES[before])
    it.sync("issues")
    it.later(HOUR)
    made = bring(it, "issues", 40, 4)
    it.settings |= {"groups_list": ["top"], "projects_list": []} | SCOPES[after]
    it.later(DAY)
    it.sync("issues")
    assert set(made) <= {number for (number,) in it.tables["issues"]}
    for _ in range(2):
        it.later(DAY)
        last = it.sync("issues")["issues"]
    assert last == []
