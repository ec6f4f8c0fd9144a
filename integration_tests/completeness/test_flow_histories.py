"""The proof that the Flow capture loses no row: random histories are read through it."""

from __future__ import annotations

import pytest

from integration_tests.support.history_draw import Figures, live_through
from integration_tests.support.history_flow import FlowHistories

HISTORIES = 60


@pytest.mark.timeout(2400)
def test_no_row_is_lost_in_any_history_of_captures() -> None:
    """Killed between any two messages, with commits that come late, and deletions captured."""
    figures = Figures()
    live_through(HISTORIES, 20_260_303, figures, face=FlowHistories())
    counts = figures.counts
    assert counts["histories"] >= HISTORIES
    assert counts["rows lost"] == 0
    assert counts["kills"] > HISTORIES / 4, figures
    assert counts["faults"] > HISTORIES / 4, figures
    assert counts["deletions"] > HISTORIES / 4, figures
    assert counts["states written"] > 5 * HISTORIES, figures
    assert counts["rows compared"] > 10 * HISTORIES, figures
