"""Who runs the connector may say how long a failed request waits before it is tried again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from integration_tests.support.process import run

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

CHOICE = ("--group", "acme", "--select", "issues")


def test_each_pause_is_twice_the_one_before(faulty: Emulator, tmp_path: Path) -> None:
    """From the one that is said on, a quarter more or less."""
    faulty.faults([{"kind": "status", "status": 503, "path": "/issues$", "times": 3}])
    done = run(
        *("sync", "-v", "--to", tmp_path / "gitlab.duckdb", "--url", faulty.url, *CHOICE),
        GITLAB_TOKEN=faulty.token,
        SOURCE_GITLAB_RETRY_PAUSE="0.1",
    )
    assert done.code == 0, done.stderr
    pauses = re.findall(r"/issues is tried again in ([\d,]+) ms\n", done.stderr)
    first, second, third = (int(one.replace(",", "")) for one in pauses)
    assert 75 <= first <= 125
    assert 150 <= second <= 250
    assert 300 <= third <= 500


@pytest.mark.parametrize("command", ["sync", "check"])
def test_a_wrong_one_is_refused(faulty: Emulator, tmp_path: Path, command: str) -> None:
    """In one sentence, before anything is asked for."""
    words = ["sync", "--to", str(tmp_path / "gitlab.duckdb")] if command == "sync" else ["check"]
    done = run(
        *(*words, "--url", faulty.url, *CHOICE),
        GITLAB_TOKEN=faulty.token,
        SOURCE_GITLAB_RETRY_PAUSE="very soon",
    )
    assert done.code in {1, 2}
    told = done.stderr + done.stdout
    assert "SOURCE_GITLAB_RETRY_PAUSE is no number of seconds from 0 to 60. Set it" in told
    assert "very soon" not in told
    assert "Traceback" not in done.stderr
    assert faulty.requests(0)["total"] == 0
