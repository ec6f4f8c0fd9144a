"""Hosted mode: what Airbyte's service is asked, held against the requests of its own SDK."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.agents import called
from integration_tests.support.airbyte_service import CONNECTORS, SECRET, TOKEN, Service, service
from source_gitlab.agent import (
    AirbyteAuthConfig,
    AuthenticationError,
    CallError,
    CallTimeoutError,
    GitlabAgentError,
    GitlabConnector,
    GitlabExecuteResultWithMeta,
    GitlabPersonalAccessTokenAuthConfig,
    GitlabReplicationConfig,
    HostedError,
    NetworkError,
    RateLimitError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEFINITION = "5e6175e5-68e1-4c17-bff9-56103bbb0d80"
EXECUTE = f"{CONNECTORS}/connector-1/execute"


@pytest.fixture
def airbyte(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with service() as made:
        monkeypatch.setenv("SDK_DEV_ADP_API_HOST", made.url)
        yield made


def auth(**more: Any) -> AirbyteAuthConfig:
    given = {
        "workspace_name": "team",
        "organization_id": "org-1",
        "airbyte_client_id": "client-1",
        "airbyte_client_secret": SECRET,
    }
    return AirbyteAuthConfig(**{**given, **more})


def test_a_call_is_a_token_a_look_up_and_an_execute(airbyte: Service) -> None:
    """The first two once, however many calls follow."""

    async def work(made: GitlabConnector) -> list[Any]:
        return [
            await made.execute("issues", "list", {"project_id": "a/b"}),
            await made.execute("issues", "get", {"project_id": "a/b", "issue_iid": 1}),
            await made.issues.context_store_search({"filter": {}}, limit=5, fields=[["id"]]),
            made.connector_id,
        ]

    listed, single, found, number = called(GitlabConnector(auth()), work)
    assert listed == GitlabExecuteResultWithMeta([{"iid": 1}], {"next": "https://next/"})
    assert single == {"iid": 1}
    assert (found.data, found.meta.cursor, found.meta.has_more) == ([{"id": 1}], "c1", True)
    assert number == "connector-1"
    (token,) = airbyte.of("POST", TOKEN)
    assert token.body == {"client_id": "client-1", "client_secret": SECRET}
    (look_up,) = airbyte.of("GET", CONNECTORS)
    assert look_up.path == f"{CONNECTORS}?customer_name=team&definition_id={DEFINITION}"
    first, second, third = airbyte.of("POST", EXECUTE)
    assert first.body == {
        "entity": "issues",
        "action": "list",
        "params": {"project_id": "a/b"},
        "skip_truncation": True,
    }
    assert second.body["params"] == {"project_id": "a/b", "issue_iid": 1}
    assert third.body["action"] == "context_store_search"
    assert third.body["params"] == {"query": {"filter": {}}, "limit": 5, "fields": [["id"]]}
    for one in airbyte.asked:
        assert one.headers["x-organization-id"] == "org-1"
    assert first.headers["authorization"] == "Bearer hosted-token-1"


@pytest.mark.parametrize("name", ["customer_name", "external_user_id"])
def test_older_names_of_the_workspace_are_taken(airbyte: Service, name: str) -> None:
    made = GitlabConnector(auth(**{"workspace_name": None, name: "older"}))
    called(made, lambda one: one.execute("issues", "list"))
    (look_up,) = airbyte.of("GET", CONNECTORS)
    assert "customer_name=older&" in look_up.path


def test_a_connector_that_is_known_is_not_looked_up(airbyte: Service) -> None:
    called(
        GitlabConnector(auth(connector_id="connector-1")), lambda one: one.execute("issues", "list")
    )
    assert not airbyte.of("GET", CONNECTORS)
    assert len(airbyte.of("POST", EXECUTE)) == 1


def test_a_token_that_ended_is_renewed_once(airbyte: Service) -> None:
    async def work(made: GitlabConnector) -> Any:
        await made.execute("issues", "list")
        airbyte.tokens += 1  # the service knows a newer one
        return await made.execute("issues", "list")

    assert called(GitlabConnector(auth()), work).data
    assert len(airbyte.of("POST", TOKEN)) == 2


def test_the_life_of_a_token_is_what_the_service_says(airbyte: Service) -> None:
    """A minute before its end there is a new one."""
    airbyte.expires_in = 60

    async def work(made: GitlabConnector) -> None:
        await made.execute("issues", "list")
        await made.execute("issues", "list")

    called(GitlabConnector(auth(connector_id="connector-1")), work)
    assert len(airbyte.of("POST", TOKEN)) == 2


def test_one_connector_is_needed(airbyte: Service) -> None:
    for found in ([], [{"id": "a"}, {"id": "b"}]):
        airbyte.connectors = found
        with pytest.raises(HostedError, match=f"has {len(found)} GitLab connectors"):
            called(GitlabConnector(auth()), lambda one: one.execute("issues", "list"))


REFUSALS: list[tuple[int, Any, type[GitlabAgentError]]] = [
    (400, {"detail": "no such entity"}, CallError),
    (401, {"detail": "who are you"}, AuthenticationError),
    (403, {"detail": "not yours"}, AuthenticationError),
    (422, {"detail": "wrong"}, CallError),
    (429, {"detail": "slow down"}, RateLimitError),
    (500, "<html>broken</html>", HostedError),
    (200, "<html>sign in</html>", HostedError),
    (200, [1, 2], HostedError),
]


@pytest.mark.parametrize(("status", "body", "kind"), REFUSALS)
def test_a_refusal_says_what_the_service_said(
    airbyte: Service, status: int, body: Any, kind: type[GitlabAgentError]
) -> None:
    airbyte.answers[f"POST {EXECUTE}"] = (status, body)
    with pytest.raises(kind) as raised:
        called(GitlabConnector(auth()), lambda one: one.execute("issues", "list"))
    assert airbyte.url in str(raised.value)
    assert raised.value.status == status
    if isinstance(body, dict):
        assert body["detail"] in str(raised.value)


def test_a_wrong_client_is_refused_without_its_secret(airbyte: Service) -> None:
    wrong = auth(airbyte_client_secret="hosted-wrong-secret-0002")
    airbyte.answers[f"POST {TOKEN}"] = (401, {"detail": "hosted-wrong-secret-0002 is unknown"})
    with pytest.raises(AuthenticationError) as raised:
        called(GitlabConnector(wrong), lambda one: one.execute("issues", "list"))
    assert "hosted-wrong-secret-0002" not in f"{raised.value} {wrong!r}"


def test_check_lists_projects(airbyte: Service) -> None:
    well = called(GitlabConnector(auth()), lambda one: one.check())
    assert (well.status, well.checked_entity, well.checked_action) == (
        *("healthy", "projects", "list"),
    )
    airbyte.answers[f"POST {EXECUTE}"] = (403, {"detail": "not yours"})
    ill = called(GitlabConnector(auth()), lambda one: one.check())
    assert ill.status == "unhealthy"
    assert "not yours" in (ill.error or "")


def test_a_connector_is_made_with_tokens_of_gitlab(airbyte: Service) -> None:
    async def work() -> GitlabConnector:
        return await GitlabConnector.create(
            airbyte_config=auth(),
            auth_config=GitlabPersonalAccessTokenAuthConfig("glpat-of-the-user-0001"),
            name="ours",
            replication_config=GitlabReplicationConfig(start_date="2024-01-01T00:00:00Z"),
        )

    made = asyncio.run(work())
    assert made.connector_id == "connector-made"
    (one,) = airbyte.of("POST", CONNECTORS)
    assert one.body == {
        "customer_name": "team",
        "definition_id": DEFINITION,
        "name": "ours",
        "credentials": {"auth_type": "access_token", "access_token": "glpat-of-the-user-0001"},
        "replication_config": {"start_date": "2024-01-01T00:00:00Z"},
    }


def test_a_user_gives_his_consent_at_the_service(airbyte: Service) -> None:
    async def work() -> str:
        return await GitlabConnector.get_consent_url(
            airbyte_config=auth(), redirect_url="https://app.example.com/back", name="his"
        )

    assert asyncio.run(work()) == "https://consent.example.com/?state=1"
    (one,) = airbyte.of("POST", f"{CONNECTORS}/oauth/initiate")
    assert one.body == {
        "customer_name": "team",
        "definition_id": DEFINITION,
        "redirect_url": "https://app.example.com/back",
        "name": "his",
    }


def test_a_template_takes_the_place_of_the_definition(airbyte: Service) -> None:
    async def work() -> str:
        return await GitlabConnector.get_consent_url(
            airbyte_config=auth(), redirect_url="https://a/", source_template_id="template-1"
        )

    asyncio.run(work())
    (one,) = airbyte.of("POST", f"{CONNECTORS}/oauth/initiate")
    assert one.body["source_template_id"] == "template-1"
    assert "definition_id" not in one.body


def test_a_service_that_does_not_answer_ends_the_call(airbyte: Service) -> None:
    airbyte.hangs = threading.Event()
    try:
        with pytest.raises(CallTimeoutError):
            called(GitlabConnector(auth(), timeout=0.5), lambda one: one.execute("issues", "list"))
    finally:
        airbyte.hangs.set()


def test_a_call_that_is_given_up_is_cut(airbyte: Service) -> None:
    """Its thread does not wait for the service."""
    airbyte.hangs = threading.Event()

    async def work(made: GitlabConnector) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(made.execute("issues", "list"), 0.5)

    try:
        called(GitlabConnector(auth()), work)
        for one in threading.enumerate():
            if one.name == "call":
                one.join(PATIENCE)
                assert not one.is_alive()
    finally:
        airbyte.hangs.set()


def test_a_netrc_takes_no_part(
    airbyte: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the password of somebody else."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other-password\n")
    monkeypatch.setenv("NETRC", str(netrc))
    called(GitlabConnector(auth()), lambda one: one.execute("issues", "list"))
    assert all("other" not in str(one.headers) for one in airbyte.asked)
    assert "authorization" not in airbyte.of("POST", TOKEN)[0].headers


def test_a_service_that_is_away_is_named(airbyte: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDK_DEV_ADP_API_HOST", "http://127.0.0.1:9")
    with pytest.raises(NetworkError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        called(GitlabConnector(auth()), lambda one: one.execute("issues", "list"))
    assert not airbyte.asked


@pytest.mark.parametrize("missing", ["airbyte_client_id", "airbyte_client_secret"])
def test_a_client_needs_its_id_and_its_secret(missing: str) -> None:
    with pytest.raises(CallError, match=missing):
        GitlabConnector(auth(**{missing: None}))


def test_a_workspace_is_needed(airbyte: Service) -> None:
    with pytest.raises(CallError, match="workspace_name"):
        called(
            GitlabConnector(auth(workspace_name=None)), lambda one: one.execute("issues", "list")
        )
    assert not airbyte.of("POST", EXECUTE)
