"""A bound on what the setup report asks: so many requests, and so many seconds, in all."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from source_gitlab.gitlab.cancellation import Allowance, within
from source_gitlab.gitlab.errors import DeadlineExceeded, RequestsSpent
from source_gitlab.gitlab.lookup import find

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_gitlab.gitlab.client import Answer, Client, Query, Row
    from source_gitlab.gitlab.graphql import Operation, Reply

TRIES = 2
# Kept for one request: its tries, and the client's look whether anything is answered at all.
# What costs more, such as a long page in parts, ends with the last request that may be made.
_COST = TRIES + 1


class OutOfBudget(Exception):
    """This was not asked, because the requests or the time are used up; nothing is wrong."""


class Unanswered(OutOfBudget):
    """This was asked, and not answered before the requests or the time were used up."""


class Budget:
    """Asks through a client, within bounds. Thread-safe.

    A request waits for those under way while these, tried again, could use up what is left. When
    the time is over, those under way end, because a rate limit could make them wait for minutes.
    Requests that wait are made in the order in which they came: what tells most is asked first.
    """

    def __init__(self, client: Client, *, requests: int, seconds: float) -> None:
        """Bound what is asked from now on."""
        self._allowance = Allowance(requests, seconds, timer=client.timer)
        self._client = client
        self._most = requests
        self._before = sum(client.requests.values())
        self._under_way = 0
        self._lease = threading.Condition()
        self._waiting: deque[object] = deque()

    @property
    def api_url(self) -> str:
        """The address of the API."""
        return self._client.api_url

    @property
    def used(self) -> int:
        """Requests so far, those that were tried again included."""
        return sum(self._client.requests.values()) - self._before

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return self._allowance.is_over()

    @property
    def why(self) -> str:
        """Why something was not asked, as a sentence."""
        if self.late:
            return "Not tried, because the test ran out of time."
        return f"Not tried, because the test makes no more than {self._most} requests."

    def now(self) -> float:
        """The server's clock, in seconds since the epoch."""
        return self._client.now()

    def one(self, path: str, query: Mapping[str, Any] | None = None) -> Row:
        """One object.

        Raises:
            OutOfBudget: it was not asked, or, as `Unanswered`, not answered in time.
            GitlabError: as `client.errors` sorts it.
        """
        with self._asking():
            return self._client.one(path, query)

    def rows(self, path: str, query: Mapping[str, Any], *, whole: bool = True) -> Answer:
        """One page of a list; raises as `one` does."""
        with self._asking():
            return self._client.rows(path, query, whole=whole)

    def value(self, path: str, query: Mapping[str, Any], *, known: Mapping[str, int]) -> Any:
        """What a body holds, as `Client.value`; raises as `one` does."""
        with self._asking():
            return self._client.value(path, query, known=known)

    def named(self, kind: str, name: str, query: Query) -> Row:
        """A group or project by its name; raises as `Client.named` does, and as `one`."""
        return find(self.one, self.rows, kind, name, query)

    def graphql(self, operation: Operation) -> Reply:
        """One row of a list in GraphQL; raises as `one` does."""
        with self._asking():
            variables = {**operation.variables, "first": 1}
            return self._client.graphql(operation._replace(variables=variables))

    def token_info(self) -> Row:
        """What an OAuth token says of itself; raises as `one` does."""
        with self._asking():
            return self._client.token_info()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        self._start()
        try:
            with within(self._allowance):
                yield
        except DeadlineExceeded:
            message = "It was not answered in time."
            raise Unanswered(message) from None
        except RequestsSpent:
            message = "It was not answered with the requests that were left."
            raise Unanswered(message) from None
        finally:
            with self._lease:
                self._under_way -= 1
                self._lease.notify_all()

    def _start(self) -> None:
        mine = object()
        with self._lease:
            self._waiting.append(mine)
            try:
                while self._waiting[0] is not mine or self._may_be_spent():
                    self._lease.wait()
                if self.late or self.used + _COST > self._most:
                    raise OutOfBudget
                self._under_way += 1
            finally:
                self._waiting.remove(mine)
                self._lease.notify_all()

    def _may_be_spent(self) -> bool:
        """Whether what is under way, tried again, could use up what one more request takes."""
        most = self.used + (self._under_way + 1) * _COST
        return self._under_way > 0 and most > self._most
