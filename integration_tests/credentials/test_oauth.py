"""OAuth against the emulated GitLab: one renewal however many ask, and no token is ever lost."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.launch import ROOT, Emulator
from source_gitlab.config import parse
from source_gitlab.gitlab import oauth
from source_gitlab.gitlab.client import Client, Retries
from source_gitlab.gitlab.errors import FatalError, Unauthorized
from source_gitlab.gitlab.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLIENT_ID, CLIENT_SECRET = "emulator-client-id", "gloas-emulator-client-secret"
MANY = 8
PATIENCE = 60
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
    monkeypatch.setattr(oauth, "_FIRST_WAIT", 0.01)
    for name in ("SOURCE_GITLAB_VAULT_KEY", "SOURCE_GITLAB_VAULT_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "tokens"


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
    config: Row, seen: list[dict[str, str]] | None = None, timer: Timer | None = None
) -> Iterator[Client]:
    """A client that announces renewed tokens to `seen`."""
    announce = seen.append if seen is not None else None
    retries = Retries(2, 0.01, timer=timer or Timer())
    made = Client(parse(config), on_rotated=announce, retries=retries)
    try:
        yield made
    finally:
        made.close()


def whoami(config: Row, seen: list[dict[str, str]] | None = None) -> str:
    """The user of a configuration's token, asked by a client of its own."""
    with client(config, seen) as one:
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
from source_gitlab.gitlab.client import Client
from source_gitlab.config import parse
client = Client(parse(json.loads(sys.argv[1])), on_rotated=lambda new: print("announced"))
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


