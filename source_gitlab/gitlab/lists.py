"""The lists that one slice reads: what GitLab cannot give of them is stepped over, and noted.

Every walk asks through this, and whoever takes the walk's rows takes what is noted first. So a
state cannot move past a row that did not come, whatever the walk is.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from source_gitlab.gitlab.errors import LESS_MAY_DO, Emptied, Malformed, ReadError
from source_gitlab.gitlab.next_page import CURSORS
from source_gitlab.gitlab.page_size import Stepping, lacking
from source_gitlab.gitlab.pagination import Answer, Missed, text_of
from source_gitlab.streams.vocabulary import Paging

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from source_gitlab.gitlab.client import Client
    from source_gitlab.gitlab.graphql import Operation, Reply
    from source_gitlab.gitlab.pagination import Row
    from source_gitlab.gitlab.raw_rows import RawColumns

T = TypeVar("T")
U = TypeVar("U")

# Lists one behind the other that are left out. More of them are no broken parents, but an endpoint
# that does not work.
_MOST_IN_A_ROW = 5
# A page without rows of a list that has some may hold none that the token may see, and may be what
# something between made of it.
_TRIES_OF_EMPTY = 2
_HOLLOW = (
    "{url} was answered with a page without rows that leads to another one. A proxy or a cache in"
    " front of GitLab may have made it."
)


Sound: TypeAlias = "Callable[[str, Answer], Answer]"
"""Takes an address and a page of it, and moves rows that cannot be gone by to what is missed.

