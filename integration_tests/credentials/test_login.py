"""`source-gitlab login`, `logout` and `token`, as processes, against the emulated GitLab."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from integration_tests.gitlab.launch import ROOT, Emulator
from source_gitlab.gitlab.oauth import Application, OAuthEndpoints
from source_gitlab.login import browser_flow, device_flow
from source_gitlab.login.errors import SignInError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIDENTIAL, SECRET = "emulator-client-id", "gloas-emulator-client-secret"
PUBLIC = "emulator-public-client-id"
PATIENCE = 60


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
        if name.startswith(("GITLAB_", "CI_JOB", "SOURCE_GITLAB_")):
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


def test_sign_in_use_look_and_sign_out(lab: Emulator, home: Path, tmp_path: Path) -> None:
    """The whole way, without a token or a file of configuration at any point."""
    out, _ = login(lab)
    assert f"Signed in to {lab.url} as the profile" in out
    assert "read_api" in out
    (name,) = kept(home)
    assert (home / f"{name}.json").stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700

    code, out, err = run("token", "--url", lab.url, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["kind"], told["user"], told["scopes"]) == ("oauth", "ada", ["read_api"])
    assert 7000 < told["seconds"] <= 7200
    assert told["days"] == 0

    target = str(tmp_path / "gitlab.duckdb")
    wanted = ["--group", "acme", "--select", "issues"]
    code, out, err = run("sync", "--to", target, "--url", lab.url, *wanted)
    assert code == 0, out + err
    code, out, err = run("sync", "--to", target, "--profile", name, *wanted)
    assert code == 0, out + err

    held = [one["token"] for one in lab.control("tokens") if one["kind"] == "oauth"]
    newest = held[-1]
    assert lab.get("user", token=newest).status_code == 200
    code, out, err = run("logout", "--url", lab.url)
    assert code == 0, err
    assert "revoked and removed" in out
    assert kept(home) == []
    assert lab.get("user", token=newest).status_code == 401
    code, _, err = run("sync", "--to", target, "--url", lab.url, *wanted)
    assert code == 2
    assert "run source-gitlab login" in err


def test_a_sync_renews_what_a_login_left(lab: Emulator, tmp_path: Path) -> None:
    """In the profile of the login, whose refresh token it spends."""
    lab.settings(oauth_expires_in=1)
    try:
        out, _ = login(lab)
    finally:
        lab.settings(oauth_expires_in=7200)
    name = re.search(r"profile (\S+)", out)
    assert name is not None
    target = str(tmp_path / "gitlab.duckdb")
    wanted = ["--group", "acme", "--select", "group_labels"]
    lab.reset_requests()
    for _ in range(2):
        code, out, err = run("sync", "--to", target, "--profile", name[1], *wanted)
        assert code == 0, out + err
    assert lab.requests()["counts"]["POST /oauth/token"] == {"200": 1}


def test_a_confidential_application_needs_its_secret(lab: Emulator, home: Path) -> None:
    """From the environment here; the renewals need it too, so it is kept."""
    login(lab, client=CONFIDENTIAL, SOURCE_GITLAB_CLIENT_SECRET=SECRET)
    for path in home.iterdir():
        assert SECRET.encode() not in path.read_bytes()
    lab.reset_requests()
    for token in lab.control("tokens"):
        if token["kind"] == "oauth" and token["active"]:
            lab.post("tokens", {"op": "expire", "token": token["token"]})
    code, _, err = run("token", "--url", lab.url)
    assert code == 0, err
    assert lab.requests()["counts"]["POST /oauth/token"] == {"200": 1}


def test_only_reading_is_asked_for_with_a_challenge(lab: Emulator) -> None:
    """What the address asks: read_api, S256, and a state of its own each time."""
    states = set()
    for _ in range(2):
        process = start("login", "--url", lab.url, "--client-id", PUBLIC, "--no-browser")
        page = browse(process)
        first = page.history[0].url
        query = {name: values[0] for name, values in parse_qs(urlsplit(first).query).items()}
        process.communicate(timeout=PATIENCE)
        assert query["scope"] == "read_api"
        assert query["code_challenge_method"] == "S256"
        assert len(query["code_challenge"]) == 43
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", query["redirect_uri"])
        states.add(query["state"])
    assert len(states) == 2


def test_a_refusal_in_the_browser_ends_it(lab: Emulator, home: Path) -> None:
    """And nothing is kept."""
    process = start("login", "--url", lab.url, "--client-id", PUBLIC, "--no-browser")
    browse(process, deny="1")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "GitLab refused the sign-in: access_denied" in err
    assert kept(home) == []


def test_login_finds_what_stands_in_its_way_before_it_asks(lab: Emulator, tmp_path: Path) -> None:
    """Nobody is sent through a browser for nothing."""
    (tmp_path / "file").write_text("")
    for name, value, message in (
        ("SOURCE_GITLAB_HOME", str(tmp_path / "file"), "Tokens cannot be kept in"),
        ("SOURCE_GITLAB_VAULT_KEY", "mistyped", "must be 32 bytes in base64"),
    ):
        arguments = ["--url", lab.url, "--client-id", PUBLIC, "--no-browser"]
        code, _, err = run("login", *arguments, **{name: value})
        assert code == 1
        assert message in err
        assert "/oauth/authorize" not in err


def test_a_profile_is_for_one_gitlab(lab: Emulator) -> None:
    """Else the tokens of one instance would go to another."""
    login(lab, "--profile", "work")
    elsewhere = ["--url", "https://gitlab.example.com", "--profile", "work"]
    code, _, err = run("login", *elsewhere, "--client-id", PUBLIC, "--no-browser")
    assert code == 1
    assert f"The profile work is for {lab.url}" in err
    code, _, err = run("token", *elsewhere)
    assert code == 2
    assert "not for https://gitlab.example.com" in err
    code, _, err = run("token", "--profile", "home")
    assert code == 2
    assert "There is no profile home. There are: work." in err


def test_a_profile_under_another_name_is_refused(lab: Emulator, home: Path) -> None:
    """Also when what stands in clear in the file was changed to fit."""
    login(lab, "--profile", "work")
    blob = (home / "work.json").read_bytes()
    (home / "play.json").write_bytes(blob)
    code, _, err = run("token", "--profile", "play")
    assert code == 2
    assert "is for the profile work" in err
    (home / "play.json").write_bytes(blob.replace(b'"profile":"work"', b'"profile":"play"'))
    code, _, err = run("token", "--profile", "play")
    assert code == 2
    assert "was changed, belongs to another profile" in err


def test_logout_that_cannot_revoke_removes_nothing(lab: Emulator, home: Path) -> None:
    """A token that nobody holds but that still works is worse than one that is kept."""
    login(lab, "--profile", "work")
    lab.faults([{"kind": "status", "path": "/oauth/revoke", "status": 500}])
    code, _, err = run("logout", "--profile", "work")
    assert code == 1
    assert "/oauth/revoke failed to answer" in err
    assert kept(home) == ["work"]
    lab.faults([])
    code, _, err = run("logout", "--profile", "work")
    assert code == 0, err
    assert kept(home) == []


def endpoints(lab: Emulator, client: str = PUBLIC, secret: str | None = None) -> OAuthEndpoints:
    """The endpoints of the emulated GitLab, for one of its applications."""
    return OAuthEndpoints(lab.url, Application(client, secret), requests.Session())


def callback(said: list[str]) -> tuple[str, str]:
    """The redirect URI and the state of the address that was said."""
    query = parse_qs(urlsplit(said[0].split()[-1]).query)
    return query["redirect_uri"][0], query["state"][0]


def test_what_has_a_wrong_state_is_turned_away(lab: Emulator) -> None:
    """Any page can send a browser to a port of this machine; the sign-in goes on."""
    seen: list[tuple[int, int, int]] = []

    def say(text: str) -> None:
        def visit() -> None:
            uri, state = callback([text])
            wrong = requests.get(uri, {"code": "x", "state": state[:-1]}, timeout=PATIENCE)
            none = requests.get(uri, {"error": "access_denied"}, timeout=PATIENCE)
            lost = requests.get(uri.replace("callback", "favicon.ico"), timeout=PATIENCE)
            seen.append((wrong.status_code, none.status_code, lost.status_code))
            requests.get(text.rsplit(maxsplit=1)[-1], {"auto": "1"}, timeout=PATIENCE)

        threading.Thread(target=visit).start()

    granted, _ = browser_flow.sign_in(endpoints(lab), say, browser=False, patience=20)
    assert granted.scopes == ("read_api",)
    assert seen == [(400, 400, 404)]


def test_the_browser_gets_its_page_before_the_sign_in_ends(
    lab: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that ends with it would tear the page."""
    ended = threading.Event()
    early: list[bool] = []
    send = BaseHTTPRequestHandler.end_headers

    def slowly(self: BaseHTTPRequestHandler) -> None:
        early.append(ended.wait(0.3))
        send(self)

    monkeypatch.setattr(BaseHTTPRequestHandler, "end_headers", slowly)

    def say(text: str) -> None:
        query = {"auto": "1", "deny": "1"}
        address = text.rsplit(maxsplit=1)[-1]
        threading.Thread(
            target=requests.get, args=(address, query), kwargs={"timeout": PATIENCE}
        ).start()

    with pytest.raises(SignInError, match="access_denied"):
        browser_flow.sign_in(endpoints(lab), say, browser=False, patience=9)
    ended.set()
    assert early == [False]


