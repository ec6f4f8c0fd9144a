"""Tables of rows, and ordered views of them that a page is cut from by bisection."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from integration_tests.gitlab.repository import Commit, Repository

Json = dict[str, Any]
Facts = dict[str, Any]


class Row:
    """One row: its identity, its times in microseconds, and the facts that a presenter shows.

    ``overrides`` replace columns of the presented JSON; ``readable`` is false for a row that
    GitLab leaves out after it has cut the page, which makes that page short.
    """

    __slots__ = (
        "_bodies",
        "_stamp",
        "created",
        "group_id",
        "id",
        "iid",
        "overrides",
        "own_facts",
        "project_id",
        "readable",
        "updated",
    )

    def __init__(  # noqa: PLR0913 - a row is its columns
        self,
        row_id: int,
        facts: Facts,
        *,
        iid: int = 0,
        project_id: int | None = None,
        group_id: int | None = None,
        created: int = 0,
        updated: int | None = None,
    ) -> None:
        """Make a row; ``updated`` is None where GitLab itself has null."""
        self.id = row_id
        self.iid = iid
        self.project_id = project_id
        self.group_id = group_id
        self.created = created
        self.updated = updated
        self.own_facts = facts
        self.overrides: Json | None = None
        self.readable = True
        self._stamp = -1
        self._bodies: dict[Hashable, bytes] | None = None

    @property
    def facts(self) -> Facts:
        """What is known of the row beyond its identity and times."""
        return self.own_facts

    def learn(self, **facts: object) -> None:
        """Set facts."""
        self.own_facts = {**self.facts, **facts}

    def body(self, stamp: int, key: Hashable, make: Callable[[], Mapping[str, Any]]) -> bytes:
        """The row's JSON in the form ``key``, serialised once for each ``stamp`` of the world."""
        if self._stamp != stamp or self._bodies is None:
            self._bodies = {}
            self._stamp = stamp
        body = self._bodies.get(key)
        if body is None:
            body = self._bodies[key] = orjson.dumps(self.overridden(make()))
        return body

    @property
    def pipeline_id(self) -> int:
        """Of a job or bridge: the pipeline that it runs in."""
        return int(self.facts["pipeline_id"])

    def commits(self, repository: Repository) -> list[Commit]:
        """Of a merge request: its commits, newest first."""
        known = repository.commits
        return [known[sha] for sha in self.facts.get("commit_shas", []) if sha in known]

    def overridden(self, presented: Mapping[str, Any]) -> Json:
        """The presented JSON with this row's overrides applied."""
        return {**presented, **(self.overrides or {})}

    def changed(self) -> None:
        """Forget what was serialised."""
        self._stamp = -1


# The parameters of requests that say what `View.between` takes, in its order.
TIMES = ("updated_after", "updated_before", "created_after", "created_before")


@dataclass(frozen=True)
class Order:
    """How a list is sorted. Ties fall back to ``id desc``, as GitLab's issuables do."""

    by: str = "id"
    descending: bool = False


class View:
    """Rows of one scope in one order, with the keys that bisection needs."""

    def __init__(self, rows: Iterable[Row], order: Order) -> None:
        """Sort the rows; null values come last ascending and first descending, as in Postgres."""
        self.order = order
        value = value_of(order.by)
        if order.by == "id":
            self.rows = sorted(rows, key=lambda row: row.id, reverse=order.descending)
        else:
            self.rows = sorted(rows, key=lambda row: -row.id)
            self.rows.sort(
                key=lambda row: ((given := value(row)) is None, 0 if given is None else given),
                reverse=order.descending,
            )
        self._keys: list[Any] | None = None
        if order.by == "updated_at" and not order.descending:
            self._keys = [row.updated for row in self.rows if row.updated is not None]

    def between(
        self,
        after: int | None,
        before: int | None,
        made_after: int | None = None,
        made_before: int | None = None,
    ) -> list[Row] | Span:
        """Rows of which both times lie in closed intervals; a null updated_at lies in none."""
        if made_after is not None or made_before is not None:
            made = [
                row
                for row in self.rows
                if (made_after is None or row.created >= made_after)
                and (made_before is None or row.created <= made_before)
            ]
            return made if after is None and before is None else _updated(made, after, before)
        if after is None and before is None:
            return Span(self.rows, 0, len(self.rows))
        if self._keys is not None:
            low = 0 if after is None else bisect_left(self._keys, after)
            high = len(self._keys) if before is None else bisect_right(self._keys, before)
            return Span(self.rows, low, max(low, high))
        return _updated(self.rows, after, before)

    def after_id(self, last: int) -> list[Row]:
        """The rows behind an id, in a view by id descending."""
        return self.rows[bisect_right(self.rows, -last, key=lambda row: -row.id) :]


def _updated(rows: list[Row], after: int | None, before: int | None) -> list[Row]:
    return [
        row
        for row in rows
        if row.updated is not None
        and (after is None or row.updated >= after)
        and (before is None or row.updated <= before)
    ]


