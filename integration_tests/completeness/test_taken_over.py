"""A read goes on from a state of Airbyte's connector, and brings what that one had not."""

from __future__ import annotations

import pytest

from integration_tests.gitlab.clock import stamp
from integration_tests.support.history_world import API, WEB
from integration_tests.support.small_copies import HOUR, copy
from source_gitlab.core.state import StreamState
from source_gitlab.streams import streams

LISTS = ("default", "parent_pipeline")
COLUMNS = {"pipelines_extended": "id", "pipeline_trigger_jobs": "pipeline_id"}


@pytest.mark.parametrize("name", COLUMNS)
def test_what_stands_below_pipelines(name: str) -> None:
    """Of a project that the state names, what moved since; of others everything."""
    it = copy()

    def pipeline(project: int) -> int:
        """One with a job that triggers another; its number."""
        made: int = it.change("create_pipeline", project_id=project)["id"]
        it.change("create_pipeline", project_id=project, parent_id=made)
        return made

    old, elsewhere = pipeline(WEB), pipeline(API)
    it.later(400 * HOUR)
    read = stamp(it.emulator.world.clock.now())
    it.later(HOUR)
    new = pipeline(WEB)
    partition = {"id": WEB, "parent_slice": {"id": "top%2Fweb"}}
    states = [
        {"partition": {**partition, "pipeline_source": source}, "cursor": {"updated_at": read}}
        for source in LISTS
    ]
    raw = {
        "use_global_cursor": True,
        "state": {"pipeline_updated_at": "2030-01-01T00:00:00Z"},
        "parent_state": {"pipelines": {"use_global_cursor": False, "states": states}},
    }
    it.states[name] = StreamState.load(raw, streams()[name]).to_json()
    found = {row[COLUMNS[name]] for row in it.sync(name)[name]}
    assert {new, elsewhere} <= found
    assert old not in found