def in_processes(config: Row) -> list[str]:
    """What many processes say that are let go together, the first line left out."""
    processes = [start(config) for _ in range(MANY)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return ["".join(process.communicate(timeout=PATIENCE)) for process in processes]


@pytest.mark.parametrize("told", [True, False], ids=["by-date", "by-401"])
def test_threads_renew_once(lab: Emulator, *, told: bool) -> None:
    """Those who waited use the token of the one who did it."""
    more: Row = {"token_expiry_date": LONG_AGO} if told else {}
    seen: list[dict[str, str]] = []
    lab.faults([{"kind": "slow", "path": "/oauth/token", "seconds": 0.3}])
    with client(sign_in(lab, **more), seen) as one:
        assert in_threads(lambda: one.one("user")) == []
    assert renewals(lab) == {"200": 1}
    assert len(seen) == 1


@pytest.mark.parametrize("told", [True, False], ids=["by-date", "by-401"])
def test_processes_renew_once(lab: Emulator, *, told: bool) -> None:
    """They share no memory: the lock and the profile are what they have in common."""
    more: Row = {"token_expiry_date": LONG_AGO} if told else {}
    lab.faults([{"kind": "slow", "path": "/oauth/token", "seconds": 0.3}])
    said = in_processes(sign_in(lab, **more))
    assert renewals(lab) == {"200": 1}
    assert sorted(said) == ["ada\n"] * (MANY - 1) + ["announced\nada\n"]


def test_many_sessions_in_one_process_renew_once(lab: Emulator) -> None:
    """As when a program makes a session for each stream."""
    config = sign_in(lab)
    assert in_threads(lambda: whoami(config)) == []
    assert renewals(lab) == {"200": 1}


def test_a_configuration_of_long_ago_still_works(lab: Emulator) -> None:
    """Its tokens were spent by earlier runs; the profile knows what came of them."""
    config = sign_in(lab)
    assert whoami(config) == "ada"
    assert whoami(config) == "ada"
    assert renewals(lab) == {"200": 1}
    for _ in range(3):  # three more renewals of the same sign-in
        for token in lab.control("tokens"):
            if token["kind"] == "oauth" and token["active"]:
                lab.post("tokens", {"op": "expire", "token": token["token"]})
        assert whoami(config) == "ada"
    assert renewals(lab) == {"200": 4}


def test_every_token_of_a_sign_in_is_recognized(lab: Emulator) -> None:
    """A platform may hand back any pair that it was told of, not only the first or the last."""
    seen: list[dict[str, str]] = []
    config = sign_in(lab)
    with client(config, seen) as one:
        one.one("user")
    between = {**config, "credentials": {**config["credentials"], **seen[0]}}
    lab.post("tokens", {"op": "expire", "token": seen[0]["access_token"]})
    assert whoami(config, seen) == "ada"
    assert len(seen) == 2
    assert whoami(between) == "ada"
    assert renewals(lab) == {"200": 2}


def test_who_signed_in_again_is_believed(lab: Emulator) -> None:
    """Another refresh token than any known one is newer than the profile."""
    assert whoami(sign_in(lab)) == "ada"
    again = sign_in(lab, expired=False)
    with client(again) as one:
        one.one("user")
        assert one.token() == again["credentials"]["access_token"]
    assert renewals(lab) == {"200": 1}


def test_two_sign_ins_of_one_application_live_side_by_side(lab: Emulator) -> None:
    """Two connections may use the same application; neither may take the other's tokens."""
    first, second = sign_in(lab), sign_in(lab)
    for config in (first, second, first, second):
        assert whoami(config) == "ada"
    assert renewals(lab) == {"200": 2}


def test_a_refreshed_token_that_is_rejected_ends_it(lab: Emulator) -> None:
    """At once and for all threads: renewing again and again would never end."""
    lab.faults([{"kind": "status", "path": "/user$", "status": 401}])
    with client(sign_in(lab)) as one:
        raised = in_threads(lambda: one.one("user"))
    assert {type(error) for error in raised} == {Unauthorized}
    assert len(raised) == MANY
    assert "does not accept the OAuth token that it has just issued" in str(raised[0])
    assert renewals(lab) == {"200": 1}


def test_a_revoked_sign_in_says_to_sign_in_again(lab: Emulator) -> None:
    """It can only be mended by its user."""
    config = sign_in(lab)
    form = {"token": config["credentials"]["refresh_token"]}
    lab._session.post(f"{lab.url}/oauth/revoke", data=form, timeout=PATIENCE)  # noqa: SLF001
    with pytest.raises(Unauthorized, match=r"does not take the OAuth refresh token. Sign in to"):
        whoami(config)
    assert renewals(lab) == {"400": 1}


def test_a_wrong_secret_spends_nothing(lab: Emulator) -> None:
    """And the message says that it is the application."""
    config = sign_in(lab)
    wrong = {**config["credentials"], "client_secret": "gloas-mistyped-secret"}
    with pytest.raises(Unauthorized, match="Check client_id and client_secret"):
        whoami({**config, "credentials": wrong})
    assert whoami(config) == "ada"


@pytest.mark.parametrize("kind", ["reset", "close", "torn", "not_json"])
def test_an_answer_that_was_lost_is_named_so(lab: Emulator, kind: str) -> None:
    """GitLab did it, nobody knows the new tokens: the second try proves that."""
    config = sign_in(lab)
    when = {} if kind == "torn" else {"when": "after"}
    lab.faults([{"kind": kind, "path": "/oauth/token", "times": 1, **when}])
    with pytest.raises(Unauthorized, match="answer to a renewal of the OAuth token was lost"):
        whoami(config)
    assert sum(renewals(lab).values()) == 2


@pytest.mark.parametrize("kind", ["reset", "close", "not_json"])
def test_a_request_that_was_lost_is_made_again(lab: Emulator, kind: str) -> None:
    """GitLab never saw it: the same refresh token works."""
    config = sign_in(lab)
    lab.faults([{"kind": kind, "path": "/oauth/token", "times": 1}])
    assert whoami(config) == "ada"
    assert sum(renewals(lab).values()) == 2


def test_an_answer_that_is_late_is_asked_for_once_more(
    lab: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice without an answer is the end of it, not a fifth and a sixth try."""
    config = sign_in(lab)
    lab.faults([{"kind": "stall", "path": "/oauth/token", "seconds": PATIENCE}])
    with monkeypatch.context() as hurried:
        hurried.setattr(oauth, "_TIMEOUT", (PATIENCE, 0.3))
        with pytest.raises(FatalError, match="did not answer in time"):
            whoami(config)
    lab.faults([])
    assert sum(renewals(lab).values()) <= 2
    assert whoami(config) == "ada"


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_gitlab_is_asked_again(lab: Emulator, status: int) -> None:
    """It turned the request away, so nothing was spent."""
    lab.faults([{"kind": "status", "path": "/oauth/token", "status": status, "times": 2}])
    assert whoami(sign_in(lab)) == "ada"
    assert renewals(lab) == {str(status): 2, "200": 1}


def test_a_refused_connection_spends_nothing(lab: Emulator, home: Path) -> None:
    """And leaves nothing behind that would make the next process think otherwise."""
    config = sign_in(lab, token_expiry_date=LONG_AGO)
    away = {**config, "api_url": "http://127.0.0.1:9"}
    with pytest.raises(FatalError, match="the connection was refused"):
        whoami(away)
    assert list(home.glob(".*.tmp")) == []
    assert whoami(config) == "ada"


def test_the_token_is_not_sent_where_a_redirect_points(lab: Emulator) -> None:
    """A refresh token goes to the configured GitLab and nowhere else."""
    location = "http://127.0.0.1:9"
    lab.faults([{"kind": "redirect", "path": "/oauth/token", "location": location}])
    with pytest.raises(FatalError, match=r"which is not followed: the token goes to .* api_url"):
        whoami(sign_in(lab))


def failing_open(number: int) -> Callable[..., int]:
    """An `os.open` for a disk that takes no new file."""
    real = os.open

    def opened(path: Any, flags: int, *more: Any, **others: Any) -> int:
        if flags & os.O_CREAT and Path(path).name.startswith(".config-"):
            raise OSError(number, os.strerror(number))
        return real(path, flags, *more, **others)

    return opened


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_a_disk_that_takes_nothing_is_found_before_the_token_is_spent(
    lab: Emulator, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Read-only, full, or somebody else's: no POST, and the same configuration works later."""
    config = sign_in(lab)
    with monkeypatch.context() as broken:
        broken.setattr("source_gitlab.tokens.reservation.os.open", failing_open(number))
        with pytest.raises(FatalError, match=r"Tokens cannot be kept in .*SOURCE_GITLAB_HOME"):
            whoami(config)
    assert renewals(lab) == {}
    assert whoami(config) == "ada"


def test_a_disk_that_is_full_is_found_before_the_token_is_spent(lab: Emulator) -> None:
    """The same with a limit of the system, which stops a write in its middle."""
    config = sign_in(lab)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps(config)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),  # noqa: PLW1509
    )
    _, err = process.communicate("\n", timeout=PATIENCE)
    assert process.returncode == 1
    assert "Tokens cannot be kept in" in err
    assert renewals(lab) == {}
    assert whoami(config) == "ada"


