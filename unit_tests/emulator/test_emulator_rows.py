"""The emulator's rows: those that its world says, with every field that GitLab returns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.default_world import default_world
from integration_tests.support.emulated_lists import RECORDED, SHARED, WEB, walk

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

LISTS = {
    "group_members": "groups/{group_id}/members",
    "group_labels": "groups/{group_id}/labels",
    "group_issue_boards": "groups/{group_id}/boards",
    "epic_issues": "groups/{group_id}/epics/{epic_iid}/issues",
    "project_members": "projects/{project_id}/members",
    "project_labels": "projects/{project_id}/labels",
    "project_milestones": "projects/{project_id}/milestones",
    "branches": "projects/{project_id}/repository/branches",
    "tags": "projects/{project_id}/repository/tags",
    "releases": "projects/{project_id}/releases",
    "users": "projects/{project_id}/users",
    "deployments": "projects/{project_id}/deployments",
    "issues": "projects/{project_id}/issues",
    "merge_requests": "projects/{project_id}/merge_requests",
    "merge_request_commits": "projects/{project_id}/merge_requests/{merge_request_iid}/commits",
    "jobs": "projects/{project_id}/jobs",
    "pipeline_trigger_jobs": "projects/{project_id}/pipelines/{pipeline_id}/bridges",
}


@pytest.mark.parametrize("stream", LISTS)
def test_the_lists_hold_exactly_the_rows_that_the_world_says(
    gitlab: Emulator,
    stream: str,
) -> None:
    expected: dict[str, list[Any]] = {}
    for entry in gitlab.world(streams=stream)[stream]:
        path = LISTS[stream].format(**entry["parent"])
        expected.setdefault(path, []).append(entry["row"])
    assert expected
    for path, rows in expected.items():
        found = walk(gitlab, path, per_page=100)
        assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, rows)), path


def test_pipelines_take_two_lists_and_their_details_one_request_each(gitlab: Emulator) -> None:
    world = gitlab.world(streams="pipelines,pipelines_extended")
    wanted = {row["row"]["id"]: row["row"] for row in world["pipelines"]}
    found: dict[int, Any] = {}
    for project_id in {row["parent"]["project_id"] for row in world["pipelines"]}:
        ordinary = walk(gitlab, f"projects/{project_id}/pipelines")
        children = walk(gitlab, f"projects/{project_id}/pipelines", source="parent_pipeline")
        assert not {row["source"] for row in ordinary} & {"parent_pipeline"}
        found |= {row["id"]: row for row in ordinary + children}
    assert found == wanted
    for entry in world["pipelines_extended"][:5]:
        row = entry["row"]
        shown = gitlab.get(f"projects/{row['project_id']}/pipelines/{row['id']}").json()
        assert shown == row


def test_a_suite_of_tests_names_jobs_of_its_own_pipeline(gitlab: Emulator) -> None:
    world = gitlab.world(streams="jobs,pipeline_test_suites")
    pipelines = {entry["row"]["id"]: entry["row"]["pipeline"]["id"] for entry in world["jobs"]}
    suites = world["pipeline_test_suites"]
    assert suites
    for suite in suites:
        of = {pipelines[job_id] for job_id in suite["row"]["build_ids"]}
        assert of == {suite["parent"]["pipeline_id"]}


def test_two_builds_of_the_default_world_are_equal() -> None:
    one, other = default_world(), default_world()
    assert [row.own_facts for row in one.issues] == [row.own_facts for row in other.issues]
    assert one.repositories[WEB].branches == other.repositories[WEB].branches


def paths(value: object, prefix: str = "") -> set[str]:
    if isinstance(value, dict):
        inner = [paths(below, f"{prefix}{name}.") for name, below in value.items()]
        return {f"{prefix}{name}" for name in value}.union(*inner)
    if isinstance(value, list):
        return set().union(*(paths(one, prefix) for one in value))
    return set()


NOT_IN_LISTS = "only where a single one is asked for, which no stream does"
OLD = "gone from GitLab, or renamed, since the sample was written"
NOT_OURS = "belongs to a part of GitLab that the default world does not use"
ACCEPTED = {
    "groups": {"statistics": "for administrators only"},
    "projects": {},
    "project_members": {"group_saml_identity.": NOT_OURS},
    "releases": {"evidence_sha": OLD, "assets.evidence_file_path": OLD},
    "commits": {
        "last_pipeline": NOT_IN_LISTS,
        "status": NOT_IN_LISTS,
        "project_id": NOT_IN_LISTS,
        "url": OLD,
    },
    "issues": {"subscribed": NOT_IN_LISTS},
    "merge_requests": dict.fromkeys(
        (
            "changes_count",
            "diff_refs",
            "diverged_commits_count",
            "first_contribution",
            "first_deployed_to_production_at",
            "head_pipeline",
            "latest_build_finished_at",
            "latest_build_started_at",
            "merge_error",
            "pipeline",
            "subscribed",
            "user",
        ),
        NOT_IN_LISTS,
    )
    | dict.fromkeys(
        ("author.email", "author.created_at", "assignee.email", "assignee.created_at"), OLD
    ),
    "jobs": {"project.": "shown to administrators only", "user.bio_html": OLD},
    "pipeline_trigger_jobs": {
        "artifacts_expire_at": "the recorded row was derived from a build's",
        "artifacts": "the recorded row was derived from a build's",
        "runner": "the recorded row was derived from a build's",
        "user.bio_html": OLD,
    },
}
SAMPLES = {
    "groups": (
        "groups/13?with_custom_attributes=true",
        ["groups/10", "groups/11"],
        ["gitlab4j/group"],
        None,
    ),
    "projects": (
        "projects/101?statistics=true&license=true&with_custom_attributes=true",
        ["projects/109", "projects/110"],
        ["gitlab4j/project"],
        None,
    ),
    "group_milestones": ("groups/10/milestones", [], ["gitlab4j/milestone-group"], None),
    "project_milestones": ("projects/101/milestones", [], ["gitlab4j/milestone"], None),
    "project_members": ("projects/101/members", [], ["gitlab4j/members"], "users"),
    "project_labels": ("projects/101/labels?with_counts=true", [], ["gitlab4j/labels"], None),
    "group_issue_boards": ("groups/10/boards", [], ["gitlab4j/group-board"], None),
    "epics": ("groups/10/epics", [], ["gitlab4j/epic"], None),
    "epic_issues": (
        "groups/10/epics/1/issues",
        ["groups/11/epics/1/issues", "groups/10/epics/2/issues"],
        ["gitlab4j/epic-issue"],
        None,
    ),
    "branches": (
        "projects/101/repository/branches",
        [],
        ["gitlab4j/branch", "go-gitlab/get_branch", "go-gitlab/list_branches"],
        None,
    ),
    "tags": ("projects/101/repository/tags", [], ["gitlab4j/tag"], None),
    "releases": (
        "projects/101/releases?include_html_description=true",
        [],
        ["gitlab4j/releases"],
        None,
    ),
    "users": ("projects/101/users", [], ["gitlab4j/project-users"], None),
    "deployments": ("projects/101/deployments", [], ["gitlab4j/deployment"], "deployments"),
    "commits": (
        "projects/101/repository/commits?with_stats=true",
        [],
        ["gitlab4j/commit", "go-gitlab/get_commit"],
        None,
    ),
    "issues": ("projects/101/issues?per_page=100", [], ["gitlab4j/issue"], "issues"),
    "merge_requests": (
        "projects/101/merge_requests?per_page=100",
        [],
        ["gitlab4j/merge-request", "go-gitlab/get_merge_requests", "go-gitlab/get_merge_request"],
        "merge_requests",
    ),
    "merge_request_commits": (
        "projects/101/merge_requests/3/commits",
        [],
        [],
        "merge_request_commits",
    ),
    "pipelines": ("projects/101/pipelines", [], [], "pipeline"),
    "pipelines_extended": (
        "projects/101/pipelines/9001",
        [],
        ["gitlab4j/pipeline"],
        "pipeline_details",
    ),
    "jobs": ("projects/101/jobs?per_page=100", [], ["gitlab4j/job"], "job"),
    "pipeline_trigger_jobs": (
        "projects/101/pipelines/9003/bridges",
        [],
        ["gitlab4j/bridge"],
        "trigger_job",
    ),
}


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not here")
@pytest.mark.parametrize("stream", SAMPLES)
def test_every_field_that_gitlab_returns_is_returned(gitlab: Emulator, stream: str) -> None:
    url, more, samples, recorded = SAMPLES[stream]
    ours: set[str] = set()
    for one in (url, *more):
        ours |= paths(gitlab.get(one).json())
    theirs: set[str] = set()
    for name in samples:
        theirs |= paths(json.loads((SHARED / "samples" / f"{name}.json").read_text()))
    if recorded:
        for line in (RECORDED / f"{recorded}.jsonl").read_text().splitlines():
            theirs |= paths(json.loads(line)["data"])
    accepted = ACCEPTED.get(stream, {})
    missing = {
        name
        for name in theirs - ours
        if not any(name == one or name.startswith(f"{one.rstrip('.')}.") for one in accepted)
    }
    assert not missing, f"{stream} lacks {sorted(missing)}"
