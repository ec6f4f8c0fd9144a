"""Refusals: GitLab's own about one list, about the token or its user, and those of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.support.reading import config_for, missing, read
from source_gitlab.config import parse
from source_gitlab.core.session import Session
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.errors import Skipped

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.reading import Reading

COMPLETE, INCOMPLETE = AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE
QUICK = Retries(tries=3, first=0.01)
PLACE = "/projects/101/releases"

TEXT = {"Content-Type": "text/plain"}
OTHERS: dict[str, dict[str, Any]] = {
    "a page that checks the browser": {
        "status": 403,
        "body": "<!DOCTYPE html><title>Just a moment",
    },
    "a banned address": {"status": 403, "body": "Forbidden\n", "headers": TEXT},
    "an ingress": {"status": 404, "body": "default backend - 404", "headers": TEXT},
    "a gateway's 403": {"status": 403, "body": {"message": "Forbidden"}},
    "a gateway's 404": {"status": 404, "body": {"code": 404, "message": "404 Not Found"}},
    "a proxy that wants a password": {"status": 401, "body": "<html>Authorization Required"},
    "a gateway that wants a key": {"status": 401, "body": {"message": "No API key found"}},
    "a web server's 400": {"status": 400, "body": "<html><title>400 Bad Request</title>"},
    "a page that is gone": {"status": 410, "body": "<html>"},
    "no content": {"status": 204, "body": ""},
}


def refused(reading: Reading) -> list[dict[str, Any]]:
    """What was skipped because a request was refused."""
    return [one for one in reading.report["skipped"] if "/api/v4/" in one["message"]]


@pytest.mark.parametrize("answer", OTHERS)
def test_what_others_refuse_fails(faulty: Emulator, answer: str) -> None:
    """No verdict on rights: the stream is incomplete, and the next read brings the rest."""
    faulty.faults([{"kind": "status", "path": f"{PLACE}$", **OTHERS[answer]}])
    reading = read(config_for(faulty), ["releases", "branches"], retries=QUICK)
    assert reading.statuses == {"releases": INCOMPLETE, "branches": COMPLETE}
    (error,) = reading.errors
    assert PLACE in error
    assert "something else than GitLab" in error
    assert not refused(reading)
    (rule,) = faulty.control("faults")
    assert rule["struck"] == QUICK.tries
    faulty.faults([])
    rest = read(config_for(faulty), ["releases"], [reading.states["releases"]])
    assert {row["project_id"] for row in rest.rows["releases"]} == {101}


@pytest.mark.parametrize("answer", OTHERS)
def test_what_others_refuse_for_a_while_is_not_seen(faulty: Emulator, answer: str) -> None:
    """Tried again like a 503."""
    faulty.faults([{"kind": "status", "nth": [1, 5, 20], **OTHERS[answer]}])
    reading = read(config_for(faulty), ["issues", "branches", "releases"], retries=QUICK)
    assert reading.failure is None
    assert not refused(reading)
    assert not missing(faulty, reading, "issues", "branches", "releases")


@pytest.mark.parametrize("after", [0, 12])
def test_others_refuse_everything(faulty: Emulator, after: int) -> None:
    """One error, soon, and no stream is complete that was not before."""
    block = {"kind": "status", "status": 403, "body": "<html>Access denied", "skip": after}
    faulty.faults([block])
    reading = read(config_for(faulty, num_workers=4), retries=QUICK)
    assert reading.failure is not None
    assert "something else than GitLab" in reading.failure
    assert INCOMPLETE in reading.statuses.values()
    assert not refused(reading)


SENTENCES = (
    "You (@ada) must accept the Terms of Service in order to perform this action.",
    "Your account has been blocked.",
    "Your password expired. Please access GitLab from a web browser to update your password.",
)


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("after", [0, 40])
def test_a_user_who_is_refused(faulty: Emulator, sentence: str, after: int) -> None:
    """The read ends with GitLab's sentence, once, and nothing is skipped for it."""
    body = {"message": f"403 Forbidden - {sentence}"}
    faulty.faults([{"kind": "status", "status": 403, "body": body, "skip": after}])
    config = config_for(faulty, num_workers=5)
    config |= {} if after else {"groups_list": ["acme"]}
    reading = read(config, retries=QUICK)
    assert reading.failure is not None
    assert reading.failure.count(sentence) == 1
    assert reading.report["ended"] == reading.failure
    assert not reading.errors
    assert not refused(reading)
    assert INCOMPLETE in reading.statuses.values()
    assert faulty.requests(0)["total"] <= after + 5


