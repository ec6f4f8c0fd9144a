"""One object by itself: the row of its list, and what only a single one has."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from integration_tests.support.emulated_lists import WEB, walk

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

# The list, the column that an address ends with, and what GitLab adds to a single object.
SINGLES = {
    f"projects/{WEB}/issues": ("iid", {"subscribed"}),
    f"projects/{WEB}/merge_requests": (
        "iid",
        {
            *("subscribed", "changes_count", "pipeline", "head_pipeline", "diff_refs", "user"),
            *("latest_build_started_at", "latest_build_finished_at", "merge_error"),
            *("first_deployed_to_production_at", "first_contribution"),
        },
    ),
    f"projects/{WEB}/repository/commits": (
        "id",
        {"stats", "status", "project_id", "last_pipeline"},
    ),
    f"projects/{WEB}/repository/branches": ("name", set()),
    f"projects/{WEB}/repository/tags": ("name", set()),
    f"projects/{WEB}/releases": ("tag_name", set()),
    f"projects/{WEB}/members": ("id", set()),
    f"projects/{WEB}/milestones": ("id", set()),
    "groups/10/members": ("id", set()),
    "groups/10/milestones": ("id", set()),
}


@pytest.mark.parametrize("path", SINGLES)
def test_a_single_object_is_the_row_of_its_list(gitlab: Emulator, path: str) -> None:
    column, more = SINGLES[path]
    rows = walk(gitlab, path)
    assert rows
    for row in rows:
        found = gitlab.get(f"{path}/{quote(str(row[column]), safe='')}").json()
        assert {name: found[name] for name in row} == row
        assert found.keys() - row.keys() == more


@pytest.mark.parametrize("path", [*SINGLES, "users"])
def test_what_is_not_there_is_404(gitlab: Emulator, path: str) -> None:
    answer = gitlab.get(f"{path}/99999999")
    assert answer.status_code == 404
    assert "404" in answer.json()["message"]


def test_a_user_by_himself_has_more_than_in_the_list(gitlab: Emulator) -> None:
    for row in walk(gitlab, "users"):
        assert gitlab.get(f"users/{row['id']}").json().items() >= row.items()
