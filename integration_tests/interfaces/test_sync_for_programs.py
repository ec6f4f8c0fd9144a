"""What `sync` tells programs, and what a quiet one tells nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

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
    changing_gitlab.faults([{"kind": "status", "status": 501, "path": "/groups/10/issues$"}])
    assert main([*sync, "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["code"], found["status"]) == (1, "incomplete")
    assert "/groups/10/issues" in found["streams"]["issues"]["problem"]


def test_a_quiet_sync(
    sync: tuple[str, ...], changing_gitlab: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is said of a sync that went well; what went wrong is said all the same."""
    assert main([*sync, "--quiet"]) == 0
    told = capsys.readouterr()
    assert told.out == told.err == ""
    changing_gitlab.faults([{"kind": "status", "status": 501, "path": "/groups/10/issues$"}])
    assert main([*sync, "-q"]) == 1
    assert "/groups/10/issues" in capsys.readouterr().out