@pytest.mark.parametrize("after", [0, 40])
def test_a_user_who_is_refused_without_a_word(faulty: Emulator, after: int) -> None:
    """A 403 for everything is about the user too; a request that asks who we are tells."""
    body = {"message": "403 Forbidden"}
    faulty.faults([{"kind": "status", "status": 403, "body": body, "skip": after}])
    reading = read(config_for(faulty, num_workers=1), retries=QUICK)
    assert reading.failure is not None
    assert "refuses the token's user" in reading.failure
    assert len(refused(reading)) <= (1 if after else 0)
    assert faulty.requests(0)["total"] <= after + 3


def test_many_lists_that_may_not_be_read(faulty: Emulator) -> None:
    """They cost a few requests more, however many they are."""
    body = {"message": "403 Forbidden"}
    faulty.faults([{"kind": "status", "status": 403, "body": body, "path": "/releases$"}])
    reading = read(config_for(faulty), ["releases"], retries=QUICK)
    assert reading.failure is None
    assert reading.statuses == {"releases": COMPLETE}
    assert len(refused(reading)) > 5
    assert sum(faulty.requests(0)["counts"].get("GET /user", {}).values()) <= 3


def test_answers_in_between_make_refusals_no_dearer(faulty: Emulator) -> None:
    """Of a hundred lists that may not be read, four lead to a question whose token it is."""
    body = {"message": "403 Forbidden"}
    faulty.faults([{"kind": "status", "status": 403, "body": body, "path": "/releases$"}])
    with Session(parse(config_for(faulty)), retries=QUICK) as session:
        client = session.client
        for length in (1, 2, 2, 2, 3, 4, 4, 4, 7, 8, 8, 15, 20, 20):
            client.rows("projects/101/labels", {})
            for _ in range(length):
                with pytest.raises(Skipped):
                    client.rows("projects/101/releases", {})
    assert sum(faulty.requests(0)["counts"].get("GET /user", {}).values()) == 4


REFUSED = {"kind": "status", "status": 401, "body": {"message": "401 Unauthorized"}}


def test_a_single_401_among_good_answers(faulty: Emulator) -> None:
    """Nobody notices: GitLab says who the token is of, and the request is made again."""
    faulty.faults([{**REFUSED, "nth": [1, 9, 20]}])
    reading = read(config_for(faulty, num_workers=1), ["issues", "branches"], retries=QUICK)
    assert reading.failure is None
    assert not missing(faulty, reading, "issues", "branches")


def test_a_list_that_answers_401_for_ever(faulty: Emulator) -> None:
    """It is skipped as one that the token may not read, for the token is good elsewhere."""
    faulty.faults([{**REFUSED, "path": f"{PLACE}$"}])
    reading = read(config_for(faulty), ["releases", "issues"], retries=QUICK)
    assert reading.failure is None
    (skipped,) = refused(reading)
    assert (skipped["where"], skipped["reason"]) == ("project acme/web", "permission")
    assert not missing(faulty, reading, "issues")


def test_a_401_while_nobody_can_say_whose_the_token_is(faulty: Emulator) -> None:
    """The list fails, and the read goes on."""
    faulty.faults([{**REFUSED, "path": f"{PLACE}$"}, {"kind": "status", "path": "/user$"}])
    reading = read(config_for(faulty), ["releases", "issues"], retries=QUICK)
    assert reading.statuses == {"releases": INCOMPLETE, "issues": COMPLETE}
    assert "refused the token" in reading.errors[0]


@pytest.mark.parametrize("status", [507, 520, 525, 526, 529, 599])
def test_every_5xx_is_tried_again(faulty: Emulator, status: int) -> None:
    """Content networks invent statuses of their own."""
    faulty.faults([{"kind": "status", "status": status, "nth": [1, 5]}])
    reading = read(config_for(faulty), ["issues", "branches"], retries=QUICK)
    assert reading.failure is None
    assert not missing(faulty, reading, "issues", "branches")


def test_a_role_that_is_counted_is_asked_for_again(faulty: Emulator) -> None:
    """A server that is behind for a moment knows nothing of a group whose projects were listed."""
    query = {"min_access_level": "20"}
    gone = {"status": 404, "body": {"message": "404 Group Not Found"}}
    faulty.faults([{"kind": "status", "path": "/projects$", "query": query, "times": 1, **gone}])
    reading = read(config_for(faulty), ["issues"], retries=QUICK)
    assert reading.failure is None
    assert reading.statuses == {"issues": COMPLETE}
    assert not missing(faulty, reading, "issues")
