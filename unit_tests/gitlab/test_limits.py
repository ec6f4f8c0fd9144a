"""Waiting: how long after which refusal, how many requests at once, and what is learned."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from source_gitlab.gitlab.cancellation import Bounds, Stop
from source_gitlab.gitlab.errors import Stopped
from source_gitlab.gitlab.rate_limits.concurrency import Concurrency
from source_gitlab.gitlab.rate_limits.gate import Limits, backoff, family, retry_after
from source_gitlab.gitlab.rate_limits.windows import Family, Quota
from source_gitlab.gitlab.server_clock import ServerClock
from source_gitlab.gitlab.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_gitlab.gitlab.timer import Condition

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("projects/12/issues", "projects/:id/issues"),
        ("projects/acme%2Fweb", "projects/:id"),
        ("groups/acme/projects", "groups/:id/projects"),
        ("projects/1/merge_requests/7/commits", "projects/:id/merge_requests/:id/commits"),
        ("projects", "projects"),
        ("version", "version"),
    ],
)
def test_family(path: str, expected: str) -> None:
    """Ids do not matter, words do."""
    assert family(path) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "86400"}, 600.0),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:30 GMT"}, 10.0),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:00 GMT"}, None),
        ({"Retry-After": "0"}, None),
        ({"Retry-After": "0", "RateLimit-Reset": "1700000030"}, 31.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "²"}, None),
        ({"RateLimit-Reset": "1700000030", "RateLimit-Remaining": "0"}, 31.0),
        ({"RateLimit-Reset": "1700000030", "RateLimit-Remaining": "12"}, None),
        ({"RateLimit-Reset": "1700000030"}, 31.0),
        ({"RateLimit-Reset": "1700000030000"}, 31.0),
        ({"RateLimit-Reset": "25", "RateLimit-Remaining": "0"}, 26.0),
        ({"RateLimit-Reset": "0", "RateLimit-Remaining": "0"}, None),
        ({"RateLimit-Reset": "1600000030", "RateLimit-Remaining": "0"}, None),
        ({"RateLimit-Reset": "9" * 400, "RateLimit-Remaining": "0"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    """In seconds or as a date; the reset counts only when the quota is used up.

    A wait of nothing is no wait, and a small reset is counted from now.
    """
    assert retry_after(headers, NOW) == expected


def test_backoff() -> None:
    """Doubles up to its ceiling, a quarter more or less."""
    delays = backoff(1.0, 8.0)
    for wanted in (1.0, 2.0, 4.0, 8.0, 8.0):
        assert 0.75 * wanted <= next(delays) <= 1.25 * wanted


def test_concurrency_doubles_with_each_round_trip() -> None:
    """From eight to forty in three round trips."""
    concurrency = Concurrency(40)
    trips = 0
    now = 0.0
    while concurrency.allowed < 40:
        trips, now = trips + 1, now + 0.2
        under_way = concurrency.allowed
        for _ in range(under_way):
            concurrency.answered("issues", 0.2, max(under_way, concurrency.allowed), now)
    assert trips == 3


def test_concurrency_does_not_grow_when_it_is_not_used() -> None:
    """Answers to a lone worker say nothing about more of them."""
    concurrency = Concurrency(40)
    for _ in range(100):
        concurrency.answered("issues", 0.2, 1, 0.0)
    assert concurrency.allowed == 8


def test_concurrency_is_never_above_the_number_of_workers() -> None:
    """One worker is one request."""
    concurrency = Concurrency(1)
    for _ in range(10):
        concurrency.answered("issues", 0.2, 1, 0.0)
    assert concurrency.allowed == 1


def test_trouble_halves_once_for_all_that_were_under_way() -> None:
    """Ten requests that fail together are one trouble; the next one is another."""
    concurrency = Concurrency(32)
    for _ in range(64):
        concurrency.answered("issues", 0.2, 32, 0.0)
    assert concurrency.allowed == 32
    for _ in range(10):
        concurrency.failed(1.0)
    assert concurrency.allowed == 16
    concurrency.failed(2.0)
    assert concurrency.allowed == 8
    for second in range(3, 100):
        concurrency.failed(float(second))
    assert concurrency.allowed == 1


def test_latency_that_grows_with_the_number_ends_the_growth() -> None:
    """Twice as many at once, each twice as slow, is no faster."""
    concurrency = Concurrency(40)
    now = 0.0
    for _ in range(200):
        under_way = concurrency.allowed
        now += 0.1
        # This server answers eight at once in 200 ms; more only queue.
        concurrency.answered("issues", 0.2 * max(1.0, under_way / 8), under_way, now)
    assert 8 <= concurrency.allowed <= 20


def test_an_overloaded_server_gets_less() -> None:
    """Latency many times the best is trouble as well."""
    concurrency = Concurrency(16)
    for _ in range(32):
        concurrency.answered("issues", 0.2, 16, 0.0)
    assert concurrency.allowed == 16
    for step in range(1, 20):
        concurrency.answered("issues", 5.0, 16, step * 3.0)
    assert concurrency.allowed <= 8


def test_a_quota_is_used_to_its_end_and_not_beyond() -> None:
    """What is under way may not be counted yet."""
    quota = Quota(number=100, remaining=5, ends=60.0)
    assert quota.wait(4, 0.0) == 0.0
    assert quota.wait(5, 0.0) == 60.0
    assert quota.wait(5, 60.0) <= 0.0
    quota.learn(100, 3, 60.0)
    quota.learn(100, 4, 60.0)
    assert quota.remaining == 3, "answers may overtake each other"
    quota.learn(99, 50, 60.0)
    assert quota.remaining == 3, "that one belongs to the window before"
    quota.learn(160, 600, 120.0)
    assert quota.wait(10, 60.0) == 0.0


def learned(known: Family) -> float | None:
    """What the family was found to allow; asked anew each time, which type checkers cannot know."""
    return known.allowance


def test_a_limit_that_is_not_announced_is_learned() -> None:
    """Seventy in a minute were good, then a short wait did not help: seventy a minute it is."""
    known = Family(60.0)
    for _ in range(70):
        known.start(0.0)
        known.answered(1.0)
        known.under_way -= 1
    known.start(2.0)
    known.refused(None, own_limit=True, now=2.0)
    known.under_way -= 1
    assert 5.0 <= known.wait(2.0) <= 5.5
    assert learned(known) is None, "it may have been a single one"
    now = known.blocked_until
    known.start(now)
    assert known.wait(now) > 0, "one request finds out"
    known.refused(None, own_limit=True, now=now)
    known.under_way -= 1
    assert learned(known) == 70.0
    now = known.blocked_until
    known.start(now)
    known.answered(now)
    known.under_way -= 1
    for _ in range(69):
        assert known.wait(now) <= 0
        known.start(now)
        known.answered(now)
        known.under_way -= 1
    assert known.wait(now) == pytest.approx(60.0)
    known.start(now + 60.0)
    assert (learned(known) or 0.0) > 70.0


def test_refusals_that_were_under_way_together_count_once() -> None:
    """Ten workers are refused at once: the wait is that of one refusal."""
    known = Family(60.0)
    for _ in range(10):
        known.refused(None, own_limit=True, now=1.0)
    assert known.refusals == 1
    assert known.blocked_until <= 6.5


def test_a_late_good_answer_does_not_end_a_block() -> None:
    """It was asked for before the refusal."""
    known = Family(60.0)
    known.start(0.0)
    known.refused(30.0, own_limit=False, now=1.0)
    known.answered(2.0)
    assert known.wait(2.0) >= 29.0


class Waits(Timer):
    """A timer by which nobody waits really; `then` happens in the middle of each wait."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.seconds: list[float] = []
        self._then = then

    def now(self) -> float:
        """What was waited for in all."""
        return sum(self.seconds)

    def condition(self, lock: threading.Lock) -> Condition:
        """One that notes its waits."""
        return _Waited(self, lock)

    def waited(self, seconds: float) -> None:
        """Somebody waits."""
        self.seconds.append(seconds)
        self._then()


