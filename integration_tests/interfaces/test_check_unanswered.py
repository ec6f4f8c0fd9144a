"""The setup check of a GitLab that does not answer the lists: nothing is called ready."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.faults import Fault
from integration_tests.support.history_world import small_world
from integration_tests.support.inprocess import Wire, session
from integration_tests.support.process import run
from integration_tests.support.reading import config_for
from integration_tests.support.setup_checking import MOST, Row, report_of, step_of, verdicts
from integration_tests.support.stepped import IdleTime
from source_gitlab.setup_check import check
from source_gitlab.setup_check.budget import TRIES
from source_gitlab.setup_check.result import NOT_PROBED, PROBE_FAILED, Result
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

LISTS = ("/groups/10/(?!projects)", "/projects/[0-9]+/", "/api/graphql")
FAILS: Row = {"kind": "status", "status": 500}


def strike(gitlab: Emulator, fault: Row) -> None:
    """Let every list of a stream meet a fault, and what comes before the lists pass."""
    gitlab.faults([{**fault, "path": path} for path in LISTS])
    gitlab.reset_requests()


def test_lists_that_all_fail_cost_no_more_than_the_budget(changing_gitlab: Emulator) -> None:
    """With what each one costs: its second try, and the look whether anything is answered."""
    strike(changing_gitlab, FAILS)
    result = report_of(config_for(changing_gitlab, groups_list=["acme"]))
    assert changing_gitlab.requests()["total"] == result.requests <= MOST
    assert result.status == "failed"
    message = step_of(result, "Streams").message
    assert message.startswith("No stream could be tested: none of ")
    assert " lists was answered. The first one: " in message
    assert "(500 " in message


@pytest.mark.parametrize("requests", [12, 15, 21])
def test_pages_that_fail_in_every_part_stay_within_the_budget(
    changing_gitlab: Emulator, requests: int
) -> None:
    """What is asked for in parts ends with the last request, wherever that is."""
    changing_gitlab.faults([{**FAILS, "path": "/groups/[0-9]+/projects"}])
    changing_gitlab.reset_requests()
    names = ["acme", "public-works"]
    result = report_of(config_for(changing_gitlab, groups_list=names), requests=requests)
    assert changing_gitlab.requests()["total"] == result.requests <= requests


def limited(*paths: str) -> Result:
    """The report on a GitLab that limits these paths for longer than the report takes."""
    emulator = small_world(Random(1), 100)
    timer = IdleTime(emulator)
    limit = {"kind": "rate_limit", "form": "retry_after", "seconds": 600}
    emulator.faults.rules = [Fault.parse({**limit, "path": path}) for path in paths]
    with session(Wire(emulator), TRIES, timer, groups_list=["top"]) as opened:
        timer.limits = opened.client.limits
        return check(opened)


def test_lists_that_are_never_answered() -> None:
    """When the time is over without an answer to any, that is what is said."""
    result = limited("/groups/[0-9]+/(?!projects)", "/projects/[0-9]+/", "/api/graphql")
    assert not result.ok
    assert step_of(result, "Streams").message.startswith("No stream could be tested: none of ")
    assert "It was not answered in time. A read tells." in result.message


def test_silence_beside_answers_is_a_warning() -> None:
    """What was answered can be read; the others are not called ready with it."""
    result = limited("/groups/[0-9]+/issues$")
    assert result.ok
    assert verdicts(result)["issues"] == NOT_PROBED
    assert result.status == "warning"


def test_no_request_left_for_any_list_is_a_warning(changing_gitlab: Emulator) -> None:
    """Nothing is wrong, but nothing is known of the streams either."""
    result = report_of(config_for(changing_gitlab, groups_list=["acme"]), requests=7)
    assert result.ok
    assert result.status == "warning"
    message = step_of(result, "Streams").message
    why = "Not tried, because the test makes no more than 7 requests. A read tells."
    assert message.startswith(f"No stream was tested. {why}")


def test_it_is_told_to_people_and_platforms(changing_gitlab: Emulator, tmp_path: Path) -> None:
    """By the exit code, and by Airbyte's status."""
    strike(changing_gitlab, FAILS)
    flags = ("--url", changing_gitlab.url, "--group", "acme")
    done = run("check", *flags, GITLAB_TOKEN=changing_gitlab.token)
    assert done.code == 1
    assert "No stream could be tested" in done.stdout
    assert "ready" not in done.stdout
    config = tmp_path / "config.json"
    config.write_text(json.dumps(config_for(changing_gitlab, groups_list=["acme"])))
    answer = run("check", "--config", config)
    assert answer.code == 0
    assert answer.check["status"] == "FAILED"
    assert "No stream could be tested" in answer.check["message"]


LAST = {"hasNextPage": False, "endCursor": None}
NOTHING = {"nodes": [None], "pageInfo": LAST}
BROKEN = [
    {"message": "Internal server error", "path": ["group", name, "nodes", 0]}
    for name in ("timelogs", "vulnerabilities")
]


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"data": {"group": None}}, "feature off"),
        ({"data": {"group": {"timelogs": None}}}, "feature off"),
        ({"data": None}, "unknown (probe failed)"),
        ({"data": {}}, "unknown (probe failed)"),
        ({"data": {"group": {"timelogs": NOTHING}}}, "unknown (probe failed)"),
        ({"data": {"group": {"timelogs": NOTHING}}, "errors": BROKEN}, "unknown (probe failed)"),
    ],
)
def test_null_in_graphql_is_not_ready(changing_gitlab: Emulator, body: Row, verdict: str) -> None:
    """Neither a list in GraphQL that is null, nor one whose only row is; no other speaks for it."""
    answer = {"kind": "status", "status": 200, "body": body, "path": "/api/graphql"}
    changing_gitlab.faults([answer])
    tested = {name: streams()[name] for name in ("group_labels", "timelogs", "vulnerabilities")}
    result = report_of(config_for(changing_gitlab, groups_list=["acme"]), declared=tested)
    assert verdicts(result)["timelogs"] == verdict
    assert result.streams["vulnerabilities"].verdict in {"needs Ultimate", PROBE_FAILED}
    assert result.status == "warning"