# Where a process dies, what is left of the sign-in, and how often GitLab was asked by then.
DEATHS = {
    "before-spending": ("source_gitlab.gitlab.oauth.OAuthEndpoints.refresh", True, 0),
    "before-storing": ("source_gitlab.tokens.profiles.Reservation.fill", False, 1),
    "before-announcing": ("source_gitlab.gitlab.auth.announcement", True, 1),
    "before-using": ("source_gitlab.gitlab.auth._Renewal._use", True, 1),
}


@pytest.mark.parametrize("where", DEATHS)
def test_a_process_that_dies_loses_nothing_but_in_one_moment(lab: Emulator, where: str) -> None:
    """From the answer to the disk it is a few milliseconds; what is lost then is named."""
    target, alive, asked = DEATHS[where]
    config = sign_in(lab)
    program = (
        f"""\
import importlib, os, sys, json
path = {target!r}.split(".")
for length in range(len(path) - 1, 0, -1):
    try:
        thing = importlib.import_module(".".join(path[:length]))
    except ModuleNotFoundError:
        continue
    break
for part in path[length:-1]:
    thing = getattr(thing, part)
real = getattr(thing, path[-1])
calls = []
def die(*args, **kwargs):
    calls.append(1)
    if path[-1] == "_use" and len(calls) == 1:
        return real(*args, **kwargs)  # the first use is of the configuration's own token
    os._exit(9)
setattr(thing, path[-1], die)
"""
        + PROGRAM
    )
    process = start(config, program)
    _, err = process.communicate("\n", timeout=PATIENCE)
    assert process.returncode == 9, err
    assert sum(renewals(lab).values()) == asked
    if alive:
        assert whoami(config) == "ada"
        assert sum(renewals(lab).values()) == 1
    else:
        with pytest.raises(Unauthorized, match="answer to a renewal of the OAuth token was lost"):
            whoami(config)


