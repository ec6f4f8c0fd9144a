"""What a tap takes for its state, and how it keeps it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from source_gitlab.core.state import StateError, StreamState
from source_gitlab.interfaces.singer.catalog import Choice, choices
from source_gitlab.interfaces.singer.state import States

READ = {"version": 1, "instance": "2026-01-31T12:00:00.000Z"}
OURS = {"bookmarks": {"issues": {"state": [READ]}}}


def chosen(name: str = "issues", **metadata: object) -> Choice:
    """A stream that is read from a state."""
    top = [{"breadcrumb": [], "metadata": {"selected": True, **metadata}}]
    (found,) = choices({"streams": [{"stream": name, "metadata": top}]})
    return found


def loaded(raw: object, choice: Choice | None = None) -> StreamState:
    """The state of one stream."""
    choice = choice or chosen()
    return States(raw).load([choice], lambda _kind, _name: None)[choice.stream.name]


def merged(newer: Any, former: Any) -> Any:
    """What Meltano makes of the state of a full refresh and the former one."""
    if not isinstance(newer, dict) or not isinstance(former, dict):
        return newer
    return former | {name: merged(one, former.get(name)) for name, one in newer.items()}


@pytest.mark.parametrize(
    "raw",
    [
        OURS,
        {"type": "STATE", "value": OURS},
        {"singer_state": OURS},
        {**OURS, "currently_syncing": "issues", "project_12_issues": "2020-01-01T00:00:00Z"},
    ],
)
def test_what_programs_put_around_a_state_does_not_matter(raw: object) -> None:
    """A message of the tap's output, what `meltano state get` prints, what other taps add."""
    assert loaded(raw).to_json() == READ


@pytest.mark.parametrize("raw", [None, {}, {"bookmarks": {}}, {"bookmarks": None}])
def test_no_state_is_one(raw: object) -> None:
    """Everything is read then."""
    assert loaded(raw).to_json() == {"version": 1}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([], "it is no object"),
        ({"issues": READ}, "it has no bookmarks, only issues"),
        ({"bookmarks": []}, "its bookmarks are no object"),
        ({"bookmarks": {"issues": {"state": READ}}}, "it is not one state in a list"),
        ({"bookmarks": {"issues": {"state": [READ, READ]}}}, "it is not one state in a list"),
        ({"bookmarks": {"issues": {"state": [{"version": 2}]}}}, "its version is 2"),
    ],
)
def test_what_is_wrong_with_a_state_is_said(raw: object, said: str) -> None:
    """It is never taken for no state, which would read everything again without a word."""
    with pytest.raises(StateError, match=said):
        loaded(raw)


def test_a_merge_keeps_nothing_of_the_former_state() -> None:
    """Parts that a newer state lacks must be gone, or it would cover rows that were not read."""
    states = States({})
    states.keep("issues", {"version": 1})
    newer = orjson.loads(orjson.dumps(states.to_json()))
    assert loaded(merged(newer, OURS)).to_json() == {"version": 1}


def test_other_bookmarks_stay() -> None:
    """Those of streams that are not read now, and of other taps."""
    raw = {**OURS, "group_3_epics": "2020-01-01T00:00:00Z"}
    states = States(raw)
    states.keep("commits", {"version": 1})
    found = orjson.loads(orjson.dumps(states.to_json()))
    assert found == {
        "group_3_epics": "2020-01-01T00:00:00Z",
        "bookmarks": {**OURS["bookmarks"], "commits": {"state": [{"version": 1}]}},
    }


def test_a_stream_that_is_read_as_a_whole_has_no_state() -> None:
    """Its former bookmark is for later."""
    full = chosen(**{"replication-method": "FULL_TABLE"})
    assert loaded(OURS, full).to_json() == {"version": 1}
