"""Threads that read slices, and the one sequence of events that comes of it.

A page counts as delivered in its stream's state only once it is in the queue, and a state is copied
by the thread that then puts it behind. So whoever takes events in order, and keeps a state only
with everything that came before it, never has a state that covers a row that is lost.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from source_gitlab.core.selection import NotFound
from source_gitlab.core.slices import SCOPE
from source_gitlab.engine.checkpoints import Checkpoint
from source_gitlab.engine.events import (
    Begun,
    Ended,
    Failed,
    Idle,
    Progressed,
    Rows,
    SliceEnded,
    State,
)
from source_gitlab.engine.jobs import Job, StreamRun
from source_gitlab.engine.queue import ClosableQueue, Closed
from source_gitlab.gitlab.cancellation import given_up_on
from source_gitlab.gitlab.errors import FatalError, GitlabError, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Page, Row, Slice
    from source_gitlab.core.state import StreamState
    from source_gitlab.engine.events import Event
    from source_gitlab.streams import Stream

__all__ = ["Job", "Run"]

# Pages on their way to the writer; more would only fill memory, and be lost with a kill.
_MOST_WAITING = 20
# How long is waited for an event before it is looked whether to stop, in seconds.
_GLANCE = 0.2
_FAREWELL = 2.0


def _as_they_are(_stream: Stream, rows: list[Row]) -> list[Row]:
    return rows


class Run:
    """Reads `jobs` over `session`, in `workers` threads, one job a stream; iterate over it once.

    A stream begins as soon as no slice of the streams before it waits for a worker. `shape` makes
    of the rows of a page what the face wants, in the thread that read them, while the processor
    still has them at hand. States come as `every` decides. When `stop` is set, from any thread or
    signal handler, the run ends early, with a state for each stream that began and did not end.
    With `is_told_more`, an `Idle` comes whenever nothing else did for a moment, and pages without
    rows come whose owner has none any more.

    Others that use the session, or its client, are not touched when a run ends, however it ends.
    """

    def __init__(  # noqa: PLR0913 -- each is a choice of its own
        self,
        session: Session,
        jobs: Iterable[Job],
        *,
        workers: int | None = None,
        most_waiting: int | None = None,
        every: Callable[[], Checkpoint] = Checkpoint,
        shape: Callable[[Stream, list[Row]], Any] = _as_they_are,
        stop: threading.Event | None = None,
        is_told_more: bool = False,
    ) -> None:
        """Start no thread yet."""
        self._session = session
        self._shape = shape
        self._runs = [StreamRun(session, job, every()) for job in jobs]
        self._waiting = deque(self._runs)
        self._under_way: list[StreamRun] = []
        count = workers or session.config.num_workers
        self._queue: ClosableQueue[Event] = ClosableQueue(
            most_waiting or min(2 * count, _MOST_WAITING)
        )
        self._stop = stop or threading.Event()
        self._is_told_more = is_told_more
        self._given_up = threading.Event()
        self._failure: BaseException | None = None
        # Streams whose slices are not all planned. Planning waits for GitLab, so several are.
        self._open: list[StreamRun] = []
        self._most_open = max(1, count // 2)
        self._turn = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, name=f"slices-{number}", daemon=True)
            for number in range(count)
        ]

    def __iter__(self) -> Generator[Event, None, None]:
        """The events. Whoever leaves before the last one gives up what is still under way.

        Raises:
            FatalError: behind all events: nothing more could be read.
            Exception: behind all events: a mistake of this program, the first that was met.
        """
        for thread in self._threads:
            thread.start()
        try:
            yield from self._events()
            yield from self._cut_off()
        finally:
            self._give_up()
            self._part()
        mistakes = (run.problem for run in self._runs if not isinstance(run.problem, GitlabError))
        failure = self._failure or next(filter(None, mistakes), None)
        if failure is not None:
            raise failure

    def _events(self) -> Iterator[Event]:
        """What the threads bring, to the end of the last stream, or to what ends the run early."""
        left = len(self._runs)
        while left:
            if self._stop.is_set() and not self._given_up.is_set():
                self._session.report.stop(Stopped())
                self._give_up()
            try:
                event = self._queue.get(_GLANCE)
            except Closed:
                return
            if event is not None:
                left -= isinstance(event, Ended)
                self._keep_account(event)
                yield event
            elif self._is_told_more:
                yield Idle()

    def _keep_account(self, event: Event) -> None:
        if isinstance(event, Begun):
            self._under_way += [run for run in self._runs if run.stream is event.stream]
        elif isinstance(event, Ended):
            self._under_way = [run for run in self._under_way if run.stream is not event.stream]

    def _cut_off(self) -> Iterator[Event]:
        """The last states of streams that did not end, and their ends."""
        deadline = time.monotonic() + _FAREWELL
        for run in self._under_way:
            if run.stream.incremental:
                with run.last_state(max(0.0, deadline - time.monotonic())) as state:
                    if state is not None:
                        yield State(run.stream, state)
            if isinstance(self._failure, Exception):
                run.fail(self._failure)
            yield Ended(run.stream, run.problem, is_finished=False)

    def _give_up(self) -> None:
        """Take no more pages; what is brought from now on counts as not delivered."""
        self._given_up.set()
        self._queue.close()
        with self._turn:
            self._turn.notify_all()

    def _part(self) -> None:
        """Let the threads end. One that waits for GitLab's answer is not waited for."""
        deadline = time.monotonic() + _FAREWELL
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        try:
            with given_up_on(self._given_up):
                while (found := self._next()) is not None:
                    self._read(*found)
        except Closed:
            return
        except BaseException as error:  # noqa: BLE001 -- it is raised in the thread that iterates
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """End the run with an error, unless it has ended already."""
        with self._turn:
            if self._given_up.is_set():
                return
            self._failure = error
            if isinstance(error, FatalError):
                self._session.report.stop(error)
        self._give_up()

    def _next(self) -> tuple[StreamRun, Slice] | None:
        """A slice for the thread that asks; None when there are no more."""
        while (run := self._plannable()) is not None:
            slice_ = self._planned(run)
            with self._turn:
                run.is_being_planned = False
                if slice_ is None:
                    self._open.remove(run)
                    self._turn.notify_all()
                else:
                    self._turn.notify()
            if slice_ is not None:
                return run, slice_
            if run.planned():
                self._end(run)
        return None

    def _plannable(self) -> StreamRun | None:
        """The first stream that may have a slice and is planned by nobody; None: there is none."""
        with self._turn:
            while not self._given_up.is_set():
                run = next((one for one in self._open if not one.is_being_planned), None)
                if run is None and self._waiting and len(self._open) < self._most_open:
                    run = self._waiting.popleft()
                    self._open.append(run)
                if run is not None:
                    run.is_being_planned = True
                    return run
                if not self._open:
                    return None
                self._turn.wait()
        raise Closed

    def _planned(self, run: StreamRun) -> Slice | None:
        try:
            if run.begin():
                self._queue.put(Begun(run.stream))
            return run.plan()
        except (FatalError, Closed, MemoryError):
            raise
        except GitlabError as error:
            if not isinstance(error, NotFound):
                self._session.report.fail(run.stream.name, SCOPE, error)
            self._note(run, error)
        except Exception as error:  # noqa: BLE001 -- raised at the end, when all else is read
            self._note(run, error)
        return None

    def _read(self, run: StreamRun, slice_: Slice) -> None:
        problem: Exception | None = None
        try:
            if run.state is None:
                self._read_alone(run.stream, slice_)
            else:
                self._read_along(run, slice_, run.state)
        except (FatalError, Closed, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 -- as above
            problem = error
            self._note(run, error)
        if run.state is None:
            self._queue.put(SliceEnded(run.stream, slice_, problem))
        if run.read():
            self._end(run)

    def _read_along(self, run: StreamRun, slice_: Slice, state: StreamState) -> None:
        """Read a slice whose state follows, and is written now and then."""
        before = 0
        for page in self._session.read(run.stream, slice_, state):
            self._deliver(run, before)
            before = len(page.rows)
            self._put(run.stream, page)
        self._deliver(run, before)

    def _read_alone(self, stream: Stream, slice_: Slice) -> None:
        """Read a slice whose state is elsewhere."""
        for page in self._session.read_slice(slice_):
            self._put(stream, page)
            if page.progress:
                self._queue.put(Progressed(stream, slice_, page.progress))

    def _put(self, stream: Stream, page: Page) -> None:
        if page.rows or (page.owner is not None and self._is_told_more):
            count = len(page.rows)
            self._queue.put(Rows(stream, self._shape(stream, page.rows), count, page.owner))

    def _deliver(self, run: StreamRun, rows: int) -> None:
        with run.delivered(rows) as state:
            if state is not None:
                self._queue.put(State(run.stream, state))

    def _note(self, run: StreamRun, error: Exception) -> None:
        run.fail(error)
        self._queue.put(Failed(run.stream, error))

    def _end(self, run: StreamRun) -> None:
        with run.last_state() as state:
            if state is not None:
                self._queue.put(State(run.stream, state))
        self._queue.put(Ended(run.stream, run.problem, is_finished=True))