def test_a_connection_that_says_nothing_holds_up_nobody(lab: Emulator) -> None:
    """Browsers open connections in advance."""

    def say(text: str) -> None:
        uri, _ = callback([text])
        silent = socket.create_connection(("127.0.0.1", urlsplit(uri).port or 0))
        opened.append(silent)
        visit = threading.Thread(
            target=requests.get,
            args=(text.rsplit(maxsplit=1)[-1], {"auto": "1"}),
            kwargs={"timeout": PATIENCE},
        )
        visit.start()

    opened: list[socket.socket] = []
    granted, _ = browser_flow.sign_in(endpoints(lab), say, browser=False, patience=5)
    for one in opened:
        one.close()
    assert granted.tokens.refresh_token


def test_waiting_for_the_browser_ends(lab: Emulator) -> None:
    """With advice for the two reasons that there are."""
    with pytest.raises(SignInError, match=r"--device.*register the redirect URI"):
        browser_flow.sign_in(endpoints(lab), lambda _: None, browser=False, patience=0.05)


def test_a_port_that_is_taken_is_named(lab: Emulator) -> None:
    """Instances that compare ports need a fixed one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SignInError, match=f"Port {port} of 127.0.0.1 cannot be used"):
            browser_flow.sign_in(endpoints(lab), lambda _: None, port=port, browser=False)


def test_a_missing_secret_is_named(lab: Emulator) -> None:
    """A confidential application cannot exchange its code without it."""

    def say(text: str) -> None:
        threading.Thread(
            target=requests.get,
            args=(text.rsplit(maxsplit=1)[-1], {"auto": "1"}),
            kwargs={"timeout": PATIENCE},
        ).start()

    with pytest.raises(SignInError, match="give --client-secret"):
        browser_flow.sign_in(
            endpoints(lab, CONFIDENTIAL, "gloas-wrong"), say, browser=False, patience=9
        )


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


TOKENS = {
    "glpat-emulator-default-0001": ("personal", ["read_api"], 0),
    "glpat-emulator-read-user-0001": ("personal", ["read_user"], 1),
    "glpat-emulator-revoked-0001": ("unknown", None, 1),
    "glpat-emulator-expired-0001": ("unknown", None, 1),
}


@pytest.mark.parametrize("token", TOKENS)
def test_token_tells_without_telling_the_token(lab: Emulator, token: str) -> None:
    """As text and as JSON."""
    kind, scopes, exit_code = TOKENS[token]
    code, out, err = run("token", "--url", lab.url, "--json", GITLAB_TOKEN=token)
    assert code == exit_code, err
    told = json.loads(out)
    assert (told["kind"], told["scopes"], told["ok"]) == (kind, scopes, exit_code == 0)
    code, text, _ = run("token", "--url", lab.url, GITLAB_TOKEN=token)
    assert code == exit_code
    assert token not in out + err + text


def test_token_counts_the_days(lab: Emulator) -> None:
    """And warns under two weeks."""
    numbers = count(1)
    for days, warned in ((5, True), (100, False)):
        token = f"glpat-emulator-lives-{next(numbers):04}"
        created = {"op": "create", "token": token, "scopes": ["api"], "user_id": 1, "days": days}
        lab.post("tokens", created)
        code, out, _ = run("token", "--url", lab.url, "--json", GITLAB_TOKEN=token)
        told = json.loads(out)
        assert code == 0
        assert told["days"] in {days, days - 1}
        assert ("Make a new one before then" in " ".join(told["messages"])) == warned


def test_token_of_a_job(lab: Emulator, tmp_path: Path) -> None:
    """The file says that it is to be used; the job has it in its environment."""
    path = tmp_path / "job.yaml"
    path.write_text(f"api_url: {lab.url}\ncredentials: {{auth_type: job_token}}\n")
    job = "glcbt-emulator-job-0001"
    code, out, err = run("token", "--config", str(path), "--json", CI_JOB_TOKEN=job)
    assert code == 0, err
    assert json.loads(out)["kind"] == "job"
    assert json.loads(out)["user"] == "ada"
    assert job not in out


def test_a_job_reads_what_is_open_to_it(lab: Emulator, tmp_path: Path) -> None:
    """Issues of its project; what is closed to it is skipped and said, not a dead token."""
    path = tmp_path / "job.yaml"
    path.write_text(f"api_url: {lab.url}\ncredentials: {{auth_type: job_token}}\n")
    arguments = ["--config", str(path), "--project", "acme/web"]
    target = ["--to", str(tmp_path / "gitlab.duckdb"), "--select", "issues,project_labels"]
    job = "glcbt-emulator-job-0001"
    code, out, err = run("sync", *target, *arguments, CI_JOB_TOKEN=job)
    assert code == 0, out + err
    assert re.search(r"issues\s+[1-9]", out)
    assert "not open to the tokens of CI jobs" in out + err
    code, out, err = run("sync", *target, *arguments, CI_JOB_TOKEN="glcbt-ended-job-0001")
    assert code == 2
    assert "does not accept the token" in out + err


def test_token_of_nobody(lab: Emulator, tmp_path: Path) -> None:
    """Public data needs none."""
    path = tmp_path / "none.yaml"
    path.write_text(f"api_url: {lab.url}\ncredentials: {{auth_type: none}}\ngroups_list: [acme]\n")
    code, out, err = run("token", "--config", str(path), "--json")
    assert code == 0, err
    assert json.loads(out)["kind"] == "none"
