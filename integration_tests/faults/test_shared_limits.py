"""Several processes use one limit together: none is refused, and little of it is left.

Times are those of `stepped`: how fast the machine is makes no difference.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from random import Random
from typing import TYPE_CHECKING

import pytest

from integration_tests.support.history_world import API, SITE, WEB, small_world
from integration_tests.support.inprocess import configured
from integration_tests.support.stepped import DistantWire, SteppedTime
from source_gitlab.core.session import Session
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.connection import Share

if TYPE_CHECKING:
    from source_gitlab.gitlab.client import Client

PROCESSES, WORKERS = 8, 40
LISTS = ("labels", "milestones", "releases", "members", "issues")
RATE = 1_200  # requests a minute
MINUTE, SECOND = 60, 1_000_000


@pytest.mark.parametrize(("latency", "idle"), [(0.05, 0.0), (0.2, 3.0)])
def test_eight_processes_use_one_limit_up_and_do_not_overrun_it(
    latency: float, idle: float
) -> None:
    """Each knows its share, and what GitLab says; some are `idle` now and then, and then go on."""
    emulator = small_world(Random(1), 100)
    emulator.world.settings.rate_limit = RATE
    time = SteppedTime(emulator)
    choices = Random(2)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(
                Session(
                    configured(num_workers=WORKERS),
                    retries=Retries(tries=4, first=0.0, timer=time),
                    transport=DistantWire(emulator, time, latency),
                    share=Share(1, PROCESSES),
                )
            ).client
            for _ in range(PROCESSES)
        ]

        def work(client: Client, number: int) -> None:
            path = f"projects/{(WEB, API, SITE)[number % 3]}/{LISTS[number % len(LISTS)]}"
            while time.now() < 2.5 * MINUTE:
                client.rows(path, {"per_page": 1})
                if idle and choices.random() < 0.02:
                    time.sleep(choices.uniform(0.0, idle))

        time.run(
            *(
                lambda client=client, number=number: work(client, number)
                for client in clients
                for number in range(WORKERS // PROCESSES)
            )
        )
    statuses = Counter(entry.status for entry in emulator.log.recent)
    assert set(statuses) == {200}
    windows = Counter(entry.at // (MINUTE * SECOND) for entry in emulator.log.recent)
    # The last window was not asked in for its whole length.
    whole = sorted(windows)[:2]
    assert all(0.9 * RATE <= windows[number] <= RATE for number in whole)
