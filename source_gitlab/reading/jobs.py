"""Jobs: the project's own list by id, newest first, and the pipelines that moved since.

The list takes no time filter, and its keyset exists in descending order of id only
(https://docs.gitlab.com/api/jobs/#list-project-jobs), so new jobs are read from the top down to the
first that was created before the last read. A job that existed then may have started, finished,
been retried or played since; its pipeline has moved with it, so the jobs of moved pipelines are
read too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from source_gitlab.client.http import pages_of
from source_gitlab.reading.instants import instant, plus
from source_gitlab.reading.pages import PER_PAGE, read_pages
from source_gitlab.reading.slices import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from source_gitlab.client.http import Client, Query
    from source_gitlab.reading.ahead import Ahead
    from source_gitlab.reading.slices import Row, Slice


@dataclass(frozen=True)
class Jobs:
    """The jobs of one project.

    `pipelines` are its lists of pipelines (usual and child ones): each takes an instant, and
    yields the rows that moved since, with the instant up to which that is all.
    """

    client: Client
    ahead: Ahead
    path: str
    query: Query
    pipelines: tuple[Callable[[str], Iterator[tuple[list[Row], str | None]]], ...]
    lookback_minutes: int

    def pages(self, slice_: Slice, first_start: str | None) -> Iterator[Page]:
        """Jobs changed since the slice's `since`, then those created since, newest first.

        A long list is not lost to a kill: each page says where to go on (`position`), and a slice
        with a position is first read to its end. `first_start` is the start_date of the user.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        since = slice_["since"] or first_start
        position = slice_.get("position")
        if position:
            yield from self._newest(position)
            since = plus(position["start"], minutes=-self.lookback_minutes)
            yield Page([], through=position["start"], position={})
        # Before the new jobs: once a page of those has a position, the read goes on from there.
        if position or slice_["since"]:
            yield from self._moved(str(since))
        top = {**self.query, "per_page": PER_PAGE}
        yield from self._newest({"next": top, "since": since, "start": slice_["start"]})

    def _newest(self, position: Mapping[str, Any]) -> Iterator[Page]:
        """From `position` down to what was created before its `since`, if it has one.

        The position that a page leaves is that of the read which began at its `start`: jobs that
        were created since then stand above it, whoever goes on from there.
        """
        since = position["since"]
        query: Query = position["next"]
        for answer in pages_of(lambda query: self.client.rows(self.path, query), query):
            rows = answer.data
            if since:
                rows = [row for row in rows if instant(row["created_at"]) >= since]
            ended = len(rows) < len(answer.data) or answer.next is None
            yield Page(rows, position=None if ended else {**position, "next": answer.next})
            if ended:
                return

    def _moved(self, since: str) -> Iterator[Page]:
        base = self.path.removesuffix("jobs")
        moved = (
            row
            for pipelines in self.pipelines
            for rows, _ in pipelines(since)
            for row in rows
            # Every job of a younger pipeline is younger too, so it was in the list.
            if instant(row["created_at"]) < since
        )

        def jobs_of(pipeline: Row) -> list[Row]:
            path = f"{base}pipelines/{pipeline['id']}/jobs"
            query = {"include_retried": True}
            return [
                row
                for rows in read_pages(self.client, None, path, query, ("id",))
                for row in rows
                if instant(row["created_at"]) < since
            ]

        tasks = (partial(jobs_of, pipeline) for pipeline in moved)
        for rows in self.ahead.in_order(tasks, 2 * self.ahead.workers):
            if rows:
                yield Page(rows)
