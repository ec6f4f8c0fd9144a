"""The state of a stream: what it claims, how large it is, and what it accepts."""

from __future__ import annotations

import base64
import hashlib
import random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_tests.support.progress import advance, close
from source_gitlab.core.slices import Page, Slice
from source_gitlab.core.state import GroupState, StateError, StreamState, id_sets
from source_gitlab.core.state.branch_heads import abbreviated

EARLY, LATE = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"


def project(number: int, start: str = LATE) -> Slice:
    return Slice(stream="jobs", container="project", id=number, since=None, start=start)


def group(number: int, start: str = LATE) -> Slice:
    return Slice(stream="issues", container="group", id=number, since=None, start=start, deep=True)


def again(state: StreamState) -> StreamState:
    """The state after a trip through JSON."""
    return StreamState.load(orjson.loads(orjson.dumps(state.to_json())))


def size(state: StreamState) -> int:
    """The bytes of the state as JSON."""
    return len(orjson.dumps(state.to_json()))


def sha(*parts: object) -> str:
    """A commit's id."""
    return hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()


def reach(state: StreamState, number: int, **heads: str | None) -> None:
    """Reach heads by branch; `_` stands for the default branch."""
    page = Page([], heads={ref.strip("_"): one and abbreviated(one) for ref, one in heads.items()})
    advance(state, project(number), page)


def test_what_is_closed_is_read_through_the_start_of_the_read() -> None:
    state = StreamState()
    close(state, project(7))
    close(state, project(8, EARLY))
    assert again(state).projects == {7: LATE, 8: EARLY}


def test_a_slice_under_way_is_read_through_its_last_page() -> None:
    state = StreamState()
    state.groups[1] = GroupState(projects={5, 6}, listed=EARLY)
    advance(state, group(1), Page([{"id": 1}], through=EARLY))
    assert again(state).groups[1] == GroupState(EARLY, {5, 6}, 0, EARLY)


def test_a_group_of_which_nothing_is_read_keeps_what_planning_found() -> None:
    state = StreamState()
    state.groups[1] = GroupState(projects={5, 6}, listed=EARLY)
    assert again(state).groups == {1: GroupState(projects={5, 6}, listed=EARLY)}


def test_a_project_that_entered_counts_only_once_it_is_read_in_full() -> None:
    state = StreamState()
    state.groups[1] = GroupState(EARLY, {5}, 0, EARLY)
    newcomer = project(9)
    newcomer["group"] = 1
    advance(state, newcomer, Page([{"id": 1}], through=EARLY))
    assert again(state).groups[1].projects == {5}
    close(state, newcomer)
    assert again(state).groups[1].projects == {5, 9}
    assert again(state).projects == {}


def test_a_project_that_is_denied_is_no_longer_covered() -> None:
    state = StreamState()
    state.groups[1] = GroupState(EARLY, {5, 6}, 0, EARLY)
    advance(state, group(1), Page([], denied=frozenset({6})))
    assert again(state).groups[1].projects == {5}


def test_a_position_is_kept_until_its_slice_is_closed() -> None:
    state = StreamState()
    advance(state, project(7), Page([], position={"next": {"cursor": "abc"}}))
    kept = again(state).positions["project:7"]
    assert kept == {"next": {"cursor": "abc"}, "start": LATE}
    close(state, project(7))
    assert "positions" not in state.to_json()


def test_an_empty_position_is_forgotten() -> None:
    state = StreamState()
    advance(state, project(7), Page([], position={"next": {"cursor": "abc"}}))
    advance(state, project(7), Page([], through=LATE, position={}))
    assert again(state).positions == {}
    assert again(state).projects == {7: LATE}


def test_heads_are_kept_by_ref_and_dropped_with_it() -> None:
    state = StreamState()
    reach(state, 7, _=sha(1), old=sha(2))
    reach(state, 7, old=None, new=sha(3))
    assert again(state).heads.of(7) == {"": sha(1)[:12], "new": sha(3)[:12]}
    reach(state, 7, _=None, new=None)
    assert again(state).heads.of(7) == {}
    assert "heads" not in state.to_json()


@given(
    heads=st.dictionaries(
        st.integers(1, 30),
        st.dictionaries(st.sampled_from(["", "main", "a/b", "\N{SNOWMAN}"]), st.integers(0, 9)),
    ),
    closed=st.sets(st.integers(1, 30)),
    late_rows=st.sets(st.integers(1, 30)),
)
def test_heads_come_back_as_they_were_whatever_is_closed(
    heads: dict[int, dict[str, int]], closed: set[int], late_rows: set[int]
) -> None:
    state = StreamState()
    for number, refs in heads.items():
        reached: dict[str, str | None] = {ref: sha(number, one)[:12] for ref, one in refs.items()}
        advance(state, project(number), Page([], heads=reached))
    for number in closed | late_rows:
        close(state, project(number, LATE if number in late_rows else EARLY))
    loaded = again(state)
    for number in range(1, 31):
        wanted = {ref: sha(number, one)[:12] for ref, one in heads.get(number, {}).items()}
        assert loaded.heads.of(number) == wanted
    assert loaded.to_json() == state.to_json()


def test_heads_of_sha_256_are_abbreviated_alike() -> None:
    state = StreamState()
    reach(state, 7, _="ab" * 32, main="cd" * 32)
    close(state, project(7))
    assert again(state).heads.of(7) == {"": "ab" * 6, "main": "cd" * 6}


