"""What a file says of the syncs into it: how each ended, and what it did not read."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import duckdb

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.interfaces.test_killed_sync import one_at_a_time, silent
from integration_tests.interfaces.test_sync import API, WEB, query, started, sync
from integration_tests.support.process import run

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

OUTCOMES = "SELECT outcome, exit_code FROM _source_gitlab.runs ORDER BY id"
SKIPS = (
    "SELECT stream, kind, id, path, reason FROM _source_gitlab.skips WHERE run_id = "
    "(SELECT max(id) FROM _source_gitlab.runs) ORDER BY ALL"
)


def test_none_is_told_from_not_allowed(changing_gitlab: Emulator, tmp_path: Path) -> None:
    path, gitlab = tmp_path / "gitlab.duckdb", changing_gitlab
    fault = {"kind": "status", "status": 403, "body": {"message": "403 Forbidden"}}
    gitlab.faults([{**fault, "path": f"/projects/{WEB}/releases$"}])
    select = ("--select", "releases", "tags")
    done = sync(gitlab, path, "--project", "acme/web", "acme/platform/api", *select)
    assert done.code == 0
    assert query(path, OUTCOMES) == [("complete", 0)]
    assert query(path, SKIPS) == [("releases", "project", WEB, "acme/web", "permission")]
    ((rows, requests, instance, selection),) = query(
        path, "SELECT rows, requests, instance, selection FROM _source_gitlab.runs"
    )
    assert rows == sum(one["read"] for one in done.table.values()) > 0
    assert f", {requests} requests" in done.verdict.replace(";", ",")
    assert instance == gitlab.url
    assert json.loads(selection) == {
        "groups": [],
        "projects": ["acme/web", "acme/platform/api"],
        "include_archived": True,
        "start_date": None,
        "streams": ["tags", "releases"],
    }
    gitlab.faults([])
    assert sync(gitlab, path, "--project", "acme/web", *select).code == 0
    assert query(path, SKIPS) == []


def test_what_fails_is_told_by_the_run(changing_gitlab: Emulator, tmp_path: Path) -> None:
    """A list that breaks, a name that is none, and a token that is refused later."""
    path, gitlab = tmp_path / "gitlab.duckdb", changing_gitlab
    select = ("--select", "branches", "tags")
    gitlab.faults([{"kind": "html", "path": f"/projects/{API}/repository/branches"}])
    assert sync(gitlab, path, "--project", "acme/platform/api", *select).code == 1
    assert query(path, SKIPS) == [("branches", "project", API, "acme/platform/api", "failed")]
    gitlab.faults([])
    assert sync(gitlab, path, "--project", "acme/platform/api", "no/where", *select).code == 2
    assert (None, None, None, None, "missing") in query(path, SKIPS)
    assert sync(gitlab, path, *select, token="glpat-of-nobody-at-all").code == 2
    assert query(path, OUTCOMES) == [("incomplete", 1), ("incomplete", 2), ("failed", 2)]
    ((problem,),) = query(path, "SELECT problem FROM _source_gitlab.runs WHERE id = 3")
    assert "401" in problem
    assert "glpat" not in problem


def test_a_killed_sync_is_one_that_did_not_end(changing_gitlab: Emulator, tmp_path: Path) -> None:
    path, gitlab = tmp_path / "gitlab.duckdb", changing_gitlab
    arguments = ("--group", "acme", "--select", "issues", *one_at_a_time(path))
    silent(gitlab, path="/issues")
    with started(gitlab, path, *arguments) as process:
        _wait_until_asked(gitlab, "/issues", process)
    with duckdb.connect(str(path)) as connection:  # not read-only, to replay the log
        ended = connection.execute("SELECT ended_at, outcome FROM _source_gitlab.runs").fetchall()
    assert ended == [(None, None)]
    gitlab.faults([])
    assert sync(gitlab, path, *arguments).code == 0
    assert query(path, OUTCOMES) == [(None, None), ("complete", 0)]


def _wait_until_asked(gitlab: Emulator, part: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not any(part in one["path"] for one in gitlab.requests()["recent"]):
        assert process.poll() is None, "the sync ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_file_that_only_verify_opens_has_no_run(gitlab: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "gitlab.duckdb"
    choice = ("--group", "acme", "--select", "issues")
    assert sync(gitlab, path, *choice).code == 0
    done = run("verify", path, "--url", gitlab.url, *choice, GITLAB_TOKEN=gitlab.token)
    assert done.code == 0, done.stderr
    assert query(path, OUTCOMES) == [("complete", 0)]
