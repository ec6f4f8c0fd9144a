"""The emulator's changes: what they touch, and what shows them."""

from __future__ import annotations

import pytest

from integration_tests.gitlab.launch import Emulator, EmulatorError
from integration_tests.support.emulated_lists import WEB, walk


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
