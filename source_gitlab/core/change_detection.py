"""Which lists that take no time filter have to be read again, because something in them may differ.

What tells is a signal that costs little: the project's own `last_activity_at` or `updated_at`, or
one list that a chosen group has of the same things in all its projects. Such a list is compared as
a whole while it is short. Of a longer one, the first page and the number of rows are: what is
created or deleted shows, what is only renamed further behind, or made up for by an equal number,
does not. No signal of GitLab's is complete (the protection of a branch is no activity either), so
everything is read again after a day at the latest.

What a project shows of the groups above it (their labels) changes without a trace in such a list
when the project moves, which touches the project. When a whole group moves, nothing tells of it.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from source_gitlab.core.pipeline_probe import PipelineProbe
from source_gitlab.core.row_key import ID
from source_gitlab.core.state import ProjectsListed
from source_gitlab.core.walks.list_length import count_beyond
from source_gitlab.core.walks.pages import PER_PAGE, read_pages
from source_gitlab.gitlab.errors import FatalError, GitlabError
from source_gitlab.gitlab.lists import Whole
from source_gitlab.streams import root_of
from source_gitlab.timestamps import day, plus, seconds_ahead

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from source_gitlab.core.inventory import Group, Project
    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.slices import Row
    from source_gitlab.core.state import StreamState
    from source_gitlab.gitlab.client import Answer, Client, Query
    from source_gitlab.streams import Refresh, Stream

# GitLab writes last_activity_at once an hour at most (RESET_PROJECT_ACTIVITY_INTERVAL).
_ACTIVITY_LAG_HOURS = 1
_LONGEST_HOURS = {"weekly": 7 * 24}
_DAY_HOURS = 24
# A longer list is not compared row by row.
_SHORT_PAGES = 3


class ChangeProbes:
    """Asks for signals, each at most once a read. Thread-safe."""

    def __init__(self, client: Client, prefetcher: Prefetcher, lookback_minutes: int) -> None:
        """Ask nothing yet."""
        self._client = client
        self._prefetcher = prefetcher
        self._lookback_minutes = lookback_minutes
        self._lock = threading.Lock()
        self._digests: dict[tuple[int, str], str | None] = {}
        self._pipeline_probe = PipelineProbe(client)

    def watch(
        self, stream: Stream, roots: tuple[Group, ...], state: StreamState, start: str
    ) -> None:
        """Note in `state` which chosen groups hold another list than at the last read."""
        if stream.refresh is None or stream.refresh.signal != "list":
            return
        for root in roots:
            digest = self._digest(root, stream.refresh)
            if digest is None:
                state.projects_listed.pop(root.id, None)
            elif root.id not in state.projects_listed:
                state.projects_listed[root.id] = ProjectsListed(digest, start)
            elif state.projects_listed[root.id].digest != digest:
                # GitLab tells its time in whole seconds, so this read may have begun in the same
                # one as the read before; what that one brought must not pass for this one's.
                known = (one for one in state.projects.values() if not seconds_ahead(one, start))
                newest = max(known, default=start)
                changed = max(start, plus(newest, milliseconds=1))
                state.projects_listed[root.id] = replace(
                    state.projects_listed[root.id], digest=digest, changed=changed
                )

    def is_quiet(
        self,
        stream: Stream,
        through: str | None,
        start: str,
        *,
        project: Project | None = None,
        projects_listed: ProjectsListed | None = None,
    ) -> bool:
        """Whether what was read up to `through` certainly is as it was, or is read again today.

        `projects_listed` is what is known of the group's list; None when there is none to go by.
        """
        if stream.refresh is None or through is None or _is_due(stream, through, start):
            return False
        if stream.refresh.signal == "list" and not _covers(projects_listed, through):
            return False
        if stream.refresh.signal == "list" and project is None:
            return True
        if stream.refresh.signal in {"daily", "weekly"}:
            return True
        # What happened in the very second of the last read's start may have been too late for it.
        since = plus(through, minutes=-self._lookback_minutes)
        if stream.refresh.signal in {"touch", "list"}:
            moved = project.updated_at if project else None
        else:
            moved = project.last_activity_at if project else None
            since = plus(since, hours=-_ACTIVITY_LAG_HOURS)
        return moved is not None and moved < since

    def resting(
        self,
        stream: Stream,
        through: Mapping[Project, str | None],
        state: StreamState,
        start: str,
    ) -> frozenset[int]:
        """Of projects that were read `through` an instant, those whose list has no new rows.

        The first read of each day (UTC) asks for all lists: it looks for what comes late, and for
        what comes without what it moves with. The rest of a list, and what did not come before, is
        read as ever.

        Raises:
            FatalError: nothing else can be read either.
        """
        moves_with = root_of(stream).moves_with
        if moves_with is None or stream.recheck or stream.moved_by or len(state.owed):
            return frozenset()
        since = {
            project: plus(last, minutes=-self._lookback_minutes)
            for project, last in through.items()
            if last
            and day(last) == day(start)
            and not seconds_ahead(last, start)
            and f"project:{project.id}" not in state.positions
        }
        if moves_with == "activity":
            return frozenset(
                project.id
                for project, instant in since.items()
                if project.last_activity_at is not None
                and project.last_activity_at < plus(instant, hours=-_ACTIVITY_LAG_HOURS)
            )
        asked = {project.id: instant for project, instant in since.items()}
        return self._pipeline_probe.quiet(asked, may_run=moves_with == "pipelines")

    def _digest(self, root: Group, refresh: Refresh) -> str | None:
        """A digest of the group's list, whatever its order; None when it cannot be read."""
        with self._lock:
            asked = (root.id, refresh.path)
            if asked not in self._digests:
                path = f"groups/{root.id}/{refresh.path}"
                try:
                    self._digests[asked] = self._ask_digest(path, dict(refresh.query))
                except FatalError:
                    raise
                except GitlabError:
                    # Without this signal every list is asked itself, and says what is wrong.
                    self._digests[asked] = None
            return self._digests[asked]

    def _ask_digest(self, path: str, query: Query) -> str:
        lists = Whole(self._client)
        first = lists.rows(path, {**query, "per_page": PER_PAGE}, ID.checked)
        if first.total is None and "page" in (first.next or {}):
            first = replace(first, total=count_beyond(self._client, path, query))
        if first.total is not None and first.total > _SHORT_PAGES * PER_PAGE:
            return digest_of_long(first)
        pages = read_pages(lists, self._prefetcher, path, query, ID, first=first)
        return _digest_of(row for rows in pages for row in rows)


