"""Sweeps: once a week, in each group and project, whatever its reads are killed by."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from source_gitlab.core.slices import Slice
from source_gitlab.core.sweeps import due, swept

WEEK = timedelta(days=7)


def text(moment: datetime) -> str:
    """As states have instants."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@pytest.mark.parametrize("number", [1, 2, 101, 4_815_162_342])
def test_each_place_has_one_instant_a_week(number: int) -> None:
    """It is the same in whatever read it is asked for, and lies in the past."""
    now = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
    first = due(number, text(now))
    assert text(now - WEEK) < first <= text(now)
    reached = datetime.fromisoformat(first.replace("Z", "+00:00"))
    for hours in range(0, 7 * 24, 5):
        assert due(number, text(reached + timedelta(hours=hours))) == first
    assert due(number, text(reached + WEEK)) == text(reached + WEEK)


def test_places_are_spread_over_the_week() -> None:
    """A hundred groups are not all due on one day."""
    days = {due(number, "2026-01-31T12:00:00.000Z")[:10] for number in range(100)}
    assert len(days) >= 7


def slice_of(since: str | None) -> Slice:
    """A slice of group 7, planned at noon."""
    return Slice(stream="x", container="group", id=7, since=since, start="2026-01-31T12:00:00.000Z")


def test_a_sweep_reads_from_the_start_until_it_is_done() -> None:
    """One that was killed goes on from the watermark, which it had put back."""
    moment = due(7, "2026-01-31T12:00:00.000Z")
    before = "2026-01-20T00:00:00.000Z"
    assert before < moment
    first = slice_of(before)
    assert swept(first, None) == (True, None)
    assert first["since"] is None
    again = slice_of("2019-05-01T00:00:00.000Z")
    position = {"sweep": True, "start": "2026-01-31T11:00:00.000Z"}
    assert swept(again, position) == (True, None)
    assert again["since"] == "2019-05-01T00:00:00.000Z"
    done = slice_of("2026-01-31T11:50:00.000Z")
    assert swept(done, None) == (False, None)
    assert done["since"] == "2026-01-31T11:50:00.000Z"


@pytest.mark.parametrize(
    ("position", "left"),
    [
        ({"through": ["2026-01-30T00:00:00.000Z"], "since": "2026-01-29T00:00:00.000Z"}, None),
        ({"through": ["2020-01-30T00:00:00.000Z"]}, {"through": ["2020-01-30T00:00:00.000Z"]}),
    ],
)
def test_a_position_of_another_read_is_none_of_a_sweep(
    position: dict[str, Any], left: dict[str, Any] | None
) -> None:
    """One that had a lower bound would have the sweep begin there."""
    assert swept(slice_of("2026-01-20T00:00:00.000Z"), position) == (True, left)


def test_a_first_read_is_no_sweep() -> None:
    """It reads everything anyway."""
    assert swept(slice_of(None), None) == (False, None)
