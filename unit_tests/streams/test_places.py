"""Rows that are told apart by where they stand are replaced with their list, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from source_gitlab.core.row_key import RowKey
from source_gitlab.core.walks.objects import by_name, joined, rows_in
from source_gitlab.gitlab.errors import Malformed
from source_gitlab.streams import streams
from source_gitlab.streams.declaration_error import DeclarationError
from source_gitlab.streams.declarations import build, declared

CASES = "pipeline_test_cases"
PLACES = declared()[CASES]["add"]
SCANS = "security_scans"
SCANS_ADD = declared()[SCANS]["add"]

WRONG: dict[str, tuple[str, dict[str, Any], str, object, str]] = {
    "a place in one of several lists": (
        CASES, {"key": ["pipeline_id", "position"], "keeps": None}, "key",
        ["pipeline_id", "position"], "tells the lists apart",
    ),
    "children that stay": (
        "pipeline_test_suites", {"keeps": True}, "keeps", True, "children whose key has",
    ),
    "an object above rows of no inner list": (
        CASES, {"rows": "test_suites"}, "add", "suite_name: above.name", "a list with []",
    ),
    "a list in a list in a list": (
        CASES, {"rows": "test_suites[].test_cases[].steps"}, "rows",
        "test_suites[].test_cases[].steps", "one list with []",
    ),
    "a list without rows": (
        CASES, {"rows": "test_suites[]"}, "rows", "test_suites[]", "one list with []",
    ),
    "a part of a place": (
        CASES, {"add": {**PLACES, "position": "list.length"}}, "add", "position: list.length",
        "list.position",
    ),
    "a place in pages": (
        "resource_groups", {"key": ["project_id", "id"], "add": {"id": "list.position"}}, "add",
        "id: list.position", "object, derived, graphql",
    ),
    "a place in a list that goes on": (
        "group_dora_metrics", {"add": {"group_id": "list.position"}, "key": ["group_id", "date"]},
        "key", ["group_id", "date"], "whole list is replaced",
    ),
    "lists by name that the key does not tell apart": (
        SCANS, {"key": ["pipeline_id", "position"]}, "key", ["pipeline_id", "position"],
        "report_type among them",
    ),
    "lists by name of a group": (
        "scan_execution_policies", {"rows": "policies.{name}.list"}, "rows",
        "policies.{name}.list", "below a parent",
    ),
    "lists by name that stand nowhere": (
        SCANS, {"rows": "pipeline.{report_type}"}, "rows", "pipeline.{report_type}",
        "an object with lists",
    ),
    "a query with a column that no state keeps": (
        SCANS, {"add": {**SCANS_ADD, "pipeline_iid": "parent.ref"}}, "walk", "$iid", "$projectId",
    ),
    "sums of days without their day": (
        "group_dora_metrics", {"span": {"days": 90, "kept": 400, "sums": True}}, "key",
        ["group_id", "date"], "request.day",
    ),
    "sums of all days at once": (
        "group_contributions", {"span": {"days": 93, "kept": 90, "sums": True}}, "span", 93,
        "more days than a request",
    ),
    "the day of a request that has several": (
        "group_contributions", {"span": {"days": 93, "kept": 1095}}, "add", "date: request.day",
        "with sums in span",
    ),
    "a list that is a column beside its parts": (
        "work_items", {"parts": "status"}, "parts", "status", "the schema does not have",
    ),
    "a query by the id of what no state keeps": (
        SCANS, {"global_ids": {"sha": "Project"}}, "walk", "graphql", "with $first, $sha",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_place_that_could_lose_rows_is_refused(case: str) -> None:
    """With the stream, the attribute, what was found and what is allowed."""
    stream, attributes, attribute, found, allowed = WRONG[case]
    written = declared()
    changed = {**written[stream], **attributes}
    written[stream] = {name: one for name, one in changed.items() if one is not None}
    with pytest.raises(DeclarationError) as caught:
        build(written)
    assert (caught.value.stream, caught.value.attribute) == (stream, attribute)
    assert caught.value.found == found
    assert allowed in caught.value.allowed


def test_rows_of_each_list_have_their_place() -> None:
    """Places begin anew in each list, whose object gives its name, but not in one of that name."""
    stream = streams()[CASES]
    suites = [
        {"name": "b", "test_cases": [{"name": "x"}, {"name": "x"}]},
        {"name": "a", "test_cases": []},
        {"name": "c", "test_cases": [{"name": "x"}]},
        {"name": "b", "test_cases": [{"name": "y"}]},
    ]
    rows = rows_in(stream, {"test_suites": suites}, "https://gitlab.example.com/report")
    keys = [RowKey.of(stream).values(row) for row in rows]
    assert keys == [("b", 1), ("b", 2), ("c", 1), ("b", 3)]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "without test_suites"),
        ({"test_suites": {}}, "test_suites"),
        ({"test_suites": [{"name": "a"}]}, "without test_cases"),
        ({"test_suites": [{"name": "a", "test_cases": None}]}, "test_cases"),
        ({"test_suites": [None]}, "test_suites"),
    ],
)
def test_what_is_no_such_list_is_an_error(data: dict[str, Any], told: str) -> None:
    """Taken for an empty one, it would hide rows."""
    with pytest.raises(Malformed, match=told):
        rows_in(streams()[CASES], data, "https://gitlab.example.com/report")


def test_rows_of_lists_by_name_have_the_name_and_their_place() -> None:
    """Null has no rows; what is neither null nor has the list is an error."""
    stream, url = streams()[SCANS], "https://gitlab.example.com/api/graphql"
    summary: dict[str, Any] = {
        "dast": None,
        "sast": {"scans": [{"name": "b"}, {"name": "b"}]},
        "secret_detection": {"scans": [{"name": "a"}]},
    }
    rows = by_name(stream, [summary], url)
    keys = [RowKey.of(stream).values(row) for row in rows]
    assert keys == [("sast", 1), ("sast", 2), ("secret_detection", 1)]
    assert [row["name"] for row in rows] == ["b", "b", "a"]
    wrongs: list[Any] = [{}, {"scans": None}, {"scans": [None]}, []]
    for wrong in wrongs:
        with pytest.raises(Malformed):
            by_name(stream, [{**summary, "dast": wrong}], url)


def test_parts_of_a_row_become_its_columns() -> None:
    """Null and none are no parts; what is no object, and two values for one column, are errors."""
    stream, about = streams()["work_items"], "work_items of acme"
    parts: list[Any] = [{}, {"weight": 3}, {"start_date": None, "due_date": "2026-01-02"}]
    rows: list[Any] = [
        {"id": 1, "widgets": parts},
        {"id": 2, "widgets": None},
        {"id": 3, "widgets": []},
    ]
    assert joined(stream, rows, about) == [
        {"id": 1, "weight": 3, "start_date": None, "due_date": "2026-01-02"},
        {"id": 2},
        {"id": 3},
    ]
    wrongs: list[Any] = [[None], {}, [{"weight": 1}, {"weight": 1}], [{"id": 7}]]
    for wrong in wrongs:
        with pytest.raises(Malformed, match=about):
            joined(stream, [{"id": 1, "widgets": wrong}], about)
