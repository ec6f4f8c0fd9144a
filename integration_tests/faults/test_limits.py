"""A read under a limit neither fails nor wastes it; one without a limit is not slowed down.

Times are those of `stepped`: how fast the machine is makes no difference.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.faults import Fault
from integration_tests.gitlab.launch import Emulator
from integration_tests.support.history_world import API, SITE, WEB, small_world
from integration_tests.support.inprocess import session
from integration_tests.support.reading import config_for
from integration_tests.support.small_copies import copy
from integration_tests.support.stepped import DistantWire, IdleTime, SteppedTime
from source_gitlab.config import parse
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.connection import Connection
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.gitlab.client import Client

WORKERS = 10
LISTS = ("labels", "milestones", "releases", "members", "issues")
RATE = 600  # requests a minute
MINUTE = 60
SECOND = 1_000_000


class Lab:
    """A client, and an emulated GitLab that answers after `latency` seconds."""

    def __init__(self, wire: DistantWire, time: SteppedTime, client: Client) -> None:
        self.wire = wire
        self.emulator = wire.emulator
        self.time = time
        self.client = client

    def ask(self, seconds: float, workers: int = WORKERS) -> None:
        """Ask for lists of several families as fast as the client lets us."""
        until = self.time.now() + seconds

        def work(number: int) -> None:
            path = f"projects/{(WEB, API, SITE)[number % 3]}/{LISTS[number % len(LISTS)]}"
            while self.time.now() < until:
                self.client.rows(path, {"per_page": 100})

        self.time.run(*(lambda number=number: work(number) for number in range(workers)))

    def statuses(self, part: str = "") -> Counter[int]:
        """How often each status was answered, where the endpoint has `part` in its name."""
        counts: Counter[int] = Counter()
        for (endpoint, status), number in self.emulator.log.counts.items():
            counts[status] += number if part in endpoint else 0
        return +counts


@contextmanager
def lab(latency: float, workers: int = WORKERS, tries: int = 4, **settings: Any) -> Iterator[Lab]:
    """A client of a small GitLab."""
    emulator = small_world(Random(1), 100)
    passing = SteppedTime(emulator)
    wire = DistantWire(emulator, passing, latency)
    with session(wire, tries, passing, num_workers=workers, **settings) as opened:
        yield Lab(wire, passing, opened.client)


@pytest.mark.parametrize("latency", [0.02, 0.1, 0.7])
def test_a_limit_is_used_up_and_not_overrun(latency: float) -> None:
    """600 requests a minute with gitlab.com's headers: at least 90 % used, under 1 % refused."""
    with lab(latency) as it:
        it.emulator.world.settings.rate_limit = RATE
        it.ask(3.5 * MINUTE)
        counts = it.statuses()
        assert set(counts) <= {200, 429}
        assert counts[429] < 0.01 * counts.total()
        windows = Counter(
            entry.at // (MINUTE * SECOND) for entry in it.emulator.log.recent if entry.status == 200
        )
    # The fourth window was not asked in for its whole length.
    whole = sorted(windows)[:3]
    assert all(0.9 * RATE <= windows[number] <= RATE for number in whole)


def test_a_sync_under_a_limit() -> None:
    """Every stream, every row, and fewer than 1 % of the answers are refusals."""
    names = [name for name, stream in streams().items() if not stream.snapshot]
    it = copy(1, num_workers=WORKERS)
    it.emulator.world.settings.rate_limit = 60
    passing = IdleTime(it.emulator)
    it.timer = passing
    it.sync(*names)
    assert it.lacks(*names) == []
    counts = Counter(entry.status for entry in it.emulator.log.recent)
    assert passing.now() > 2 * MINUTE, "the limit was not met often enough"
    assert counts[429] < 0.01 * counts.total()


@pytest.fixture(scope="module")
def own_gitlab() -> Iterator[Emulator]:
    """An emulated GitLab of this module's own."""
    with Emulator() as emulator:
        yield emulator


