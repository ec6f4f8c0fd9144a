"""When a state is written."""

from __future__ import annotations

import time

import pytest

from source_gitlab.engine.checkpoints import Checkpoint


def rows_until_due(checkpoint: Checkpoint, page: int = 100) -> int:
    """The rows after which the next state is due."""
    rows = page
    while not checkpoint.due(page):
        rows += page
    return rows


def test_a_small_state_is_written_every_two_thousand_rows() -> None:
    """A killed read repeats that many rows and those behind the watermark."""
    checkpoint = Checkpoint()
    assert rows_until_due(checkpoint) == 2_000
    checkpoint.written(16_000)
    assert rows_until_due(checkpoint) == 2_000


@pytest.mark.parametrize("size", [32_000, 112_000, 1_000_000])
def test_states_take_eight_bytes_a_row_at_most(size: int) -> None:
    """So all of them together stay small beside the rows, however many projects they tell of."""
    checkpoint = Checkpoint()
    checkpoint.written(size)
    assert size / 8 <= rows_until_due(checkpoint) < size / 8 + 100


def test_few_rows_are_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow list has a state now and then, also where it brings nothing; a large one, later."""
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    checkpoint = Checkpoint()
    checkpoint.written(32_000)
    assert not checkpoint.due(1)
    now += 16.0
    assert not checkpoint.due(1)
    now += 15.0
    assert checkpoint.due(0)
    checkpoint.written(100)
    assert not checkpoint.due(0)


def test_rows_and_seconds_are_chosen() -> None:
    """A face that writes transactions wants fewer of them; a test wants one for each page."""
    assert rows_until_due(Checkpoint(rows=50_000)) == 50_000
    assert Checkpoint(seconds=0.0).due(0)
