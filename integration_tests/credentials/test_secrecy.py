"""No failure brings a secret to light: not in output, logs, errors, traces, state or reports."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.launch import ROOT, Emulator
from integration_tests.gitlab.patience import PATIENCE
from source_gitlab.config import ConfigError, parse
from source_gitlab.core.session import Session
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.connection import Connection
from source_gitlab.gitlab.errors import GitlabError
from source_gitlab.gitlab.tuning import Tuning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Row = dict[str, Any]
QUICK = Tuning(renewal_pause=0.01)
ACCESS = "access-marked-Secret-0001"
REFRESH = "refresh-marked-Secret-0002"
CLIENT = "gloas-marked-Secret-0003"
TOKEN = "glpat-marked-Secret-0004"
KEY = "bWFya2VkLVNlY3JldC0wMDA1LWluLWEtcHJpdmF0ZS1rZXktb2YtbXR1YWwtVExT"
PEM = f"-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n"
MARKED = (ACCESS, REFRESH, CLIENT, TOKEN, KEY)

# Everything that GitLab or something in between can send back, some with what it was sent.
SENT = "@the token that was sent@"
ECHO = {"message": f"you sent {SENT}", "error": "invalid"}
FAULTS: dict[str, Row] = {
    "bad request": {"kind": "status", "status": 400, "body": ECHO},
    "unauthorized": {"kind": "status", "status": 401, "body": ECHO},
    "forbidden": {"kind": "status", "status": 403, "body": ECHO},
    "not found": {"kind": "status", "status": 404, "body": ECHO},
    "scope": {
        "kind": "status",
        "status": 403,
        "body": {"error": "insufficient_scope", "scope": f"api {SENT}"},
    },
    "teapot": {"kind": "status", "status": 418, "body": ECHO},
    "server error": {"kind": "status", "status": 500, "body": ECHO},
    "page with an echo": {"kind": "status", "status": 502, "body": f"you sent {SENT}"},
    "redirect": {"kind": "redirect", "location": f"http://127.0.0.1:9/{SENT}"},
    "object": {"kind": "object", "body": ECHO},
    "html": {"kind": "html"},
    "reset": {"kind": "reset"},
    "torn": {"kind": "torn"},
    "not json": {"kind": "not_json"},
}


def fault_with(name: str, sent: str, path: str) -> Row:
    """One of the faults, on the paths that fit, with the token that is sent in it."""
    echoed: Row = json.loads(json.dumps(FAULTS[name]).replace(SENT, sent))
    return {**echoed, "path": path}


OAUTH_FAULTS: dict[str, Row] = {
    "grant": {
        "kind": "status",
        "status": 400,
        "body": {"error": "invalid_grant", "error_description": f"no {REFRESH} of {CLIENT}"},
    },
    "client": {
        "kind": "status",
        "status": 401,
        "body": {"error": "invalid_client", "error_description": f"no {REFRESH} of {CLIENT}"},
    },
    "other": {
        "kind": "status",
        "status": 400,
        "body": {"error": "invalid_request", "error_description": f"no {REFRESH} of {CLIENT}"},
    },
    "form": {"kind": "status", "status": 500, "body": f"refresh_token={REFRESH}&{CLIENT}"},
    "no token": {"kind": "object", "body": {"refresh_token": REFRESH}},
    "reset": {"kind": "reset"},
    "redirect": {"kind": "redirect", "location": f"http://127.0.0.1:9/?{REFRESH}"},
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Emulator]:
    """An emulated GitLab that knows the marked tokens."""
    with Emulator() as emulator:
        for token in (ACCESS, TOKEN):
            made = {"op": "create", "token": token, "scopes": ["read_api"], "user_id": 1}
            emulator.post("tokens", made)
        yield emulator


@pytest.fixture(autouse=True)
def _machine(lab: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.faults([])
    monkeypatch.setenv("SOURCE_GITLAB_HOME", str(tmp_path / "tokens"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def with_token(lab: Emulator, **more: Any) -> Row:
    """A configuration with the marked access token."""
    token = {"auth_type": "access_token", "access_token": TOKEN}
    return {"api_url": lab.url, "credentials": token, "groups_list": ["acme"], **more}


def with_oauth(lab: Emulator, **more: Any) -> Row:
    """A configuration with the marked pair of tokens, which is due to be renewed."""
    credentials = {
        "auth_type": "oauth2.0",
        "client_id": "emulator-client-id",
        "client_secret": CLIENT,
        "access_token": ACCESS,
        "refresh_token": REFRESH,
        "token_expiry_date": "2024-01-01T00:00:00Z",
    }
    return with_token(lab, credentials={**credentials, **more})


def assert_clean(*texts: str) -> None:
    """Fail when a marked secret, or the telling middle of one, is anywhere in these."""
    for text in texts:
        assert "marked-Secret" not in text
        assert KEY not in text


@dataclass
class Caught:
    """An error as every handler could show it."""

    error: BaseException

    def texts(self) -> list[str]:
        """Its words, its repr, and a traceback with causes as logging formats one."""
        shown = "".join(traceback.format_exception_only(type(self.error), self.error))
        return [str(self.error), repr(self.error), shown, str(vars(self.error))]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("oauth", [False, True], ids=["token", "oauth"])
def test_no_error_of_the_client_has_one(
    lab: Emulator, fault: str, caplog: pytest.LogCaptureFixture, *, oauth: bool
) -> None:
    """Whatever GitLab answers, and with urllib3's own log at its most talkative."""
    caplog.set_level(logging.DEBUG)
    lab.faults([fault_with(fault, ACCESS if oauth else TOKEN, "/issues")])
    config = with_oauth(lab, token_expiry_date=None) if oauth else with_token(lab)
    client = Connection(
        parse(config), on_rotated=lambda _: None, retries=Retries(1, 0.01, 1), tuning=QUICK
    )
    with pytest.raises(GitlabError) as caught:
        client.rows("groups/acme/issues", {"per_page": 100})
    client.close()
    assert_clean(*Caught(caught.value).texts(), caplog.text)
    assert str(caught.value)


