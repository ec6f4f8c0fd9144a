"""Pairs of OAuth tokens of an emulated GitLab, and clients that renew them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.launch import ROOT, Emulator
from integration_tests.gitlab.patience import PATIENCE
from source_gitlab.config import parse
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.connection import Connection
from source_gitlab.gitlab.timer import Timer
from source_gitlab.gitlab.tuning import Tuning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


CLIENT_ID, CLIENT_SECRET = "emulator-client-id", "gloas-emulator-client-secret"
MANY = 8
QUICK = Tuning(renewal_pause=0.01)
LONG_AGO = "2024-01-01T00:00:00Z"
Row = dict[str, Any]


@pytest.fixture(scope="module")
def lab() -> Iterator[Emulator]:
    """An emulated GitLab for these tests, which set faults."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def home(lab: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of the test's own, a GitLab without faults, and no waiting."""
    lab.faults([])
    lab.reset_requests()
    monkeypatch.setenv("SOURCE_GITLAB_HOME", str(tmp_path / "tokens"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("SOURCE_GITLAB_VAULT_KEY", "SOURCE_GITLAB_VAULT_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "tokens"


def slow_renewal(lab: Emulator, *, late: bool) -> None:
    """Let renewals take a while; with `late`, one falls due in the middle of a list."""
    faults: list[dict[str, Any]] = [{"kind": "slow", "path": "/oauth/token", "seconds": 3}]
    if late:
        refused = {"error": "invalid_token", "error_description": "Token is expired."}
        denial = {"kind": "status", "status": 401, "body": refused, "times": 1}
        faults.append({**denial, "path": "/projects/[0-9]+/labels"})
    lab.faults(faults)


def sign_in(lab: Emulator, *, expired: bool = True, **more: Any) -> Row:
    """A configuration with a new pair of tokens, of which the access token may be dead already."""
    pair = lab.post("oauth", {})
    if expired:
        lab.post("tokens", {"op": "expire", "token": pair["access_token"]})
    credentials = {
        "auth_type": "oauth2.0",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "access_token": pair["access_token"],
        "refresh_token": pair["refresh_token"],
        **more,
    }
    return {"api_url": lab.url, "credentials": credentials, "groups_list": ["acme"]}


def renewals(lab: Emulator) -> dict[str, int]:
    """How the POSTs for tokens ended, by status."""
    counts: dict[str, int] = lab.requests()["counts"].get("POST /oauth/token", {})
    return counts


@contextmanager
def client(
    config: Row,
    seen: list[dict[str, str]] | None = None,
    timer: Timer | None = None,
    tuning: Tuning | None = None,
) -> Iterator[Connection]:
    """A client that announces renewed tokens to `seen`."""
    announce = seen.append if seen is not None else None
    retries = Retries(2, 0.01, timer=timer or Timer())
    made = Connection(parse(config), on_rotated=announce, retries=retries, tuning=tuning or QUICK)
    try:
        yield made
    finally:
        made.close()


def whoami(
    config: Row, seen: list[dict[str, str]] | None = None, tuning: Tuning | None = None
) -> str:
    """The user of a configuration's token, asked by a client of its own."""
    with client(config, seen, tuning=tuning) as one:
        return str(one.one("user")["username"])


def in_threads(work: Callable[[], object]) -> list[Exception]:
    """Run the work in many threads that start together; what they raised."""
    barrier, raised = threading.Barrier(MANY), list[Exception]()

    def run() -> None:
        barrier.wait(PATIENCE)
        try:
            work()
        except Exception as error:  # noqa: BLE001 -- looked at by the test
            raised.append(error)

    threads = [threading.Thread(target=run) for _ in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return raised


PROGRAM = """\
import json, sys
from source_gitlab.gitlab.connection import Connection
from source_gitlab.config import parse
client = Connection(parse(json.loads(sys.argv[1])), on_rotated=lambda new: print("announced"))
print("ready", flush=True)
sys.stdin.readline()
print(client.one("user")["username"])
"""


def start(config: Row, program: str = PROGRAM) -> subprocess.Popen[str]:
    """A process that asks who it is as soon as it gets a line."""
    return subprocess.Popen(
        [sys.executable, "-c", program, json.dumps(config)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
