"""A plan, its parts, and results: in any order and however often, the states of one process."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from integration_tests.gitlab.mutations import mutate
from integration_tests.support.history_world import OUTSIDE, SUB, WEB, small_world
from integration_tests.support.inprocess import TOKEN, Wire, session
from integration_tests.support.progress import comparable
from source_gitlab.core.state import StreamState
from source_gitlab.engine.plans import (
    Plan,
    PlanError,
    PlannedSlice,
    applied,
    parts,
    planned,
    unread,
)
from source_gitlab.engine.slice_work import read_slices
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from source_gitlab.core.session import Session
    from source_gitlab.engine.plans import Result

HOUR = 3_600


@pytest.fixture
def wire() -> Wire:
    """A small GitLab whose lists have several pages."""
    return Wire(small_world(Random(7), 3))


def opened(wire: Wire) -> AbstractContextManager[Session]:
    """A session with this GitLab."""
    return session(wire, groups_list=["top", "open"], commit_refs="all", num_workers=3)


def through_json(value: Any) -> Any:
    """The same, after a trip."""
    return orjson.loads(orjson.dumps(value))


def plan_of(wire: Wire, states: Any) -> Plan:
    """A plan of all streams, after a trip."""
    loaded = {name: StreamState.load(states.get(name)) for name in streams()}
    with opened(wire) as one:
        plan = Plan.load(through_json(planned(one, loaded).to_json()))
    # Whoever reads later has a later clock.
    wire.emulator.world.clock.advance(2_000_000)
    return plan


def read(wire: Wire, slices: list[PlannedSlice], most: int | None = None) -> Result:
    """Read slices in a session of their own, whose writer fails after so many pages."""
    pages = 0

    def write(_stream: str, _rows: list[Any]) -> None:
        nonlocal pages
        pages += 1
        if pages == most:
            raise OSError(28, "No space left on device")

    with opened(wire) as one:
        found: Result = through_json(read_slices(one, slices, write))
    return found


def alone(wire: Wire, plan: Plan) -> dict[str, Any]:
    """The states of one process that reads the slices of a plan."""
    states = {name: StreamState.load(through_json(raw)) for name, raw in plan.states.items()}
    with opened(wire) as one:
        for entry in plan.slices:
            slice_ = through_json(entry["slice"])
            for _ in one.read(streams()[slice_["stream"]], slice_, states[slice_["stream"]]):
                pass
    return {name: comparable(through_json(one.to_json())) for name, one in states.items()}


def test_results_in_any_order_and_twice_give_the_states_of_one_process(wire: Wire) -> None:
    """Of all streams: a first read, and one with changes, in which some slices are read twice."""
    states: dict[str, Any] = {}
    choices = Random(3)
    for turn in range(2):
        plan = plan_of(wire, states)
        wanted = alone(wire, plan)
        results = [read(wire, part) for part in parts(plan.slices, 2)]
        assert unread(plan, results) == {}
        # A worker that was thought dead sends what it had read by then.
        results.append(shortened(results[0]))
        for _ in range(4):
            choices.shuffle(results)
            found = applied(plan, [*results, *choices.sample(results, 2)])
            assert {name: comparable(one) for name, one in found.items()} == wanted
        states = through_json(found)
        if turn == 0:
            wire.emulator.world.clock.advance(2 * HOUR * 1_000_000)
            for issue in list(wire.emulator.world.issues.of_project(WEB)):
                mutate(wire.emulator, "touch", {"table": "issues", "id": issue.id})
            mutate(wire.emulator, "move_project", {"id": OUTSIDE, "group_id": SUB})
            mutate(wire.emulator, "push_commits", {"project_id": WEB, "count": 4})


def shortened(result: Result) -> Result:
    """A result of a worker that came half as far."""
    found: Result = through_json(result)
    for one in found["slices"]:
        one["progress"] = one["progress"][: len(one["progress"]) // 2]
        one["problem"] = "The worker was stopped."
    return found


def test_what_was_not_read_moves_no_state(wire: Wire) -> None:
    """The states without any result are those of the plan, and each slice is told."""
    plan = plan_of(wire, {})
    assert applied(plan, []) == plan.states
    assert unread(plan, []).keys() == {one["number"] for one in plan.slices}
    part = parts(plan.slices, 2)[0]
    with pytest.raises(OSError, match="No space left"):
        read(wire, part, most=1)
    result = read(wire, part)
    assert unread(plan, [result]).keys() == {one["number"] for one in plan.slices} - {
        one["number"] for one in part
    }


def test_a_plan_is_plain_and_has_no_secret(wire: Wire) -> None:
    """Nor have its results; and both fit together only with their own."""
    plan, other = plan_of(wire, {}), plan_of(wire, {})
    result = read(wire, plan.slices[:20])
    assert TOKEN not in orjson.dumps([plan.to_json(), result]).decode()
    with pytest.raises(PlanError, match="of the plan"):
        applied(other, [result])
    with pytest.raises(PlanError, match="one plan"):
        read(wire, [plan.slices[0], other.slices[0]])
    with pytest.raises(PlanError, match="no plan"):
        Plan.load({"version": 2})
    with pytest.raises(PlanError, match="cannot be read"):
        Plan.load({"version": 1, "slices": []})


@pytest.mark.parametrize(("readers", "threads", "least"), [(4, 5, 5), (4, 1, 1), (10, 5, 2)])
def test_a_part_has_a_slice_for_each_thread(readers: int, threads: int, least: int) -> None:
    """Where there are enough for all readers; twenty projects here."""
    slices = [
        PlannedSlice(plan="p", number=n, slice={"stream": "jobs", "container": "project", "id": n})
        for n in range(20)
    ]
    assert {len(part) for part in parts(slices, readers, threads)} == {least}


@pytest.mark.parametrize("threads", [1, 5])
@pytest.mark.parametrize("readers", [1, 3, 100])
def test_parts_hold_each_slice_once_and_children_with_their_parents(
    wire: Wire, readers: int, threads: int
) -> None:
    """However many read them."""
    plan = plan_of(wire, {})
    found = parts(plan.slices, readers, threads)
    assert sorted(one["number"] for part in found for one in part) == list(range(len(plan.slices)))
    for child, parent in (("issue_notes", "issues"), ("merge_request_notes", "merge_requests")):
        where = {
            name: {
                (one["slice"]["container"], one["slice"]["id"]): number
                for number, part in enumerate(found)
                for one in part
                if one["slice"]["stream"] == name
            }
            for name in (child, parent)
        }
        assert where[child] == where[parent]