It raises `Malformed` where the page is not that of the list.
"""


class Asking(Protocol):
    """Who can be asked for lists: one that steps over rows, or one that does not."""

    @property
    def api_url(self) -> str:
        """The address of the API."""
        ...

    @property
    def paging(self) -> Paging:
        """How pages of these lists come."""
        ...

    def rows(
        self, path: str, query: Mapping[str, Any], sound: Sound, *, whole: bool = True
    ) -> Answer:
        """One page of a list."""
        ...


class AskingObjects(Protocol):
    """Who can be asked for objects."""

    @property
    def api_url(self) -> str:
        """The address of the API."""
        ...

    def value(self, path: str, query: Mapping[str, Any], *, known: Mapping[str, int]) -> Any:
        """What the body holds, which may be `null`; the object of which `known` holds."""
        ...


class Whole:
    """Asks `client` for lists of which no row may be missing."""

    def __init__(self, client: Client) -> None:
        """Ask nothing yet."""
        self._client = client
        self.api_url = client.api_url
        self.paging = Paging.FULL

    def rows(
        self, path: str, query: Mapping[str, Any], sound: Sound, *, whole: bool = True
    ) -> Answer:
        """One page of a list, as `Client.rows`.

        Raises:
            Malformed: some of its rows are not `sound`.
            GitlabError: as `client.errors` sorts it.
        """
        answer = sound(f"{self.api_url}/{path}", self._client.rows(path, query, whole=whole))
        if answer.missed:
            raise Malformed(answer.missed[0].message, url=answer.missed[0].url)
        return answer


class Arrivals:
    """When the last answer came for a slice, in seconds of the monotonic clock. Thread-safe."""

    def __init__(self) -> None:
        """None came later than now."""
        self._lock = threading.Lock()
        self.last = time.monotonic()

    def note(self) -> None:
        """One has just come."""
        with self._lock:
            self.last = time.monotonic()


class Streak:
    """How many lists of one stream failed one behind the other."""

    def __init__(self) -> None:
        """None yet."""
        self._failed = 0

    def worked(self) -> None:
        """One was read."""
        self._failed = 0

    def failed(self) -> bool:
        """Count one that failed; whether these are too many to be single ones."""
        self._failed += 1
        return self._failed > _MOST_IN_A_ROW


class Lists:
    """Asks `client`, which steps over nothing, for the lists of one slice. Thread-safe.

    A row that does not come is asked for without the `optional` parameters of the query. `streak`
    is that of all slices of the stream. `sounds` are what every list is checked by, beside the
    check of the rows' keys that each list has of its own. With `columns`, rows are `RawRow`s. Pages
    of these lists come as `paging`.
    """

    def __init__(  # noqa: PLR0913 -- all that is known of the lists of a slice
        self,
        client: Client,
        optional: tuple[str, ...] = (),
        streak: Streak | None = None,
        sounds: Sequence[Sound] = (),
        columns: RawColumns | None = None,
        *,
        paging: Paging = Paging.FULL,
    ) -> None:
        """Nothing is missing yet."""
        self.client = client
        self.api_url = client.api_url
        self.tuning = client.tuning
        self._optional = optional
        self._lock = threading.Lock()
        self._missed: dict[str, Missed] = {}
        self._noted = 0
        self._before: dict[tuple[tuple[str, str], ...], int] = {}
        self._streak = streak or Streak()
        self._sounds = sounds
        self._columns = columns
        self.paging = paging
        self.arrivals = Arrivals()

    def below(self, paging: Paging, columns: RawColumns | None = None) -> Lists:
        """For the lists of one parent: what is missing from them is asked of the result."""
        lists = Lists(self.client, self._optional, columns=columns, paging=paging)
        lists.arrivals = self.arrivals
        return lists

    def rows(
        self, path: str, query: Mapping[str, Any], sound: Sound, *, whole: bool = True
    ) -> Answer:
        """One page of a list, as `Client.rows`, but for the rows that GitLab cannot give.

        `sound` leaves out the rows that cannot be told apart (`RowKey.checked`), before anything
        else looks at them.

        Raises:
            GitlabError: as `client.errors` sorts it; no row of the page can be had.
        """
        before = self._rows_before(path, query)
        for _ in range(_TRIES_OF_EMPTY):
            answer = self.client.rows(
                path,
                query,
                paging=self.paging,
                whole=whole,
                stepping=Stepping(before, self._optional),
                columns=self._columns,
            )
            if answer.data or answer.missed or (answer.next is None and not answer.total):
                break
        self.arrivals.note()
        url = f"{self.api_url}/{path}"
        if answer.is_bare and answer.next is not None:
            raise Emptied(_HOLLOW.format(url=url), url=url)
        answer = sound(url, answer)
        for one in self._sounds:
            answer = one(url, answer)
        if before is not None and answer.next is not None and CURSORS & answer.next.keys():
            self.place(path, answer.next, before + len(answer.data) + len(answer.missed))
        self.note(*answer.missed)
        return answer

    def one(self, path: str, query: Mapping[str, Any] | None = None) -> Row:
        """One object, as `Client.one`, but without what is optional where it fails with that.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        try:
            row = self.client.one(path, query)
        except LESS_MAY_DO as error:
            slim = {name: v for name, v in (query or {}).items() if name not in self._optional}
            if slim == (query or {}):
                raise
            row = self.client.one(path, slim)
            self.note(lacking(row, self._optional, error))
        self.arrivals.note()
        return row

    def value(self, path: str, query: Mapping[str, Any], *, known: Mapping[str, int]) -> Any:
        """What the body holds, as `Client.value`.

        Raises:
            GitlabError: as `gitlab.errors` sorts it.
        """
        value = self.client.value(path, query, known=known)
        self.arrivals.note()
        return value

    def graphql(self, operation: Operation, named: str) -> Reply:
        """A page of a list in GraphQL, as `PageSizes.page`."""
        reply = self.client.page_sizes.page(self.client.graphql, operation, named)
        self.arrivals.note()
        return reply

    def checked(self, url: str, rows: list[Row], sound: Sound) -> list[Row]:
        """Those of the rows that are `sound`, which came from `url`; the others are noted."""
        answer = sound(url, Answer(rows, None, None))
        self.note(*answer.missed)
        found: list[Row] = answer.data
        return found

    def now(self) -> float:
        """The server's clock, in seconds since the epoch."""
        return self.client.now()

    def note(self, *missed: Missed) -> None:
        """Note what does not come; the same thing once."""
        if missed:
            with self._lock:
                self._noted += sum(one.holds for one in missed)
                self._missed.update({one.message: one for one in missed})

    def attempt(
        self,
        task: Callable[[], T],
        otherwise: U,
        noted: Callable[[Missed], Missed],
        streak: Streak | None = None,
    ) -> T | U:
        """What `task` brings; if it fails, that is noted, and the result is `otherwise`.

        What is noted is what `noted` makes of it. `streak` is that of these tasks, where they are
        not to count among the others of the stream.

        Raises:
            ReadError: too many tasks failed one behind the other.
            Skipped or FatalError: as `task` raises them.
        """
        streak = streak or self._streak
        try:
            result = task()
        except ReadError as error:
            if streak.failed():
                raise
            self.note(noted(Missed(str(error), error.url)))
            return otherwise
        streak.worked()
        return result

    @property
    def noted(self) -> int:
        """How often something was noted that a state must not move past."""
        return self._noted

    def take(self) -> list[Missed]:
        """What was noted since the last time."""
        if not self._missed:
            return []
        with self._lock:
            missed = list(self._missed.values())
            self._missed = {}
        return missed

    def place(self, path: str, query: Mapping[str, Any], before: int) -> None:
        """Note how many rows of a list stand before the page that `query` goes on with."""
        with self._lock:
            self._before[_identity(path, query)] = before

    def _rows_before(self, path: str, query: Mapping[str, Any]) -> int | None:
        if not CURSORS & query.keys():
            return 0
        with self._lock:
            return self._before.pop(_identity(path, query), None)


def _identity(path: str, query: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    pairs = ((key, text_of(value)) for key, value in query.items())
    return (("", path), *sorted(pairs))
