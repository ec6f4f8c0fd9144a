"""Requests in parallel whose results are wanted in order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Future

T = TypeVar("T")


class Prefetcher:
    """A pool of threads that all streams share.

    Tasks are started in the order in which they were submitted, and are given up with the thread
    that submitted them (`gitlab/cancellation.py`). One worker needs no pool: its tasks run when
    their results are wanted, so that its requests have one order only.
    """

    def __init__(self, workers: int) -> None:
        """Start no thread yet."""
        self.workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="ahead")

    def submit(self, task: Callable[[], T]) -> Future[T]:
        """Start one task; it may wait for tasks that were submitted before it, but for no other."""
        return self._pool.submit(copy_context().run, task)

    def in_order(self, tasks: Iterable[Callable[[], T]], depth: int) -> Generator[T, None, None]:
        """The results of `tasks`, in order, with at most `depth` of them started or waiting.

        `tasks` is consumed as results are taken, so it may itself be read from GitLab.

        Raises:
            whatever a task raises, when its turn comes; tasks behind it are cancelled.
        """
        if self.workers == 1:
            for task in tasks:
                yield task()
            return
        waiting: deque[Future[T]] = deque()
        try:
            for task in tasks:
                waiting.append(self.submit(task))
                if len(waiting) >= depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def as_they_come(
        self,
        tasks: Iterable[Callable[[], T]],
        further: Callable[[T, int], Iterable[Callable[[], T]]],
    ) -> Generator[T, None, None]:
        """The results of `tasks`, and of the tasks that each result leads to, as they come.

        `further` gets a result, and how many more tasks could run now.

        Raises:
            whatever a task raises; those that have not begun are cancelled.
        """
        if self.workers == 1:
            left = deque(tasks)
            while left:
                found = left.popleft()()
                left.extendleft(reversed(list(further(found, 0))))
                yield found
            return
        waiting = {self.submit(task) for task in tasks}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                results = [future.result() for future in done]
                for found in results:
                    idle = max(0, self.workers - len(waiting) - 1)
                    waiting |= {self.submit(task) for task in further(found, idle)}
                yield from results
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """Wait for nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
