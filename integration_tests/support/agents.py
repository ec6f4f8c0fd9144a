"""Agents of an emulated GitLab, whose calls are made from a test that is no coroutine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from source_gitlab.agent import GitlabConnector, GitlabPersonalAccessTokenAuthConfig

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from integration_tests.gitlab.launch import Emulator


def connector(gitlab: Emulator, **more: Any) -> GitlabConnector:
    """A connector with the default token."""
    auth = GitlabPersonalAccessTokenAuthConfig(access_token=gitlab.token)
    return GitlabConnector(auth_config=auth, api_url=gitlab.url, **more)


def called(made: GitlabConnector, work: Callable[[GitlabConnector], Awaitable[Any]]) -> Any:
    """What `work` brings with the connector, which is closed then."""

    async def run() -> Any:
        async with made:
            return await work(made)

    return asyncio.run(run())


def executed(made: GitlabConnector, entity: str, action: str, **params: Any) -> Any:
    """What one call brings."""
    return called(made, lambda one: one.execute(entity, action, params))


def asked(gitlab: Emulator) -> list[tuple[str, dict[str, str]]]:
    """The path below /api/v4 and the query of each request, in their order."""
    return [
        (entry["path"].partition("/api/v4/")[2], dict(parse_qsl(entry["query"])))
        for entry in gitlab.requests()["recent"]
    ]
