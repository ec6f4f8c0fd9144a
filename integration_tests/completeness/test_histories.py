"""The proof that no row is lost: histories at random, see histories.py; soak.py runs many more."""

from __future__ import annotations

import pytest

from integration_tests.support.history_draw import Figures, live_through, reach_every_stream

HISTORIES = 100


@pytest.mark.timeout(2400)
def test_no_row_is_lost_in_any_history() -> None:
    """A hundred histories, the same ones every time."""
    figures = Figures()
    live_through(HISTORIES, 20_260_301, figures)
    reach_every_stream(20_260_302, figures)
    counts = figures.counts
    assert counts["histories"] >= HISTORIES
    assert counts["rows lost"] == 0
    # Each of them could be carried by merge patches, or history_reading.py had said so.
    assert counts["states written"] > 5 * HISTORIES, figures
    # A history in which nothing happens proves nothing.
    assert counts["kills"] > HISTORIES / 4, figures
    assert counts["faults"] > HISTORIES / 4, figures
    assert counts["changes"] > 5 * HISTORIES, figures
    assert counts["rows compared"] > 10 * HISTORIES, figures
