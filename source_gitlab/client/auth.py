"""Credentials: what goes into the Authorization header, and how an OAuth token is renewed.

GitLab takes `Authorization: Bearer` for OAuth and for personal, group and project access tokens
alike (https://docs.gitlab.com/api/rest/authentication/), and libraries that follow redirects strip
that header when the host changes, which they do not do for PRIVATE-TOKEN.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import orjson
import requests
from requests.auth import AuthBase

from source_gitlab.client.errors import FatalError, Unauthorized
from source_gitlab.config import AccessToken, OAuth

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_gitlab.config import Config

# Renewed this long before it ends, so that no request starts with a token about to expire.
_MARGIN = 120.0
_TIMEOUT = 30.0

Rotated = dict[str, str]


class Credentials:
    """The token of the moment. Thread-safe; one renewal at a time, however many threads ask.

    `on_rotated` is called with `access_token`, `refresh_token` and `token_expiry_date` (RFC 3339)
    before the new token is used, because GitLab has then already revoked the old pair.
    """

    def __init__(
        self,
        config: Config,
        session: requests.Session,
        on_rotated: Callable[[Rotated], None] | None = None,
    ) -> None:
        """Take the credentials of `config`; renewals go through `session`, for its TLS set-up."""
        self._config = config
        self._session = session
        self._on_rotated = on_rotated
        self._lock = threading.Lock()
        given = config.credentials
        self._refresh_token = given.refresh_token if isinstance(given, OAuth) else ""
        self._token = given.access_token if isinstance(given, (OAuth, AccessToken)) else ""
        self._expires = _epoch(given.token_expiry_date) if isinstance(given, OAuth) else None

    def token(self) -> str:
        """The token to use now, renewed first when it is about to expire; "" for none."""
        if self._expires is not None and time.time() > self._expires - _MARGIN:
            self._renew(self._token)
        return self._token

    def renew(self, rejected: str) -> bool:
        """After a 401 for the token `rejected`: whether there is another one to try now.

        Raises:
            Unauthorized: GitLab refuses the refresh token as well.
        """
        if not self._refresh_token:
            return False
        self._renew(rejected)
        return self._token != rejected

    def _renew(self, stale: str) -> None:
        with self._lock:
            if self._token != stale:
                return
            given = self._config.credentials
            assert isinstance(given, OAuth)  # noqa: S101 -- only OAuth has an expiry to reach
            form = {
                "grant_type": "refresh_token",
                "refresh_token": self._refresh_token,
                "client_id": given.client_id,
            }
            if given.client_secret:
                form["client_secret"] = given.client_secret
            if given.redirect_uri:
                form["redirect_uri"] = given.redirect_uri
            answer = self._post(form)
            self._refresh_token = answer.get("refresh_token") or self._refresh_token
            seconds = float(answer.get("expires_in") or 7200)
            self._expires = time.time() + seconds
            self._token = answer["access_token"]
            if self._on_rotated:
                self._on_rotated(
                    {
                        "access_token": self._token,
                        "refresh_token": self._refresh_token,
                        "token_expiry_date": _rfc3339(self._expires),
                    }
                )

    def _post(self, form: dict[str, str]) -> dict[str, Any]:
        url = f"{self._config.base_url}/oauth/token"
        try:
            # Not followed: a POST that is redirected from http to https would become a GET.
            response = self._session.post(
                url, data=form, timeout=_TIMEOUT, allow_redirects=False, auth=_no_auth
            )
        except requests.RequestException as error:
            message = f"The OAuth token could not be renewed at {url}: {type(error).__name__}."
            raise FatalError(message, url=url) from error
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = {}
        if not isinstance(answer, dict):
            answer = {}
        if response.status_code in {400, 401}:
            why = answer.get("error_description") or answer.get("error") or response.reason
            message = (
                f"GitLab refused to renew the OAuth token ({why}). Authorize this connection again:"
                " each refresh token works once, and this one was used, revoked or has expired."
            )
            raise Unauthorized(message, url=url, status=response.status_code)
        if not response.ok or not isinstance(answer.get("access_token"), str):
            message = (
                f"{url} did not answer with a token (HTTP {response.status_code}). Check api_url."
            )
            raise FatalError(message, url=url, status=response.status_code)
        return answer


class Bearer(AuthBase):
    """Sets the Authorization header itself, which also keeps a ~/.netrc from replacing it."""

    def __init__(self, token: str) -> None:
        """Send `token`, or no header when it is empty."""
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request


_no_auth = Bearer("")


def _epoch(text: str | None) -> float | None:
    """Seconds since the epoch; None when unknown, so that it is tried before it is renewed."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()


def _rfc3339(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
