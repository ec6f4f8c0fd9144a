"""A token that must be renewed, and a GitLab that does not do it: said once, and soon."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.oauth_pairs import QUICK, home, lab, sign_in, whoami
from integration_tests.support.process import catalog, file, run
from source_gitlab.config import parse
from source_gitlab.engine.exit_codes import INCOMPLETE, USAGE, code_of
from source_gitlab.gitlab.connection import Connection
from source_gitlab.gitlab.error_messages import causes_of
from source_gitlab.gitlab.errors import FatalError, Unauthorized, Unavailable
from source_gitlab.interfaces.airbyte.errors import CONFIG, TRANSIENT, kind_of
from source_gitlab.setup_check.run import check, session_for

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

__all__ = ["home", "lab"]

STATUS = {"kind": "status"}
BROKEN: dict[str, dict[str, Any]] = {
    "500": {**STATUS, "status": 500},
    "502 page": {**STATUS, "status": 502, "body": "<html>"},
    "503": {**STATUS, "status": 503},
    "429": {**STATUS, "status": 429, "body": "Retry later"},
    "408": {**STATUS, "status": 408},
    "403 page": {**STATUS, "status": 403, "body": "<html>"},
    "404 page": {**STATUS, "status": 404, "body": "default backend - 404"},
    "no word of OAuth": {**STATUS, "status": 403, "body": {"message": "403 Forbidden"}},
    "passing": {**STATUS, "status": 400, "body": {"error": "temporarily_unavailable"}},
    "no token": {**STATUS, "status": 200, "body": {}},
    **{kind: {"kind": kind} for kind in ("html", "empty", "not_json", "reset", "close")},
    "stall": {"kind": "stall", "seconds": 60},
}
REFUSALS = ("invalid_grant", "invalid_client", "unauthorized_client", "invalid_scope")
ANSWERS: dict[str, dict[str, Any]] = {
    "401": {"status": 401, "body": {"error": "invalid_client", "error_description": "Unknown."}},
    "401 page": {"status": 401, "body": "<html>"},
    "403": {"status": 403, "body": "<html>"},
    "404": {"status": 404, "body": "<html>"},
    "429": {"status": 429, "body": "Retry later"},
    "500": {"status": 500},
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_check_ends(lab: Emulator, answer: str) -> None:
    """With one failed step, whose error is not its own cause."""
    config = sign_in(lab)
    lab.faults([{"kind": "status", "path": "/oauth/token$", **ANSWERS[answer]}])
    with session_for(parse(config), on_rotated=lambda _: None) as session:
        result = check(session)
    assert not result.ok
    assert [step.status for step in result.steps].count("failed") == 1


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_error_is_not_its_own_cause(lab: Emulator, answer: str) -> None:
    """However often and in however many places it is raised."""
    config = parse(sign_in(lab))
    lab.faults([{"kind": "status", "path": "/oauth/token$", **ANSWERS[answer]}])
    client = Connection(config, on_rotated=lambda _: None)
    raised: list[FatalError] = []
    for _ in range(3):
        with pytest.raises(FatalError) as caught:
            client.one("user")
        raised.append(caught.value)
    client.close()
    for error in raised:
        cause: BaseException | None = error
        for _ in range(20):
            cause = (cause.__cause__ or cause.__context__) if cause else None
        assert cause is None
        assert next(causes_of(error)) is error


def test_a_check_as_a_process_ends(lab: Emulator, tmp_path: Path) -> None:
    """Also where the renewed token would be told to a platform."""
    config = file(tmp_path, "config.json", sign_in(lab))
    lab.faults([{"kind": "status", "path": "/oauth/token$", **ANSWERS["403"]}])
    ended = run("check", "--config", config)
    assert ended.check["status"] == "FAILED"


@pytest.mark.parametrize("how", BROKEN)
def test_an_outage_is_worth_another_run(lab: Emulator, how: str) -> None:
    """A token endpoint that is down or hidden is so for now; the sign-in is as good as before."""
    config = sign_in(lab)
    lab.faults([{"path": "/oauth/token$", **BROKEN[how]}])
    with pytest.raises(Unavailable) as caught:
        whoami(config, tuning=replace(QUICK, renewal_timeout=0.3))
    assert code_of(caught.value) == INCOMPLETE
    assert kind_of(caught.value) == TRANSIENT
    assert str(caught.value).startswith(("There is no OAuth of GitLab at http", "http"))
    lab.faults([])
    assert whoami(config) == "ada"


@pytest.mark.parametrize("word", REFUSALS)
def test_a_refusal_is_not(lab: Emulator, word: str) -> None:
    """What GitLab says of the sign-in or the application stays true until somebody acts."""
    body = {"error": word, "error_description": "It is said so."}
    lab.faults([{**STATUS, "status": 400, "path": "/oauth/token$", "body": body}])
    with pytest.raises(Unauthorized) as caught:
        whoami(sign_in(lab))
    assert code_of(caught.value) == USAGE
    assert kind_of(caught.value) == CONFIG


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [(500, {}, 1), (404, "<html>", 1), (400, {"error": "invalid_grant"}, 2)],
)
def test_a_scheduler_is_told_so(
    lab: Emulator, tmp_path: Path, status: int, body: object, code: int
) -> None:
    """By the exit code of `sync`, and by the type of the error of `read`."""
    config = file(tmp_path, "config.json", sign_in(lab))
    lab.faults([{**STATUS, "status": status, "path": "/oauth/token$", "body": body}])
    done = run("sync", "--config", config, "--to", tmp_path / "gitlab.duckdb")
    assert done.code == code, done.stderr
    named = file(tmp_path, "catalog.json", catalog("issues"))
    (error,) = run("read", "--config", config, "--catalog", named).errors
    assert error["failure_type"] == {1: "transient_error", 2: "config_error"}[code]
