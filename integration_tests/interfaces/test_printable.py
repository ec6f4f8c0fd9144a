"""What GitLab says comes to terminals and logs as text that moves nothing and forges nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.process import catalog, file, run
from integration_tests.support.reading import config_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORGED = '{"type": "STATE", "state": {}}'
# A title, a cleared screen, a bell, line breaks of all kinds, C1 controls, a turned text, marks.
ODD = f"\x1b]0;owned\x07\x1b[2J\r\n{FORGED}\n\u2028\x85\x9b31m\u202eevil\u2066\u200f\u061c\x7f"
WILD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@pytest.fixture
def rude() -> Iterator[Emulator]:
    """A GitLab whose refusals, names and errors hold what a terminal would obey."""
    with Emulator() as gitlab:
        body = {"message": f"403 Forbidden - {ODD}"}
        gitlab.faults(
            [
                {"kind": "status", "status": 403, "body": body, "path": "/projects/101/releases$"},
                {"kind": "status", "status": 418, "body": ODD, "path": "/projects/102/releases$"},
                {"kind": "status", "status": 404, "body": ODD, "path": "/groups/nobody$"},
            ]
        )
        gitlab.mutate("update", table="projects", row_id=101, columns={"name": ODD})
        yield gitlab


def tame(text: str) -> bool:
    """Whether a text for people holds only what a terminal shows, and no line that it forges."""
    return not WILD.search(text) and not any(
        line.lstrip().startswith('{"type": "STATE"') for line in text.splitlines()
    )


def told(value: Any) -> Iterator[str]:
    """Every text for people in messages of the protocol: all but the records and states."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from told(one)
    elif isinstance(value, list):
        for one in value:
            yield from told(one)


def test_a_sync(rude: Emulator, tmp_path: Path) -> None:
    """Standard output, standard error and the report."""
    report = tmp_path / "report.json"
    ended = run(
        *("sync", "--to", tmp_path / "copy.duckdb", "--url", rude.url, "--report", report),
        *("--select", "releases", "projects"),
        GITLAB_TOKEN=rude.token,
    )
    assert ended.code == 1
    assert "evil" in ended.stdout + ended.stderr
    assert tame(ended.stdout)
    assert tame(ended.stderr)
    assert all(tame(text) for text in told(json.loads(report.read_text())))


def test_a_read(rude: Emulator, tmp_path: Path) -> None:
    """Logs and errors of the protocol; values of records stay as they are."""
    ended = run(
        "read",
        *("--config", file(tmp_path, "config.json", config_for(rude))),
        *("--catalog", file(tmp_path, "catalog.json", catalog("releases", "projects"))),
    )
    assert tame(ended.stderr)
    every = [json.loads(line) for line in ended.stdout.split("\n") if line]
    messages = [one for one in every if one["type"] in {"LOG", "TRACE"}]
    assert any("evil" in text for text in told(messages))
    assert all(tame(text) for text in told(messages))
    names = [one["record"]["data"].get("name") for one in every if one["type"] == "RECORD"]
    assert ODD in names


def test_a_check(rude: Emulator, tmp_path: Path) -> None:
    """The setup report, for people and for programs."""
    report = tmp_path / "report.json"
    arguments = ("check", "--url", rude.url, "--group", "nobody", "--report", report)
    ended = run(*arguments, GITLAB_TOKEN=rude.token)
    assert tame(ended.stdout + ended.stderr)
    assert all(tame(text) for text in told(json.loads(report.read_text())))


def test_a_token(rude: Emulator) -> None:
    """What `token` says of a token that is refused."""
    body = {"error": "invalid_token", "error_description": ODD}
    rude.faults([{"kind": "status", "status": 401, "body": body}])
    ended = run("token", "--url", rude.url, GITLAB_TOKEN=rude.token)
    assert ended.code == 1
    assert tame(ended.stdout + ended.stderr)
    assert "evil" in ended.stdout + ended.stderr
