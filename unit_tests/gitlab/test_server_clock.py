"""The server's clock, when some of the clocks around are wrong."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from source_gitlab.gitlab.server_clock import ServerClock

NOW = 1_772_366_400.0
MINUTE, HOUR, DAY, YEAR = 60.0, 3_600.0, 86_400.0, 365 * 86_400.0


def clock_of(*dates: float, ours: float = 0.0) -> ServerClock:
    """A clock that was told these times, in seconds ahead of the true one; `ours` is ahead too."""
    clock = ServerClock()
    for number, ahead in enumerate(dates):
        moment = NOW + number
        date = formatdate(moment + ahead, usegmt=True)
        clock.learn(date, moment + ours - 0.1, moment + ours)
    return clock


@pytest.mark.parametrize(
    ("dates", "ours", "most", "least"),
    [
        # Everything is right, or ours alone is not.
        ((0, 0, 0), 0, 0, -2),
        ((0, 0, 0), YEAR, 0, -2),
        ((0, 0, 0), 15 * MINUTE, 0, -2),
        ((0, 0, 0), -30 * YEAR, 0, -2),
        ((0, 0, 0), -HOUR, 0, -HOUR - 2),
        # One answer is ahead, wherever it comes.
        ((15 * MINUTE, 0, 0), 0, 0, -2),
        ((0, HOUR, 0), 0, 0, -2),
        ((0, 0, DAY), YEAR, 0, -2),
        ((DAY, 0, 0), -30 * YEAR, 0, -2),
        ((DAY,), 0, 0, -2),
        # One answer is far behind.
        ((-50 * YEAR, 0, 0), 0, 0, -2),
        ((0, -5 * DAY, 0), YEAR, 0, -2),
        # Nodes with clocks of their own: the earliest counts, also one that answered once.
        ((0, -15 * MINUTE, 0, -15 * MINUTE), 0, -15 * MINUTE, -15 * MINUTE - 2),
        ((0, -15 * MINUTE, 0), YEAR, -15 * MINUTE, -15 * MINUTE - 2),
        ((15 * MINUTE, 0, 15 * MINUTE, 0), 0, 0, -2),
        # A proxy that is ahead in each answer, while ours is right.
        ((HOUR, HOUR, HOUR), 0, 0, -2),
        ((DAY, DAY, DAY), 0, 0, -2),
        # GitLab's clock was set back while it was read.
        ((HOUR, HOUR, 0, 0), YEAR, 0, -2),
    ],
)
def test_what_all_clocks_have_reached(
    dates: tuple[float, ...], ours: float, most: float, least: float
) -> None:
    reached = clock_of(*dates, ours=ours).reached(NOW + ours) - NOW
    assert least <= reached <= most


def test_two_clocks_have_to_agree() -> None:
    assert not clock_of().is_sure
    assert clock_of(0).is_sure
    assert not clock_of(0, ours=YEAR).is_sure
    assert not clock_of(DAY).is_sure
    assert not clock_of(DAY, HOUR).is_sure
    assert clock_of(0, 0, ours=YEAR).is_sure


def test_without_any_time_ours_counts_less_a_margin_and_no_later_than_the_newest_row() -> None:
    clock = clock_of()
    assert NOW - HOUR < clock.reached(NOW) < NOW - 10 * MINUTE
    clock.saw(NOW - 2 * DAY)
    clock.saw(NOW - DAY)
    clock.saw(NOW - 3 * DAY)
    assert clock.reached(NOW) == NOW - DAY
    assert clock.reached(NOW + YEAR) == NOW - DAY


def test_people_are_told_when_our_clock_is_behind() -> None:
    assert clock_of(0, 0, ours=-HOUR).behind() == pytest.approx(HOUR, abs=2)
    for dates, ours in (((0, 0), HOUR), ((0, 0), -30 * YEAR), ((HOUR, 0), 0), ((), 0)):
        assert clock_of(*dates, ours=ours).behind() == 0.0


@pytest.mark.parametrize(
    "date", ["", "soon", "Thu, 01 Jan 99999 00:00:00 GMT", "Sun, 01 Mar 2026 12:00:00 -0000"]
)
def test_a_date_that_is_none_does_no_harm(date: str) -> None:
    clock = ServerClock()
    ours = time.time()
    clock.learn(date, ours, ours)
    assert clock.reached(ours) <= ours


def test_many_clocks_take_no_room() -> None:
    clock = clock_of(*(number * 100.0 for number in range(1_000)))
    assert -2 <= clock.reached(NOW) - NOW <= 0
