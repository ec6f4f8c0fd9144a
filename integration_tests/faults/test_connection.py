"""A connection outlives what ends a session or a call: outages, deadlines, callers who give up.

Times are those of `stepped`: how fast the machine is makes no difference.
"""

from __future__ import annotations

import socket
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from random import Random
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.faults import Fault
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.history_world import API, SITE, WEB, small_world
from integration_tests.support.inprocess import Wire, configured
from integration_tests.support.stepped import DistantWire, SteppedTime
from source_gitlab.config import parse
from source_gitlab.core.session import Session
from source_gitlab.core.state import StreamState
from source_gitlab.gitlab.cancellation import Deadline
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.connection import Connection, Share
from source_gitlab.gitlab.errors import (
    Cancelled,
    DeadlineExceeded,
    FatalError,
    Stopped,
    Unauthorized,
    Unavailable,
)
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MINUTE = 60.0
LABELS = f"projects/{WEB}/labels"


class Lab:
    """A connection to an emulated GitLab, and the time of both."""

    def __init__(self, connection: Connection, wire: DistantWire, time: SteppedTime) -> None:
        self.connection = connection
        self.wire = wire
        self.time = time
        self.rules = wire.emulator.faults.rules

    def took(self, call: Callable[[], object]) -> float:
        """Seconds until a call ends, in whichever way."""
        began = self.time.now()
        with suppress(FatalError):
            call()
        return self.time.now() - began


@contextmanager
def lab(tries: int = 4, latency: float = 0.1) -> Iterator[Lab]:
    """A connection to a small GitLab, by a clock that tests drive."""
    emulator = small_world(Random(1), 100)
    passing = SteppedTime(emulator)
    wire = DistantWire(emulator, passing, latency)
    retries = Retries(tries, 1.0, timer=passing)
    with Connection(configured(), retries=retries, transport=wire) as connection:
        yield Lab(connection, wire, passing)


def lost(requests: int) -> Callable[[Lab], None]:
    """An outage: so many requests get no answer."""

    def begin(it: Lab) -> None:
        it.wire.broken = requests

    return begin


def away(it: Lab) -> None:
    """An outage: the server in front of GitLab answers in its place."""
    it.rules.append(Fault("status", status=503))


@pytest.mark.parametrize("outage", [lost(10_000), away], ids=["no answer", "503"])
def test_the_next_call_works_after_an_outage(outage: Callable[[Lab], None]) -> None:
    """It fails at once for some seconds, so that many calls wait little; then it asks."""
    with lab() as it:

        def work() -> None:
            assert it.connection.rows(LABELS, {}).data == []
            outage(it)
            with pytest.raises(Unavailable):
                it.connection.rows(LABELS, {})
            asked = it.wire.requests
            assert it.took(lambda: it.connection.rows(LABELS, {})) == 0.0
            assert it.wire.requests == asked
            it.time.sleep(6.0)
            # GitLab is still away: that is found out soon, and for this call alone.
            assert it.took(lambda: it.connection.rows(LABELS, {})) < 5.0
            assert it.wire.requests > asked
            it.wire.broken = 0
            it.rules.clear()
            it.time.sleep(6.0)
            assert it.connection.rows(LABELS, {}).data == []
            # As many tries as ever, now that GitLab has answered.
            it.wire.broken = 3
            assert it.connection.rows(LABELS, {}).data == []

        it.time.run(work)


def test_a_token_that_was_refused_may_be_good_again() -> None:
    """A minute later, for GitLab blocks addresses that keep sending wrong tokens."""
    with lab() as it:

        def work() -> None:
            it.rules.append(Fault("status", status=401))
            with pytest.raises(Unauthorized):
                it.connection.one("user")
            it.rules.clear()
            it.time.sleep(30.0)
            asked = it.wire.requests
            with pytest.raises(Unauthorized):
                it.connection.one("user")
            assert it.wire.requests == asked
            it.time.sleep(31.0)
            assert it.connection.one("user")["username"]

        it.time.run(work)


