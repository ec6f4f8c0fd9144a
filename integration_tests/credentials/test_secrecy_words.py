"""A secret that is a word: it is hidden where people read, and changes nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.support import process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STREAMS = ("issues", "merge_requests", "projects")
GOOD = "glpat-emulator-default-0001"


@pytest.fixture(scope="module")
def lab() -> Iterator[Emulator]:
    """An emulated GitLab that takes words for tokens."""
    with Emulator() as emulator:
        yield emulator


def read(lab: Emulator, folder: Path, token: str, **more: Any) -> process.Ended:
    """A read of some streams with this token."""
    credentials = {"auth_type": "access_token", "access_token": token}
    config = {"api_url": lab.url, "credentials": credentials, "groups_list": ["acme"], **more}
    return process.run(
        *("read", "--config", process.file(folder, "config.json", config)),
        *("--catalog", process.file(folder, "catalog.json", process.catalog(*STREAMS))),
        "--debug",
    )


def payloads(done: process.Ended) -> dict[str, list[str]]:
    """What machines take from the output, in an order of its own."""
    rows = [
        json.dumps([one["stream"], one["data"]], sort_keys=True)
        for one in (message["record"] for message in done.of("RECORD"))
    ]
    streams = [one["state"]["stream"]["stream_descriptor"]["name"] for one in done.of("STATE")]
    return {"rows": sorted(rows), "states": sorted(set(streams)), "statuses": [*done.statuses]}


@pytest.mark.parametrize(
    "word", ["merge_requests", "stream_status", "stream_descriptor", "COMPLETE", "emitted_at"]
)
def test_a_token_that_is_a_word_of_the_protocol(lab: Emulator, tmp_path: Path, word: str) -> None:
    """Every line is the message that it would be with another token."""
    made = {"op": "create", "token": word, "scopes": ["read_api"], "user_id": 1}
    lab.post("tokens", made)
    done, plain = read(lab, tmp_path, word), read(lab, tmp_path, GOOD)
    assert done.code == plain.code == 0, done.stderr
    found, expected = payloads(done), payloads(plain)
    assert found["rows"] == expected["rows"] != []
    assert found["states"] == expected["states"] == sorted(STREAMS)
    assert done.statuses == plain.statuses == dict.fromkeys(STREAMS, "COMPLETE")


@pytest.mark.parametrize("token", ["t", "e", "ab", "glpat-1", '"', "STATE"])
def test_a_token_that_is_too_short_is_a_mistake(lab: Emulator, tmp_path: Path, token: str) -> None:
    """It is said, in one sentence that is whole, before GitLab is asked anything."""
    lab.reset_requests()
    done = read(lab, tmp_path, token)
    assert done.code == 1
    (error,) = done.errors
    assert error["failure_type"] == "config_error"
    assert error["message"] == (
        "credentials.access_token: this is too short to be a secret of GitLab, which makes them of"
        " 20 characters or more. Copy the whole value."
    )
    assert lab.requests()["total"] == 0
    status = process.run("check", "--config", tmp_path / "config.json").check
    assert status == {"status": "FAILED", "message": error["message"]}


@pytest.mark.parametrize("name", ["client_secret", "access_token", "refresh_token"])
def test_any_secret_that_is_too_short_is_a_mistake(
    lab: Emulator, tmp_path: Path, name: str
) -> None:
    """Each field that holds one, and no other: the id of an application is no secret."""
    credentials = {
        "auth_type": "oauth2.0",
        "client_id": "a",
        "client_secret": "gloas-0123456789",
        "access_token": "0123456789abcdef",
        "refresh_token": "fedcba9876543210",
        name: "e",
    }
    done = read(lab, tmp_path, GOOD, credentials=credentials)
    (error,) = done.errors
    assert error["message"].startswith(f"credentials.{name}: this is too short to be a secret")
