"""What a call can raise: every error is a sentence, and says of which entity, action and address.

GitlabAgentError (a RuntimeError)
├── CallError            the call has a mistake, and nothing was asked (a ValueError too)
├── AuthenticationError  the token was refused, has ended, or lacks a scope
├── PermissionDeniedError  GitLab refuses this to this token, or has the feature off
├── NotFoundError        it is not there, or not for this token
├── RateLimitError       GitLab refuses requests as too many
├── NetworkError         GitLab does not answer, or fails
├── CallTimeoutError     the call took longer than it may (a TimeoutError too)
├── TokenRefreshError    tokens were renewed, and on_token_refresh did not keep them
├── FileUnreadableError  the DuckDB file cannot be read, or not now
└── HostedError          Airbyte's service refuses
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from source_gitlab.core.selection import NotFound
from source_gitlab.gitlab.errors import (
    BadRequest,
    Cancelled,
    DeadlineExceeded,
    GitlabError,
    Skipped,
    Stopped,
    Unauthorized,
    UserRefused,
)
from source_gitlab.redaction import redact
from source_gitlab.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOO_MANY: Final = 429
_NOT_THERE: Final = 404
_UNAUTHORIZED: Final = 401


class GitlabAgentError(RuntimeError):
    """A call that did not bring what was asked; `str(error)` is a sentence, with no secret in it.

    `status` is the HTTP status and `url` the address without its query, where there were any.
    """

    def __init__(
        self,
        message: str,
        *,
        entity: str = "",
        action: str = "",
        status: int | None = None,
        url: str = "",
    ) -> None:
        """Keep what was called beside the sentence."""
        super().__init__(redact(printable(message)))
        self.entity = entity
        self.action = action
        self.status = status
        self.url = url


class CallError(GitlabAgentError, ValueError):
    """The call itself has a mistake: an unknown entity, action or parameter, or a wrong value."""


class AuthenticationError(GitlabAgentError):
    """The token is unknown, expired or revoked, its user is refused, or it lacks a scope."""


class PermissionDeniedError(GitlabAgentError):
    """GitLab refuses this to this token: the role, the plan or a feature that is off."""


class NotFoundError(GitlabAgentError):
    """It is not there, or GitLab does not show it to this token."""


class RateLimitError(GitlabAgentError):
    """GitLab refuses requests as too many, longer than the call could wait."""


class NetworkError(GitlabAgentError):
    """No answer, or none that can be understood, after all tries."""


class CallTimeoutError(GitlabAgentError, TimeoutError):
    """The call took longer than it may. What it was waiting for has been cut."""


class TokenRefreshError(GitlabAgentError):
    """OAuth tokens were renewed, and `on_token_refresh` failed, so that nobody keeps them yet."""


class FileUnreadableError(GitlabAgentError):
    """The DuckDB file cannot be read, or not now."""


class HostedError(GitlabAgentError):
    """Airbyte's service refuses, or answers in another way than it is documented."""


def of_gitlab(error: GitlabError, entity: str, action: str) -> GitlabAgentError:
    """An error of a request as one of this face."""
    message = str(error)
    if isinstance(error, NotFound):
        return NotFoundError(message, entity=entity, action=action, status=_NOT_THERE)
    kind: type[GitlabAgentError] = NetworkError
    if isinstance(error, (DeadlineExceeded, Cancelled)):
        kind = CallTimeoutError
    elif isinstance(error, (Unauthorized, UserRefused)):
        kind = AuthenticationError
    elif isinstance(error, Skipped):
        kind = _of_refusal(error)
    elif isinstance(error, BadRequest):
        kind = CallError
    elif error.status == _TOO_MANY:
        kind = RateLimitError
    elif isinstance(error, Stopped):
        message = f"The connector is closed. {message}"
    return kind(message, entity=entity, action=action, status=error.status, url=error.url)


def _of_refusal(error: Skipped) -> type[GitlabAgentError]:
    if error.reason == "scope" or error.status == _UNAUTHORIZED:
        return AuthenticationError
    return NotFoundError if error.status == _NOT_THERE else PermissionDeniedError


def close_to(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word, with the one that may have been meant."""
    from difflib import get_close_matches  # noqa: PLC0415 -- for mistakes only

    found = get_close_matches(word, list(known), 1)
    return f"; did you mean {found[0]}?" if found else "."
