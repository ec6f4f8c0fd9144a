"""Signing in on another device."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import requests

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.signing_in import (
    PUBLIC,
    endpoints,
    home,
    kept,
    lab,
    start,
)
from source_gitlab.login import device_flow
from source_gitlab.login.errors import SignInError

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator


__all__ = ["home", "lab"]


def test_device_sign_in_as_a_process(lab: Emulator, home: Path) -> None:
    """The code is shown, and typed somewhere else."""
    lab.settings(oauth_device_polls=-1)
    arguments = ["--url", lab.url, "--client-id", PUBLIC, "--device", "--profile", "headless"]
    process = start("login", *arguments)
    assert process.stderr is not None
    shown = ""
    while not (match := re.search(r"^  ([0-9A-F]{8})$", shown, re.MULTILINE)):
        shown += process.stderr.readline()
    assert f"{lab.url}/oauth/device" in shown
    requests.get(f"{lab.url}/oauth/device", {"user_code": match[1]}, timeout=PATIENCE)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "as the profile headless" in out
    assert kept(home) == ["headless"]


class Clock:
    """A clock that only waiting moves, and what was waited for."""

    def __init__(self) -> None:
        self.time = 0.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        """Wait."""
        self.waits.append(seconds)
        self.time += seconds

    def now(self) -> float:
        """The time."""
        return self.time


def by_device(lab: Emulator, clock: Clock) -> Any:
    """Sign in by device with a clock of the test's own."""
    return device_flow.sign_in(endpoints(lab), lambda _: None, wait=clock.wait, now=clock.now)


def test_a_device_slows_down_when_told(lab: Emulator) -> None:
    """By five seconds, each time, and for good."""
    lab.settings(oauth_device_polls=1)
    slow = {"kind": "status", "status": 400, "body": {"error": "slow_down"}}
    lab.faults([{**slow, "path": "/oauth/token", "times": 2}])
    clock = Clock()
    assert by_device(lab, clock).tokens.access_token
    assert clock.waits == [5, 10, 15, 15]


@pytest.mark.parametrize("kind", ["reset", "close"])
def test_a_device_outlives_a_lost_connection(lab: Emulator, kind: str) -> None:
    """A question that was lost is asked again, later."""
    lab.faults([{"kind": kind, "path": "/oauth/token", "times": 2}])
    clock = Clock()
    assert by_device(lab, clock).tokens.access_token
    assert clock.waits[:3] == [5, 10, 20]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("access_denied", "was denied in the browser"),
        ("expired_token", "Nobody typed the code in time"),
        ("invalid_client", "give --client-secret"),
    ],
)
def test_a_device_is_told_why(lab: Emulator, error: str, message: str) -> None:
    """Each end of it that RFC 8628 has."""
    body = {"error": error, "error_description": "in GitLab's words"}
    lab.faults([{"kind": "status", "status": 400, "body": body, "path": "/oauth/token"}])
    with pytest.raises(SignInError, match=message):
        by_device(lab, Clock())


def test_a_device_waits_five_minutes(lab: Emulator) -> None:
    """For nobody."""
    lab.settings(oauth_device_polls=-1)
    clock = Clock()
    with pytest.raises(SignInError, match="Nobody typed the code in time"):
        by_device(lab, clock)
    assert 290 <= clock.time <= 300


def test_an_old_gitlab_has_no_devices(lab: Emulator) -> None:
    """Its page for what does not exist is HTML."""
    page = {"kind": "status", "status": 404, "body": "<html>404</html>"}
    lab.faults([{**page, "path": "/oauth/authorize_device"}])
    with pytest.raises(SignInError, match="no sign-in by device"):
        by_device(lab, Clock())
