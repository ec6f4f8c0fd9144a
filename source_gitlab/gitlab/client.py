"""Requests to GitLab's REST API: retried, limited, and never trusted to be the JSON they should be.

One `Client` serves all streams of a session; pool, limits and token are those of its `Connection`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode

import requests
from urllib3.exceptions import HTTPError

from source_gitlab.gitlab import error_messages, verdicts
from source_gitlab.gitlab.cancellation import Bounds, Stop, is_given_up, spend
from source_gitlab.gitlab.errors import (
    LESS_MAY_DO,
    Cancelled,
    DeadlineExceeded,
    Emptied,
    FatalError,
    GitlabError,
    ReadError,
    Unavailable,
)
from source_gitlab.gitlab.graphql import PageSizes, reply_of
from source_gitlab.gitlab.lookup import find, the_one
from source_gitlab.gitlab.page_headers import ListPage
from source_gitlab.gitlab.pagination import (
    Answer,
    Query,
    Row,
    list_of_objects,
    not_what_was_asked,
    pages_of,
    text_of,
)
from source_gitlab.gitlab.rate_limits.gate import family
from source_gitlab.gitlab.request import Request
from source_gitlab.gitlab.request_log import timed
from source_gitlab.gitlab.retry_loop import Retries, RetryLoop
from source_gitlab.gitlab.token_status import TokenStatus
from source_gitlab.streams.vocabulary import Paging

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from source_gitlab.gitlab.connection import Connection
    from source_gitlab.gitlab.graphql import Operation, Reply
    from source_gitlab.gitlab.page_size import Stepping
    from source_gitlab.gitlab.raw_rows import RawColumns
    from source_gitlab.gitlab.transport.body import Received

__all__ = ["Answer", "Client", "Query", "Retries", "Row", "pages_of"]

LOGGER = logging.getLogger("source_gitlab")

# What has failed with every try is worth one more in each smaller form, not all of them again.
_HURRIED_TRIES = 2
_NOTHING: Mapping[str, int] = {}


class Client:
    """GETs below `<base_url>/api/v4` of one session over a connection. Thread-safe."""

    def __init__(self, connection: Connection, *, careful: bool = False) -> None:
        """Make no request yet. A `careful` one tries seldom until GitLab has answered."""
        self.connection = connection
        self.api_url = connection.api_url
        self.deepest = connection.deepest
        self.tuning = connection.tuning
        self.timer = connection.timer
        self.limits = connection.limits
        self.clock = connection.clock
        self.requests: Counter[str] = Counter()
        self.pausing: set[int] = set()
        self.stop = Stop(self.timer)
        self._bounds = Bounds(self.stop, self.timer)
        self._careful = careful
        self._answered = float("-inf")
        self._counting = threading.Lock()
        self._judging = threading.Lock()
        self.page_sizes = PageSizes()
        self.standing = TokenStatus(self)

    @property
    def retries(self) -> Retries:
        """How often a request is tried."""
        if self._careful and self._answered == float("-inf"):
            return self._hurried
        return self.connection.retries

    def now(self) -> float:
        """The server's clock, in seconds since the epoch, as its last `Date` header tells it."""
        return self.clock.now()

    def reached(self) -> float:
        """A time, in seconds since the epoch, that each of the server's clocks has reached."""
        return self.clock.reached(time.time())

    def rows(  # noqa: PLR0913 -- a list is its address, how it comes, and what to do about it
        self,
        path: str,
        query: Mapping[str, Any],
        *,
        paging: Paging = Paging.FULL,
        whole: bool = True,
        stepping: Stepping | None = None,
        columns: RawColumns | None = None,
    ) -> Answer:
        """One page of a list; in parts, when GitLab cannot give it at once.

        With `whole=False`, a part may be all: its `next` is then the part behind it. Rows that
        cannot be had are stepped over only where the caller says how (`client.lists`). With
        `columns`, rows are `RawRow`s where they can be.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        problem: ReadError | None = None
        wanted, url = int(query.get("per_page", 20)), f"{self.api_url}/{path}"

        def page(part: Mapping[str, Any], retries: Retries = self._hurried) -> Answer:
            answer = self.get(path, part, retries, paging=paging, columns=columns)
            return list_of_objects(answer, url, stepping=stepping is not None)

        sizes = self.connection.list_page_sizes
        size = sizes.size(path, wanted)
        if size >= wanted:
            known = sizes.is_known(path)
            try:
                answer = page(query, self._hurried if known else self.retries)
            except LESS_MAY_DO as error:
                if wanted == 1 and whole and stepping is None:
                    raise  # there is no smaller form of it
                problem = error
            else:
                if known:
                    sizes.worked(path, size, wanted)
                return answer
        return sizes.rows(page, path, query, problem, whole=whole, size=size, stepping=stepping)

    @property
    def _hurried(self) -> Retries:
        usual = self.connection.retries
        return Retries(min(_HURRIED_TRIES, usual.tries), usual.first, usual.refusals)

    def one(
        self, path: str, query: Mapping[str, Any] | None = None, retries: Retries | None = None
    ) -> Row:
        """One object, and the one that stands at its address.

        Raises:
            GitlabError: as `client.errors` sorts it; Malformed also when another object comes.
        """
        data = self.value(path, query or {}, retries)
        if not isinstance(data, dict):
            url = f"{self.api_url}/{path}"
            raise not_what_was_asked(url, "an object", data)
        return data

    def value(
        self,
        path: str,
        query: Mapping[str, Any],
        retries: Retries | None = None,
        *,
        known: Mapping[str, int] = _NOTHING,
    ) -> Any:
        """What the body holds, which may be `null`; raises as `one` does.

        An object whose columns differ from `known`, where it has them, is another one.
        """
        url = f"{self.api_url}/{path}"
        return the_one(lambda: self.get(path, query, retries).data, path, url, known)

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

    def get(
        self,
        path: str,
        query: Mapping[str, Any],
        retries: Retries | None = None,
        *,
        paging: Paging = Paging.NONE,
        columns: RawColumns | None = None,
    ) -> Answer:
        """The parsed answer to GET `path` (below /api/v4), after retries.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        # Names of branches need not be UTF-8; as links bring them, so they go back.
        pairs = urlencode({k: text_of(v) for k, v in query.items()}, errors="surrogateescape")
        request = Request(f"{self.api_url}/{path}", family(path), pairs, columns=columns)
        ask = partial(self.get, retries=self._hurried, paging=paging)
        answer = partial(self.connection.page_headers.answer, ListPage(path, query, paging), ask)
        with suppress(Emptied):
            first = answer(*self.answered(request, retries))
            if not first.short:
                return first
        return answer(*self.answered(request, retries))  # what comes twice may be GitLab's

    def graphql(self, operation: Operation, *, again: bool = False) -> Reply:
        """What an operation of GraphQL brings; raises as `graphql.reply_of` does.

        With `again`, it is a smaller form of what has failed with every try.
        """
        request = operation.request(self.connection.base_url)
        return reply_of(request, self.answered(request, self._hurried if again else None)[1])

    def token_info(self) -> Row:
        """What an OAuth token says of itself (https://docs.gitlab.com/api/oauth2/).

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        url = f"{self.connection.base_url}/oauth/token/info"
        data = self.answered(Request(url, "oauth/token/info"))[1]
        if isinstance(data, dict):
            return data
        raise not_what_was_asked(url, "an object", data)

    def answered(
        self, request: Request, retries: Retries | None = None
    ) -> tuple[Mapping[str, str], Any]:
        """The headers and the JSON of the answer, after retries.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        try:
            return RetryLoop(self, request, retries or self.retries).run()
        except DeadlineExceeded:
            message = error_messages.late(request, self.limits.wait_of(request.family))
            raise DeadlineExceeded(message, url=request.url) from None

    def token(self) -> str:
        """The token to send now.

        Raises:
            FatalError: it has expired and cannot be renewed, or the sync was stopped.
        """
        self._bounds.check()
        if self.connection.problem is not None:
            raise self.stop.set(self.connection.problem)
        credentials = self.connection.credentials
        try:
            if not credentials.is_due:
                return credentials.token()
            return self._bounds.result_of(credentials.token)
        except FatalError as error:
            self._end_with(error)

    def renew(self, token: str) -> bool:
        """After a 401 for `token`: whether there is another one to try now."""
        try:
            return self._bounds.result_of(partial(self.connection.credentials.renew, token))
        except FatalError as error:
            self._end_with(error)

    @property
    def is_job(self) -> bool:
        """Whether the token is that of a CI job, which few lists are open to."""
        return self.connection.credentials.is_job

    def _end_with(self, error: FatalError) -> NoReturn:
        """Raise the error that ends the session; an error must not become its own cause."""
        is_of_call = isinstance(error, (Cancelled, DeadlineExceeded))
        raise (error if is_of_call else self.stop.set(error)) from None

    def die(self, error: FatalError) -> FatalError:
        """Let every request of the session end with one error: this, or the one that was first."""
        return self.stop.set(error)

    def check(self) -> None:
        """Raise the error that ends the session or this call, if they have ended."""
        self._bounds.check()

    def pause(self, seconds: float) -> None:
        """Let so many seconds pass between two tries; raise as `check` does."""
        thread = threading.get_ident()
        self.pausing.add(thread)
        try:
            self._bounds.wait(seconds)
        finally:
            self.pausing.discard(thread)

    def holding(self, lock: threading.Lock) -> AbstractContextManager[None]:
        """Hold a lock in a block; raise as `check` does while others hold it."""
        return self._bounds.holding(lock)

    def asks_job(self) -> Request:
        """What only the token of a job that still runs may ask."""
        return Request(f"{self.api_url}/job", "job")

    def fetch(self, request: Request, token: str) -> Received:
        """One try of one request, once the limits let it start.

        After a 401, no other thread starts one before this one has called `limits.release`.

        Raises:
            requests.RequestException or urllib3.exceptions.HTTPError: no whole answer.
            ServerError: it is too large.
            FatalError: the session or this call has ended.
        """
        return self._fetch(request, token)

    def ask(self, path: str, token: str, *, apart: bool = False) -> Received:
        """One try of a request that finds out how things stand; raises as `fetch` does.

        With `apart`, it is sent on a connection of its own.
        """
        name, _, query = path.partition("?")
        url = f"{self.api_url}/{name}"
        return self._fetch(Request(url, name, query), token, asking=True, apart=apart)

    def _fetch(
        self, request: Request, token: str, *, asking: bool = False, apart: bool = False
    ) -> Received:
        spend()
        came = self.timer.now()
        self.limits.enter(request.family, self._bounds, asking=asking)
        with self._counting:
            self.requests[request.family] += 1
        waited = self.timer.now() - came
        try:
            with timed(request.shown, request.query, self.timer.now, waited) as tried:
                received = self.connection.send(request, token, asking=asking, apart=apart)
                tried.status = received.status
                return received
        except (requests.RequestException, HTTPError):
            if is_given_up():
                self._bounds.check()
            raise

    def judged(self, problem: ReadError, began: float) -> GitlabError:
        """What a request that failed with every try since `began` means for all the others.

        It is a problem of that request alone if another one was answered meanwhile, or if one that
        costs GitLab nothing is answered now. If not, the sync ends here: each of its thousands of
        requests would otherwise wait through all its tries as well.
        """
        with self.holding(self._judging):
            self._bounds.check()
            if self._answered > began or self._is_alive():
                return problem
            message = error_messages.unavailable(str(problem), self.api_url)
            dead = Unavailable(
                message,
                reached=self._answered > float("-inf"),
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
        if self.connection.note_mended(url):
            LOGGER.warning(error_messages.mended(url))
