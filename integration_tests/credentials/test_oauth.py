"""OAuth against the emulated GitLab: one renewal, however many ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.oauth_pairs import (
    LONG_AGO,
    MANY,
    Row,
    client,
    home,
    in_threads,
    lab,
    renewals,
    sign_in,
    start,
    whoami,
)
from source_gitlab.gitlab.timer import Timer

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

__all__ = ["home", "lab"]


def in_processes(config: Row) -> list[str]:
    """What many processes say that are let go together, the first line left out."""
    processes = [start(config) for _ in range(MANY)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return ["".join(process.communicate(timeout=PATIENCE)) for process in processes]


@pytest.mark.parametrize("told", [True, False], ids=["by-date", "by-401"])
def test_threads_renew_once(lab: Emulator, *, told: bool) -> None:
    """Those who waited use the token of the one who did it."""
    more: Row = {"token_expiry_date": LONG_AGO} if told else {}
    seen: list[dict[str, str]] = []
    lab.faults([{"kind": "slow", "path": "/oauth/token", "seconds": 0.3}])
    with client(sign_in(lab, **more), seen) as one:
        assert in_threads(lambda: one.one("user")) == []
    assert renewals(lab) == {"200": 1}
    assert len(seen) == 1


@pytest.mark.parametrize("told", [True, False], ids=["by-date", "by-401"])
def test_processes_renew_once(lab: Emulator, *, told: bool) -> None:
    """They share no memory: the lock and the profile are what they have in common."""
    more: Row = {"token_expiry_date": LONG_AGO} if told else {}
    lab.faults([{"kind": "slow", "path": "/oauth/token", "seconds": 0.3}])
    said = in_processes(sign_in(lab, **more))
    assert renewals(lab) == {"200": 1}
    assert sorted(said) == ["ada\n"] * (MANY - 1) + ["announced\nada\n"]


def test_many_sessions_in_one_process_renew_once(lab: Emulator) -> None:
    """As when a program makes a session for each stream."""
    config = sign_in(lab)
    assert in_threads(lambda: whoami(config)) == []
    assert renewals(lab) == {"200": 1}


def test_a_configuration_of_long_ago_still_works(lab: Emulator) -> None:
    """Its tokens were spent by earlier runs; the profile knows what came of them."""
    config = sign_in(lab)
    assert whoami(config) == "ada"
    assert whoami(config) == "ada"
    assert renewals(lab) == {"200": 1}
    for _ in range(3):  # three more renewals of the same sign-in
        for token in lab.control("tokens"):
            if token["kind"] == "oauth" and token["active"]:
                lab.post("tokens", {"op": "expire", "token": token["token"]})
        assert whoami(config) == "ada"
    assert renewals(lab) == {"200": 4}


def test_every_token_of_a_sign_in_is_recognized(lab: Emulator) -> None:
    """A platform may hand back any pair that it was told of, not only the first or the last."""
    seen: list[dict[str, str]] = []
    config = sign_in(lab)
    with client(config, seen) as one:
        one.one("user")
    between = {**config, "credentials": {**config["credentials"], **seen[0]}}
    lab.post("tokens", {"op": "expire", "token": seen[0]["access_token"]})
    assert whoami(config, seen) == "ada"
    assert len(seen) == 2
    assert whoami(between) == "ada"
    assert renewals(lab) == {"200": 2}


def test_who_signed_in_again_is_believed(lab: Emulator) -> None:
    """Another refresh token than any known one is newer than the profile."""
    assert whoami(sign_in(lab)) == "ada"
    again = sign_in(lab, expired=False)
    with client(again) as one:
        one.one("user")
        assert one.credentials.token() == again["credentials"]["access_token"]
    assert renewals(lab) == {"200": 1}


def test_two_sign_ins_of_one_application_live_side_by_side(lab: Emulator) -> None:
    """Two connections may use the same application; neither may take the other's tokens."""
    first, second = sign_in(lab), sign_in(lab)
    for config in (first, second, first, second):
        assert whoami(config) == "ada"
    assert renewals(lab) == {"200": 2}


def test_a_token_with_a_short_life_is_not_renewed_with_every_request(lab: Emulator) -> None:
    """A margin that is longer than the token's life would."""
    lab.settings(oauth_expires_in=60)
    try:
        with client(sign_in(lab)) as one:
            for _ in range(5):
                one.one("user")
    finally:
        lab.settings(oauth_expires_in=7200)
    assert renewals(lab) == {"200": 1}


class Later(Timer):
    """A clock that is so many seconds `ahead`."""

    ahead = 0.0

    def epoch(self) -> float:
        """The time that it shows."""
        return super().epoch() + self.ahead


def test_it_is_renewed_before_it_ends(lab: Emulator) -> None:
    """By our own clock, from when the answer came: no request meets a 401."""
    later = Later()
    with client(sign_in(lab), timer=later) as one:
        one.one("user")
        lab.reset_requests()
        later.ahead = 6600
        one.one("user")
        assert renewals(lab) == {}
        later.ahead = 7100
        one.one("user")
    assert renewals(lab) == {"200": 1}
    assert "401" not in lab.requests()["counts"]["GET /user"]
