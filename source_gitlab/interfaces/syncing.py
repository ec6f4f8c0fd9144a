"""A sync: the selected streams, read by the engine, into a store that a face has.

Streams with a cursor are upserted, and their state is committed with the rows that it covers every
few seconds. Streams without one are replaced: what GitLab no longer lists leaves its table, or gets
a mark there (`deletions`), but only of groups and projects that were certainly read to their end,
or certainly left the scope. What was refused, failed or was named wrongly keeps its rows, and what
was read beside it is written.

A list that takes no filter of time is read where something in it may have changed, and there it is
replaced; once a day, or a week, it is read everywhere and the table is replaced as a whole.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from source_gitlab.core.selection import NotFound
from source_gitlab.core.state import StateError, StreamState
from source_gitlab.engine.checkpoints import Checkpoint
from source_gitlab.engine.events import Begun, Ended, Rows, State
from source_gitlab.engine.exit_codes import code_of
from source_gitlab.engine.run import Job, Run
from source_gitlab.gitlab.errors import FatalError
from source_gitlab.interfaces.sync_changes import NOTHING, Gone
from source_gitlab.interfaces.sync_progress import Standing
from source_gitlab.interfaces.sync_result import Outcome, Tally
from source_gitlab.timestamps import plus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from source_gitlab.core.extent import Extent
    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Owner, Row
    from source_gitlab.engine.events import Event
    from source_gitlab.interfaces.sync_changes import Changes
    from source_gitlab.interfaces.sync_progress import Progress
    from source_gitlab.streams import Stream

__all__ = ["Outcome", "Store", "Sync", "Tally"]

# What a killed sync reads again, at most.
_COMMIT_SECONDS = 5.0
_COMMIT_ROWS = 50_000
# How long a table is not replaced as a whole. A little less than a day or a week, so that a sync at
# the same hour of each does not come too early.
_WHOLE_HOURS = 24 - 1
_WEEKLY_WHOLE_HOURS = 7 * 24 - 1
_RECENT_HOURS = 1


class Store(Protocol):
    """Where rows and states go. Each error that a method raises ends the sync."""

    @property
    def compares(self) -> bool:
        """Whether the store knows which rows are new and which have changed."""

    def state(self, stream: str) -> dict[str, Any] | None:
        """The state that the last commit of a stream left, None when there is none."""

    def last_commit(self, streams: Collection[str]) -> str | None:
        """When the states of `streams` were written, the oldest; None when one has none."""

    def is_due(self, stream: str, since: str) -> bool:
        """Whether a stream was not replaced as a whole since an instant."""

    def needs_replacing(self, stream: str) -> bool:
        """Whether a stream's table has another key than the stream has now."""

    def shaped(self, stream: str, rows: list[Row], *, is_replaced: bool) -> Any:
        """Rows as `write` takes them, made by the thread that read them.

        `is_replaced` tells that the stream is expected as a whole.
        """

    def write(self, stream: str, rows: Any, owner: Owner | None = None) -> None:
        """Take rows that are shaped; with an `owner` they are all that it has."""

    def commit(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Make all that was written durable, and with it these states, by stream."""

    def begin_replace(self, stream: str) -> None:
        """Expect all rows of a stream from now on."""

    def finish_replace(
        self, stream: str, state: Mapping[str, Any] | None, gone: Gone | None = None, at: str = ""
    ) -> Changes:
        """Take out what did not come and is `gone`; without it, all that did not come is.

        Without a `state`, that of the last commit stays. `at` is when the read began that brought
        the whole stream; it is empty where only a part was read.
        """

    def abandon_replace(self, stream: str) -> None:
        """Forget what was collected of a stream."""

    def changes(self, stream: str) -> Changes:
        """What `write` and `commit` did to a stream's table since the store was opened."""

    def counts(self) -> Mapping[str, int]:
        """Rows in each stream's table; who does not count says 1 where there may be rows."""

    def checkpoint(self) -> None:
        """Do what is left to do behind the last commit."""


class Sync:
    """One sync of `streams` into `store`; run it once.

    With `full_refresh`, every stream is read from the start and replaced when it is complete. What
    is read is committed every `commit_seconds` or `commit_rows`. `also_removed` tells, of a stream
    that is replaced, how many rows have left beside those that its own read missed.
    `behind` is called when all is read: with the streams that were read to their end, and with
    those that were so and whose tables have been replaced; a `FatalError` of it ends the sync.
    """

    def __init__(  # noqa: PLR0913 -- each is a choice of its own
        self,
        session: Session,
        store: Store,
        streams: Iterable[Stream],
        *,
        progress: Progress,
        full_refresh: bool = False,
        commit_seconds: float = _COMMIT_SECONDS,
        commit_rows: int = _COMMIT_ROWS,
        also_removed: Callable[[str], int] = lambda _: 0,
        behind: Callable[[list[Stream], list[Stream]], None] = lambda _, __: None,
    ) -> None:
        self._also_removed = also_removed
        self._behind = behind
        self._session = session
        self._store = store
        self._progress = progress
        self._every = partial(Checkpoint, seconds=commit_seconds)
        self._commits = Checkpoint(commit_rows, commit_seconds)
        self._jobs: list[Job] = []
        self._replaced: set[str] = set()
        self._in_part: set[str] = set()
        self._narrowed = False
        self._began = session.started()
        self._choose(streams, full_refresh=full_refresh)
        self._tallies = {job.stream.name: Tally() for job in self._jobs}
        self._begun: set[str] = set()
        self._ended: set[str] = set()
        self._states: dict[str, Mapping[str, Any]] = {}
        self._started = time.monotonic()

    def _choose(self, streams: Iterable[Stream], *, full_refresh: bool) -> None:
        """Decide for each stream from which state it is read, and whether it is replaced."""
        counts = self._store.counts()
        for stream in streams:
            whole = is_whole(stream, is_due=self._store.is_due, now=self._began)
            is_rekeyed = self._store.needs_replacing(stream.name)
            fresh = full_refresh or whole or is_rekeyed
            raw = None if fresh else self._store.state(stream.name)
            if not fresh and has_left(_state_of(stream, raw), self._session):
                # A full read tells which rows are of what was chosen no more.
                self._narrowed, fresh, raw = True, True, None
            if whole or is_rekeyed or stream.snapshot or (fresh and counts[stream.name]):
                self._replaced.add(stream.name)
            state = _state_of(stream, raw)
            if stream.snapshot and raw is not None:
                self._in_part.add(stream.name)
                # What stands before a position does not come again, and would pass for gone.
                state.positions.clear()
            self._jobs.append(Job(stream, state))
        if self._narrowed:
            self._progress.note(
                "Other groups or projects are chosen than at the last sync: everything is read"
                " again, once, and the rows of those that are chosen no more leave the file."
            )

    def run(self, stopped: threading.Event | None = None) -> Outcome:
        """Read and write everything.

        When `stopped` is set, from any thread or signal handler, it ends early; what is whole is
        committed.

        Raises:
            Exception: what the store raises; it is as of the last commit.
        """
        started = self._started = time.monotonic()
        stopped = stopped or threading.Event()
        outcome = Outcome(self._tallies, self._store.last_commit(self._tallies))
        outcome.compares = self._store.compares
        failure = self._read(stopped)
        self._commit()
        for name in self._replaced & self._begun - self._ended:
            self._give_up(name)
        self._store.commit({})
        if failure is None and not stopped.is_set():
            failure = self._look()
        self._store.checkpoint()
        if isinstance(failure, FatalError):
            outcome.fatal, outcome.fatal_code = str(failure), code_of(failure)
        elif failure is not None:
            raise failure
        outcome.interrupted = stopped.is_set()
        outcome.seconds = time.monotonic() - started
        outcome.requests = self._requests()
        report = self._session.report
        outcome.selection, outcome.skipped = report.selection, report.skipped
        outcome.failed = report.failed
        self._count()
        return outcome

    def _look(self) -> FatalError | None:
        """Let the face look at what it has; what ended it early, if anything did."""
        ended = [job.stream for job in self._jobs if job.stream.name in self._ended]
        whole = [one for one in ended if not self._tallies[one.name].problem]
        compared = [one for one in whole if one.name in self._replaced - self._in_part]
        try:
            self._behind([one for one in whole if one.name not in self._replaced], compared)
        except FatalError as error:
            return error
        return None

    def _read(self, stopped: threading.Event) -> Exception | None:
        """Write what comes; why it ended early, or what was met that no program should meet."""
        run = Run(
            self._session,
            self._jobs,
            every=self._every,
            shape=self._shaped,
            stop=stopped,
            is_told_more=True,
        )
        with closing(iter(run)) as events:
            while True:
                try:
                    event = next(events, None)
                except Exception as error:  # noqa: BLE001 -- told or raised behind the last commit
                    return error
                if event is None:
                    return None
                self._take(event)
                if self._commits.due(event.count if isinstance(event, Rows) else 0):
                    self._commit()
                self._show()

    def _shaped(self, stream: Stream, rows: list[Row]) -> Any:
        return self._store.shaped(stream.name, rows, is_replaced=stream.name in self._replaced)

    def _take(self, event: Event) -> None:
        if isinstance(event, Rows):
            name = event.stream.name
            self._store.write(name, event.rows, event.owner)
            self._tallies[name].read += event.count
        elif isinstance(event, State):
            self._states[event.stream.name] = event.state
        elif isinstance(event, Begun):
            name = event.stream.name
            self._begun.add(name)
            if name in self._replaced:
                self._store.begin_replace(name)
        elif isinstance(event, Ended):
            self._end(event)

    def _end(self, ended: Ended) -> None:
        name, problem = ended.stream.name, ended.problem
        tally = self._tallies[name]
        if not ended.is_finished:
            tally.problem = "The sync ended before this stream did."
            return
        self._ended.add(name)
        tally.problem = str(problem) if problem else None
        tally.misnamed = isinstance(problem, NotFound) and not problem.transient
        if name not in self._replaced:
            return
        # A state that covers what was read is right also when some of it was not.
        told = problem is None or ended.stream.incremental
        state = self._states.pop(name, None)
        self._bring(name, state if told else None, self._gone(ended.stream))

    def _gone(self, stream: Stream) -> Gone | None:
        """Which of the rows that did not come are gone; None: all of them."""
        if stream.keeps or stream.span:
            # GitLab cannot give the figures of these days again.
            return NOTHING
        if stream.name in self._in_part:
            read = self._session.extent(stream, is_part=True)
            return _gone_of(read) if read.ids or read.all_but else NOTHING
        extent = self._session.extent(stream)
        start = self._session.config.start_date
        if start is None or stream.snapshot or not stream.incremental or self._narrowed:
            return None if extent.whole else _gone_of(extent)
        if stream.cursor is None or stream.cursor == "read_at":
            # Nothing in a row tells whether it was asked for.
            return NOTHING
        return _gone_of(extent, since=(stream.cursor, start))

    def _give_up(self, name: str) -> None:
        """End the replacement of a stream that did not end: what was read is kept, nothing goes."""
        if self._store.needs_replacing(name):
            self._store.abandon_replace(name)
        else:
            self._bring(name, None, NOTHING)

    def _bring(self, name: str, state: Mapping[str, Any] | None, gone: Gone | None) -> None:
        # A whole read has the syncs of the next hour read whole, too. These do not count, or syncs
        # every few minutes would never read less.
        is_first = self._store.is_due(name, plus(self._began, hours=-_RECENT_HOURS))
        at = self._began if is_first and name not in self._in_part else ""
        changes = self._store.finish_replace(name, state, gone, at)
        self._tell(self._tallies[name], changes)

    def _commit(self) -> None:
        """Commit what is read, and each state with the rows that it covers."""
        states = {name: one for name, one in self._states.items() if name not in self._replaced}
        self._store.commit(states)
        for name in states:
            del self._states[name]
        self._commits.written()

    def _count(self) -> None:
        after = self._store.counts()
        for name, tally in self._tallies.items():
            tally.total = after[name]
            if name not in self._begun:
                tally.problem = "The sync ended before this stream did."
            if name not in self._replaced:
                self._tell(tally, self._store.changes(name))
            else:
                tally.removed += self._also_removed(name)

    @staticmethod
    def _tell(tally: Tally, changes: Changes) -> None:
        tally.new, tally.updated, tally.removed = changes.new, changes.changed, changes.removed

    def _requests(self) -> int:
        return sum(self._session.client.requests.values())

    def _show(self) -> None:
        client = self._session.client
        self._progress.show(
            Standing(
                rows=sum(tally.read for tally in self._tallies.values()),
                requests=self._requests(),
                ended=len(self._ended),
                streams=len(self._jobs),
                seconds=time.monotonic() - self._started,
                reading={
                    name: tally.read
                    for name, tally in self._tallies.items()
                    if name in self._begun - self._ended
                },
                waiting=client.limits.waiting,
                retrying=len(client.pausing),
            )
        )


def _gone_of(extent: Extent, since: tuple[str, str] | None = None) -> Gone:
    ids, all_but = extent.ids, extent.all_but
    return Gone(extent.column, ids, all_but=all_but, since=since, part=extent.part)


def is_whole(stream: Stream, *, is_due: Callable[[str, str], bool], now: str) -> bool:
    """Whether a sync at `now` reads a stream as a whole, to replace its table.

    `is_due` tells whether a table was not replaced since an instant. In between, a snapshot is read
    where a signal tells that something may have changed.
    """
    if not stream.snapshot:
        return not stream.incremental
    is_weekly = stream.refresh is not None and stream.refresh.signal == "weekly"
    if is_weekly:
        return is_due(stream.name, plus(now, hours=-_WEEKLY_WHOLE_HOURS))
    # Who syncs again within the hour wants to see what has changed, and signals are an hour late.
    is_recent = not is_due(stream.name, plus(now, hours=-_RECENT_HOURS))
    return is_recent or is_due(stream.name, plus(now, hours=-_WHOLE_HOURS))


def _state_of(stream: Stream, raw: Mapping[str, Any] | None) -> StreamState:
    try:
        return StreamState.load(raw, stream)
    except StateError as error:
        message = f"{stream.name}: {error}"
        raise StateError(message) from error


def has_left(state: StreamState, session: Session) -> bool:
    """Whether a state covers something that may be chosen no more.

    A sync reads the stream from the start then, which tells whose rows leave.
    """
    if state.origin is None:
        return False
    archived = session.config.include_archived
    return state.origin.lost(session.inventory.roots().chosen, archived=archived)
