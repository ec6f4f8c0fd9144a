"""The verdicts of the setup check on streams: what this token, role and tier can read."""

from __future__ import annotations

import pytest

from integration_tests.gitlab.default_world import READER
from integration_tests.gitlab.launch import Emulator
from integration_tests.support.reading import config_for, read
from integration_tests.support.setup_checking import (
    JOB,
    Row,
    of_groups,
    report_of,
    step_of,
    verdicts,
    with_those_below,
    with_token,
)
from source_gitlab.setup_check.run import by_default
from source_gitlab.streams import streams

GUEST = "glpat-emulator-guest-0001"


def test_a_token_of_a_job(gitlab: Emulator) -> None:
    """Few lists are open to it; the report tells which."""
    credentials = {"auth_type": "job_token", "job_token": JOB}
    config = {"api_url": gitlab.url, "credentials": credentials, "projects_list": ["acme/web"]}
    result = report_of(config)
    assert result.ok, result.message
    assert step_of(result, "Token").details["kind"] == "job"
    found = verdicts(result)
    assert found.keys().isdisjoint({"issues", "pipelines", "pipelines_extended"})
    assert found["project_members"] == "needs another token"
    assert "is not open to the tokens of CI jobs" in result.streams["project_members"].message
    unnamed = report_of({**config, "projects_list": []})
    assert "cannot be listed, so name what to read in projects_list." in unnamed.message


def test_public_data_without_a_token(gitlab: Emulator) -> None:
    """What is shown to everybody is read, and the report names what is not."""
    config = {
        "api_url": gitlab.url,
        "credentials": {"auth_type": "none"},
        "groups_list": ["public-works"],
    }
    result = report_of(config)
    assert result.ok
    assert step_of(result, "Token").details == {"kind": "none"}
    found = verdicts(result)
    assert found["jobs"] == found["pipeline_trigger_jobs"] == "needs a token"
    assert found.keys().isdisjoint({"issues", "merge_requests", "pipelines", "branches"})
    closed = {**config, "groups_list": ["acme"]}
    told = "was not found, or it is not public. Check its path, or give a token."
    assert told in report_of(closed).message
    assert told in str(read(closed, ["issues"]).failure)


def test_lists_below_a_parent_in_graphql_are_tried(gitlab: Emulator) -> None:
    """By what a row of the parent has; who may not read one is told so."""
    below = {"registry_tags": "registry_repositories", "security_scans": "pipelines"}
    declared = {name: streams()[name] for pair in below.items() for name in pair[::-1]}
    found = report_of(config_for(gitlab, groups_list=["acme"]), declared=declared).streams
    assert {name: found[name].message for name in below} == {
        name: f"Read below a row of {parent}." for name, parent in below.items()
    }
    guest = with_token(gitlab, GUEST, groups_list=["acme"])
    told = verdicts(report_of(guest, declared=declared))
    assert told["security_scans"] == "needs role Developer or tier Ultimate"


@pytest.mark.parametrize("how", ["403", "404"])
def test_a_tier_that_is_missing(changing_gitlab: Emulator, how: str) -> None:
    """Free instances answer in two ways; a warning, for everything else can be read."""
    changing_gitlab.settings(epics=how)
    result = report_of(config_for(changing_gitlab, groups_list=["acme"]))
    assert result.status == "warning"
    closed = with_those_below("epics")
    assert verdicts(result) == dict.fromkeys(closed, "needs Premium")
    count = len(by_default())
    assert f"{count - len(closed)} of {count} streams can be read (epics, " in result.message
    assert ": needs Premium)." in result.message


PAID = ("vulnerabilities", "group_dora_metrics", "dependencies", "group_audit_events")


@pytest.mark.parametrize("name", PAID)
def test_a_role_that_is_refused_as_a_tier_is(changing_gitlab: Emulator, name: str) -> None:
    """Whose role is too low is told of both, and whose role is enough of the tier alone."""
    declared = {name: streams()[name]}
    role = streams()[name].role.capitalize()
    tier = streams()[name].tier.capitalize()
    guest = with_token(changing_gitlab, GUEST, groups_list=["acme"])
    told = report_of(guest, declared=declared).streams[name]
    assert told.verdict == f"needs role {role} or tier {tier}"
    assert f"It takes the role {role}, and the token's user is Guest; or acme" in told.message
    changing_gitlab.settings(tier="free")
    owner = config_for(changing_gitlab, groups_list=["acme"])
    assert report_of(owner, declared=declared).streams[name].verdict == f"needs {tier}"