def _is_due(stream: Stream, through: str, start: str) -> bool:
    """Whether what was read up to `through` is to be read again whatever any signal says."""
    signal = stream.refresh.signal if stream.refresh else ""
    if plus(through, hours=_LONGEST_HOURS.get(signal, _DAY_HOURS)) <= start:
        return True
    if stream.keeps and day(through) != day(start):
        # The figures of a day that has no read are lost.
        return True
    # It was written by a clock that was wrong, and tells nothing of what was read.
    return bool(seconds_ahead(through, start))


def _covers(projects_listed: ProjectsListed | None, through: str) -> bool:
    """Whether the list of a group is what it was when a project was read."""
    return (
        projects_listed is not None
        and projects_listed.changed is not None
        and through >= projects_listed.changed
    )


def digest_of_long(first: Answer) -> str:
    """A digest of a list by name, of which only the first page and the total are known.

    Rows of one name stand in any order (app/finders/labels_finder.rb sorts by the title alone), so
    those of the last name on the page are not compared: the next time it may show others of them.
    """
    last = first.data[-1].get("name") if first.data else None
    return _digest_of((row for row in first.data if row.get("name") != last), first.total)


def _digest_of(rows: Iterable[Row], total: int | None = None) -> str:
    """A digest of rows, whatever their order, and of the number of rows where they are not all."""
    texts = sorted(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) for row in rows)
    return hashlib.blake2b(b"\n".join([*texts, b"%d" % (total or 0)]), digest_size=8).hexdigest()
