"""An Airbyte `read` that is stopped by a signal: it ends as a sync does, and says so."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.credentials.test_oauth_places import heeding_signals
from integration_tests.gitlab.launch import ROOT, Emulator
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.process import Ended, catalog, command, file, run, surroundings
from integration_tests.support.reading import config_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STOPPED = "The sync was stopped."
STREAMS = ("issues", "branches")
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(scope="module")
def slow() -> Iterator[Emulator]:
    """A GitLab whose list of branches is never answered."""
    with Emulator("--world", "scaled", "--projects", 2, "--issues", 430) as emulator:
        yield emulator


def arguments(slow: Emulator, folder: Path) -> list[object]:
    """A read of both streams, in one thread, so that issues are whole before branches begin."""
    config = file(folder, "config.json", config_for(slow, request_timeout=3600))
    named = file(folder, "catalog.json", catalog(*STREAMS))
    return ["read", "--config", config, "--catalog", named, "--report", folder / "report.json"]


def reading(given: list[object]) -> subprocess.Popen[str]:
    """The process of it."""
    return subprocess.Popen(
        command(*given),
        cwd=ROOT,
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeding_signals,  # noqa: PLW1509 -- it sets a handler, and no more
    )


def ended(process: subprocess.Popen[str], before: str = "") -> Ended:
    """What came of it."""
    out, err = process.communicate(timeout=PATIENCE)
    return Ended(process.returncode, before + out, err)


def told(folder: Path) -> Any:
    """Why the report says that the read ended."""
    return json.loads((folder / "report.json").read_text())["ended"]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_read_that_is_stopped(slow: Emulator, tmp_path: Path, number: int) -> None:
    """Last states, an end of each stream, one error that says why, the report, exit code 130."""
    slow.faults([{"kind": "stall", "path": "/repository/branches", "seconds": 3600}])
    given = arguments(slow, tmp_path)
    with reading(given) as process:
        assert process.stdout is not None
        before = ""
        for line in process.stdout:
            before += line
            if '"COMPLETE"' in line:
                break
        process.send_signal(number)
        done = ended(process, before)
    assert done.code == 130
    assert done.statuses == {"issues": "COMPLETE", "branches": "INCOMPLETE"}
    (error,) = done.errors
    assert error["message"].startswith(STOPPED)
    assert error["failure_type"] == "transient_error"
    assert told(tmp_path) == STOPPED
    assert "Traceback" not in done.stdout + done.stderr
    states = [one["state"]["stream"]["stream_descriptor"]["name"] for one in done.of("STATE")]
    assert set(states) <= set(STREAMS)
    slow.faults([])
    rest = run(*given, "--state", file(tmp_path, "state.json", done.stdout))
    assert rest.code == 0, rest.stdout
    assert rest.statuses == dict.fromkeys(STREAMS, "COMPLETE")
    names = [one["record"]["stream"] for one in rest.of("RECORD")]
    assert "branches" in names
    assert "issues" not in names


def test_a_read_that_is_stopped_before_it_knows_what_to_read(
    slow: Emulator, tmp_path: Path
) -> None:
    """It does not wait for the answer, and no stream is left without an end."""
    slow.faults([{"kind": "stall", "path": "/api/v4/", "seconds": 3600}])
    slow.reset_requests()
    with reading(arguments(slow, tmp_path)) as process:
        while not slow.requests(limit=0)["total"]:
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        done = ended(process)
    assert done.code == 130
    assert done.statuses == dict.fromkeys(STREAMS, "INCOMPLETE")
    assert [error["message"] for error in done.errors] == [STOPPED]
    assert told(tmp_path) == STOPPED
    assert not done.of("RECORD")


def test_a_sync_that_is_stopped_before_it_knows_what_to_read(
    slow: Emulator, tmp_path: Path
) -> None:
    """Its report says so, too."""
    slow.faults([{"kind": "stall", "path": "/api/v4/", "seconds": 3600}])
    slow.reset_requests()
    config = file(tmp_path, "config.json", config_for(slow, request_timeout=3600))
    report = ("--report", tmp_path / "report.json")
    with reading(["sync", "--config", config, "--to", tmp_path / "a.duckdb", *report]) as process:
        while not slow.requests(limit=0)["total"]:
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        done = ended(process)
    assert done.code == 130
    assert told(tmp_path) == STOPPED
