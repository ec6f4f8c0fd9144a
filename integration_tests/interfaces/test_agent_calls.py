"""Calls of the agent face that go wrong: they end in time, and the connection lives on."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.agents import asked, called, connector, executed
from integration_tests.support.long_waits import LongWaits
from integration_tests.support.oauth_pairs import CLIENT_ID, CLIENT_SECRET, home, lab, renewals
from integration_tests.support.reading import config_for
from source_gitlab.agent import (
    AuthenticationError,
    CallTimeoutError,
    GitlabAgentError,
    GitlabConnector,
    GitlabOauth20AuthConfig,
    GitlabPersonalAccessTokenAuthConfig,
    NetworkError,
    PermissionDeniedError,
    TokenRefreshError,
)
from source_gitlab.gitlab.retry_loop import Retries
from source_gitlab.gitlab.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

__all__ = ["home", "lab"]  # fixtures

WEB = {"project_id": 101}
HANGS = 3600.0  # seconds, which is longer than a test waits


def threads_of_calls() -> list[threading.Thread]:
    """Those that make calls, and those that read slices for them."""
    names = ("call", "slices-", "query-deadline", "prefetch")
    return [one for one in threading.enumerate() if one.name.startswith(names)]


def patient(gitlab: Emulator, **more: Any) -> GitlabConnector:
    """A connector whose request waits for an answer as long as one may hang."""
    return GitlabConnector(config=config_for(gitlab, request_timeout=int(HANGS)), **more)


def wait_until_gone() -> None:
    for one in threads_of_calls():
        one.join(PATIENCE)
    assert not threads_of_calls()


HANGING: dict[str, dict[str, Any]] = {
    "no-answer": {"kind": "stall", "seconds": HANGS},
    "told-to-wait": {"kind": "rate_limit", "form": "retry_after", "seconds": HANGS},
    "fails": {"kind": "status", "status": 502},
}


@pytest.mark.parametrize("fault", HANGING)
@pytest.mark.parametrize("entity", ["issues", "project_labels"])
def test_a_call_ends_with_its_time_and_its_thread_with_it(
    lab: Emulator, fault: str, entity: str
) -> None:
    """What it was waiting for is cut: an answer, a pause that GitLab asks for, a further try."""
    lab.faults([{**HANGING[fault], "path": "/projects/.*|/groups/.*"}])
    usual = patient(lab, retries=Retries(timer=LongWaits()))
    with pytest.raises((CallTimeoutError, NetworkError)) as raised:
        called(usual, lambda one: one.execute(entity, "list", WEB, timeout=1.0))
    if fault != "fails":
        assert isinstance(raised.value, TimeoutError)
    wait_until_gone()


def test_a_call_that_is_given_up_leaves_no_thread(lab: Emulator) -> None:
    async def work(made: GitlabConnector) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(made.execute("issues", "list", WEB), 0.5)

    lab.faults([{"kind": "stall", "path": "/projects/.*", "seconds": HANGS}])
    called(patient(lab), work)
    wait_until_gone()


def test_the_connection_outlives_calls_that_failed(lab: Emulator) -> None:
    """A call that took too long, one that was refused and one that failed end no other one."""

    async def work(made: GitlabConnector) -> Any:
        lab.faults(
            [{"kind": "stall", "path": "/projects/101/issues", "seconds": HANGS, "times": 1}]
        )
        with pytest.raises(CallTimeoutError):
            await made.execute("issues", "list", WEB, timeout=0.5)
        lab.faults([{"kind": "status", "status": 403, "path": "/projects/101/issues", "times": 1}])
        with pytest.raises(PermissionDeniedError):
            await made.execute("issues", "list", WEB)
        return await made.execute("issues", "list", WEB)

    assert called(connector(lab), work).data


class Jumping(Timer):
    """A clock that a test sets forward."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


def test_an_outage_does_not_end_the_connection(lab: Emulator) -> None:
    """Some seconds after GitLab is back, calls are answered."""
    clock = Jumping()

    async def work(made: GitlabConnector) -> Any:
        lab.faults([{"kind": "reset", "path": "/.*"}])
        with pytest.raises(NetworkError):
            await made.execute("users", "get", {"id": 1})
        lab.faults([])
        with pytest.raises(NetworkError):
            await made.execute("users", "get", {"id": 1})
        clock.ahead += 60.0
        return await made.execute("users", "get", {"id": 1})

    quick = connector(lab, retries=Retries(2, 0.0, timer=clock), timeout=PATIENCE)
    assert called(quick, work)["id"] == 1


def test_many_calls_at_once_are_all_answered(lab: Emulator) -> None:
    async def work(made: GitlabConnector) -> list[Any]:
        calls = (made.execute("issues", "get", {**WEB, "issue_iid": 1 + n}) for n in range(20))
        return list(await asyncio.gather(*calls))

    assert [row["iid"] for row in called(connector(lab), work)] == list(range(1, 21))


