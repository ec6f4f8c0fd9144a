"""What states of other taps tell."""

from __future__ import annotations

from typing import Any

import pytest

from source_gitlab.core.state.singer_import import instants

EARLY, LATE = "2024-01-01T00:00:00.000Z", "2024-02-01T00:00:00.000Z"
NUMBERS = {("project", "acme/web"): 12, ("group", "acme"): 3}


def taken(raw: dict[str, Any], stream: str = "issues") -> dict[int, str]:
    """The instants of a stream, where these names are known."""
    return instants(raw, stream, lambda kind, name: NUMBERS.get((kind, name)))


def parted(context: object, value: object = EARLY, key: str = "updated_at") -> dict[str, Any]:
    """A state of a tap made with Meltano's SDK."""
    partition = {"context": context, "replication_key": key, "replication_key_value": value}
    partitions = [partition, {"context": {"project_path": "99"}}, 7]
    return {"bookmarks": {name: {"partitions": partitions} for name in ("issues", "epics")}}


@pytest.mark.parametrize(
    ("raw", "stream", "found"),
    [
        ({"project_12_issues": EARLY, "project_13_issues": "2024-02-01"}, "issues",
         {12: EARLY, 13: LATE}),
        ({"project_12_issues": "2024-02-01T01:00:00+01:00"}, "issues", {12: LATE}),
        ({"project_12_merge_requests": EARLY}, "issues", {}),
        ({"project_12": EARLY}, "issues", {}),
        ({"group_3_epics": EARLY}, "epics", {3: EARLY}),
        ({"project_3_epics": EARLY}, "epics", {}),
        # These taps follow commits by date, and leave child pipelines out.
        ({"project_12_commits": EARLY}, "commits", {}),
        ({"project_12_pipelines": EARLY}, "pipelines", {}),
        ({"project_12_issues": "soon"}, "issues", {}),
        ({"project_12_issues": None}, "issues", {}),
        (parted({"project_path": "acme/web"}), "issues", {12: EARLY}),
        (parted({"project_path": "12"}), "issues", {12: EARLY}),
        (parted({"project_id": 12}), "issues", {12: EARLY}),
        (parted({"group_path": "acme"}), "epics", {3: EARLY}),
        (parted({"project_path": "acme/unknown"}), "issues", {}),
        (parted({"project_path": "12"}, key="created_at"), "issues", {}),
        (parted({"project_path": "12"}, None), "issues", {}),
        (parted("12"), "issues", {}),
        ({"bookmarks": {"issues": {"updated_at": EARLY}}}, "issues", {}),
        ({"bookmarks": {"issues": None}}, "issues", {}),
        # Of two that name one project, the earlier counts.
        ({**parted({"project_id": 12}, LATE), "project_12_issues": EARLY}, "issues", {12: EARLY}),
    ],
)  # fmt: skip
def test_what_is_taken(raw: dict[str, Any], stream: str, found: dict[int, str]) -> None:
    """Instants of single projects or groups, of lists that can be asked for changes since."""
    assert taken(raw, stream) == found
