"""Giving up requests of one caller, while others use the same client."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.long_waits import LongCondition
from source_gitlab.core.prefetch import Prefetcher
from source_gitlab.gitlab.cancellation import Bounds, given_up_on, is_given_up
from source_gitlab.gitlab.errors import Cancelled, Stopped
from source_gitlab.gitlab.rate_limits.gate import Limits
from source_gitlab.gitlab.timer import Timer

if TYPE_CHECKING:
    from source_gitlab.gitlab.timer import Condition

NOW = 1_700_000_000.0


class Waiting(Timer):
    """A timer that says when somebody begins to wait, and never lets time pass."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    def now(self) -> float:
        """Always the same moment."""
        return 0.0

    def condition(self, lock: threading.Lock) -> Condition:
        """A condition that tells of each wait."""
        begun = self.begun

        class Told(LongCondition):
            def wait(self, timeout: float | None = None) -> bool:
                begun.set()
                return super().wait(timeout)

        return Told(lock)


def test_a_wait_for_a_limit_is_given_up_alone() -> None:
    """Ten minutes of a blocked family are not waited for, and nobody else is stopped."""
    timer = Waiting()
    limits = Limits(4, timer=timer)
    limits.refused("projects", {"Retry-After": "600"}, NOW)
    event = threading.Event()

    def wait() -> None:
        with given_up_on(event):
            limits.enter("projects")

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        assert timer.begun.wait(PATIENCE)
        assert not waiting.done()
        event.set()
        with pytest.raises(Stopped):
            waiting.result(PATIENCE)
    limits.enter("groups")
    assert limits.under_way == 1


def test_a_pause_before_another_try_is_given_up() -> None:
    """It ends with the event, and does not begin after it."""
    event = threading.Event()
    with given_up_on(event):
        event.set()
        with pytest.raises(Cancelled):
            Bounds().wait(3600.0)
        assert is_given_up()
    assert not is_given_up()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_read_ahead_is_given_up_with_its_reader(workers: int) -> None:
    """Other threads of the pool, and the same ones later, are not touched."""
    prefetcher = Prefetcher(workers)
    event = threading.Event()
    event.set()
    with given_up_on(event):
        assert list(prefetcher.in_order([is_given_up] * 3, 2)) == [True] * 3
        assert prefetcher.submit(is_given_up).result(PATIENCE)
    assert list(prefetcher.in_order([is_given_up] * 3, 2)) == [False] * 3
    prefetcher.close()
