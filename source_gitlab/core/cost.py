"""How many requests a read will take, found out before anything is read.

Lists are counted by the headers of one row (`X-Total`,
https://docs.gitlab.com/api/rest/#pagination-response-headers), which GitLab leaves out above 10,000
rows. What each project has is counted in a few projects, and taken for all of them. So is which
parents GraphQL shows to have no rows, which are not asked for them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.core.child_probe import MOST, ChildProbe
from source_gitlab.core.slices import Place, Row, Slice, list_of
from source_gitlab.core.walks.pages import PER_PAGE
from source_gitlab.gitlab.errors import FatalError, GitlabError, Skipped
from source_gitlab.streams import streams
from source_gitlab.timestamps import at, plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from source_gitlab.core.session import Session
    from source_gitlab.core.state import StreamState
    from source_gitlab.gitlab.pagination import Query
    from source_gitlab.streams import Stream

_SAMPLE = 10  # places of which the lists are counted
_PROBED = 5  # places of which some parents are looked at
_DAYS_A_WEEK = 7
# Who is in a group, before and after, and how many rows its list has (`core/membership.py`).
_CHECKS = 3
_OF_GROUPS = "selection of groups"


@dataclass(frozen=True)
class Cost:
    """Requests that a stream takes: in a `first` read, and in a `daily` one after it.

    `is_rough` tells that rows were counted in a few places only, or that there may be more than can
    be counted.
    """

    first: int
    daily: int
    is_rough: bool = False


@dataclass(frozen=True)
class _Size:
    """What a stream has: `rows` on `pages` in so many lists, and rows that `moved` since."""

    lists: int = 0
    rows: float = 0
    pages: float = 0
    moved: float = 0
    is_rough: bool = False


@dataclass(frozen=True)
class _Place:
    container: str
    id: int


class Costs:
    """Estimates what streams cost in the selection of `session`."""

    def __init__(self, session: Session) -> None:
        """Ask nothing yet."""
        self._session = session
        self._sizes: dict[str, _Size] = {}
        self._shares: dict[str, float] = {}
        self._places: dict[str, tuple[list[_Place], int]] = {}
        self._since = ""

    def of(self, wanted: Iterable[Stream]) -> dict[str, Cost]:
        """The cost of each stream, by name.

        A list that this token may not read costs one request in each place.

        Raises:
            GitlabError: GitLab could not be asked what is in the selection.
        """
        self._since = self._since or self._yesterday()
        return {stream.name: self._cost(stream) for stream in wanted}

    def due(self, stream: Stream, state: StreamState) -> int:
        """How many lists or chosen groups a stream's next read asks for, by its state.

        Finding out makes the requests that the read makes, too, and changes `state` as they do.

        Raises:
            GitlabError: GitLab could not be asked, or the state does not fit it.
        """
        slices = list(self._session.plan(stream, state))
        if not stream.recheck:
            since = (one["since"] for one in slices)
            self._since = min(filter(None, (self._since, *since)), default="")
        return len(slices)

    def again(self, stream: Stream, slices: int) -> Cost:
        """The cost of a next read of so many lists or chosen groups, besides that of planning."""
        if not slices:
            return Cost(0, 0)
        self._since = self._since or self._yesterday()
        whole, size = self._cost(stream), self._size(stream)
        if stream.kind == "child":
            parent = streams()[str(stream.parent)]
            below = 0.0
            if stream.walk != "derived":
                below = self._daily_of_child(stream, self._size(parent))
            lists = slices * (_CHECKS + parent.requests_each)
            return Cost(whole.first, min(whole.first, lists + math.ceil(below)), is_rough=True)
        if stream.kind == "selection":
            cost = slices * (_CHECKS + 1) + size.moved / PER_PAGE
        elif stream.kind != "inventory" and stream.incremental and stream.since:
            cost = slices * len(stream.queries)
        else:
            cost = slices * max(1.0, size.pages / max(size.lists, 1))
        return Cost(whole.first, min(whole.first, math.ceil(cost)), whole.is_rough)

    def _yesterday(self) -> str:
        return plus(at(self._session.client.now()), days=-1)

    def _cost(self, stream: Stream) -> Cost:
        size = self._size(stream)
        if stream.kind == "child":
            # Its parents are listed for it, whatever other streams read.
            above = self._cost(streams()[str(stream.parent)])
            parent = self._size(streams()[str(stream.parent)])
            first, daily = 0.0, 0.0
            if stream.walk != "derived":
                first = self._below_parents(stream, parent.rows, parent)
                daily = self._daily_of_child(stream, parent)
            first, daily = above.first + math.ceil(first), above.daily + math.ceil(daily)
            return Cost(int(first), int(min(daily, first)), is_rough=True)
        first, daily = size.pages, size.pages
        if stream.kind == "selection":
            checks = _CHECKS * size.lists
            first += checks
            daily = checks + size.lists + size.moved / PER_PAGE if stream.cursor else first
        elif stream.kind != "inventory" and stream.incremental and stream.since:
            daily = size.lists * len(stream.queries)
        if stream.refresh and stream.refresh.signal == "weekly":
            daily /= _DAYS_A_WEEK
        return Cost(math.ceil(first), math.ceil(min(daily, first)), size.is_rough)

    def _daily_of_child(self, stream: Stream, parent: _Size) -> float:
        if stream.refresh or stream.cursor is None:
            return self._below_parents(stream, parent.rows, parent)
        swept = parent.rows / _DAYS_A_WEEK if stream.sweep else 0
        moved = parent.moved * (1 + (stream.recheck or 0)) + swept
        return self._below_parents(stream, moved, parent)

    def _below_parents(self, stream: Stream, rows: float, parent: _Size) -> float:
        """The requests below so many parents, in all their lists."""
        rows *= stream.requests_each
        if stream.probe is None or not parent.lists:
            return rows
        probed = parent.lists * math.ceil(rows / parent.lists / MOST)
        return min(rows, rows * self._share(stream) + probed)

    def _share(self, stream: Stream) -> float:
        """Which part of the parents is asked, of those that come first in some lists."""
        if stream.name not in self._shares:
            parent = streams()[str(stream.parent)]
            places, _ = self._places_of(_kind(parent))
            tasks = [
                partial(self._some, parent, place, query)
                for place in places[:_PROBED]
                for query in parent.queries
            ]
            prefetcher = self._session.prefetcher
            found = prefetcher.in_order(tasks, self._session.config.num_workers)
            rows = [row for some in found for row in some]
            childless = ChildProbe(self._session.client, prefetcher).childless(stream, rows)
            self._shares[stream.name] = 1 - len(childless) / len(rows) if rows else 1.0
        return self._shares[stream.name]

    def _some(self, stream: Stream, place: _Place, more: Mapping[str, str]) -> list[Row]:
        """The first rows of one list; none where it is refused or fails."""
        path, base = self._list_of(stream, place)
        try:
            answer = self._session.client.rows(path, {**base, **more, "per_page": MOST})
        except FatalError:
            raise
        except GitlabError:
            return []
        return [{"project_id": place.id, **row} for row in answer.data]

    def _size(self, stream: Stream) -> _Size:
        if stream.name not in self._sizes:
            self._sizes[stream.name] = self._measured(stream)
        return self._sizes[stream.name]

    def _measured(self, stream: Stream) -> _Size:
        if stream.kind == "child":
            # Of the rows below a parent nothing is known; there is at least a list of each.
            above = self._size(streams()[str(stream.parent)])
            lists = math.ceil(above.rows)
            return _Size(lists, lists, lists, above.moved, is_rough=True)
        places, count = self._places_of(_kind(stream))
        if stream.kind == "inventory":
            rows = self._places_of("project")[1] if stream.walk == "projects" else count
            # A group is asked for by itself too, for what lists leave out; projects are listed a
            # second time, and those that the token is no member of are asked for.
            pages = 2 * math.ceil(rows / PER_PAGE) if stream.walk == "projects" else 2 * count
            return _Size(count, rows, pages, rows, is_rough=True)
        if stream.span is not None:
            days = 1 if stream.span.sums else stream.span.days
            asked = math.ceil(stream.span.kept / days)
            return _Size(count, count, count * asked, count)
        if stream.walk == "graphql" or stream.rows is not None:
            return _Size(count, count, count * stream.requests_each, count, is_rough=True)
        if stream.walk == "object":
            return _Size(count, count, count * stream.requests_each, count)
        return self._sampled(stream, places, count)

    def _sampled(self, stream: Stream, places: list[_Place], count: int) -> _Size:
        """What the lists of some places have, for all places."""
        if not places:
            return _Size()
        tasks = [
            partial(self._count, stream, place, query, since)
            for place in places
            for query in stream.queries
            for since in ("", self._since)
            if not since or stream.since
        ]
        found = list(self._session.prefetcher.in_order(tasks, self._session.config.num_workers))
        step = 2 if stream.since else 1
        totals = [rows for rows, _ in found[::step]]
        scale = count / len(places)
        rows = scale * sum(totals)
        pages = scale * sum(max(1, math.ceil(total / PER_PAGE)) for total in totals)
        moved = scale * sum(one for one, _ in found[1::2]) if stream.since else rows
        is_rough = count > len(places) or not all(counted for _, counted in found)
        return _Size(count, rows, pages, moved, is_rough)

    def _count(
        self, stream: Stream, place: _Place, more: Mapping[str, str], since: str
    ) -> tuple[int, bool]:
        """The rows of one list, from an instant on if one is given; whether GitLab counted them."""
        path, base = self._list_of(stream, place)
        query: Query = {**base, **more, "per_page": 1}
        if since and stream.since:
            query[stream.since] = since
        try:
            answer = self._session.client.rows(path, query, paging=stream.paging)
            if answer.total is not None:
                return answer.total, True
            # Lists by keyset are never counted, others not when they are long.
            longer = {**query, "per_page": PER_PAGE}
            answer = self._session.client.rows(path, longer, paging=stream.paging)
        except FatalError:
            raise
        except GitlabError as error:
            # It is asked for at least once; where it is refused, and `check` says why, just once.
            return 0, isinstance(error, Skipped)
        is_whole = answer.next is None
        return len(answer.data) + (not is_whole), is_whole

    def _list_of(self, stream: Stream, place: _Place) -> tuple[str, Query]:
        slice_ = Slice(container=place.container, id=place.id)
        path = self._session.inventory.path_of(Place(place.container, place.id))
        if path is not None:
            slice_["path"] = path
        return list_of(stream, slice_, archived=self._session.config.include_archived)

    def _places_of(self, kind: str) -> tuple[list[_Place], int]:
        """Some places whose lists streams of a kind read, and how many there are."""
        if kind not in self._places:
            places, count = self._found(kind)
            if kind in {"group", "project"}:
                places = places[:: max(1, len(places) // _SAMPLE)][:_SAMPLE]
            self._places[kind] = places, count
        return self._places[kind]

    def _found(self, kind: str) -> tuple[list[_Place], int]:
        inventory = self._session.inventory
        roots = inventory.roots()
        if kind == "instance":
            return [_Place("instance", 0)], 1
        groups = [_Place("group", root.id) for root in roots.groups]
        projects = [_Place("project", project.id) for project in roots.projects]
        if kind == _OF_GROUPS:
            return groups, len(groups)
        if kind == "selection":
            whole = groups if roots.whole else []
            return [*whole, *projects], len(whole) + len(projects)
        if kind == "group":
            places = [
                _Place("group", int(row["id"]))
                for root in roots.groups
                for row in inventory.group_rows(root)
            ]
            return places, len(places)
        count = len(projects)
        for found, total in self._below() if roots.whole else ():
            projects += found
            count += total
        return projects, count

    def _below(self) -> Iterator[tuple[list[_Place], int]]:
        """Projects of each chosen group, the last changed first, and how many there are."""
        inventory = self._session.inventory
        for root in inventory.roots().groups:
            probe = inventory.probe(root)
            newest = [_Place("project", project.id) for project in probe.newest]
            total = len(newest) if probe.complete else probe.total
            yield newest, len(inventory.listing(root).projects) if total is None else total


def _kind(stream: Stream) -> str:
    """What the lists of a stream belong to."""
    if stream.kind == "selection" and stream.containers == ("group",):
        return _OF_GROUPS
    return "group" if stream.kind == "inventory" else stream.kind
