"""One request until it is answered, with all its tries.

| answer                                   | what is done                                          |
| ---------------------------------------- | ----------------------------------------------------- |
| 429                                      | waits as long as GitLab says, and tries again         |
| 5xx, 408, 425, no connection, cut short  | tries again after 1, 2, 4, … seconds                  |
| a refusal that GitLab did not write      | the same: it says nothing of what may be read         |
| nothing within the time-out, not JSON    | the same, three times in all                          |
| 401                                      | asks who we are; renews the OAuth token, or ends      |
| a redirect to another path in the API    | followed on this host: a project or group has moved   |
| any other redirect                       | an error: the token goes to no other address          |
| 403 that is about the user               | the sync ends with GitLab's sentence                  |
| 403, 404, 410                            | the list is skipped                                   |
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
import requests
from urllib3.exceptions import HTTPError

from source_gitlab.gitlab import error_messages, verdicts
from source_gitlab.gitlab.decoding import TooManyValuesError, decoded
from source_gitlab.gitlab.errors import (
    BadRequest,
    Garbled,
    GitlabError,
    Intercepted,
    Malformed,
    OffsetLimit,
    ReadError,
    ServerError,
)
from source_gitlab.gitlab.rate_limits.gate import backoff, family
from source_gitlab.gitlab.timer import Timer
from source_gitlab.gitlab.token_status import Token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.gitlab.client import Client
    from source_gitlab.gitlab.transport.body import Received

_REDIRECTS = 3
_API = "/api/v4/"
_SLOW_TRIES = 3
# A node that is behind is behind for some seconds; a list that wants a role says so for ever.
_DOUBTS = 3


@dataclass(frozen=True)
class Retries:
    """How often one request is tried, and the seconds before its second try (then doubling).

    A refusal for going too fast (429) is not counted in `tries`; it ends after `refusals`.
    Limits are waited for by `timer`.
    """

    tries: int = 6
    first: float = 1.0
    refusals: int = 30
    timer: Timer = field(default_factory=Timer)


class RetryLoop:
    """One request; run it once."""

    def __init__(self, client: Client, url: str, path: str, retries: Retries) -> None:
        """GET `url`, whose `path` below /api/v4 tells the family that it is limited with."""
        self._client = client
        self._retries = retries
        self._url = url
        self._shown = url.partition("?")[0]
        self._family = family(path)
        self._delays = backoff(retries.first)
        self._began = time.monotonic()
        self._tries = self._refusals = self._redirects = self._doubts = 0

    def run(self) -> tuple[Mapping[str, str], Any]:
        """The headers and the parsed JSON of the answer.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        while True:
            token = self._client.token()
            try:
                received = self._client.fetch(self._url, token, self._family)
            except (requests.RequestException, HTTPError) as error:
                problem = ServerError(error_messages.transport(self._shown, error), url=self._shown)
                problem.__cause__ = error
                slow = isinstance(error, requests.exceptions.ReadTimeout)
                self._wait_or_raise(problem, _SLOW_TRIES if slow else None)
                continue
            if received.status == requests.codes.ok:
                data = self._data(received)
                if isinstance(data, ReadError):
                    # Errors are kept while others try, and a body may be large.
                    del received
                    if isinstance(data, ServerError):
                        raise data
                    self._wait_or_raise(data, _SLOW_TRIES)
                    continue
                self._client.note_answer()
                return received.headers, data
            try:
                self._refused(received, token)
            finally:
                self._client.limits.release()

    def _data(self, received: Received) -> Any:
        """What the body holds, or the error that it is; ServerError: trying again is in vain."""
        try:
            data, is_mended = decoded(received.body, self._client.deepest)
        except TooManyValuesError:
            message = error_messages.too_many_values(self._shown)
            return ServerError(message, url=self._shown, status=received.status)
        except orjson.JSONDecodeError as error:
            message = error_messages.not_json(self._shown, received, error)
            kind = Garbled if received.body.lstrip()[:1] == b"[" else Malformed
            return kind(message, url=self._shown, status=received.status)
        if is_mended:
            self._client.note_mended(self._shown)
        return data

    def _refused(self, received: Received, token: str) -> None:
        """Prepare the next try, or raise."""
        status = received.status
        if status == requests.codes.too_many_requests:
            self._slow_down()
        elif "Location" in received.headers and status in {301, 302, 303, 307, 308}:
            self._follow(received)
        elif verdicts.is_failure(status):
            message = error_messages.server(self._shown, status, received.body)
            self._wait_or_raise(ServerError(message, url=self._shown, status=status))
        elif not verdicts.is_gitlabs(received):
            message = error_messages.intercepted(self._shown, received)
            self._wait_or_raise(Intercepted(message, url=self._shown, status=status))
        elif status == requests.codes.unauthorized:
            self._unauthorized(received, token)
        else:
            self._denied(received, token)

    def _unauthorized(self, received: Received, token: str) -> None:
        """Prepare the next try after a 401, or raise."""
        if not token:
            raise error_messages.needs_token(self._shown, received.body)
        if self._is_closed_to_jobs():
            raise error_messages.closed_to_jobs(self._shown)
        if verdicts.is_of_the_token(received) and self._client.renew(token):
            return
        if self._doubts:
            self._doubts += 1
            if self._doubts >= min(_DOUBTS, self._retries.tries):
                raise error_messages.closed(self._shown, received.body)
            self._pause()
            return
        found = self._client.standing.of_token(token, received)
        if found is Token.ACCEPTED:
            self._doubts = 1
        elif found is Token.UNKNOWN:
            message = error_messages.doubtful(self._shown, received.body)
            self._wait_or_raise(ReadError(message, url=self._shown, status=received.status))

    def _denied(self, received: Received, token: str) -> None:
        """Raise the error of a refusal that trying again will not change."""
        if verdicts.is_of_the_user(received):
            raise self._client.standing.user_refused(received)
        is_forbidden = received.status == requests.codes.forbidden
        if is_forbidden and not verdicts.is_of_the_scope(received):
            self._client.standing.note_refusal(token)
        raise _sorted(self._shown, received)

    def _is_closed_to_jobs(self) -> bool:
        """Whether a 401 is about this list only, the token being that of a job that still runs.

        Raises:
            Unauthorized: the job has ended.
        """
        if not self._client.is_job or self._family == "job":
            return False
        RetryLoop(self._client, f"{self._client.api_url}/job", "job", self._retries).run()
        return True

    def _wait_or_raise(self, problem: ReadError, tries: int | None = None) -> None:
        self._tries += 1
        most = min(self._retries.tries, tries or self._retries.tries)
        if self._tries >= most:
            raise self._client.judged(problem, self._began)
        self._pause()

    def _pause(self) -> None:
        self._client.limits.release()
        self._client.note_retry()
        self._client.limits.pause(next(self._delays))

    def _slow_down(self) -> None:
        self._refusals += 1
        if self._refusals > self._retries.refusals:
            raise ReadError(error_messages.too_many(self._shown), url=self._shown, status=429)
        self._client.note_retry()

    def _follow(self, received: Received) -> None:
        """Go to where a moved project or group is now.

        Only the path of a redirect counts: behind a proxy GitLab names its outer address, and the
        token goes to no other host than that of the configuration.
        """
        self._redirects += 1
        target = received.headers["Location"]
        try:
            location = urlsplit(target)
        except ValueError:
            location = urlsplit("")
        below = location.path.partition(_API)[2]
        shown = f"{self._client.api_url}/{below}"
        query = location.query or urlsplit(self._url).query
        url = f"{shown}?{query}" if query else shown
        if not below or url == self._url or self._redirects > _REDIRECTS:
            message = error_messages.redirected(self._shown, target)
            problem = ReadError(message, url=self._shown, status=received.status)
            raise self._client.judged(problem, self._began)
        self._shown, self._url = shown, url


def _sorted(url: str, received: Received) -> GitlabError:
    """A refusal of GitLab's that trying again will not change."""
    status, body = received.status, received.body
    if status in {403, 404, 410}:
        return error_messages.skipped(url, received)
    if status == requests.codes.method_not_allowed and b"offset" in body.lower():
        return OffsetLimit(error_messages.client(url, status, body), url=url, status=status)
    if status in {400, 422}:
        return BadRequest(error_messages.client(url, status, body), url=url, status=status)
    return ReadError(error_messages.client(url, status, body), url=url, status=status)
