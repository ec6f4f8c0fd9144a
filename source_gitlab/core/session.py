"""One read of a GitLab, shared by all streams: their slices, their rows, and what went wrong."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.core.access_levels import ROLES, depends_on_role, hides_rows
from source_gitlab.core.change_detection import ChangeProbes
from source_gitlab.core.inventory import PROJECTS, Inventory
from source_gitlab.core.membership import (
    Membership,
    column_of,
    lists_projects,
    may_be_idle,
    only_groups,
)
from source_gitlab.core.opening import Opening
from source_gitlab.core.planner import Planner
from source_gitlab.core.prefetch import Prefetcher
from source_gitlab.core.row_validation import Keys, as_documented, documented, first_of
from source_gitlab.core.selection import NotFound, nothing_left
from source_gitlab.core.skip_log import SkipLog
from source_gitlab.core.slice_reader import SliceReader
from source_gitlab.core.slices import Page, Place
from source_gitlab.core.state import SliceProgress, StreamState
from source_gitlab.core.state.owed_parents import MOST, Room
from source_gitlab.core.verification.verification import Verification
from source_gitlab.core.walks.changed_rows import is_opened
from source_gitlab.core.walks.distinct_rows import DistinctRows
from source_gitlab.gitlab.connection import Connection
from source_gitlab.gitlab.decoding import DEEPEST
from source_gitlab.gitlab.errors import Cancelled, FatalError, GitlabError, ReadError, Skipped
from source_gitlab.gitlab.graphql import address_of
from source_gitlab.gitlab.lists import Arrivals
from source_gitlab.streams import root_of, streams

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterator

    from requests.adapters import BaseAdapter
    from typing_extensions import Self

    from source_gitlab.config import Config
    from source_gitlab.core.extent import Extent
    from source_gitlab.core.slices import Slice
    from source_gitlab.gitlab.auth import NewTokens
    from source_gitlab.gitlab.client import Retries
    from source_gitlab.gitlab.connection import Share
    from source_gitlab.gitlab.pagination import Missed
    from source_gitlab.gitlab.tuning import Tuning
    from source_gitlab.streams import Stream
    from source_gitlab.tokens.rotation import TokenRotation

LOGGER = logging.getLogger("source_gitlab")

# A read of more streams takes so long that a moment at its start is nothing; and a name that does
# not resolve costs a request for each that was made with it.
_MOST_OPENED = 3


class Session:
    """What every face drives: plan a stream, then read its slices, from as many threads as wanted.

    `on_rotated` is called with renewed OAuth tokens before they are used; `rotation` keeps them
    where no profile of this machine does. Rows nested deeper than `deepest` levels are stepped
    over, for the face could not write them. These and the others are handed to the `Connection`
    that the session opens and closes; over a `connection` that is given, which stays open, they
    say nothing, and one session may follow the other. What is chosen is said by `config` in both
    cases. With `raw_rows`, rows are `RawRow`s where nothing changes them.

    Raises:
        ValueError: the connection that is given is to another GitLab.
    """

    def __init__(  # noqa: PLR0913 -- everything that differs between those who open one
        self,
        config: Config,
        *,
        on_rotated: Callable[[NewTokens], None] | None = None,
        retries: Retries | None = None,
        rotation: TokenRotation | None = None,
        deepest: int = DEEPEST,
        transport: BaseAdapter | None = None,
        tuning: Tuning | None = None,
        share: Share | None = None,
        connection: Connection | None = None,
        raw_rows: bool = False,
    ) -> None:
        """Make no request yet."""
        self._is_own = connection is None
        self.connection = connection or Connection(
            config,
            on_rotated=on_rotated,
            rotation=rotation,
            retries=retries,
            deepest=deepest,
            transport=transport,
            tuning=tuning,
            share=share,
        )
        if config.base_url != self.connection.base_url:
            message = f"The connection is to {self.connection.base_url}, not to {config.base_url}."
            raise ValueError(message)
        workers = self.connection.config.num_workers
        config = self.config = replace(config, num_workers=workers)
        self.report = SkipLog()
        self.client = self.connection.client()
        self.prefetcher = Prefetcher(config.num_workers)
        self._is_begun = False
        self._distinct_rows: defaultdict[str, DistinctRows] = defaultdict(DistinctRows)
        self._rooms: defaultdict[str, Room] = defaultdict(Room)
        opening = self._opening = Opening(config, self.prefetcher)
        self.inventory = Inventory(self.client, config, self.prefetcher, self.report, opening)
        self.report.path_of = self.inventory.path_of
        change_probes = ChangeProbes(self.client, self.prefetcher, config.lookback_minutes)
        membership = Membership(self.client, config, self.inventory, self.prefetcher, self.report)
        self._planner = Planner(self.client, config, self.inventory, change_probes, membership)
        self._reader = SliceReader(
            self.client,
            config,
            self.inventory,
            self.prefetcher,
            self.report,
            started=self._planner.start.started,
            version=self._planner.start.version,
            entered=self._planner.entered,
            user=membership.access_levels.user,
            opening=opening,
            raw_rows=raw_rows,
        )

    def started(self) -> str:
        """When this read began, as far as GitLab's clocks are known."""
        return self._planner.start.started()

    def __enter__(self) -> Self:
        """Use the session for the length of a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what is still under way, and close all connections."""
        self.close()

    def close(self) -> None:
        """Stop what is still under way, and close the connection if it is the session's own."""
        self.stop()
        self.prefetcher.close()
        if self._is_own:
            self.connection.close()

    def stop(self) -> None:
        """Let every request of this session end; those of other sessions go on."""
        self.client.stop.set()

    def begin(self, fresh: Collection[Stream] = ()) -> None:
        """Find out what was chosen, before anything is read, or made in a destination.

        A face calls this first. It costs the requests that planning makes otherwise, and none when
        it is called again. A name that does not resolve is in `report.selection`, once for the
        whole read, and what was named beside it can be read. With `fresh`, streams that are read
        without a state next, what reading them asks first is asked at the same time.

        Raises:
            NotFound: nothing that was named resolves, so there is nothing to read.
            Unauthorized: the token was refused.
            GitlabError: GitLab could not be asked.
        """
        if not self._is_begun:
            self._is_begun = True
            self._open(fresh)
        with as_documented(self.client.api_url):
            problem = nothing_left(self.inventory.roots())
        if problem is not None:
            raise problem

    def _open(self, fresh: Collection[Stream]) -> None:
        """Make the first requests of a read of these streams, as far as one name tells them."""
        opening, kind, name = self._opening, self._opening.kind, self._opening.name
        if name is None or not 0 < len(fresh) <= _MOST_OPENED:
            return
        # No request of a read is older than its start.
        self._planner.start.begin()
        levels = self._planner.membership.access_levels
        if any(map(hides_rows, fresh)):
            self.prefetcher.submit(levels.user)
        if kind == "group" and any(map(lists_projects, fresh)):
            opening.ask(PROJECTS, partial(self.inventory.first_projects, name))
        if kind == "group" and any(map(depends_on_role, fresh)):
            opening.ask(ROLES, partial(levels.first_count, name))
        # Not the rows of a group: a project that is shown between them and the list of projects
        # would pass for one whose rows have come.
        if kind == "project":
            for stream in filter(is_opened, fresh):
                opening.ask(stream.name, partial(self._reader.open, stream, kind, name))

    def verification(self) -> Verification:
        """What compares a copy with GitLab, as this session sees it."""
        return Verification(
            self.client,
            self.prefetcher,
            self.inventory,
            self._planner.membership,
            is_mine=self._planner.is_mine,
            lookback_minutes=self.config.lookback_minutes,
            started=self.started,
        )

    def plan(self, stream: Stream, state: StreamState) -> Iterator[Slice]:
        """The slices of `stream` that have to be read, given its state.

        Raises:
            NotFound: after all slices: a group or project that the user named does not resolve.
            OtherInstance, StartsAhead: the state or the start date does not fit this GitLab.
            StateError: the state is not one of this stream.
            GitlabError: GitLab could not be asked what is in scope.
        """
        self._distinct_rows[stream.name] = DistinctRows()
        self._rooms[stream.name] = Room(max(0, MOST - len(state.owed)))
        extents = self.report.extents
        for slice_ in documented(self._planner.plan(stream, state), self.client.api_url):
            extents.plan(stream.name, slice_, deep=self._is_deep(stream, slice_))
            yield slice_
        if self._planner.is_whole(stream):
            extents.planned(stream.name)

    def extent(self, stream: Stream, *, is_part: bool = False) -> Extent:
        """How much of `stream` was read: which rows that did not come may count as gone.

        Ask when every slice that was planned without a state has been read or has failed. With a
        state a read leaves out what did not change, which is then not gone: of a snapshot, ask for
        the extent of a part, which is that of the slices that were read. What was skipped,
        failed, stepped over or never read keeps its rows; so does everything of which it is not
        known whether it is in scope, when a name does not resolve, a chosen group is refused, or a
        list of groups or projects breaks.
        """

        def members(group: int) -> frozenset[int] | None:
            return self.inventory.known_members(group, of_groups=only_groups(stream))

        kind, sharding = self._planner.kind(stream), self._planner.sharding
        column, is_split = column_of(stream), sharding.is_split(kind)
        scope: frozenset[int] | None = frozenset()
        if is_part:
            is_of_groups = column == "group_id"
            scope = self.inventory.scope(of_groups=is_of_groups) if column else None
        found = self.report.extents.of(
            stream.name,
            column,
            members,
            is_split=is_split or scope is None,
            scope=scope or frozenset(),
        )
        return sharding.narrowed(stream, kind, found)

    def _is_deep(self, stream: Stream, slice_: Slice) -> bool:
        return self._planner.kind(stream) == "selection" and "group" not in slice_

    def read(self, stream: Stream, slice_: Slice, state: StreamState) -> Iterator[Page]:
        """The rows of a slice, page by page; `state` follows.

        When the next page is taken, the rows of the page before count as delivered, and `state`
        says so; at the end the whole slice does.

        Raises:
            NotFound, ReadError, FatalError: as `read_slice` raises them; the state covers what was
                taken before.
        """
        for page in self.read_slice(slice_):
            if not page.is_end:
                yield page
            if stream.incremental:
                state.apply(page.progress)

    def read_slice(self, slice_: Slice) -> Iterator[Page]:
        """The rows of a slice, page by page, each with the progress that it brings.

        It takes no state, so that a slice reads the same in another process. Whoever holds the
        state applies a page's progress once its rows are delivered. A slice that GitLab refuses
        ends early and is in the report, and brings no progress from there on.

        Raises:
            NotFound: a chosen group cannot be listed.
            ReadError: the slice failed, or, at its end, rows of it did not come.
            FatalError: nothing else can be read either.
        """
        stream = streams()[slice_["stream"]]
        known = StreamState.load(slice_.get("known"))
        known.owed.room = self._rooms[stream.name]
        progress = SliceProgress(slice_, known)
        where = self._place(slice_)
        problems: list[Missed] = []
        try:
            idle = yield from self._pages(stream, slice_, progress, problems)
        except GitlabError as error:
            is_complete = self._is_skip(stream, where, error)
            if stream.incremental:
                yield Page([], progress=progress.rest(), is_end=True)
            if is_complete:
                return
            if isinstance(error, FatalError):
                raise
            raise first_of(problems) or error from error
        if stream.incremental:
            end = progress.rest() if idle else progress.closed(self._certain(slice_))
            yield Page([], progress=end, is_end=True)
        self._end(stream, slice_, problems)

    def _pages(
        self, stream: Stream, slice_: Slice, progress: SliceProgress, problems: list[Missed]
    ) -> Generator[Page, None, bool]:
        """The pages of a slice, whose `problems` are noted; whether it keeps its watermark.

        Raises:
            GitlabError: the slice ended.
        """
        where, known = self._place(slice_), progress.known
        # The children of many parents have no address together.
        root, api_url = root_of(stream), self.client.api_url
        url = f"{api_url}/{root.addresses(slice_['container'], slice_['id'])[0]}"
        if root.walk == "graphql":
            url = address_of(api_url)
        arrivals = Arrivals()
        pages = self._reader.pages(stream, slice_, known, arrivals)
        idle = False
        if stream.incremental and self._planner.kind(stream) == "selection":
            idle = may_be_idle(slice_)
            pages = self._planner.membership.watched(stream, slice_, known, pages, arrivals)
        for page in documented(Keys(stream).checked(pages, url), url):
            idle = idle and not page.rows
            problems += self._left_out(stream, where, page.missed)
            if stream.distinct:
                page.rows = self._distinct_rows[stream.name].of(page.rows, stream.key)
            if stream.incremental:
                page.progress = progress.of(page, self._certain(slice_))
            yield page
            if page.progress:
                known.apply(page.progress)
        return idle

    def _certain(self, slice_: Slice) -> str:
        """When the slice's read began, no later than all clocks that are known by now tell."""
        return min(slice_["start"], self._planner.start.started())

    def _end(self, stream: Stream, slice_: Slice, problems: list[Missed]) -> None:
        problem = first_of(problems)
        if problem is not None:
            raise problem
        if not problems:
            self.report.extents.read(stream.name, slice_, deep=self._is_deep(stream, slice_))

    def _left_out(self, stream: Stream, where: Place, missed: list[Missed]) -> list[Missed]:
        """Report what did not come; the rows among it."""
        for one in missed:
            if one.reason == "failed":
                self.report.fail(stream.name, where, ReadError(one.message, url=one.url))
            elif self.report.skip(stream.name, where, one.reason, one.message):
                called = self.report.called(where)
                LOGGER.warning("%s: left out a part of %s. %s", stream.name, called, one.message)
        return [one for one in missed if one.lacks]

    def _is_skip(self, stream: Stream, where: Place, error: GitlabError) -> bool:
        """Note what ended a slice, and say whether the stream is complete all the same."""
        if isinstance(error, NotFound):
            # It is in the report already, once for all streams.
            return error.skipped
        if isinstance(error, Skipped):
            if self.report.refused(stream, where, error):
                LOGGER.warning("%s: skipped %s. %s", stream.name, self.report.called(where), error)
            return True
        if isinstance(error, Cancelled):
            return False  # whoever gave it up knows why
        if isinstance(error, FatalError):
            self.report.stop(error)
        else:
            self.report.fail(stream.name, where, error)
        return False

    def _place(self, slice_: Slice) -> Place:
        """What a slice reads."""
        if slice_["container"] == "instance":
            return Place("the instance", None)
        if slice_["container"] != "inventory":
            return Place(slice_["container"], slice_["id"])
        if not slice_["id"]:
            return Place("the chosen projects", None)
        return Place(f"the projects of {self.report.called(Place('group', slice_['id']))}", None)
