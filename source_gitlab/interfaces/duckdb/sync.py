"""A sync: the selected streams, read by the core, into a store.

Streams with a cursor are upserted, and their state is committed with the rows that it covers every
few seconds. Streams without one are replaced: what GitLab no longer lists disappears, but only of
groups and projects that were certainly read to their end, or certainly left the scope. What was
refused, failed or was named wrongly keeps its rows, and what was read beside it is written.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from source_gitlab.core.origin_check import selection
from source_gitlab.core.state import StateError, StreamState
from source_gitlab.engine.exit_codes import DONE, INCOMPLETE, INTERRUPTED, USAGE, code_of
from source_gitlab.engine.feed import Begun, Failed, Feed, Rows, Run
from source_gitlab.gitlab.errors import FatalError
from source_gitlab.interfaces.duckdb.merging import NOTHING, Gone

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from source_gitlab.config import Config
    from source_gitlab.core.outcome import Entry
    from source_gitlab.core.session import Session
    from source_gitlab.engine.feed import Message
    from source_gitlab.interfaces.duckdb.progress import Progress
    from source_gitlab.interfaces.duckdb.store import Store
    from source_gitlab.streams import Stream

# What a killed sync reads again, at most.
_COMMIT_SECONDS = 5.0
_COMMIT_ROWS = 50_000


@dataclass
class Tally:
    """What a sync did to one stream, in rows; `total` is what the file holds at the end."""

    read: int = 0
    new: int = 0
    updated: int = 0
    removed: int = 0
    total: int = 0
    problem: str | None = None
    misnamed: bool = False


@dataclass
class Outcome:
    """What a sync did. `since` is when the file was last synced before, or None.

    `fatal` is why the sync stopped early, and `fatal_code` the exit code that it makes;
    `interrupted` tells that the user stopped it.
    """

    tallies: dict[str, Tally]
    since: str | None
    requests: int = 0
    seconds: float = 0.0
    selection: list[Entry] = field(default_factory=list)
    skipped: list[Entry] = field(default_factory=list)
    failed: list[Entry] = field(default_factory=list)
    fatal: str | None = None
    fatal_code: int = INCOMPLETE
    interrupted: bool = False

    @property
    def complete(self) -> bool:
        """Whether every stream was read to its end."""
        return self.fatal is None and not self.interrupted and not self.incomplete

    @property
    def code(self) -> int:
        """The exit code that says it to a scheduler."""
        if self.interrupted:
            return INTERRUPTED
        if self.fatal is not None:
            return self.fatal_code
        if not self.incomplete:
            return DONE
        # What was named wrongly stays wrong, however often it is read; what failed may not.
        failed = any(entry.reason == "failed" for entry in self.selection)
        return USAGE if set(self.incomplete) <= self.misnamed and not failed else INCOMPLETE

    @property
    def misnamed(self) -> set[str]:
        """The streams that lack nothing but what the user named and is not there."""
        return {name for name, tally in self.tallies.items() if tally.misnamed}

    @property
    def incomplete(self) -> dict[str, str]:
        """Why, by stream that was not read to its end."""
        return {name: tally.problem for name, tally in self.tallies.items() if tally.problem}

    @property
    def changed(self) -> int:
        """Rows that are new, updated or gone."""
        return sum(t.new + t.updated + t.removed for t in self.tallies.values())


class Sync:
    """One sync of `streams` into `store`; run it once.

    With `full_refresh`, every stream is read from the start and replaced when it is complete. What
    is read is committed every `commit_seconds`.
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
    ) -> None:
        self._commit_seconds = commit_seconds
        self._session = session
        self._store = store
        self._progress = progress
        self._stopped = threading.Event()
        self._failure: BaseException | None = None
        self._runs: list[Run] = []
        self._replaced: set[str] = set()
        counted = store.counts()
        narrowed = False
        for stream in streams:
            # A snapshot brings no word of what is gone, so its table is replaced as a whole.
            whole = stream.snapshot or not stream.incremental
            fresh = full_refresh or whole or store.needs_replacing(stream.name)
            if not fresh and _lost(_state_of(stream, store.state(stream.name)), session.config):
                # A full read tells which rows are of what was chosen no more.
                narrowed = fresh = True
            if whole or store.needs_replacing(stream.name) or (fresh and counted[stream.name]):
                self._replaced.add(stream.name)
            raw = None if fresh else store.state(stream.name)
            self._runs.append(Run(stream, _state_of(stream, raw)))
        self._narrowed = narrowed
        if narrowed:
            progress.note(
                "Other groups or projects are chosen than at the last sync: everything is read"
                " again, once, and the rows of those that are chosen no more leave the file."
            )
        self._tallies = {run.stream.name: Tally() for run in self._runs}
        self._begun: dict[str, Run] = {}
        self._ended: set[str] = set()
        self._written: dict[str, Mapping[str, Any]] = {}
        self._uncommitted = 0

    def run(self, stopped: threading.Event | None = None) -> Outcome:
        """Read and write everything.

        When `stopped` is set, from any thread or signal handler, it ends early; what is whole is
        committed.

        Raises:
            StoreError: the file cannot be written; it is as of the last commit.
        """
        started = time.monotonic()
        self._stopped = stopped or self._stopped
        outcome = Outcome(self._tallies, self._store.last_commit(self._tallies))
        before = self._store.counts()
        feed = Feed(self._session, self._runs, self._session.config.num_workers)
        feed.start()
        try:
            self._write(feed)
        finally:
            feed.stop()
        self._commit(feed)
        for name in self._replaced & set(self._begun) - self._ended:
            self._give_up(name)
        self._store.commit({})
        self._store.checkpoint()
        if isinstance(self._failure, FatalError):
            outcome.fatal = str(self._failure)
            outcome.fatal_code = code_of(self._failure)
        elif self._failure is not None:
            raise self._failure
        outcome.interrupted = self._stopped.is_set()
        outcome.seconds = time.monotonic() - started
        outcome.requests = self._requests()
        outcome.selection = self._session.report.selection
        outcome.skipped = self._session.report.skipped
        outcome.failed = self._session.report.failed
        self._count(before)
        return outcome

    def _write(self, feed: Feed) -> None:
        due = time.monotonic() + self._commit_seconds
        while self._under_way():
            message = feed.next()
            if message is not None:
                self._take(message)
            if self._uncommitted >= _COMMIT_ROWS or time.monotonic() >= due:
                self._commit(feed)
                due = time.monotonic() + self._commit_seconds
            self._show()

    def _under_way(self) -> bool:
        ended = len(self._ended) == len(self._runs)
        return not (ended or self._failure or self._stopped.is_set())

    def _take(self, message: Message) -> None:
        if isinstance(message, Failed):
            self._failure = self._failure or message.error
            return
        name = message.run.stream.name
        if isinstance(message, Begun):
            self._begun[name] = message.run
            if name in self._replaced:
                self._store.begin_replace(name)
        elif isinstance(message, Rows):
            self._store.write(name, message.rows)
            self._tallies[name].read += len(message.rows)
            self._uncommitted += len(message.rows)
        else:
            self._end(message.run)

    def _end(self, run: Run) -> None:
        name = run.stream.name
        self._ended.add(name)
        if name not in self._replaced:
            return
        # A state that covers what was read is right also when some of it was not.
        told = run.problem is None or run.stream.incremental
        self._bring(name, run.state.to_json() if told else None, self._gone(run.stream))

    def _gone(self, stream: Stream) -> Gone | None:
        """Which of the rows that did not come are gone; None: all of them."""
        extent = self._session.extent(stream)
        start = self._session.config.start_date
        if start is None or stream.snapshot or not stream.incremental or self._narrowed:
            whole = extent.whole
            return None if whole else Gone(extent.column, extent.ids, all_but=extent.all_but)
        if stream.cursor is None or stream.cursor == "read_at":
            # Nothing in a row tells whether it was asked for.
            return NOTHING
        return Gone(extent.column, extent.ids, all_but=extent.all_but, since=(stream.cursor, start))

    def _give_up(self, name: str) -> None:
        """End the replacement of a stream that did not end: what was read is kept, nothing goes."""
        if self._store.needs_replacing(name):
            self._store.abandon_replace(name)
        else:
            self._bring(name, None, NOTHING)

    def _bring(self, name: str, state: Mapping[str, Any] | None, gone: Gone | None) -> None:
        changes = self._store.finish_replace(name, state, gone)
        tally = self._tallies[name]
        tally.new, tally.updated, tally.removed = changes.new, changes.changed, changes.removed

    def _commit(self, feed: Feed) -> None:
        """Commit what is read, each state with the rows that it covers (see `feed`)."""
        states: dict[str, Mapping[str, Any]] = {}
        for name, run in self._begun.items():
            state = None if name in self._replaced else run.copy_state()
            if state is not None and state != self._written.get(name):
                states[name] = state
        for message in feed.waiting():
            self._take(message)
        self._store.commit(states)
        self._written |= states
        self._uncommitted = 0

    def _count(self, before: Mapping[str, int]) -> None:
        after = self._store.counts()
        for run in self._runs:
            name = run.stream.name
            tally = self._tallies[name]
            tally.total = after[name]
            tally.problem, tally.misnamed = run.problem, run.misnamed
            if tally.problem is None and name not in self._ended:
                tally.problem = "The sync ended before this stream did."
            if name not in self._replaced:
                tally.new = after[name] - before[name]
                tally.updated = self._store.updated(name)

    def _requests(self) -> int:
        return sum(self._session.client.requests.values())

    def _show(self) -> None:
        self._progress.show(
            rows=sum(tally.read for tally in self._tallies.values()),
            requests=self._requests(),
            ended=len(self._ended),
            streams=len(self._runs),
            reading=[name for name in self._begun if name not in self._ended],
        )


def _state_of(stream: Stream, raw: Mapping[str, Any] | None) -> StreamState:
    try:
        return StreamState.load(raw, stream)
    except StateError as error:
        message = f"{stream.name}: {error}"
        raise StateError(message) from error


def _lost(state: StreamState, config: Config) -> bool:
    """Whether a state covers something that may be chosen no more."""
    return state.origin is not None and state.origin.lost(selection(config))
