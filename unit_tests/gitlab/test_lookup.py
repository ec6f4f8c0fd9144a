"""What an address that ends with a number says of the object that stands there."""

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
        ("version", {"version": "17.0.0"}, False),
    ],
)
def test_only_what_tells_that_it_is_another_is_one(
    path: str, row: dict[str, object], *, is_other: bool
) -> None:
    """Issues, merge requests and epics stand at their iid, branches and tags at their name."""
    assert (other_than(path, row) is not None) is is_other
