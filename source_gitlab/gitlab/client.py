"""Requests to GitLab's REST API: retried, limited, and never trusted to be the JSON they should be.

One `Client` serves all streams: one pool of connections, one set of limits, one token.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode

import requests
from urllib3.exceptions import HTTPError

from source_gitlab.gitlab import error_messages, verdicts
from source_gitlab.gitlab.auth import Credentials
from source_gitlab.gitlab.decoding import DEEPEST
from source_gitlab.gitlab.errors import (
    LESS_MAY_DO,
    FatalError,
    GitlabError,
    ReadError,
    Stopped,
    Unavailable,
)
from source_gitlab.gitlab.graphql import PageSizes, reply_of
from source_gitlab.gitlab.lookup import find, the_one
from source_gitlab.gitlab.page_headers import PageHeaders
from source_gitlab.gitlab.page_size import AdaptivePageSize
from source_gitlab.gitlab.pagination import (
    Answer,
    Query,
    Row,
    list_of_objects,
    not_what_was_asked,
    pages_of,
    text_of,
)
from source_gitlab.gitlab.rate_limits.gate import Limits, family
from source_gitlab.gitlab.request import Request
from source_gitlab.gitlab.retry_loop import Retries, RetryLoop
from source_gitlab.gitlab.server_clock import ServerClock
from source_gitlab.gitlab.token_status import TokenStatus
from source_gitlab.gitlab.transport import proxies
from source_gitlab.gitlab.transport.body import Received, Wire, fetch
from source_gitlab.gitlab.transport.pool import TRANSPORT_VERSION, Certificates, open_pool, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_gitlab.config import Config
    from source_gitlab.gitlab.auth import NewTokens
    from source_gitlab.gitlab.graphql import Operation, Reply
    from source_gitlab.gitlab.page_size import Stepping
    from source_gitlab.tokens.rotation import TokenRotation

__all__ = ["Answer", "Client", "Query", "Retries", "Row", "pages_of"]

LOGGER = logging.getLogger("airbyte.source-gitlab")

# What has failed with every try is worth one more in each smaller form, not all of them again.
_HURRIED_TRIES = 2


class Client:
    """GETs below `<base_url>/api/v4`. Thread-safe."""

    def __init__(
        self,
        config: Config,
        *,
        on_rotated: Callable[[NewTokens], None] | None = None,
        rotation: TokenRotation | None = None,
        retries: Retries | None = None,
        deepest: int = DEEPEST,
    ) -> None:
        """Open the pool; no request is made yet.

        Answers that are nested deeper than `deepest` levels are errors.
        """
        self.deepest = deepest
        self.api_url = config.api_url
        self._base_url = config.base_url
        self.requests: Counter[str] = Counter()
        self.retries = retries or Retries()
        self._timer = self.retries.timer
        self.limits = Limits(config.num_workers, config.max_requests_per_minute, timer=self._timer)
        self._timeout = float(config.request_timeout)
        self._counting = threading.Lock()
        self._judging = threading.Lock()
        self._certificates = Certificates(config)
        self._http = open_pool(config, self._certificates)
        self._credentials = Credentials(config, self._http, on_rotated, rotation, self._timer)
        self._wire = Wire(self._http, config.api_url)
        self._probing = open_pool(config, self._certificates)
        self._probe = Wire(self._probing, config.api_url)
        self._smaller = AdaptivePageSize()
        self.page_sizes = PageSizes()
        self._page_headers = PageHeaders(lambda path, query: self.get(path, query, self._hurried))
        self.standing = TokenStatus(self)
        self.clock = ServerClock()
        self._dead = (
            replaced(TRANSPORT_VERSION)
            or self._certificates.problem
            or proxies.problem(config.api_url)
        )
        self._answered = float("-inf")
        self._mended: set[str] = set()

    def close(self) -> None:
        """Close the pool and remove temporary files."""
        self._http.close()
        self._probing.close()
        self._certificates.close()

    def now(self) -> float:
        """The server's clock, in seconds since the epoch, as its last `Date` header tells it."""
        return self.clock.now()

    def reached(self) -> float:
        """A time, in seconds since the epoch, that each of the server's clocks has reached."""
        return self.clock.reached(time.time())

    def rows(
        self,
        path: str,
        query: Mapping[str, Any],
        *,
        whole: bool = True,
        stepping: Stepping | None = None,
    ) -> Answer:
        """One page of a list; in parts, when GitLab cannot give it at once.

        With `whole=False`, a part may be all: its `next` is then the part behind it. Rows that
        cannot be had are stepped over only where the caller says how (`client.lists`).

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        problem: ReadError | None = None
        wanted, steps = int(query.get("per_page", 20)), stepping is not None
        size = self._smaller.size(path, wanted)
        if size >= wanted:
            known = self._smaller.is_known(path)
            try:
                answer = self._page(
                    path, query, self._hurried if known else self.retries, steps=steps
                )
            except LESS_MAY_DO as error:
                problem = error
            else:
                if known:
                    self._smaller.worked(path, size, wanted)
                return answer

        def page(part: Mapping[str, Any]) -> Answer:
            return self._page(path, part, self._hurried, steps=steps)

        return self._smaller.rows(
            page, path, query, problem, whole=whole, size=size, stepping=stepping
        )

    @property
    def _hurried(self) -> Retries:
        tries = min(_HURRIED_TRIES, self.retries.tries)
        return Retries(tries, self.retries.first, self.retries.refusals)

    def _page(
        self, path: str, query: Mapping[str, Any], retries: Retries, *, steps: bool
    ) -> Answer:
        answer = self.get(path, query, retries)
        return list_of_objects(answer, f"{self.api_url}/{path}", stepping=steps)

    def one(
        self, path: str, query: Mapping[str, Any] | None = None, retries: Retries | None = None
    ) -> Row:
        """One object; where its address ends with an id, the one that has this id.

        Raises:
            GitlabError: as `client.errors` sorts it; Malformed also when another object comes.
        """
        data = self.value(path, query or {}, retries)
        if not isinstance(data, dict):
            url = f"{self.api_url}/{path}"
            raise not_what_was_asked(url, "an object", data)
        return data

    def value(self, path: str, query: Mapping[str, Any], retries: Retries | None = None) -> Any:
        """What the body holds, which may be `null`; raises as `one` does."""
        url = f"{self.api_url}/{path}"
        return the_one(lambda: self.get(path, query, retries).data, path, url)

    def named(self, kind: str, name: str, query: Query) -> Row:
        """The row of the group or project (`kind` is "groups" or "projects") of this name.

        Raises:
            SlashRefused: it may be there, but its path cannot be sent.
            GitlabError: as `client.errors` sorts it.
        """

        def one(path: str, query: Query) -> Row:
            # A slash that is refused is refused every time; there is another way then.
            return self.one(path, query, self._hurried if "%2F" in path else self.retries)

        return find(one, self.rows, kind, name, query)

    def get(self, path: str, query: Mapping[str, Any], retries: Retries | None = None) -> Answer:
        """The parsed answer to GET `path` (below /api/v4), after retries.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        # Names of branches need not be UTF-8; as links bring them, so they go back.
        pairs = {key: text_of(value) for key, value in query.items()}
        text = urlencode(pairs, errors="surrogateescape")
        request = Request(f"{self.api_url}/{path}", family(path), text)
        headers, data = RetryLoop(self, request, retries or self.retries).run()
        return self._page_headers.answer(path, query, data, headers)

    def graphql(self, operation: Operation, *, again: bool = False) -> Reply:
        """What an operation of GraphQL brings; raises as `graphql.reply_of` does.

        With `again`, it is a smaller form of what has failed with every try.
        """
        request = operation.request(self._base_url)
        retries = self._hurried if again else self.retries
        _, response = RetryLoop(self, request, retries).run()
        return reply_of(request, response)

    def token_info(self) -> Row:
        """What an OAuth token says of itself (https://docs.gitlab.com/api/oauth2/).

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        path = "oauth/token/info"
        url = f"{self._base_url}/{path}"
        _, data = RetryLoop(self, Request(url, path), self.retries).run()
        if not isinstance(data, dict):
            raise not_what_was_asked(url, "an object", data)
        return data

    def token(self) -> str:
        """The token to send now.

        Raises:
            FatalError: it has expired and cannot be renewed, or the sync was stopped.
        """
        if self._dead is not None:
            raise self._dead
        if self.limits.is_stopped:
            raise Stopped
        try:
            return self._credentials.token()
        except FatalError as error:
            self._end_with(error)

    def renew(self, token: str) -> bool:
        """After a 401 for `token`: whether there is another one to try now."""
        try:
            return self._credentials.renew(token)
        except FatalError as error:
            self._end_with(error)

    @property
    def is_job(self) -> bool:
        """Whether the token is that of a CI job, which few lists are open to."""
        return self._credentials.is_job

    def _end_with(self, error: FatalError) -> NoReturn:
        """Raise the error that ends the sync; an error must not become its own cause."""
        first = self.die(error)
        if first is error:
            raise error
        raise first from None

    def die(self, error: FatalError) -> FatalError:
        """Let every request from now on end with one error: this, or the one that was first."""
        with self._counting:
            self._dead = self._dead or error
        self.limits.stop.set()
        return self._dead

    def asks_job(self) -> Request:
        """What only the token of a job that still runs may ask."""
        return Request(f"{self.api_url}/job", "job")

    def fetch(self, request: Request, token: str) -> Received:
        """One try of one request, once the limits let it start.

        After a 401, no other thread starts one before this one has called `limits.release`.

        Raises:
            requests.RequestException or urllib3.exceptions.HTTPError: no whole answer.
            ServerError: it is too large.
            FatalError: the sync was stopped.
        """
        return self._fetch(request, token)

    def ask(self, path: str, token: str, *, apart: bool = False) -> Received:
        """One try of a request that finds out how things stand; raises as `fetch` does.

        With `apart`, it is sent on a connection of its own.
        """
        name, _, query = path.partition("?")
        request = Request(f"{self.api_url}/{name}", name, query)
        if not apart:
            return self._fetch(request, token, asking=True)
        self._probing.close()  # what is idle; the next request opens a new one
        return self._fetch(request, token, self._probe, asking=True)

    def _fetch(
        self, request: Request, token: str, wire: Wire | None = None, *, asking: bool = False
    ) -> Received:
        name = request.family
        try:
            self.limits.enter(name, asking=asking)
        except Stopped:
            raise self._dead or Stopped from None
        seconds: float | None = None
        began = self._timer.now()
        try:
            with self._counting:
                self.requests[name] += 1
            received = fetch(
                wire or self._wire, request, self._credentials.header(token), self._timeout
            )
            self.clock.learn(received.headers.get("Date", ""), received.asked, received.answered)
            if received.status == requests.codes.too_many_requests:
                self.limits.refused(name, received.headers, self.now())
            elif not verdicts.is_failure(received.status):
                seconds = self._timer.now() - began
                if received.status == requests.codes.ok:
                    self._credentials.accepted(token)
                self.limits.learn(name, received.headers, self.now())
            if received.status == requests.codes.unauthorized and token and not asking:
                # Before the next one starts: the token may be worth nothing any more.
                self.limits.hold()
            return received
        finally:
            self.limits.leave(name, seconds)

    def judged(self, problem: ReadError, began: float) -> GitlabError:
        """What a request that failed with every try since `began` means for all the others.

        It is a problem of that request alone if another one was answered meanwhile, or if one that
        costs GitLab nothing is answered now. If not, the sync ends here: each of its thousands of
        requests would otherwise wait through all its tries as well.
        """
        with self._judging:
            if self._dead is not None:
                return self._dead
            if self.limits.is_stopped:
                return Stopped()
            reached = self._answered > float("-inf")
            if self._answered > began or self._is_alive():
                return problem
            message = error_messages.unavailable(str(problem), self.api_url)
            dead = Unavailable(
                message,
                reached=reached,
                url=problem.url,
                status=problem.status,
                problem=str(problem),
            )
            return self.die(dead)

    def _is_alive(self) -> bool:
        """Whether a GitLab answers at all; refusing to is an answer too.

        Asked on a connection of its own, for the server may just have closed those of the pool, and
        for two things, for one of them may be what a proxy refuses to all.
        """
        for path in ("version", "projects?simple=true&per_page=1"):
            try:
                received = self.ask(path, self.token(), apart=True)
            except (requests.RequestException, HTTPError, ReadError):
                return False
            if verdicts.is_answer(received):
                return True
        return False

    def note_answer(self) -> None:
        """Remember that GitLab has just given what was asked."""
        self._answered = time.monotonic()
        self.standing.note_answer()

    def note_mended(self, url: str) -> None:
        """Say, once, that texts of this address are not UTF-8."""
        with self._counting:
            is_known = url in self._mended
            self._mended.add(url)
        if not is_known:
            LOGGER.warning(error_messages.mended(url))
