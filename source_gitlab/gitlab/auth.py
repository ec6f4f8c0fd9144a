"""Credentials: which header goes out with a request, and how an OAuth token is renewed.

GitLab takes `Authorization: Bearer` for OAuth and for personal, group and project access tokens
alike (https://docs.gitlab.com/api/rest/authentication/), and libraries that follow redirects strip
that header when the host changes, which they do not do for PRIVATE-TOKEN. CI job tokens have a
header of their own (https://docs.gitlab.com/ci/jobs/ci_job_token/).
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from requests.auth import AuthBase

from source_gitlab import interrupts
from source_gitlab.config import AccessToken, JobToken, OAuth, secrets
from source_gitlab.gitlab.errors import FatalError, GitlabError, Unauthorized
from source_gitlab.gitlab.oauth import AnswerLost, Application, OAuthEndpoints
from source_gitlab.gitlab.timer import Timer
from source_gitlab.redaction import keep_secret
from source_gitlab.tokens.errors import VaultError
from source_gitlab.tokens.location import HOME_VARIABLE
from source_gitlab.tokens.model import Tokens
from source_gitlab.tokens.rotation import keeper_for

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from source_gitlab.config import Config
    from source_gitlab.gitlab.tuning import Tuning
    from source_gitlab.tokens.rotation import RotationLease, TokenRotation

NewTokens = dict[str, str]


class Credentials:
    """The token of the moment. Thread-safe; one renewal at a time, in threads and processes.

    `on_rotated` is called with `access_token`, `refresh_token` and `token_expiry_date` (RFC 3339)
    before the new token is used, because GitLab has then already revoked the old pair.
    """

    def __init__(  # noqa: PLR0913 -- what is given, who keeps what is renewed, and how
        self,
        config: Config,
        session: requests.Session,
        on_rotated: Callable[[NewTokens], None] | None = None,
        rotation: TokenRotation | None = None,
        *,
        timer: Timer | None = None,
        tuning: Tuning | None = None,
    ) -> None:
        """Take the credentials of `config`; renewals go through `session`, for its TLS set-up.

        `keeper` keeps renewed tokens where no profile of this machine does. They are about to
        expire by `timer`.
        """
        keep_secret(*secrets(config))
        given = config.credentials
        self.is_job = isinstance(given, JobToken)
        self._renewal: _Renewal | None = None
        self._fixed = given.access_token if isinstance(given, (AccessToken, JobToken)) else ""
        if isinstance(given, OAuth):
            timer = timer or Timer()
            application = Application(given.client_id, given.client_secret, given.redirect_uri)
            endpoints = OAuthEndpoints(config.base_url, application, session, timer, tuning)
            self._renewal = _Renewal(endpoints, given, on_rotated, rotation, timer)

    @property
    def is_due(self) -> bool:
        """Whether the token has to be looked up or renewed before it is used."""
        return self._renewal is not None and self._renewal.is_due

    def token(self) -> str:
        """The token to use now, renewed first when it is about to expire; "" for none.

        Raises:
            FatalError: it is about to expire and cannot be renewed.
        """
        return self._renewal.token() if self._renewal else self._fixed

    def header(self, token: str) -> AuthBase:
        """What sends `token` with a request."""
        return TokenHeader(token, job=self.is_job)

    def accepted(self, token: str) -> None:
        """GitLab has answered a request with this token with something else than a 401."""
        if self._renewal:
            self._renewal.accepted(token)

    def renew(self, rejected: str) -> bool:
        """After a 401 for the token `rejected`: whether there is another one to try now.

        Raises:
            FatalError: there is not, and the error says more than GitLab's 401 does.
        """
        return self._renewal.replace(rejected) if self._renewal else False


class _Renewal:
    """An OAuth token that is renewed: reserve, spend, store, announce, use, in this order."""

    def __init__(
        self,
        endpoints: OAuthEndpoints,
        given: OAuth,
        on_rotated: Callable[[NewTokens], None] | None,
        rotation: TokenRotation | None,
        timer: Timer,
    ) -> None:
        self._endpoints = endpoints
        self._base_url = endpoints.base_url
        self._timer = timer
        self._given = given
        self._on_rotated = on_rotated
        self._other_keeper = rotation
        self._lock = threading.Lock()
        expires = epoch(given.token_expiry_date)
        self._tokens = Tokens(given.access_token, given.refresh_token, expires=expires)
        self._rotation: TokenRotation | None = None
        self._untried = ""

    @property
    def is_due(self) -> bool:
        return self._rotation is None or self._tokens.due(self._timer.epoch())

    def token(self) -> str:
        if self._rotation is None:
            self._begin()
        tokens = self._tokens
        if tokens.due(self._timer.epoch()):
            self._renew(tokens.access_token)
        return self._tokens.access_token

    def accepted(self, token: str) -> None:
        if token == self._untried:
            self._untried = ""

    def replace(self, rejected: str) -> bool:
        if rejected == self._untried:
            # Renewing once more would go round in circles, a pair of tokens each time.
            message = (
                f"{self._base_url} does not accept the OAuth token that it has just issued. Check "
                "that the user is not blocked and that the application still exists."
            )
            raise Unauthorized(message, url=self._base_url, status=401)
        self._renew(rejected)
        return self._tokens.access_token != rejected

    def _begin(self) -> None:
        """Look for newer tokens than those of the configuration, once."""
        with self._lock:
            if self._rotation is not None:
                return
            try:
                rotation = keeper_for(self._base_url, self._given, self._tokens)
                if not rotation.keeps and self._other_keeper is not None:
                    rotation = self._other_keeper
                self._use(rotation.newest())
            except VaultError as error:
                raise FatalError(str(error)) from error
            self._rotation = rotation

    def _renew(self, stale: str) -> None:
        # Whoever leaves between GitLab's answer and the place for it loses the sign-in.
        with interrupts.undivided(), self._lock:
            if self._tokens.access_token != stale:
                return  # another thread did it while this one waited
            assert self._rotation is not None  # noqa: S101 -- a token was asked for before
            try:
                with self._rotation.lease(self._tokens) as lease:
                    newest = lease.newest
                    if newest.access_token != stale and not newest.due(self._timer.epoch()):
                        self._use(newest)  # another process did it
                        return
                    tokens = self._spend(lease, newest)
            except VaultError as error:
                raise FatalError(str(error)) from error
            if self._on_rotated:
                self._on_rotated(announcement(tokens))
            self._untried = tokens.access_token
            self._use(tokens)

    def _spend(self, lease: RotationLease, newest: Tokens) -> Tokens:
        assert self._rotation is not None  # noqa: S101 -- as above
        if not newest.refresh_token:
            message = f"The sign-in to {self._base_url} has ended. Sign in again."
            raise Unauthorized(message, url=self._base_url, status=401)
        if self._on_rotated is None and not self._rotation.keeps:
            message = (
                "The OAuth token has to be renewed, and there is no place to keep the new one. Set "
                f"{HOME_VARIABLE} to a directory."
            )
            raise FatalError(message)
        lease.reserve()
        try:
            if isinstance(self._on_rotated, Announcer) and not self._rotation.keeps:
                self._on_rotated.reserve()
            tokens = self._endpoints.refresh(newest.refresh_token, cut_off=lease.cut_off)
        except AnswerLost:
            raise  # the space stays taken, which tells the next process that this can have worked
        except GitlabError:
            lease.give_back()
            raise
        lease.keep(tokens)
        return tokens

    def _use(self, tokens: Tokens) -> None:
        keep_secret(tokens.access_token, tokens.refresh_token)
        self._tokens = tokens


class Announcer(ABC):
    """Whoever is told of renewed tokens, where only that keeps them."""

    @abstractmethod
    def reserve(self) -> None:
        """Make sure that `__call__` will arrive, before the old tokens are spent.

        Raises:
            FatalError: it will not.
        """

    @abstractmethod
    def __call__(self, rotated: NewTokens) -> None:
        """Bring the new tokens to where they are kept, before this returns."""


class TokenHeader(AuthBase):
    """Sets the header itself, which also keeps a ~/.netrc from replacing it."""

    def __init__(self, token: str, *, job: bool = False) -> None:
        """Send `token`, or no header when it is empty."""
        self._token = token
        self._job = job

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        if self._token and self._job:
            request.headers["JOB-TOKEN"] = self._token
        elif self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def epoch(text: str | None) -> float | None:
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


def rfc3339(seconds: float) -> str:
    """A moment since the epoch, as configurations have it."""
    return datetime.fromtimestamp(seconds, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def announcement(tokens: Tokens) -> NewTokens:
    """A renewed pair as configurations have it."""
    assert tokens.expires is not None  # noqa: S101 -- what GitLab has just issued has an end
    return {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "token_expiry_date": rfc3339(tokens.expires),
    }
