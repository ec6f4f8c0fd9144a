"""The highest ids that were read: what they say, and how large they are."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_tests.support.progress import advance, close
from source_gitlab.core.slices import Page, Slice
from source_gitlab.core.state import StateError, StreamState
from source_gitlab.core.state.highest_ids import HighestIds

START = "2026-02-01T00:00:00.000Z"


def of(number: int) -> Slice:
    return Slice(stream="jobs", container="project", id=number, since=None, start=START)


def again(state: StreamState) -> StreamState:
    """The state after a trip through JSON."""
    return StreamState.load(orjson.loads(orjson.dumps(state.to_json())))


@given(st.dictionaries(st.integers(1, 40), st.integers(1, 2**40)), st.sets(st.integers(1, 40)))
def test_every_project_keeps_its_own(highest_ids: dict[int, int], read: set[int]) -> None:
    state = StreamState()
    for number, top in highest_ids.items():
        advance(state, of(number), Page([], top=top))
    for number in read:
        close(state, of(number))
    after = again(state)
    for number in range(1, 41):
        assert after.highest_ids.of(number) == (highest_ids.get(number) if number in read else None)


def test_one_takes_eight_characters() -> None:
    state = StreamState()
    for number in range(1, 1_001):
        close(state, of(number))
    before = len(orjson.dumps(state.to_json()))
    for number in range(1, 1_001):
        advance(state, of(number), Page([], top=9_876_543_210 + number))
    assert len(orjson.dumps(state.to_json())) - before < 8_050


def test_one_that_is_too_high_is_kept_as_one_that_is_not() -> None:
    highest_ids = HighestIds()
    highest_ids.reach(7, 2**60)
    assert (HighestIds.load(highest_ids.to_json([7]), [7]).of(7) or 0) < 2**60


@pytest.mark.parametrize("raw", [{"ids": "AAAA"}, {"ids": "?"}, {"without": "x"}, {"ids": 7}])
def test_what_was_not_written_so_is_refused(raw: dict[str, object]) -> None:
    state = {"version": 1, "projects": "eJxjZAQAAAMAAg==", "through": START, "tops": raw}
    with pytest.raises(StateError):
        StreamState.load(state)
