"""A read under a limit neither fails nor wastes it; one without a limit is not slowed down."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.reading import Destination, config_for, differences, expected, read
from source_gitlab.client.http import Client, Retries
from source_gitlab.config import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKERS = 10
LISTS = ("labels", "milestones", "releases", "members", "issues")
RATE = 600  # requests a minute
WINDOW = 3  # seconds, instead of GitLab's minute, so that there are several
SECOND = 1_000_000


@pytest.fixture(scope="module")
def own_gitlab() -> Iterator[Emulator]:
    """An emulated GitLab of this module's own."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def limited(own_gitlab: Emulator) -> Iterator[Emulator]:
    """The same, without the limits of the test before."""
    own_gitlab.faults([])
    own_gitlab.reset_requests()
    yield own_gitlab
    own_gitlab.faults([])
    own_gitlab.settings(rate_limit=0, rate_window=60, family_limits={}, latency=0.0)


def client_for(gitlab: Emulator, workers: int = WORKERS, **more: Any) -> Client:
    """A client of its own."""
    retries = Retries(tries=4, first=0.05)
    return Client(parse(config_for(gitlab, num_workers=workers, **more)), retries=retries)


def ask(client: Client, seconds: float, workers: int = WORKERS) -> None:
    """Ask for lists of several families as fast as the client lets us."""
    until = time.monotonic() + seconds

    def work(number: int) -> None:
        path = f"projects/{101 + number % 3}/{LISTS[number % len(LISTS)]}"
        while time.monotonic() < until:
            client.rows(path, {"per_page": 100})

    _all(work, workers)


def _all(work: Callable[[int], None], workers: int) -> None:
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))


def statuses(gitlab: Emulator) -> Counter[str]:
    """How often each status was answered."""
    counts: Counter[str] = Counter()
    for by_status in gitlab.requests(0)["counts"].values():
        counts.update(by_status)
    return counts


@pytest.mark.parametrize("latency", [0.0, 0.1])
def test_a_limit_is_used_up_and_not_overrun(limited: Emulator, latency: float) -> None:
    """600 requests a minute with gitlab.com's headers: at least 90 % used, under 1 % refused.

    On a machine that is too busy for as many, nine tenths of the half of what it can do.
    """
    limited.settings(latency=latency)
    client = client_for(limited)
    ask(client, 1.0)
    client.close()
    able = limited.requests(0)["total"] * WINDOW
    limited.reset_requests()
    limited.settings(rate_limit=RATE, rate_window=WINDOW)
    client = client_for(limited)
    ask(client, 4.3 * WINDOW)
    client.close()
    counts = statuses(limited)
    assert set(counts) <= {"200", "429"}
    assert counts["429"] < 0.01 * counts.total()
    windows = Counter(
        entry["at"] // (WINDOW * SECOND)
        for entry in limited.requests()["recent"]
        if entry["status"] == 200
    )
    # The first and the last window were not asked in for their whole length.
    whole = sorted(windows)[1:-1]
    assert len(whole) >= 2
    used = sum(windows[number] for number in whole) / len(whole)
    assert used >= 0.9 * min(RATE * WINDOW / 60, able / 2)


def test_a_sync_under_a_limit(limited: Emulator) -> None:
    """Every stream, every row, and fewer than 1 % of the answers are refusals."""
    limited.settings(rate_limit=1800, rate_window=WINDOW)
    reading = read(config_for(limited, commit_refs="all"))
    assert reading.failure is None
    counts = statuses(limited)
    assert counts["429"] < 0.01 * counts.total()
    destination = Destination()
    destination.write(reading)
    for name, rows in expected(limited).items():
        if name != "groups":
            assert not differences(destination.tables[name], rows)


