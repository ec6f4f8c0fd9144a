"""The proof that no row is lost between several workers: histories at random, see histories.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.support.history_distributed import PlannedHistories
from integration_tests.support.history_draw import Figures, histories, live_through
from integration_tests.support.history_pool import PoolHistories
from source_gitlab.gitlab.retry_pause import VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

HISTORIES, OVER_POOLS = 40, 4
# Those whose lists are read in several pages, by how far they were read before.
LONG = ("issues", "merge_requests", "issue_notes", "commits", "jobs")


@pytest.mark.timeout(2400)
def test_no_row_is_lost_in_any_history_of_parts() -> None:
    """Workers are killed or stopped, parts read twice, results come in any order, some twice."""
    figures = Figures()
    live_through(HISTORIES, 20_261_126, figures, PlannedHistories(), histories(LONG))
    counts = figures.counts
    assert counts["histories"] >= HISTORIES
    assert counts["rows lost"] == 0
    for what in ("kills", "killed workers", "stopped workers", "parts read twice", "faults"):
        assert counts[what] > HISTORIES / 4, (what, counts[what])
    assert counts["failed slices"] > 0, counts
    assert counts["states written"] > 5 * HISTORIES, figures
    assert counts["rows compared"] > 10 * HISTORIES, figures


@pytest.mark.timeout(2400)
def test_no_row_is_lost_in_any_history_over_pools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real processes are killed or fail, requests fail, and the world changes while they read."""
    monkeypatch.setenv(VARIABLE, "0")
    figures = Figures()
    with PoolHistories(tmp_path) as face:
        live_through(OVER_POOLS, 20_261_127, figures, face, histories(LONG))
    counts = figures.counts
    assert counts["histories"] >= OVER_POOLS
    assert counts["rows lost"] == 0
    for what in ("killed workers", "full disks", "unread", "states written", "faults"):
        assert counts[what] > 0, (what, figures)
    assert counts["changes"] > 5 * OVER_POOLS, figures
    assert counts["rows compared"] > 10 * OVER_POOLS, figures
