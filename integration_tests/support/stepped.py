"""Time that moves from one event to the next, so that no test depends on how fast a machine is.

Workers are threads of which one runs at a time. It runs until it waits; then the one whose moment
comes next goes on, and the clock, with that of the emulated GitLab, is set to that moment. Nothing
takes time but what says that it does, and the order is the same in every run.
"""

from __future__ import annotations

import heapq
import threading
from dataclasses import dataclass, field
from itertools import count
from math import ceil
from random import Random
from typing import TYPE_CHECKING

from integration_tests.gitlab.clock import SECOND
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.inprocess import Wire
from source_gitlab.gitlab.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest, Response

    from integration_tests.gitlab.emulator import Emulator
    from source_gitlab.gitlab.rate_limits.gate import Limits
    from source_gitlab.gitlab.timer import Condition


@dataclass(order=True)
class _Turn:
    """When a worker goes on; of equal moments the one that was asked for first comes first."""

    moment: float
    number: int
    worker: _Worker = field(compare=False)
    is_void: bool = field(default=False, compare=False)


class _Worker(threading.Thread):
    """A thread that runs when it is its turn."""

    def __init__(self, work: Callable[[], None], gave_way: threading.Event) -> None:
        super().__init__(daemon=True)
        self.may_go = threading.Event()
        self.problem: BaseException | None = None
        self._work = work
        self._gave_way = gave_way

    def run(self) -> None:
        """Work to the end, and say so."""
        self.pause()
        try:
            self._work()
        except BaseException as problem:  # noqa: BLE001 -- raised again where all are waited for
            self.problem = problem
        self._gave_way.set()

    def pause(self) -> None:
        """Wait for the next turn."""
        assert self.may_go.wait(PATIENCE)
        self.may_go.clear()


class SteppedTime(Timer):
    """The time of some workers and of an emulated GitLab."""

    def __init__(self, emulator: Emulator) -> None:
        self._clock = emulator.world.clock
        self._clock.set(self._clock.now(), frozen=True)
        self._start = self._clock.now()
        self._turns: list[_Turn] = []
        self._numbers = count()
        self._gave_way = threading.Event()

    def now(self) -> float:
        """Seconds since the start."""
        return (self._clock.now() - self._start) / SECOND

    def condition(self, lock: threading.Lock) -> SteppedCondition:
        """A condition whose time-outs are by this clock."""
        return SteppedCondition(self, lock)

    def run(self, *works: Callable[[], None]) -> None:
        """Let them work side by side until all are done; raise what one of them raised."""
        for work in works:
            worker = _Worker(work, self._gave_way)
            worker.start()
            self.lease(worker, 0.0)
        while self._turns:
            lease = heapq.heappop(self._turns)
            if lease.is_void:
                continue
            # Rounded up, or time would stand still for who waits less than the clock shows.
            self._clock.advance(max(ceil((lease.moment - self.now()) * SECOND), 0))
            lease.worker.may_go.set()
            assert self._gave_way.wait(PATIENCE), "a worker waits for something else than time"
            self._gave_way.clear()
            if lease.worker.problem is not None:
                raise lease.worker.problem

    def lease(self, worker: _Worker, seconds: float) -> _Turn:
        """Plan when a worker goes on."""
        lease = _Turn(self.now() + seconds, next(self._numbers), worker)
        heapq.heappush(self._turns, lease)
        return lease

    def sleep(self, seconds: float) -> None:
        """Let so much time pass for the worker that calls."""
        worker = current()
        self.lease(worker, seconds)
        self.give_way(worker)

    def give_way(self, worker: _Worker) -> None:
        """Let the others run until it is this worker's turn."""
        self._gave_way.set()
        worker.pause()


class SteppedCondition:
    """A condition of those workers."""

    def __init__(self, time: SteppedTime, lock: threading.Lock) -> None:
        self._time = time
        self._lock = lock
        self._waiting: list[_Turn] = []

    def wait(self, timeout: float) -> None:
        """Let the others run until one notifies, or for so many seconds."""
        worker = current()
        lease = self._time.lease(worker, timeout)
        self._waiting.append(lease)
        self._lock.release()
        self._time.give_way(worker)
        self._lock.acquire()
        self._waiting = [one for one in self._waiting if one.worker is not worker]

    def notify(self, n: int = 1) -> None:
        """Let so many go on now, those first that have waited longest."""
        woken, self._waiting = self._waiting[:n], self._waiting[n:]
        for lease in woken:
            lease.is_void = True
            self._time.lease(lease.worker, 0.0)

    def notify_all(self) -> None:
        """Let all go on now."""
        self.notify(len(self._waiting))


def current() -> _Worker:
    """The worker that runs."""
    worker = threading.current_thread()
    assert isinstance(worker, _Worker)
    return worker


class DistantWire(Wire):
    """A wire to a GitLab that answers after `latency` seconds of that time, a tenth more or less.

    `starts` are the moments at which requests were sent, and `under_way` how many were then.
    """

    def __init__(self, emulator: Emulator, time: SteppedTime, latency: float = 0.0) -> None:
        super().__init__(emulator)
        self.latency = latency
        self.starts: list[float] = []
        self.under_way: list[int] = []
        self._time = time
        self._now_under_way = 0
        self._random = Random(1)

    def send(self, request: PreparedRequest, *args: object, **more: object) -> Response:
        """Answer one request, which arrives after half of the time."""
        self._now_under_way += 1
        self.starts.append(self._time.now())
        self.under_way.append(self._now_under_way)
        try:
            half = self.latency / 2 * self._random.uniform(0.9, 1.1)
            self._time.sleep(half)
            response = super().send(request, *args, **more)
            self._time.sleep(half)
        finally:
            self._now_under_way -= 1
        return response


class IdleTime(Timer):
    """The time of an emulated GitLab, which passes while a client waits and nothing is under way.

    For threads that are not ours. Set `limits` to those of the client.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.limits: Limits | None = None
        self._clock = emulator.world.clock
        self._clock.set(self._clock.now(), frozen=True)
        self._start = self._clock.now()

    def now(self) -> float:
        """Seconds since the start."""
        return (self._clock.now() - self._start) / SECOND

    def condition(self, lock: threading.Lock) -> Condition:
        """A condition whose time-outs are by this clock."""
        return _IdleCondition(self, lock)

    def passes(self, seconds: float) -> bool:
        """Let time pass, if nothing is under way."""
        assert self.limits is not None
        if self.limits.under_way:
            return False
        self._clock.advance(ceil(seconds * SECOND))
        return True


class _IdleCondition(threading.Condition):
    """A condition of the threads of one client."""

    def __init__(self, time: IdleTime, lock: threading.Lock) -> None:
        super().__init__(lock)
        self._time = time

    def wait(self, timeout: float | None = None) -> bool:
        """Let time pass, or wait for what is under way."""
        self.release()
        passed = self._time.passes(timeout or 0.0)
        self.acquire()
        return passed or super().wait(timeout)
