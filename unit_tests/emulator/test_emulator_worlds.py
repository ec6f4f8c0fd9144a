"""The emulator's process, and the worlds that it serves beside the default one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import requests

from integration_tests.gitlab.launch import Emulator
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.gitlab.recorded import expected_counts, recorded_world
from integration_tests.support.emulated_lists import RECORDED, walk

needs_recorded = pytest.mark.skipif(not RECORDED.is_dir(), reason="../shared is not here")


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
        assert requests.get(f"{ready['url']}/api/v4/version", timeout=PATIENCE).status_code == 401
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


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
            requests.get(f"{gitlab.url}/api/v4/version", verify=authority, timeout=PATIENCE)
        gitlab.faults([{"kind": "torn", "path": "issues"}])
        with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
            gitlab.get("projects/101/issues")


def test_a_reset_undoes_everything(gitlab: Emulator) -> None:
    """A test that resets an emulator need not know what the one before it did."""

    def found() -> list[object]:
        shown = ("settings", "faults", "tokens", "oauth", "world")
        slashed = gitlab.get("projects/acme%2Fweb").status_code
        return [slashed, *map(gitlab.control, shown)]

    first = found()
    gitlab.mutate("create", table="issues", project_id=101)
    gitlab.mutate("delete", table="labels", id=first_label(gitlab))
    gitlab.post("tokens", {"op": "create", "token": "t", "user_id": 1, "scopes": ["api"]})
    gitlab.post("oauth", {})
    gitlab.settings(tier="free", encoded_slash="refused", rate_limit=1000)
    gitlab.faults([{"kind": "status", "status": 500, "path": "/wikis$"}])
    gitlab.in_its_own_time()
    changed = found()
    assert not [one for one, other in zip(first, changed, strict=True) if one == other]
    gitlab.reset()
    assert gitlab.requests()["total"] == 0
    assert found() == first
    now = parsedate_to_datetime(gitlab.get("version").headers["date"])
    assert abs(now.timestamp() - time.time()) < 3_600


def first_label(gitlab: Emulator) -> int:
    """The id of a label."""
    return int(gitlab.get("projects/101/labels").json()[0]["id"])