def test_the_heads_of_an_older_state_are_taken_over() -> None:
    projects = {"through": LATE, "projects": id_sets.encode({7, 8})}
    heads = {"7": {"": sha(1), "main": "ef" * 32}, "9": {"": sha(2)}}
    state = StreamState.load({"version": 1, **projects, "heads": heads})
    assert state.heads.of(7) == {"": sha(1)[:12], "main": "ef" * 6}
    assert state.heads.of(8) == {}
    assert state.heads.of(9) == {"": sha(2)[:12]}
    assert again(state).to_json() == state.to_json()


SCATTERED = random.Random(1).sample(range(80_000_000), 10_000)


@pytest.mark.parametrize("instants", [[LATE], [EARLY, LATE]])
def test_ten_thousand_scattered_projects_fit_in_fifty_kilobytes(instants: list[str]) -> None:
    state = StreamState()
    for place, number in enumerate(SCATTERED):
        close(state, project(number, instants[place % len(instants)]))
    assert size(state) < 35_000
    state = StreamState()
    state.groups[1] = GroupState(LATE, set(SCATTERED), 0, LATE)
    assert size(state) < 33_000


def test_a_head_takes_eight_characters_beside_its_project() -> None:
    state, full = StreamState(), random.Random(2).sample(SCATTERED, 9_000)
    for number in SCATTERED:
        close(state, project(number))
    without = size(state)
    for number in full:
        reach(state, number, _=sha(number))
    # A project without a repository costs what an id costs.
    assert size(state) < without + 9_000 * 8 + 4_500
    for number in SCATTERED:
        reach(state, number, _=sha(number))
    assert size(state) < without + 80_050
    assert size(state) < 113_000


def test_the_members_of_a_group_are_written_as_they_are_now() -> None:
    state = StreamState()
    state.groups[1] = GroupState(LATE, {5, 6}, 0, LATE)
    state.groups[2] = GroupState(LATE, {5, 6}, 0, LATE)
    for changed in ({7}, {5}, {6, 8}, {7, 8}):
        assert again(state).groups == state.groups
        state.groups[1].projects ^= changed
        assert again(state).groups == state.groups
    state.groups[1] = GroupState(LATE, {5, 6, 9}, 0, LATE)
    state.groups[2].projects = {1}
    assert again(state).groups == state.groups


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 10**9)), max_size=300))
def test_many_instants_never_claim_more_than_was_read(reads: list[tuple[int, int]]) -> None:
    state = StreamState()
    for number, second in reads:
        start = f"2026-01-01T00:{second % 3600 // 60:02d}:{second % 60:02d}.000Z"
        close(state, project(number, start))
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


SEVEN_AND_NINE = {"through": LATE, "projects": id_sets.encode({7, 9})}


def packed(count: int) -> str:
    """The heads of so many projects."""
    return base64.b64encode(bytes(range(6 * count))).decode()


def seven() -> str:
    """A set of one id."""
    return id_sets.encode({7})


def test_packed_heads_are_in_order_of_the_projects_that_have_one() -> None:
    heads = {"commits": packed(2)}
    state = StreamState.load({"version": 1, **SEVEN_AND_NINE, "heads": heads})
    assert state.heads.of(7) == {"": "000102030405"}
    assert state.heads.of(9) == {"": "060708090a0b"}
    heads = {"commits": packed(1), "without": seven()}
    state = StreamState.load({"version": 1, **SEVEN_AND_NINE, "heads": heads})
    assert state.heads.of(7) == {}
    assert state.heads.of(9) == {"": "000102030405"}


@pytest.mark.parametrize(
    "raw",
    [
        {"bookmarks": {}},
        {"version": 2},
        {"version": 1, "projects": "nonsense", "through": LATE},
        {"version": 1, "projects": "eJw="},
        {"version": 1, "groups": {"x": {}}},
        {"version": 1, "groups": []},
        {"version": 1, "heads": []},
        {"version": 1, "heads": {"x": {"": sha(1)}}},
        {"version": 1, "heads": {"7": {"": sha(1)[:39]}}},
        {"version": 1, "heads": {"7": {"": sha(1).upper()}}},
        {"version": 1, "heads": {"7": {"": 5}}},
        {"version": 1, "heads": {"7": {"": sha(1)}, "refs": {}}},
        {"version": 1, "heads": {"refs": {"7": {"main": "abcdefabcde"}}}},
        {"version": 1, "heads": {"refs": {"7": {"main": "abcdefabcdeg"}}}},
        {"version": 1, "heads": {"commits": packed(1)}},
        {"version": 1, **SEVEN_AND_NINE, "heads": {"commits": packed(1)}},
        {"version": 1, **SEVEN_AND_NINE, "heads": {"commits": packed(3)}},
        {"version": 1, **SEVEN_AND_NINE, "heads": {"commits": packed(2)[:-4]}},
        {"version": 1, **SEVEN_AND_NINE, "heads": {"commits": packed(2)[:-1] + "!"}},
        {"version": 1, **SEVEN_AND_NINE, "heads": {"commits": packed(2)[:-1]}},
        {"version": 1, **SEVEN_AND_NINE, "heads": {"commits": packed(2) + "\n"}},
        {"version": 1, **SEVEN_AND_NINE, "heads": {"commits": 7}},
        {"version": 1, **SEVEN_AND_NINE, "heads": {"commits": packed(1), "without": "7"}},
        {"version": 1, **SEVEN_AND_NINE, "heads": {"commits": packed(2), "without": seven()}},
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


HEADS = st.dictionaries(st.sampled_from(["commits", "without", "refs", "7"]), JSON)


@given(raw=st.dictionaries(PARTS, JSON | HEADS), ours=st.booleans())
def test_any_json_is_a_state_or_refused(*, raw: dict[str, Any], ours: bool) -> None:
    try:
        state = StreamState.load({**raw, "version": 1} if ours else raw)
    except StateError:
        return
    assert again(state).to_json() == state.to_json()
