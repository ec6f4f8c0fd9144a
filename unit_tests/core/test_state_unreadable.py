"""A state that cannot be read is an error that names what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from source_gitlab.core.state import StateError, StreamState, id_sets
from source_gitlab.streams import streams

NOW = "2026-02-01T00:00:00.000Z"
# Looks like an instant from afar.
NO_TIME = "9999-99-99T99:99:99.999Z"
IDS = id_sets.encode({7})
GROUP = {"projects": IDS, "others": 0, "through": NOW}
COMMITS = {"start": NOW, "ref": "", "head": 40 * "a", "old": 12 * "b", "page": 2}
JOBS = {"start": NOW, "since": NOW, "next": {"cursor": "x"}, "top": 5}
BY_TIME = {"start": NOW, "through": [NOW, ""]}


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ({"projects": IDS}, "projects cannot be understood: through is missing"),
        ({"projects": IDS, "through": NO_TIME}, "projects .* is no time"),
        ({"projects": IDS, "through": 5}, "projects .* 5 is no time"),
        ({"earlier": [[NO_TIME, IDS]]}, "projects .* is no time"),
        ({"earlier": 3}, "projects .* another type"),
        ({"groups": {"12": {**GROUP, "through": NO_TIME}}}, "groups.12 .* is no time"),
        ({"groups": {"12": {**GROUP, "listed": "yesterday"}}}, "groups.12 .* is no time"),
        ({"groups": {"12": {"others": 0}}}, "groups.12 .* projects is missing"),
        ({"groups": {"12": {**GROUP, "others": "x"}}}, "groups.12 .* is no whole number"),
        ({"groups": {"12": []}}, r"groups.12 .* \[\] is no object"),
        ({"groups": {"twelve": GROUP}}, "groups.twelve"),
        ({"groups": [1]}, r"groups .* \[1\] is no object"),
        ({"counts": {"group:12": {"asked": NO_TIME, "windows": []}}}, "counts.group:12 .* no time"),
        ({"counts": {"group:12": {"windows": []}}}, "counts.group:12 .* asked is missing"),
        ({"held": {"12": {"changed": NO_TIME}}}, "held.12 .* is no time"),
        ({"held": {"x": {}}}, "held.x"),
        ({"recent": {"abc": NO_TIME}}, "recent.abc .* is no time"),
        ({"recent": [1]}, "recent"),
        ({"origin": {"start_date": NOW}}, "origin .* instance is missing"),
        ({"origin": {"instance": "x", "start_date": NO_TIME}}, "origin .* is no time"),
        ({"heads": {"commits": "AAAA"}}, "heads"),
        ({"tops": {"ids": "AAAA"}}, "tops"),
        ({"owed": {"parents": [[1, 2, 0]]}}, "owed"),
        ({"partial": "nonsense"}, "projects"),
        ({"positions": {"project:7": 5}}, "positions.project:7 .* 5 is no object"),
        ({"positions": {"project:7": {"start": NOW}}}, "positions.project:7 .* no ref, next and"),
        (
            {"positions": {"project:7": {"through": [NOW]}}},
            "positions.project:7 .* start is missing",
        ),
        (
            {"positions": {"project:7": {**BY_TIME, "start": NO_TIME}}},
            "positions.project:7 .* no time",
        ),
        ({"positions": {"project:7": {**BY_TIME, "through": [NO_TIME]}}}, "positions.project:7"),
        ({"positions": {"project:7": {**BY_TIME, "through": 5}}}, "positions.project:7 .* type"),
        ({"positions": {"project:7": {**COMMITS, "page": "x"}}}, "positions.project:7"),
        (
            {"positions": {"project:7": {**COMMITS, "head": "main"}}},
            "positions.project:7 .* commit",
        ),
        ({"positions": {"project:7": {**COMMITS, "old": "main"}}}, "positions.project:7 .* commit"),
        ({"positions": {"project:7": {**JOBS, "next": "x"}}}, "positions.project:7 .* no object"),
        (
            {"positions": {"project:7": {**JOBS, "next": {"a": []}}}},
            "positions.project:7 .* next is no query",
        ),
        (
            {"positions": {"project:7": {**JOBS, "since": NO_TIME}}},
            "positions.project:7 .* no time",
        ),
        (
            {"positions": {"project:7": {**JOBS, "below": "x"}}},
            "positions.project:7 .* whole number",
        ),
    ],
)
def test_a_state_that_cannot_be_read_says_which_part(raw: dict[str, Any], named: str) -> None:
    with pytest.raises(StateError, match=f"its part {named}"):
        StreamState.load({"version": 1, **raw})


def test_a_state_of_a_later_version_says_so() -> None:
    with pytest.raises(StateError, match="its version is 2, and this connector reads 1"):
        StreamState.load({"version": 2})


@pytest.mark.parametrize("raw", [[1], "text", 5])
def test_a_state_that_is_no_object_says_so(raw: Any) -> None:
    with pytest.raises(StateError, match="it is no object"):
        StreamState.load(raw)


@pytest.mark.parametrize(
    ("name", "position", "lacking"),
    [
        ("commits", JOBS, "ref"),
        ("commits", BY_TIME, "ref"),
        ("jobs", COMMITS, "next"),
        ("jobs", BY_TIME, "next"),
        ("pipelines", COMMITS, "through"),
        ("pipeline_trigger_jobs", JOBS, "through"),
    ],
)
def test_the_position_of_another_stream_is_refused(
    name: str, position: dict[str, Any], lacking: str
) -> None:
    raw = {"version": 1, "positions": {"project:7": position}}
    with pytest.raises(StateError, match=rf"positions.project:7 .* it has no {lacking}"):
        StreamState.load(raw, streams()[name])


@pytest.mark.parametrize(
    ("name", "position"), [("commits", COMMITS), ("jobs", JOBS), ("pipelines", BY_TIME)]
)
def test_the_position_of_its_own_stream_is_read(name: str, position: dict[str, Any]) -> None:
    raw = {"version": 1, "positions": {"project:7": position}}
    assert StreamState.load(raw, streams()[name]).positions == {"project:7": position}
