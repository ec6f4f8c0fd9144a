"""Rows of one list are told apart by their whole key, wherever it stands in GitLab's row."""

from __future__ import annotations

from dataclasses import replace

from source_gitlab.core.row_key import key_values
from source_gitlab.streams import streams


def test_a_key_inside_an_object_is_found() -> None:
    """The reviewers of a merge request have no id of their own, but that of their user."""
    rows = [{"user": {"id": number}, "state": "reviewed"} for number in (1, 2, 3)]
    assert [key_values(row, ["user.id"]) for row in rows] == [(1,), (2,), (3,)]
    assert key_values({"user": None}, ["user.id"]) == (None,)


def test_what_the_slice_and_the_parent_bring_is_no_part_of_it() -> None:
    """It is the same in all rows of a list, and GitLab's row does not have it."""
    commits = streams()["merge_request_commits"]
    assert commits.key == ("project_id", "merge_request_iid", "id")
    assert commits.row_key == ("id",)
    reviewers = replace(
        commits,
        key=("project_id", "merge_request_iid", "user_id"),
        add={**commits.add, "user_id": "user.id"},
    )
    assert reviewers.row_key == ("user.id",)
