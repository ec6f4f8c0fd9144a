"""Lists below a parent (commits of a merge request, trigger jobs of a pipeline, …).

The children of every parent that moved since the last read are read, all of them. GitLab does not
move a parent for a second change within a minute of the first (ThrottledTouch, one minute), so a
parent that was young when it was read is read again by the next read, moved or not.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from source_gitlab.core.row_key import RowKey
from source_gitlab.core.row_validation import addressed
from source_gitlab.core.slices import Owner, Page
from source_gitlab.core.state.digests import identity
from source_gitlab.core.state.owed_parents import MOST, MOST_REFUSALS
from source_gitlab.core.walks.connection_source import Source
from source_gitlab.core.walks.connections import read
from source_gitlab.core.walks.objects import are_hidden, asked, by_name, placed, rows_in
from source_gitlab.core.walks.pages import read_pages
from source_gitlab.gitlab.errors import ReadError, Skipped
from source_gitlab.gitlab.lists import Streak
from source_gitlab.gitlab.pagination import Missed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from collections.abc import Set as AbstractSet
    from typing import Any

    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.slices import Row
    from source_gitlab.core.state.owed_parents import Owing
    from source_gitlab.gitlab.lists import Lists
    from source_gitlab.gitlab.raw_rows import RawColumns
    from source_gitlab.streams import Stream
    from source_gitlab.streams.vocabulary import Paging

_FULL = f"{MOST:,} others are asked for again by each read already, so the state stays before it."


@dataclass(frozen=True)
class Children:
    """The children of one stream.

    `skip` is called with each parent that GitLab refuses. `transform` makes rows as users get them
    of those below a row of `parent`. `member` is the column that says to which member of a group a
    parent belongs; it is None where all of them belong to the one thing that is read. `url` is the
    address of the parents' list. `paging` is how GitLab cuts the children's lists into pages. With
    `columns`, children are `RawRow`s. `childless` says which of some parents need not be asked,
    because they have no children (`core/child_probe.py`).
    """

    client: Lists
    prefetcher: Prefetcher
    stream: Stream
    parent: Stream
    transform: Callable[[list[Row], Row], list[Row]]
    skip: Callable[[Row, Skipped], None]
    owing: Owing
    member: str | None
    url: str
    childless: Callable[[list[Row]], AbstractSet[int]]
    paging: Paging
    columns: RawColumns | None = None

    def pages(self, parents: Iterable[Page], *, streak: Streak | None = None) -> Iterator[Page]:
        """The children of all `parents`, a page for each parent.

        A parent that is gone is told to `skip`, and owed to the next read: while a replica is
        behind, GitLab says so of parents that are there. Those of a member that may not be read
        are told, too: it is named in a page's `denied`, for it is then not read up to where its
        parents are. One whose children fail, or are refused where those of others of its member
        are not, is left out, noted in the lists of `client`, and owed. With a `streak` these are
        parents that are owed.

        Raises:
            GitlabError: as `client.errors` sorts it; Skipped when there is no `member` to deny.
        """
        refusals = _Refusals()
        waiting = Page([])
        columns = self._types()
        for batch in parents:
            # Children of a parent that cannot be addressed must not cost those of the others.
            # Of a parent that is owed, the state has no other columns than those of its address.
            wanted = batch.rows if streak else [one for one in batch.rows if self._is_asked(one)]
            parents_, odd, missed = addressed(wanted, columns, self.url)
            self.client.note(*missed)
            self.owing.ask(parents_)
            # Those that are owed are refused or fail, and REST alone says so.
            childless = frozenset() if streak else self.childless(parents_)
            tasks = (
                partial(_Found, is_whole=True)
                if parent.get("id") in childless
                else partial(self._read, parent, refusals, streak)
                for parent in parents_
            )
            found = self.prefetcher.in_order(tasks, 2 * self.prefetcher.workers)
            seen = dict(batch.seen)
            for parent in odd:
                if parent.get("updated_at") is not None:
                    seen.pop(identity(parent, self.parent.row_key), None)
            for parent, one in zip(parents_, found, strict=True):
                if not one.is_whole and parent.get("updated_at") is not None:
                    seen.pop(identity(parent, self.parent.row_key), None)
                is_settled = one.is_whole or one.is_given_up
                settled = self.owing.names(parent) if is_settled else []
                owner = self._owner(parent) if one.is_whole else None
                if owner and self.stream.list_key:
                    yield from self._lists(one.rows, owner)
                    one, owner = _Found(), None  # noqa: PLW2901 -- its rows are delivered
                if one.rows or settled or owner:
                    yield Page(one.rows, settled=settled, owner=owner)
            waiting = _behind(waiting, replace(batch, seen=seen))
            # What one refusal is worth, the next parent of the same member tells.
            if not refusals.are_open:
                waiting.denied |= refusals.denied
                yield waiting
                waiting = Page([])
        if refusals.are_open:
            self._decide(refusals)
            waiting.denied |= refusals.denied
            yield waiting

    def again(self) -> Iterator[Page]:
        """The children of the parents that are owed and were not among those of `pages`.

        They come last, so that nothing else waits for those that fail. When several fail one
        behind the other, the rest stays owed.

        Raises:
            Skipped or FatalError: as `pages` raises them.
        """
        rest = self.owing.rest()
        if not rest:
            return
        try:
            yield from self.pages([Page(rest)], streak=Streak())
        except ReadError as error:
            self.client.note(Missed(str(error), error.url, remembered=True))

    def _decide(self, refusals: _Refusals) -> None:
        """Take a single refusal for one of the member, unless another parent of it was read."""
        for parent, error, is_single in refusals.rest():
            member = parent.get(self.member) if self.member else None
            if is_single:
                self._refused(parent, error, is_again=False)
            elif member is None:
                raise error
            else:
                refusals.denied.add(member)
                self.skip(parent, error)

    def _read(self, parent: Row, refusals: _Refusals, streak: Streak | None) -> _Found:
        """The children of one parent."""
        member = parent.get(self.member) if self.member else None
        if member in refusals.denied:
            return _Found()
        below = self.client.below(self.paging, self.columns)
        task = partial(self._find, parent, member, below, refusals, is_again=streak is not None)
        try:
            return self.client.attempt(task, _Found(), partial(self._owed, parent), streak)
        finally:
            missed = below.take()
            self.client.note(*(self._owed(parent, one) if one.holds else one for one in missed))

    def _find(
        self, parent: Row, member: int | None, below: Lists, refusals: _Refusals, *, is_again: bool
    ) -> _Found:
        try:
            rows = self._rows(parent, member, below)
        except Skipped as error:
            if error.reason == "gone" or (is_again and not isinstance(error, _Closed)):
                return _Found(is_given_up=self._refused(parent, error, is_again=is_again))
            for refused, why in refusals.refused(member, parent, error):
                if member is None:
                    raise
                self.skip(refused, why)
            return _Found()
        for refused, why in refusals.worked(member):
            self._refused(refused, why, is_again=False)
        return _Found(rows, is_whole=not below.noted)

    def _refused(self, parent: Row, error: Skipped, *, is_again: bool) -> bool:
        """Owe a parent that GitLab refuses by itself; whether it is given up."""
        times = self.owing.refusals(parent) + 1 if is_again else 1
        if times >= MOST_REFUSALS or (is_again and self._is_away(parent)):
            message = f"{error} In {times} reads it was so: it is not asked for until it changes."
            self.skip(parent, GivenUp(message, reason=error.reason, url=error.url))
            return True
        is_owed = self.owing.owe(parent, times)
        if not is_owed:
            self.client.note(Missed(f"{error} {_FULL}", error.url))
        elif error.reason == "gone":
            message = f"{error} The next read asks for it again."
            self.skip(parent, Skipped(message, reason="gone", url=error.url))
        else:
            self.client.note(Missed(str(error), error.url, remembered=True))
        return False

    def _owed(self, parent: Row, missed: Missed) -> Missed:
        """What is missing below a parent, which is owed if that is possible."""
        if self.stream.walk == "derived":
            # It has to be read again with its list: a state keeps no rows of parents.
            return missed
        if self.owing.owe(parent, self.owing.refusals(parent)):
            return replace(missed, remembered=True)
        return replace(missed, message=f"{missed.message} {_FULL}")

    def _is_away(self, parent: Row) -> bool:
        """Whether GitLab says of the parent itself that it is gone."""
        if self._is_own or not self.parent.item:
            return False
        try:
            self.client.one(self.parent.address_of(parent))
        except Skipped as error:
            return error.reason == "gone"
        return False

    @property
    def _is_own(self) -> bool:
        """Whether what is read of a parent is the parent itself."""
        return self.stream.path == self.parent.item

    def _owner(self, parent: Row) -> Owner | None:
        """What the children of a parent belong to; None where that is not certain."""
        if self.stream.may_be_hidden and are_hidden(self.stream, parent):
            return None
        named = self.stream.owner
        return Owner(tuple(named), tuple(parent[one] for one in named.values())) if named else None

    def _lists(self, rows: list[Row], owner: Owner) -> Iterator[Page]:
        """A page for each list inside a response: another one may be there no more, and stays."""
        columns = self.stream.list_key
        found: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            found.setdefault(tuple(row[column] for column in columns), []).append(row)
        for values, ones in found.items():
            yield Page(ones, owner=Owner((*owner.columns, *columns), (*owner.values, *values)))

    def _is_asked(self, parent: Row) -> bool:
        """Whether a parent is one of those that are asked for their children."""
        return all(
            bool(parent.get(column)) if values is True else parent.get(column) in values
            for column, values in self.stream.only.items()
        )

    def _types(self) -> dict[str, type]:
        """The columns of a parent that stand in the path, and what they hold."""
        columns = self.parent.columns
        return {
            name: int if columns[name].kind == "integer" else str for name in self.stream.braces
        }

    def _rows(self, parent: Row, member: int | None, below: Lists) -> list[Row]:
        try:
            return self._ask(parent, below)
        except Skipped as error:
            if error.reason != "gone":
                raise
            # GitLab answers 404 for a parent that was deleted, and for all that is hidden.
            self._must_be_there(parent, member)
            return self._ask(parent, below)

    def _must_be_there(self, parent: Row, member: int | None) -> None:
        kind = "groups" if "project_id" not in parent else "projects"
        number = member or parent.get("project_id") or parent.get("group_id")
        try:
            self.client.one(f"{kind}/{number}")
        except Skipped as error:
            raise _Closed(str(error), reason="permission", url=error.url) from error

    @cached_property
    def _row_key(self) -> RowKey:
        return RowKey.of(self.stream)

    def _ask(self, parent: Row, below: Lists) -> list[Row]:
        stream = self.stream
        if stream.walk == "derived":
            rows = below.checked(self.url, rows_in(stream, parent, self.url), self._row_key.checked)
            return self.transform(rows, parent)
        if stream.walk == "graphql":
            source = Source.below(stream, parent, self.parent.address_of(parent))
            rows = [row for page in read(below, source, {}) for row in page]
            found = by_name(stream, rows, self.url) if stream.by_name else placed(stream, rows)
            return self.transform(found, parent)
        path = stream.address(parent=parent)
        if stream.walk == "object":
            rows = asked(stream, below, path, stream.query, parent)
            rows = below.checked(f"{below.api_url}/{path}", rows, self._row_key.checked)
        else:
            pages = read_pages(below, None, path, dict(stream.query), self._row_key)
            rows = [row for page in pages for row in page]
        return self.transform(rows, parent)


def _behind(first: Page, then: Page) -> Page:
    """What is known once the children of two pages of parents are delivered."""
    return Page(
        [],
        through=then.through or first.through,
        position=then.position if then.position is not None else first.position,
        heads={**first.heads, **then.heads},
        top=then.top if then.top is not None else first.top,
        counts=then.counts or first.counts,
        seen={**first.seen, **then.seen},
        denied=first.denied | then.denied,
        settled=first.settled + then.settled,
    )


@dataclass(frozen=True)
class _Found:
    """What came of one parent: its children, whether these are all, or that no more are wanted."""

    rows: list[Row] = field(default_factory=list)
    is_whole: bool = False
    is_given_up: bool = False


class GivenUp(Skipped):
    """The refusal of a parent that is not asked for again."""


class _Closed(Skipped):
    """The refusal of a member itself."""


class _Refusals:
    """Which members of a group refuse the children of their parents. Thread-safe.

    One refusal may be that parent's own. Two of them, and none that was read between them, are the
    member's.
    """

    def __init__(self) -> None:
        self.denied: set[int] = set()
        self._lock = threading.Lock()
        self._open: dict[int | None, list[tuple[Row, Skipped]]] = {}
        self._worked: set[int | None] = set()

    @property
    def are_open(self) -> bool:
        """Whether something was refused of which nobody knows yet what it means."""
        return bool(self._open)

    def worked(self, member: int | None) -> list[tuple[Row, Skipped]]:
        """Note that children were read; the refusals of single parents that this settles."""
        if member in self._worked and not self._open:
            return []
        with self._lock:
            self._worked.add(member)
            return self._open.pop(member, [])

    def refused(self, member: int | None, parent: Row, error: Skipped) -> list[tuple[Row, Skipped]]:
        """Note a refusal; the parents with which the member is now denied."""
        with self._lock:
            found = [*self._open.pop(member, []), (parent, error)]
            if len(found) == 1 and member not in self.denied and not isinstance(error, _Closed):
                self._open[member] = found
                return []
            if member is not None:
                self.denied.add(member)
            return found

    def rest(self) -> list[tuple[Row, Skipped, bool]]:
        """What is still open; whether other children of that member were read."""
        found = [(*one, key in self._worked) for key, ones in self._open.items() for one in ones]
        self._open.clear()
        return found


def columns_of_parent(stream: Stream) -> tuple[list[str], int]:
    """The columns of a parent that its children need, and how many of them name it."""
    added = [path.removeprefix("parent.") for path in stream.add.values()]
    taken = [n for n, path in zip(added, stream.add.values(), strict=True) if n != path]
    columns = dict.fromkeys([*stream.braces, *taken, "updated_at"])
    return list(columns), len(set(stream.braces))
