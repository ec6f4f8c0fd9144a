"""What GitLab refuses is skipped and told; what the user named and is not there is an error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.process import catalog, file, run
from integration_tests.support.reading import config_for, missing, read
from source_gitlab.gitlab.client import Retries
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.support.reading import Reading

COMPLETE, INCOMPLETE = AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE
QUICK = Retries(tries=4, first=0.01)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (403, {"message": "403 Forbidden"}, "permission"),
        (404, {"message": "404 Project Not Found"}, "gone"),
        (403, {"error": "insufficient_scope", "scope": "read_repository"}, "scope"),
    ],
)
def test_one_project_that_may_not_be_read(
    faulty: Emulator, status: int, body: dict[str, str], reason: str
) -> None:
    """Skipped and said so; the stream is complete, and the state of that project does not move."""
    place = {"path": "/projects/101/releases$", "kind": "status", "status": status, "body": body}
    faulty.faults([place])
    reading = read(config_for(faulty), ["releases", "issues"], retries=QUICK)
    assert reading.failure is None
    assert set(reading.statuses.values()) == {COMPLETE}
    (skipped,) = [one for one in reading.report["skipped"] if one["stream"] == "releases"]
    assert skipped["where"] == "project acme/web"
    assert skipped["reason"] == reason
    assert "/projects/101/releases" in skipped["message"]
    assert any(f"releases: skipped ({reason}) project acme/web." in line for line in reading.logs)
    assert {row["project_id"] for row in reading.rows["releases"]} == {102, 108}
    if reason == "scope":
        assert "read_repository" in skipped["message"]
    faulty.faults([])
    rest = read(config_for(faulty), ["releases"], [reading.states["releases"]])
    assert {row["project_id"] for row in rest.rows["releases"]} == {101}


@pytest.mark.parametrize("answer", ["403", "404"])
def test_a_feature_that_the_tier_lacks(faulty: Emulator, answer: str) -> None:
    """The message names the tier; the streams are complete and empty."""
    faulty.settings(epics=answer)
    reading = read(config_for(faulty), ["epics", "epic_issues", "issues"], retries=QUICK)
    assert reading.failure is None
    assert set(reading.statuses.values()) == {COMPLETE}
    assert not reading.rows["epics"]
    skips = [one for one in reading.report["skipped"] if one["stream"] in {"epics", "epic_issues"}]
    assert {one["reason"] for one in skips} == {"tier"}
    assert {one["stream"] for one in skips} == {"epics", "epic_issues"}
    assert all("Premium" in one["message"] for one in skips)


def test_a_role_that_is_too_low(faulty: Emulator) -> None:
    """The message names the role that the stream takes."""
    forbidden = {"kind": "status", "status": 403, "body": {"message": "403 Forbidden"}}
    name = "deployments"
    assert streams()[name].role == "reporter"
    faulty.faults([{**forbidden, "path": f"/{streams()[name].path}$"}])
    reading = read(config_for(faulty), [name], retries=QUICK)
    assert reading.failure is None
    assert reading.report["skipped"]
    assert all("the role Reporter" in one["message"] for one in reading.report["skipped"])


def test_a_scope_that_is_missing(faulty: Emulator) -> None:
    """Nothing can be read with such a token, so this is an error, which names the scope."""
    config = config_for(faulty)
    config["credentials"]["access_token"] = "glpat-emulator-read-user-0001"
    reading = read(config, ["issues"], retries=QUICK)
    assert reading.statuses["issues"] is INCOMPLETE
    assert reading.failure is not None
    assert "read_api" in reading.failure


def test_something_named_that_is_not_there(faulty: Emulator) -> None:
    """What was named and found is read; the error names what was not."""
    config = config_for(faulty, projects_list=["acme/web", "acme/nowhere"])
    reading = read(config, ["issues"], retries=QUICK)
    assert reading.statuses["issues"] is INCOMPLETE
    assert reading.failure is not None
    assert "'acme/nowhere'" in reading.failure
    assert {row["project_id"] for row in reading.rows["issues"]} == {101}


def test_a_project_that_vanishes_while_it_is_read() -> None:
    """Its rows so far stay, the rest is skipped, everybody else is read in full."""
    with Emulator() as gitlab:
        gone: list[int] = []

        def delete(reading: Reading) -> None:
            if not gone and reading.rows["merge_request_commits"]:
                number = reading.rows["merge_request_commits"][0]["project_id"]
                gitlab.mutate("hide_project", id=number)
                gone.append(number)

        names = ["merge_request_commits", "pipelines_extended", "branches", "issues"]
        reading = read(config_for(gitlab, num_workers=1), names, retries=QUICK, between=delete)
        assert gone
        assert reading.failure is None
        assert set(reading.statuses.values()) == {COMPLETE}
        assert any(one["id"] == gone[0] for one in reading.report["skipped"])
        for name in names:
            reading.rows[name] = [r for r in reading.rows[name] if r["project_id"] != gone[0]]
        assert not missing(gitlab, reading, *names)


def test_the_report_of_a_read(faulty: Emulator, tmp_path: Path) -> None:
    """`--report` writes what was skipped and what failed, also when the read fails."""
    forbidden = {"kind": "status", "status": 403, "path": "/projects/101/releases$"}
    broken = {"kind": "status", "status": 418, "path": "/projects/102/repository/branches$"}
    faulty.faults([forbidden, broken])
    names = ("releases", "branches")
    report = tmp_path / "report.json"
    ended = run(
        "read",
        *("--config", file(tmp_path, "config.json", config_for(faulty))),
        *("--catalog", file(tmp_path, "catalog.json", catalog(*names))),
        *("--report", report),
    )
    assert ended.code == 1
    assert ended.statuses == {"releases": "COMPLETE", "branches": "INCOMPLETE"}
    assert "Traceback" not in ended.stdout + ended.stderr
    told = json.loads(report.read_text())
    assert told["ended"] is None
    assert [(one["stream"], one["where"]) for one in told["failed"]] == [
        ("branches", "project acme/platform/api")
    ]
    skipped = {(one["stream"], one["where"], one["reason"]) for one in told["skipped"]}
    assert ("releases", "project acme/web", "permission") in skipped


@pytest.mark.parametrize("skip", range(9))
def test_the_report_of_a_sync(faulty: Emulator, tmp_path: Path, skip: int) -> None:
    """The same for the other face; a sync that ends early says why, wherever that meets it.

    It looks what was chosen, plans, and reads, so each of the first requests is a place of its own.
    """
    faulty.faults([{"kind": "status", "status": 401, "skip": skip}])
    report = tmp_path / "report.json"
    arguments = ("sync", "--to", tmp_path / "gitlab.duckdb", "--url", faulty.url)
    more = ("--select", "issues", "branches", "--report", report)
    ended = run(*arguments, *more, GITLAB_TOKEN=faulty.token)
    assert ended.code == 2
    assert "does not accept the token" in ended.stdout + ended.stderr
    assert "does not accept the token" in json.loads(report.read_text())["ended"]


def test_a_report_that_cannot_be_written(faulty: Emulator, tmp_path: Path) -> None:
    """It is said before anything is read."""
    ended = run(
        "read",
        *("--config", file(tmp_path, "config.json", config_for(faulty))),
        *("--catalog", file(tmp_path, "catalog.json", catalog("tags"))),
        *("--report", tmp_path / "no" / "report.json"),
    )
    assert ended.code == 1
    assert f"the directory {tmp_path / 'no'} is not there" in ended.errors[-1]["message"]
    assert not ended.of("RECORD")
    assert "Traceback" not in ended.stdout + ended.stderr
