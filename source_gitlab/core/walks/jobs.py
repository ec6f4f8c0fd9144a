"""Jobs: those of pipelines that moved, and the project's own list by id, newest first.

The list takes no time filter, and its keyset exists in descending order of id only
(https://docs.gitlab.com/api/jobs/#list-project-jobs), so new jobs are read from the top down to the
first that was created before the last read and has no higher id than the list had then: imported
jobs keep the time at which they were created, but their ids are new. A job that existed then may
have started, finished, been retried or played since; its pipeline has moved with it, so the jobs
of moved pipelines are read too.

Where no pipeline moved, the list is left alone: a new job comes with a new pipeline, or moves an
old one when that changes its status, now or later, and its jobs are all read then. What this
passes over is what the first read of each day (UTC) asks the list for, moved or not: jobs of
pipelines that never change their status again, and of those that stand in neither list. Both
lists lack pipelines of unknown source, a NULL that `source != parent_pipeline` drops, and, before
GitLab 17.0, child pipelines (`prefiltered_pipelines` in app/finders/ci/pipelines_finder.rb,
`no_child` in app/models/ci/pipeline.rb).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from source_gitlab.core.row_key import RowKey
from source_gitlab.core.slices import Page
from source_gitlab.core.walks.pages import PER_PAGE
from source_gitlab.gitlab.client import pages_of
from source_gitlab.timestamps import day, instant, plus

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from source_gitlab.core.slices import Row, Slice
    from source_gitlab.core.walks.children import Children
    from source_gitlab.gitlab.client import Query
    from source_gitlab.gitlab.lists import Lists


@dataclass(frozen=True)
class Jobs:
    """The jobs of one project.

    `pipelines` are its lists of pipelines (usual and child ones): each takes an instant, and
    yields the rows that moved since, with the instant up to which that is all. `below` reads the
    jobs of pipelines. `entered` is called where jobs that came since the last read are passed over,
    being older than the start date.
    """

    client: Lists
    below: Children
    path: str
    query: Query
    pipelines: tuple[Callable[[str], Iterator[tuple[list[Row], str | None]]], ...]
    lookback_minutes: int
    entered: Callable[[], None]

    def pages(self, slice_: Slice, first_start: str | None, top: int | None) -> Iterator[Page]:
        """Jobs changed since the slice's `since`, then those created since, newest first.

        A long list is not lost to a kill: each page says where to go on (`position`), and a slice
        with a position is first read to its end. `first_start` is the start_date of the user,
        `top` the highest id that was in the list when it was last read to its end.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        bound = slice_["since"] or first_start
        below = top if slice_["since"] else None
        through = None
        position = slice_.get("position")
        if position:
            yield from self._newest(position, first_start)
            through = position["start"]
            below = position.get("top", below)
            yield Page([], through=through, position={})
        elif slice_["since"]:
            through = plus(slice_["since"], minutes=self.lookback_minutes)
        if through:
            bound = plus(through, minutes=-self.lookback_minutes)
            # Before the new jobs: once a page of those has a position, the read goes on from there.
            moved = yield from self._moved(bound)
            if day(through) < day(slice_["start"]):
                unread = self._unread_since(through)
                if first_start and unread < first_start:
                    self.entered()
                bound = min(bound, max(unread, first_start or ""))
            elif not moved:
                return
        first = {**self.query, "per_page": PER_PAGE}
        walk: dict[str, Any] = {"next": first, "since": bound, "start": slice_["start"]}
        walk["above"] = 0
        if below is not None:
            walk["below"] = below
        yield from self._newest(walk, first_start)

    def _unread_since(self, through: str) -> str:
        """From when on jobs may be unread whose pipelines did not move; `through`: the last read.

        The first read of its day asked the list, at 00:00 or later, and brought all jobs that
        were created before, but for those of transactions still open. Later reads of the day did
        not ask it; or they did because pipelines moved, and went down to the read before them.
        That is enough for what moved, whose older jobs come from the pipelines, and for nothing
        else. A read that was killed within the list counts as soon as a later one has finished
        it: only then does its start become `through`.
        """
        return plus(f"{day(through)}T00:00:00.000Z", minutes=-self.lookback_minutes)

    def _newest(self, position: Mapping[str, Any], first_start: str | None) -> Iterator[Page]:
        """From `position` down to what was there before, if it says what that is.

        The position that a page leaves is that of the read which began at its `start`: jobs that
        were created since then stand above it, whoever goes on from there.
        """
        since, below, top = (position.get(name) for name in ("since", "below", "top"))
        query: Query = position["next"]
        found = dict(position)
        # How many rows stand above, by which the list goes on below one that does not come.
        above = position.get("above")
        if above is not None:
            self.client.place(self.path, query, above)
        url = f"{self.client.api_url}/{self.path}"
        page = partial(self.client.rows, self.path, sound=RowKey.of(self.below.stream).checked)
        for answer in pages_of(page, query, url):
            rows = answer.data
            if top is None and rows:
                top = found["top"] = rows[0]["id"]
            if since:
                if first_start and any(_is_hidden(row, below, first_start) for row in rows):
                    self.entered()
                rows = [row for row in rows if _is_new(row, since, below, first_start)]
            if below is None:
                # Nothing tells how far down something new may be. A page of old jobs is believed.
                ended = bool(since) and not rows
            else:
                ended = any(
                    row["id"] <= below and _is_older(row, since or "") for row in answer.data
                )
            ended = ended or answer.next is None
            above = None if above is None else above + len(answer.data) + len(answer.missed)
            if ended:
                # Whatever comes into a list that is empty is new, however old it looks.
                yield Page(rows, top=top or 0)
                return
            following = {**found, "next": answer.next, "above": above}
            yield Page(rows, position=following if _is_text(answer.next or {}) else None)

    def _moved(self, since: str) -> Generator[Page, None, bool]:
        """Jobs older than `since` of the pipelines that moved since; whether any pipeline did."""
        number = int(self.path.split("/")[1])
        any_moved = False

        def older() -> Iterator[Page]:
            nonlocal any_moved
            for pipelines in self.pipelines:
                for rows, _ in pipelines(since):
                    any_moved = any_moved or bool(rows)
                    # Every job of a younger pipeline is younger too, so the list has it.
                    parents = [row for row in rows if _is_older(row, since, undated=True)]
                    yield Page([{**row, "project_id": number} for row in parents])

        def older_jobs(rows: list[Row], _: Row) -> list[Row]:
            return [row for row in rows if _is_older(row, since, undated=True)]

        yield from replace(self.below, transform=older_jobs).pages(older())
        # Those of a pipeline that is owed may be younger than an earlier read of the list.
        yield from replace(self.below, transform=lambda rows, _: rows).again()
        return any_moved


def _is_new(row: Row, since: str, below: int | None, first_start: str | None) -> bool:
    """Whether a job was created since the last read, or came since then with an older time."""
    if below is not None and row["id"] > below:
        since = first_start or ""
    return not _is_older(row, since)


def _is_hidden(row: Row, below: int | None, first_start: str) -> bool:
    """Whether a job came since the last read, and is older than the start date."""
    return below is not None and row["id"] > below and _is_older(row, first_start)


def _is_older(row: Row, since: str, *, undated: bool = False) -> bool:
    """Whether a row was created before `since`; `undated` is the answer where nobody knows.

    Imported pipelines and jobs may lack the time (`created_at` is nullable in ci_pipelines and
    p_ci_builds, db/structure.sql).
    """
    created_at = row.get("created_at")
    return undated if created_at is None else instant(created_at) < since


def _is_text(query: Query) -> bool:
    """Whether a query can stand in a state, which is UTF-8."""
    return "".join(map(str, query.values())).isprintable()
