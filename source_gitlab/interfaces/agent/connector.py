"""`GitlabConnector`: entities with actions, as Airbyte's agent SDK for GitLab has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from source_gitlab import __version__
from source_gitlab.core.session import Session
from source_gitlab.engine.calls import awaited
from source_gitlab.gitlab.connection import Connection
from source_gitlab.gitlab.errors import GitlabError
from source_gitlab.interfaces.agent import tools
from source_gitlab.interfaces.agent.actions import LIST, SEARCH, SQL, entities
from source_gitlab.interfaces.agent.auth import (
    AirbyteAuthConfig,
    credentials_of,
    parsed,
)
from source_gitlab.interfaces.agent.entity import EntityCalls
from source_gitlab.interfaces.agent.errors import CallError, GitlabAgentError, close_to, of_gitlab
from source_gitlab.interfaces.agent.hosted import HostedClient
from source_gitlab.interfaces.agent.reading import (
    FileCalls,
    from_gitlab,
    given_params,
    is_from_file,
    rows_of_stream,
)
from source_gitlab.interfaces.agent.results import GitlabCheckResult, in_rows
from source_gitlab.interfaces.agent.token_refresh import TokenKeeping
from source_gitlab.interfaces.file_reader import FileReader
from source_gitlab.setup_check.run import check, with_parents
from source_gitlab.streams import streams

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from typing_extensions import Self

    from source_gitlab.config import Config
    from source_gitlab.gitlab.cancellation import Deadline
    from source_gitlab.gitlab.retry_loop import Retries
    from source_gitlab.interfaces.agent.auth import (
        GitlabAuthConfig,
        GitlabReplicationConfig,
        TokenRefresh,
    )
    from source_gitlab.tokens.rotation import TokenRotation

LOGGER = logging.getLogger("source_gitlab")

F = TypeVar("F", bound="Callable[..., Any]")

_SECONDS: Final = 60.0
_HOSTED_SECONDS: Final = 300.0
_TESTED_SECONDS: Final = 22.0


class GitlabConnector:
    """GitLab for agents.

    `auth_config` is one of the three configurations of `auth`; with Airbyte's, every call goes
    through Airbyte's service. `on_token_refresh` is called with renewed OAuth tokens before a call
    returns; it may be a coroutine function. `api_url` is the address of the GitLab, in any form.
    `file` is a DuckDB file that `source-gitlab sync` writes, for searches and lists; with it alone,
    GitLab is not asked. `config` has further fields of a configuration, such as certificates, or
    is a whole one, which takes the place of the first three; `rotation` then keeps renewed tokens.
    A call takes `timeout` seconds at most, and tries a request as often as `retries` says. Close
    it, or use it in a block.

    Raises:
        TypeError: `auth_config` is none of these.
        CallError: an address, a token or the file's name cannot be one.
    """

    connector_name = "gitlab"
    connector_version = "1.0.4"
    sdk_version = vendored_sdk_version = __version__

    def __init__(  # noqa: PLR0913 -- the original's three, and ours
        self,
        auth_config: GitlabAuthConfig | AirbyteAuthConfig | None = None,
        on_token_refresh: TokenRefresh | None = None,
        api_url: str | None = None,
        *,
        config: Config | Mapping[str, Any] | None = None,
        file: str | os.PathLike[str] | None = None,
        timeout: float | None = None,
        rotation: TokenRotation | None = None,
        retries: Retries | None = None,
    ) -> None:
        """Make no request yet."""
        hosted = auth_config if isinstance(auth_config, AirbyteAuthConfig) else None
        local = credentials_of(auth_config)
        if not isinstance(config, (Mapping, type(None))):
            self._config: Config | None = config
        else:
            self._config = parsed(config or {}, api_url, local)
        if self._config is None and hosted is None and file is None:
            message = "GitlabConnector needs auth_config, or a file that sync has written."
            raise CallError(message)
        default = _SECONDS if hosted is None else _HOSTED_SECONDS
        self._timeout = default if timeout is None else timeout
        self._hosted = None if hosted is None else HostedClient(hosted)
        self._keeping = TokenKeeping(on_token_refresh)
        self.file = None if file is None else FileReader(Path(file))
        self._calls = None if self.file is None else FileCalls(self.file)
        self._connection: Connection | None = None
        if self._config is not None and hosted is None:
            on_rotated = self._keeping.on_rotated
            self._connection = Connection(
                self._config, on_rotated=on_rotated, rotation=rotation, retries=retries
            )

    def __getattr__(self, name: str) -> EntityCalls:
        """The typed calls of an entity: `connector.issues.list(project_id="group/project")`."""
        if name.startswith("_") or name not in self.entity_names():
            message = f"{type(self).__name__} has no attribute {name}"
            raise AttributeError(message)
        return EntityCalls(self, name)

    async def __aenter__(self) -> Self:
        """Use the connector for the length of an `async with` block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Close connections; a call that follows fails."""
        if self._connection is not None:
            self._connection.close()
        if self._hosted is not None:
            self._hosted.close()

    @property
    def connector_id(self) -> str | None:
        """The connector in Airbyte's service; None in open-source mode, and before it is known."""
        return None if self._hosted is None else self._hosted.connector_id

    @staticmethod
    def entity_names() -> tuple[str, ...]:
        """The 14 entities of the original, and every stream that is declared beside them."""
        return tuple({**entities(), **streams()})

    async def execute(  # noqa: PLR0913 -- as the original has it
        self,
        entity: str,
        action: str,
        params: Mapping[str, Any] | None = None,
        *,
        select_fields: Sequence[str] | None = None,
        exclude_fields: Sequence[str] | None = None,
        skip_truncation: bool = True,
        timeout: float | None = None,
    ) -> Any:
        """One action: `GitlabExecuteResultWithMeta` of a list, and otherwise a dict.

        `skip_truncation` is the original's; nothing is ever cut here.

        Raises:
            GitlabAgentError: as `errors` sorts it.
        """
        given = given_params(entity, action, params)

        def work(deadline: Deadline) -> Any:
            result = self._execute(entity, action, given, deadline)
            return in_rows(result, select_fields, exclude_fields)

        _ = skip_truncation
        return await self._awaited(work, entity, action, timeout)

    async def check(self) -> GitlabCheckResult:
        """Whether the address, the token and its rights are well, and what each entity needs."""

        def work(deadline: Deadline) -> GitlabCheckResult:
            return self._check(deadline)

        found: GitlabCheckResult = await self._awaited(work, "*", "check", None)
        return found

    async def _awaited(
        self,
        work: Callable[[Deadline], Any],
        entity: str,
        action: str,
        seconds: float | None,
    ) -> Any:
        self._keeping.loop = asyncio.get_running_loop()

        def settled(deadline: Deadline) -> Any:
            self._keeping.settle()
            result = work(deadline)
            self._keeping.settle()
            return result

        try:
            return await awaited(settled, self._timeout if seconds is None else seconds)
        except GitlabError as error:
            raise of_gitlab(error, entity, action) from error

    def _execute(
        self, entity: str, action: str, params: Mapping[str, Any], deadline: Deadline
    ) -> Any:
        if self._hosted is not None:
            return self._hosted.execute(entity, action, params, deadline)
        names = self.entity_names()
        if entity not in names:
            message = f"There is no entity {str(entity)[:80]}{close_to(str(entity), names)}"
            raise CallError(message, entity=str(entity), action=str(action))
        known = entities().get(entity)
        if action in {SEARCH, SQL}:
            calls = self._file_calls(entity, action)
            if action == SQL:
                return calls.sql(entity, params, deadline)
            return calls.search(entity, params, deadline)
        if known is not None and action in known.actions:
            connection, _ = self._gitlab(entity, action)
            return from_gitlab(connection, known.actions[action], params)
        if action != LIST:
            allowed = (*(known.actions if known else (LIST,)), SEARCH, SQL)
            message = f"{entity} has no action {str(action)[:80]}; it has {', '.join(allowed)}."
            raise CallError(message, entity=entity, action=str(action))
        if is_from_file(
            entity,
            params,
            has_file=self._calls is not None,
            has_gitlab=self._connection is not None,
        ):
            return self._file_calls(entity, action).rows_of_stream(entity, params, deadline)
        connection, config = self._gitlab(entity, action)
        return rows_of_stream(connection, config, entity, params, deadline)

    def _gitlab(self, entity: str, action: str) -> tuple[Connection, Config]:
        if self._connection is None or self._config is None:
            message = (
                f"{entity} {action} asks GitLab, and the connector has no token. Give it one, or "
                f"use {SEARCH}, which reads the file."
            )
            raise CallError(message, entity=entity, action=action)
        return self._connection, self._config

    def _file_calls(self, entity: str, action: str) -> FileCalls:
        if self._calls is None:
            message = (
                f"{entity} {action} reads a copy, and the connector has none. Make one with "
                "`source-gitlab sync --to gitlab.duckdb`, and give its name as file."
            )
            raise CallError(message, entity=entity, action=action)
        return self._calls

    def _check(self, deadline: Deadline) -> GitlabCheckResult:
        entity = next(iter(entities()))
        if self._hosted is not None:
            try:
                self._hosted.execute(entity, LIST, {"page": 1, "per_page": 20}, deadline)
            except GitlabAgentError as error:
                return GitlabCheckResult("unhealthy", str(error))
            return GitlabCheckResult("healthy", None, entity, LIST)
        connection, config = self._gitlab("*", "check")
        tested = with_parents({name: streams()[name] for name in entities()})
        with Session(config, connection=connection) as session:
            seconds = max(0.0, min(_TESTED_SECONDS, deadline.left))
            result = check(session, declared=tested, seconds=seconds)
        if result.ok:
            return GitlabCheckResult("healthy", None, entity, LIST, result.to_json())
        return GitlabCheckResult("unhealthy", result.message, details=result.to_json())

    def list_entities(self) -> list[dict[str, Any]]:
        """Every entity with its actions and their parameters."""
        return tools.described()

    def entity_schema(self, entity: str) -> Mapping[str, Any] | None:
        """The JSON schema of a row of an entity; None, with a warning, for what is none."""
        schema = tools.entity_schema(entity)
        if schema is None:
            LOGGER.warning("There is no entity %s%s", entity, close_to(entity, self.entity_names()))
        return schema

    @overload
    @classmethod
    def tool_utils(cls, func: F) -> F: ...

    @overload
    @classmethod
    def tool_utils(
        cls,
        func: None = None,
        *,
        update_docstring: bool = True,
        enable_hosted_mode_features: bool = True,
        max_output_chars: int | None = tools.MOST_CHARACTERS,
    ) -> Callable[[F], F]: ...

    @classmethod
    def tool_utils(
        cls,
        func: Callable[..., Any] | None = None,
        *,
        update_docstring: bool = True,
        enable_hosted_mode_features: bool = True,
        max_output_chars: int | None = tools.MOST_CHARACTERS,
    ) -> Any:
        """Decorate a function that is a tool for a model; with or without arguments.

        Its docstring gets what there is to call (with searches, where these features are on), and
        an output of more than `max_output_chars` as JSON is an error that says so.
        """

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            return tools.decorated(
                function,
                update_docstring=update_docstring,
                enable_hosted_mode_features=enable_hosted_mode_features,
                max_output_chars=max_output_chars,
            )

        return decorate if func is None else decorate(func)

    @classmethod
    async def get_consent_url(
        cls,
        *,
        airbyte_config: AirbyteAuthConfig,
        redirect_url: str,
        name: str | None = None,
        replication_config: GitlabReplicationConfig | None = None,
        source_template_id: str | None = None,
    ) -> str:
        """Where a user lets Airbyte's service read his GitLab; it ends at `redirect_url`.

        Raises:
            GitlabAgentError: the service refuses.
        """
        client = HostedClient(airbyte_config)
        body = {
            "redirect_url": redirect_url,
            "name": name,
            "replication_config": _replication(replication_config),
            "source_template_id": source_template_id,
        }
        return await _hosted_call(client, lambda deadline: client.consent_url(body, deadline))

    @classmethod
    async def create(  # noqa: PLR0913 -- as the original has it
        cls,
        *,
        airbyte_config: AirbyteAuthConfig,
        auth_config: GitlabAuthConfig | None = None,
        server_side_oauth_secret_id: str | None = None,
        name: str | None = None,
        replication_config: GitlabReplicationConfig | None = None,
        source_template_id: str | None = None,
    ) -> Self:
        """Make a connector in Airbyte's service, and return the one that calls it.

        Raises:
            GitlabAgentError: the service refuses.
        """
        client = HostedClient(airbyte_config)
        body = {
            "name": name or "GitLab",
            "credentials": None if auth_config is None else auth_config.credentials(),
            "server_side_oauth_secret_id": server_side_oauth_secret_id,
            "replication_config": _replication(replication_config),
            "source_template_id": source_template_id,
        }
        made = await _hosted_call(client, lambda deadline: client.create(body, deadline))
        return cls(auth_config=replace(airbyte_config, connector_id=made))


async def _hosted_call(client: HostedClient, work: Callable[[Deadline], str]) -> str:
    try:
        return await awaited(work, _HOSTED_SECONDS)
    except GitlabError as error:
        raise of_gitlab(error, "*", "create") from error
    finally:
        client.close()


def _replication(config: GitlabReplicationConfig | None) -> dict[str, Any] | None:
    if config is None or config.start_date is None:
        return None
    return {"start_date": config.start_date}
