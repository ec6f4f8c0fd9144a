"""The connector as its users run it: a process with arguments, output and an exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration_tests.gitlab.patience import PATIENCE
from source_gitlab.gitlab import retry_pause

ROOT = Path(__file__).parents[2]
# What fails in a test fails on purpose, and again and again: no test waits for it to pass.
HURRIED = {retry_pause.VARIABLE: "0.01"}
# What programs of others would send to the internet fails.
OFFLINE = {
    "DO_NOT_TRACK": "1",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1,localhost",
}


@dataclass(frozen=True)
class Ended:
    """What came of a process."""

    code: int
    stdout: str
    stderr: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of the Airbyte protocol; every line of the output must be one."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The TRACE messages that are errors."""
        traces = [message["trace"] for message in self.messages if message["type"] == "TRACE"]
        return [trace["error"] for trace in traces if trace["type"] == "ERROR"]

    @property
    def check(self) -> dict[str, Any]:
        """The one answer of a check."""
        (found,) = [m for m in self.messages if m["type"] == "CONNECTION_STATUS"]
        status: dict[str, Any] = found["connectionStatus"]
        return status

    @property
    def statuses(self) -> dict[str, str]:
        """The last status of each stream."""
        return {
            trace["stream_status"]["stream_descriptor"]["name"]: trace["stream_status"]["status"]
            for trace in (m["trace"] for m in self.messages if m["type"] == "TRACE")
            if trace["type"] == "STREAM_STATUS"
        }

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The messages of one type."""
        return [message for message in self.messages if message["type"] == kind]


def run(*arguments: object, **environment: str) -> Ended:
    """Run `source-gitlab` with these arguments."""
    done = subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=surroundings(**environment),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def command(*arguments: object) -> list[str]:
    """The command line that `source-gitlab` with these arguments stands for."""
    return [sys.executable, "-m", "source_gitlab", *map(str, arguments)]


def surroundings(**more: str) -> dict[str, str]:
    """The environment without what of it configures the connector, and with `more`.

    A request that fails is tried again almost at once, unless `more` says otherwise.
    """
    kept = {name: value for name, value in os.environ.items() if "GITLAB" not in name}
    return {**kept, **HURRIED, **more}


def catalog(*names: str, mode: str = "incremental") -> dict[str, Any]:
    """A configured catalog of these streams."""
    return {
        "streams": [
            {
                "stream": {
                    "name": name,
                    "json_schema": {},
                    "supported_sync_modes": ["full_refresh", "incremental"],
                },
                "sync_mode": mode,
                "destination_sync_mode": "append",
            }
            for name in names
        ]
    }


def file(folder: Path, name: str, content: object) -> Path:
    """A file with JSON in it, or with the text as it is."""
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path
