"""A state survives whatever carries it: merge patches, text, a trip between plan and read."""

from __future__ import annotations

from itertools import pairwise, permutations
from typing import Any

import orjson
import pytest

from integration_tests.support.merge_patch import apply, diff, nulls, unfit
from integration_tests.support.progress import advance, close
from source_gitlab.core.slices import Page, Slice
from source_gitlab.core.state import MemberAccess, StreamState, id_sets
from source_gitlab.core.state.owed_parents import Owed
from source_gitlab.core.walks.row_counts import Counts, Window

EARLY, LATE = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"


def again(state: StreamState) -> StreamState:
    """The state after a trip through JSON."""
    return StreamState.load(orjson.loads(orjson.dumps(state.to_json())))


def project(number: int) -> Slice:
    return Slice(stream="jobs", container="project", id=number, since=None, start=LATE)


def group(number: int) -> Slice:
    return Slice(stream="issues", container="group", id=number, since=None, start=LATE, deep=True)


def planned() -> StreamState:
    """A state of which a group was planned and nothing of it is read."""
    state = StreamState()
    state.cover(10, {20, 21}, 1, None, MemberAccess("7", {21}))
    return state


def under_way() -> StreamState:
    """A state in which everything that may be unknown is unknown."""
    state = planned()
    advance(state, group(10), Page([], through=EARLY))
    state.cover(10, {20, 21, 22}, 0, None)
    position = {"ref": "", "head": 40 * "a", "old": None, "page": 2}
    advance(state, project(7), Page([], position=position))
    advance(state, project(8), Page([], position={"through": [None, EARLY]}))
    next_page = {"next": {"cursor": "x"}, "since": None, "above": None}
    advance(state, project(9), Page([], position=next_page))
    state.owed.add((7, 1), Owed({"project_id": 7, "iid": 1, "updated_at": None}))
    state.counts["group:10"] = Counts(EARLY, (Window(None, EARLY, 3),))
    return state


def ended() -> StreamState:
    """The same with everything read."""
    state = under_way()
    for number in (7, 8, 9):
        close(state, project(number))
    newcomer = project(22)
    newcomer["group"] = 10
    close(state, newcomer)
    close(state, group(10))
    return state


STATES = [StreamState(), planned(), under_way(), ended()]


@pytest.mark.parametrize("state", STATES)
def test_no_value_of_a_state_is_null(state: StreamState) -> None:
    """In a merge patch null takes a value away."""
    assert nulls(state.to_json()) == []


def test_merge_patches_lead_from_any_state_to_any_other() -> None:
    for old, new in permutations([state.to_json() for state in STATES], 2):
        assert unfit(old, new) == []


def test_a_state_kept_as_a_chain_of_patches_comes_back_as_it_was() -> None:
    kept: Any = {}
    for old, new in pairwise([{}, *(state.to_json() for state in STATES)]):
        kept = apply(orjson.loads(orjson.dumps(diff(old, new))), kept)
        assert StreamState.load(kept).to_json() == new


@pytest.mark.parametrize("state", STATES)
def test_a_state_comes_back_from_json_as_it_was(state: StreamState) -> None:
    loaded = again(state)
    assert loaded.to_json() == state.to_json()
    assert loaded.groups == state.groups
    assert loaded.entering == {n: entering for n, entering in state.entering.items() if entering}


def test_a_project_with_the_number_of_a_group_is_not_taken_for_read() -> None:
    """A first read that is planned here and read elsewhere files the group among the groups."""
    state = again(planned())
    close(state, group(10))
    assert state.projects == {}
    assert state.groups[10].through == LATE
    later = again(state)
    assert later.cover(99, {10, 11}, 0, None) == []
    assert later.group(99).through is None


def test_a_group_that_is_read_on_its_own_is_filed_there_whatever_else_has_its_number() -> None:
    state = again(planned())
    close(state, Slice(stream="group_labels", container="group", id=10, since=None, start=LATE))
    assert state.projects == {10: LATE}
    assert state.groups[10].through is None


def test_a_newcomer_that_planning_found_is_known_after_a_trip() -> None:
    state = again(under_way())
    assert state.entering == {10: {21, 22}}
    assert state.groups[10].entered == 2


def test_what_is_owed_of_a_project_is_not_owed_by_the_group_with_its_number() -> None:
    state = again(planned())
    columns = ["project_id", "iid", "updated_at"]
    for number in (10, 20):
        state.owed.add((number, 1), Owed({"project_id": number, "iid": 1, "updated_at": EARLY}))
    found = state.owed.of(group(10), {20, 21}, columns, 2).rest()
    assert [row["project_id"] for row in found] == [20]
    state.forget(LATE, 20)
    assert [
        row["project_id"] for row in again(state).owed.of(project(10), set(), columns, 2).rest()
    ] == []


def test_parents_of_parents_are_owed_beside_parents() -> None:
    """A stream may be two levels below the rows that changed, and owe on both."""
    state = StreamState()
    request: dict[str, Any] = {"project_id": 7, "iid": 1, "updated_at": None}
    note: dict[str, Any] = {"project_id": 7, "request": 1, "id": 5, "updated_at": EARLY}
    state.owed.add((7, 7, 1), Owed(request))
    state.owed.add((7, 7, 1, 5), Owed(note, 2))
    owed = again(state).owed
    assert owed.of(project(7), set(), list(request), 2).rest() == [request]
    found = owed.of(project(7), set(), list(note), 3)
    assert found.rest() == [note]
    assert found.refusals(note) == 2
    assert again(state).to_json() == state.to_json()


OLD: dict[str, Any] = {
    "version": 1,
    "groups": {
        "10": {"through": EARLY, "projects": id_sets.encode({20}), "others": 0, "listed": None}
    },
    "positions": {
        "project:7": {
            "since": None,
            "start": LATE,
            "ref": "",
            "head": 12 * "a",
            "old": None,
            "page": 2,
        },
        "project:8": {"since": None, "start": LATE, "through": [None, EARLY]},
    },
    "owed": {"columns": ["project_id", "iid", "updated_at"], "parents": [[7, 1, None, 0]]},
}


def test_a_state_with_nulls_is_read_and_written_without() -> None:
    """Older versions wrote them."""
    state = StreamState.load(OLD)
    assert state.groups[10].listed is None
    assert state.positions["project:8"]["through"] == ["", EARLY]
    owed = state.owed.of(project(7), set(), ["project_id", "iid", "updated_at"], 2)
    assert owed.rest() == [{"project_id": 7, "iid": 1, "updated_at": None}]
    assert nulls(state.to_json()) == []
    assert again(state).to_json() == state.to_json()
