"""The setup check: an address, a token or a name that is wrong is said by name."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.reading import config_for, read

if TYPE_CHECKING:
    from pathlib import Path
from integration_tests.support.setup_checking import (
    JOB,
    Row,
    of_groups,
    report_of,
    step_of,
    verdicts,
    with_token,
)

READ_USER = "glpat-emulator-read-user-0001"
PROJECT = "glpat-emulator-project-0001"
EXPIRED = "glpat-emulator-expired-0001"
REVOKED = "glpat-emulator-revoked-0001"
UNKNOWN = "glpat-emulator-nobody-has-this-one"


def free_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def test_everything_is_well(gitlab: Emulator) -> None:
    """Each thing that was looked at has its step, with the facts for programs."""
    gitlab.reset_requests()
    result = report_of(config_for(gitlab, groups_list=["acme", "public-works"]))
    assert result.status == "passed"
    assert [step.title for step in result.steps] == [
        "Address",
        "TLS",
        "GitLab",
        "Token",
        "Scopes",
        "Expiry",
        "Group acme",
        "Group public-works",
        "Projects of acme",
        "Projects of public-works",
        "Scope",
        "Streams",
    ]
    assert step_of(result, "GitLab").details == {
        "version": "18.7.0-ee",
        "edition": "Enterprise Edition",
    }
    assert step_of(result, "Token").details == {"kind": "personal", "user": "ada"}
    assert step_of(result, "Scopes").details == {"scopes": ["read_api"]}
    assert step_of(result, "Group acme").details["id"] == 10
    assert step_of(result, "Projects of acme").details["projects"] == 8
    assert verdicts(result) == {}
    assert gitlab.requests()["total"] == result.requests


def test_without_names_the_membership_is_the_scope(gitlab: Emulator) -> None:
    """And it is counted."""
    result = report_of(config_for(gitlab))
    assert step_of(result, "Membership").details == {"groups": 6, "projects": 11}
    assert "6 groups, 11 projects" in result.message
    assert verdicts(result) == {}


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (UNKNOWN, "GitLab does not accept the token (401 Unauthorized)."),
        (EXPIRED, "Token is expired."),
        (REVOKED, "Token was revoked."),
        (JOB, "it is a CI job token, which auth_type job_token is for"),
    ],
)
def test_a_token_that_is_refused(gitlab: Emulator, token: str, words: str) -> None:
    """One sentence, after two requests; the address was right, and the report says so."""
    result = report_of(with_token(gitlab, token, groups_list=["acme"]))
    assert result.status == "failed"
    assert step_of(result, "Address").status == "passed"
    assert words in step_of(result, "Token").message
    assert token not in result.message
    assert result.message == step_of(result, "Token").message
    assert "put a new one into the configuration" in result.message
    assert (result.streams, result.requests) == ({}, 2)


def test_a_scope_that_does_not_do(gitlab: Emulator) -> None:
    """It names the scope that the token has, and the one that it needs."""
    result = report_of(with_token(gitlab, READ_USER, groups_list=["acme"]))
    assert result.message == (
        "The token has the scopes read_user, but reading needs read_api. Make a token with that"
        " scope."
    )
    assert step_of(result, "Token").status == "passed"


MISSING = [
    (
        {"groups_list": ["no-such-group"]},
        """
        The group 'no-such-group' in groups_list was not found, or this token may not see it. Check
        its path or id, and that the token's user is a member of it.
        """,
    ),
    (
        {"groups_list": ["acme", "acme/plattform"]},
        """
        The group 'acme/plattform' in groups_list was not found, or this token may not see it. Did
        you mean 'acme/platform'?
        """,
    ),
    (
        {"projects_list": ["acme/web", "acme/wbe"]},
        """
        The project 'acme/wbe' in projects_list was not found, or this token may not see it. Did you
        mean 'acme/web'?
        """,
    ),
    (
        {"groups_list": ["acme/web"], "projects_list": ["acme/platform"]},
        """
        The group 'acme/web' in groups_list was not found, or this token may not see it. It is a
        project: name it in projects_list (--project).
        The project 'acme/platform' in projects_list was not found, or this token may not see it. It
        is a group: name it in groups_list (--group).
        """,
    ),
    (
        {"groups_list": ["ada"]},
        """
        The group 'ada' in groups_list was not found, or this token may not see it. It is a user,
        whose projects lie in no group: name them in projects_list (--project).
        """,
    ),
    (
        {"projects_list": ["hidden/secret"]},
        """
        The project 'hidden/secret' in projects_list was not found, or this token may not see it.
        Check its path or id, and that the token's user is a member of it.
        """,
    ),
]


@pytest.mark.parametrize(("names", "text"), MISSING)
def test_a_name_that_is_not_there(gitlab: Emulator, names: Row, text: str) -> None:
    """Every wrong name is said at once, with what to do; right ones beside it are no matter."""
    result = report_of(config_for(gitlab, **names))
    assert result.message == " ".join(text.split())
    read_says = read(config_for(gitlab, **names), ["projects"]).failure or ""
    for sentence in result.message.split(" The "):
        assert sentence in read_says
    assert [step.status for step in result.steps].count("failed") == text.count("was not found")
    assert result.streams == {}


def test_a_name_that_has_moved_is_a_warning(changing_gitlab: Emulator) -> None:
    """The old path still leads there, until somebody takes it."""
    changing_gitlab.mutate("rename_project", id=101, path="website")
    result = report_of(config_for(changing_gitlab, projects_list=["acme/web"]))
    assert result.ok
    step = step_of(result, "Project acme/web")
    assert step.status == "warning"
    assert step.message == (
        "acme/web has moved to acme/website. Write the new path in projects_list."
    )


def test_nothing_answers() -> None:
    """After three tries, not after the minutes that a read would try."""
    url = f"http://127.0.0.1:{free_port()}"
    result = report_of({"api_url": url, "credentials": {"access_token": UNKNOWN}})
    assert result.message == (
        f"{url}/api/v4/metadata: the connection was refused; check api_url and its port."
    )
    assert [step.title for step in result.steps] == ["Address"]
    assert result.requests <= 3


def test_an_address_that_is_no_gitlab(gitlab: Emulator) -> None:
    """A server answers, but below this address there is no API."""
    result = report_of({**config_for(gitlab), "api_url": f"{gitlab.url}/elsewhere"})
    assert result.message.startswith(f"There is no GitLab API at {gitlab.url}/elsewhere/api/v4 (")
    assert result.message.endswith("Check api_url.")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            {"kind": "html"},
            "/metadata answered with text/html that is not JSON. Check that api_url",
        ),
        ({"kind": "sign_in"}, "/metadata leads to a sign-in page. Check api_url"),
        ({"kind": "status", "status": 502}, "GitLab failed to answer "),
        ({"kind": "reset"}, "/metadata: the connection was lost."),
    ],
)
def test_a_server_that_answers_something_else(
    changing_gitlab: Emulator, fault: Row, words: str
) -> None:
    """One sentence about the address; nothing is said of the token, which nobody looked at."""
    changing_gitlab.faults([{**fault, "path": "/api/v4/"}])
    result = report_of(config_for(changing_gitlab, groups_list=["acme"]))
    assert words in result.message
    assert [step.title for step in result.steps] == ["Address"]


def test_tls(tmp_path: Path) -> None:
    """An authority that nobody knows fails as TLS; with it, and our certificate, all is well."""
    with Emulator("--require-client-cert", "--certificates", tmp_path) as gitlab:
        plain = config_for(gitlab, groups_list=["acme"])
        result = report_of(plain)
        assert [(step.title, step.status) for step in result.steps] == [("TLS", "failed")]
        assert "TLS failed" in result.message
        assert "check api_url, ca_certificate and client_certificate" in result.message
        known = {**plain, "ca_certificate": (tmp_path / "ca.pem").read_text()}
        assert not report_of(known).ok
        key = (tmp_path / "client-key.pem").read_text()
        certificate = (tmp_path / "client.pem").read_text()
        mutual = {**known, "client_certificate": certificate, "client_private_key": key}
        result = report_of(mutual)
        assert result.ok, result.message
        assert step_of(result, "TLS").details == {"mutual": True}
        assert key.splitlines()[1] not in json.dumps(result.to_json())


def test_a_project_access_token_needs_no_names(gitlab: Emulator) -> None:
    """Its one project is in scope; streams of groups have nothing to read, which is no warning."""
    result = report_of(with_token(gitlab, PROJECT))
    assert result.status == "passed"
    assert step_of(result, "Token").details["kind"] == "project"
    assert step_of(result, "Membership").message == (
        "This project access token reads its one project, ada/dotfiles."
    )
    empty = {name for name, verdict in verdicts(result).items() if verdict == "empty scope"}
    assert empty == of_groups()


def test_a_token_of_no_group_reads_named_projects(changing_gitlab: Emulator) -> None:
    """And without names the report says that there is nothing to read."""
    changing_gitlab.mutate("remove_member", user_id=8, project_id=110)
    result = report_of(with_token(changing_gitlab, PROJECT, projects_list=["public-works/site"]))
    assert result.ok
    result = report_of(with_token(changing_gitlab, PROJECT))
    assert "a member of no group and no project, so there is nothing to read" in result.message
    assert not result.ok


@pytest.mark.parametrize(("days", "status"), [(5, "warning"), (13, "warning"), (14, "passed")])
def test_a_token_that_expires(changing_gitlab: Emulator, days: int, status: str) -> None:
    """Under 14 days is a warning: time enough to make another one."""
    token = "glpat-emulator-short-lived-0001"
    made = {"op": "create", "token": token, "scopes": ["read_api"], "days": days}
    changing_gitlab.post("tokens", made)
    result = report_of(with_token(changing_gitlab, token, groups_list=["acme"]))
    step = step_of(result, "Expiry")
    assert (step.status, step.details["days"]) == (status, days)
    assert result.ok
    assert f"The token expires in {days} days, on 20" in result.message


def test_oauth(changing_gitlab: Emulator) -> None:
    """It tells its scopes in a place of its own, and its life is nobody's concern."""
    pair = changing_gitlab.post("oauth", {})
    credentials = {
        "auth_type": "oauth2.0",
        "client_id": "client",
        "client_secret": "client-secret",
        "access_token": pair["access_token"],
        "refresh_token": pair["refresh_token"],
    }
    config = {"api_url": changing_gitlab.url, "credentials": credentials, "groups_list": ["acme"]}
    result = report_of(config)
    assert result.status == "passed", result.message
    assert step_of(result, "Token").details == {"kind": "oauth", "user": "ada"}
    assert step_of(result, "Scopes").details == {"scopes": ["read_api"]}
    assert "renewed by itself" in step_of(result, "Expiry").message
    alone = with_token(changing_gitlab, pair["access_token"], groups_list=["acme"])
    step = step_of(report_of(alone), "Expiry")
    assert step.status == "warning"
    assert "cannot be renewed without its refresh token" in step.message


