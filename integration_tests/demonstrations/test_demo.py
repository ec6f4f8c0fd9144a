"""`make demo` runs with what it installs, which is little."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from typing import TYPE_CHECKING

from integration_tests.support.environments import ROOT, environment

if TYPE_CHECKING:
    from pathlib import Path


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pins(lock: str) -> set[str]:
    """The packages of a lock file with their versions."""
    text = (ROOT / "requirements" / lock).read_text("utf-8")
    return set(re.findall(r"(?m)^[\w.-]+(?:==\S+)", re.sub(r"\[\w+\](?===)", "", text)))


def test_it_installs_a_fraction_of_what_tests_need() -> None:
    """In the same versions, so that what is shown is what is tested."""
    assert pins("demo.txt") <= pins("dev.txt")
    assert 3 * len(pins("demo.txt")) < len(pins("dev.txt"))


def test_a_first_and_a_second_time(tmp_path: Path) -> None:
    """It shows check, sync and an answer, and ends with a page; then, nothing has changed."""
    python = environment("demo", with_package=False) / "python"
    command = [str(python), "-m", "integration_tests.demo", "--port", str(free_port())]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "SOURCE_GITLAB_HOME": str(tmp_path)}
    told = []
    for _ in range(2):
        done = subprocess.run(
            command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        told.append(done.stdout)
    first, second = told
    assert re.search(r"(?m)^ok +Token +The token is valid", first)
    assert re.search(r"gitlab\.duckdb: [\d,]+ rows new", first)
    assert re.search(r"(?m)^acme/\S+ +20\d\d-\d\d ", first)
    assert "Nothing has changed since" in second
    assert (tmp_path / "report.html").stat().st_size > 100_000
