"""A wrong declaration is refused when it is loaded, and says what is wrong with it."""

from __future__ import annotations

import statistics
from dataclasses import fields
from importlib import resources
from typing import Any

import jsonschema
import pytest

from source_gitlab.streams import Stream
from source_gitlab.streams.attributes import ATTRIBUTES
from source_gitlab.streams.declaration_error import DeclarationError
from source_gitlab.streams.declarations import AREAS, build, declared
from source_gitlab.streams.schema import SchemaError, parse, schemas
from source_gitlab.streams.schema import fields as columns_of
from tools.declarations_page import schema as editor_schema

_DROP = object()


def changed(stream: str, **attributes: Any) -> dict[str, dict[str, Any]]:
    """All declarations, one of them with other attributes; `_DROP` leaves one out."""
    found = declared()
    kept = {**found.get(stream, {}), **attributes}
    found[stream] = {name: value for name, value in kept.items() if value is not _DROP}
    return found


WRONG: dict[str, tuple[str, dict[str, Any], str, object, str]] = {
    "a parent that does not exist": (
        "merge_request_commits", {"parent": "merge_request"}, "parent", "merge_request", "a stream",
    ),
    "a stream that is its own parent": (
        "pipeline_trigger_jobs", {"parent": "pipeline_trigger_jobs"}, "parent",
        "pipeline_trigger_jobs", "not below this one",
    ),
    "a parent that is the selection": (
        "merge_request_commits", {"parent": "projects"}, "parent", "projects", "can be a parent",
    ),
    "rows of a parent without a place": (
        "merge_request_versions", {"walk": "derived", "path": _DROP}, "rows", None, "the path",
    ),
    "what may be hidden without a place": (
        "project_push_rules", {"may_be_hidden": True}, "rows", None, "the path of what may be",
    ),
    "jobs without their pipelines": ("jobs", {"gate": _DROP}, "gate", None, "pipelines"),
    "a gate of another kind": ("jobs", {"gate": "releases"}, "gate", "releases", "one of"),
    "a key that has many values": (
        "merge_requests", {"key": ["assignee_ids"]}, "key", "assignee_ids", "of the types",
    ),
    "a key that is yes or no": (
        "group_milestones", {"key": ["id", "expired"]}, "key", "expired", "of the types",
    ),
    "a parent whose rows have no address": (
        "merge_requests", {"item": _DROP, "gives": _DROP}, "item", None, "the address",
    ),
    "an object of a selection": (
        "group_milestones", {"walk": "object", "since": _DROP}, "walk", "object", "pages, seek",
    ),
    "a child that is read by seeking": (
        "merge_request_commits", {"walk": "seek"}, "walk", "seek", "pages, keyset, object",
    ),
    "counted by time where no row can be asked for": (
        "iterations", {"counted": "created_at"}, "counted", "created_at",
        "a time created_at and an item",
    ),
    "counted without a number": ("tags", {"counted": "whole"}, "counted", "whole", "pages, seek"),
    "counted where reads tell what is gone": (
        "environments", {"counted": "whole"}, "counted", "whole", "reads do not tell",
    ),
    "counted for the whole GitLab": (
        "topics", {"counted": "whole"}, "counted", "whole", "selection, group, project",
    ),
    "pages of an unknown kind": (
        "users", {"paging": "numbers"}, "paging", "numbers", "full, short, none",
    ),
    "a list that comes whole from a row on": (
        "branches", {"paging": "none"}, "paging", "none", "the walk pages",
    ),
    "a list that comes whole, and in pages since a version": (
        "project_approval_rules", {"paging": "none"}, "paged_since", [15, 3], "no version",
    ),
    "pages of one object": (
        "project_languages", {"paging": "short"}, "paging", "short", "pages, keyset",
    ),
    "several queries without seek": (
        "users", {"queries": [{}, {"active": True}]}, "queries", [{}, {"active": True}], "seek",
    ),
    "a single query": ("pipelines", {"queries": [{}]}, "queries", [{}], "two or more"),
    "an origin that is none": (
        "deployments", {"add": {"environment_name": "environments.name"}}, "add",
        "environments.name", "environment",
    ),
    "a column that the parent does not have": (
        "pipeline_trigger_jobs", {"add": {"pipeline_id": "parent.pipeline_id"}}, "add",
        "pipeline_id: parent.pipeline_id", "iid",
    ),
    "a part of the slice that there is not": (
        "users", {"add": {"project_id": "slice.group_id"}}, "add", "slice.group_id",
        "slice.project_id",
    ),
    "an added column that the schema lacks": (
        "users", {"add": {"user_name": "name"}}, "add", "user_name", "username",
    ),
    "a key column that is nowhere": (
        "users", {"key": ["project_id", "user_id"]}, "key", "user_id", "username",
    ),
    "a key that may be null": ("users", {"key": ["username"]}, "key", "username", "marks with !"),
    "a key that is the same in all rows of a list": (
        "users", {"key": ["project_id"]}, "key", ["project_id"], "differs between the rows",
    ),
    "a list inside an object with the key of one": (
        "project_issues_statistics", {"rows": "statistics.counts"}, "key", ["project_id", "date"],
        "differs between the rows",
    ),
    "a key that is one word": ("users", {"key": "id"}, "key", "id", "a list of columns"),
    "a cursor that nothing moves": (
        "users", {"cursor": "name", "refresh": _DROP}, "cursor", "name", "something moves",
    ),
    "a cursor that the walk does not order by": (
        "issues", {"cursor": "created_at"}, "cursor", "created_at", "updated_at",
    ),
    "a cursor of a child that no parent gives": (
        "merge_request_commits", {"cursor": "created_at"}, "cursor", "created_at", "parent gives",
    ),
    "a cursor that the schema lacks": (
        "group_milestones", {"cursor": "changed_at"}, "cursor", "changed_at", "updated_at",
    ),
    "a feature that no project has": (
        "issues", {"feature": "issue"}, "feature", "issue", "environments, feature_flags",
    ),
    "a brace that is no column of the parent": (
        "merge_request_commits", {"path": "{merge_request_iid}/commits"}, "path",
        "{merge_request_iid}", "iid",
    ),
    "an item with a brace that is no column": (
        "pipelines", {"item": "projects/{project_id}/pipelines/{pipeline_id}"}, "item",
        "{pipeline_id}", "iid",
    ),
    "a column given to children that there is not": (
        "merge_requests", {"gives": {"project_id": "project"}}, "gives", "project", "project_id",
    ),
    "a secret that is a column": ("users", {"drop": ["name"]}, "drop", "name", "never leave"),
    "a filter by a column that there is not": (
        "group_milestones", {"where_set": "group"}, "where_set", "group", "group_id",
    ),
    "a list that moves parents and is none": (
        "epic_issues", {"moved_by": {"stream": "boards", "parent": "epic"}}, "moved_by", "boards",
        "issues",
    ),
    "a column of it that holds no parent": (
        "epic_issues", {"moved_by": {"stream": "issues", "parent": "epics"}}, "moved_by", "epics",
        "epic",
    ),
    "containers of a stream that has one kind": (
        "users", {"containers": ["group"]}, "containers", ["group"], "selection",
    ),
    "a refresh that does not exist": ("users", {"refresh": "hourly"}, "refresh", "hourly", "daily"),
    "a refresh of what is read by value": (
        "deployments", {"refresh": "daily"}, "refresh", "daily", "pages, keyset, commits",
    ),
    "a tie-breaker of what is not read by value": (
        "users", {"tie_breaker": {"order_by": "id"}}, "tie_breaker", {"order_by": "id"}, "seek",
    ),
    "a filter of time for a child": (
        "merge_request_commits", {"since": "updated_after"}, "since", "updated_after", "project",
    ),
    "an attribute that does not exist": ("users", {"walks": "pages"}, "walks", "pages", "walk"),
    "a kind that does not exist": ("users", {"kind": "user"}, "kind", "user", "project"),
    "half a version": (
        "group_milestones", {"descendants_since": [16]}, "descendants_since", [16], "minor",
    ),
    "no page of documentation": ("users", {"doc": ""}, "doc", "", "a text"),
    "a stream without a schema": (
        "starrers", {"doc": "projects/#list-starrers"}, "name", "starrers", "with a schema",
    ),
    "a secret inside that is a field": (
        "project_events", {"drop": ["push_data.ref"]}, "drop", "push_data.ref", "never leave",
    ),
    "a secret inside nothing": (
        "project_events", {"drop": ["pushed.ref"]}, "drop", "pushed.ref", "push_data",
    ),
    "an address that is no text": (
        "project_hooks", {"redact": {"id": "host"}}, "redact", "id", "url",
    ),
    "a way to hide that there is not": (
        "project_hooks", {"redact": {"url": "all"}}, "redact", {"url": "all"}, "host or login",
    ),
    "parents with a value of no column": (
        "deployment_merge_requests", {"only": {"state": ["success"]}}, "only", "state", "status",
    ),
    "a dated key whose rows are replaced": (
        "instance_metadata", {"keeps": _DROP}, "keeps", None, "day of the read",
    ),
    "a walk by days without a filter": (
        "project_events", {"since": _DROP, "cursor": _DROP}, "since", None, "takes a day",
    ),
    "a sweep of parents that are not read by time": (
        "release_links", {"sweep": True}, "sweep", True, "read by seek",
    ),
    "a column taken that is added": (
        "deployment_merge_requests", {"takes": ["id", "deployment_id"]}, "takes", "deployment_id",
        "iid",
    ),
    "a part of the rows for a chosen list": (
        "issues", {"less_below": "owner"}, "less_below", "owner", "pages, keyset, days, graphql",
    ),
    "an offering that there is not": (
        "project_hooks", {"where": "saas"}, "where", "saas", "com, self",
    ),
    "a top of projects": (
        "iterations", {"containers": _DROP, "top_level": True}, "containers", None, "no top",
    ),
    "a top of a list that projects have": (
        "project_hooks", {"top_level": True}, "top_level", True, "selection, group",
    ),
    "words for nothing of a child": (
        "merge_request_notes", {"nothing": "404 Notes Not Found"}, "nothing", "404 Notes Not Found",
        "selection, group, project, instance",
    ),
    "words for nothing of what is sought": (
        "issues", {"nothing": "404 Issues Not Found"}, "nothing", "404 Issues Not Found",
        "pages, keyset, object",
    ),
    "a refusal that is none": (
        "group_billable_members", {"denied": 500}, "denied", 500, "400",
    ),
    "a refusal by what is sought": ("issues", {"denied": 400}, "denied", 400, "pages, keyset"),
    "an empty text that is no part of the key": (
        "group_saml_links", {"null_as_empty": ["member_role_id"]}, "null_as_empty",
        "member_role_id", "name, provider",
    ),
    "an empty text in place of what the slice gives": (
        "group_saml_links", {"null_as_empty": ["group_id"]}, "null_as_empty", "group_id",
        "that stand in GitLab's own row",
    ),
    "a span without an end": (
        "instance_audit_events", {"span": {"days": 30, "kept": 5500}}, "span.until", None,
        "upper bound",
    ),
    "a span without a start": (
        "instance_audit_events", {"since": _DROP, "cursor": _DROP}, "since", None, "lower bound",
    ),
    "an end that is a part of a query": (
        "group_dora_metrics", {"span": {"days": 90, "kept": 400, "until": "endDate"}}, "span.until",
        "endDate", "keyset only",
    ),
    "a span of a plain list": (
        "project_hooks", {"span": {"days": 30, "kept": 90}}, "span", {"days": 30, "kept": 90},
        "graphql, keyset",
    ),
    "a name that is no name": ("Users", {"doc": "users/"}, "name", "Users", "lower-case"),
}  # fmt: skip


