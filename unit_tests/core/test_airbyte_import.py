"""States as Airbyte's connector writes them since it is a manifest: what they cover."""

from __future__ import annotations

from typing import Any

import pytest

from source_gitlab.core.state import StateError, StreamState
from source_gitlab.streams import streams

EARLY, LATE = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"
BELOW = ("pipelines_extended", "pipeline_trigger_jobs")
PATH = {"id": "acme%2Fweb", "parent_slice": {}}


def pipelines(*read: tuple[int, str, str]) -> dict[str, Any]:
    """Their state of pipelines: project, which of its two lists, and the instant."""
    return {
        "use_global_cursor": False,
        "states": [
            {
                "partition": {"id": number, "parent_slice": PATH, "pipeline_source": source},
                "cursor": {"updated_at": instant},
            }
            for number, source, instant in read
        ],
        "state": {"updated_at": LATE},
        "lookback_window": 3,
        "parent_state": {},
    }


BOTH = pipelines(
    (11, "default", LATE),
    (11, "parent_pipeline", EARLY),
    (12, "default", LATE),
    (13, "default", EARLY),
    (13, "parent_pipeline", EARLY),
)


def below_pipelines(parent: object) -> dict[str, Any]:
    """Their state of a stream below pipelines: one cursor, and what it says of the pipelines."""
    return {
        "use_global_cursor": True,
        "state": {"pipeline_updated_at": "2030-01-01T00:00:00Z"},
        "lookback_window": 3,
        "parent_state": parent,
    }


def covered(raw: dict[str, Any], name: str) -> dict[int, str]:
    """The projects that a state covers."""
    return dict(StreamState.load(raw, streams()[name]).projects)


@pytest.mark.parametrize("name", BELOW)
def test_what_stands_below_pipelines_goes_by_their_state(name: str) -> None:
    """The global cursor says nothing of projects; the pipelines that were read through do."""
    assert covered(below_pipelines({"pipelines": BOTH}), name) == {11: EARLY, 13: EARLY}


@pytest.mark.parametrize("parent", [{}, None, {"pipelines": {}}, {"others": BOTH}])
@pytest.mark.parametrize("name", BELOW)
def test_without_it_all_of_them_are_read(name: str, parent: object) -> None:
    """As after an interrupted first read."""
    assert covered(below_pipelines(parent), name) == {}


@pytest.mark.parametrize("name", [*BELOW, "jobs"])
def test_ids_of_pipelines_are_taken_for_no_projects(name: str) -> None:
    """Partitions of a list below pipelines have their ids, which projects may have too."""
    states = [
        {
            "partition": {"id": 11, "parent_slice": {"id": 7}},
            "cursor": {"pipeline_updated_at": LATE},
        }
    ]
    raw = {"use_global_cursor": False, "states": states, "parent_state": {}}
    assert covered(raw, name) == {}


def test_jobs_are_read_again() -> None:
    """Theirs lack those that were retried, so no project is covered whole."""
    assert covered(below_pipelines({"pipelines": BOTH}), "jobs") == {}


def test_cursors_that_are_ranges_count_up_to_their_first_gap() -> None:
    """The CDK writes a cursor as ranges when it reads parts of it side by side."""
    ranges = {
        "state_type": "date-range",
        "slices": [
            {"start": LATE, "end": LATE, "most_recent_cursor_value": LATE},
            {
                "start": "2014-01-01T00:00:00Z",
                "end": LATE,
                "most_recent_cursor_value": "2026-01-01T00:00:00Z",
            },
        ],
    }
    raw = {"states": [{"partition": {"id": 11, "parent_slice": PATH}, "cursor": ranges}]}
    assert covered(raw, "issues") == {11: EARLY}
    del ranges["slices"][1]["most_recent_cursor_value"]  # type: ignore[attr-defined]
    assert covered(raw, "issues") == {11: "2014-01-01T00:00:00.000Z"}


@pytest.mark.parametrize("cursor", [{"state_type": "date-range", "slices": []}, {"updated_at": 1}])
def test_a_cursor_that_is_none_is_refused(cursor: dict[str, Any]) -> None:
    """Before anything is read."""
    raw = {"states": [{"partition": {"id": 11}, "cursor": cursor}]}
    with pytest.raises(StateError):
        covered(raw, "issues")
