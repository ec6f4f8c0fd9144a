"""`source-gitlab login` and `logout`, as processes, against the emulated GitLab."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.signing_in import (
    CONFIDENTIAL,
    PUBLIC,
    SECRET,
    browse,
    home,
    kept,
    lab,
    login,
    run,
    start,
)

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator


__all__ = ["home", "lab"]


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
