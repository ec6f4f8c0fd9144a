"""OAuth renewals that GitLab refuses, or whose answers are late or lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.oauth_pairs import (
    LONG_AGO,
    MANY,
    QUICK,
    client,
    home,
    in_threads,
    lab,
    renewals,
    sign_in,
    whoami,
)
from source_gitlab.gitlab.errors import FatalError, Unauthorized

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator


__all__ = ["home", "lab"]


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


def test_an_answer_that_is_late_is_asked_for_once_more(lab: Emulator) -> None:
    """Twice without an answer is the end of it, not a fifth and a sixth try."""
    config = sign_in(lab)
    lab.faults([{"kind": "stall", "path": "/oauth/token", "seconds": PATIENCE}])
    with pytest.raises(FatalError, match="did not answer in time"):
        whoami(config, tuning=replace(QUICK, renewal_timeout=0.3))
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
