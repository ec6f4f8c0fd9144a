"""The state of a stream: what it claims, how large it is, and what it accepts."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_gitlab.reading.slices import Page, Slice
from source_gitlab.reading.state import Group, StateError, StreamState

EARLY, LATE = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"


def project(number: int, start: str = LATE) -> Slice:
    return Slice(stream="jobs", scope="project", id=number, since=None, start=start)


def group(number: int, start: str = LATE) -> Slice:
    return Slice(stream="issues", scope="group", id=number, since=None, start=start)


def again(state: StreamState) -> StreamState:
    """The state after a trip through JSON."""
    return StreamState.load(orjson.loads(orjson.dumps(state.to_json())))


def test_what_is_closed_is_read_through_the_start_of_the_read() -> None:
    state = StreamState()
    state.close(project(7))
    state.close(project(8, EARLY))
    assert again(state).projects == {7: LATE, 8: EARLY}


def test_a_slice_under_way_is_read_through_its_last_page() -> None:
    state = StreamState()
    state.groups[1] = Group(projects={5, 6}, listed=EARLY)
    state.advance(group(1), Page([{"id": 1}], through=EARLY))
    assert again(state).groups[1] == Group(EARLY, {5, 6}, 0, EARLY)


def test_a_group_of_which_nothing_is_read_is_not_in_the_state() -> None:
    state = StreamState()
    state.groups[1] = Group(projects={5, 6}, listed=EARLY)
    assert again(state).groups == {}


def test_a_project_that_entered_counts_only_once_it_is_read_in_full() -> None:
    state = StreamState()
    state.groups[1] = Group(EARLY, {5}, 0, EARLY)
    newcomer = project(9)
    newcomer["group"] = 1
    state.advance(newcomer, Page([{"id": 1}], through=EARLY))
    assert again(state).groups[1].projects == {5}
    state.close(newcomer)
    assert again(state).groups[1].projects == {5, 9}
    assert again(state).projects == {}


def test_a_project_that_is_denied_is_no_longer_covered() -> None:
    state = StreamState()
    state.groups[1] = Group(EARLY, {5, 6}, 0, EARLY)
    state.advance(group(1), Page([], denied=frozenset({6})))
    assert again(state).groups[1].projects == {5}


def test_a_position_is_kept_until_its_slice_is_closed() -> None:
    state = StreamState()
    state.advance(project(7), Page([], position={"next": {"cursor": "abc"}}))
    kept = again(state).positions["project:7"]
    assert kept == {"next": {"cursor": "abc"}, "since": None, "start": LATE}
    state.close(project(7))
    assert "positions" not in state.to_json()


def test_an_empty_position_is_forgotten() -> None:
    state = StreamState()
    state.advance(project(7), Page([], position={"next": {"cursor": "abc"}}))
    state.advance(project(7), Page([], through=LATE, position={}))
    assert again(state).positions == {}
    assert again(state).projects == {7: LATE}


def test_heads_are_kept_by_ref_and_dropped_with_it() -> None:
    state = StreamState()
    state.advance(project(7), Page([], heads={"": "aaa", "old": "bbb"}))
    state.advance(project(7), Page([], heads={"old": None, "new": "ccc"}))
    assert again(state).heads == {7: {"": "aaa", "new": "ccc"}}


def test_ten_thousand_scattered_projects_fit_in_fifty_kilobytes() -> None:
    state = StreamState()
    for number in random.Random(1).sample(range(80_000_000), 10_000):
        state.close(project(number))
    assert len(orjson.dumps(state.to_json())) < 50_000


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 10**9)), max_size=300))
def test_many_instants_never_claim_more_than_was_read(reads: list[tuple[int, int]]) -> None:
    state = StreamState()
    for number, second in reads:
        start = f"2026-01-01T00:{second % 3600 // 60:02d}:{second % 60:02d}.000Z"
        state.close(project(number, start))
    loaded = again(state)
    assert loaded.projects.keys() == state.projects.keys()
    assert all(loaded.projects[n] <= through for n, through in state.projects.items())
    assert len(loaded.to_json().get("earlier", [])) < 64


def airbyte(*cursors: tuple[dict[str, Any], str]) -> dict[str, Any]:
    return {
        "use_global_cursor": False,
        "states": [
            {"partition": partition, "cursor": {"updated_at": cursor}}
            for partition, cursor in cursors
        ],
        "state": {"updated_at": "2030-01-01T00:00:00Z"},
        "lookback_window": 1,
        "parent_state": {},
    }


def test_cursors_of_airbytes_connector_are_taken_over_by_project() -> None:
    raw = airbyte(
        ({"id": 11, "parent_slice": {"id": "a%2Fp"}}, "2026-01-01T00:00:00Z"),
        ({"id": 12, "parent_slice": {"id": "a%2Fq"}}, "2026-02-01T01:00:00+01:00"),
    )
    assert StreamState.load(raw).projects == {11: EARLY, 12: LATE}


def test_of_two_cursors_for_a_project_the_earlier_counts_and_one_alone_does_not() -> None:
    raw = airbyte(
        ({"id": 11, "pipeline_source": "default"}, "2026-02-01T00:00:00Z"),
        ({"id": 11, "pipeline_source": "parent_pipeline"}, "2026-01-01T00:00:00Z"),
        ({"id": 12, "pipeline_source": "default"}, "2026-02-01T00:00:00Z"),
    )
    assert StreamState.load(raw).projects == {11: EARLY}


@pytest.mark.parametrize(
    "raw",
    [
        {},
        None,
        {"__ab_no_cursor_state_message": True},
        {"updated_at": "2026-01-01T00:00:00Z"},
        {"use_global_cursor": True, "state": {"updated_at": "2026-01-01T00:00:00Z"}},
    ],
)
def test_a_state_that_does_not_say_which_projects_it_covers_covers_none(raw: Any) -> None:
    assert StreamState.load(raw).to_json() == {"version": 1}


@pytest.mark.parametrize(
    "raw",
    [
        {"bookmarks": {}},
        {"version": 2},
        {"version": 1, "projects": "nonsense", "through": LATE},
        {"version": 1, "projects": "eJw="},
        {"version": 1, "groups": {"x": {}}},
        {"version": 1, "groups": []},
        {"states": [{"partition": {}}], "use_global_cursor": False},
        {"states": [{"partition": {"id": 1}, "cursor": {"updated_at": "yesterday"}}]},
    ],
)
def test_a_state_that_is_not_ours_is_refused(raw: Any) -> None:
    with pytest.raises(StateError):
        StreamState.load(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
PARTS = st.sampled_from(
    ["through", "projects", "earlier", "groups", "positions", "heads", "recent", "states", "state"]
)


@given(raw=st.dictionaries(PARTS, JSON), ours=st.booleans())
def test_any_json_is_a_state_or_refused(*, raw: dict[str, Any], ours: bool) -> None:
    try:
        state = StreamState.load({**raw, "version": 1} if ours else raw)
    except StateError:
        return
    assert again(state).to_json() == state.to_json()