def test_a_role_that_is_not_known_may_be_what_is_refused(changing_gitlab: Emulator) -> None:
    """An administrator needs none, whatever GitLab tells of members."""
    changing_gitlab.settings(tier="free")
    members = {"kind": "status", "status": 500, "path": "/members/all/"}
    changing_gitlab.faults([members])
    declared = {"vulnerabilities": streams()["vulnerabilities"]}
    config = config_for(changing_gitlab, groups_list=["acme"])
    told = report_of(config, declared=declared).streams["vulnerabilities"]
    assert told.verdict == "needs role Developer or tier Ultimate"
    assert "a role that is not known" in told.message
    changing_gitlab.mutate("make_admin", user_id=READER)
    told = report_of(config, declared=declared).streams["vulnerabilities"]
    assert told.verdict == "needs Ultimate"


def test_a_feature_that_is_off(gitlab: Emulator) -> None:
    """One request is not spent on it: the project says so itself."""
    gitlab.reset_requests()
    result = report_of(config_for(gitlab, projects_list=["acme/platform/no-ci"]))
    off = {name for name, verdict in verdicts(result).items() if verdict == "feature off"}
    assert off == with_those_below(
        *(name for name, one in by_default().items() if one.feature == "builds")
    )
    assert result.streams["jobs"].message == "builds is switched off in acme/platform/no-ci."
    assert not [path for path in gitlab.requests()["counts"] if "pipelines" in path]
    assert result.status == "warning"


def test_a_feature_that_is_off_in_some_projects_only(gitlab: Emulator) -> None:
    """Then the stream can be read."""
    names = ["acme/platform/no-ci", "acme/platform/api"]
    found = verdicts(report_of(config_for(gitlab, projects_list=names)))
    assert found == dict.fromkeys(of_groups(), "empty scope")


@pytest.mark.parametrize("name", ["deployments", "registry_repositories", "branches"])
def test_a_role_that_is_too_low(gitlab: Emulator, name: str) -> None:
    """It names the role that would do, of projects and of groups."""
    declared = {one: streams()[one] for one in (name, "issues", "group_members")}
    result = report_of(with_token(gitlab, GUEST, groups_list=["acme"]), declared=declared)
    assert result.status == "warning"
    assert verdicts(result) == {name: "needs role Reporter"}
    assert "is Guest in acme" in result.streams[name].message


def test_rows_that_a_role_does_not_show(changing_gitlab: Emulator) -> None:
    """A list that is empty for the role is not called ready: a sync skips all its projects."""
    guest = with_token(changing_gitlab, GUEST, groups_list=["acme/platform"])
    declared = {name: streams()[name] for name in ("merge_requests", "group_labels", "issues")}
    result = report_of(guest, declared=declared)
    assert verdicts(result) == {"merge_requests": "needs role Reporter"}
    message = result.streams["merge_requests"].message
    assert "The token's user is Guest in acme/platform." in message
    assert "takes at least the role Reporter in it" in message
    told = read(guest, ["merge_requests"])
    assert [line for line in told.logs if "takes at least the role Reporter in it" in line]


ENOUGH = ("project_members", "users", "project_languages")


@pytest.mark.parametrize("token", ["", GUEST])
@pytest.mark.parametrize("how", ["403 Forbidden", "404 Not Found"])
def test_a_role_that_is_enough_is_not_what_is_missing(
    changing_gitlab: Emulator, token: str, how: str
) -> None:
    """What is refused all the same is said to be off or hidden, of that list alone."""
    refused = {"kind": "status", "status": int(how[:3]), "body": {"message": how}}
    paths = ("members", "users", "languages")
    changing_gitlab.faults([{**refused, "path": f"/projects/[0-9]+/{name}"} for name in paths])
    declared = {name: streams()[name] for name in (*ENOUGH, "project_labels")}
    config = with_token(changing_gitlab, token or changing_gitlab.token, groups_list=["acme"])
    result = report_of(config, declared=declared)
    assert verdicts(result) == dict.fromkeys(ENOUGH, "feature off")
    assert "role is enough: it is switched off" in result.streams["users"].message
    short = report_of(config, declared=declared, requests=13).streams["project_labels"]
    assert short.verdict in {"ok", "unknown (not probed)"}