def test_a_wrong_token_is_told_once_for_all(lab: Emulator) -> None:
    auth = GitlabPersonalAccessTokenAuthConfig("glpat-wrong-token-0000")
    with pytest.raises(AuthenticationError) as raised:
        executed(GitlabConnector(auth, api_url=lab.url), "issues", "list", **WEB)
    assert raised.value.status == 401
    assert "glpat" not in str(raised.value)


def test_a_scope_that_is_missing_is_named(lab: Emulator) -> None:
    token = "glpat-reads-users-only-0001"
    lab.post("tokens", {"op": "create", "token": token, "scopes": ["read_user"]})
    made = GitlabConnector(GitlabPersonalAccessTokenAuthConfig(token), api_url=lab.url)
    with pytest.raises(AuthenticationError, match="read_api"):
        executed(made, "issues", "list", **WEB)


def test_a_closed_connector_says_so(lab: Emulator) -> None:
    async def work(made: GitlabConnector) -> None:
        await made.close()
        with pytest.raises(GitlabAgentError, match="closed"):
            await made.execute("issues", "list", WEB)

    called(connector(lab), work)


Kept = list[dict[str, str]]


def expired_pair(lab: Emulator) -> GitlabOauth20AuthConfig:
    pair = lab.post("oauth", {})
    lab.post("tokens", {"op": "expire", "token": pair["access_token"]})
    return GitlabOauth20AuthConfig(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        access_token=pair["access_token"],
        refresh_token=pair["refresh_token"],
    )


async def eight(made: GitlabConnector) -> list[Any]:
    """Eight calls at once."""
    calls = (made.execute("issues", "list", WEB) for _ in range(8))
    return list(await asyncio.gather(*calls))


def keepers(kept: Kept) -> dict[str, Callable[[dict[str, str]], Any]]:
    """A function and a coroutine function that keep tokens."""

    async def later(tokens: dict[str, str]) -> None:
        await asyncio.sleep(0)
        kept.append(tokens)

    return {"function": kept.append, "coroutine": later}


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_eight_calls_with_an_expired_token_renew_once(lab: Emulator, kind: str) -> None:
    """And whoever keeps tokens has the new pair before a call returns."""
    kept: Kept = []
    auth = expired_pair(lab)
    made = GitlabConnector(auth, keepers(kept)[kind], lab.url)
    results = called(made, eight)
    assert all(result.data for result in results)
    assert renewals(lab) == {"200": 1}
    (pair,) = kept
    assert pair["refresh_token"] != auth.refresh_token
    again = GitlabOauth20AuthConfig(
        CLIENT_ID, CLIENT_SECRET, pair["access_token"], pair["refresh_token"]
    )
    assert executed(GitlabConnector(again, api_url=lab.url), "issues", "list", **WEB).data


def test_tokens_that_were_not_kept_are_offered_again(lab: Emulator, home: Path) -> None:
    """The call that renewed them says so; the next one hands them over and is answered."""
    kept: Kept = []
    is_broken = True

    def keep(tokens: dict[str, str]) -> None:
        if is_broken:
            message = "the database is away"
            raise OSError(message)
        kept.append(tokens)

    async def work(made: GitlabConnector) -> Any:
        nonlocal is_broken
        for _ in range(2):
            with pytest.raises(TokenRefreshError, match="the database is away"):
                await made.execute("issues", "list", WEB)
        is_broken = False
        return await made.execute("issues", "list", WEB)

    assert called(GitlabConnector(expired_pair(lab), keep, lab.url), work).data
    assert len(kept) == 1
    assert renewals(lab) == {"200": 1}
    assert home.parent.is_dir()


def test_a_pair_that_is_refused_is_an_error_and_no_deadlock(lab: Emulator) -> None:
    """The original waits for ever when the token is refused a second time."""
    auth = expired_pair(lab)
    lab.faults([{"kind": "status", "status": 401, "path": "/projects/.*"}])

    async def work(made: GitlabConnector) -> list[Any]:
        calls = (made.execute("issues", "list", WEB) for _ in range(4))
        return list(await asyncio.gather(*calls, return_exceptions=True))

    results = called(GitlabConnector(auth, lambda _: None, lab.url), work)
    assert all(isinstance(one, AuthenticationError) for one in results)
    assert sum(renewals(lab).values()) == 1


def test_secrets_go_to_the_gitlab_that_was_named(lab: Emulator) -> None:
    """The original sends them to gitlab.com, whatever the address is."""
    executed(GitlabConnector(expired_pair(lab), lambda _: None, lab.url), "issues", "list", **WEB)
    assert renewals(lab) == {"200": 1}
    assert asked(lab)
