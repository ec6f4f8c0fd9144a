"""The emulator's tokens and its OAuth endpoints."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from integration_tests.gitlab import auth, oauth
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.emulated_lists import DOTFILES, WEB

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator


def test_tokens_in_each_header(gitlab: Emulator) -> None:
    url = f"{gitlab.url}/api/v4/projects/{WEB}/issues"
    for headers in (
        {"authorization": f"Bearer {auth.DEFAULT}"},
        {"private-token": auth.DEFAULT},
        {"job-token": auth.JOB},
    ):
        assert requests.get(url, headers=headers, timeout=PATIENCE).status_code == 200
    job = requests.get(
        f"{gitlab.url}/api/v4/groups/10",
        headers={"job-token": auth.JOB},
        timeout=PATIENCE,
    )
    assert job.status_code == 401, "a job's token is for few endpoints"


def test_tokens_that_will_not_do(gitlab: Emulator) -> None:
    unknown = gitlab.get("projects", token="glpat-unknown")
    assert (unknown.status_code, unknown.json()) == (401, {"message": "401 Unauthorized"})
    expired = gitlab.get("user", token=auth.EXPIRED)
    assert expired.status_code == 401
    assert expired.json()["error"] == "invalid_token"
    assert expired.json()["error_description"].startswith("Token is expired.")
    assert gitlab.get("projects/108", token=auth.REVOKED).status_code == 401
    scope = gitlab.get("groups", token=auth.READ_USER)
    assert scope.status_code == 403
    assert scope.json()["error"] == "insufficient_scope"
    assert gitlab.get("user", token=auth.READ_USER).status_code == 200
    own = gitlab.get("personal_access_tokens/self", token=auth.READ_USER).json()
    assert own["scopes"] == ["read_user"]
    gitlab.post("tokens", {"op": "revoke", "token": auth.DEFAULT})
    revoked = gitlab.get("user")
    assert revoked.json()["error_description"].startswith("Token was revoked.")


def test_what_each_token_sees(gitlab: Emulator) -> None:
    assert {row["id"] for row in walk_as(gitlab, auth.PROJECT, "projects?membership=true")} == {
        DOTFILES,
    }
    assert walk_as(gitlab, auth.PROJECT, "groups") == []
    assert gitlab.get("projects", token=None).json()[0]["visibility"] == "public"
    assert gitlab.get("version", token=None).status_code == 401
    assert gitlab.get("projects/108/jobs", token=None).status_code == 401
    assert gitlab.get("projects/108/issues", token=None).status_code == 200
    assert gitlab.get(f"projects/{WEB}/deployments", token=auth.GUEST).status_code == 403
    assert gitlab.get(f"projects/{WEB}/issues", token=auth.GUEST).status_code == 200
    assert gitlab.get(f"projects/{WEB}/repository/tags", token=auth.GUEST).status_code == 403


def walk_as(gitlab: Emulator, token: str, path: str) -> list[Any]:
    return list(gitlab.get(path, token=token).json())


def token_request(gitlab: Emulator, **form: str) -> requests.Response:
    return requests.post(f"{gitlab.url}/oauth/token", data=form, timeout=PATIENCE)


def refresh(gitlab: Emulator, value: str, **more: str) -> requests.Response:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": value,
        "client_id": oauth.CLIENT_ID,
        "client_secret": oauth.CLIENT_SECRET,
    } | more
    return token_request(gitlab, **form)


def test_a_refresh_token_is_good_for_one_use_and_ends_the_old_pair(gitlab: Emulator) -> None:
    assert gitlab.get("user", token=auth.OAUTH_ACCESS).status_code == 200
    pair = refresh(gitlab, auth.OAUTH_REFRESH).json()
    assert pair["expires_in"] == 7200
    assert gitlab.get("user", token=pair["access_token"]).status_code == 200
    old = gitlab.get("user", token=auth.OAUTH_ACCESS)
    assert (old.status_code, old.json()["error"]) == (401, "invalid_token")
    again = refresh(gitlab, auth.OAUTH_REFRESH)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert refresh(gitlab, pair["refresh_token"], client_secret="wrong").status_code == 401
    assert refresh(gitlab, pair["refresh_token"]).status_code == 200


def test_of_many_refreshes_at_once_one_wins(gitlab: Emulator) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: refresh(gitlab, auth.OAUTH_REFRESH), range(8)))
    assert Counter(one.status_code for one in answers) == {200: 1, 400: 7}


def test_an_answer_that_is_lost_has_rotated_all_the_same(gitlab: Emulator) -> None:
    gitlab.faults([{"kind": "close", "path": "^/oauth/token$", "times": 1, "when": "after"}])
    with pytest.raises(requests.ConnectionError):
        refresh(gitlab, auth.OAUTH_REFRESH)
    assert refresh(gitlab, auth.OAUTH_REFRESH).status_code == 400
    assert gitlab.get("user", token=auth.OAUTH_ACCESS).status_code == 401


def test_tokens_expire_by_the_servers_clock(gitlab: Emulator) -> None:
    info = f"{gitlab.url}/oauth/token/info"
    bearer = {"authorization": f"Bearer {auth.OAUTH_ACCESS}"}
    assert requests.get(info, headers=bearer, timeout=PATIENCE).json()["expires_in"] > 7000
    gitlab.clock(advance=7201)
    assert requests.get(info, headers=bearer, timeout=PATIENCE).status_code == 401
    assert gitlab.get("user", token=auth.OAUTH_ACCESS).status_code == 401
    private = {"authorization": f"Bearer {gitlab.token}"}
    assert requests.get(info, headers=private, timeout=PATIENCE).status_code == 401
    own = gitlab.get("personal_access_tokens/self", token=auth.OAUTH_ACCESS)
    assert own.status_code == 401


def test_the_code_flow_checks_the_pkce_verifier(gitlab: Emulator) -> None:
    verifier = "v" * 64
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "client_id": oauth.PUBLIC_CLIENT_ID,
        "redirect_uri": "http://127.0.0.1:9/callback",
        "response_type": "code",
        "state": "s t",
        "scope": "read_api",
        "auto": "1",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }

    def code() -> str:
        answer = requests.get(
            f"{gitlab.url}/oauth/authorize",
            params=query,
            timeout=PATIENCE,
            allow_redirects=False,
        )
        assert answer.status_code == 302
        given = parse_qs(urlsplit(answer.headers["location"]).query)
        assert given["state"] == ["s t"]
        return given["code"][0]

    form = {
        "grant_type": "authorization_code",
        "client_id": oauth.PUBLIC_CLIENT_ID,
        "redirect_uri": query["redirect_uri"],
    }
    wrong = token_request(gitlab, code=code(), code_verifier="w" * 64, **form)
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
    good = code()
    pair = token_request(gitlab, code=good, code_verifier=verifier, **form)
    assert gitlab.get("user", token=pair.json()["access_token"]).status_code == 200
    assert token_request(gitlab, code=good, code_verifier=verifier, **form).status_code == 400
    consent = requests.get(
        f"{gitlab.url}/oauth/authorize",
        params=query | {"auto": "0"},
        timeout=PATIENCE,
    )
    assert "Authorize" in consent.text


def test_the_device_flow_waits_for_its_user(gitlab: Emulator) -> None:
    gitlab.settings(oauth_device_polls=-1)
    started = requests.post(
        f"{gitlab.url}/oauth/authorize_device",
        data={"client_id": oauth.CLIENT_ID},
        timeout=PATIENCE,
    ).json()
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": started["device_code"],
        "client_id": oauth.CLIENT_ID,
    }
    assert token_request(gitlab, **form).json()["error"] == "authorization_pending"
    requests.get(started["verification_uri_complete"], timeout=PATIENCE)
    pair = token_request(gitlab, **form).json()
    assert gitlab.get("user", token=pair["access_token"]).status_code == 200
    requests.post(
        f"{gitlab.url}/oauth/revoke", data={"token": pair["access_token"]}, timeout=PATIENCE
    )
    assert gitlab.get("user", token=pair["access_token"]).status_code == 401
