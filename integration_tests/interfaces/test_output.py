"""The output breaks: one sentence, and nothing comes out behind the gap."""

from __future__ import annotations

import array
import errno
import fcntl
import io
import logging
import select
import signal
import subprocess
import termios
import time
from collections import Counter
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from airbyte_cdk.models import AirbyteStreamStatus, ConfiguredAirbyteCatalogSerializer, Type

from integration_tests.gitlab.launch import Emulator
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.process import ROOT, catalog, command, file, run, surroundings
from integration_tests.support.reading import config_for, read
from source_gitlab import SourceGitlab
from source_gitlab.gitlab.client import Retries
from source_gitlab.interfaces.airbyte.protocol import log, now
from source_gitlab.interfaces.airbyte.writer import Writer
from source_gitlab.interrupts import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from source_gitlab.core.skip_log import SkipLog


COMPLETE, INCOMPLETE = AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE
QUICK = Retries(tries=4, first=0.01)


@pytest.fixture(scope="module")
def large() -> Iterator[Emulator]:
    """A GitLab whose lists have several pages."""
    sizes = ("--projects", 2, "--issues", 430, "--branches", 230, "--commits", 120, "--tags", 120)
    with Emulator("--world", "scaled", *sizes) as emulator:
        yield emulator


STREAMS = ("issues", "branches", "commits", "tags")
READ = ("read", "--config", "{}/config.json", "--catalog", "{}/catalog.json")


def _files(large: Emulator, tmp_path: Path) -> list[str]:
    file(tmp_path, "config.json", config_for(large))
    file(tmp_path, "catalog.json", catalog(*STREAMS))
    return command(*(part.format(tmp_path) for part in READ))


def _ended(folder: Path) -> Any:
    """Why the report says that the read ended."""
    return orjson.loads((folder / "report.json").read_bytes())["ended"]


def _sorted(rows: list[dict[str, Any]]) -> list[bytes]:
    """The rows as JSON, but for when they were read."""
    without = ({**row, "read_at": None} for row in rows)
    return sorted(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) for row in without)


@pytest.mark.parametrize("workers", [1, 20])
def test_lines_are_the_rows_and_states_count_them(
    large: Emulator, tmp_path: Path, workers: int
) -> None:
    """The command line writes pages as they were read; a program gets the same rows one by one."""
    _files(large, tmp_path)
    file(tmp_path, "config.json", config_for(large, num_workers=workers))
    done = run(*(part.format(tmp_path) for part in READ))
    assert done.code == 0, done.stderr
    lines: dict[str, list[dict[str, Any]]] = {name: [] for name in STREAMS}
    uncounted = dict.fromkeys(STREAMS, 0)
    for message in done.messages:
        if message["type"] == "RECORD":
            lines[message["record"]["stream"]].append(message["record"]["data"])
            uncounted[message["record"]["stream"]] += 1
        elif message["type"] == "STATE":
            name = message["state"]["stream"]["stream_descriptor"]["name"]
            assert message["state"]["sourceStats"]["recordCount"] == uncounted[name]
            uncounted[name] = 0
    rows = read(config_for(large), STREAMS).rows
    for name in STREAMS:
        assert uncounted[name] == 0
        assert rows[name]
        assert _sorted(lines[name]) == _sorted(rows[name])


@pytest.mark.parametrize("workers", [1, 20])
def test_messages_of_a_stream_are_in_order(large: Emulator, tmp_path: Path, workers: int) -> None:
    """Platforms follow a stream by its statuses; a state stands behind the records before it."""
    _files(large, tmp_path)
    file(tmp_path, "config.json", config_for(large, num_workers=workers))
    done = run(*(part.format(tmp_path) for part in READ))
    kinds: dict[str, list[str]] = {name: [] for name in STREAMS}
    for message in done.messages:
        if message["type"] == "RECORD":
            kinds[message["record"]["stream"]].append("RECORD")
        elif message["type"] == "STATE":
            kinds[message["state"]["stream"]["stream_descriptor"]["name"]].append("STATE")
        elif message["type"] == "TRACE":
            status = message["trace"]["stream_status"]
            kinds[status["stream_descriptor"]["name"]].append(status["status"])
    for name in STREAMS:
        assert kinds[name][:3] == ["STARTED", "RUNNING", "RECORD"]
        assert kinds[name][-2:] == ["STATE", "COMPLETE"]
        assert set(kinds[name][2:-1]) == {"RECORD", "STATE"}


