"""Clocks that are wrong: one answer's, one node's, GitLab's, ours, or that of a state's writer.

The clock of this machine is months ahead of the emulated GitLab's in these tests, but for one. The
names of these tests stand in docs/behaviors.md beside the promises that they hold.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.clock import MINUTE, SECOND
from integration_tests.gitlab.faults import Fault
from integration_tests.support.histories import INCREMENTAL
from integration_tests.support.history_changes import micros
from integration_tests.support.history_world import TOP, WEB
from integration_tests.support.small_copies import copy, create
from source_gitlab.timestamps import plus

if TYPE_CHECKING:
    from integration_tests.support.copying import Copy

STREAMS = ("issues", "merge_requests", "deployments", "pipelines", "jobs", "project_milestones")
AHEAD = (15 * 60, 3_600, 86_400)
TABLES = ("issues", "merge_requests", "deployments", "milestones")


def change(it: Copy, behind: int = 0) -> None:
    """Rows that are made now, by a node whose clock is so many seconds behind."""
    when = it.emulator.world.clock.now() - behind * SECOND
    for table in TABLES:
        create(it, table, WEB, when)
    it.change("create_pipeline", project_id=WEB)


def told(it: Copy, **fault: Any) -> None:
    """Let answers tell another time."""
    it.emulator.faults.rules = [Fault(**fault)]


@pytest.mark.parametrize("number", [1, 2, 3, 5])
@pytest.mark.parametrize("seconds", AHEAD)
def test_one_answer_whose_clock_is_ahead(seconds: int, number: int) -> None:
    it = copy()
    told(it, kind="date", seconds=seconds, nth=[number])
    it.sync(*STREAMS)
    it.later(700)
    change(it)
    it.later(seconds + 700)
    it.sync(*STREAMS)
    assert it.lacks(*STREAMS) == []


@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_one_answer_whose_clock_is_years_behind_brings_nothing_again(number: int) -> None:
    it = copy()
    it.sync("issues")
    it.later(3_600)
    told(it, kind="date", seconds=-1_500_000_000, nth=[number])
    change(it)
    it.later(600)
    assert it.sync("issues")["issues"]
    it.later(3_600)
    change(it)
    assert len(it.sync("issues")["issues"]) == 1


@pytest.mark.parametrize("every", [2, 3])
def test_a_node_whose_clock_is_behind(every: int) -> None:
    """What it writes shows an earlier time than what the others do."""
    it = copy()
    told(it, kind="date", seconds=-30 * 60, every=every)
    it.sync(*STREAMS)
    it.later(60)
    change(it, behind=30 * 60)
    it.later(600)
    it.sync(*STREAMS)
    assert it.lacks(*STREAMS) == []


def test_answers_without_a_time() -> None:
    """The newest row tells how far a read has come; this machine's clock is months ahead."""
    it = copy()
    told(it, kind="no_date")
    change(it)
    it.sync(*STREAMS)
    for _ in range(3):
        it.later(700)
        change(it)
        it.later(700)
        it.sync(*STREAMS)
        assert it.lacks(*STREAMS) == []


def test_a_read_without_a_time_behind_one_with_it(caplog: pytest.LogCaptureFixture) -> None:
    """A proxy drops the header now and then; no clock is wrong."""
    it = copy()
    clock = it.emulator.world.clock
    clock.advance(int(time.time() * SECOND) - clock.now())
    it.sync(*STREAMS)
    told(it, kind="no_date")
    change(it)
    it.sync(*STREAMS)
    assert it.lacks(*STREAMS) == []
    assert "in the future" not in caplog.text


@pytest.mark.parametrize("seconds", AHEAD)
def test_the_clock_of_gitlab_was_ahead_and_is_set_back(
    seconds: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Rows of the time in between show a time that is still to come."""
    it = copy()
    clock = it.emulator.world.clock
    clock.advance(seconds * SECOND)
    change(it)
    it.sync(*STREAMS)
    clock.advance(-seconds * SECOND)
    it.later(60)
    change(it)
    it.later(60)
    it.sync(*STREAMS)
    assert it.lacks(*STREAMS) == []
    assert "in the future" in caplog.text
    it.later(2 * seconds)
    change(it)
    it.sync(*STREAMS)
    assert it.lacks(*STREAMS) == []


def put_off(state: Any, seconds: int) -> Any:
    """A state as a clock that was ahead would have written it."""
    if isinstance(state, dict):
        return {
            key: plus(value, seconds=seconds)
            if key in {"through", "listed", "changed"} and isinstance(value, str)
            else put_off(value, seconds)
            for key, value in state.items()
        }
    return state


@pytest.mark.parametrize("seconds", [*AHEAD, 20 * 86_400])
def test_a_state_from_the_future(seconds: int, caplog: pytest.LogCaptureFixture) -> None:
    """An earlier version believed each clock, and such states are kept."""
    it = copy()
    names = tuple(name for name in INCREMENTAL if name != "epic_issues")
    it.later(7_200)
    it.sync(*names)
    it.states = {name: put_off(state, seconds) for name, state in it.states.items()}
    it.later(300)
    change(it)
    it.change("push_commits", project_id=WEB, branch="main", count=2)
    it.change("create", table="releases", project_id=WEB)
    it.change("create", table="labels", project_id=WEB)
    it.change("create", table="epics", group_id=TOP)
    it.later(400)
    it.sync(*names)
    assert it.lacks(*names) == []
    assert caplog.text.count("The state of issues lies") == 1
    now = micros(it.emulator.world.clock.now() + MINUTE)
    throughs = [
        group["through"]
        for name in ("issues", "merge_requests", "epics")
        for group in it.states[name]["groups"].values()
    ]
    assert all(through <= now for through in throughs)
    caplog.clear()
    it.later(3_600)
    assert it.sync("issues", "merge_requests") == {"issues": [], "merge_requests": []}
    assert "in the future" not in caplog.text