def test_the_declarations_are_right() -> None:
    """They are what the cases below change in one place."""
    assert list(build(declared())) == list(declared())


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_declaration_is_refused(case: str) -> None:
    """With the stream, the attribute, what was found and what is allowed."""
    stream, attributes, attribute, found, allowed = WRONG[case]
    with pytest.raises(DeclarationError) as caught:
        build(changed(stream, **attributes))
    error = caught.value
    assert (error.attribute, error.found) == (attribute, found)
    assert allowed in error.allowed
    told = str(error)
    assert told.startswith(f"{error.stream}.{attribute}: ")
    assert repr(found) in told
    assert allowed in told


def test_a_path_of_a_child_may_begin_at_the_root() -> None:
    """Where its parent has two addresses, and this is the other one."""
    path = "/groups/{group_id}/epics/{id}/issues"
    stream = build(changed("epic_issues", path=path))["epic_issues"]
    assert (
        stream.address(parent={"group_id": 10, "id": 401, "iid": 1}) == "groups/10/epics/401/issues"
    )
    with pytest.raises(DeclarationError, match="epic_id"):
        build(changed("epic_issues", path="/groups/{group_id}/epics/{epic_id}/issues"))


def test_a_key_from_an_added_column_tells_rows_apart() -> None:
    """By where it stands in GitLab's own row, and not by how it is called."""
    releases = build(changed("releases", add={"tag_name": "commit.id"}))["releases"]
    assert releases.row_key == ("commit.id",)
    assert build(declared())["branches"].row_key == ("name",)
    assert build(declared())["merge_request_commits"].row_key == ("id",)


