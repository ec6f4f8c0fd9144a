"""`tap-gitlab` as a process, and what a strict target makes of its output."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from integration_tests.gitlab.launch import ROOT
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.process import surroundings
from source_gitlab.interfaces.singer.catalog import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.singer_target import Target

EXECUTABLE = Path(sys.executable).with_name("tap-gitlab")
Row = dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """A run that has ended."""

    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[bytes]:
        """The lines of the output, with their ends."""
        return self.out.splitlines(keepends=True)

    @property
    def messages(self) -> list[Row]:
        """The messages; each line of the output has to be one."""
        return [json.loads(line) for line in self.out.splitlines()]


def tap(*arguments: object, **environment: str) -> Ended:
    """Run `tap-gitlab` with these arguments."""
    done = subprocess.run(
        [str(EXECUTABLE), *map(str, arguments)],
        cwd=ROOT,
        env=surroundings(**environment),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    ended = Ended(done.returncode, done.stdout, done.stderr.decode())
    assert "Traceback" not in ended.err, ended.err
    return ended


@contextmanager
def started(
    *arguments: object, stdout: IO[bytes] | int = subprocess.PIPE
) -> Iterator[subprocess.Popen[bytes]]:
    """A run under way, killed when the block ends before it."""
    with subprocess.Popen(
        [str(EXECUTABLE), *map(str, arguments)],
        cwd=ROOT,
        env=surroundings(),
        stdout=stdout,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def written(path: Path, content: object) -> Path:
    """A file with this JSON."""
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def configured(folder: Path, gitlab: Emulator, **more: object) -> Path:
    """A configuration as other taps for GitLab have it."""
    config = {"private_token": gitlab.token, "api_url": gitlab.url, **more}
    return written(folder / "config.json", config)


def selecting(path: Path, *names: str, **metadata: Row) -> Path:
    """A catalog in which these streams are selected, with `metadata` for streams by name."""
    found = catalog()
    for entry in found["streams"]:
        top = entry["metadata"][0]["metadata"]
        top["selected"] = entry["tap_stream_id"] in names
        top |= metadata.get(entry["tap_stream_id"], {})
    return written(path, found)


def run(folder: Path, target: Target, *arguments: object) -> Ended:
    """Run the tap from the target's state, and let the target take what comes."""
    given = list(arguments)
    if target.state is not None:
        given += ["--state", written(folder / "state.json", target.state)]
    ended = tap("--config", folder / "config.json", *given)
    target.take(ended.lines)
    return ended
