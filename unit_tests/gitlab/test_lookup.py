"""What an address says of the object that stands there."""

from __future__ import annotations

import pytest

from source_gitlab.gitlab.lookup import other_than


@pytest.mark.parametrize(
    ("path", "row", "is_other"),
    [
        ("groups/10", {"id": 10}, False),
        ("groups/10", {"id": 11}, True),
        ("groups/10", {"id": 11, "iid": 10}, True),
        ("projects/102/pipelines/5", {"id": 7, "iid": 5}, True),
        ("projects/102/pipelines/5", {"id": 5, "iid": 7}, False),
        ("projects/102/merge_requests/5", {"id": 700, "iid": 5}, False),
        ("projects/102/merge_requests/5", {"id": 5, "iid": 7}, True),
        ("groups/10/epics/3", {"id": 88, "iid": 3}, False),
        ("issues/5", {"id": 5, "iid": 1}, False),
        ("projects/102/releases/2024", {"tag_name": "2024"}, False),
        ("projects/102/repository/commits/1234567", {"id": "1234567890"}, False),
        ("groups/acme", {"id": 10}, False),
        ("projects/102/push_rule", {"id": 7, "project_id": 102}, False),
        ("projects/102/push_rule", {"id": 7, "project_id": 101}, True),
        ("projects/102/push_rule", None, False),
        ("projects/102/merge_requests/5", {"id": 700, "iid": 5, "project_id": 101}, True),
        ("groups/10/epics/3", {"id": 88, "iid": 3, "group_id": 11}, True),
        ("projects/102/releases/2024", {"project_id": "102"}, False),
        ("projects/acme%2Fweb/push_rule", {"id": 7, "project_id": 101}, False),
        ("version", {"version": "17.0.0"}, False),
    ],
)
def test_only_what_tells_that_it_is_another_is_one(
    path: str, row: dict[str, object] | None, *, is_other: bool
) -> None:
    """Issues, merge requests and epics stand at their iid, branches and tags at their name."""
    assert (other_than(path, row, {}) is not None) is is_other


@pytest.mark.parametrize(
    ("row", "is_other"),
    [
        ({"approved_by": []}, False),
        ({"id": 700, "iid": 5}, False),
        ({"id": 701, "iid": 5}, True),
        ({"id": 700, "iid": 6}, True),
    ],
)
def test_what_else_is_known_of_an_object(row: dict[str, object], *, is_other: bool) -> None:
    """The address ends with what it has of its parent, whose numbers are in the answer."""
    path = "projects/102/merge_requests/5/approvals"
    assert (other_than(path, row, {"id": 700, "iid": 5}) is not None) is is_other
