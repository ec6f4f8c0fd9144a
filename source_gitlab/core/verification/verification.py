"""One look at a copy: what is counted, what that costs, and what is found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.core.verification.counting import Counting, UncountedError
from source_gitlab.core.verification.lists import lists_of
from source_gitlab.core.verification.search import Difference, Search
from source_gitlab.core.verification.spans import Span
from source_gitlab.core.walks.pages import PER_PAGE
from source_gitlab.gitlab.errors import FatalError, GitlabError, Skipped
from source_gitlab.timestamps import plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from source_gitlab.core.inventory import Inventory
    from source_gitlab.core.membership import Membership
    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.slices import Place
    from source_gitlab.core.state import StreamState
    from source_gitlab.core.verification.counting import Told
    from source_gitlab.core.verification.lists import CountedList, IsMine, Lists
    from source_gitlab.core.verification.search import Copy
    from source_gitlab.gitlab.client import Client
    from source_gitlab.streams import Stream

# As many months as hold no more rows are counted together: a window costs a request, and what
# differs in it some five more.
ROWS_OF_A_WINDOW = 1_000


@dataclass(frozen=True)
class Window:
    """A part of a list that is counted at once, with its number of rows in the copy.

    `span` is None for a list that is counted as a whole.
    """

    one: CountedList
    span: Span | None
    mine: int

    @property
    def costs(self) -> int:
        """How many requests counting it takes."""
        return len(self.one.queries)

    @property
    def costs_in_full(self) -> int:
        """How many requests reading it takes."""
        return len(self.one.queries) - 1 + max(1, -(-self.mine // PER_PAGE))


@dataclass(frozen=True)
class Compared:
    """A window and GitLab's number; None where that is more than GitLab counts."""

    window: Window
    theirs: int | None


@dataclass(frozen=True)
class Uncompared:
    """A place whose rows could not be compared, and why; `failed` when trying again may help."""

    stream: str
    place: Place
    why: str
    failed: bool = False


class _Unfiltered:
    """This GitLab does not filter the list, which is counted as a whole then."""


Event = Compared | Difference | Uncompared


class Verification:
    """Compares a copy with GitLab."""

    def __init__(  # noqa: PLR0913 -- the parts of a session that it drives
        self,
        client: Client,
        prefetcher: Prefetcher,
        inventory: Inventory,
        membership: Membership,
        *,
        is_mine: IsMine,
        lookback_minutes: int,
        started: Callable[[], str],
    ) -> None:
        """Ask nothing yet."""
        self._is_mine = is_mine
        self._prefetcher = prefetcher
        self._inventory = inventory
        self._membership = membership
        self._lookback_minutes = lookback_minutes
        self._started = started
        self._counting = Counting(client, prefetcher, inventory, membership)

    def lists(self, stream: Stream, state: StreamState) -> Lists:
        """The lists of a stream that can be counted, and why others cannot.

        Raises:
            GitlabError: GitLab could not be asked what is in scope.
        """
        return lists_of(
            stream,
            state,
            self._inventory,
            self._membership,
            self._is_mine,
            self._started(),
            self._lookback_minutes,
        )

    def run(
        self, windows: Sequence[Window], copy: Copy, *, thorough: bool = False
    ) -> Iterator[Event]:
        """Count the windows, and look for what differs; `thorough` reads them in place of that.

        A difference is right when it comes; whoever takes it may change the copy before the next.

        Raises:
            FatalError: nothing else can be asked either.
        """
        search = Search(self._counting, self._prefetcher, copy)
        tasks = (partial(self._ask, window, thorough=thorough) for window in windows)
        asked = self._prefetcher.in_order(tasks, 4 * self._prefetcher.workers)
        done: set[tuple[str, Place]] = set()
        for window, answer in zip(windows, asked, strict=True):
            where = (window.one.stream.name, window.one.place)
            if where in done:
                continue
            try:
                if isinstance(answer, Exception):
                    raise answer
                if isinstance(answer, _Unfiltered):
                    done.add(where)
                    yield from self._unfiltered(search, window.one, copy)
                else:
                    yield from self._found(search, window, answer)
            except FatalError:
                raise
            except (GitlabError, UncountedError) as error:
                done.add(where)
                failed = not isinstance(error, (Skipped, UncountedError))
                yield Uncompared(*where, str(error), failed)

    def _ask(self, window: Window, *, thorough: bool) -> Told | _Unfiltered | Exception:
        """GitLab's number of a window; an error to be raised when its turn comes."""
        try:
            if window.span is not None and not self._counting.takes_filter(window.one):
                return _Unfiltered()
            mine = None if thorough else window.mine
            return self._counting.told(window.one, window.span, mine)
        except FatalError:
            raise
        except (GitlabError, UncountedError) as error:
            return error

    def _unfiltered(self, search: Search, one: CountedList, copy: Copy) -> Iterator[Event]:
        """The list as a whole, in place of its windows."""
        whole = replace(one, dated=False)
        window = Window(whole, None, copy.number(whole, None))
        yield from self._found(search, window, self._counting.told(whole, None, window.mine))

    def _found(self, search: Search, window: Window, told: Told) -> Iterator[Event]:
        one, span, mine = window.one, window.span, window.mine
        yield Compared(window, told.number)
        if told.rows is not None:
            yield search.compare(one, span, told.rows, is_sound=told.is_sound)
        elif told.number == mine:
            return
        elif span is None:
            yield search.read(one, None)
        else:
            yield from search.within(one, span, mine, told.number)


def windows_of(
    one: CountedList,
    months: Iterable[tuple[str, int]],
    late: int,
    copy: Copy,
    since: str | None = None,
) -> Iterator[Window]:
    """The windows in which a list is counted, from the copy's number of rows in each month.

    `months` are the first instants of months with the number of rows, in order, of which `late` are
    from the list's `until` on. Nothing that was created before `since` is counted.
    """
    if not one.dated:
        yield Window(one, None, copy.number(one, None))
        return
    low, mine, is_exact = since or "", 0, since is None and one.first is None

    def window(span: Span, rows: int) -> Window:
        return Window(one, span, rows if is_exact else copy.number(one, span))

    for start, rows in months:
        if mine and mine + rows > ROWS_OF_A_WINDOW and low < start < one.until:
            yield window(Span(low, start), mine)
            low, mine, is_exact = start, 0, one.first is None
        mine += rows
    if low < one.until:
        yield window(Span(low, one.until), mine - late)
    # What came since may still be missing, and what the copy has of it may be gone already.
    behind = window(Span(max(low, one.until), plus(one.slice_["start"], days=1)), late)
    if behind.mine:
        yield behind


def sample(windows: list[Window], number: int, day: str) -> list[Window]:
    """Some of the windows, others on each day, in their order."""

    def drawn(place: int) -> bytes:
        one, span = windows[place].one, windows[place].span
        text = f"{day} {one.stream.name} {one.path} {span}"
        return hashlib.blake2b(text.encode(), digest_size=8).digest()

    chosen = sorted(range(len(windows)), key=drawn)[:number]
    return [windows[place] for place in sorted(chosen)]
