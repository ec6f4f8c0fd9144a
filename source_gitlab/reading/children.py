"""Lists below a parent (commits of a merge request, trigger jobs of a pipeline, …).

The children of every parent that moved since the last read are read, all of them. GitLab does not
move a parent for a second change within a minute of the first (ThrottledTouch, one minute), so a
parent that was young when it was read is read again by the next read, moved or not.
"""

from __future__ import annotations

import string
import threading
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from source_gitlab.client.answers import Missed
from source_gitlab.client.errors import Skipped
from source_gitlab.reading.pages import read_pages
from source_gitlab.reading.slices import Page
from source_gitlab.reading.soundness import addressed
from source_gitlab.reading.state import identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from source_gitlab.client.lists import Lists
    from source_gitlab.declarations import Stream
    from source_gitlab.reading.ahead import Ahead
    from source_gitlab.reading.counts import Counts
    from source_gitlab.reading.shape import Shaper
    from source_gitlab.reading.slices import Row


@dataclass
class Parents:
    """Parents that moved, with what is known once their children are delivered."""

    rows: list[Row]
    through: str | None = None
    position: dict[str, Any] | None = None
    seen: dict[str, str] = field(default_factory=dict)
    counts: Counts | None = None


@dataclass(frozen=True)
class Children:
    """The children of one stream; `skip` is told of each parent that GitLab refuses.

    `columns` are those of the slice that a row may get, `key` those that identify a parent, and
    `member` is the one that says to which member of a group it belongs; it is None where all
    parents belong to the one thing that is read. `url` is the address of the parents' list.
    """

    client: Lists
    ahead: Ahead
    stream: Stream
    shaper: Shaper
    skip: Callable[[Row, Skipped], None]
    columns: Mapping[str, Any]
    key: Sequence[str]
    member: str | None
    url: str

    def pages(self, parents: Iterable[Parents]) -> Iterator[Page]:
        """The children of all `parents`, a page for each parent.

        A parent that is gone is told to `skip`. So are those of a member that may not be read: it
        is named in a page's `denied`, for it is then not read up to where its parents are. One
        whose children fail, or are refused where those of others of its member are not, is left
        out, and noted in the lists of `client`.

        Raises:
            GitlabError: as `client.errors` sorts it; Skipped when there is no `member` to deny.
        """
        refusals = _Refusals()
        waiting = Page([])
        columns = self._columns_of_path()
        for batch in parents:
            # Children of a parent that cannot be addressed must not cost those of the others.
            parents_, odd, missed = addressed(batch.rows, columns, self.url)
            self.client.note(*missed)
            tasks = (partial(self._read, parent, refusals) for parent in parents_)
            found = self.ahead.in_order(tasks, 2 * self.ahead.workers)
            seen = dict(batch.seen)
            for parent in odd:
                if parent.get("updated_at") is not None:
                    seen.pop(identity(parent, self.key), None)
            for parent, (rows, is_whole) in zip(parents_, found, strict=True):
                if not is_whole and parent.get("updated_at") is not None:
                    seen.pop(identity(parent, self.key), None)
                if rows:
                    yield Page(rows)
            waiting = Page(
                [],
                through=batch.through or waiting.through,
                position=batch.position if batch.position is not None else waiting.position,
                seen={**waiting.seen, **seen},
                counts=batch.counts or waiting.counts,
            )
            # What one refusal is worth, the next parent of the same member tells.
            if not refusals.are_open:
                waiting.denied = frozenset(refusals.denied)
                yield waiting
                waiting = Page([])
        if refusals.are_open:
            self._decide(refusals)
            waiting.denied = frozenset(refusals.denied)
            yield waiting

    def _decide(self, refusals: _Refusals) -> None:
        """Take a single refusal for one of the member, unless another parent of it was read."""
        for parent, error, is_single in refusals.rest():
            member = parent.get(self.member) if self.member else None
            if is_single:
                self.client.note(Missed(str(error), error.url))
            elif member is None:
                raise error
            else:
                refusals.denied.add(member)
                self.skip(parent, error)

    def _columns_of_path(self) -> list[str]:
        return [name for _, name, _, _ in string.Formatter().parse(self.stream.path) if name]

    def _read(self, parent: Row, refusals: _Refusals) -> tuple[list[Row], bool]:
        """The children of one parent, and whether these are all."""
        member = parent.get(self.member) if self.member else None
        if member in refusals.denied:
            return [], False
        below = self.client.below()
        try:
            nothing: tuple[list[Row], bool] = ([], False)
            found = self.client.attempt(lambda: self._rows(parent, member, below), nothing)
            for _, error in refusals.worked(member):
                self.client.note(Missed(str(error), error.url))
        except Skipped as error:
            if error.reason == "gone":
                self.skip(parent, error)
            else:
                for refused, why in refusals.refused(member, parent, error):
                    if member is None:
                        raise
                    self.skip(refused, why)
            return [], False
        else:
            return found
        finally:
            moved = parent.get("updated_at")
            span = (str(moved), str(moved)) if moved else None
            self.client.note(*(replace(one, span=span) for one in below.take()))

    def _rows(self, parent: Row, member: int | None, below: Lists) -> tuple[list[Row], bool]:
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

    def _ask(self, parent: Row, below: Lists) -> tuple[list[Row], bool]:
        stream = self.stream
        path = path_of(stream.path, parent)
        if stream.walk == "detail":
            rows = [below.one(path, stream.query)]
        else:
            # The last column of a key identifies a row below its parent.
            pages = read_pages(below, None, path, dict(stream.query), stream.key[-1:])
            rows = [row for page in pages for row in page]
        return self.shaper.shape(rows, self.columns, parent), not below.noted


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


def path_of(template: str, parent: Row) -> str:
    """The template with its {columns} taken from the parent's row."""
    columns = [name for _, name, _, _ in string.Formatter().parse(template) if name]
    return template.format(**{name: quote(str(parent[name]), safe="") for name in columns})
