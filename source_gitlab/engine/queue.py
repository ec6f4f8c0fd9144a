"""The bounded queue between the threads that read and the one that writes."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):
    """Nothing is taken any more, or nothing comes any more."""


class ClosableQueue(Generic[T]):
    """First in, first out, `most` items at most; thread-safe.

    Without closing, threads that wait for room would keep the process alive forever once nobody
    empties the queue.
    """

    def __init__(self, most: int) -> None:
        """Open the queue."""
        self._most = most
        self._items: deque[T] = deque()
        self._is_closed = False
        lock = threading.Lock()
        self._has_room = threading.Condition(lock)
        self._has_items = threading.Condition(lock)

    def put(self, item: T) -> None:
        """Put `item` in, when there is room.

        Raises:
            Closed: the queue was closed before there was.
        """
        with self._has_room:
            while len(self._items) >= self._most and not self._is_closed:
                self._has_room.wait()
            if self._is_closed:
                raise Closed
            self._items.append(item)
            self._has_items.notify()

    def get(self, seconds: float) -> T | None:
        """The next item; None when none came within so many seconds.

        Raises:
            Closed: the queue was closed, and all that was put in before is taken.
        """
        with self._has_items:
            if not self._items and not self._is_closed:
                self._has_items.wait(seconds)
            if self._items:
                self._has_room.notify()
                return self._items.popleft()
            if self._is_closed:
                raise Closed
            return None

    def close(self) -> None:
        """Take nothing more, and let go who waits; what is in the queue can still be taken."""
        with self._has_room:
            self._is_closed = True
            self._has_room.notify_all()
            self._has_items.notify_all()
