"""How a connector signs in: with tokens of GitLab, or through Airbyte's service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from source_gitlab.config import ConfigError, parse
from source_gitlab.interfaces.agent.errors import CallError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_gitlab.config import Config


@dataclass(frozen=True)
class GitlabPersonalAccessTokenAuthConfig:
    """A personal, group or project access token."""

    access_token: str = field(repr=False)

    def credentials(self) -> dict[str, Any]:
        """The same as a configuration has it."""
        return {"auth_type": "access_token", "access_token": self.access_token}


@dataclass(frozen=True)
class GitlabOauth20AuthConfig:
    """A pair of OAuth tokens, and the application that they were issued to.

    `client_secret` is empty for an application that is not confidential.
    """

    client_id: str
    client_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)

    def credentials(self) -> dict[str, Any]:
        """The same as a configuration has it."""
        secret = {"client_secret": self.client_secret} if self.client_secret else {}
        return {
            "auth_type": "oauth2.0",
            "client_id": self.client_id,
            **secret,
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
        }


@dataclass(frozen=True)
class AirbyteAuthConfig:
    """An account of Airbyte's service, which then asks GitLab in place of this program.

    `customer_name` and `external_user_id` are what `workspace_name` was called before.
    """

    workspace_name: str | None = None
    organization_id: str | None = None
    airbyte_client_id: str | None = field(default=None, repr=False)
    airbyte_client_secret: str | None = field(default=None, repr=False)
    connector_id: str | None = None
    customer_name: str | None = None
    external_user_id: str | None = None

    @property
    def customer(self) -> str | None:
        """The workspace, under whichever name it was given."""
        return self.workspace_name or self.customer_name or self.external_user_id


@dataclass(frozen=True)
class GitlabReplicationConfig:
    """What a connector of Airbyte's service copies: rows from `start_date` on (RFC 3339)."""

    start_date: str | None = None


GitlabAuthConfig: TypeAlias = "GitlabPersonalAccessTokenAuthConfig | GitlabOauth20AuthConfig"
TokenRefresh: TypeAlias = "Callable[[dict[str, str]], Any]"
"""Called with renewed tokens: `access_token`, `refresh_token` and `token_expiry_date`."""


def credentials_of(auth_config: object) -> dict[str, Any] | None:
    """Tokens of GitLab as a configuration has them; None for those of Airbyte's service, and none.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(auth_config, (GitlabPersonalAccessTokenAuthConfig, GitlabOauth20AuthConfig)):
        return auth_config.credentials()
    if auth_config is None or isinstance(auth_config, AirbyteAuthConfig):
        return None
    kinds = (GitlabPersonalAccessTokenAuthConfig, GitlabOauth20AuthConfig, AirbyteAuthConfig)
    allowed = ", ".join(kind.__name__ for kind in kinds)
    message = f"auth_config is one of {allowed}, not {type(auth_config).__name__}"
    raise TypeError(message)


def parsed(
    fields: Mapping[str, Any], api_url: str | None, credentials: dict[str, Any] | None
) -> Config | None:
    """A configuration of these fields; None without credentials.

    Raises:
        CallError: one of them cannot be what it is.
    """
    given = dict(fields)
    given |= {"api_url": api_url} if api_url else {}
    given |= {"credentials": credentials} if credentials else {}
    if "credentials" not in given:
        return None
    try:
        return parse(given)
    except ConfigError as error:
        raise CallError(str(error)) from error
