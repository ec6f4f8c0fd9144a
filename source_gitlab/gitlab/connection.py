"""The way to one GitLab, for as long as the process: pool, token, limits, clock.

Sessions come and go over it. What ends the requests of one session, an outage or a refused token,
does not end those of the next one.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import requests

from source_gitlab.gitlab import retry_pause, verdicts
from source_gitlab.gitlab.auth import Credentials
from source_gitlab.gitlab.cancellation import is_given_up, seconds_left, watch, within
from source_gitlab.gitlab.client import Client
from source_gitlab.gitlab.decoding import DEEPEST
from source_gitlab.gitlab.errors import Stopped, Unavailable
from source_gitlab.gitlab.graphql import is_throttled
from source_gitlab.gitlab.page_headers import PageHeaders
from source_gitlab.gitlab.page_size import AdaptivePageSize
from source_gitlab.gitlab.rate_limits.gate import Limits
from source_gitlab.gitlab.retry_loop import Retries
from source_gitlab.gitlab.server_clock import ServerClock
from source_gitlab.gitlab.transport import proxies
from source_gitlab.gitlab.transport.deadline import AnswerBounds
from source_gitlab.gitlab.transport.pool import TRANSPORT_VERSION, Certificates, open_pool, replaced
from source_gitlab.gitlab.transport.wire import wire_of
from source_gitlab.gitlab.tuning import Tuning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests.adapters import BaseAdapter
    from typing_extensions import Self

    from source_gitlab.config import Config
    from source_gitlab.gitlab.auth import NewTokens
    from source_gitlab.gitlab.cancellation import Deadline
    from source_gitlab.gitlab.client import Answer, Row
    from source_gitlab.gitlab.request import Request
    from source_gitlab.gitlab.transport.body import Received
    from source_gitlab.tokens.rotation import TokenRotation

# Seconds for which single calls end with the error that ended one of them: after an outage, and
# after a refused token, which GitLab blocks addresses for.
_OUTAGE = 5.0
_REFUSED = 60.0
_SHORTEST = 0.001


@dataclass(frozen=True)
class Share:
    """What one of several processes with the same token takes: `part` of `of` equal parts.

    Raises:
        ValueError: there is no such part.
    """

    part: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        """Refuse nothing, and more than all."""
        if not 1 <= self.part <= self.of:
            message = f"A share is from 1 to all of its parts, not {self.part} of {self.of}."
            raise ValueError(message)

    @property
    def fraction(self) -> float:
        """The same as a number up to 1."""
        return self.part / self.of

    def in_parts(self, parts: int) -> Share:
        """One of so many equal parts of this share."""
        return Share(self.part, self.of * parts)

    def workers(self, all_of_them: int) -> int:
        """So many of these workers; one at the least."""
        return max(1, all_of_them * self.part // self.of)


class Connection:
    """Pool, token, limits and clock of one GitLab. Thread-safe.

    `on_rotated` is called with renewed OAuth tokens before they are used; `rotation` keeps them
    where no profile of this machine does. Answers that are nested deeper than `deepest` levels are
    errors. Requests go through `transport`, where one is given, in place of sockets. With a
    `share`, this process takes so much of the workers, of `max_requests_per_minute`, and of what
    GitLab allows; so it does of the part of its shard.
    """

    def __init__(  # noqa: PLR0913 -- everything that differs between those who open one
        self,
        config: Config,
        *,
        on_rotated: Callable[[NewTokens], None] | None = None,
        rotation: TokenRotation | None = None,
        retries: Retries | None = None,
        deepest: int = DEEPEST,
        transport: BaseAdapter | None = None,
        tuning: Tuning | None = None,
        share: Share | None = None,
    ) -> None:
        """Open the pool; no request is made yet."""
        share = (share or Share()).in_parts(config.shard.of if config.shard else 1)
        self.config = replace(config, num_workers=share.workers(config.num_workers))
        self.api_url = config.api_url
        self.base_url = config.base_url
        self.deepest = deepest
        pause, wrong_pause = retry_pause.pause()
        self.retries = retries or Retries(first=pause)
        self.tuning = tuning or Tuning()
        self.timer = self.retries.timer
        self.limits = Limits(
            self.config.num_workers,
            config.max_requests_per_minute,
            timer=self.timer,
            share=share.fraction,
        )
        self.clock = ServerClock()
        self.list_page_sizes = AdaptivePageSize()
        self.page_headers = PageHeaders(self.api_url, self.list_page_sizes)
        self._certificates = Certificates(config)
        self._http = open_pool(self.config, self._certificates, transport)
        self.credentials = Credentials(
            config, self._http, on_rotated, rotation, timer=self.timer, tuning=self.tuning
        )
        self._wire = wire_of(self._http, config.api_url, is_direct=transport is None)
        self._probing = open_pool(self.config, self._certificates, transport)
        self._probe = wire_of(self._probing, config.api_url, is_direct=transport is None)
        self._timeout = float(config.request_timeout)
        self.problem = (
            replaced(TRANSPORT_VERSION)
            or self._certificates.problem
            or proxies.problem(config.api_url)
            or wrong_pause
        )
        self._mended: set[str] = set()
        self._lock = threading.Lock()
        self._calls: Client | None = None

    def __enter__(self) -> Self:
        """Use the connection for the length of a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the pool and remove temporary files; no request is made any more."""
        self.problem = self.problem or Stopped()
        self._wire.close()
        self._probe.close()
        self._http.close()
        self._probing.close()
        self._certificates.close()

    def client(self) -> Client:
        """Requests of a session of their own: what ends them does not end those of another."""
        return Client(self)

    def get(
        self, path: str, query: Mapping[str, Any] | None = None, *, deadline: Deadline | None = None
    ) -> Answer:
        """The answer to one GET of `path`, below /api/v4, for whoever needs no session.

        After an outage the next call fails at once for some seconds, and asks again after them.

        Raises:
            Cancelled, DeadlineExceeded: the deadline of this call ended it.
            GitlabError: as `gitlab.errors` sorts it.
        """
        with within(deadline):
            return self._single().get(path, query or {})

    def rows(
        self, path: str, query: Mapping[str, Any], *, deadline: Deadline | None = None
    ) -> Answer:
        """One page of a list, as `Client.rows` gives it; raises as `get` does."""
        with within(deadline):
            return self._single().rows(path, query)

    def one(
        self, path: str, query: Mapping[str, Any] | None = None, *, deadline: Deadline | None = None
    ) -> Row:
        """One object; raises as `get` does."""
        with within(deadline):
            return self._single().one(path, query)

    def _single(self) -> Client:
        """The client of single calls: a new one, some time after the last one has ended."""
        with self._lock:
            if self._calls is None:
                self._calls = Client(self)
            ended = self._calls.stop
            pause = _OUTAGE if isinstance(ended.error, Unavailable) else _REFUSED
            if self.timer.now() >= ended.since + pause:
                # Who was away may still be.
                self._calls = Client(self, careful=True)
            return self._calls

    def note_mended(self, url: str) -> bool:
        """Note that texts of this address are not UTF-8; whether that was not known yet."""
        with self._lock:
            is_known = url in self._mended
            self._mended.add(url)
        return not is_known

    def send(self, request: Request, token: str, *, asking: bool, apart: bool) -> Received:
        """One try of one request that `limits.enter` has let start.

        With `apart`, it is sent on a connection of its own. After a 401, no other thread starts a
        request before this one has called `limits.release`, unless it is `asking`.

        Raises:
            requests.RequestException or urllib3.exceptions.HTTPError: no whole answer.
            ServerError: it is too large.
        """
        name = request.family
        seconds: float | None = None
        began = self.timer.now()
        left = max(seconds_left(), _SHORTEST)
        answer = AnswerBounds(
            timeout=min(self._timeout, left),
            until=time.monotonic() + min(self.tuning.whole_answer * self._timeout, left),
            largest=self.tuning.largest_body,
            given_up=watch(),
        )
        if apart:
            self._probe.close_idle()
        try:
            wire = self._probe if apart else self._wire
            received = wire.fetch(request, self.credentials.header(token), answer)
            if request.method == "POST" and is_throttled(received.body):
                received = replace(received, status=requests.codes.too_many_requests)
            self.clock.learn(received.headers.get("Date", ""), received.asked, received.answered)
            if received.status == requests.codes.too_many_requests:
                self.limits.refused(name, received.headers, self.clock.now())
            elif not verdicts.is_failure(received.status):
                seconds = self.timer.now() - began
                if received.status == requests.codes.ok:
                    self.credentials.accepted(token)
                self.limits.learn(name, received.headers, self.clock.now())
            if received.status == requests.codes.unauthorized and token and not asking:
                # Before the next one starts: the token may be worth nothing any more.
                self.limits.hold()
            return received
        finally:
            if seconds is None and is_given_up():
                self.limits.abandon(name)
            else:
                self.limits.leave(name, seconds)
