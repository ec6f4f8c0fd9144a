"""What `sync` tells programs, and what a quiet one tells nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pytest

from source_gitlab.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator


@pytest.fixture
def sync(
    changing_gitlab: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, ...]:
    """The arguments of a sync of issues."""
    monkeypatch.setenv("GITLAB_TOKEN", changing_gitlab.token)
    where = ("--to", str(tmp_path / "gitlab.duckdb"), "--url", changing_gitlab.url)
    return ("sync", *where, "--group", "acme", "--select", "issues")


def test_a_summary_as_json(sync: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """One object on the standard output, with the figures of each stream."""
    assert main([*sync, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["code"], found["status"]) == (0, "complete")
    issues = found["streams"]["issues"]
    assert issues["read"] == issues["new"] == issues["total"] > 0
    assert issues["problem"] is None
    assert {one["stream"] for one in found["skipped"]} == {"issues"}
    assert found["requests"] > 0
    assert main([*sync, "--format", "json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["streams"]["issues"]["new"] == 0
    assert again["since"]


def test_what_failed_as_json(
    sync: tuple[str, ...], changing_gitlab: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the exit code, and with what is wrong."""
    changing_gitlab.faults([{"kind": "status", "status": 501, "path": r"/groups/\w+/issues$"}])
    assert main([*sync, "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["code"], found["status"]) == (1, "incomplete")
    assert "/groups/10/issues" in found["streams"]["issues"]["problem"]


def test_many_refusals_are_few_lines_and_all_there_for_programs(
    sync: tuple[str, ...],
    changing_gitlab: Emulator,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line while it reads, one at the end; the report, the JSON and the file keep each."""
    refused = {"kind": "status", "status": 403, "body": {"message": "403 Forbidden"}}
    changing_gitlab.faults([{**refused, "path": r"/projects/\d+/releases$"}])
    sync = (*sync[:-1], "releases")
    report = tmp_path / "report.json"
    assert main([*sync, "--report", str(report)]) == 0
    told = capsys.readouterr()
    assert told.err.count("releases: skipped project acme/") == 1
    (line,) = [line for line in told.out.splitlines() if line.startswith("Left out of releases: ")]
    entries = json.loads(report.read_text())["skipped"]
    refusals = [one for one in entries if one["reason"] == "permission"]
    assert f"Left out of releases: {len(refusals)} projects: acme/" in line
    assert f" and {len(refusals) - 3} more. " in line
    numbers = {one["id"] for one in refusals}
    assert len(numbers) == len(refusals) > 3
    assert all(f"/projects/{one['id']}/releases" in one["message"] for one in refusals)
    with duckdb.connect(str(tmp_path / "gitlab.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "SELECT id FROM _source_gitlab.skips WHERE reason = 'permission'"
        ).fetchall()
    assert {number for (number,) in found} == numbers
    assert main([*sync, "--format", "json"]) == 0
    skipped = json.loads(capsys.readouterr().out)["skipped"]
    assert {one["id"] for one in skipped if one["reason"] == "permission"} == numbers


def test_a_quiet_sync(
    sync: tuple[str, ...], changing_gitlab: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is said of a sync that went well; what went wrong is said all the same."""
    assert main([*sync, "--quiet"]) == 0
    told = capsys.readouterr()
    assert told.out == told.err == ""
    changing_gitlab.faults([{"kind": "status", "status": 501, "path": r"/groups/\w+/issues$"}])
    assert main([*sync, "-q"]) == 1
    assert "/groups/10/issues" in capsys.readouterr().out
