"""A token that must be renewed, and a GitLab that does not do it: said once, and soon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.oauth_pairs import home, lab, sign_in
from integration_tests.support.process import file, run
from source_gitlab.config import parse
from source_gitlab.gitlab.connection import Connection
from source_gitlab.gitlab.error_messages import causes_of
from source_gitlab.gitlab.errors import FatalError
from source_gitlab.setup_check.run import check, session_for

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

__all__ = ["home", "lab"]

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
    ended = run("check", "--config", config, timeout=60)
    assert ended.check["status"] == "FAILED"
