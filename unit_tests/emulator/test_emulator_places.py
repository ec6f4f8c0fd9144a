"""The emulator's groups and projects: how they are named, who sees them, what is switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab import auth
from integration_tests.support.emulated_lists import (
    API,
    EMPTY,
    LEGACY,
    NO_CI,
    NO_REPOSITORY,
    PROBE,
    WEB,
    walk,
)

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator


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
