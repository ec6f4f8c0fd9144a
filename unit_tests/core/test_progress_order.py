"""Progress of several slices gives one state, in whatever order it is applied, and how often."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import orjson

from source_gitlab.core.state import StreamState, id_sets
from source_gitlab.core.state.origin import Origin
from source_gitlab.core.walks.row_counts import Counts, Window

EARLY, LATE = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"

Progress = dict[str, Any]
LIST: Progress = {"container": "group", "id": 10, "deep": True}


def count(rows: int) -> Counts:
    """The counts of a list in one window."""
    return Counts(EARLY, (Window(None, EARLY, rows),))


def planned() -> StreamState:
    """A group that was read, into which 22 and 23 came since, and two projects beside it."""
    state = StreamState()
    state.origin = Origin("https://gitlab.test", "2020-01-01T00:00:00.000Z")
    state.cover(10, {20, 21}, 0, EARLY)
    state.groups[10].through = EARLY
    state.cover(10, {20, 21, 22, 23}, 0, EARLY)
    state.projects |= {7: EARLY, 8: EARLY}
    state.counts["group:10"] = count(5)
    return state


def newcomer(number: int, rows: int) -> list[Progress]:
    """A member of the group that is read on its own."""
    place = {"container": "project", "id": number, "group": 10}
    return [
        {"slice": place, "through": EARLY, "seen": {f"{number:012}": LATE}},
        {"slice": place, "closed": LATE, "joined": [rows]},
    ]


def project(number: int) -> list[Progress]:
    """A project that is read on its own, a part of it after another."""
    place = {"container": "project", "id": number}
    owed = {"columns": ["project_id", "iid"], "named": 2, "parents": [[number, 1, 0]]}
    return [
        {"slice": place, "position": {"start": LATE, "through": [EARLY]}, "owed": owed},
        {"slice": place, "position": {}, "settled": [[number, number, 1]], "from": EARLY},
        {"slice": place, "heads": {"": 12 * "a"}, "top": number, "closed": LATE},
    ]


GROUP: list[Progress] = [
    {"slice": LIST, "counts": count(9).to_json(), "denied": [20]},
    {"slice": LIST, "through": EARLY, "members": {"left": id_sets.encode({21}), "others": 1}},
    {"slice": LIST, "closed": LATE},
]
SLICES: list[list[Progress]] = [GROUP, newcomer(22, 3), newcomer(23, 4), project(7), project(8)]


def applied(slices: list[list[Progress]], *, carried: bool, times: int = 1) -> Any:
    """The state after all this progress; `carried` through JSON after each."""
    state = planned()
    for one in slices:
        for progress in one:
            for _ in range(times):
                state.apply(orjson.loads(orjson.dumps(progress)))
            if carried:
                state = StreamState.load(orjson.loads(orjson.dumps(state.to_json())))
    return state.to_json()


def test_slices_may_be_applied_in_any_order() -> None:
    wanted = applied(SLICES, carried=False)
    for order in permutations(SLICES):
        assert applied(list(order), carried=False) == wanted


def test_slices_may_be_applied_in_turns() -> None:
    wanted = applied(SLICES, carried=False)
    turns = [[one[step]] for step in range(3) for one in reversed(SLICES) if step < len(one)]
    assert applied(turns, carried=False) == wanted


def test_progress_may_come_twice() -> None:
    assert applied(SLICES, carried=False, times=2) == applied(SLICES, carried=False)


def test_the_state_may_be_written_and_read_between_any_two() -> None:
    assert applied(SLICES, carried=True) == applied(SLICES, carried=False)


def test_what_newcomers_add_to_counts_counts_at_the_next_plan() -> None:
    """The list of the group was counted without them, before or after they were read."""
    for order in (SLICES, SLICES[::-1]):
        state = StreamState.load(applied(order, carried=True))
        assert state.counts["group:10"].rows == 9
        state.forget(LATE, 20)
        assert state.counts["group:10"].rows == 9 + 3 + 4
        assert "joined" not in state.to_json()


def test_what_was_read_is_covered() -> None:
    state = StreamState.load(applied(SLICES, carried=True))
    assert state.groups[10].projects == {22, 23}
    assert state.groups[10].through == LATE
    assert state.projects == {7: LATE, 8: LATE}
    assert state.positions == {}
    assert len(state.owed) == 0
    assert state.origin is not None
    assert state.origin.start_date == EARLY
