"""GitLab for agents: what `from source_gitlab.agent import …` gives."""

from source_gitlab.interfaces.agent.auth import (
    AirbyteAuthConfig,
    GitlabAuthConfig,
    GitlabOauth20AuthConfig,
    GitlabPersonalAccessTokenAuthConfig,
    GitlabReplicationConfig,
)
from source_gitlab.interfaces.agent.connector import GitlabConnector
from source_gitlab.interfaces.agent.errors import (
    AuthenticationError,
    CallError,
    CallTimeoutError,
    FileUnreadableError,
    GitlabAgentError,
    HostedError,
    NetworkError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    TokenRefreshError,
)
from source_gitlab.interfaces.agent.results import (
    AirbyteSearchMeta,
    AirbyteSearchResult,
    GitlabCheckResult,
    GitlabExecuteResult,
    GitlabExecuteResultWithMeta,
    ListMeta,
    ListResult,
    Record,
)
from source_gitlab.interfaces.agent.tools import ToolOutputTooLarge

__all__ = [
    "AirbyteAuthConfig",
    "AirbyteSearchMeta",
    "AirbyteSearchResult",
    "AuthenticationError",
    "CallError",
    "CallTimeoutError",
    "FileUnreadableError",
    "GitlabAgentError",
    "GitlabAuthConfig",
    "GitlabCheckResult",
    "GitlabConnector",
    "GitlabExecuteResult",
    "GitlabExecuteResultWithMeta",
    "GitlabOauth20AuthConfig",
    "GitlabPersonalAccessTokenAuthConfig",
    "GitlabReplicationConfig",
    "HostedError",
    "ListMeta",
    "ListResult",
    "NetworkError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "Record",
    "TokenRefreshError",
    "ToolOutputTooLarge",
]