def test_a_limit_that_holds_a_read_up_is_told(large: Emulator, tmp_path: Path) -> None:
    """While it does, with the moment at which it ends, for the platform to show."""
    fault = {"kind": "rate_limit", "form": "retry_after", "seconds": 600, "path": "/branches$"}
    large.faults([fault])
    arguments = _files(large, tmp_path)
    try:
        with subprocess.Popen(
            arguments, cwd=ROOT, env=surroundings(), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            told = next(line for line in process.stdout if "RATE_LIMITED" in line)
            process.terminate()
            process.communicate(timeout=PATIENCE)
    finally:
        large.faults([])
    assert process.returncode == 130
    status = orjson.loads(told)["trace"]["stream_status"]
    (reason,) = status["reasons"]
    assert status["status"] == "RUNNING"
    assert reason["rate_limited"]["quota_reset"] > now() + 60_000


def test_a_disk_that_is_full(large: Emulator, tmp_path: Path) -> None:
    """The output cannot be written: one sentence, exit code 1, and the process is gone."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123 -- a device, not a file
        done = subprocess.run(
            [*_files(large, tmp_path), "--report", str(tmp_path / "report.json")],
            cwd=ROOT,
            env=surroundings(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "the output cannot be written (No space left on device)" in done.stderr
    assert _ended(tmp_path) == "The output cannot be written: No space left on device."


def test_nothing_is_written_behind_a_gap() -> None:
    """Room that comes back after a failed write must not let a state follow the lost records."""

    class Full(io.BytesIO):
        def write(self, data: Any, /) -> int:
            if not self.tell():
                super().write(b" ")
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    output = Full()
    writer = Writer(output)
    with pytest.raises(OSError, match="No space"):
        writer.write(log("INFO", "lost"))
    with pytest.raises(OSError, match="No space"):
        writer.write(log("INFO", "too late"))
    assert output.getvalue() == b" "


def test_a_pipe_that_is_closed(large: Emulator, tmp_path: Path) -> None:
    """Whoever reads goes away in the middle: the same."""
    process = subprocess.Popen(
        [*_files(large, tmp_path), "--report", str(tmp_path / "report.json")],
        cwd=ROOT,
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stderr:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=PATIENCE) == 1
        said = process.stderr.read()
    assert said.count("\n") == 1
    assert "nobody reads the output any more" in said
    assert _ended(tmp_path) == "The output cannot be written: nobody reads the output any more."


def test_a_program_that_takes_no_more(large: Emulator) -> None:
    """The report is as plain where the messages go to a program, which stops in the middle."""
    reports: list[SkipLog] = []
    source = SourceGitlab(on_read=reports.append)
    chosen = ConfiguredAirbyteCatalogSerializer.load(catalog(*STREAMS))
    messages = source.read(logging.getLogger("airbyte"), config_for(large), chosen)
    assert isinstance(messages, Generator)
    next(one for one in messages if one.type is Type.RECORD)
    messages.close()
    assert [report.ended for report in reports] == [
        "Whoever took the messages takes no more of them."
    ]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_signal_cuts_no_line(large: Emulator, tmp_path: Path, unbuffered: str) -> None:
    """It comes while a write waits for whoever reads; states count the rows that are out."""
    process = subprocess.Popen(
        _files(large, tmp_path),
        cwd=ROOT,
        env=surroundings(PYTHONUNBUFFERED=unbuffered),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    place = process.stdout.fileno()
    room = fcntl.fcntl(place, fcntl.F_GETPIPE_SZ) - select.PIPE_BUF
    end = time.monotonic() + PATIENCE
    while _waiting_in(place) < room:
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    lines, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == INTERRUPTED
    messages = [orjson.loads(line) for line in lines.splitlines()]
    rows = Counter(one["record"]["stream"] for one in messages if one["type"] == "RECORD")
    counted: Counter[str] = Counter()
    for state in (one["state"] for one in messages if one["type"] == "STATE"):
        name = state["stream"]["stream_descriptor"]["name"]
        counted[name] += int(state["sourceStats"]["recordCount"])
    assert counted == rows


def _waiting_in(place: int) -> int:
    """How many bytes of a pipe nobody has read."""
    found = array.array("i", [0])
    fcntl.ioctl(place, termios.FIONREAD, found)
    return found[0]
