"""Several requests for one row: what a declaration may say of them, and where they go."""

from __future__ import annotations

from typing import Any

import pytest

from source_gitlab.streams.declaration_error import DeclarationError
from source_gitlab.streams.declarations import build, declared
from source_gitlab.streams.in_words.costs import cost, endpoints
from source_gitlab.streams.model import RowsOfMap
from tools.reading_in_words import reading

_DROP = None
COUNTS = "group_activity_counts"
DATED = "instance_metadata"
REQUESTS = declared()[COUNTS]["requests"]
WHERE = declared()[COUNTS]["query"]


def changed(stream: str, attributes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All declarations, one of them with other attributes."""
    written = declared()
    kept = {**written[stream], **attributes}
    written[stream] = {name: one for name, one in kept.items() if one is not _DROP}
    return written


def without(column: str) -> dict[str, str]:
    """The requests but for that of a column."""
    return {name: path for name, path in REQUESTS.items() if name != column}


WRONG: dict[str, tuple[str, dict[str, Any], str, object, str]] = {
    "several requests for a list": (
        COUNTS, {"walk": "pages"}, "requests", REQUESTS, "with the walks object",
    ),
    "a single request": (
        COUNTS, {"requests": {"issues_count": "issues_count"}}, "requests",
        {"issues_count": "issues_count"}, "two or more columns",
    ),
    "one request for two columns": (
        COUNTS, {"requests": {**REQUESTS, "issues_count": "new_members_count"}}, "requests",
        {**REQUESTS, "issues_count": "new_members_count"}, "stands there once",
    ),
    "a request for two columns": (
        COUNTS, {"requests": {**REQUESTS, "issues_count": ["issues_count"]}}, "requests",
        {**REQUESTS, "issues_count": ["issues_count"]}, "columns to paths",
    ),
    "a request from the root": (
        COUNTS, {"requests": {**REQUESTS, "issues_count": "/issues_count"}}, "requests",
        {**REQUESTS, "issues_count": "/issues_count"}, "paths below `path`",
    ),
    "a request with a parameter": (
        COUNTS, {"requests": {**REQUESTS, "issues_count": "issues?count=1"}}, "requests",
        {**REQUESTS, "issues_count": "issues?count=1"}, "paths below `path`",
    ),
    "a request with a column of the parent": (
        COUNTS, {"requests": {**REQUESTS, "issues_count": "{iid}/issues"}}, "requests",
        {**REQUESTS, "issues_count": "{iid}/issues"}, "paths below `path`",
    ),
    "a column that the schema lacks": (
        COUNTS, {"requests": {**REQUESTS, "epics_count": "epics_count"}}, "requests", "epics_count",
        "issues_count, merge_requests_count, new_members_count",
    ),
    "a column that is added": (
        COUNTS, {"requests": {**REQUESTS, "date": "date"}}, "requests", "date", "are not added",
    ),
    "a column that nothing brings": (
        COUNTS, {"requests": without("issues_count")}, "requests", [*without("issues_count")],
        "a request for issues_count",
    ),
    "a key that one of the requests brings": (
        COUNTS, {"requests": {**REQUESTS, "date": "date"}, "add": _DROP}, "key",
        ["group_id", "date"], "columns that are added",
    ),
    "many rows in each response": (
        COUNTS, {"rows": "counts"}, "rows", "counts", "one object with {}",
    ),
    "names and values in each response": (
        COUNTS, {"rows": {"key": "issues_count", "value": "merge_requests_count"}}, "rows",
        RowsOfMap("issues_count", "merge_requests_count"), "one object with {}",
    ),
    "a response that may be null": (COUNTS, {"absent": True}, "absent", True, "or not at all"),
    "a refusal that means nothing": (
        COUNTS, {"nothing": "404 Not Found"}, "nothing", "404 Not Found", "or not at all",
    ),
    "an object that may be hidden": (
        COUNTS, {"rows": "counts{}", "may_be_hidden": True}, "may_be_hidden", True, "or not at all",
    ),
    "a path that names no group": (
        COUNTS, {"query": _DROP}, "path", "/analytics/group_activity", "names it by slice.path",
    ),
    "a path that names no chosen group": (
        "issues", {"path": "/issues"}, "path", "/issues", "below the group or project",
    ),
    "a project that the slice of a group has not": (
        COUNTS, {"query": {"id": "slice.project_id"}}, "query", {"id": "slice.project_id"},
        "slice.path or slice.group_id",
    ),
    "a part of the slice that no query takes": (
        COUNTS, {"query": {"on": "slice.read_on"}}, "query", {"on": "slice.read_on"}, "slice.path",
    ),
    "a group of the whole instance": (
        DATED, {"query": {"group": "slice.group_id"}}, "query", {"group": "slice.group_id"},
        "for the kinds group, project",
    ),
    "a project of a list that is sought": (
        "deployments", {"query": {"project": "slice.project_id"}}, "query",
        {"project": "slice.project_id"}, "with the walks pages, keyset, object",
    ),
    "a counted list that its query names": (
        "releases", {"query": {"id": "slice.project_id"}}, "counted", "whole",
        "nothing, where the query names",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_it_is_refused(case: str) -> None:
    """With the stream, the attribute, what was found and what is allowed."""
    stream, attributes, attribute, found, allowed = WRONG[case]
    with pytest.raises(DeclarationError) as caught:
        build(changed(stream, attributes))
    assert (caught.value.stream, caught.value.attribute) == (stream, attribute)
    assert caught.value.found == found
    assert allowed in caught.value.allowed


def test_a_list_outside_the_groups_own_names_it_in_the_query() -> None:
    """By its path or by its id, whichever GitLab takes."""
    stream = build(declared())[COUNTS]
    assert stream.address("group", 10) == "analytics/group_activity"
    assert stream.parameters("group", 10, "acme/platform") == {"group_path": "acme/platform"}
    assert stream.is_named_by_path
    by_id = build(changed(COUNTS, {"query": {"group": "slice.group_id", "all": True}}))[COUNTS]
    assert by_id.parameters("group", 10, "acme/platform") == {"group": 10, "all": True}
    assert not by_id.is_named_by_path


def test_a_path_from_the_root_is_that_of_an_instance_anyway() -> None:
    """It is below /api/v4 with a slash and without one."""
    stream = build(changed(DATED, {"path": "/metadata"}))[DATED]
    assert stream.address("instance", 0) == build(declared())[DATED].address("instance", 0)


def test_each_request_is_documented_and_counted() -> None:
    """Whoever chooses a stream sees what it costs."""
    stream = build(declared())[COUNTS]
    assert cost(stream) == "three requests per group, daily"
    assert endpoints(stream) == [
        "GET /analytics/group_activity/issues_count",
        "GET /analytics/group_activity/merge_requests_count",
        "GET /analytics/group_activity/new_members_count",
    ]
    assert any("takes 3 requests" in sentence for sentence in reading(stream))
