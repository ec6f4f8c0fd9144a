"""One run of one contender: what it cost, and what it brought.

CPU and memory are what the kernel accounts to the process and the children that it waited for
(`wait4`); the peak RSS is that of the largest of them. Output goes to a file and is counted
afterwards, so that nobody competes with the contender for its core.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.machine import pinned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.yardstick import Yardstick
    from integration_tests.gitlab.launch import Emulator

_KIBIBYTE = 1024
_KIND = re.compile(rb'^\{"type": ?"(RECORD|STATE)"')
_STREAM = re.compile(rb'"stream": ?"(\w+)"')


class RunError(RuntimeError):
    """A contender failed; the message has the end of what it wrote."""


@dataclass
class Measurement:
    """What one run cost. Times are seconds, sizes bytes.

    `pace` is what the yardstick took meanwhile, in CPU seconds, and `work` the CPU in yardsticks.
    `states` are the last state messages, one for each stream; `state_sizes` how long what is in
    them is; `state_written` all state messages of the run together. `retries` are answers that
    make a client ask again: 429, 5xx, or none. `largest_in_flight` is how many requests were
    under way at once.
    """

    wall: float
    cpu: float
    pace: float
    memory: int
    requests: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    largest_in_flight: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    output: int = 0
    state_written: int = 0
    state_sizes: dict[str, int] = field(default_factory=dict)
    states: list[dict[str, Any]] = field(default_factory=list)

    @property
    def work(self) -> float:
        """CPU in yardsticks, which the speed of the machine is taken out of."""
        return self.cpu / self.pace

    @property
    def total_requests(self) -> int:
        """Requests to all endpoints."""
        return sum(self.requests.values())

    @property
    def total_rows(self) -> int:
        """Rows of all streams."""
        return sum(self.rows.values())


@dataclass(frozen=True)
class Invocation:
    """A command, with what it needs beside: standard input, and variables of its environment."""

    command: Sequence[str]
    stdin: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """The core that contenders run on, if the system can pin them, and the yardstick on it."""

    core: int | None
    yardstick: Yardstick


def _trusting(gitlab: Emulator) -> dict[str, str]:
    """The variables by which every contender takes the certificate of an emulator with TLS."""
    if gitlab.certificates is None:
        return {}
    authority = str(gitlab.certificates / "ca.pem")
    return {"REQUESTS_CA_BUNDLE": authority, "SSL_CERT_FILE": authority}


def measure(
    invocation: Invocation, gitlab: Emulator, folder: Path, at: Place, limit: float
) -> Measurement:
    """Run a contender in `folder`, and stop it after `limit` seconds.

    Raises:
        RunError: it ended with an error, or took too long.
    """
    given, output, errors = folder / "stdin", folder / "stdout", folder / "stderr"
    given.write_text(invocation.stdin)
    gitlab.reset_requests()
    # Not the caller's variables: a proxy, a token or a Python path would change what is measured.
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        **_trusting(gitlab),
        **invocation.environment,
    }
    with given.open("rb") as stdin, output.open("wb") as stdout, errors.open("wb") as stderr:
        begun = time.monotonic()
        with pinned(at.core):
            process = subprocess.Popen(
                invocation.command,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        timer = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        name = Path(invocation.command[0]).name
        said = errors.read_text(errors="replace")[-500:] or _last_lines(output)
        message = f"{name} ended with {process.returncode} after {wall:.0f} s: {said.strip()}"
        raise RunError(message)
    measurement = Measurement(
        wall,
        usage.ru_utime + usage.ru_stime,
        at.yardstick.between(begun, begun + wall),
        usage.ru_maxrss * _KIBIBYTE,
    )
    _count_requests(measurement, gitlab)
    _count_output(measurement, output)
    output.unlink()
    return measurement


def _last_lines(output: Path) -> str:
    with output.open("rb") as file:
        file.seek(max(output.stat().st_size - 2000, 0))
        return file.read().decode(errors="replace")


def _count_requests(measurement: Measurement, gitlab: Emulator) -> None:
    report = gitlab.requests(limit=1)
    counts: dict[str, dict[str, int]] = report["counts"]
    measurement.requests = {endpoint: sum(found.values()) for endpoint, found in counts.items()}
    measurement.retries = sum(
        number
        for found in counts.values()
        for status, number in found.items()
        if status in {"0", "429"} or status.startswith("5")
    )
    measurement.largest_in_flight = report["most_in_flight"]


def _count_output(measurement: Measurement, output: Path) -> None:
    rows: Counter[str] = Counter()
    last: dict[str, bytes] = {}
    with output.open("rb") as lines:
        for line in lines:
            measurement.output += len(line)
            kind = _KIND.match(line)
            if kind is None:
                continue
            stream = _STREAM.search(line, 0, 200)
            if kind[1] == b"RECORD" and stream:
                rows[stream[1].decode()] += 1
            elif kind[1] == b"STATE":
                measurement.state_written += len(line)
                last[_state_of(line)] = line
    measurement.rows = dict(rows)
    for name, line in last.items():
        state = json.loads(line).get("state", {})
        measurement.states.append(state)
        blob = state.get("stream", {}).get("stream_state") or {}
        measurement.state_sizes[name] = len(json.dumps(blob, separators=(",", ":")))


def _state_of(line: bytes) -> str:
    """The stream of an Airbyte state message; "" where there is only one state, as in Singer."""
    descriptor = json.loads(line).get("state", {}).get("stream", {}).get("stream_descriptor", {})
    return str(descriptor.get("name", ""))
