"""The commands write line by line what the CDK writes over the source object."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.oauth_pairs import LONG_AGO, sign_in
from integration_tests.support.process import ROOT, Ended, catalog, file, run, surroundings
from integration_tests.support.reading import config_for

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

PROGRAM = """
import sys
from airbyte_cdk.entrypoint import launch
from source_gitlab import SourceGitlab
launch(SourceGitlab(), sys.argv[1:])
"""
# What the CDK logs of itself.
CDKS = ("MemoryMonitor ", "Check succeeded", "Check failed")
# States say until when a list is read.
JUST_NOW = re.compile(f"{datetime.now(timezone.utc):%Y-%m-%d}T[0-9:.]+Z")
STREAMS = ("issues", "project_labels", "commits", "branches")
REFUSED = {"kind": "status", "status": 500, "body": "{}", "path": "/projects/102/repository/"}


def with_the_cdk(*arguments: object) -> Ended:
    """The same command, as a program that has the CDK run the source object."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        cwd=ROOT,
        env=surroundings(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def lines(ended: Ended) -> list[str]:
    """The messages in their order, with the order of their fields, without times and logs."""
    found = [json.dumps(timeless(one)) for one in ended.messages if one["type"] != "LOG"]
    return [JUST_NOW.sub("now", line) for line in found]


def logged(ended: Ended) -> list[dict[str, Any]]:
    """The logs of ours; an error that ends a command is logged by the CDK and is a TRACE, too."""
    found = [one["log"] for one in ended.of("LOG")]
    return [one for one in found if one["level"] != "FATAL" and not one["message"].startswith(CDKS)]


def timeless(message: dict[str, Any]) -> dict[str, Any]:
    """A message without its time, tracebacks, and what the CDK leaves out of rows: what is null."""
    (kind,) = message.keys() - {"type"}
    found = dict(message[kind])
    if kind in {"record", "trace", "control"}:
        assert found.pop("emitted_at") > 1_700_000_000_000
    if kind == "record":
        without = {name: value for name, value in found["data"].items() if value is not None}
        found["data"] = without | {"read_at": None}
    if "error" in found:
        found["error"] = {
            name: value for name, value in found["error"].items() if name != "stack_trace"
        }
    if found.get("status") == "SUCCEEDED":
        # How many streams are tried depends on how fast the answers come.
        found["message"] = found["message"].partition(" The token")[0]
    return {"type": message["type"], kind: found}


@pytest.fixture
def written(faulty: Emulator, tmp_path: Path) -> Path:
    """A configuration with one worker, so that everything comes in one order."""
    config = config_for(faulty, groups_list=["acme"], num_workers=1)
    return file(tmp_path, "config.json", config)


def compare(*arguments: object) -> Ended:
    """Run a command both ways; what the command gave."""
    ours, theirs = run(*arguments), with_the_cdk(*arguments)
    assert ours.code == theirs.code
    assert lines(ours) == lines(theirs)
    assert logged(ours) == logged(theirs)
    assert ours.stderr == theirs.stderr == ""
    return ours


def test_a_read_and_the_next(written: Path, tmp_path: Path) -> None:
    """Statuses, records, counts and states, from nothing and from a state."""
    chosen = file(tmp_path, "catalog.json", catalog(*STREAMS))
    first = compare("read", "--config", written, "--catalog", chosen)
    assert first.code == 0
    assert {one["record"]["stream"] for one in first.of("RECORD")} == {*STREAMS}
    state = file(tmp_path, "state.json", first.stdout)
    second = compare("read", "--config", written, "--catalog", chosen, "--state", state)
    assert len(second.of("RECORD")) < len(first.of("RECORD"))


def test_streams_that_fail(faulty: Emulator, written: Path, tmp_path: Path) -> None:
    """One TRACE of each, an INCOMPLETE, and one error at the end."""
    faulty.faults([REFUSED])
    chosen = file(tmp_path, "catalog.json", catalog("branches", "tags", "project_labels"))
    ended = compare("read", "--config", written, "--catalog", chosen)
    assert ended.code == 1
    assert ended.statuses == {
        "branches": "INCOMPLETE",
        "tags": "INCOMPLETE",
        "project_labels": "COMPLETE",
    }
    assert [error["failure_type"] for error in ended.errors] == ["transient_error"] * 3


NO_GROUP = {"groups_list": ["no-such-group"]}
NO_TOKEN = {"credentials": {"auth_type": "access_token", "access_token": "glpat-wrong-wrong-wrong"}}


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("check", NO_GROUP),
        ("check", NO_TOKEN),
        ("read", NO_GROUP),
        ("read", NO_TOKEN),
        ("read", {"start_date": "yesterday"}),  # the CDK's check has a sentence of its own
    ],
)
def test_mistakes_of_the_user(
    faulty: Emulator, tmp_path: Path, command: str, wrong: dict[str, Any]
) -> None:
    """A check answers FAILED with exit code 0, a read ends with a config_error and 1."""
    config = file(tmp_path, "config.json", {**config_for(faulty, num_workers=1), **wrong})
    chosen = file(tmp_path, "catalog.json", catalog("project_labels", "issues"))
    more = ("--catalog", chosen) if command == "read" else ()
    ended = compare(command, "--config", config, *more)
    if command == "check":
        assert (ended.code, ended.check["status"]) == (0, "FAILED")
    else:
        assert ended.code == 1
        assert [error["failure_type"] for error in ended.errors] == ["config_error"]


def test_a_check_that_succeeds(written: Path) -> None:
    """One answer."""
    assert compare("check", "--config", written).check["status"] == "SUCCEEDED"


def test_a_catalog_is_the_same(written: Path) -> None:
    """Of all streams."""
    (found,) = compare("discover", "--config", written).of("CATALOG")
    assert len(found["catalog"]["streams"]) > 100


def test_renewed_tokens(faulty: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CONTROL message with the whole configuration, before anything is read with them."""
    monkeypatch.setenv("SOURCE_GITLAB_HOME", str(tmp_path / "home"))
    found = []
    for command in (run, with_the_cdk):
        config = sign_in(faulty)
        config["credentials"]["token_expiry_date"] = LONG_AGO
        path = file(tmp_path, "config.json", {**config, "num_workers": 1})
        ended = command("check", "--config", path)
        assert ended.code == 0, ended.stdout
        (control,) = ended.of("CONTROL")
        assert (
            control["control"]["connectorConfig"]["config"]["credentials"] != config["credentials"]
        )
        kinds = [one["type"] for one in ended.messages if one["type"] != "LOG"]
        shape = [json.dumps(shape_of(one)) for one in ended.of("CONTROL")]
        found.append((kinds, shape, logged(ended)))
    assert found[0] == found[1]


def shape_of(value: Any) -> Any:
    """The fields of a message in their order, without what is in them."""
    return {name: shape_of(part) for name, part in value.items()} if isinstance(value, dict) else 0
