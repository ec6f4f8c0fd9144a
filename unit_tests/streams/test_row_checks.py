"""A declaration by which rows would be lost, or be mistaken for others, is refused."""

from __future__ import annotations

from typing import Any

import pytest

from source_gitlab.streams.declaration_error import DeclarationError
from source_gitlab.streams.declarations import build, declared

_DROP = None
PROBE = {
    "field": "pipeline",
    "by": "iid",
    "of": {"status": ["success"]},
    "rows": "jobs(jobKind: BRIDGE, first: 1)",
    "proof": "jobs(first: 1)",
}
LANGUAGES = {"key": "language", "value": "share"}

WRONG: dict[str, tuple[str, dict[str, Any], str, object, str]] = {
    "a list of each project in every read": (
        "freeze_periods", {"refresh": _DROP}, "refresh", None, "of every project in every read",
    ),
    "an object of each group in every read": (
        "group_push_rules", {"refresh": _DROP}, "refresh", None, "of every group in every read",
    ),
    "figures of all days in one row": (
        "project_storage_statistics", {"key": ["project_id"], "add": _DROP}, "key", ["project_id"],
        "a date among them",
    ),
    "a key with the time of the read": (
        "group_protected_environments", {"add": {"group_id": "slice.read_at"}}, "key",
        ["group_id", "name"], "leaves as they are",
    ),
    "a key that moves with the parent": (
        "pipeline_test_suites", {"cursor": "pipeline_id"}, "key", ["pipeline_id", "name"],
        "leaves as they are",
    ),
    "a key without its secrets": (
        "group_protected_environments", {"redact": {"name": "host"}}, "redact", "name",
        "identify no row",
    ),
    "rows by a column that they get later": (
        "group_milestones", {"where_set": "group_id", "add": {"group_id": "slice.group_id"}},
        "where_set", "group_id", "GitLab's own row",
    ),
    "columns without the key": (
        "deployment_merge_requests", {"takes": ["iid"]}, "takes", ["iid"], "a list that has id",
    ),
    "two languages with one share": (
        "project_languages", {"rows": {"key": "share", "value": "language"}}, "key",
        ["project_id", "language"], "two names may have one value",
    ),
    "a value of no column": (
        "project_languages", {"rows": {**LANGUAGES, "value": "percent"}}, "rows", "percent",
        "language",
    ),
    "one address of all rows": (
        "pipelines", {"item": "projects/{project_id}/pipelines"}, "item",
        "projects/{project_id}/pipelines", "tells one row from the others",
    ),
    "one list of all parents": (
        "pipeline_variables", {"path": "/projects/{project_id}/variables"}, "path",
        "projects/{project_id}/variables", "a column of the parent",
    ),
    "a value that no parent has": (
        "runner_details", {"only": {"is_shared": ["false"]}}, "only", {"is_shared": ["false"]},
        "the type boolean",
    ),
    "an object by which parents are chosen": (
        "pipeline_schedule_details", {"only": {"owner": [1]}}, "only", {"owner": [1]},
        "the type json",
    ),
    "a probe by a column that parents lack": (
        "pipeline_trigger_jobs", {"probe": {**PROBE, "by": "number"}}, "probe", "number", "iid",
    ),
    "a probe of a value that no parent has": (
        "pipeline_trigger_jobs", {"probe": {**PROBE, "of": {"status": [1]}}}, "probe",
        {"status": [1]}, "the type text",
    ),
    "a probe of rows of a group": (
        "merge_request_commits", {"probe": {**PROBE, "of": {"state": ["merged"]}}}, "probe",
        "pipeline", "lists of each project",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_it_is_refused(case: str) -> None:
    """With the stream, the attribute, what was found and what is allowed."""
    stream, attributes, attribute, found, allowed = WRONG[case]
    written = declared()
    changed = {**written[stream], **attributes}
    written[stream] = {name: one for name, one in changed.items() if one is not _DROP}
    with pytest.raises(DeclarationError) as caught:
        build(written)
    assert (caught.value.stream, caught.value.attribute) == (stream, attribute)
    assert caught.value.found == found
    assert allowed in caught.value.allowed
