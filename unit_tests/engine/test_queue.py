"""The queue between the threads that read and the one that writes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.patience import PATIENCE
from source_gitlab.engine.queue import ClosableQueue, Closed

if TYPE_CHECKING:
    from collections.abc import Iterable


def bring(queue: ClosableQueue[int], numbers: Iterable[int]) -> None:
    """Put numbers in, as there is room."""
    for number in numbers:
        queue.put(number)


def test_items_come_in_order_and_no_more_wait_than_may() -> None:
    """Who brings more waits until there is room."""
    queue: ClosableQueue[int] = ClosableQueue(3)
    with ThreadPoolExecutor(1) as pool:
        brought = pool.submit(bring, queue, range(100))
        assert [queue.get(PATIENCE) for _ in range(100)] == list(range(100))
        brought.result(PATIENCE)
    assert queue.get(0.0) is None


def test_threads_that_wait_for_room_are_let_go() -> None:
    """They would keep the process alive when nobody takes anything any more."""
    queue: ClosableQueue[int] = ClosableQueue(1)
    queue.put(1)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(queue.put, number) for number in (2, 3)]
        queue.close()
        for one in waiting:
            with pytest.raises(Closed):
                one.result(PATIENCE)


def test_a_thread_that_waits_for_an_item_is_let_go() -> None:
    """However long it would wait."""
    queue: ClosableQueue[int] = ClosableQueue(1)
    begun = threading.Event()

    def wait() -> None:
        begun.set()
        queue.get(3600.0)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        assert begun.wait(PATIENCE)
        queue.close()
        with pytest.raises(Closed):
            waiting.result(PATIENCE)


def test_what_was_brought_before_it_closed_is_taken() -> None:
    """A page that counts as delivered must not be lost."""
    queue: ClosableQueue[int] = ClosableQueue(2)
    queue.put(1)
    queue.put(2)
    queue.close()
    with pytest.raises(Closed):
        queue.put(3)
    assert [queue.get(0.0), queue.get(0.0)] == [1, 2]
    with pytest.raises(Closed):
        queue.get(0.0)
