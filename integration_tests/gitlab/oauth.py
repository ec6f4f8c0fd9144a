"""OAuth as GitLab does it: codes with PKCE, device grants, and refresh tokens for one use each."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from integration_tests.gitlab.auth import OAUTH_ACCESS, OAUTH_REFRESH, Token
from integration_tests.gitlab.clock import SECOND
from integration_tests.gitlab.errors import ApiError

if TYPE_CHECKING:
    from integration_tests.gitlab.auth import Tokens
    from integration_tests.gitlab.clock import Clock
    from integration_tests.gitlab.rows import Json
    from integration_tests.gitlab.settings import Settings

CLIENT_ID, CLIENT_SECRET = "emulator-client-id", "gloas-emulator-client-secret"
PUBLIC_CLIENT_ID = "emulator-public-client-id"
CODE_LIFE, DEVICE_LIFE, INTERVAL = 600, 300, 5

INVALID_GRANT = (
    "The provided authorization grant is invalid, expired, revoked, does not match the redirection "
    "URI used in the authorization request, or was issued to another client."
)
INVALID_CLIENT = (
    "Client authentication failed due to unknown client, no client authentication included, or "
    "unsupported authentication method."
)
PENDING = (
    "The authorization request is still pending as the end user hasn't yet completed the "
    "user interaction steps."
)


@dataclass
class Grant:
    """A pair of tokens; when it is refreshed both die at once."""

    access: Token
    refresh: str
    created: int


@dataclass
class Code:
    """An authorization code that waits to be exchanged."""

    client_id: str
    redirect_uri: str
    challenge: str
    method: str
    scopes: list[str]
    expires: int


@dataclass
class Device:
    """A device that waits for its user."""

    client_id: str
    user_code: str
    scopes: list[str]
    expires: int
    polls: int = 0
    approved: bool = False
    denied: bool = False
    last: int = field(default=0)


def oauth_error(status: int, code: str, description: str) -> ApiError:
    """An error in OAuth's form."""
    return ApiError(status, {"error": code, "error_description": description})


def invalid_grant() -> ApiError:
    """400 for a code or refresh token that is spent, unknown, or somebody else's."""
    return oauth_error(400, "invalid_grant", INVALID_GRANT)


