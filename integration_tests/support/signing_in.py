"""The commands of a sign-in, as processes on a machine of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import requests

from integration_tests.gitlab.launch import ROOT, Emulator
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.process import HURRIED
from source_gitlab.gitlab.oauth import Application, OAuthEndpoints

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


CONFIDENTIAL, SECRET = "emulator-client-id", "gloas-emulator-client-secret"
PUBLIC = "emulator-public-client-id"


@pytest.fixture(scope="module")
def lab() -> Iterator[Emulator]:
    """An emulated GitLab under a sub-path, which every address has to respect."""
    with Emulator("--relative-url-root", "/lab") as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def home(lab: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of the test's own with no token on it, and a GitLab without faults."""
    lab.faults([])
    lab.settings(oauth_device_polls=1)
    lab.reset_requests()
    for name in list(os.environ):
        if name.startswith(("GITLAB_", "CI_JOB", "SOURCE_GITLAB_")) and name not in HURRIED:
            monkeypatch.delenv(name)
    monkeypatch.setenv("SOURCE_GITLAB_HOME", str(tmp_path / "tokens"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "tokens"


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start a command."""
    return subprocess.Popen(
        [sys.executable, "-m", "source_gitlab", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run a command to its end: exit code, output, errors."""
    process = start(*arguments, **environment)
    out, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def browse(process: subprocess.Popen[str], **more: str) -> requests.Response:
    """Open the address that a login shows, and consent to it as a browser would."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.strip().startswith("http"):
            consent = {"auto": "1", **more}
            return requests.get(line.strip(), params=consent, timeout=PATIENCE)
    pytest.fail(f"no address was shown; exit code {process.wait(PATIENCE)}")


def login(lab: Emulator, *more: str, client: str = PUBLIC, **environment: str) -> tuple[str, str]:
    """Sign in through the browser."""
    process = start(
        "login", "--url", lab.url, "--client-id", client, "--no-browser", *more, **environment
    )
    page = browse(process)
    assert page.status_code == 200
    assert "You are signed in." in page.text
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return out, err


def kept(home: Path) -> list[str]:
    """The profiles that are kept."""
    return sorted(path.stem for path in home.glob("*.json"))


def endpoints(lab: Emulator, client: str = PUBLIC, secret: str | None = None) -> OAuthEndpoints:
    """The endpoints of the emulated GitLab, for one of its applications."""
    return OAuthEndpoints(lab.url, Application(client, secret), requests.Session())
