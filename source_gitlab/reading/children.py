"""Lists below a parent (commits of a merge request, trigger jobs of a pipeline, …).

The children of every parent that moved since the last read are read, all of them. GitLab does not
move a parent for a second change within a minute of the first (ThrottledTouch, one minute), so a
parent that was young when it was read is read again by the next read, moved or not.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from source_gitlab.client.errors import Skipped
from source_gitlab.reading.pages import read_pages
from source_gitlab.reading.slices import Page
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
    parents belong to the one thing that is read.
    """

    client: Lists
    ahead: Ahead
    stream: Stream
    shaper: Shaper
    skip: Callable[[Row, Skipped], None]
    columns: Mapping[str, Any]
    key: Sequence[str]
    member: str | None

    def pages(self, parents: Iterable[Parents]) -> Iterator[Page]:
        """The children of all `parents`, a page for each parent.

        A parent that is gone is told to `skip`. So is one that may not be read, and its member is
        named in the page's `denied`, for it is then not read up to where its parents are. One
        whose children fail is left out, and noted in the lists of `client`.

        Raises:
            GitlabError: as `client.errors` sorts it; Skipped when there is no `member` to deny.
        """
        denied: set[int] = set()
        for batch in parents:
            tasks = (partial(self._read, parent, denied) for parent in batch.rows)
            found = self.ahead.in_order(tasks, 2 * self.ahead.workers)
            seen = dict(batch.seen)
            for parent, (rows, is_whole) in zip(batch.rows, found, strict=True):
                if not is_whole and parent.get("updated_at") is not None:
                    seen.pop(identity(parent, self.key), None)
                if rows:
                    yield Page(rows)
            yield Page(
                [],
                through=batch.through,
                position=batch.position,
                seen=seen,
                counts=batch.counts,
                denied=frozenset(denied),
            )

    def _read(self, parent: Row, denied: set[int]) -> tuple[list[Row], bool]:
        """The children of one parent, and whether these are all."""
        member = parent.get(self.member) if self.member else None
        if member in denied:
            return [], False
        below = self.client.below()
        try:
            nothing: tuple[list[Row], bool] = ([], False)
            return self.client.attempt(lambda: self._rows(parent, member, below), nothing)
        except Skipped as error:
            if error.reason != "gone":
                if member is None:
                    raise
                denied.add(member)
            self.skip(parent, error)
            return [], False
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
            raise Skipped(str(error), reason="permission", url=error.url) from error

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


def path_of(template: str, parent: Row) -> str:
    """The template with its {columns} taken from the parent's row."""
    columns = [name for _, name, _, _ in string.Formatter().parse(template) if name]
    return template.format(**{name: quote(str(parent[name]), safe="") for name in columns})