@pytest.mark.parametrize(
    "fault", [{"kind": "status", "status": 500}, {"kind": "html"}, {"kind": "torn"}]
)
def test_a_stream_that_fails_is_its_own_verdict(changing_gitlab: Emulator, fault: Row) -> None:
    """Other streams are tested all the same, and a read can start."""
    changing_gitlab.faults([{**fault, "template": "/groups/:id/issues"}])
    result = report_of(config_for(changing_gitlab, groups_list=["acme"]))
    below = with_those_below("issues")
    assert verdicts(result) == dict.fromkeys(below, "unknown (probe failed)")
    assert f"{changing_gitlab.url}/api/v4/groups/10/issues" in result.streams["issues"].message
    assert result.status == "warning"


def test_a_scope_that_is_missing_for_every_stream_is_a_failure(changing_gitlab: Emulator) -> None:
    """A fine-grained token tells of its permissions only where it is used."""
    refusal = {
        "kind": "status",
        "status": 403,
        "body": {
            "error": "insufficient_granular_scope",
            "error_description": "Access denied: the token lacks [Issue: Read]",
        },
    }
    changing_gitlab.faults(
        [
            {**refusal, "path": "/groups/10/(?!projects)"},
            {**refusal, "path": "/projects/[0-9]+/"},
            {**refusal, "path": "/api/graphql"},
        ]
    )
    result = report_of(config_for(changing_gitlab, groups_list=["acme"]))
    assert verdicts(result)["issues"] == "needs scope read_api"
    assert "[Issue: Read]" in result.streams["issues"].message
    assert not result.ok
    assert result.message.startswith("The token may read none of the streams.")


def test_lists_for_administrators(changing_gitlab: Emulator) -> None:
    """Who is none is told so, whatever else they take; who is one can read them."""
    instance = {name: one for name, one in streams().items() if one.area == "instance"}
    config = config_for(changing_gitlab, groups_list=["acme"])
    result = report_of(config, declared=instance)
    closed = {name for name, one in instance.items() if one.role == "admin" and not one.less_below}
    assert {name: result.streams[name].verdict for name in closed} == dict.fromkeys(
        closed, "needs role Administrator"
    )
    assert result.streams["instance_metadata"].verdict == "ok"
    changing_gitlab.mutate("make_admin", user_id=READER)
    assert set(verdicts(report_of(config, declared=instance)).values()) <= {"unknown (not probed)"}


def test_a_large_instance() -> None:
    """Hundreds of projects cost no more than a few, and slow answers are asked for in parallel."""
    size = ("--projects", 300, "--groups", 40, "--issues", 2, "--pipelines-per-project", 1)
    with Emulator(*size, "--latency", 200) as gitlab:
        result = report_of(config_for(gitlab))
        assert result.ok
        assert result.requests <= 60
        assert gitlab.requests(0)["most_in_flight"] > 1
        assert step_of(result, "Membership").details["projects"] == 300
        assert not [name for name, verdict in verdicts(result).items() if "failed" in verdict]


def test_the_time_is_bounded(changing_gitlab: Emulator) -> None:
    """A limit that would make a read wait an hour ends the report with a sentence."""
    limit = {"kind": "rate_limit", "form": "retry_after", "seconds": 3600}
    changing_gitlab.faults([{**limit, "path": "/api/v4/"}])
    result = report_of(config_for(changing_gitlab), seconds=3)
    assert "refuses requests as too many (429). Try again in some minutes." in result.message
    changing_gitlab.faults([{**limit, "template": "/groups/:id/issues"}])
    result = report_of(config_for(changing_gitlab, groups_list=["acme"]), seconds=10)
    assert result.ok
    assert verdicts(result)["issues"].startswith("unknown")


def test_a_server_that_sends_the_token_back(changing_gitlab: Emulator) -> None:
    """It does not get into the report; `report_of` looks for it."""
    echo = {"message": f"403 Forbidden for {changing_gitlab.token}"}
    changing_gitlab.faults(
        [{"kind": "status", "status": 403, "body": echo, "template": "/groups/:id/epics"}]
    )
    result = report_of(config_for(changing_gitlab, groups_list=["acme"]))
    assert "403 Forbidden for [secret]" in result.streams["epics"].message