class Authority:
    """Issues, rotates and revokes OAuth tokens."""

    def __init__(self, tokens: Tokens, clock: Clock, settings: Settings) -> None:
        self._tokens, self._clock, self._settings = tokens, clock, settings
        self.codes: dict[str, Code] = {}
        self.devices: dict[str, Device] = {}
        self.grants: dict[str, Grant] = {}
        self.spent: set[str] = set()
        self.rotations = 0
        self.issue(access=OAUTH_ACCESS, refresh=OAUTH_REFRESH)

    def issue(  # noqa: PLR0913 - what a grant consists of
        self,
        *,
        client_id: str = CLIENT_ID,
        scopes: list[str] | None = None,
        user_id: int = 1,
        access: str = "",
        refresh: str = "",
        expires_in: int | None = None,
    ) -> Grant:
        """Make a new pair of tokens."""
        now = self._clock.now()
        life = self._settings.oauth_expires_in if expires_in is None else expires_in
        token = self._tokens.add(
            Token(
                access or secrets.token_hex(32),
                user_id,
                kind="oauth",
                scopes=scopes or ["read_api"],
                created=now,
                expires=now + life * SECOND,
                client_id=client_id,
            )
        )
        grant = Grant(token, refresh or secrets.token_hex(32), now)
        self.grants[grant.refresh] = grant
        return grant

    def answer(self, grant: Grant) -> Json:
        """The body of a successful token request."""
        expires = grant.access.expires or grant.created
        return {
            "access_token": grant.access.value,
            "token_type": "Bearer",
            "expires_in": (expires - grant.created) // SECOND,
            "refresh_token": grant.refresh,
            "scope": " ".join(grant.access.scopes),
            "created_at": grant.created // SECOND,
        }

    def token(self, form: dict[str, str]) -> Json:
        """POST /oauth/token; raises ApiError in OAuth's form."""
        kind = form.get("grant_type", "")
        answers = {
            "refresh_token": self._refresh,
            "authorization_code": self._exchange,
            "urn:ietf:params:oauth:grant-type:device_code": self._poll,
        }
        if kind not in answers:
            raise oauth_error(
                400,
                "unsupported_grant_type",
                "The authorization grant type is not supported by the authorization server.",
            )
        return self.answer(answers[kind](form))

    def _client(self, form: dict[str, str]) -> str:
        client_id, secret = form.get("client_id", ""), form.get("client_secret")
        known = client_id == PUBLIC_CLIENT_ID or (
            client_id == CLIENT_ID
            and (secret == CLIENT_SECRET or (secret is None and bool(form.get("code_verifier"))))
        )
        if not known:
            raise oauth_error(401, "invalid_client", INVALID_CLIENT)
        return client_id

    def _refresh(self, form: dict[str, str]) -> Grant:
        client_id = self._client(form)
        value = form.get("refresh_token", "")
        old = self.grants.get(value)
        if old is None or value in self.spent or old.access.client_id != client_id:
            raise invalid_grant()
        self.revoke(value)
        self.rotations += 1
        return self.issue(
            client_id=client_id,
            scopes=old.access.scopes,
            user_id=old.access.user_id,
        )

    def _exchange(self, form: dict[str, str]) -> Grant:
        client_id = self._client(form)
        code = self.codes.pop(form.get("code", ""), None)
        if code is None or code.expires < self._clock.now() or code.client_id != client_id:
            raise invalid_grant()
        if code.redirect_uri != form.get("redirect_uri"):
            raise invalid_grant()
        if code.challenge and not verifies(form.get("code_verifier", ""), code):
            raise invalid_grant()
        if not code.challenge and form.get("client_secret") != CLIENT_SECRET:
            raise oauth_error(401, "invalid_client", INVALID_CLIENT)
        return self.issue(client_id=client_id, scopes=code.scopes)

    def _poll(self, form: dict[str, str]) -> Grant:
        device = self.devices.get(form.get("device_code", ""))
        if device is None or device.client_id != form.get("client_id"):
            raise invalid_grant()
        now = self._clock.now()
        if device.expires < now:
            raise oauth_error(400, "expired_token", "The device_code has expired.")
        if device.denied:
            raise oauth_error(
                400,
                "access_denied",
                "The resource owner or authorization server denied the request.",
            )
        device.polls += 1
        by_itself = 0 <= self._settings.oauth_device_polls < device.polls
        if not device.approved and not by_itself:
            raise oauth_error(400, "authorization_pending", PENDING)
        del self.devices[form["device_code"]]
        return self.issue(client_id=device.client_id, scopes=device.scopes)

    def authorize(self, query: dict[str, str]) -> str:
        """Approve an authorization request; returns the code. Raises ApiError 400."""
        if query.get("client_id") not in {CLIENT_ID, PUBLIC_CLIENT_ID}:
            raise oauth_error(401, "invalid_client", INVALID_CLIENT)
        if query.get("response_type") != "code" or not query.get("redirect_uri"):
            raise oauth_error(400, "invalid_request", "Missing or unsupported parameter.")
        if query.get("code_challenge") and query.get("code_challenge_method") not in {
            "S256",
            "plain",
            None,
        }:
            raise oauth_error(
                400,
                "invalid_code_challenge_method",
                "The code_challenge_method must be plain or S256.",
            )
        code = secrets.token_hex(32)
        self.codes[code] = Code(
            query["client_id"],
            query["redirect_uri"],
            query.get("code_challenge", ""),
            query.get("code_challenge_method", "plain"),
            _scopes(query),
            self._clock.now() + CODE_LIFE * SECOND,
        )
        return code

    def device(self, form: dict[str, str], base: str) -> Json:
        """POST /oauth/authorize_device."""
        if form.get("client_id") not in {CLIENT_ID, PUBLIC_CLIENT_ID}:
            raise oauth_error(401, "invalid_client", INVALID_CLIENT)
        code, user_code = secrets.token_hex(20), secrets.token_hex(4).upper()
        expires = self._clock.now() + DEVICE_LIFE * SECOND
        self.devices[code] = Device(form["client_id"], user_code, _scopes(form), expires)
        return {
            "device_code": code,
            "user_code": user_code,
            "verification_uri": f"{base}/oauth/device",
            "verification_uri_complete": f"{base}/oauth/device?user_code={user_code}",
            "expires_in": DEVICE_LIFE,
            "interval": INTERVAL,
        }

    def decide(self, user_code: str, *, approve: bool) -> bool:
        """The user approves or denies a device; false when the code is unknown."""
        for device in self.devices.values():
            if device.user_code == user_code:
                device.approved, device.denied = approve, not approve
                return True
        return False

    def revoke(self, value: str) -> None:
        """Revoke the pair that an access or refresh token belongs to; unknown ones are ignored."""
        for refresh, grant in self.grants.items():
            if value in {refresh, grant.access.value}:
                self.spent.add(refresh)
                grant.access.revoked = True

    def info(self, token: Token) -> Json:
        """GET /oauth/token/info."""
        left = max((token.expires or 0) - self._clock.now(), 0) // SECOND
        return {
            "resource_owner_id": token.user_id,
            "scope": token.scopes,
            "expires_in": left,
            "application": {"uid": token.client_id},
            "created_at": token.created // SECOND,
            "scopes": token.scopes,
            "expires_in_seconds": left,
        }


def _scopes(given: dict[str, str]) -> list[str]:
    return given.get("scope", "").split() or ["read_api"]


def verifies(verifier: str, code: Code) -> bool:
    """Whether a PKCE verifier belongs to the challenge that the code was asked with."""
    if code.method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        verifier = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return secrets.compare_digest(verifier, code.challenge)
