"""`source-gitlab check` as a process: who gets which format, and what a report holds."""

from __future__ import annotations

import json
import logging
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import Status

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.reading import config_for
from source_gitlab import SourceGitlab
from source_gitlab.setup_check.run import by_default
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator


def test_airbyte_gets_one_message(gitlab: Emulator) -> None:
    """Succeeded with what was found, or failed with each failure."""
    source = SourceGitlab()
    logger = logging.getLogger("airbyte")
    good = source.check(logger, config_for(gitlab, groups_list=["acme"]))
    assert good.status is Status.SUCCEEDED
    assert good.message is not None
    # How many were tried follows from how many there are.
    told, _, rest = good.message.partition(" streams can be read.")
    others = f" {len(streams()) - len(by_default())} others are read when they are chosen."
    untried = rest.removesuffix(others)
    assert rest.endswith(others)
    assert not untried or untried.endswith("not tried, but others that need the same.")
    assert f"{told} streams can be read." == (
        f"Connected to {gitlab.url}. It is GitLab 18.7.0-ee, Enterprise Edition. The token is"
        " valid: a personal access token, of the user ada. Its scopes are enough: read_api. The"
        " token does not expire. acme holds 8 projects. Found everything that was named: 1 group."
        f" All {len(by_default())} streams can be read."
    )
    bad = source.check(logger, config_for(gitlab, groups_list=["acme", "nowhere", "neither"]))
    assert bad.status is Status.FAILED
    assert bad.message is not None
    assert "'nowhere'" in bad.message
    assert "'neither'" in bad.message


def run(*arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
    """`source-gitlab check` as a process of its own."""
    environment = {**os.environ, "GITLAB_TOKEN": token}
    return subprocess.run(
        [sys.executable, "-m", "source_gitlab", "check", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_the_command_for_platforms(gitlab: Emulator, tmp_path: Path) -> None:
    """One message of Airbyte's on standard output, the whole report in a file."""
    config, report = tmp_path / "config.json", tmp_path / "report.json"
    config.write_text(json.dumps(config_for(gitlab, groups_list=["acme"])))
    done = run("--config", str(config), "--report", str(report))
    assert (done.returncode, done.stderr) == (0, "")
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    answers = [one for one in messages if one["type"] == "CONNECTION_STATUS"]
    assert [one["connectionStatus"]["status"] for one in answers] == ["SUCCEEDED"]
    written = json.loads(report.read_text())
    assert written["message"] == answers[0]["connectionStatus"]["message"]
    assert written.keys() == {"status", "message", "steps", "streams", "requests"}
    assert written["streams"].keys() == by_default().keys()
    assert gitlab.token not in done.stdout + report.read_text()


def test_the_command_for_people(gitlab: Emulator, tmp_path: Path) -> None:
    """Flags and a token from the environment do, as for `sync`; plain lines go into a pipe."""
    report = tmp_path / "report.json"
    flags = ("--url", gitlab.url, "--group", "acme", "--report", str(report))
    done = run(*flags, token=gitlab.token)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"All {len(by_default())} streams can be read." in done.stdout
    assert json.loads(report.read_text())["status"] == "passed"
    wrong = run("--url", gitlab.url, "--group", "nowhere", token=gitlab.token)
    assert wrong.returncode == 1
    assert "FAILED  Group nowhere" in wrong.stdout
    assert gitlab.token not in done.stdout + wrong.stdout + wrong.stderr


@pytest.mark.parametrize("flags", [(), ("--format", "airbyte")])
@pytest.mark.parametrize("is_terminal", [False, True])
def test_with_a_configuration_the_format_is_airbytes(
    gitlab: Emulator, tmp_path: Path, flags: tuple[str, ...], *, is_terminal: bool
) -> None:
    """Wherever the output goes: what a script has read once, it reads in a terminal too."""
    config = written(gitlab, tmp_path, groups_list=["acme"])
    arguments = ("--config", config, *flags)
    out = on_terminal(*arguments) if is_terminal else run(*arguments).stdout
    messages = [json.loads(line) for line in out.splitlines()]
    answers = [one for one in messages if one["type"] == "CONNECTION_STATUS"]
    assert [one["connectionStatus"]["status"] for one in answers] == ["SUCCEEDED"]


def test_a_program_gets_the_report_as_json(gitlab: Emulator, tmp_path: Path) -> None:
    """On standard output, the same as in the file, with the exit codes that people get."""
    report = tmp_path / "report.json"
    config = written(gitlab, tmp_path, groups_list=["acme"])
    for way in (("--url", gitlab.url, "--group", "acme"), ("--config", config)):
        done = run("--format", "json", *way, "--report", str(report), token=gitlab.token)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == report.read_text()
        assert json.loads(done.stdout)["streams"].keys() == by_default().keys()
    wrong = run("--format=json", "--url", gitlab.url, "--group", "nowhere", token=gitlab.token)
    assert wrong.returncode == 1
    assert json.loads(wrong.stdout)["status"] == "failed"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--format", "xml"), "--format: it is one of text, json, airbyte"),
        (("--format", "airbyte"), "--format airbyte needs --config FILE"),
        (("--config", "c.json", "--group", "acme"), "--group goes with --format text or"),
        (("--config", "c.json", "--grup", "acme"), "there is no flag --grup"),
    ],
)
def test_a_format_that_does_not_fit(flags: tuple[str, ...], words: str) -> None:
    """It is one sentence, before anything is asked."""
    done = run(*flags, token="glpat-any")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert words in done.stderr


def test_a_terminal_gets_a_table(gitlab: Emulator, tmp_path: Path) -> None:
    """With a configuration when it is told so."""
    config = written(gitlab, tmp_path, groups_list=["acme"])
    text = on_terminal("--config", config, "--format", "text")
    assert "CONNECTION_STATUS" not in text
    assert "pipeline_trigger_jobs" in text
    assert "Everything is ready: a read can start." in text


def written(gitlab: Emulator, folder: Path, **fields: Any) -> str:
    """A file with a configuration."""
    config = folder / "config.json"
    config.write_text(json.dumps(config_for(gitlab, **fields)))
    return str(config)


def on_terminal(*arguments: str) -> str:
    """What `source-gitlab check` shows on a terminal when it ends well."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "source_gitlab", "check", *arguments]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        assert process.wait(PATIENCE) == 0
    os.close(ours)
    return shown.decode()


def _read(terminal: int) -> bytes:
    """What was written; nothing when the other side is closed, which Linux tells by an error."""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""