class Span:
    """A slice of a list that is not copied until a page is cut from it."""

    __slots__ = ("_high", "_low", "_rows")

    def __init__(self, rows: list[Row], low: int, high: int) -> None:
        """Stand for ``rows[low:high]``."""
        self._rows, self._low, self._high = rows, low, high

    def __len__(self) -> int:
        """How many rows there are."""
        return self._high - self._low

    def __iter__(self) -> Iterator[Row]:
        """Each row, in order."""
        return iter(self._rows[self._low : self._high])

    def __getitem__(self, part: slice) -> list[Row]:
        """A page: ``span[offset:offset + limit]``."""
        start, stop, _step = part.indices(len(self))
        return self._rows[self._low + start : self._low + stop]


def value_of(column: str) -> Callable[[Row], Any]:
    """How to read a sortable column from a row."""
    if column == "id":
        return lambda row: row.id
    if column == "iid":
        return lambda row: row.iid
    if column == "created_at":
        return lambda row: row.created
    if column == "updated_at":
        return lambda row: row.updated
    return lambda row: row.facts.get(column)


class Table:
    """Rows by id, by project and by group, with a cache of the views that were asked for."""

    VIEWS = 512

    def __init__(self, name: str) -> None:
        """Make an empty table."""
        self.name = name
        self.rows: dict[int, Row] = {}
        self.by_project: dict[int, dict[int, Row]] = {}
        self.by_group: dict[int, dict[int, Row]] = {}
        self.version = 0
        self._views: OrderedDict[Hashable, tuple[int, View]] = OrderedDict()
        self._iids: dict[tuple[str, int], int] = {}
        self._last_id = 0
        self._by_iid: dict[tuple[int, int], Row] = {}

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        """Each row, in the order of insertion."""
        return iter(self.rows.values())

    def __contains__(self, row_id: int) -> bool:
        """Whether there is a row with this id."""
        return row_id in self.rows

    def __getitem__(self, row_id: int) -> Row:
        """The row with this id; KeyError when there is none."""
        return self.rows[row_id]

    def add(self, row: Row) -> Row:
        """Insert a row."""
        self.rows[row.id] = row
        self._last_id = max(self._last_id, row.id)
        if row.project_id is not None:
            self.by_project.setdefault(row.project_id, {})[row.id] = row
            scope = ("project", row.project_id)
            self._iids[scope] = max(self._iids.get(scope, 0), row.iid)
            if row.iid:
                self._by_iid[row.project_id, row.iid] = row
        if row.group_id is not None:
            self.by_group.setdefault(row.group_id, {})[row.id] = row
            scope = ("group", row.group_id)
            self._iids[scope] = max(self._iids.get(scope, 0), row.iid)
        self.version += 1
        return row

    def remove(self, row: Row) -> None:
        """Delete a row."""
        del self.rows[row.id]
        if row.project_id is not None:
            del self.by_project[row.project_id][row.id]
            self._by_iid.pop((row.project_id, row.iid), None)
        if row.group_id is not None:
            del self.by_group[row.group_id][row.id]
        self.version += 1

    def move(self, row: Row, group_id: int | None) -> None:
        """Put a row into another group, or into none."""
        if row.group_id is not None:
            del self.by_group[row.group_id][row.id]
        row.group_id = group_id
        if group_id is not None:
            self.by_group.setdefault(group_id, {})[row.id] = row
        self.changed(row)

    def changed(self, row: Row) -> None:
        """Say that a row has new facts or times."""
        row.changed()
        self.version += 1

    def next_id(self) -> int:
        """An id that was never used."""
        return self._last_id + 1

    def next_iid(self, *, project_id: int | None = None, group_id: int | None = None) -> int:
        """The iid after the highest that the scope ever had."""
        scope = ("project", project_id) if project_id is not None else ("group", group_id or 0)
        return self._iids.get(scope, 0) + 1

    def find_iid(self, project_id: int, iid: int) -> Row | None:
        """A project's row by its iid."""
        return self._by_iid.get((project_id, iid))

    def of_project(self, project_id: int) -> list[Row]:
        """The project's rows in the order of insertion."""
        return list(self.by_project.get(project_id, {}).values())

    def of_group(self, group_id: int) -> list[Row]:
        """The group's own rows in the order of insertion."""
        return list(self.by_group.get(group_id, {}).values())

    def view(self, key: Hashable, order: Order, rows: Callable[[], Iterable[Row]]) -> View:
        """The view for ``key`` (which must name scope and filters), built again when stale."""
        full = (key, order)
        found = self._views.get(full)
        if found is not None and found[0] == self.version:
            self._views.move_to_end(full)
            return found[1]
        view = View(rows(), order)
        self._views[full] = (self.version, view)
        self._views.move_to_end(full)
        while len(self._views) > self.VIEWS:
            self._views.popitem(last=False)
        return view
