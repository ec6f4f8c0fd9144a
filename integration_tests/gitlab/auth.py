"""Access tokens, and which request carries which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from integration_tests.gitlab.clock import DAY, moment
from integration_tests.gitlab.errors import ApiError, unauthorized

if TYPE_CHECKING:
    from starlette.datastructures import Headers

    from integration_tests.gitlab.clock import Clock
    from integration_tests.gitlab.query import Query

DEFAULT = "glpat-emulator-default-0001"
READ_USER = "glpat-emulator-read-user-0001"
PROJECT = "glpat-emulator-project-0001"
EXPIRED = "glpat-emulator-expired-0001"
REVOKED = "glpat-emulator-revoked-0001"
GUEST = "glpat-emulator-guest-0001"
STRANGER = "glpat-emulator-stranger-0001"
JOB = "glcbt-emulator-job-0001"
OAUTH_ACCESS = "oauth-emulator-access-0001"
OAUTH_REFRESH = "oauth-emulator-refresh-0001"

EXPIRED_TEXT = "Token is expired. You can either do re-authorization or token refresh."
SCOPE_TEXT = "The request requires higher privileges than provided by the access token."
REVOKED_TEXT = "Token was revoked. You have to re-authorize from the user."


@dataclass
class Token:
    """A token: whose it is and what it may do. ``kind`` is pat, oauth or job."""

    value: str
    user_id: int
    kind: str = "pat"
    scopes: list[str] = field(default_factory=lambda: ["read_api"])
    name: str = "emulator"
    token_id: int = 0
    created: int = field(default_factory=lambda: moment("2024-01-01T00:00:00Z"))
    expires: int | None = None
    revoked: bool = False
    used: int | None = None
    client_id: str = ""


def invalid_token(description: str) -> ApiError:
    """401 in the form that OAuth has for tokens that were good once."""
    return ApiError(
        401,
        {"error": "invalid_token", "error_description": description},
        {
            "WWW-Authenticate": f'Bearer realm="Protected by OAuth 2.0", error="invalid_token", '
            f'error_description="{description}"'
        },
    )


class Tokens:
    """Every token of the instance, personal, project, OAuth and job tokens alike."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.by_value: dict[str, Token] = {}
        for token in (
            Token(DEFAULT, 1, name="default"),
            Token(READ_USER, 1, scopes=["read_user"], name="read user only"),
            Token(PROJECT, 8, name="project access token"),
            Token(EXPIRED, 1, expires=moment("2024-02-01"), name="expired"),
            Token(REVOKED, 1, revoked=True, name="revoked"),
            Token(GUEST, 7, name="guest"),
            Token(STRANGER, 6, scopes=["api"], name="stranger"),
            Token(JOB, 1, kind="job", name="job token"),
        ):
            self.add(token)

    def add(self, token: Token) -> Token:
        """Let a token be known."""
        token.token_id = token.token_id or len(self.by_value) + 1
        self.by_value[token.value] = token
        return token

    def create(self, value: str, user_id: int, scopes: list[str], days: int = 365) -> Token:
        """Make a personal access token that lives some days."""
        now = self._clock.now()
        return self.add(Token(value, user_id, scopes=scopes, created=now, expires=now + days * DAY))

    def revoke(self, value: str) -> None:
        """Revoke a token; KeyError for one that was never made."""
        self.by_value[value].revoked = True

    def expire(self, value: str) -> None:
        """Let a token be past its life; KeyError for one that was never made."""
        self.by_value[value].expires = self._clock.now() - 1

    def active(self, token: Token) -> bool:
        """Whether the token is neither revoked nor expired."""
        return not token.revoked and (token.expires is None or token.expires > self._clock.now())

    def of_request(self, headers: Headers, query: Query) -> Token | None:
        """The token of a request, or None for an anonymous one.

        Raises ApiError 401 for a token that is unknown, expired or revoked: GitLab does not fall
        back to anonymous access.
        """
        value, job = _presented(headers, query)
        if value is None:
            return None
        token = self.by_value.get(value)
        if token is None or (token.kind == "job") != job:
            raise unauthorized()
        if token.revoked:
            raise invalid_token(REVOKED_TEXT)
        if not self.active(token):
            raise invalid_token(EXPIRED_TEXT)
        token.used = self._clock.now()
        return token


def _presented(headers: Headers, query: Query) -> tuple[str | None, bool]:
    authorization = headers.get("authorization", "")
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip(), False
    for header, parameter in (("private-token", "private_token"), ("", "access_token")):
        value = headers.get(header) or query.text(parameter)
        if value:
            return value, False
    value = headers.get("job-token") or query.text("job_token")
    return (value, True) if value else (None, False)


def check_scope(token: Token | None, allowed: tuple[str, ...]) -> None:
    """Raise 403 insufficient_scope unless the token has one of the scopes."""
    if token is None or token.kind == "job" or not allowed:
        return
    if not set(allowed) & set(token.scopes):
        raise ApiError(
            403,
            {
                "error": "insufficient_scope",
                "error_description": SCOPE_TEXT,
                "scope": " ".join(allowed),
            },
        )