@pytest.mark.parametrize("fault", OAUTH_FAULTS)
def test_no_error_of_a_renewal_has_one(
    lab: Emulator, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The POST has all secrets in its body, and servers echo bodies."""
    caplog.set_level(logging.DEBUG)
    lab.faults([{**OAUTH_FAULTS[fault], "path": "/oauth/token"}])
    once = Retries(1, 0.01, 1)
    client = Connection(
        parse(with_oauth(lab)), on_rotated=lambda _: None, retries=once, tuning=QUICK
    )
    with pytest.raises(GitlabError) as caught:
        client.one("user")
    client.close()
    assert_clean(*Caught(caught.value).texts(), caplog.text)


def test_no_repr_has_one(lab: Emulator, tmp_path: Path) -> None:
    """Debuggers, assertion messages and careless log lines print objects."""
    (tmp_path / "cert.pem").write_text("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    config = parse(
        {
            **with_oauth(lab),
            "client_certificate": str(tmp_path / "cert.pem"),
            "client_private_key": PEM,
        }
    )
    with Session(config) as session:
        seen: list[object] = [
            config,
            config.credentials,
            session,
            session.client,
            vars(session.client),
        ]
        connection = session.connection
        seen += [connection, vars(connection), vars(connection.credentials)]
        renewal = vars(connection.credentials)["_renewal"]
        seen += [vars(renewal), vars(vars(renewal)["_endpoints"])]
        assert_clean(*map(repr, seen))


@pytest.mark.parametrize(
    "mistake",
    [
        {"api_url": f"https://oauth2:{TOKEN}@gitlab.example.com"},
        {"groups_list": [TOKEN]},
        {"groups_list": [f"https://x:{TOKEN}@gitlab.com/acme"]},
        {"start_date": TOKEN},
        {"num_workers": TOKEN},
        {"commit_refs": TOKEN},
        {"private_token": f"{TOKEN}-other"},
        {"client_private_key": KEY, "client_certificate": KEY},
        {"client_private_key": PEM[:-30], "client_certificate": PEM},
        {"credentials": {"auth_type": TOKEN, "access_token": TOKEN}},
        {"credentials": {"auth_type": "access_token", "access_token": f"{TOKEN} {TOKEN}"}},
        {"credentials": {"auth_type": "job_token", "job_token": f"{TOKEN} x"}},
    ],
)
def test_no_mistake_in_a_configuration_shows_one(lab: Emulator, mistake: Row) -> None:
    """Above all not one that was put into the wrong field."""
    with pytest.raises(ConfigError) as caught:
        parse(with_token(lab, **mistake))
    assert_clean(*Caught(caught.value).texts())


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    return subprocess.run(
        [sys.executable, "-m", "source_gitlab", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env={**os.environ, **environment},
    )


# One run of each face over all that can go wrong on the way, each on its own stream.
EVERYWHERE = [
    fault_with("forbidden", TOKEN, "/labels"),
    fault_with("not found", TOKEN, "/milestones"),
    fault_with("bad request", TOKEN, "/deployments"),
    fault_with("scope", TOKEN, "/releases"),
    fault_with("teapot", TOKEN, "/branches"),
]
STREAMS = ("issues", "group_labels", "group_milestones", "deployments", "releases", "branches")


def catalog(path: Path) -> str:
    """A catalog of these streams."""
    modes = {"sync_mode": "full_refresh", "destination_sync_mode": "append"}
    streams = [
        {"stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh"]}}
        for name in STREAMS
    ]
    path.write_text(json.dumps({"streams": [{**one, **modes} for one in streams]}))
    return str(path)


def test_no_message_of_the_airbyte_face_has_one(lab: Emulator, tmp_path: Path) -> None:
    """Records, states, logs at their most talkative, traces and standard error."""
    lab.faults(EVERYWHERE)
    (tmp_path / "config.json").write_text(json.dumps(with_token(lab)))
    arguments = ["--config", str(tmp_path / "config.json"), "--debug"]
    for more in (
        ["read", "--catalog", catalog(tmp_path / "catalog.json")],
        ["check"],
        ["discover"],
    ):
        done = run(*more, *arguments)
        assert done.stdout
        assert_clean(done.stdout, done.stderr)


def test_no_line_of_the_terminal_faces_has_one(lab: Emulator, tmp_path: Path) -> None:
    """Tables, warnings, reports, and what is in the file afterwards."""
    lab.faults(EVERYWHERE)
    target = tmp_path / "gitlab.duckdb"
    where = ["--url", lab.url, "--group", "acme"]
    done = run("sync", "--to", str(target), "--select", *STREAMS, *where, GITLAB_TOKEN=TOKEN)
    assert "issues" in done.stdout, done.stderr
    assert_clean(done.stdout, done.stderr)
    assert b"marked-Secret" not in target.read_bytes()
    done = run("check", *where, "--report", str(tmp_path / "report.json"), GITLAB_TOKEN=TOKEN)
    assert_clean(done.stdout, done.stderr, (tmp_path / "report.json").read_text())
    for fault in FAULTS:
        lab.faults([fault_with(fault, TOKEN, "/self$|/user$")])
        done = run("token", "--url", lab.url, GITLAB_TOKEN=TOKEN)
        assert_clean(done.stdout, done.stderr)


def test_no_failed_renewal_of_a_command_shows_one(lab: Emulator, tmp_path: Path) -> None:
    """With the configuration in a file, as users have it."""
    (tmp_path / "config.json").write_text(json.dumps(with_oauth(lab)))
    for fault in ("grant", "client", "no token", "redirect"):
        lab.faults([{**OAUTH_FAULTS[fault], "path": "/oauth/token"}])
        done = run("token", "--config", str(tmp_path / "config.json"))
        assert done.returncode == 1
        assert done.stderr + done.stdout
        assert_clean(done.stdout, done.stderr)


def test_a_traceback_of_a_program_is_redacted() -> None:
    """A defect of our own may put anything into an exception, in any thread."""
    program = f"""\
import logging, threading
from source_gitlab.redaction import install, keep_secret
install()
keep_secret({ACCESS!r})
logging.warning("first %s", {ACCESS!r})
try:
    raise ValueError({ACCESS!r})
except ValueError:
    logging.exception("second")
def work():
    raise ValueError("third {ACCESS} {TOKEN}")
thread = threading.Thread(target=work)
thread.start()
thread.join()
raise RuntimeError("fourth {ACCESS} {TOKEN}")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    # Source lines are shown in tracebacks, and `-c` has none.
    assert_clean(done.stdout, done.stderr)
    for part in ("first", "second", "third", "fourth", "RuntimeError"):
        assert part in done.stderr
