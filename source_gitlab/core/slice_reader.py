"""What a slice brings: the walk that its stream declares, over the list that the slice names."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from source_gitlab.config import SETTLED_MINUTES, Anonymous
from source_gitlab.core.details import Details
from source_gitlab.core.row_validation import of_nobody, understood, walkable
from source_gitlab.core.slices import Page, Place, Slice, beside, columns_of, list_of, place_of
from source_gitlab.core.transform import RowTransformer
from source_gitlab.core.walks.changed_rows_cache import ChangedRowsCache
from source_gitlab.core.walks.children import Children, GivenUp, ParentRows, columns_of_parent
from source_gitlab.core.walks.commits import Commits
from source_gitlab.core.walks.jobs import Jobs
from source_gitlab.core.walks.late_rows import LateRows
from source_gitlab.core.walks.overlap import unknown
from source_gitlab.core.walks.pages import read_pages
from source_gitlab.core.walks.seek import Seek
from source_gitlab.core.walks.shared_lists import SharedLists
from source_gitlab.gitlab.errors import FatalError, GitlabError, ReadError, Skipped
from source_gitlab.gitlab.lists import Lists, Streak
from source_gitlab.streams import streams
from source_gitlab.timestamps import epoch, instant, plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from source_gitlab.config import Config
    from source_gitlab.core.inventory import Group, Inventory
    from source_gitlab.core.outcome import Report
    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.selection import Roots
    from source_gitlab.core.slices import Row
    from source_gitlab.core.state import StreamState
    from source_gitlab.gitlab.client import Client
    from source_gitlab.gitlab.pagination import Missed
    from source_gitlab.streams import Stream

LOGGER = logging.getLogger("airbyte.source-gitlab")

# How the jobs of one pipeline are read.
_OF_A_PIPELINE: Mapping[str, Any] = {
    "parent": "pipelines",
    "path": "projects/{project_id}/pipelines/{id}/jobs",
    "walk": "pages",
    "query": {"include_retried": True},
}


class SliceReader:
    """Reads slices. Thread-safe; a slice is read by one thread, its requests by several."""

    def __init__(  # noqa: PLR0913 -- the parts of a session that it drives
        self,
        client: Client,
        config: Config,
        inventory: Inventory,
        prefetcher: Prefetcher,
        report: Report,
        *,
        started: Callable[[], str],
        entered: Callable[[Stream, StreamState], None],
    ) -> None:
        """Read over `client`; `report` is told what is skipped below a slice.

        `started` tells when this read began, as far as GitLab's clocks are known by now. `entered`
        is told of each state that passes over rows for the sake of the start date.
        """
        self._client = client
        self._started = started
        self._entered = entered
        self._config = config
        self._inventory = inventory
        self._prefetcher = prefetcher
        self._report = report
        self._changed_rows = ChangedRowsCache()
        self._shared_lists = SharedLists()
        self._late_rows = LateRows(client, config.lookback_minutes)
        self._first = instant(config.start_date) if config.start_date else None
        self._streaks = {name: Streak() for name in streams()}
        self._transformers = {name: RowTransformer(stream) for name, stream in streams().items()}

    def pages(self, stream: Stream, slice_: Slice, state: StreamState) -> Iterator[Page]:
        """The rows of a slice, page by page, as users get them.

        Raises:
            GitlabError: as `client.errors` sorts it; Skipped when the list itself is refused.
        """
        by_value = stream.kind == "child" or stream.walk in {"seek", "jobs"}
        sound = walkable if by_value else None
        lists = Lists(self._client, stream.optional, self._streaks[stream.name], sound)
        problem: GitlabError | None = None
        try:
            for page in self._pages(stream, slice_, state, lists):
                page.missed += lists.take()
                yield page
        except GitlabError as error:
            problem = error
        missed = lists.take()
        if missed:
            yield Page([], missed=missed)
        if problem is not None:
            raise problem

    def _pages(
        self, stream: Stream, slice_: Slice, state: StreamState, lists: Lists
    ) -> Iterator[Page]:
        if stream.kind == "inventory":
            yield from map(Page, self._inventory_rows(stream, slice_, lists))
        elif stream.kind == "child":
            yield from self._children(stream, slice_, state, lists)
        else:
            columns = columns_of(slice_)
            transformer = self._transformers[stream.name]
            for page in self._walk(stream, slice_, state, lists):
                page.rows = transformer.transform(page.rows, columns)
                yield page

    def _walk(
        self, stream: Stream, slice_: Slice, state: StreamState, lists: Lists
    ) -> Iterator[Page]:
        path, query = list_of(stream, slice_, archived=self._config.include_archived)
        since = slice_["since"] or (self._first if stream.incremental else None)
        if stream.walk == "seek":
            yield from self._seek(stream, slice_, state, lists)
        elif stream.walk == "jobs":
            listed = streams()["pipelines"]
            pipelines = tuple(
                partial(self._found, listed, seek) for seek in self._passes(listed, slice_, lists)
            )
            lookback = self._config.lookback_minutes
            below = self._below(replace(stream, **_OF_A_PIPELINE), slice_, state, lists)
            entered = partial(self._entered, stream, state)
            jobs = Jobs(lists, below, path, query, pipelines, lookback, entered=entered)
            yield from jobs.pages(slice_, self._first, state.highest_ids.of(slice_["id"]))
        elif stream.walk == "commits":
            every = self._config.commit_refs == "all"
            commits = Commits(lists, path, query, every, self._first)
            yield from commits.pages(slice_, state.heads.of(slice_["id"]))
        else:
            if stream.since and since:
                query = {**query, stream.since: since}
            twice = stream.incremental
            read = partial(
                read_pages, lists, self._prefetcher, path, query, stream.row_key, twice=twice
            )
            for rows in self._shared_lists.pages(stream, lists, path, read):
                if stream.where_set is not None:
                    url = f"{lists.api_url}/{path}"
                    lists.note(*of_nobody(rows, self._owners(stream), url))
                yield Page(self._within(stream, slice_, state, rows))

    def _owners(self, stream: Stream) -> list[str]:
        """The columns by which the rows of a list are shared out among streams."""
        return [
            one.where_set for one in streams().values() if one.where_set and one.path == stream.path
        ]

    def _within(
        self, stream: Stream, slice_: Slice, state: StreamState, rows: list[Row]
    ) -> list[Row]:
        """Without rows of projects that the group's list shows but that are not in scope."""
        rows = beside(stream, slice_, rows)
        group = state.groups.get(slice_["id"]) if slice_["container"] == "group" else None
        if group is None or stream.where_set != "project_id":
            return rows
        return [row for row in rows if row.get("project_id") in group.projects]

    def _seek(
        self, stream: Stream, slice_: Slice, state: StreamState, lists: Lists
    ) -> Iterator[Page]:
        for moved in self._moved(stream, slice_, state, lists):
            yield Page(
                moved.rows, moved.through, moved.position, seen=moved.seen, counts=moved.counts
            )

    def _passes(self, stream: Stream, slice_: Slice, lists: Lists) -> tuple[Seek, ...]:
        """The lists of a stream that is read by seeking: one for each declared pass."""
        path, query = list_of(stream, slice_, archived=self._config.include_archived)
        return tuple(
            Seek(
                lists,
                self._prefetcher,
                path,
                {**query, **extra},
                stream.row_key,
                stream.tie_breaker,
            )
            for extra in stream.queries
        )

    def _moved(
        self, stream: Stream, slice_: Slice, state: StreamState, lists: Lists
    ) -> Iterator[ParentRows]:
        """The rows of `stream` that moved since the slice's `since`, without those known.

        With several passes, no single instant tells how far all of them are, so each has its own
        in the position.

        A row that had moved shortly before it was asked for may change again without moving, so it
        is not remembered as known. No request of a read is older than the read's start, whoever
        made it (windows ahead, another stream), however late the answer is looked at.
        """
        since = slice_["since"] or self._first
        passes = self._passes(stream, slice_, lists)

        def own(number: int) -> Seek:
            container = "group" if stream.containers == ("group",) else "project"
            return self._passes(stream, Slice(container=container, id=number), lists)[0]

        is_counted = stream.kind != "selection"
        uncounted: Missed | None = None
        if not is_counted:
            entered = partial(self._entered, stream, state)
            uncounted = yield from self._late_rows.parents(
                passes[0], slice_, state, self._first, own, entered=entered
            )
            if since is None:
                passes = tuple(map(self._late_rows.watched, passes))
        reached = [since] * len(passes)
        lookback = self._config.lookback_minutes
        resumed = slice_.get("position", {}).get("through")
        if resumed and len(resumed) == len(passes):
            reached = [plus(one, minutes=-lookback) if one else since for one in resumed]
        recent = plus(slice_["start"], minutes=-lookback)
        for number, seek in enumerate(passes):
            for rows, through in self._found(stream, seek, reached[number]):
                # Rows without an instant were read at the start, and are certain up to there only.
                start = min(slice_["start"], self._started())
                settled = plus(start, minutes=-SETTLED_MINUTES)
                reached[number] = min(through, start) if through else reached[number]
                rows = beside(stream, slice_, rows)  # noqa: PLW2901 -- fewer of them
                fresh, seen = unknown(rows, stream.row_key, recent, settled, state.recent)
                if len(passes) == 1:
                    counts = None if is_counted else self._late_rows.first(seek, slice_, state)
                    is_counted = True
                    yield ParentRows(fresh, through=through, seen=seen, counts=counts)
                else:
                    yield ParentRows(fresh, position={"through": list(reached)}, seen=seen)
        if not is_counted:
            yield ParentRows([], counts=self._late_rows.first(passes[0], slice_, state))
        # A list that cannot be read at all says so by itself.
        if uncounted is not None:
            lists.note(uncounted)

    def _found(
        self, stream: Stream, seek: Seek, since: str | None
    ) -> Iterator[tuple[list[Row], str | None]]:
        """What moved since an instant, as far as possible from what another stream asked."""
        found = seek.newest if stream.cursor_nullable else seek.rows
        for rows, through in self._changed_rows.rows(seek, since, found):
            if through:
                self._client.clock.saw(epoch(through))
            yield rows, through

    def _children(
        self, stream: Stream, slice_: Slice, state: StreamState, lists: Lists
    ) -> Iterator[Page]:
        children = self._below(stream, slice_, state, lists)
        if stream.moved_by and slice_["since"]:
            yield from children.pages(self._moved_by(stream, slice_, state, lists))
        parent = streams()[stream.parent or ""]
        yield from children.pages(self._moved(parent, slice_, state, lists))
        yield from children.again()

    def _below(self, stream: Stream, slice_: Slice, state: StreamState, lists: Lists) -> Children:
        """What reads the lists below the parents of a slice."""
        parent = streams()[stream.parent or ""]
        where = Place(slice_["container"], slice_["id"])

        def skip(row: Row, error: Skipped) -> None:
            place = place_of(row) or where
            is_new = self._report.skip(stream.name, place, error.reason, str(error))
            if is_new or isinstance(error, GivenUp):
                called = self._report.called(place)
                LOGGER.warning("%s: skipped a part of %s. %s", stream.name, called, error)

        member = None
        if slice_["container"] == "group" and "group" not in slice_:
            member = "group_id" if parent.containers == ("group",) else "project_id"
        transformer, columns = self._transformers[stream.name], columns_of(slice_)
        members = state.group(slice_["id"]).projects if slice_["container"] == "group" else set()
        return Children(
            lists,
            self._prefetcher,
            stream,
            lambda rows, row: transformer.transform(rows, columns, row),
            skip,
            state.owed.of(slice_, members, columns_of_parent(stream)),
            key=parent.row_key,
            member=member,
            url=f"{lists.api_url}/{slice_['container']}s/{slice_['id']}/{parent.path}",
        )

    def _moved_by(
        self, stream: Stream, slice_: Slice, state: StreamState, lists: Lists
    ) -> Iterator[ParentRows]:
        """Parents named by the moved rows of another list, each once."""
        assert stream.moved_by is not None  # noqa: S101 -- the caller looked
        other = streams()[stream.moved_by.stream]
        column = stream.moved_by.parent

        def parent_of(row: Row) -> Row:
            parent: Row = {**row[column], "updated_at": row.get("updated_at")}
            hash((parent["id"], parent["group_id"]))
            return parent

        done: set[int] = set()
        # The list may name parents that lie above the group, or in one that is read on its own.
        covered = state.group(slice_["id"]).projects | {slice_["id"]}
        covered.difference_update(slice_.get("apart", ()))
        seeks = self._passes(other, slice_, lists)
        since = slice_["since"]
        for rows, _ in (found for seek in seeks for found in self._found(other, seek, since)):
            path = f"{slice_['container']}s/{slice_['id']}/{other.path}"
            named = [row for row in rows if row.get(stream.moved_by.parent)]
            parents = [
                parent
                for parent in understood(lists, path, named, parent_of)
                if parent["group_id"] in covered and parent["id"] not in done
            ]
            unique = {parent["id"]: parent for parent in parents}
            done.update(unique)
            yield ParentRows(list(unique.values()))

    def _inventory_rows(self, stream: Stream, slice_: Slice, lists: Lists) -> Iterator[list[Row]]:
        """The rows of groups or projects in scope; group 0 has the projects chosen beside groups.

        Raises:
            NotFound: the group cannot be listed, or, behind all rows, some of it cannot.
            ReadError: behind all rows: some of them lack details.
        """
        roots = self._inventory.roots()
        root = next((group for group in roots.groups if group.id == slice_["id"]), None)
        transform = self._transformers[stream.name].transform
        if root is None:
            yield from map(transform, self._chosen_projects(roots, lists))
            return
        details = self._details(stream)
        # Nobody has permissions who does not sign in, nor sees statistics.
        signed_in = not isinstance(self._config.credentials, Anonymous)
        try:
            if stream.name == "groups":
                rows = self._with_projects(root)
                yield from map(transform, details.groups(rows, {root.id}))
            elif roots.whole:
                pages = self._inventory.project_pages(root)
                yield from map(transform, details.projects(pages) if signed_in else pages)
        except FatalError:
            raise
        except GitlabError as error:
            raise self._inventory.leave_out(root, error) from error
        details.finish()
        # The rows of groups tell of their projects, too.
        for of_groups in (True, False) if stream.name == "groups" else (False,):
            problem = self._inventory.lacking(root, of_groups=of_groups)
            if problem is not None:
                raise problem

    def _chosen_projects(self, roots: Roots, lists: Lists) -> Iterator[list[Row]]:
        if roots.named:
            # They are as they were when their names were resolved, moments ago.
            named = [self._inventory.named_row(project.id) for project in roots.projects]
            yield [dict(row) for row in named if row is not None]
            return
        wanted = {project.id for project in roots.projects}
        for rows in self._inventory.joined_pages(lists):
            known = understood(lists, "projects", rows, lambda row: (int(row["id"]), row))
            yield [row for number, row in known if number in wanted]

    def _with_projects(self, root: Group) -> list[Row]:
        """The rows of a group and those below it, each with the projects that are in it itself."""
        roots = self._inventory.roots()
        projects = (
            self._inventory.listing(root).projects.values() if roots.whole else roots.projects
        )
        below: dict[int, list[dict[str, Any]]] = {}
        for project in sorted(projects, key=lambda project: project.id):
            entry = {"id": project.id, "path_with_namespace": project.path}
            below.setdefault(project.namespace, []).append(entry)
        rows = self._inventory.group_rows(root)
        return [{**row, "projects": below.get(row["id"], [])} for row in rows]

    def _details(self, stream: Stream) -> Details:
        """What completes the rows of a list of groups or projects."""

        def tell(where: Place, path: str, error: Skipped | ReadError) -> None:
            message = f"{path} lacks the columns that GitLab's lists leave out. {error}"
            if isinstance(error, ReadError):
                self._report.fail(stream.name, where, ReadError(message, url=error.url))
            elif self._report.skip(stream.name, where, error.reason, message):
                LOGGER.warning("%s: %s", stream.name, message)

        statistics = self._config.statistics
        return Details(self._client, self._prefetcher, tell, statistics=statistics)
