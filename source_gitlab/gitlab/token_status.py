"""How the token and its user stand with GitLab: asked before one refusal is believed for all.

A single 401 may come from a replica that is behind, and a 403 without a reason may be about the
user as a whole (config/initializers/1_settings.rb limits addresses a user, an administrator blocks
accounts). One cheap request tells. It is made by one thread at a time, so that a token that is
refused costs one request more, whatever the number of workers: GitLab blocks addresses that keep
sending wrong tokens.
"""

from __future__ import annotations

import threading
from enum import Enum
from typing import TYPE_CHECKING, Protocol

import requests
from urllib3.exceptions import HTTPError

from source_gitlab.gitlab import error_messages, verdicts
from source_gitlab.gitlab.errors import ReadError, Unauthorized, UserRefused

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from source_gitlab.gitlab.errors import FatalError
    from source_gitlab.gitlab.transport.body import Received


class Token(Enum):
    """What GitLab thinks of a token that it has refused once."""

    ACCEPTED = "accepted"
    RENEWED = "renewed"
    UNKNOWN = "unknown"


class Bearer(Protocol):
    """What sends the token, and may renew it."""

    api_url: str

    @property
    def is_job(self) -> bool:
        """Whether the token is that of a CI job."""
        ...

    def token(self) -> str:
        """The token to send now."""
        ...

    def renew(self, token: str) -> bool:
        """After a 401 for `token`: whether there is another one to try now."""
        ...

    def ask(self, path: str, token: str) -> Received:
        """One try of a request that finds out how things stand."""
        ...

    def holding(self, lock: threading.Lock) -> AbstractContextManager[None]:
        """Hold a lock in a block; raise where the call ends while others hold it."""
        ...

    def die(self, error: FatalError) -> FatalError:
        """Let every request from now on end with one error: this, or the one that was first."""
        ...


class TokenStatus:
    """Asks who we are. Thread-safe."""

    def __init__(self, client: Bearer) -> None:
        """Nothing is asked yet."""
        self._client = client
        self._asking = threading.Lock()
        self._counting = threading.Lock()
        self._refusals = 0
        self._due = 1
        self._answered = False

    def note_answer(self) -> None:
        """Take in that GitLab gave what was asked."""
        if not self._answered:
            with self._counting:
                self._answered = True
                self._due = max(self._due, 2)
        self._refusals = 0

    def of_token(self, token: str, refusal: Received) -> Token:
        """What `token`, which one request was refused for (401), is worth.

        Raises:
            Unauthorized: nothing; every request ends with this error from now on.
        """
        with self._client.holding(self._asking):
            self._client.token()  # raises when another thread has found out meanwhile
            received = self._ask(token)
            if received is None or not verdicts.is_answer(received):
                return Token.UNKNOWN
            if received.status != requests.codes.unauthorized:
                return Token.ACCEPTED
            if self._client.renew(token):
                return Token.RENEWED
            message = error_messages.unauthorized(refusal.body)
            raise self._client.die(Unauthorized(message, url=self._url, status=401))

    def note_refusal(self, token: str) -> None:
        """Take in a 403 that gives no reason which is known.

        Asked is when nothing was ever answered, and then where two refusals came in a row, later
        four, eight, …: each time that the user turns out to be accepted, twice as many. Answers in
        between begin a new row, and do not make that less: a thousand lists that may not be read
        cost ten requests more, whatever else is answered meanwhile.

        Raises:
            UserRefused: GitLab refuses the user whatever is asked.
        """
        with self._counting:
            self._refusals += 1
            is_due = self._refusals >= self._due
            if is_due:
                self._due *= 2
        if not is_due or not token or self._client.is_job:
            return
        with self._client.holding(self._asking):
            received = self._ask(self._client.token())
        if received is None or not verdicts.is_gitlabs(received):
            return
        if received.status == requests.codes.forbidden and not verdicts.is_of_the_scope(received):
            raise self.user_refused(received)

    def user_refused(self, received: Received) -> UserRefused:
        """The error of a user whom GitLab refuses whatever is asked; nothing more is asked."""
        message = error_messages.user(received.body)
        error = self._client.die(UserRefused(message, url=self._url, status=received.status))
        if isinstance(error, UserRefused):
            return error
        raise error

    @property
    def _url(self) -> str:
        return f"{self._client.api_url}/{self._path}"

    @property
    def _path(self) -> str:
        return "job" if self._client.is_job else "user"

    def _ask(self, token: str) -> Received | None:
        """The answer of one try; None when there was none."""
        try:
            return self._client.ask(self._path, token)
        except (requests.RequestException, HTTPError, ReadError):
            return None