def test_a_session_follows_one_that_an_outage_ended() -> None:
    """Over the same connection, which one session neither ends nor closes."""
    emulator = small_world(Random(1), 100)
    wire = Wire(emulator)
    config = configured(groups_list=["top"], num_workers=1)
    with Connection(config, retries=Retries(2, 0.0), transport=wire) as connection:
        first = Session(config, connection=connection)
        second = Session(config, connection=connection)
        with first, second:
            first.begin()
            second.begin()
            wire.broken = 10_000
            with pytest.raises(Unavailable):
                rows_of(first, "issues")
            wire.broken = 0
            with pytest.raises(Unavailable):
                first.client.one("version")
            found = rows_of(second, "issues")
        with pytest.raises(Stopped):
            second.client.one("version")
        with Session(config, connection=connection) as third:
            assert rows_of(third, "issues") == found > 0


def rows_of(session: Session, name: str) -> int:
    """How many rows a stream has."""
    stream, state = streams()[name], StreamState()
    return sum(
        len(page.rows)
        for slice_ in session.plan(stream, state)
        for page in session.read(stream, slice_, state)
    )


def test_a_deadline_ends_the_wait_for_a_limit() -> None:
    """Under `Retry-After: 60`, a call with a second to spare ends after a second."""
    with lab() as it:

        def work() -> None:
            it.rules.append(Fault("rate_limit", form="retry_after", seconds=60, times=1))
            began = it.time.now()
            with pytest.raises(
                DeadlineExceeded, match=r"labels was not .* start in \d\d s"
            ) as told:
                it.connection.rows(LABELS, {}, deadline=Deadline(1.0, timer=it.time))
            assert it.time.now() - began <= 1.1
            assert told.value.url.endswith(LABELS)
            # It is the deadline of that call alone, and the limit holds for all.
            assert it.connection.rows(LABELS, {}).data == []
            assert it.time.now() - began >= MINUTE

        it.time.run(work)


def test_a_deadline_ends_the_pause_between_two_tries() -> None:
    """Of a server that fails, whose pauses are 1, 2, 4, … seconds."""
    with lab(tries=6) as it:

        def work() -> None:
            it.rules.append(Fault("status", status=503, times=4))
            began = it.time.now()
            with pytest.raises(DeadlineExceeded):
                it.connection.rows(LABELS, {}, deadline=Deadline(2.5, timer=it.time))
            assert it.time.now() - began <= 2.6
            it.rules.clear()
            assert it.connection.rows(LABELS, {}).data == []

        it.time.run(work)


@pytest.mark.parametrize("trouble", ["limit", "pause"])
def test_a_call_that_is_given_up_ends_soon(trouble: str) -> None:
    """Within two seconds, whatever it waits for; others go on."""
    faults = {
        "limit": Fault("rate_limit", form="retry_after", seconds=60, times=1),
        "pause": Fault("status", status=503, times=3),
    }
    with lab() as it:
        given_up = threading.Event()
        ended: list[float] = []
        it.rules.append(faults[trouble])

        def call() -> None:
            with pytest.raises(Cancelled):
                it.connection.rows(LABELS, {}, deadline=Deadline(cancelled=given_up))
            ended.append(it.time.now())

        def caller() -> None:
            it.time.sleep(0.7)
            given_up.set()

        it.time.run(call, caller)
        assert ended[0] <= 0.7 + 2.0

        def other() -> None:
            assert it.connection.rows(LABELS, {}).data == []

        it.time.run(other)


