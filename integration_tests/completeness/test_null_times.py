"""Rows whose times are null: they come, and the reads after them do not stumble over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.support.reading import config_for, missing, read
from source_gitlab.gitlab.client import Retries
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.reading import Reading

QUICK = Retries(tries=2, first=0.0)
TIMES = ["created_at", "updated_at"]
# The list of each stream by the end of its path, and how the world gets another row.
LISTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "pipelines": ("/pipelines", "create_pipeline", {}),
    "jobs": ("/jobs", "create_pipeline", {"jobs": 2}),
    "deployments": ("/deployments", "create", {"table": "deployments"}),
    "issues": ("/issues", "create", {"table": "issues"}),
    "merge_requests": ("/merge_requests", "create", {"table": "merge_requests"}),
    "releases": ("/releases", "create", {"table": "releases"}),
}


def keys(reading: Reading, name: str) -> set[tuple[Any, ...]]:
    """The keys of what was read."""
    return {tuple(row[c] for c in streams()[name].key) for row in reading.rows[name]}


@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("columns", [TIMES, TIMES[:1], TIMES[1:]])
@pytest.mark.parametrize("name", LISTS)
def test_rows_without_times(
    changing_gitlab: Emulator, name: str, columns: list[str], place: int
) -> None:
    """The first read brings them, and later ones what is new beside them."""
    gitlab = changing_gitlab
    end, change, more = LISTS[name]
    config = config_for(gitlab)
    whole = read(config, [name], retries=QUICK)
    row = whole.rows[name][place]
    own = {column: row[column] for column in streams()[name].key}
    own = {"id": row["id"]} if "id" in row else own
    own.pop("project_id", None)
    rule = {"kind": "null", "path": f"{end}$", "row": own, "columns": columns}
    gitlab.faults([rule])
    first = read(config, [name], retries=QUICK)
    assert first.failure is None
    assert keys(first, name) == keys(whole, name)
    found = [one for one in first.rows[name] if all(one[c] == v for c, v in own.items())]
    assert any(one.get(column) is None for one in found for column in columns)
    gitlab.mutate(change, project_id=row["project_id"], **more)
    if name == "deployments":
        # As a rule, one comes with a pipeline; what comes without is read the next day.
        gitlab.mutate("create_pipeline", project_id=row["project_id"])
    second = read(config, [name], first.states.values(), retries=QUICK)
    assert second.failure is None
    assert second.statuses[name] is AirbyteStreamStatus.COMPLETE
    gitlab.faults([])
    third = read(config, [name], second.states.values(), retries=QUICK)
    assert third.failure is None
    whole.rows[name] += second.rows[name] + third.rows[name]
    assert not [one for one in missing(gitlab, whole, name) if ": missing" in one]
