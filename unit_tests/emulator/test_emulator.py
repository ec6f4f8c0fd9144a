"""The GitLab emulator does what GitLab does: asked over HTTP, in a process of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from integration_tests.gitlab import auth, oauth
from integration_tests.gitlab.clock import moment, stamp
from integration_tests.gitlab.default_world import default_world
from integration_tests.gitlab.launch import Emulator, EmulatorError
from integration_tests.gitlab.recorded import expected_counts, recorded_world

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = Path(__file__).resolve().parents[3] / "shared"
RECORDED = SHARED / "recorded"
needs_recorded = pytest.mark.skipif(not RECORDED.is_dir(), reason="../shared is not here")

WEB, API, LEGACY, NO_CI, NO_REPOSITORY, EMPTY, PROBE, DOTFILES = (
    101,
    102,
    104,
    105,
    106,
    107,
    109,
    110,
)
SECOND = 1_000_000


@pytest.fixture(scope="module")
def process() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def gitlab(process: Emulator) -> Emulator:
    process.reset()
    return process


def next_link(response: requests.Response) -> str | None:
    return response.links.get("next", {}).get("url")


def walk(gitlab: Emulator, path: str, **params: object) -> list[Any]:
    """Every row of a list, by following rel=next and nothing else."""
    rows: list[Any] = []
    response = gitlab.get(path, params)
    for _ in range(100):
        assert response.status_code == 200, response.text
        rows += response.json()
        following = next_link(response)
        if following is None:
            return rows
        response = requests.get(
            following,
            headers={"private-token": gitlab.token},
            timeout=60,
        )
    message = f"{path} has no end"
    raise AssertionError(message)


# Every stream's rows


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


def test_two_builds_of_the_default_world_are_equal() -> None:
    one, other = default_world(), default_world()
    assert [row.own_facts for row in one.issues] == [row.own_facts for row in other.issues]
    assert one.repositories[WEB].branches == other.repositories[WEB].branches


# Fields


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


# Names and scopes


def test_ids_and_paths_in_any_letter_case_name_the_same_group_and_project(
    gitlab: Emulator,
) -> None:
    for name in ("11", "acme%2Fplatform", "ACME%2fPlatform"):
        assert gitlab.get(f"groups/{name}").json()["id"] == 11
    for name in ("102", "acme%2Fplatform%2Fapi", "Acme%2FPlatform%2FAPI"):
        assert gitlab.get(f"projects/{name}").json()["id"] == API
    assert gitlab.get("groups/none").json() == {"message": "404 Group Not Found"}
    missing = gitlab.get("projects/acme%2Fnone")
    assert (missing.status_code, missing.json()) == (404, {"message": "404 Project Not Found"})


def test_what_the_token_may_not_see_is_not_there(gitlab: Emulator) -> None:
    assert gitlab.get("groups/30").status_code == 404
    assert gitlab.get("projects/111").status_code == 404
    assert 111 not in {row["id"] for row in walk(gitlab, "projects")}
    assert gitlab.get("projects/111", token=auth.STRANGER).status_code == 200


def test_a_moved_and_a_renamed_project_redirect_to_the_id(gitlab: Emulator) -> None:
    gitlab.mutate("move_project", id=API, group_id=20)
    gitlab.mutate("rename_project", id=WEB, path="shop")
    moved = gitlab.get("projects/acme%2Fplatform%2Fapi/issues", page=2)
    assert moved.status_code == 301
    assert moved.headers["location"].endswith(f"/api/v4/projects/{API}/issues?page=2")
    assert gitlab.get("projects/acme%2Fweb").headers["location"].endswith(f"/projects/{WEB}")
    assert gitlab.get("projects/acme%2Fshop").json()["path_with_namespace"] == "acme/shop"
    rows = walk(gitlab, "groups/20/issues")
    assert {row["references"]["full"].split("#")[0] for row in rows} >= {"public-works/api"}


def test_shared_projects_are_listed_unless_told_otherwise(gitlab: Emulator) -> None:
    rows = walk(gitlab, "groups/10/projects", include_subgroups=True)
    assert PROBE in {row["id"] for row in rows}
    rows = walk(gitlab, "groups/10/projects", include_subgroups=True, with_shared=False)
    assert PROBE not in {row["id"] for row in rows}
    assert LEGACY in {row["id"] for row in rows}, "lists of projects hold archived ones"


@pytest.mark.parametrize("kind", ["issues", "merge_requests"])
def test_group_and_instance_lists_leave_archived_projects_out(
    gitlab: Emulator,
    kind: str,
) -> None:
    assert LEGACY not in {row["project_id"] for row in walk(gitlab, f"groups/10/{kind}")}
    rows = walk(gitlab, f"groups/10/{kind}", non_archived=False)
    assert LEGACY in {row["project_id"] for row in rows}
    assert walk(gitlab, f"projects/{LEGACY}/{kind}")
    mine = walk(gitlab, kind, non_archived=False)
    assert {row["author"]["id"] for row in mine} == {1}, "scope is created_by_me"
    assert len(walk(gitlab, kind, non_archived=False, scope="all")) > len(mine)


def test_what_is_switched_off_answers_as_gitlab_does(gitlab: Emulator) -> None:
    for path in ("pipelines", "jobs", "pipelines/1"):
        assert gitlab.get(f"projects/{NO_CI}/{path}").status_code == 403
    for path in ("branches", "tags", "commits"):
        found = gitlab.get(f"projects/{NO_REPOSITORY}/repository/{path}")
        assert (found.status_code, found.json()) == (404, {"message": "404 Repository Not Found"})
        assert gitlab.get(f"projects/{EMPTY}/repository/{path}").json() == []
    assert gitlab.get("projects/112/issues").json() == []
    assert gitlab.get("projects/112/merge_requests").status_code == 403
    for setting, status in (("403", 403), ("404", 404), ("empty", 200)):
        gitlab.settings(epics=setting)
        assert gitlab.get("groups/10/epics").status_code == status
    assert gitlab.get("groups/10/epics").json() == []


def test_a_single_group_embeds_projects_and_tells_owners_the_runners_token(
    gitlab: Emulator,
) -> None:
    group = gitlab.get("groups/10").json()
    assert group["runners_token"]
    assert {row["id"] for row in group["projects"]} == {WEB, LEGACY}
    assert "projects" not in gitlab.get("groups/10", with_projects=False).json()
    assert "runners_token" not in gitlab.get("groups/20").json()
    assert [row["id"] for row in gitlab.get("groups/11").json()["shared_projects"]] == [PROBE]


def test_group_milestones_hold_those_of_projects_since_16_7(gitlab: Emulator) -> None:
    rows = walk(gitlab, "groups/10/milestones", include_descendants=True)
    assert {"group_id" in row for row in rows} == {True, False}
    gitlab.settings(version="16.6.9")
    rows = walk(gitlab, "groups/10/milestones", include_descendants=True)
    assert {row["group_id"] for row in rows} == {10}
    after = max(row["updated_at"] for row in rows)
    assert len(walk(gitlab, "groups/10/milestones", updated_after=after)) == 1


# Filters and order


def test_times_are_cut_to_milliseconds_and_filtered_in_full_inclusively(
    gitlab: Emulator,
) -> None:
    made = gitlab.mutate(
        "create",
        table="issues",
        project_id=WEB,
        updated_at="2025-03-01T00:00:00.000999Z",
    )[0]

    def found(**bounds: str) -> bool:
        rows = walk(gitlab, f"projects/{WEB}/issues", **bounds)
        return made in {row["id"] for row in rows}

    row = next(one for one in walk(gitlab, f"projects/{WEB}/issues") if one["id"] == made)
    assert row["updated_at"] == "2025-03-01T00:00:00.000Z"
    assert found(updated_after="2025-03-01T00:00:00.000Z")
    assert found(updated_after="2025-03-01T00:00:00.000999Z")
    assert not found(updated_after="2025-03-01T00:00:00.001Z")
    assert found(updated_before="2025-03-01T00:00:00.000999Z", updated_after="2025-01-01")
    assert not found(updated_before="2025-03-01T00:00:00.000Z", updated_after="2025-01-01")
    assert found(updated_after="2025-03-01T08:00:00+08:00")
    bad = gitlab.get(f"projects/{WEB}/issues", updated_after="yesterday")
    assert (bad.status_code, bad.json()) == (400, {"error": "updated_after is invalid"})


def test_issues_break_ties_by_id_descending_in_both_directions(gitlab: Emulator) -> None:
    ids = gitlab.mutate(
        "create",
        table="issues",
        project_id=WEB,
        count=3,
        updated_at="2026-01-01T00:00:00Z",
    )
    for sort in ("asc", "desc"):
        rows = walk(gitlab, f"projects/{WEB}/issues", order_by="updated_at", sort=sort)
        times = [moment(row["updated_at"]) for row in rows]
        assert times == sorted(times, reverse=sort == "desc")
        assert [row["id"] for row in rows if row["id"] in ids] == sorted(ids, reverse=True)


def test_pipelines_with_equal_times_are_lost_and_doubled_by_page_numbers(
    gitlab: Emulator,
) -> None:
    seen: Counter[int] = Counter()
    for page in range(1, 12):
        rows = gitlab.get(
            f"projects/{WEB}/pipelines",
            order_by="updated_at",
            sort="asc",
            per_page=2,
            page=page,
        ).json()
        seen.update(row["id"] for row in rows)
    everything = {row["id"] for row in walk(gitlab, f"projects/{WEB}/pipelines")}
    assert max(seen.values()) > 1
    assert set(seen) < everything
    again = gitlab.get(
        f"projects/{WEB}/pipelines",
        order_by="updated_at",
        sort="asc",
        per_page=100,
    )
    assert {row["id"] for row in again.json()} == everything


def test_a_pipeline_without_updated_at_passes_no_filter_of_times(gitlab: Emulator) -> None:
    rows = walk(gitlab, f"projects/{WEB}/pipelines")
    untouched = {row["id"] for row in rows if row["updated_at"] is None}
    assert untouched
    rows = walk(gitlab, f"projects/{WEB}/pipelines", updated_after="2000-01-01")
    assert not untouched & {row["id"] for row in rows}


@pytest.mark.parametrize("path", [f"projects/{WEB}/deployments", "projects"])
def test_a_filter_of_times_must_be_paired_with_its_order(gitlab: Emulator, path: str) -> None:
    refused = gitlab.get(path, updated_after="2020-01-01")
    assert refused.status_code == 400
    assert "must be paired" in refused.json()["message"]
    assert walk(gitlab, path, updated_after="2020-01-01", order_by="updated_at", sort="asc")


def test_releases_take_filters_of_times_though_no_page_says_so(gitlab: Emulator) -> None:
    gitlab.mutate("update", table="releases", id=602, updated_at="2026-02-02T00:00:00Z")
    rows = walk(gitlab, f"projects/{WEB}/releases", updated_after="2026-01-01")
    assert [row["tag_name"] for row in rows] == ["v1.1"]


def test_values_that_look_like_numbers_are_strings(gitlab: Emulator) -> None:
    names = {row["name"] for row in walk(gitlab, f"projects/{WEB}/repository/branches")}
    assert {"1.10", "1e5"} <= names
    rows = walk(gitlab, f"projects/{WEB}/deployments")
    assert {"1.10", "1e5"} <= {row["environment"]["name"] for row in rows}
    assert "12345" in {row["user"]["username"] for row in rows}


def test_two_projects_have_refs_of_equal_names_and_different_content(gitlab: Emulator) -> None:
    for path, column in (
        ("repository/branches", "name"),
        ("repository/tags", "name"),
        ("releases", "tag_name"),
    ):
        one, other = (
            {row[column]: row["commit"]["id"] for row in walk(gitlab, f"projects/{project}/{path}")}
            for project in (WEB, API)
        )
        shared = set(one) & set(other)
        assert shared
        assert all(one[name] != other[name] for name in shared)


# Commits


def test_commits_follow_the_graph(gitlab: Emulator) -> None:
    path = f"projects/{WEB}/repository/commits"
    old = gitlab.get(path, per_page=1).json()[0]["id"]
    pushed = gitlab.mutate("push_commits", project_id=WEB, count=3)
    rows = walk(gitlab, path, ref_name=f"{old}..main")
    assert [row["id"] for row in rows] == pushed[::-1]
    side = gitlab.mutate(
        "push_commits",
        project_id=WEB,
        branch="side",
        start=old,
        committed_at="2020-01-01",
    )
    assert [row["id"] for row in walk(gitlab, path, ref_name="main..side")] == side
    assert walk(gitlab, path, ref_name=side[0][:10])[0]["id"] == side[0]
    assert side[0] in {row["id"] for row in walk(gitlab, path, all=True)}
    assert side[0] not in {row["id"] for row in walk(gitlab, path)}
    rows = walk(gitlab, path, ref_name="v1.0", with_stats=True)
    assert (
        rows[0]["stats"]["total"] == rows[0]["stats"]["additions"] + rows[0]["stats"]["deletions"]
    )
    assert gitlab.get(path, ref_name="nowhere").status_code == 404
    gitlab.settings(unknown_ref="400")
    assert gitlab.get(path, ref_name="nowhere").status_code == 400


def test_commits_are_named_as_in_git(gitlab: Emulator) -> None:
    path = f"projects/{WEB}/repository/commits"

    def named(revision: str) -> str | int:
        answer = gitlab.get(path, ref_name=revision, per_page=1)
        return str(answer.json()[0]["id"]) if answer.status_code == 200 else answer.status_code

    old = "5eed" + gitlab.get(path, per_page=1).json()[0]["id"][4:]
    gitlab.mutate("push_commits", project_id=WEB, sha=old)
    pushed = gitlab.mutate("push_commits", project_id=WEB, count=2)
    assert {named(old[:digits]) for digits in (12, 40)} == {old}
    assert named(f"v1.0-7-g{old[:12]}") == old
    assert named(old[:3]) == 404
    for start in (old[:12], f"head-0-g{old[:12]}"):
        rows = walk(gitlab, path, ref_name=f"{start}..{pushed[1]}")
        assert [row["id"] for row in rows] == pushed[::-1]

    gitlab.mutate("create_tag", project_id=WEB, tag=old[:12])
    assert named(old[:12]) == pushed[1], "a ref goes before an abbreviation"
    assert named(f"head-0-g{old[:12]}") == old
    gitlab.mutate("create_branch", project_id=WEB, branch=old)
    assert named(old) == old, "a whole id goes before a ref"

    twin = old[:12] + "0" * 28
    gitlab.mutate("push_commits", project_id=WEB, branch="twin", sha=twin)
    assert named(f"head-0-g{old[:12]}") == 404
    assert gitlab.get(path, ref_name=f"head-0-g{old[:12]}..{pushed[1]}").status_code == 404
    assert named(old) == old
    assert named(twin[:14]) == twin


def test_a_date_never_finds_what_lies_behind_an_old_commit(gitlab: Emulator) -> None:
    path = f"projects/{WEB}/repository/commits"
    gitlab.mutate("push_commits", project_id=WEB, branch="x", committed_at="2025-06-01T00:00:00Z")
    gitlab.mutate("push_commits", project_id=WEB, branch="x", committed_at="2010-01-01T00:00:00Z")
    assert walk(gitlab, path, ref_name="x", since="2025-06-01T00:00:00Z") == []
    late = gitlab.mutate(
        "push_commits",
        project_id=WEB,
        branch="x",
        committed_at="2025-07-01T00:00:00Z",
    )
    rows = walk(gitlab, path, ref_name="x", since="2025-07-01T00:00:00Z")
    assert [row["id"] for row in rows] == late, "since is inclusive"


def test_a_forced_push_keeps_the_old_commits_until_garbage_is_collected(
    gitlab: Emulator,
) -> None:
    path = f"projects/{API}/repository/commits"
    gitlab.mutate("push_commits", project_id=API, branch="x", count=2)
    old = gitlab.get(path, ref_name="x", per_page=1).json()[0]["id"]
    made = gitlab.mutate("force_push", project_id=API, branch="x", back=1, count=2)
    rows = walk(gitlab, path, ref_name=f"{old}..x")
    assert [row["id"] for row in rows] == made[::-1]
    assert gitlab.mutate("collect_garbage", project_id=API)["commits"] > 0
    assert gitlab.get(path, ref_name=f"{old}..x").status_code == 404


# Paging


def test_offset_pages_have_links_and_totals(gitlab: Emulator) -> None:
    page = gitlab.get("groups/10/issues", per_page=30, page=2, non_archived="false")
    assert len(page.json()) == 30
    assert page.headers["x-page"] == "2"
    assert page.headers["x-next-page"] == "3"
    assert page.headers["x-prev-page"] == "1"
    assert page.headers["x-per-page"] == "30"
    assert page.headers["x-total"] == "86"
    assert page.headers["x-total-pages"] == "3"
    assert set(page.links) == {"prev", "next", "first", "last"}
    echoed = parse_qs(urlsplit(page.links["next"]["url"]).query)
    assert echoed["order_by"] == ["created_at"]
    assert echoed["id"] == ["10"]
    assert echoed["non_archived"] == ["false"]
    last = gitlab.get("groups/10/issues", per_page=30, page=3, non_archived="false")
    assert last.headers["x-next-page"] == ""
    assert "next" not in last.links
    assert len(gitlab.get("projects/101/issues").json()) == 20
    capped = gitlab.get("projects/101/issues", per_page=1000)
    assert capped.headers["x-per-page"] == "100"
    assert gitlab.get("projects/101/issues", per_page=0).status_code == 400


def test_large_lists_have_no_totals(gitlab: Emulator) -> None:
    gitlab.settings(count_limit=40)
    page = gitlab.get("projects/101/issues")
    assert not {"x-total", "x-total-pages"} & set(page.headers)
    assert "last" not in page.links
    assert "next" in page.links
    for path in ("projects/101/jobs", "projects/101/repository/commits"):
        gitlab.settings(count_limit=10_000)
        page = gitlab.get(path)
        assert "x-total" not in page.headers
        assert "next" in page.links


def test_the_next_page_of_commits_is_claimed_by_a_full_page(gitlab: Emulator) -> None:
    path, params = "projects/104/repository/commits", {"ref_name": "main", "per_page": 3}
    full = gitlab.get(path, params)
    assert len(full.json()) == 3
    assert full.headers["x-next-page"] == "2"
    assert gitlab.get(path, page=2, params=params).json() == []


def test_offset_paging_ends_at_the_limit(gitlab: Emulator) -> None:
    gitlab.settings(offset_limit=40)
    for path, kind in (("projects", "Project"), ("projects/101/jobs", "Ci::Build")):
        assert gitlab.get(path, page=2).status_code == 200
        refused = gitlab.get(path, page=3)
        assert refused.status_code == 405
        assert refused.json()["error"].startswith(
            "Offset pagination has a maximum allowed offset of 40 for requests that return "
            f"objects of type {kind}.",
        )
    assert gitlab.get("projects/101/issues", page=3).status_code == 200


def test_keyset_of_projects_ends_with_an_empty_page(gitlab: Emulator) -> None:
    params = {"pagination": "keyset", "order_by": "id", "sort": "asc", "per_page": 4}
    page = gitlab.get("projects", params=params)
    assert "id_after" in (next_link(page) or "")
    assert not [name for name in page.headers if name.lower().startswith("x-page")]
    rows = walk(gitlab, "projects", **params)
    assert [row["id"] for row in rows] == sorted(
        row["id"] for row in walk(gitlab, "projects", per_page=100)
    )
    refused = gitlab.get("projects", pagination="keyset", order_by="name")
    assert refused.status_code == 405
    assert refused.json() == {
        "error": "Keyset pagination is not yet available for this type of request",
    }
    assert gitlab.get("projects?id_after=").status_code == 500


def test_keyset_of_jobs_takes_one_order_only(gitlab: Emulator) -> None:
    path, params = "projects/101/jobs", {"pagination": "keyset", "order_by": "id", "sort": "desc"}
    page = gitlab.get(path, per_page=7, params=params)
    assert "cursor=" in (next_link(page) or "")
    assert "x-page" not in page.headers
    ids = [row["id"] for row in walk(gitlab, path, per_page=7, **params)]
    assert ids == sorted(ids, reverse=True)
    assert ids == [row["id"] for row in walk(gitlab, path, per_page=100)]
    assert gitlab.get(path, params | {"sort": "asc"}).status_code == 405
    assert gitlab.get(path, pagination="keyset").status_code == 405
    assert gitlab.get(path, cursor="nonsense", params=params).status_code == 400


@pytest.mark.parametrize("kind", ["branches", "tags"])
def test_keyset_of_refs_goes_by_name(gitlab: Emulator, kind: str) -> None:
    path = f"projects/{WEB}/repository/{kind}"
    params = {"pagination": "keyset", "order_by": "name", "sort": "asc"}
    if kind == "branches":
        params = {"pagination": "keyset"}
    names = [row["name"] for row in walk(gitlab, path, per_page=100)]
    rows = walk(gitlab, path, per_page=2, **params)
    assert [row["name"] for row in rows] == sorted(names)
    page = gitlab.get(path, params, per_page=len(names))
    assert next_link(page) is not None, "a full page always has a link"
    assert gitlab.get(next_link(page).split("/api/v4/")[1]).json() == []  # type: ignore[union-attr]
    assert gitlab.get(path, page_token="nowhere", params=params).status_code == 422


def test_the_first_page_of_branches_always_claims_a_second(gitlab: Emulator) -> None:
    page = gitlab.get(f"projects/{WEB}/repository/branches", per_page=100)
    assert page.headers["x-next-page"] == "2"
    second = gitlab.get(f"projects/{WEB}/repository/branches", per_page=100, page=2)
    assert second.json() == []
    assert second.headers["x-next-page"] == ""


def test_a_short_page_is_not_the_last_one(gitlab: Emulator) -> None:
    gitlab.mutate("unreadable", table="issues", every=3)
    page = gitlab.get(f"projects/{WEB}/issues")
    assert len(page.json()) < 20
    assert page.headers["x-next-page"] == "2"
    assert page.headers["x-total"] == "45"
    rows = walk(gitlab, f"projects/{WEB}/issues")
    assert len(rows) == 30
    expected = gitlab.world(streams="issues", projects=str(WEB))["issues"]
    assert len(expected) == len(rows)


def test_links_can_name_another_host_as_behind_a_proxy(gitlab: Emulator) -> None:
    gitlab.settings(link_url="http://inside.example:8080")
    link = next_link(gitlab.get("projects/101/issues"))
    assert link is not None
    assert link.startswith("http://inside.example:8080/api/v4/projects/101/issues?")


# A world that changes


def test_a_touch_moves_a_row_once_a_minute_at_most(gitlab: Emulator) -> None:
    gitlab.clock(set="2026-05-01T12:00:00Z", frozen=True)
    issue = gitlab.mutate("create", table="issues", project_id=WEB)[0]
    gitlab.clock(advance=60)
    assert gitlab.mutate("touch", table="issues", id=issue)["moved"] is False
    gitlab.clock(advance=1)
    assert gitlab.mutate("touch", table="issues", id=issue)["moved"] is True
    rows = walk(gitlab, f"projects/{WEB}/issues", updated_after="2026-05-01T12:01:00Z")
    assert [row["updated_at"] for row in rows] == ["2026-05-01T12:01:01.000Z"]
    assert gitlab.get("version").headers["date"] == "Fri, 01 May 2026 12:01:01 GMT"


def test_a_release_touches_its_project_each_time_that_it_changes(gitlab: Emulator) -> None:
    def updated_at() -> str:
        return str(gitlab.get(f"projects/{WEB}").json()["updated_at"])

    gitlab.clock(set="2026-05-01T12:00:00Z", frozen=True)
    release = gitlab.mutate("create", table="releases", project_id=WEB)[0]
    assert updated_at() == "2026-05-01T12:00:00.000Z"
    gitlab.clock(advance=1)
    gitlab.mutate("update", table="releases", id=release, set={"name": "changed"})
    assert updated_at() == "2026-05-01T12:00:01.000Z"
    gitlab.clock(advance=1)
    gitlab.mutate("delete", table="releases", id=release)
    assert updated_at() == "2026-05-01T12:00:02.000Z"
    order = {"order_by": "updated_at", "sort": "desc"}
    assert gitlab.get("groups/10/projects", params=order).json()[0]["id"] == WEB
    gitlab.clock(advance=1)
    gitlab.mutate("create", table="labels", project_id=WEB)
    assert updated_at() == "2026-05-01T12:00:02.000Z"
    # A transaction that began before the last change, and was committed after it.
    times = {"created_at": "2026-05-01T11:59:00Z", "updated_at": "2026-05-01T11:59:00Z"}
    gitlab.mutate("create", table="releases", project_id=WEB, **times)
    assert updated_at() == "2026-05-01T12:00:02.000Z"


def test_page_numbers_lose_a_row_when_one_before_it_is_updated(gitlab: Emulator) -> None:
    params = {"order_by": "updated_at", "sort": "asc", "per_page": 10}
    first = gitlab.get(f"projects/{WEB}/issues", params=params).json()
    everything = {row["id"] for row in walk(gitlab, f"projects/{WEB}/issues", **params)}
    gitlab.mutate("update", table="issues", id=first[0]["id"], set={"title": "changed"})
    seen = {row["id"] for row in first}
    for page in range(2, 6):
        rows = gitlab.get(f"projects/{WEB}/issues", page=page, params=params).json()
        seen |= {row["id"] for row in rows}
    assert len(everything - seen) == 1


def test_projects_vanish_archive_and_return(gitlab: Emulator) -> None:
    gitlab.mutate("hide_project", id=WEB)
    assert gitlab.get(f"projects/{WEB}").status_code == 404
    assert WEB not in {row["project_id"] for row in walk(gitlab, "groups/10/issues")}
    gitlab.mutate("show_project", id=WEB)
    gitlab.mutate("archive", id=WEB)
    assert gitlab.get(f"projects/{WEB}").json()["archived"] is True
    assert WEB not in {row["project_id"] for row in walk(gitlab, "groups/10/issues")}


def test_pipelines_run_children_and_retry_jobs(gitlab: Emulator) -> None:
    parent = gitlab.mutate("create_pipeline", project_id=WEB, jobs=1)
    child = gitlab.mutate("create_pipeline", project_id=WEB, parent_id=parent["id"])
    bridge = gitlab.get(f"projects/{WEB}/pipelines/{parent['id']}/bridges").json()[0]
    assert bridge["downstream_pipeline"]["id"] == child["id"]
    retried = gitlab.mutate("retry_job", id=parent["jobs"][0])["id"]
    path = f"projects/{WEB}/pipelines/{parent['id']}/jobs"
    assert [row["id"] for row in gitlab.get(path).json()] == [retried]
    both = gitlab.get(path, include_retried=True).json()
    assert {row["id"] for row in both} == {retried, parent["jobs"][0]}
    gitlab.mutate("finish_job", id=retried)
    jobs = gitlab.get(f"projects/{WEB}/jobs").json()
    assert {row["pipeline"]["status"] for row in jobs if row["id"] == retried} == {"success"}
    assert set(child["jobs"]) < {row["id"] for row in jobs}
    assert bridge["id"] not in {row["id"] for row in jobs}


def test_the_other_changes_show(gitlab: Emulator) -> None:
    gitlab.mutate("create_tag", project_id=WEB, tag="v9", message="nine")
    gitlab.mutate("delete_branch", project_id=WEB, branch="late")
    gitlab.mutate("delete", table="issues", id=5001)
    gitlab.mutate("set_feature", id=CLI, feature="builds", level="disabled")
    gitlab.mutate("remove_member", user_id=3, project_id=WEB)
    gitlab.mutate("link_epic_issue", epic_id=403, issue_id=5010)
    pushed = gitlab.mutate("push_to_merge_request", id=7003)
    names = {row["name"] for row in walk(gitlab, f"projects/{WEB}/repository/tags")}
    assert "v9" in names
    names = {row["name"] for row in walk(gitlab, f"projects/{WEB}/repository/branches")}
    assert "late" not in names
    assert 5001 not in {row["id"] for row in walk(gitlab, f"projects/{WEB}/issues")}
    assert gitlab.get(f"projects/{CLI}/jobs").status_code == 403
    assert 3 not in {row["id"] for row in walk(gitlab, f"projects/{WEB}/members")}
    assert [row["id"] for row in gitlab.get("groups/10/epics/3/issues").json()] == [5010]
    assert gitlab.get(f"projects/{WEB}/merge_requests/3/commits").json()[0]["id"] == pushed[0]
    with pytest.raises(EmulatorError, match="no such op"):
        gitlab.mutate("explode")


CLI = 103


# Tokens


def test_tokens_in_each_header(gitlab: Emulator) -> None:
    url = f"{gitlab.url}/api/v4/projects/{WEB}/issues"
    for headers in (
        {"authorization": f"Bearer {auth.DEFAULT}"},
        {"private-token": auth.DEFAULT},
        {"job-token": auth.JOB},
    ):
        assert requests.get(url, headers=headers, timeout=60).status_code == 200
    job = requests.get(
        f"{gitlab.url}/api/v4/groups/10",
        headers={"job-token": auth.JOB},
        timeout=60,
    )
    assert job.status_code == 401, "a job's token is for few endpoints"


def test_tokens_that_will_not_do(gitlab: Emulator) -> None:
    unknown = gitlab.get("projects", token="glpat-unknown")
    assert (unknown.status_code, unknown.json()) == (401, {"message": "401 Unauthorized"})
    expired = gitlab.get("user", token=auth.EXPIRED)
    assert expired.status_code == 401
    assert expired.json()["error"] == "invalid_token"
    assert expired.json()["error_description"].startswith("Token is expired.")
    assert gitlab.get("projects/108", token=auth.REVOKED).status_code == 401
    scope = gitlab.get("groups", token=auth.READ_USER)
    assert scope.status_code == 403
    assert scope.json()["error"] == "insufficient_scope"
    assert gitlab.get("user", token=auth.READ_USER).status_code == 200
    own = gitlab.get("personal_access_tokens/self", token=auth.READ_USER).json()
    assert own["scopes"] == ["read_user"]
    gitlab.post("tokens", {"op": "revoke", "token": auth.DEFAULT})
    revoked = gitlab.get("user")
    assert revoked.json()["error_description"].startswith("Token was revoked.")


def test_what_each_token_sees(gitlab: Emulator) -> None:
    assert {row["id"] for row in walk_as(gitlab, auth.PROJECT, "projects?membership=true")} == {
        DOTFILES,
    }
    assert walk_as(gitlab, auth.PROJECT, "groups") == []
    assert gitlab.get("projects", token=None).json()[0]["visibility"] == "public"
    assert gitlab.get("version", token=None).status_code == 401
    assert gitlab.get("projects/108/jobs", token=None).status_code == 401
    assert gitlab.get("projects/108/issues", token=None).status_code == 200
    assert gitlab.get(f"projects/{WEB}/deployments", token=auth.GUEST).status_code == 403
    assert gitlab.get(f"projects/{WEB}/issues", token=auth.GUEST).status_code == 200
    assert gitlab.get(f"projects/{WEB}/repository/tags", token=auth.GUEST).status_code == 403


def walk_as(gitlab: Emulator, token: str, path: str) -> list[Any]:
    return list(gitlab.get(path, token=token).json())


# OAuth


def token_request(gitlab: Emulator, **form: str) -> requests.Response:
    return requests.post(f"{gitlab.url}/oauth/token", data=form, timeout=60)


def refresh(gitlab: Emulator, value: str, **more: str) -> requests.Response:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": value,
        "client_id": oauth.CLIENT_ID,
        "client_secret": oauth.CLIENT_SECRET,
    } | more
    return token_request(gitlab, **form)


def test_a_refresh_token_is_good_for_one_use_and_ends_the_old_pair(gitlab: Emulator) -> None:
    assert gitlab.get("user", token=auth.OAUTH_ACCESS).status_code == 200
    pair = refresh(gitlab, auth.OAUTH_REFRESH).json()
    assert pair["expires_in"] == 7200
    assert gitlab.get("user", token=pair["access_token"]).status_code == 200
    old = gitlab.get("user", token=auth.OAUTH_ACCESS)
    assert (old.status_code, old.json()["error"]) == (401, "invalid_token")
    again = refresh(gitlab, auth.OAUTH_REFRESH)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert refresh(gitlab, pair["refresh_token"], client_secret="wrong").status_code == 401
    assert refresh(gitlab, pair["refresh_token"]).status_code == 200


def test_of_many_refreshes_at_once_one_wins(gitlab: Emulator) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: refresh(gitlab, auth.OAUTH_REFRESH), range(8)))
    assert Counter(one.status_code for one in answers) == {200: 1, 400: 7}


def test_an_answer_that_is_lost_has_rotated_all_the_same(gitlab: Emulator) -> None:
    gitlab.faults([{"kind": "close", "path": "^/oauth/token$", "times": 1, "when": "after"}])
    with pytest.raises(requests.ConnectionError):
        refresh(gitlab, auth.OAUTH_REFRESH)
    assert refresh(gitlab, auth.OAUTH_REFRESH).status_code == 400
    assert gitlab.get("user", token=auth.OAUTH_ACCESS).status_code == 401


def test_tokens_expire_by_the_servers_clock(gitlab: Emulator) -> None:
    info = f"{gitlab.url}/oauth/token/info"
    bearer = {"authorization": f"Bearer {auth.OAUTH_ACCESS}"}
    assert requests.get(info, headers=bearer, timeout=60).json()["expires_in"] > 7000
    gitlab.clock(advance=7201)
    assert requests.get(info, headers=bearer, timeout=60).status_code == 401
    assert gitlab.get("user", token=auth.OAUTH_ACCESS).status_code == 401
    private = {"authorization": f"Bearer {gitlab.token}"}
    assert requests.get(info, headers=private, timeout=60).status_code == 401
    own = gitlab.get("personal_access_tokens/self", token=auth.OAUTH_ACCESS)
    assert own.status_code == 401


def test_the_code_flow_checks_the_pkce_verifier(gitlab: Emulator) -> None:
    verifier = "v" * 64
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "client_id": oauth.PUBLIC_CLIENT_ID,
        "redirect_uri": "http://127.0.0.1:9/callback",
        "response_type": "code",
        "state": "s t",
        "scope": "read_api",
        "auto": "1",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }

    def code() -> str:
        answer = requests.get(
            f"{gitlab.url}/oauth/authorize",
            params=query,
            timeout=60,
            allow_redirects=False,
        )
        assert answer.status_code == 302
        given = parse_qs(urlsplit(answer.headers["location"]).query)
        assert given["state"] == ["s t"]
        return given["code"][0]

    form = {
        "grant_type": "authorization_code",
        "client_id": oauth.PUBLIC_CLIENT_ID,
        "redirect_uri": query["redirect_uri"],
    }
    wrong = token_request(gitlab, code=code(), code_verifier="w" * 64, **form)
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
    good = code()
    pair = token_request(gitlab, code=good, code_verifier=verifier, **form)
    assert gitlab.get("user", token=pair.json()["access_token"]).status_code == 200
    assert token_request(gitlab, code=good, code_verifier=verifier, **form).status_code == 400
    consent = requests.get(
        f"{gitlab.url}/oauth/authorize",
        params=query | {"auto": "0"},
        timeout=60,
    )
    assert "Authorize" in consent.text


def test_the_device_flow_waits_for_its_user(gitlab: Emulator) -> None:
    gitlab.settings(oauth_device_polls=-1)
    started = requests.post(
        f"{gitlab.url}/oauth/authorize_device",
        data={"client_id": oauth.CLIENT_ID},
        timeout=60,
    ).json()
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": started["device_code"],
        "client_id": oauth.CLIENT_ID,
    }
    assert token_request(gitlab, **form).json()["error"] == "authorization_pending"
    requests.get(started["verification_uri_complete"], timeout=60)
    pair = token_request(gitlab, **form).json()
    assert gitlab.get("user", token=pair["access_token"]).status_code == 200
    requests.post(f"{gitlab.url}/oauth/revoke", data={"token": pair["access_token"]}, timeout=60)
    assert gitlab.get("user", token=pair["access_token"]).status_code == 401


# Limits


def test_the_throttle_has_gitlabs_headers_and_answers_in_plain_text(gitlab: Emulator) -> None:
    gitlab.clock(set="2026-05-01T12:00:10Z", frozen=True)
    gitlab.settings(rate_limit=2)
    first = gitlab.get("version")
    assert first.headers["ratelimit-limit"] == "2"
    assert first.headers["ratelimit-remaining"] == "1"
    assert first.headers["ratelimit-reset"] == str(moment("2026-05-01T12:01:00Z") // SECOND)
    assert gitlab.get("version").headers["ratelimit-observed"] == "2"
    refused = gitlab.get("version")
    assert (refused.status_code, refused.text) == (429, "Retry later\n")
    assert 50 <= int(refused.headers["retry-after"]) <= 51
    assert gitlab.get("version", token=auth.GUEST).status_code == 200, "counted by token"
    gitlab.clock(advance=51)
    assert gitlab.get("version").status_code == 200


def test_the_limit_of_an_endpoint_answers_json_and_no_retry_after(gitlab: Emulator) -> None:
    gitlab.settings(rate_limit=1000, family_limits={"GET /groups/:id": [1, 60]})
    assert gitlab.get("groups/10").status_code == 200
    refused = gitlab.get("groups/11")
    assert refused.status_code == 429
    assert "requested too many times" in refused.json()["message"]["error"]
    assert "retry-after" not in refused.headers
    assert int(refused.headers["ratelimit-remaining"]) > 900
    assert gitlab.get("groups").status_code == 200


# Faults


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_status_on_demand(gitlab: Emulator, status: int) -> None:
    gitlab.faults([{"kind": "status", "status": status, "times": 1}])
    assert gitlab.get("version").status_code == status
    assert gitlab.get("version").status_code == 200


@pytest.mark.parametrize(
    ("form", "headers", "text"),
    [
        ("retry_after", {"retry-after"}, "Retry later"),
        ("reset", {"ratelimit-reset"}, "Retry later"),
        ("application", {"ratelimit-remaining"}, "requested too many times"),
        ("plain", set(), "Retry later"),
    ],
)
def test_429_in_each_of_its_forms(
    gitlab: Emulator,
    form: str,
    headers: set[str],
    text: str,
) -> None:
    gitlab.faults([{"kind": "rate_limit", "form": form, "seconds": 7}])
    refused = gitlab.get("version")
    assert refused.status_code == 429
    assert text in refused.text
    assert headers <= set(refused.headers)
    assert ("retry-after" in refused.headers) == (form == "retry_after")


def test_broken_connections(gitlab: Emulator) -> None:
    gitlab.faults([{"kind": "reset"}])
    with pytest.raises(requests.ConnectionError, match=r"reset|104"):
        gitlab.get("version")
    gitlab.faults([{"kind": "close"}])
    with pytest.raises(requests.ConnectionError, match="without response"):
        gitlab.get("version")
    gitlab.faults([{"kind": "stall", "seconds": 30}])
    with pytest.raises(requests.ReadTimeout):
        gitlab.get("version", timeout=0.3)
    gitlab.faults([{"kind": "torn"}])
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        gitlab.get("projects/101/issues")
    gitlab.faults([])
    assert gitlab.get("version").status_code == 200
    assert gitlab.requests()["counts"]["GET /version"]["0"] == 3


def test_a_torn_body_announces_more_than_it_sends(gitlab: Emulator) -> None:
    gitlab.faults([{"kind": "torn"}])
    with requests.get(
        f"{gitlab.url}/api/v4/projects/101/issues",
        timeout=60,
        stream=True,
        headers={"private-token": gitlab.token},
    ) as response:
        announced = int(response.headers["content-length"])
        sent = response.raw.read(decode_content=False, amt=announced // 2)
        assert sent.startswith(b'[{"id":')
        assert len(sent) == announced // 2
        with pytest.raises(Exception, match=r"IncompleteRead|more expected"):
            response.raw.read(amt=1)


def test_answers_that_are_not_the_json_hoped_for(gitlab: Emulator) -> None:
    gitlab.faults([{"kind": "html"}])
    page = gitlab.get("groups")
    assert (page.status_code, page.headers["content-type"][:9]) == (200, "text/html")
    gitlab.faults([{"kind": "empty"}])
    assert gitlab.get("groups").content == b""
    gitlab.faults([{"kind": "object"}])
    assert isinstance(gitlab.get("groups").json(), dict)
    gitlab.faults([{"kind": "not_json"}])
    with pytest.raises(requests.JSONDecodeError):
        gitlab.get("groups").json()
    gitlab.faults([{"kind": "sign_in", "path": "/api/"}])
    redirected = gitlab.get("groups")
    assert redirected.status_code == 302
    assert "Sign in" in requests.get(redirected.headers["location"], timeout=60).text
    gitlab.faults([{"kind": "redirect", "location": "http://elsewhere.example"}])
    assert gitlab.get("groups", page=1).headers["location"] == (
        "http://elsewhere.example/api/v4/groups?page=1"
    )
    gitlab.faults([{"kind": "large", "size": 3_000_000}])
    large = gitlab.get("groups")
    assert len(large.content) > 3_000_000
    assert len(large.json()) == 6
    gitlab.faults([{"kind": "slow", "seconds": 0.3}])
    assert gitlab.get("groups").elapsed.total_seconds() >= 0.3


def test_which_requests_a_fault_strikes(gitlab: Emulator) -> None:
    def statuses(count: int, path: str = "version", **params: object) -> list[int]:
        return [gitlab.get(path, params).status_code for _ in range(count)]

    gitlab.faults([{"kind": "status", "template": "/projects/:id/issues", "query": {"page": "2"}}])
    assert statuses(2, "projects/101/issues", page=2) == [500, 500]
    assert statuses(1, "projects/101/issues", page=1) == [200]
    gitlab.faults([{"kind": "status", "path": "version$", "nth": [2, 3]}])
    assert statuses(4) == [200, 500, 500, 200]
    gitlab.faults([{"kind": "status", "skip": 1, "every": 2, "times": 2}])
    assert statuses(6) == [200, 200, 500, 200, 500, 200]
    gitlab.faults([{"kind": "status", "probability": 0.5, "seed": 3}])
    drawn = statuses(12)
    assert set(drawn) == {200, 500}
    gitlab.faults([{"kind": "status", "probability": 0.5, "seed": 3}])
    assert statuses(12) == drawn, "the same seed draws the same"
    assert gitlab.control("faults")[0]["struck"] == drawn.count(500)
    with pytest.raises(EmulatorError, match="no such fault"):
        gitlab.faults([{"kind": "flood"}])


# The emulator itself


def test_requests_are_counted_and_kept(gitlab: Emulator) -> None:
    gitlab.get("groups/acme%2Fplatform/issues", page=1, updated_after="2024-01-01")
    gitlab.get("groups/none")
    log = gitlab.requests()
    assert log["counts"]["GET /groups/:id/issues"] == {"200": 1}
    assert log["counts"]["GET /groups/:id"] == {"404": 1}
    assert log["recent"][0]["query"] == "page=1&updated_after=2024-01-01"
    assert log["recent"][0]["path"] == "/api/v4/groups/acme%2Fplatform/issues"
    gitlab.reset_requests()
    assert gitlab.requests()["total"] == 0


def test_unchanged_answers_are_not_sent_again(gitlab: Emulator) -> None:
    first = gitlab.get("groups/10")
    again = requests.get(
        f"{gitlab.url}/api/v4/groups/10",
        timeout=60,
        headers={"private-token": gitlab.token, "if-none-match": first.headers["etag"]},
    )
    assert (again.status_code, again.content) == (304, b"")


def test_the_process_ends_with_its_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "integration_tests.gitlab", "--exit-with-parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        ready = json.loads(process.stdout.readline())
        assert requests.get(f"{ready['url']}/api/v4/version", timeout=60).status_code == 401
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_scaled_world_below_a_sub_path(tmp_path: Path) -> None:
    del tmp_path
    with Emulator(
        "--world",
        "scaled",
        "--projects",
        3,
        "--groups",
        2,
        "--issues",
        50,
        "--issue-bytes",
        4096,
        "--branches",
        120,
        "--gzip",
        "--relative-url-root",
        "/gitlab",
        "--latency",
        20,
    ) as scaled:
        assert scaled.url.endswith("/gitlab")
        page = scaled.get("groups/1/issues", per_page=100, order_by="updated_at", sort="asc")
        assert page.headers["content-encoding"] == "gzip"
        assert page.elapsed.total_seconds() >= 0.02
        assert len(page.json()) == 100
        sizes = [len(json.dumps(row, separators=(",", ":"))) for row in page.json()]
        assert 3500 < sum(sizes) / len(sizes) < 4700
        times = [row["updated_at"] for row in page.json()]
        assert times == sorted(times)
        rows = scaled.world(streams="issues,jobs,merge_request_commits,branches")
        assert Counter(row["row"]["project_id"] for row in rows["issues"]) == {
            1000: 50,
            1001: 50,
            1002: 50,
        }
        expected = {row["row"]["id"]: row["row"] for row in rows["issues"]}
        assert all(expected[row["id"]] == row for row in page.json())
        jobs = {row["id"]: row for row in walk(scaled, "projects/1000/jobs", per_page=100)}
        assert jobs == {
            row["row"]["id"]: row["row"]
            for row in rows["jobs"]
            if row["parent"]["project_id"] == 1000
        }
        assert len(walk(scaled, "projects/1001/repository/branches", per_page=100)) == 120
        issue = page.json()[0]
        scaled.mutate("update", table="issues", id=issue["id"], set={"title": "changed"})
        last = walk(scaled, "groups/1/issues", order_by="updated_at", sort="asc")[-1]
        assert (last["id"], last["title"]) == (issue["id"], "changed")
        assert set(last) == set(issue)
        changed = scaled.mutate("retry_job", id=min(jobs))["id"]
        shown = {row["id"]: row for row in scaled.get("projects/1000/jobs").json()}
        assert shown[changed]["pipeline"]["status"] == "running"


@needs_recorded
def test_the_recorded_world_serves_every_row_unchanged() -> None:
    counts = expected_counts(recorded_world(RECORDED))
    files = {
        "deployments": "deployments",
        "issues": "issues",
        "job": "jobs",
        "merge_request_commits": "merge_request_commits",
        "merge_requests": "merge_requests",
        "pipeline": "pipelines",
        "pipeline_details": "pipelines_extended",
        "trigger_job": "pipeline_trigger_jobs",
        "users": "project_members",
    }
    with Emulator("--world", "recorded", "--recorded", RECORDED) as gitlab:
        served = gitlab.world()
        for name, stream in files.items():
            lines = (RECORDED / f"{name}.jsonl").read_text().splitlines()
            rows = [entry["row"] for entry in served[stream]]
            assert len(rows) == counts[stream], stream
            for line in lines:
                assert json.loads(line)["data"] in rows
        for project in gitlab.get("projects").json():
            path = f"projects/{project['id']}"
            for stream in ("issues", "merge_requests", "deployments", "jobs", "members"):
                listed = walk(gitlab, f"{path}/{stream}", per_page=7)
                key = "project_members" if stream == "members" else stream
                wanted = [
                    one["row"]
                    for one in served[key]
                    if one["parent"]["project_id"] == project["id"]
                ]
                assert sorted(map(json.dumps, listed)) == sorted(map(json.dumps, wanted))
        commits = gitlab.get("projects/12345678/merge_requests/2/commits").json()
        assert len(commits) == 9


def test_https_asks_for_a_client_certificate() -> None:
    with Emulator("--require-client-cert") as gitlab:
        assert gitlab.url.startswith("https://127.0.0.1:")
        assert gitlab.get("version").status_code == 200
        assert gitlab.certificates is not None
        authority = str(gitlab.certificates / "ca.pem")
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"{gitlab.url}/api/v4/version", verify=authority, timeout=60)
        gitlab.faults([{"kind": "torn", "path": "issues"}])
        with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
            gitlab.get("projects/101/issues")


def test_times_are_parsed_and_shown() -> None:
    assert stamp(moment("2024-02-29T23:59:59.9999999Z")) == "2024-02-29T23:59:59.999Z"
    assert moment("2024-01-01T01:00:00+01:00") == moment("2024-01-01")
    assert moment("2024-01-01 00:00:00.5") == moment("2024-01-01") + SECOND // 2
    for text in ("", "2024-13-01", "2024-01-01T00:00:00 08:00", "soon"):
        with pytest.raises(ValueError, match=r".+"):
            moment(text)
