"""Documented references lead to one row, and to columns of the same type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from source_gitlab.core.transform import RowTransformer
from source_gitlab.streams import streams
from source_gitlab.streams.relations import Reference, reference, references

if TYPE_CHECKING:
    from source_gitlab.streams.columns import Column

EVERY = references()


def referring(one: Reference) -> Column:
    """The column that refers."""
    first, *inside = one.column.replace("[]", "").split(".")
    column = streams()[one.stream].columns[first]
    for name in inside:
        column = column.inner[name]
    return column


@pytest.mark.parametrize("one", EVERY, ids=lambda one: f"{one.stream}.{one.column}>{one.target}")
def test_a_reference_leads_to_a_column_of_its_type(one: Reference) -> None:
    """So do the columns that it is joined by besides."""
    theirs = streams()[one.target].columns
    ours = streams()[one.stream].columns
    assert referring(one).item == theirs[one.target_column].kind
    for their_column, our_column in one.others:
        assert ours[our_column].kind == theirs[their_column].kind


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("milestones.id", "which no schema declares"),
        ("users.number", "which no schema declares"),
        ("users.id(project_id=project)", "has no such column"),
        ("users.username", "several rows"),
        ("merge_requests.iid", "several rows"),
    ],
)
def test_a_wrong_reference_is_an_error(text: str, problem: str) -> None:
    """It would draw an edge into nothing, or multiply rows."""
    with pytest.raises(ValueError, match=problem):
        reference("issues", "author_id", text)


def test_what_a_key_has_besides_is_joined_by_too() -> None:
    """By the same names, or by those that are given."""
    assert reference("issues", "author_id", "users.id").others == (("project_id", "project_id"),)
    given = "commits.id(project_id=source_project_id)"
    assert reference("merge_requests", "sha", given).others == (
        ("project_id", "source_project_id"),
    )
    assert reference("issues", "project_id", "projects.id").others == ()


@pytest.mark.parametrize(
    ("assignees", "ids"),
    [
        ([{"id": 7, "name": "A"}, {"id": 3, "name": "B"}], [7, 3]),
        ([], []),
        (None, None),
        ([{"name": "no id"}, None], [None]),
        ("nobody", None),
    ],
)
def test_ids_of_a_list_keep_its_order(assignees: object, ids: list[int] | None) -> None:
    """The list itself stays as it is."""
    (row,) = RowTransformer(streams()["issues"]).transform([{"id": 1, "assignees": assignees}])
    assert row["assignee_ids"] == ids
    assert row["assignees"] == assignees