class _Waited(threading.Condition):
    """A condition that only notes for how long somebody would wait."""

    def __init__(self, waits: Waits, lock: threading.Lock) -> None:
        super().__init__(lock)
        self._waits = waits

    def wait(self, timeout: float | None = None) -> bool:
        """Note it."""
        assert timeout is not None
        self._waits.waited(timeout)
        return False


def test_stop_ends_a_wait() -> None:
    """Whoever waits for a family that is blocked is let go with an error, and soon."""
    stop = Stop()
    waits = Waits(stop.set)
    limits = Limits(4, timer=waits)
    limits.refused("issues", {"Retry-After": "600"}, NOW)
    with pytest.raises(Stopped):
        limits.enter("issues", Bounds(stop, waits))
    assert len(waits.seconds) == 1
    assert waits.now() <= 1.0


def test_a_quota_holds_for_families_that_were_not_asked_yet() -> None:
    """The limit of a token counts every endpoint."""
    waits = Waits()
    limits = Limits(4, timer=waits)
    left = {"RateLimit-Remaining": "0", "RateLimit-Reset": str(int(NOW) + 20)}
    limits.enter("issues")
    limits.learn("issues", {**left, "RateLimit-Name": "api"}, NOW)
    limits.leave("issues", 0.01)
    assert waits.now() == 0.0
    limits.enter("branches")
    assert waits.now() == pytest.approx(20.0)


def test_the_clock_of_the_server() -> None:
    """A Date is cut to its second: the largest lower bound counts, until a clock is set."""
    clock = ServerClock()
    ours = time.time()
    ahead = 1000.0
    for step in range(20):
        moment = ours + step / 10
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(int(moment + ahead)))
        clock.learn(date, moment - 0.01, moment)
    before, now, after = time.time(), clock.now(), time.time()
    assert before + ahead - 0.2 <= now <= after + ahead
    clock.learn("no date", ours, ours)
    clock.learn("", ours, ours)
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(int(ours - 500)))
    clock.learn(date, ours, ours)
    before, now, after = time.time(), clock.now(), time.time()
    assert before - 501.1 <= now <= after - 499.0


@pytest.mark.parametrize("wait", [0.1, 1.0])
def test_a_wait_that_does_not_do_grows(wait: float) -> None:
    """A server that asks for a second again and again is asked ten times in ten minutes."""
    known = Family(60.0)
    now = asked = 0.0
    while now < 600.0:
        now = max(now, known.blocked_until)
        known.refused(wait, own_limit=False, now=now)
        asked += 1
    assert asked <= 16


def test_a_window_that_is_counted_from_now_is_used_up() -> None:
    """Its reset is another number in each answer, and the same moment."""
    waits = Waits()
    limits = Limits(4, timer=waits)
    limits.learn("issues", {"RateLimit-Remaining": "1", "RateLimit-Reset": "3"}, NOW)
    limits.learn("issues", {"RateLimit-Remaining": "0", "RateLimit-Reset": "2"}, NOW + 1.0)
    limits.enter("issues")
    assert waits.now() == pytest.approx(2.0)
