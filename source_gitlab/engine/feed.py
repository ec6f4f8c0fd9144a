"""Threads that read slices, and the bounded queue through which their pages reach the writer.

The queue is first in, first out, and a page counts as delivered in its stream's state only once it
is in the queue. So a state that is copied first, and committed after everything that was in the
queue at that moment is written, never covers a row that is not in the file.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Any

from source_gitlab.core.inventory import NotFound
from source_gitlab.core.slices import SCOPE
from source_gitlab.gitlab.errors import FatalError, GitlabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Row, Slice
    from source_gitlab.core.state import StreamState
    from source_gitlab.streams import Stream

# How long a thread waits for the other side before it looks whether it should stop, in seconds.
_PATIENCE = 0.2
_FAREWELL = 2.0


@dataclass
class Run:
    """One stream of one sync.

    `problem` is why it is incomplete, once it is known to be; `misnamed` that it is so only because
    something that the user named is not there.
    """

    stream: Stream
    state: StreamState
    problem: str | None = None
    misnamed: bool = False
    planned: bool = False
    open_slices: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    planning: threading.Lock = field(default_factory=threading.Lock)

    def copy_state(self) -> dict[str, Any] | None:
        """The state as JSON; None while planning, which changes it in several steps, is at work."""
        if not self.planning.acquire(blocking=False):
            return None
        try:
            return self.state.to_json()
        finally:
            self.planning.release()


@dataclass(frozen=True)
class Begun:
    """The pages of a stream follow."""

    run: Run


@dataclass(frozen=True)
class Rows:
    """One page."""

    run: Run
    rows: list[Row]


@dataclass(frozen=True)
class Ended:
    """No page of a stream follows."""

    run: Run


@dataclass(frozen=True)
class Failed:
    """Nothing more can be read: a refused token, or a mistake in this program."""

    error: BaseException


Message = Begun | Rows | Ended | Failed


class _StoppedError(Exception):
    """The writer wants no more pages."""


class Feed:
    """Reads `runs`, one after the other as far as workers are free, into one queue.

    A stream begins as soon as no slice of the streams before it waits for a worker, so that
    streams of a single slice do not read alone.
    """

    def __init__(self, session: Session, runs: Sequence[Run], workers: int) -> None:
        self._session = session
        self._runs = iter(runs)
        self._queue: Queue[Message] = Queue(2 * workers)
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._current: Run | None = None
        self._slices: Iterator[Slice] = iter(())
        self._threads = [
            threading.Thread(target=self._work, name=f"slices-{number}", daemon=True)
            for number in range(workers)
        ]

    def start(self) -> None:
        """Start reading."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more pages.

        Threads that wait for GitLab are not waited for: what they bring is no longer taken, and
        so counts as not delivered.
        """
        self._stopped.set()
        self._session.client.limits.stop.set()
        deadline = time.monotonic() + _FAREWELL
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def next(self) -> Message | None:
        """The next message; None when there has been none for a moment."""
        try:
            return self._queue.get(timeout=_PATIENCE)
        except Empty:
            return None

    def waiting(self) -> Iterator[Message]:
        """The messages that are in the queue now, and perhaps some that come meanwhile."""
        for _ in range(self._queue.qsize()):
            yield self._queue.get_nowait()

    def _work(self) -> None:
        try:
            while (item := self._next_slice()) is not None:
                self._read(*item)
        except _StoppedError:
            return
        except BaseException as error:  # noqa: BLE001 - the writer raises it, in its own thread
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        try:
            self._put(Failed(error))
        except _StoppedError:
            return

    def _next_slice(self) -> tuple[Run, Slice] | None:
        with self._lock:
            while not self._stopped.is_set():
                if self._current is None:
                    self._current = next(self._runs, None)
                    if self._current is None:
                        return None
                    self._put(Begun(self._current))
                    self._slices = self._session.plan(self._current.stream, self._current.state)
                run = self._current
                slice_ = self._planned(run)
                if slice_ is not None:
                    with run.lock:
                        run.open_slices += 1
                    return run, slice_
                self._current = None
                with run.lock:
                    run.planned = True
                    ended = run.open_slices == 0
                if ended:
                    self._put(Ended(run))
            return None

    def _planned(self, run: Run) -> Slice | None:
        try:
            with run.planning:
                return next(self._slices, None)
        except NotFound as error:
            run.misnamed = run.problem is None and not error.transient
            run.problem = run.problem or str(error)
        except FatalError:
            raise
        except GitlabError as error:
            run.problem = str(error)
            self._session.report.fail(run.stream.name, SCOPE, error)
        return None

    def _read(self, run: Run, slice_: Slice) -> None:
        try:
            for page in self._session.read(run.stream, slice_, run.state):
                # An empty page can move the state too, but only rows need the writer.
                if page.rows:
                    self._put(Rows(run, page.rows))
        except FatalError:
            raise
        except GitlabError as error:
            run.problem, run.misnamed = str(error), False
        with run.lock:
            run.open_slices -= 1
            ended = run.planned and run.open_slices == 0
        if ended:
            self._put(Ended(run))

    def _put(self, message: Message) -> None:
        while not self._stopped.is_set():
            try:
                self._queue.put(message, timeout=_PATIENCE)
            except Full:
                continue
            return
        raise _StoppedError