@pytest.mark.parametrize("line", ["", "text", "textual! Name.", "text!! Name.", 7, "text  Name."])
def test_a_line_of_a_schema(line: object) -> None:
    """A type must be followed by nothing, or by one space and a text."""
    if line == "text":
        assert parse(line, "x.y").description is None
        return
    if line == "textual! Name.":
        assert parse(line, "x.y").type == "textual"
        return
    with pytest.raises(SchemaError, match=r"^x\.y: found "):
        parse(line, "x.y")


def test_declarations_are_short() -> None:
    """Comments and blank lines do not count; an area is one file."""
    folder = resources.files("source_gitlab.streams").joinpath("declared")
    lengths: list[int] = []
    for area in AREAS:
        for line in folder.joinpath(f"{area}.yaml").read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                lengths += [0] if not line.startswith(" ") else []
                lengths[-1] += 1
    assert len(lengths) == len(declared())
    assert statistics.median(lengths) <= 6


def test_each_attribute_is_described() -> None:
    """One that is missing would be underlined as a mistake, one too many would do nothing."""
    shorthand = {"ids"}
    assert set(ATTRIBUTES) - shorthand == {one.name for one in fields(Stream)} - {
        "name",
        "area",
        "brings_every_parent",
    }


def test_editors_are_told_the_same() -> None:
    """The schema for editors takes the declarations and refuses values that loading refuses."""
    schema = editor_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    assert [error.message for error in validator.iter_errors(declared())] == []
    for name, attributes in (
        ("users", {"refresh": "hourly"}),
        ("users", {"walks": "pages"}),
        ("users", {"key": "id"}),
        ("group_milestones", {"descendants_since": [16]}),
    ):
        assert not validator.is_valid(changed(name, **attributes))


def test_every_schema_is_that_of_a_stream() -> None:
    """One that is not would be forgotten."""
    assert set(schemas()) == set(declared())
    assert all(columns_of(name) for name in declared())