@pytest.mark.parametrize("form", ["retry_after", "reset", "application", "plain"])
def test_each_form_of_refusal(own_gitlab: Emulator, form: str) -> None:
    """With Retry-After, with a reset only, with neither and quota left, with no header at all.

    By the machine's own clock, and over a socket.
    """
    own_gitlab.faults(
        [{"kind": "rate_limit", "form": form, "seconds": 1, "path": "/labels$", "nth": [2]}]
    )
    client = Connection(parse(config_for(own_gitlab)), retries=Retries(tries=4, first=0.05))
    # The wait after a refusal that names none is five seconds; no need to sit it out here.
    client.limits.family_window = 1.0
    began = time.monotonic()
    for _ in range(3):
        assert client.rows("projects/101/labels", {}).data
    waited = time.monotonic() - began
    client.close()
    assert client.limits.refusals == 1
    assert waited >= 0.9


def test_one_family_only() -> None:
    """The other families go on while one is refused, and its limit is learned."""
    minutes, workers, latency = 6, 4, 1.0
    with lab(latency) as it:
        it.emulator.world.settings.family_limits = {"GET /projects/:id/labels": [20, MINUTE]}
        until = minutes * MINUTE

        def work(name: str) -> None:
            while it.time.now() < until:
                it.client.rows(f"projects/{WEB}/{name}", {"per_page": 1})

        names = ("labels", "milestones") * workers
        it.time.run(*(lambda name=name: work(name) for name in names))
        milestones, labels = it.statuses("milestones"), it.statuses("labels")
    assert set(milestones) == {200}
    assert milestones[200] >= 0.9 * workers * until / latency
    assert labels[200] >= 0.8 * 20 * minutes
    assert labels[429] <= 5 * minutes


@pytest.mark.parametrize("form", ["application", "plain", "retry_after"])
def test_a_long_block_is_waited_for(form: str) -> None:
    """Ten minutes: nothing fails, and few requests try the door."""
    with lab(0.1) as it:
        rules = it.emulator.faults.rules
        rules.append(Fault("rate_limit", form=form, seconds=1, path="/labels$"))

        def open_again() -> None:
            it.time.sleep(10 * MINUTE)
            rules.clear()

        def ask(project_id: int) -> None:
            assert it.client.rows(f"projects/{project_id}/labels", {}).data is not None

        it.time.run(open_again, *(lambda id_=id_: ask(id_) for id_ in (WEB, API, SITE)))
        assert it.statuses("labels")[200] == 3
        assert 3 <= it.client.limits.refusals <= 20
        # Each wait is at most twice as long as the one before.
        assert it.time.now() < 20 * MINUTE


def test_the_user_sets_a_limit() -> None:
    """`max_requests_per_minute` holds, whatever GitLab would allow."""
    with lab(0.1, max_requests_per_minute=240) as it:
        it.ask(2 * MINUTE)
        starts = it.wire.starts
    assert all(
        later - first >= MINUTE - 0.01 for first, later in zip(starts, starts[240:], strict=False)
    )
    assert len(starts) >= 0.98 * 2 * 240


def test_full_speed_within_a_few_round_trips() -> None:
    """At 200 ms a request, all 32 workers are at work in the first second."""
    with lab(0.2, workers=32) as it:
        it.ask(3.0, workers=32)
        starts, under_way = it.wire.starts, it.wire.under_way
        assert it.client.limits.allowed == 32
    in_time = [number for at, number in zip(starts, under_way, strict=True) if at >= 1.0]
    assert sum(in_time) / len(in_time) >= 28
    # 32 workers for three seconds at five requests a second each, less the start.
    assert len(starts) >= 0.9 * 32 * 3.0 / 0.2


def test_an_overloaded_server_is_given_time() -> None:
    """Server errors lower the number of requests at once; it comes back when they end."""
    with lab(0.05, tries=6) as it:
        it.ask(0.6)
        assert it.client.limits.allowed == WORKERS
        it.emulator.faults.rules.append(Fault("status", status=503, every=3, times=6))
        it.ask(0.3)
        assert it.client.limits.allowed <= 0.7 * WORKERS
        it.emulator.faults.rules.clear()
        it.ask(5.0)
        assert it.client.limits.allowed == WORKERS