def airbyte(config: Row, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A read of users as a platform runs it."""
    (tmp_path / "config.json").write_text(json.dumps(config))
    stream = {"name": "groups", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    modes = {"sync_mode": "full_refresh", "destination_sync_mode": "append"}
    (tmp_path / "catalog.json").write_text(json.dumps({"streams": [{"stream": stream, **modes}]}))
    command = ["read", "--config", tmp_path / "config.json", "--catalog", tmp_path / "catalog.json"]
    return subprocess.run(
        [sys.executable, "-m", "source_gitlab", *map(str, command), "--debug"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("homeless", [False, True], ids=["with-home", "without-home"])
def test_a_platform_is_told_in_clear_and_nobody_else(
    lab: Emulator, tmp_path: Path, *, homeless: bool
) -> None:
    """The CONTROL message has the tokens themselves, before any row; nothing else has."""
    config = sign_in(lab, token_expiry_date=LONG_AGO)
    nowhere = {"SOURCE_GITLAB_HOME": "", "XDG_DATA_HOME": "/dev/null/x", "HOME": "/dev/null"}
    done = airbyte(config, tmp_path, **(nowhere if homeless else {}))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    controls = [one for one in messages if one["type"] == "CONTROL"]
    assert len(controls) == 1
    assert messages.index(controls[0]) < [one["type"] for one in messages].index("RECORD")
    renewed = controls[0]["control"]["connectorConfig"]["config"]
    assert renewed["credentials"]["client_secret"] == CLIENT_SECRET
    assert set(renewed) == set(config)
    rest = "".join(line for line in done.stdout.splitlines() if '"CONTROL"' not in line)
    secrets = [renewed["credentials"][name] for name in ("access_token", "refresh_token")]
    for secret in [*secrets, CLIENT_SECRET, config["credentials"]["refresh_token"]]:
        assert len(secret) > 12
        assert secret not in rest + done.stderr
    assert ("no place to keep renewed tokens" in done.stdout) == homeless
    # What the platform now holds works, on a machine that knows nothing.
    lab.reset_requests()
    again = airbyte(renewed, tmp_path, SOURCE_GITLAB_HOME=str(tmp_path / "other"))
    assert again.returncode == 0
    assert renewals(lab) == {}


def test_with_nobody_to_tell_and_no_place_nothing_is_spent(
    lab: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that uses the core without a callback, in a container without a home."""
    config = sign_in(lab)
    monkeypatch.setenv("SOURCE_GITLAB_HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", "/dev/null/x")
    with pytest.raises(FatalError, match="there is no place to keep the new one"):
        whoami(config)
    assert renewals(lab) == {}


def test_an_announcement_that_fails_leaves_the_tokens_kept(lab: Emulator) -> None:
    """The new token is not used, and the next run finds it."""
    config = sign_in(lab)

    def fail(_: dict[str, str]) -> None:
        message = "nobody listens"
        raise FatalError(message)

    made = Client(parse(config), on_rotated=fail)
    with pytest.raises(FatalError, match="nobody listens"):
        made.one("user")
    made.close()
    assert whoami(config) == "ada"
    assert renewals(lab) == {"200": 1}


def test_a_profile_that_was_tampered_with_is_refused(lab: Emulator, home: Path) -> None:
    """Not taken for an empty one, which would spend the configuration's dead token."""
    config = sign_in(lab)
    whoami(config)
    (path,) = home.glob("*.json")
    text = path.read_bytes()
    path.write_bytes(text[:-20] + (b"A" if text[-20:-19] != b"A" else b"B") + text[-19:])
    with pytest.raises(FatalError, match="was changed, belongs to another profile"):
        whoami(config)
    assert renewals(lab) == {"200": 1}


def test_a_token_with_a_short_life_is_not_renewed_with_every_request(lab: Emulator) -> None:
    """A margin that is longer than the token's life would."""
    lab.settings(oauth_expires_in=60)
    try:
        with client(sign_in(lab)) as one:
            for _ in range(5):
                one.one("user")
    finally:
        lab.settings(oauth_expires_in=7200)
    assert renewals(lab) == {"200": 1}


class Later(Timer):
    """A clock that is so many seconds `ahead`."""

    ahead = 0.0

    def epoch(self) -> float:
        """The time that it shows."""
        return super().epoch() + self.ahead


def test_it_is_renewed_before_it_ends(lab: Emulator) -> None:
    """By our own clock, from when the answer came: no request meets a 401."""
    later = Later()
    with client(sign_in(lab), timer=later) as one:
        one.one("user")
        lab.reset_requests()
        later.ahead = 6600
        one.one("user")
        assert renewals(lab) == {}
        later.ahead = 7100
        one.one("user")
    assert renewals(lab) == {"200": 1}
    assert "401" not in lab.requests()["counts"]["GET /user"]
