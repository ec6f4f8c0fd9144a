"""What ends a request before GitLab has answered it: its session, its deadline, or its caller.

A deadline counts for the thread of the caller and for what that thread has others do ahead of it
(`core/prefetch.py`), so no function in between has to hand it on.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import TYPE_CHECKING, NoReturn, TypeVar

from source_gitlab.gitlab.errors import (
    Cancelled,
    DeadlineExceeded,
    FatalError,
    RequestsSpent,
    Stopped,
)
from source_gitlab.gitlab.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

T = TypeVar("T")

# Events are set without notifying those who wait, so they look now and then, in seconds.
GLANCE = 0.25


class Stop:
    """Ends all requests of one session, and keeps the error that they end with. Thread-safe.

    `since` is when they ended, by `timer`.
    """

    def __init__(self, timer: Timer | None = None) -> None:
        """Nothing has ended yet."""
        self._timer = timer or Timer()
        self.since = inf
        self._event = threading.Event()
        self._lock = threading.Lock()
        self.error: FatalError | None = None

    def set(self, error: FatalError | None = None) -> FatalError:
        """End every request from now on; the error that it ends with, which is the first one."""
        with self._lock:
            self.error = self.error or error
            self.since = min(self.since, self._timer.now())
        self._event.set()
        return self.error or Stopped()

    def is_set(self) -> bool:
        """Whether every request ends."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise the error that requests end with, if they do."""
        if self._event.is_set():
            self._raise()

    def _raise(self) -> NoReturn:
        raise self.error or Stopped() from None


class Deadline:
    """How long a call may take: so many seconds from now, and until `cancelled` is set.

    The seconds are those of `timer`.
    """

    def __init__(
        self,
        seconds: float = inf,
        *,
        cancelled: threading.Event | None = None,
        timer: Timer | None = None,
    ) -> None:
        """Start to count."""
        self._timer = timer or Timer()
        self._ends = self._timer.now() + seconds
        self._cancelled = cancelled

    @property
    def left(self) -> float:
        """Seconds until the end; not above 0 when it is over."""
        return self._ends - self._timer.now()

    def is_over(self) -> bool:
        """Whether the time is over, or the caller gave up."""
        return self.left <= 0.0 or (self._cancelled is not None and self._cancelled.is_set())

    def check(self) -> None:
        """Raise when it is over.

        Raises:
            Cancelled: the caller gave up.
            DeadlineExceeded: the time is over.
        """
        if self._cancelled is not None and self._cancelled.is_set():
            raise Cancelled
        if self.left <= 0.0:
            raise DeadlineExceeded

    def spend(self) -> None:
        """Take one request, where only so many may be made.

        Raises:
            RequestsSpent: there is none left.
        """


class Allowance(Deadline):
    """A deadline for calls that may make so many requests together. Thread-safe."""

    def __init__(self, requests: int, seconds: float = inf, *, timer: Timer | None = None) -> None:
        """Start to count both."""
        super().__init__(seconds, timer=timer)
        self._requests = requests
        self._counting = threading.Lock()

    def spend(self) -> None:
        """Take one request."""
        with self._counting:
            if self._requests <= 0:
                raise RequestsSpent
            self._requests -= 1


_DEADLINES: ContextVar[tuple[Deadline, ...]] = ContextVar("deadlines", default=())


@contextmanager
def within(deadline: Deadline | None) -> Iterator[None]:
    """In the block, requests end with this deadline, if there is one, and raise as it does.

    One that is on its way to GitLab is cut.
    """
    if deadline is None:
        yield
        return
    token = _DEADLINES.set((*_DEADLINES.get(), deadline))
    try:
        yield
    finally:
        _DEADLINES.reset(token)


def given_up_on(event: threading.Event) -> AbstractContextManager[None]:
    """In the block, requests end once `event` is set, and raise `Cancelled`."""
    return within(Deadline(cancelled=event))


def spend() -> None:
    """Count a request that this thread is about to make.

    Raises:
        RequestsSpent: it may make no more.
    """
    for deadline in dict.fromkeys(_DEADLINES.get()):
        deadline.spend()


def is_given_up() -> bool:
    """Whether the requests of this thread are wanted no more."""
    return any(deadline.is_over() for deadline in _DEADLINES.get())


def watch() -> Callable[[], bool]:
    """What tells other threads whether the requests of this one are wanted no more."""
    deadlines = _DEADLINES.get()
    return lambda: any(deadline.is_over() for deadline in deadlines)


def seconds_left() -> float:
    """How long requests of this thread may still take."""
    return min((deadline.left for deadline in _DEADLINES.get()), default=inf)


class Bounds:
    """What may end the waits of a session's requests: its `stop`, and the deadlines of calls.

    Thread-safe.
    """

    def __init__(self, stop: Stop | None = None, timer: Timer | None = None) -> None:
        """Without a `stop`, only deadlines end them."""
        self._stop = stop or Stop()
        self._timer = timer or Timer()

    def check(self) -> None:
        """Raise when one of them is over.

        Raises:
            FatalError: the session has ended, with this error.
            Cancelled, DeadlineExceeded: the call has.
        """
        self._stop.check()
        for deadline in _DEADLINES.get():
            deadline.check()

    def glance(self, seconds: float = GLANCE) -> float:
        """How long to wait, up to `seconds`, before the next look at these bounds."""
        return max(min(seconds, GLANCE, seconds_left()), 0.0)

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass; raise as `check` does, in the middle of it too."""
        lock = threading.Lock()
        condition = self._timer.condition(lock)
        ends = self._timer.now() + seconds
        with lock:
            while (left := ends - self._timer.now()) > 0.0:
                self.check()
                condition.wait(self.glance(left))
        self.check()

    @contextmanager
    def holding(self, lock: threading.Lock) -> Iterator[None]:
        """Hold a lock in this block; raise as `check` does while others hold it."""
        while not lock.acquire(timeout=GLANCE):
            self.check()
        try:
            yield
        finally:
            lock.release()

    def result_of(self, task: Callable[[], T]) -> T:
        """What `task` brings, which must not be left half done.

        Under a deadline it runs in a thread of its own, where it goes on to its end when this
        raises as `check` does.
        """
        if not _DEADLINES.get():
            return task()
        results: list[T] = []
        problems: list[BaseException] = []

        def run() -> None:
            try:
                results.append(task())
            except BaseException as problem:  # noqa: BLE001 -- raised where it is waited for
                problems.append(problem)

        # The process does not end before it, either: an OAuth pair that was spent would be lost.
        thread = threading.Thread(target=run, name="undivided", daemon=False)
        thread.start()
        while thread.is_alive():
            thread.join(self.glance())
            if thread.is_alive():
                self.check()
        if problems:
            raise problems[0]
        return results[0]