@pytest.mark.parametrize("form", ["retry_after", "reset", "application", "plain"])
def test_each_form_of_refusal(limited: Emulator, form: str) -> None:
    """With Retry-After, with a reset only, with neither and quota left, with no header at all."""
    limited.faults(
        [{"kind": "rate_limit", "form": form, "seconds": 1, "path": "/labels$", "nth": [2]}]
    )
    client = client_for(limited)
    # The wait after a refusal that names none is five seconds; no need to sit it out here.
    client.limits.family_window = 1.0
    began = time.monotonic()
    for _ in range(3):
        assert client.rows("projects/101/labels", {}).data
    waited = time.monotonic() - began
    client.close()
    assert client.limits.refusals == 1
    assert waited >= 0.9


def test_one_family_only(limited: Emulator) -> None:
    """The other families go on while one is refused, and its limit is learned."""
    limited.settings(family_limits={"GET /projects/:id/labels": [20, 2]})
    client = client_for(limited)
    client.limits.family_window = 2.0
    done: Counter[str] = Counter()
    until = time.monotonic() + 8

    def work(number: int) -> None:
        name = "labels" if number % 2 else "milestones"
        while time.monotonic() < until:
            client.rows(f"projects/101/{name}", {"per_page": 1})
            done[name] += 1

    _all(work, WORKERS)
    client.close()
    counts = limited.requests(0)["counts"]
    assert set(counts["GET /projects/:id/milestones"]) == {"200"}
    assert done["milestones"] > 5 * done["labels"]
    # 20 in each two seconds are allowed.
    assert done["labels"] >= 40
    assert counts["GET /projects/:id/labels"]["429"] <= 30


def test_a_long_block_is_waited_for(limited: Emulator) -> None:
    """Ten minutes on GitLab, four seconds here: nothing fails, and few requests try the door."""
    blocked = {"kind": "rate_limit", "form": "application", "path": "/labels$"}
    client = client_for(limited)
    client.limits.family_window = 1.0
    limited.faults([blocked])
    began = time.monotonic()

    def open_again(number: int) -> None:
        if number == 0:
            time.sleep(4)
            limited.faults([])
        else:
            assert client.rows(f"projects/{100 + number}/labels", {}).data

    _all(open_again, 4)
    client.close()
    assert time.monotonic() - began >= 4.0
    assert client.limits.refusals <= 3 + 4


def test_the_user_sets_a_limit(limited: Emulator) -> None:
    """`max_requests_per_minute` holds, whatever GitLab would allow."""
    client = client_for(limited, max_requests_per_minute=1200)
    ask(client, 3.0)
    client.close()
    total = limited.requests(0)["total"]
    # 20 a second; those that waited when the time was over are still made.
    assert 0.9 * 60 <= total <= 60 + WORKERS + 1


def test_full_speed_within_a_few_round_trips(limited: Emulator) -> None:
    """At 200 ms a request, all 32 workers are at work in the first second or so."""
    limited.settings(latency=0.2)
    client = client_for(limited, workers=32)
    began = time.monotonic()
    ask(client, 3.0, workers=32)
    client.close()
    entries = limited.requests()["recent"]
    first = entries[0]["at"]
    under_way = [
        sum(1 for e in entries if e["at"] <= moment < e["at"] + 0.2 * SECOND)
        for moment in range(first + int(1.0 * SECOND), first + int(2.5 * SECOND), SECOND // 10)
    ]
    assert sum(under_way) / len(under_way) >= 28
    assert client.limits.allowed == 32
    # 32 workers for three seconds at five requests a second each, less the start.
    assert len(entries) >= 0.8 * 32 * (time.monotonic() - began) / 0.22


def test_an_overloaded_server_is_given_time(limited: Emulator) -> None:
    """Server errors lower the number of requests at once; it comes back when they end."""
    limited.settings(latency=0.05)
    client = client_for(limited)
    ask(client, 0.6)
    assert client.limits.allowed == WORKERS
    limited.faults([{"kind": "status", "status": 503, "every": 3, "times": 6}])
    ask(client, 0.3)
    assert client.limits.allowed <= 0.7 * WORKERS
    limited.faults([])
    ask(client, 5.0)
    client.close()
    assert client.limits.allowed >= WORKERS - 1