def test_more_names_than_requests() -> None:
    """Names that the token is a member of are found in one list; what is left is said to be."""
    with Emulator("--projects", 60, "--issues", 1, "--pipelines-per-project", 1) as gitlab:
        rows = gitlab.get("projects", per_page=100).json()
        names = [row["path_with_namespace"] for row in rows]
        assert len(names) == 60
        result = report_of(config_for(gitlab, projects_list=names))
        assert result.ok
        assert len([step for step in result.steps if step.title.startswith("Project ")]) == 60
        strange = [f"nowhere/unknown-{number}" for number in range(30)]
        result = report_of(config_for(gitlab, projects_list=strange))
    untested = step_of(result, "Other names")
    assert untested.status == "warning"
    failed = [step for step in result.steps if step.status == "failed"]
    assert failed
    assert len(failed) + len(untested.details["names"]) == 30


def test_the_token_is_revoked_meanwhile(changing_gitlab: Emulator) -> None:
    """Then it is the token that is wrong, not a stream."""
    refusal = {"kind": "status", "status": 401, "body": {"message": "401 Unauthorized"}}
    meanwhile = {**refusal, "path": "/user$", "skip": 1}
    changing_gitlab.faults([{**refusal, "path": "/groups/10/"}, meanwhile])
    result = report_of(config_for(changing_gitlab, groups_list=["acme"]))
    assert not result.ok
    assert result.message.startswith("GitLab does not accept the token")