@pytest.mark.parametrize("part", ["nothing", "headers", "half a body"])
@pytest.mark.parametrize("deadline", [True, False], ids=["deadline", "given up"])
def test_a_request_on_its_way_is_cut(part: str, *, deadline: bool) -> None:
    """By the machine's own clock, over a socket whose server stops to send."""
    sent = {
        "nothing": b"",
        "headers": b"HTTP/1.1 200 OK\r\nX-Half: ",
        "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{",
    }
    given_up, arrived = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def serve() -> None:
            accepted, _ = server.accept()
            accepted.recv(65_536)
            accepted.sendall(sent[part])
            held.append(accepted)
            arrived.set()

        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        fields = {"api_url": url, "private_token": "glpat-of-nobody-1", "request_timeout": 3600}
        config = parse(fields)
        bound = Deadline(0.5) if deadline else Deadline(cancelled=given_up)
        raised: list[BaseException] = []

        def call() -> None:
            with Connection(config) as connection:
                try:
                    connection.one("version", deadline=bound)
                except FatalError as error:
                    raised.append(error)

        threads = [threading.Thread(target=one, daemon=True) for one in (serve, call)]
        for thread in threads:
            thread.start()
        assert arrived.wait(PATIENCE)
        given_up.set()
        for thread in threads:
            # Its request may take an hour.
            thread.join(PATIENCE)
            assert not thread.is_alive()
        held[0].close()
    assert [type(error) for error in raised] == [DeadlineExceeded if deadline else Cancelled]


def test_a_call_that_is_given_up_slows_nobody_down() -> None:
    """What ends with it says nothing of GitLab."""
    with lab(latency=2.0) as it:
        limits = it.connection.limits
        before = limits.allowed
        it.wire.broken = 1

        def work() -> None:
            with pytest.raises(DeadlineExceeded):
                it.connection.rows(LABELS, {}, deadline=Deadline(0.5, timer=it.time))

        it.time.run(work)
        assert it.wire.requests == 1
        assert limits.allowed == before
        assert limits.under_way == 0


@pytest.mark.parametrize("parts", [(1, 1, 1, 1), (1, 3)])
def test_processes_share_a_limit(parts: tuple[int, ...]) -> None:
    """Each knows only what GitLab tells it: together they use the limit up, and overrun it not."""
    emulator = small_world(Random(1), 100)
    emulator.world.settings.rate_limit = 600
    passing = SteppedTime(emulator)
    wire = DistantWire(emulator, passing, 0.1)
    connections = [
        Connection(
            configured(num_workers=12),
            retries=Retries(4, 0.0, timer=passing),
            transport=wire,
            share=Share(part, sum(parts)),
        )
        for part in parts
    ]
    assert sum(one.config.num_workers for one in connections) == 12

    def ask(connection: Connection, number: int) -> None:
        client = connection.client()
        path = f"projects/{(WEB, API, SITE)[number % 3]}/{('labels', 'milestones')[number % 2]}"
        while passing.now() < 2.5 * MINUTE:
            client.rows(path, {})

    works = [
        lambda one=one, number=number: ask(one, number)
        for one in connections
        for number in range(one.config.num_workers)
    ]
    passing.run(*works)
    counts: Counter[int] = Counter()
    for (_, status), number in emulator.log.counts.items():
        counts[status] += number
    assert counts[429] < 0.01 * counts.total()
    # Two windows and a half.
    assert counts[200] >= 0.9 * 2 * 600
    for one in connections:
        one.close()


def test_a_share_of_the_limit_that_the_user_sets() -> None:
    """Half of 240 requests a minute is 120."""
    emulator = small_world(Random(1), 100)
    passing = SteppedTime(emulator)
    wire = DistantWire(emulator, passing, 0.1)
    config = configured(max_requests_per_minute=240)
    retries = Retries(timer=passing)
    with Connection(config, retries=retries, transport=wire, share=Share(1, 2)) as connection:

        def work() -> None:
            while passing.now() < MINUTE:
                connection.rows(LABELS, {})

        passing.run(work, work)
    assert 115 <= len(wire.starts) <= 122


@pytest.mark.parametrize(("part", "of"), [(0, 2), (3, 2), (-1, 1)])
def test_a_share_is_a_part_of_all(part: int, of: int) -> None:
    """More than all, or nothing, is a mistake of whoever asks for it."""
    with pytest.raises(ValueError, match="not"):
        Share(part, of)
