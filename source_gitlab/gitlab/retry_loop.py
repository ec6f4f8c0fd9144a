"""One request until it is answered, with all its tries.

| answer                                   | what is done                                          |
| ---------------------------------------- | ----------------------------------------------------- |
| 429                                      | waits as long as GitLab says, and tries again         |
| 5xx, 408, 425, no connection, cut short  | tries again after 1, 2, 4, … seconds (`retry_pause`)  |
| a refusal that GitLab did not write      | the same: it says nothing of what may be read         |
| nothing within the time-out, not JSON    | the same, three times in all                          |
| 401                                      | asks who we are; renews the OAuth token, or ends      |
| a redirect to another path in the API    | a GET follows it on this host: what is named moved    |
| any other redirect                       | an error: the token goes to no other address          |
| 403 that is about the user               | the sync ends with GitLab's sentence                  |
| 403, 404, 410                            | the list is skipped                                   |
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import orjson
import requests
from urllib3.exceptions import HTTPError

from source_gitlab.gitlab import error_messages, request_log, verdicts
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
from source_gitlab.gitlab.rate_limits.gate import backoff
from source_gitlab.gitlab.timer import Timer
from source_gitlab.gitlab.token_status import Token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.gitlab.rate_limits.gate import Limits
    from source_gitlab.gitlab.request import Request
    from source_gitlab.gitlab.token_status import TokenStatus
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


class Sender(Protocol):
    """What sends one try of a request, and knows what all requests have in common."""

    api_url: str
    deepest: int
    limits: Limits
    standing: TokenStatus

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

    def fetch(self, request: Request, token: str) -> Received:
        """One try."""
        ...

    def asks_job(self) -> Request:
        """What only the token of a job that still runs may ask."""
        ...

    def pause(self, seconds: float) -> None:
        """Let so many seconds pass between two tries, or raise what ends the request."""
        ...

    def judged(self, problem: ReadError, began: float) -> GitlabError:
        """What a request that failed with every try since `began` means for all the others."""
        ...

    def note_answer(self) -> None:
        """GitLab has just given what was asked."""
        ...

    def note_mended(self, url: str) -> None:
        """Texts of this address are not UTF-8."""
        ...


class RetryLoop:
    """One request; run it once."""

    def __init__(self, sender: Sender, request: Request, retries: Retries) -> None:
        """Send `request` through `sender`, as often as `retries` allows."""
        self._sender = sender
        self._retries = retries
        self._request = request
        self._delays = backoff(retries.first)
        self._began = time.monotonic()
        self._tries = self._refusals = self._redirects = self._doubts = 0

    def run(self) -> tuple[Mapping[str, str], Any]:
        """The headers and the parsed JSON of the answer.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        while True:
            token = self._sender.token()
            try:
                received = self._sender.fetch(self._request, token)
            except (requests.RequestException, HTTPError) as error:
                problem = ServerError(
                    error_messages.transport(self._request.shown, error), url=self._request.url
                )
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
                self._sender.note_answer()
                return received.headers, data
            try:
                self._refused(received, token)
            finally:
                self._sender.limits.release()

    def _data(self, received: Received) -> Any:
        """What the body holds, or the error that it is; ServerError: trying again is in vain."""
        try:
            data, is_mended = decoded(received.body, self._sender.deepest, self._request.columns)
        except TooManyValuesError:
            message = error_messages.too_many_values(self._request.shown)
            return ServerError(message, url=self._request.url, status=received.status)
        except orjson.JSONDecodeError as error:
            message = error_messages.not_json(self._request.shown, received, error)
            kind = Garbled if received.body.lstrip()[:1] == b"[" else Malformed
            return kind(message, url=self._request.url, status=received.status)
        if is_mended:
            self._sender.note_mended(self._request.url)
        return data

    def _refused(self, received: Received, token: str) -> None:
        """Prepare the next try, or raise."""
        status = received.status
        if status == requests.codes.too_many_requests:
            self._slow_down()
        elif "Location" in received.headers and status in {301, 302, 303, 307, 308}:
            self._follow(received)
        elif verdicts.is_failure(status):
            message = error_messages.server(self._request.shown, status, received.body)
            self._wait_or_raise(ServerError(message, url=self._request.url, status=status))
        elif not verdicts.is_gitlabs(received):
            message = error_messages.intercepted(self._request.shown, received)
            self._wait_or_raise(Intercepted(message, url=self._request.url, status=status))
        elif status == requests.codes.unauthorized:
            self._unauthorized(received, token)
        else:
            self._denied(received, token)

    def _unauthorized(self, received: Received, token: str) -> None:
        """Prepare the next try after a 401, or raise."""
        if not token:
            raise error_messages.needs_token(self._request, received.body)
        if self._is_closed_to_jobs():
            raise error_messages.closed_to_jobs(self._request)
        if verdicts.is_of_the_token(received) and self._sender.renew(token):
            return
        if self._doubts:
            self._doubts += 1
            if self._doubts >= min(_DOUBTS, self._retries.tries):
                raise error_messages.closed(self._request, received.body)
            self._pause()
            return
        found = self._sender.standing.of_token(token, received)
        if found is Token.ACCEPTED:
            self._doubts = 1
        elif found is Token.UNKNOWN:
            message = error_messages.doubtful(self._request.shown, received.body)
            self._wait_or_raise(ReadError(message, url=self._request.url, status=received.status))

    def _denied(self, received: Received, token: str) -> None:
        """Raise the error of a refusal that trying again will not change."""
        if verdicts.is_of_the_user(received):
            raise self._sender.standing.user_refused(received)
        is_forbidden = received.status == requests.codes.forbidden
        if is_forbidden and not verdicts.is_of_the_scope(received):
            self._sender.standing.note_refusal(token)
        raise _sorted(self._request, received)

    def _is_closed_to_jobs(self) -> bool:
        """Whether a 401 is about this list only, the token being that of a job that still runs.

        Raises:
            Unauthorized: the job has ended.
        """
        asked = self._sender.asks_job()
        if not self._sender.is_job or self._request.family == asked.family:
            return False
        RetryLoop(self._sender, asked, self._retries).run()
        return True

    def _wait_or_raise(self, problem: ReadError, tries: int | None = None) -> None:
        self._tries += 1
        most = min(self._retries.tries, tries or self._retries.tries)
        if self._tries >= most:
            raise self._sender.judged(problem, self._began)
        self._pause()

    def _pause(self) -> None:
        self._sender.limits.release()
        delay = next(self._delays)
        request_log.again(self._request.shown, delay)
        self._sender.pause(delay)

    def _slow_down(self) -> None:
        self._refusals += 1
        if self._refusals > self._retries.refusals:
            raise ReadError(
                error_messages.too_many(self._request.shown), url=self._request.url, status=429
            )

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
        query = location.query or self._request.query
        moved = self._request._replace(url=f"{self._sender.api_url}/{below}", query=query)
        is_followed = self._request.method == "GET" and below and moved != self._request
        if not is_followed or self._redirects > _REDIRECTS:
            message = error_messages.redirected(self._request.shown, target)
            problem = ReadError(message, url=self._request.url, status=received.status)
            raise self._sender.judged(problem, self._began)
        self._request = moved


def _sorted(request: Request, received: Received) -> GitlabError:
    """A refusal of GitLab's that trying again will not change."""
    status, body, url = received.status, received.body, request.url
    if status in {403, 404, 410}:
        return error_messages.skipped(request, received)
    if status == requests.codes.method_not_allowed and b"offset" in body.lower():
        return OffsetLimit(
            error_messages.client(request.shown, status, body), url=url, status=status
        )
    if status in {400, 422}:
        return BadRequest(
            error_messages.client(request.shown, status, body), url=url, status=status
        )
    return ReadError(error_messages.client(request.shown, status, body), url=url, status=status)
