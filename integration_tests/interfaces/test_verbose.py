"""`--verbose` of the commands for people: a line for each request, and the same output else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from integration_tests.support.process import run

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.process import Ended

LINE = re.compile(
    r"(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (GET|POST) (http://\S+)(?: \([^)]*\))? (\d{3}|\w+) "
    r"([\d,]+) ms(, waited [\d,]+ ms)?"
)
CHOICE = ("--group", "acme", "--select", "issues", "terraform_states")


def told(done: Ended) -> list[re.Match[str]]:
    """The lines about requests."""
    return [found for line in done.stderr.splitlines() if (found := LINE.fullmatch(line))]


def test_a_sync_tells_each_request(changing_gitlab: Emulator, tmp_path: Path) -> None:
    gitlab, path = changing_gitlab, tmp_path / "gitlab.duckdb"
    gitlab.faults([{"kind": "status", "status": 502, "path": "/issues$", "times": 1}])
    gitlab.reset_requests()
    done = run("sync", "-v", "--to", path, "--url", gitlab.url, *CHOICE, GITLAB_TOKEN=gitlab.token)
    assert done.code == 0, done.stderr
    log = gitlab.requests()["recent"]
    lines = told(done)
    assert len(lines) == len(log) > 5
    assert sorted(int(line[4]) for line in lines) == sorted(one["status"] for one in log)
    shown = {line[3].partition("?")[0].removeprefix(gitlab.url) for line in lines}
    assert shown == {one["path"] for one in log}
    assert re.search(r"/issues is tried again in [\d,]+ ms\n", done.stderr)
    assert gitlab.token not in done.stderr + done.stdout


@pytest.mark.parametrize("command", ["check", "verify"])
def test_other_commands_do_too(
    gitlab: Emulator, synced: Path, tmp_path: Path, command: str
) -> None:
    words = ["check"]
    if command == "verify":
        path = tmp_path / "gitlab.duckdb"
        path.write_bytes(synced.read_bytes())
        words = ["verify", str(path)]
    choice = ("--url", gitlab.url, "--group", "acme", "--select", "issues")
    quiet = run(*words, *choice, GITLAB_TOKEN=gitlab.token)
    done = run(*words, *choice, "--verbose", GITLAB_TOKEN=gitlab.token)
    assert done.code == quiet.code == 0, done.stderr
    assert not told(quiet)
    assert len(told(done)) > 3
    assert len(done.stdout.splitlines()) == len(quiet.stdout.splitlines())
    assert gitlab.token not in done.stderr + done.stdout
