"""Commands that are interrupted while they renew a pair of OAuth tokens: the new pair is kept."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from integration_tests.credentials.test_oauth_places import (
    NOWHERE,
    heeding_signals,
    lab,
    works,
)
from integration_tests.gitlab.launch import ROOT
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support import process
from integration_tests.support.oauth_pairs import sign_in, slow_renewal

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

__all__ = ["lab"]


def interrupted(lab: Emulator, number: int, *arguments: object, late: bool = False) -> str:
    """What a command writes that is interrupted when GitLab has renewed its pair.

    It is `late` where a read is in the middle of a list then.
    """
    rotations = lab.control("oauth")["rotations"]
    slow_renewal(lab, late=late)
    running = subprocess.Popen(
        process.command(*arguments),
        cwd=ROOT,
        env=process.surroundings(**NOWHERE),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=heeding_signals,  # noqa: PLW1509 -- it sets a handler, and no more
    )
    end = time.monotonic() + PATIENCE
    while lab.control("oauth")["rotations"] == rotations:
        assert running.poll() is None
        assert time.monotonic() < end, "the pair was never renewed"
    running.send_signal(number)
    out, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130
    lab.faults([])
    return out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", [("token",), ("check", "--format", "text")], ids=" ".join)
def test_commands_for_people_keep_what_they_renew(
    lab: Emulator, tmp_path: Path, number: int, command: tuple[str, ...]
) -> None:
    """They leave at once, but for a renewal that is under way: its pair is in the file then."""
    config = sign_in(lab)
    path = process.file(tmp_path, "config.json", config)
    interrupted(lab, number, *command, "--config", path)
    assert json.loads(path.read_text()) != config
    assert works(lab, path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["check", "read-at-the-start", "read-in-mid-list"])
def test_a_platform_is_given_what_was_renewed(
    lab: Emulator, tmp_path: Path, number: int, when: str
) -> None:
    """The message with the new pair comes out before the process leaves."""
    late = when == "read-in-mid-list"
    path = process.file(tmp_path, "config.json", sign_in(lab, expired=not late))
    named = process.file(tmp_path, "catalog.json", process.catalog("project_labels"))
    command = ("check",) if when == "check" else ("read", "--catalog", named)
    out = interrupted(lab, number, *command, "--config", path, late=late)
    messages = [json.loads(line) for line in out.splitlines()]
    (control,) = [one["control"] for one in messages if one["type"] == "CONTROL"]
    path.write_text(json.dumps(control["connectorConfig"]["config"]))
    assert works(lab, path)
